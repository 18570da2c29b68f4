"""``report.json``: verdicts and findings, schema ``skewgate/report/1`` (docs/report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NAME = "report.json"


def render(report: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:  # noqa: ARG001 - each form has both
    """The report as it is."""
    return json.dumps(report, indent=2) + "\n"
