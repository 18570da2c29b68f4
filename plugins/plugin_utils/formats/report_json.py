"""``report.json``: verdicts and findings for programs, schema ``skewgate/report/1`` (docs/reference/report.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..boundary.saved import REPORT_FILE

NAME = "json"
FILE = REPORT_FILE


def render(report: Mapping[str, Any]) -> str:
    """The same content, indented for people who look into the file."""
    return json.dumps(report, indent=2) + "\n"
