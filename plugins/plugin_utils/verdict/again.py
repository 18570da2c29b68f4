"""A second check into the same report folder: what the evidence of the first one adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.drift import earlier_reading
from .judge import judge_record

USES_EARLIER = "clock_skew"
"""The only check to which an earlier reading adds something: how fast the clock drifts.

It changes no state.
"""


def earlier_readings(records: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each node's earlier reading, from the records of an evidence file;
    a record of another form has none.
    """
    readings = {}
    for name, record in records.items():
        try:
            reading = earlier_reading(record)
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError):
            continue
        if reading:
            readings[name] = reading
    return readings


def with_drift(judgement: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """A node's judgement, in which ``earlier`` of its record is added to that finding;
    the others stay.
    """
    findings = judgement["findings"]
    if data.get("earlier") and any(f["check"] == USES_EARLIER for f in findings):
        again = judge_record({**data, "policy": {**data["policy"], "checks": [USES_EARLIER]}})["findings"]
        made = {f["check"]: f for f in again if f["check"] == USES_EARLIER}
        findings = [made.get(f["check"], f) for f in findings]
    return {**judgement, "findings": findings}
