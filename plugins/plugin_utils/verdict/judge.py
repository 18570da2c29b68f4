"""From a node's record to its findings and its verdict.

Pure: the same record gives the same answer anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import daemons
from ..boundary.evidence import as_strict_json
from ..checks import Check, discover
from ..clock.skew import as_json
from ..model.finding import CommonKey, Finding, follows_from
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record


def judge_record(data: Mapping[str, Any] | Record) -> dict[str, Any]:
    """Judge one node, from its plain JSON or its Record: the node's entry of ``report.json``.

    A required check that does not pass refuses the node. If nothing was judged, the
    node is refused too.
    """
    record = data if isinstance(data, Record) else Record(data)
    policy = Policy.from_json(record.data["policy"])
    checks = discover()
    findings = [
        _as_json(name, _judge(check, record, policy), policy, remediable=check.REMEDIABLE)
        for name, check in checks.items()
        if name in policy.checks or name == "reachable"
    ]
    findings += [_not_known(name, policy) for name in policy.checks if name not in checks]
    return {
        **_verdict(findings),
        "judged_at": record.data["collected_at"],
        "skew_s": as_json(record.skew.skew_s),
        "findings": findings,
    }


def with_finding(judgement: Mapping[str, Any], name: str, finding: Finding) -> dict[str, Any]:
    """The judgement with another finding of one check, and the verdict that follows."""
    findings = [{**each, **_for_people(finding)} if each["check"] == name else each for each in judgement["findings"]]
    return {**judgement, **_verdict(findings), "findings": findings}


def _verdict(findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    required = [f["state"] for f in findings if f["required"]]
    judged = [f for f in findings if f["required"] and f["check"] != "reachable"]
    admitted = bool(judged) and all(state == "pass" for state in required)
    return {
        "verdict": "admit" if admitted else "refuse",
        "refused_because": None if admitted else "failure" if "fail" in required else "not_judged",
    }


def chrony_can_help(judgement: Mapping[str, Any]) -> bool:
    """Whether the role ``chrony`` answers one of the findings that refuse this node."""
    if any(f["check"] == "reachable" and f["state"] != "pass" for f in judgement["findings"]):
        return False
    return any(f["required"] and f["remediable"] for f in judgement["findings"])


def _judge(check: Check, record: Record, policy: Policy) -> Finding:
    """One check in isolation: any error in it is *inconclusive*, and never hides the others."""
    if record.nothing_taken and check.NEEDS:
        return follows_from(
            "reachable", key=CommonKey.NOT_REACHED, summary="the node gave no evidence", cause="no evidence"
        )
    try:
        for section in check.NEEDS:
            record.section(section)
        return check.judge(record, policy)
    except MissingEvidenceError as missing:
        return _without_evidence(missing, without_root=record.without_root)
    except Exception as error:  # noqa: BLE001 - an error in one check must refuse the node, not end the run
        return Finding(
            state="inconclusive",
            summary=f"the check itself failed: {type(error).__name__}: {error}",
            keys=(CommonKey.CHECK_FAILED,),
            about=(type(error).__name__,),
            cause=f"the check itself failed: {type(error).__name__}",
            why="A check that crashed does not pass. The evidence may have a form that this version does not know.",
            remedy="Report it as a bug, with the node's entry of evidence.json. `skewgate report` judges the same "
            "evidence again.",
            beyond_remediation=True,
        )


def _without_evidence(missing: MissingEvidenceError, *, without_root: bool) -> Finding:
    remedy = f"{missing.remedy} {_AGAIN}" if missing.remedy else _REMEDY_OF_SECTION.get(missing.section, _REMEDY)
    if without_root and remedy != _AS_ROOT:
        remedy = f"The check did not run as root, and maybe only root sees this: try `become: true`. {remedy}"
    return Finding(
        state="inconclusive",
        summary=f"evidence is missing: {missing}",
        keys=(missing.key or CommonKey.MISSING_EVIDENCE,),
        about=(missing.section,) if missing.section else (),
        cause=f"evidence is missing: {missing}",
        why="A check without evidence does not pass.",
        remedy=remedy,
    )


_AGAIN = "Then run the check again."
_REMEDY = f"Fix the cause above. {_AGAIN}"
_AS_ROOT = f"Let Ansible become root on this node (`become: true`). {_AGAIN}"
_REMEDY_OF_SECTION = {
    **{
        daemon.section: f"Run {daemon.shown_by} on the node, as root: the daemon must answer. {_AGAIN}"
        for daemon in daemons.discover().values()
        if daemon.section and daemon.shown_by
    },
    "time_services": f"Run `systemctl list-units` on the node: systemd must answer. {_AGAIN}",
    "boot": f"Run `systemctl show kubelet` on the node: systemd must answer. {_AGAIN}",
    "clock": f"Run `adjtimex --print` and `hwclock --show` on the node: both must answer. {_AS_ROOT}",
    "clock_movers": _AS_ROOT,
    "join_state": _AS_ROOT,
    "platform": _AS_ROOT,
    "ntp": f"Check that the node resolves and reaches its NTP servers (UDP 123). {_AGAIN}",
    "nts": f"Check that the node resolves and reaches its NTS servers (TCP 4460). {_AGAIN}",
    "api_date": f"Check that the node resolves and reaches the GitHub API (TCP 443). {_AGAIN}",
    "github_apps": f"Check that the node resolves and reaches the GitHub API (TCP 443). {_AGAIN}",
}
"""What to do next if a section of the evidence is missing, or does not have what a check needs."""


def _not_known(name: str, policy: Policy) -> dict[str, Any]:
    """A check of another version of skewgate: a node that it would refuse must not pass here."""
    finding = Finding(
        state="inconclusive",
        summary=f"this version of skewgate has no check called {name!r}",
        keys=(CommonKey.UNKNOWN_CHECK,),
        about=(name,),
        cause="this version has no such check",
        why="The evidence was taken for this check, and a check that did not run does not pass.",
        remedy="Judge the evidence with the version that took it, or run the check again with this version.",
    )
    return _as_json(name, finding, policy, remediable=False)


def _as_json(name: str, finding: Finding, policy: Policy, *, remediable: bool) -> dict[str, Any]:
    """A finding as report.json has it.

    ``remediable``: the role ``chrony`` answers findings of this check.
    """
    return {
        "check": name,
        "required": name not in policy.advisory_checks,
        # A skipped check follows from another finding, and is fixed with that.
        "remediable": finding.state in ("fail", "inconclusive") and remediable and not finding.beyond_remediation,
        **_for_people(finding),
    }


def _for_people(finding: Finding) -> dict[str, Any]:
    return {
        "state": finding.state,
        "keys": [str(key) for key in finding.keys],
        "about": list(finding.about),
        "cause": finding.cause,
        "summary": finding.summary,
        "why": finding.why,
        "remedy": finding.remedy,
        "seen": as_strict_json(dict(finding.seen)),
    }
