"""Reports and events in miniature, as the collection and ansible-runner make them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import Format
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import reason
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import group_nodes


def text_of(each: Format, content: Mapping[str, Any]) -> str:
    """A report as this format writes it."""
    file = io.StringIO()
    each.write(content, file)
    return file.getvalue()


def saying(text: str) -> Callable[[TextIO], object]:
    """What writes a file with this text."""
    return lambda file: file.write(text)


def finding(
    check: str, state: str = "pass", summary: str = "as it should be", *, required: bool = True
) -> dict[str, Any]:
    """A check's answer as ``report.json`` has it;
    whatever is not ``pass`` says why and what to do.
    """
    words = (
        {"why": "", "remedy": ""} if state == "pass" else {"why": f"why {check}", "remedy": f"what to do for {check}"}
    )
    cause = "" if state == "pass" else f"cause {check}"
    return {
        "check": check,
        "state": state,
        "keys": [] if state == "pass" else [f"key_{check}"],
        "about": [],
        "cause": cause,
        "required": required,
        "remediable": False,
        "summary": summary,
        **words,
        "seen": {},
    }


def admitted(**changes: Any) -> dict[str, Any]:
    """A node that was good from the start, with changes."""
    return {
        "verdict": "admit",
        "judged_at": "2026-01-31T12:00:00Z",
        "refused_because": None,
        "skew_s": {"low": -0.0041, "high": 0.0035},
        "findings": [finding("reachable"), finding("clock_skew")],
        "remediation": None,
        "before": None,
        **changes,
    }


def refused(**changes: Any) -> dict[str, Any]:
    """A node 612 s behind, without chronyc, and with a piece of advice that refuses nothing."""
    findings = [
        finding("reachable"),
        finding("ntp_sources", "inconclusive", "chronyc is not installed"),
        finding("clock_skew", "fail", "612.004 s behind, Argo CD stands 90 s"),
        finding("sync_state", "fail", "advice alone", required=False),
    ]
    skew_s = {"low": -612.016, "high": -611.992}
    return {**admitted(verdict="refuse", refused_because="failure", skew_s=skew_s, findings=findings), **changes}


def unreachable(**changes: Any) -> dict[str, Any]:
    """A node that ssh could not reach: what needs evidence was skipped."""
    findings = [
        finding("reachable", "inconclusive", "the node could not be reached: No route to host"),
        finding("clock_skew", "skipped", "the node was not reached"),
        finding("time_service", "skipped", "the node was not reached"),
    ]
    return {**admitted(verdict="refuse", refused_because="not_judged", skew_s=None, findings=findings), **changes}


def report(run_id: str | None = None, **nodes: dict[str, Any]) -> dict[str, Any]:
    """The whole ``report.json`` of these nodes by name."""
    causes = [node["refused_because"] for node in nodes.values()]
    return {
        "schema": "skewgate/report/1",
        "skewgate_version": "0.1.0",
        "run_id": run_id,
        "judged_at": "2026-01-31T12:00:05Z",
        "verdict": "refuse" if any(causes) else "admit",
        "exit_code": 4 if "failure" in causes else 3 if "not_judged" in causes else 0,
        "summary": {
            "admitted": causes.count(None),
            "refused": causes.count("failure"),
            "not_judged": causes.count("not_judged"),
        },
        "fleet": {"spread_s": None, "controller_skew_s": None, "controller_measured_s": None, "findings": []},
        "groups": group_nodes(nodes),
        "nodes": nodes,
    }


def checked(data: dict[str, Any], check_id: str = "first", follows: str = "") -> dict[str, Any]:
    """What a task of node_check registers for a node with this record;
    the first check of no run that was begun.
    """
    judgement = judge_record(data)
    known = {key: judgement[key] for key in ("verdict", "judged_at")}
    return {"record": data, "judgement": judgement, "check_id": check_id, "follows": follows, **known}


def shown(node: dict[str, Any], phase: str | None = "check", **more: Any) -> dict[str, Any]:
    """What those who follow a run read of the check's result,
    for a node with this entry of the report.
    """
    known = {key: node.get(key) for key in ("verdict", "refused_because", "skew_s")}
    return {**known, "reason": reason(node), "phase": phase, **more}


def checked_again(data: dict[str, Any]) -> dict[str, Any]:
    """The same for the check after the remediation."""
    return checked(data, "second", follows="first")


def event(
    kind: str, host: str, result: dict[str, Any], action: str = "skewgate.preflight.node_check", **data: Any
) -> dict[str, Any]:
    """What ansible-runner hands on when a task is done on a host."""
    return {"event": kind, "event_data": {"host": host, "res": result, "resolved_action": action, **data}}
