"""Reports in which every string that a node, or the name of one, can choose is hostile;
and what such strings are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records
from hypothesis import strategies as st

from tests.builders import record, unreached
from tests.reports import admitted, finding, refused, report

AT = "2026-11-22T08:35:43Z"

PIECES = (
    *("<b>", "</testcase>", "<![CDATA[", "]]>", "&amp;", "&", '"', "'", "<script>alert(1)</script>", "<!--"),
    *("|", "\\|", "\\", "`", "``", "```", "*a*", "__b__", "[x](http://e.example)", "![x](y)", "<http://e.example>"),
    *("@all", "#12", "www.e.example", "http://e.example/", "a@e.example", "- ", "1. ", "# ", "> ", "---", ":+1:"),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", ";=1", "\uff1d1", "=cmd|' /C calc'!A0", ",", '",=1'),
    *("\n", "\r\n", "\x00", "\x1b[31m", "\x0b", "\u2028", "\u202e", "\ufffe", "\ud800", "\ufeff", "\x85", "é", "漢"),
    *("{0}", "{{", "$(id)", "%0a", "..", "/", "//", " ", "  ", "node", "x" * 300),
)
"""What readers of the formats may act on."""

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), min_size=1, max_size=6).map("".join)


def hostile_report(text: str) -> dict[str, Any]:
    """Nodes with this text in their names and in all that a check says of them:
    refused, admitted and not judged.
    """
    rule = {
        **dict.fromkeys(("id", "name", "file", "text", "why", "remedy"), text),
        "severity": "error",
        "accepted": False,
        "line": 3,
    }
    lint = said(finding("chrony_config", "fail"), text) | {"seen": {"rules": [rule]}}
    budget = {"name": text, "left_ahead_s": 1.0, "ahead_limit_s": 2.0, "left_behind_s": None, "behind_limit_s": None}
    skew = said(finding("clock_skew", "inconclusive"), text) | {"seen": {"budget": [budget]}}
    advice = said(finding("sync_state", "fail", required=False), text)
    stopped = {"attempted": True, "succeeded": False, "message": text}
    bad = refused(findings=[lint, skew, advice], remediation=stopped)
    alone = refused(findings=[said(finding("ntp_sources", "skipped"), text)], refused_because="not_judged", skew_s=None)
    nodes = {text: bad, f"{text}1": alone, f"2{text}": admitted()}
    return report(text, **nodes)


def said(of: dict[str, Any], text: str) -> dict[str, Any]:
    """The finding, saying this text wherever it says anything."""
    return {**of, **dict.fromkeys(("summary", "why", "remedy", "cause"), text)}


@cache
def judged() -> dict[str, Any]:
    """The report of one node that is admitted, one that is behind, one that is ahead,
    and one that was not reached.
    """
    records = {"node1": record(), "node2": record(-612.0), "node3": record(45.0), "node4": unreached()}
    return judge_records(records, AT, "run 1")
