"""Do the GitHub App credentials work from this node, and if not: is the clock to blame, or the credential, or the network?

The App's JWT is signed on the controller as the client on the node would sign it, with the node's clock put in for *now*, and
the node sends it: the installation is asked for, a token with narrowed permissions is minted, the named repositories are
reached with it, and it is revoked. The private key never leaves the controller.

Where GitHub refuses, the same node sends a JWT of the true time, signed with the same key. If GitHub accepts that one, the
clock is the sole cause. If it refuses both, the credential is at fault, whatever the clock says beside it; where the measured
skew is beyond the client's budget as well, both are.

Passes where GitHub accepts the JWT of the node's own clock and all that is asked with it. Without an answer (DNS, connection,
TLS, rate limit, an unknown answer) it is inconclusive.

Source: GitHub's documentation on App authentication; the clients' code, named in client_profiles.yml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..finding import Finding, State
from ..github_answers import Answer, classify
from ..policy import Policy
from ..record import Record

NEEDS = ("collected", "github_apps")
MENDED_BY_CHRONY = False

NOW, NODE_CLOCK, TRUE_TIME = "now", "node_clock", "true_time"
"""Labels of attempts: signed for the controller's clock (which the node's agreed with), for the node's, for the true time."""

_WHY = {
    "clock": "Clients on this node sign with its clock. GitHub refuses what they sign, their logs show only 401, and pods on "
    "other nodes work.",
    "credential": "No clock makes this credential work: every client that is given it fails on every node.",
    "access": "The App signs in, but is not allowed what the cluster needs of it.",
    "network": "The credential could not be tried from this node, so nothing proves that it will work there.",
    "unclear": "GitHub gave no answer that tells whether the credential works.",
    "not_sent": "The credential could not be tried from this node, so nothing proves that it will work there.",
}
_REMEDY = {
    "clock": "Mend the clock, not the credential: the gate does it, or playbook skewgate.preflight.remediate.",
    "credential": "Mending the clock does not help with this. Compare app_id or client_id and the private key with the App's "
    "settings page on GitHub.",
    "access": "On GitHub, compare installation_id, the installation's repositories and its permissions with "
    "what is asked for here.",
    "network": "See that this node resolves and reaches the API (TCP 443, proxies, CA certificates), and check again.",
    "unclear": "Read the answer below, wait as long as it asks for, and check again.",
    "not_sent": "Read the reason below, and check again.",
}


def judge(record: Record, policy: Policy) -> Finding:
    """Judge each App's attempts; the worst decides, and is told first."""
    taken = {app["name"]: app for app in record.section("github_apps")}
    if not policy.github_apps:
        return Finding(
            "inconclusive",
            "no GitHub App was given to check",
            "Nothing proves that the cluster's credentials will work on this node.",
            "Name them in gate_github_apps, or leave github_app_token out of gate_checks.",
        )
    findings = [_judge_app(app, taken.get(app["name"]) or {}, record, policy) for app in policy.github_apps]
    findings.sort(key=lambda f: ("fail", "inconclusive", "pass").index(f.state))
    told = [f for f in findings if f.state != "pass"] or findings
    return Finding(
        findings[0].state,
        "; ".join(f.summary for f in told),
        " ".join(dict.fromkeys(f.why for f in told)),
        " ".join(dict.fromkeys(f.remedy for f in told)),
        {"apps": [f.seen for f in findings]},
    )


def _judge_app(app: Mapping[str, Any], taken: Mapping[str, Any], record: Record, policy: Policy) -> Finding:
    attempts = {attempt["label"]: attempt for attempt in taken.get("attempts") or []}
    nothing = Answer("not_sent", f"no attempt was made: {taken.get('error') or 'the evidence has none'}")
    answers = {label: classify(attempt) for label, attempt in attempts.items()}
    node = answers.get(NODE_CLOCK) or answers.get(NOW) or nothing
    true_time = answers.get(TRUE_TIME) or nothing
    state, cause, what, advice = _blame(node, true_time, clock_is_off=_clock_is_off(record, policy))
    summary = f"{app['name']}: {what}"
    left = _unrevoked(attempts)
    if left:
        summary += f"; {left} installation token(s) could not be revoked and expire by themselves within the hour"
    seen = {
        **app,
        "signed_as": policy.signing_profile.name,
        "cause": cause,
        "node_clock": _show(attempts.get(NODE_CLOCK) or attempts.get(NOW), node),
        "true_time": _show(attempts.get(TRUE_TIME), true_time),
    }
    if state == "pass":
        return Finding("pass", summary, seen=seen)
    return Finding(state, summary, _WHY[advice], _REMEDY[advice], seen)


def _blame(node: Answer, true_time: Answer, *, clock_is_off: bool) -> tuple[State, str | None, str, str]:
    """State, cause, what to say, and which advice: from the answers to the JWTs of the node's clock and of the true time.

    ``clock_is_off``: by the measured skew GitHub would refuse this client anyway. It matters where GitHub looks at the
    signature before the times, and so says nothing of a clock that is wrong as well.
    """
    if node.kind == "accepted":
        return "pass", None, "GitHub accepts the JWT of the node's own clock, and all that was asked with it", ""
    quoted = f"GitHub answered {node.quote()!r}"
    if node.kind == "clock":
        if true_time.kind == "accepted":
            return (
                "fail",
                "clock",
                f"the clock is the sole cause: {quoted}, and accepted a JWT of the true time from the same node",
                "clock",
            )
        if true_time.kind in ("credential", "access"):
            return (
                "fail",
                "both",
                f"the clock and the credential: {quoted}, and to a JWT of the true time {true_time.quote()!r}: "
                f"{true_time.meaning}",
                true_time.kind,
            )
        return (
            "fail",
            "could not be separated",
            f"clock or credential, could not be separated: {quoted}; a JWT of the true time: {true_time.quote()}",
            "clock",
        )
    if node.kind in ("credential", "access"):
        if true_time.kind == "accepted":
            return (
                "fail",
                "could not be separated",
                f"could not be separated: {quoted} to the JWT of the node's clock, and accepted one of the true time",
                node.kind,
            )
        if clock_is_off:
            what = f"the credential, and the clock beside it: {quoted}: {node.meaning}; the clock is off too, see clock_skew"
            return "fail", "both", what, node.kind
        return "fail", "not the clock", f"not the clock: {quoted}: {node.meaning}", node.kind
    return "inconclusive", None, f"could not be judged: {node.meaning}: {node.quote()}", node.kind


def _clock_is_off(record: Record, policy: Policy) -> bool:
    skew_s = record.skew.skew_s
    return skew_s is not None and policy.signing_profile.outcome(skew_s) == "fail"


def _unrevoked(attempts: Mapping[str, Any]) -> int:
    steps = [step for attempt in attempts.values() for step in attempt.get("steps") or []]
    minted = [step for step in steps if step["step"] == "token" and step.get("status") == 201]
    revoked = [step for step in steps if step["step"] == "revoke" and step.get("status") == 204]
    return len(minted) - len(revoked)


def _show(attempt: Mapping[str, Any] | None, answer: Answer) -> dict[str, Any]:
    """The answer as seen: the class, GitHub's words, and each step's status."""
    attempt = attempt or {}
    return {
        "class": answer.kind,
        "answer": answer.quote(),
        "signed_for_s": attempt.get("signed_for_s"),
        "node_wall_s": attempt.get("node_wall_s"),
        "steps": [
            {
                key: step.get(key)
                for key in ("step", "method", "url", "status", "message", "error")
                if step.get(key) is not None
            }
            for step in attempt.get("steps") or []
        ],
    }
