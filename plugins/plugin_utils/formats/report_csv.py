"""``report.csv``: a line for each node, for spreadsheets.

The first line has the names of the columns. Lines end as RFC 4180 asks, numbers are numbers, and
all else is quoted. A refused node has one line, whatever refuses it, so lines can be counted,
sorted and filtered; ``keys`` has what refuses it as CHECK.KEY.

A cell that a spreadsheet would take for a formula begins with an apostrophe, as OWASP advises. So
does the part after a semicolon, which splits cells in some countries.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any, TextIO

from ..clock.interval import Interval
from ..model.wording import one_line
from ..verdict.report import refusing_findings, remediation_message

NAME = "csv"
FILE = "report.csv"

COLUMNS = (
    "node",
    "verdict",
    "refused_because",
    "skew_low_s",
    "skew_high_s",
    "side",
    "cause",
    "keys",
    "seen",
    "next",
    "remediation",
    "judged_at",
)

MOST = 2000
"""The most characters of a cell; Excel takes 32,767."""

_FORMULA = re.compile(r"""(^|;)(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a formula may begin: with one of these characters, or its full-width form."""


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Verdict, skew in seconds (positive:
    the node is ahead), and why and what next if the node is refused.
    """
    table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    table.writerow(COLUMNS)
    for name, node in report["nodes"].items():
        row = _row(node)
        table.writerow([_cell(name), *(_cell(row.get(column)) for column in COLUMNS[1:])])


def _row(node: Mapping[str, Any]) -> dict[str, Any]:
    findings = refusing_findings(node) if node["verdict"] != "admit" else []
    skew_s = node["skew_s"] or {}
    return {
        "verdict": node["verdict"],
        "refused_because": node["refused_because"],
        "skew_low_s": skew_s.get("low"),
        "skew_high_s": skew_s.get("high"),
        "side": _side(Interval(**skew_s)) if skew_s else None,
        "cause": "; ".join(f"{finding['check']}: {finding['cause']}" for finding in findings),
        "keys": " ".join(f"{finding['check']}.{key}" for finding in findings for key in finding["keys"]),
        "seen": "; ".join(finding["summary"] for finding in findings),
        "next": " ".join(dict.fromkeys(finding["remedy"] for finding in findings)),
        "remediation": remediation_message(node),
        "judged_at": node["judged_at"],
    }


def _side(skew_s: Interval) -> str:
    """Which side of the true time the clock is on, if that is proved."""
    return "ahead" if skew_s.low > 0 else "behind" if skew_s.high < 0 else ""


def _cell(value: Any) -> str | float:
    """A number as it is, and text that no spreadsheet takes for a formula."""
    if isinstance(value, int | float):
        return value
    return _FORMULA.sub(r"\1'", one_line("" if value is None else value, MOST))
