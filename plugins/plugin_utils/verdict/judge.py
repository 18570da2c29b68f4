"""From a node's record to its findings and its verdict. Pure: the same record gives the same answer anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..checks import Check, discover
from ..clock.skew import as_json
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record


def judge_record(data: Mapping[str, Any] | Record) -> dict[str, Any]:
    """Judge one node, from its plain JSON or its Record: the node's entry of ``report.json``.

    A required check that does not pass refuses; so does a node of which nothing was judged.
    """
    record = data if isinstance(data, Record) else Record(data)
    policy = Policy.from_json(record.data["policy"])
    checks = discover()
    findings = [
        {
            "check": name,
            "required": name not in policy.advisory_checks,
            **_as_json(checks[name], _judge(checks[name], record, policy)),
        }
        for name in checks
        if name in policy.checks or name == "reachable"
    ]
    findings += [_not_known(name, policy) for name in policy.checks if name not in checks]
    required = [f["state"] for f in findings if f["required"]]
    judged = [f for f in findings if f["required"] and f["check"] != "reachable"]
    admitted = bool(judged) and all(state == "pass" for state in required)
    return {
        "verdict": "admit" if admitted else "refuse",
        "judged_at": record.data["collected_at"],
        "refused_because": None if admitted else "failure" if "fail" in required else "not_judged",
        "skew_s": as_json(record.skew.skew_s),
        "findings": findings,
    }


def chrony_can_help(judgement: Mapping[str, Any]) -> bool:
    """Whether the role ``chrony`` answers one of the findings that refuse this node."""
    if any(f["check"] == "reachable" and f["state"] != "pass" for f in judgement["findings"]):
        return False
    return any(f["required"] and f["remediable"] for f in judgement["findings"])


def _judge(check: Check, record: Record, policy: Policy) -> Finding:
    """One check in isolation: whatever goes wrong in it is *inconclusive*, and never hides the others."""
    if record.unreachable and check.NEEDS:
        return Finding(
            "skipped",
            "the node was not reached",
            "nothing is known about it",
            "Fix what `reachable` says, and check again.",
            cause="not reached",
        )
    try:
        for section in check.NEEDS:
            record.section(section)
        return check.judge(record, policy)
    except MissingEvidenceError as missing:
        return Finding(
            "inconclusive",
            f"could not tell: {missing}",
            "A check without evidence is no pass.",
            "Fix what kept the node from showing it, and check again.",
            cause=f"could not tell: {missing}",
        )
    except Exception as error:  # noqa: BLE001 - a mistake in one check must refuse the node, not end the run
        return Finding(
            "inconclusive",
            f"the check itself failed: {type(error).__name__}: {error}",
            "A check that failed is no pass. The evidence may have a form that this version does not know.",
            "Report it with the node's entry of evidence.json; `skewgate report` judges the same evidence again.",
            cause=f"the check itself failed: {type(error).__name__}",
            beyond_remediation=True,
        )


def _not_known(name: str, policy: Policy) -> dict[str, Any]:
    """A check that another version of skewgate asked for: what it would have refused must not pass here."""
    return {
        "check": name,
        "required": name not in policy.advisory_checks,
        "remediable": False,
        "state": "inconclusive",
        "cause": "this version has no such check",
        "summary": f"this version of skewgate has no check called {name!r}",
        "why": "The evidence was taken to be judged by it, and what is not judged is no pass.",
        "remedy": "Judge it with the version that took the evidence, or check the node again with this one.",
        "seen": {},
    }


def _as_json(check: Check, finding: Finding) -> dict[str, Any]:
    return {
        # What was skipped follows from another finding, and is fixed with that.
        "remediable": finding.state in ("fail", "inconclusive") and check.REMEDIABLE and not finding.beyond_remediation,
        "state": finding.state,
        "cause": finding.cause,
        "summary": finding.summary,
        "why": finding.why,
        "remedy": finding.remedy,
        "seen": dict(finding.seen),
    }
