"""Records and a report in which every check has every key that a node can show."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.hostile import AT
from tests.unit.plugin_utils.checks.test_every_key import OF_CHECKS, examples_of


@cache
def every_record() -> dict[str, dict[str, Any]]:
    """The records by check and key, in the form in which they are saved."""
    return {f"{name} {key}": parse_record(examples_of(name)[key]) for name, key in OF_CHECKS}


@cache
def every_finding() -> dict[str, Any]:
    """Their report, as JSON has it."""
    report: dict[str, Any] = json.loads(json.dumps(judge_records(every_record(), AT, "run")))
    return report
