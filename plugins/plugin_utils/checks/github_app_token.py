"""Do the GitHub App credentials work from this node? If not: clock, credential or network?

The controller signs the App's JWT as the client on the node would sign it, with the time of the
node's clock. The node sends it: it asks for the installation, mints a token with narrowed
permissions, reaches the named repositories with it, and revokes it. The private key never
leaves the controller.

If GitHub refuses, the same node sends a JWT of the true time, signed with the same key. If
GitHub accepts that one, the clock is the sole cause. If it refuses both, the credential is
at fault, whatever the clock shows. If the measured skew is beyond the client's budget as
well, both are at fault.

No JWT is sent that would be valid more than 10 minutes after the controller's time, whatever the
node's clock shows, because GitHub refuses it. Such a node is judged by that rule, and the JWT of
the true time shows whether the clock is the sole cause. The controller's time is its clock,
corrected by its measurement. If the controller could measure nothing, it signs no JWT for later
than its clock (by 2 s at most). A node ahead of that is inconclusive, unless its references show
that GitHub refuses it.

If GitHub refuses the JWT of the true time because of its times too, the clock of the API may be the
cause. It is the cause if independent references (NTP servers, the controller) contradict the API's
``Date``. Then one more JWT is sent, dated by the API's clock. If GitHub accepts it, nothing else is
wrong, and neither the node's clock nor the credential is blamed.

If TLS refuses a certificate for its times, GitHub is not asked. The clock is blamed only if the
certificate is valid at the true time, according to the measured skew.

The check tries a new JWT and a new installation token. clock_skew checks whether a client renews
its token in time with this clock.

If a credential from a cluster's Secret cannot be used by its clients (for example a
private key that Go does not read), it fails and GitHub is not asked. The other credentials
are tried all the same.

An App without an installation ID is looked up by its owner, with the App's JWT, in the list of the
App's installations.

The token is narrowed to the named repositories and permissions. GitHub does not narrow a token to a
repository outside the installation (not even to a public one), nor to more than 500. Clients that
do not narrow do not meet this. In that case the token is narrowed to the permissions alone, or not
at all, and the finding says so. Each repository is reached with it. If the installation lacks a
permission, the node is refused.

Not all of GitHub's machines may know a fresh token. If its use is refused with 401, 403 or 404 and
no other reason, it is tried again after 3, 10 and 30 s, once for all repositories of an App.

Passes if GitHub accepts the JWT of the node's clock and all that is asked with it.

GitHub limits how many tokens are minted in an hour. In a large fleet some nodes mint tokens. The
others send their JWT and ask for the installation with it (gate_mint_nodes). That proves such a
node's clock, its way to the API and the App's key. The token and the repositories were tried on
other nodes. Such a node passes, with the key token_minted_elsewhere, if the token was minted on a
node of its network and refused on none there. If no node of its network tried it, the nodes of the
whole run count in the same way. A network is a /24 or /64 of the inventory's addresses; without an
address it is the name without its digits. On such a node, the way to the repositories' git server
is not tried, if that is another machine than the API.

A token that could not be revoked is reported with the key token_not_revoked and the time of its
end: the API's expires_at, or one hour after the mint, as GitHub documents. It changes no verdict.

If there is no answer of GitHub (DNS, connection, TLS, rate limit, a proxy's page, an
unknown answer), the check is inconclusive. All repositories are tried. If some cannot be
read, all of these are named.

What to do: fix the cause that the finding names: the clock (the gate fixes it), the API's clock
(on a GitHub Enterprise Server, fix it there), the credential (the finding quotes GitHub's answer
and explains it), or the way to GitHub (DNS, proxy, TLS). Do not change a credential that the true
time proves to be good.

Source: GitHub's documentation on App authentication; the clients' code, named in
client_profiles.yml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..clock.interval import Interval
from ..github.answers import Answer, AnswerKey, classify
from ..github.asked import has_token, how_asked, not_revoked, shown, still_valid, token_of
from ..github.attempts import API_CLOCK, NODE_CLOCK, NOW, TRUE_TIME
from ..github.fields import is_hosted
from ..github.secrets.faults import fault_of
from ..model import api_clock as of_api
from ..model.app_clocks import Clocks, clocks_of, node_is_off
from ..model.elsewhere import Elsewhere
from ..model.finding import Finding, State
from ..model.policy import Policy
from ..model.record import Record
from ..model.wording import listed, skew_text

NEEDS = ("collected", "api_date", "github_apps")
REMEDIABLE = False


class Key(StrEnum):
    """What to blame for a refusal; a finding also has the answer's key (github.answers.AnswerKey).

    For a credential that no client could use, it also has its faults (github.key_faults,
    github.secrets.faults).
    """

    CLOCK = "clock"
    BOTH = "clock_and_credential"
    API_CLOCK = "api_clock"
    API_CLOCK_AND_CREDENTIAL = "api_clock_and_credential"
    NOT_SEPARATED = "not_separated"
    NOT_THE_CLOCK = "not_the_clock"
    NOT_JUDGED = "not_judged"
    NO_APP = "no_app_given"
    UNUSABLE = "unusable"
    MINTED_ELSEWHERE = "token_minted_elsewhere"
    REFUSED_ELSEWHERE = "token_refused_elsewhere"
    NOT_MINTED = "token_not_minted"
    NOT_REVOKED = "token_not_revoked"
    """This blames nothing, and changes no state."""


_BLAMED = {
    Key.CLOCK: "clock",
    Key.BOTH: "both",
    Key.API_CLOCK: "the API's clock",
    Key.API_CLOCK_AND_CREDENTIAL: "the API's clock, and the credential",
    Key.NOT_SEPARATED: "could not be separated",
    Key.NOT_THE_CLOCK: "not the clock",
    Key.MINTED_ELSEWHERE: "minted on other nodes",
    Key.REFUSED_ELSEWHERE: "refused on other nodes",
    Key.NOT_MINTED: "minted on no node",
}
_JWT_ALONE = "GitHub accepts the JWT of the node's own clock; its token was left to other nodes of the run"
_RELIES = (
    "Only a token shows the App's permissions, and from which addresses it may be used. This node minted no token. It relies "
    "on nodes that did, and they prove nothing for it."
)
_SEE_OTHERS = (
    "Fix what keeps the nodes that mint from the token (fleet.tokens in report.json names them). To try it on this node, "
    "set gate_mint_nodes to all or to more nodes, or check this node alone (--limit)."
)
_NOT_TRIED = "The credential could not be tried from this node, so it is not proved that it works there."
_ELSEWHERE = (Key.MINTED_ELSEWHERE, Key.REFUSED_ELSEWHERE, Key.NOT_MINTED)
_WHY = {
    "clock": "Clients on this node sign with its clock. GitHub refuses their JWTs, their logs show only 401, and pods on "
    "other nodes work.",
    "credential": "This credential does not work with any clock: every client that uses it fails on every node.",
    "access": "The App signs in, but it lacks a permission or a repository that the cluster needs.",
    "network": _NOT_TRIED,
    "certificate_time": _NOT_TRIED,
    "unclear": "GitHub gave no answer that shows whether the credential works.",
    "not_sent": _NOT_TRIED,
    "withheld": _NOT_TRIED,
}
_CAUSE = {
    "clock": "clock",
    "not_sent": "no JWT was sent",
    "withheld": "no JWT of its time was signed",
    "certificate_time": "a certificate's times",
}
_WHY_TLS = "Clients on this node check certificates with its clock, so none of them reaches GitHub."
_FIX_CLOCK = "Fix the clock, not the credential: run the gate, or playbook skewgate.preflight.remediate."
_FIX_CLOCK_FIRST = (
    "Fix the clock (run the gate, or playbook skewgate.preflight.remediate), then check the credential again."
)
_COMPARE_CLOCKS = (
    "Find out whose clock is wrong before you change anything: compare the node's with that of {0} (`curl -sI https://{0} | grep "
    "-i ^date; date -u`) and with a clock that you trust. If gate_ntp_servers names two or more independent NTP servers, the "
    "check shows which clock is wrong."
)
_WHY_SOMETIMES = "GitHub refuses some of the JWTs that clients sign with this clock, and accepts the others."
_COMPARE_MACHINES = (
    "Ask {0} for its time about ten times (`curl -sI https://{0} | grep -i ^date; date -u`). Fix the clock of the machine "
    "behind it whose time differs, then run the check again."
)
_FIX_CERTIFICATE = "Renew the certificate of {}, then run the check again."
_COMPARE_CERTIFICATE = (
    "Compare the times of all certificates of {0} with the true time, from a machine whose clock is right: "
    "`openssl s_client -connect {0} -showcerts`. Fix the fault, then run the check again."
)
_CHECK_AGAIN = (
    "Check that nothing moves the node's clock during the check and that its evidence is complete, then "
    "run the check again."
)


class Blame(NamedTuple):
    """What is to blame: a finding's state and key, its summary, why it matters,
    and what to do next.
    """

    state: State
    key: Key | None
    what: str
    why: str = ""
    remedy: str = ""


def judge(record: Record, policy: Policy) -> Finding:
    """Judge each App's attempts; the worst decides, and stands first."""
    taken = {app["name"]: app for app in record.section("github_apps")}
    if not policy.github_apps:
        return Finding(
            state="inconclusive",
            summary="the token was not tried: no GitHub App was given",
            why="It is not proved that the cluster's credentials will work on this node.",
            remedy="On the machine that has the key, set gate_github_apps in the inventory or with -e @FILE, then run the check "
            "again; or remove github_app_token from gate_checks.",
            keys=(Key.NO_APP,),
            cause="no GitHub App given",
        )
    findings = [
        _unusable(app) if app.get("unusable") else _judge_app(app, taken.get(app["name"]) or {}, record, policy)
        for app in policy.github_apps
    ]
    return _together(findings)


def settled(seen: Sequence[Mapping[str, Any]], elsewhere: Mapping[str, Elsewhere]) -> Finding:
    """A node's finding, when the results of the tokens that it left to other nodes are known.

    ``seen``: its Apps as the finding shows them; ``elsewhere``: the results, by the
    names of the Apps.
    """
    left = [_of_blame(app, _blame_elsewhere(elsewhere[app["name"]]), app) for app in seen if app["name"] in elsewhere]
    rest = [app for app in seen if app["name"] not in elsewhere]
    found = _together(left)
    valid = "".join(f"; {app['name']}: {still_valid(app['not_revoked'])[2:]}" for app in rest if app.get("not_revoked"))
    keys = dict.fromkeys((*found.keys, Key.NOT_REVOKED) if valid else found.keys)
    return replace(found, summary=found.summary + valid, keys=tuple(keys), seen={"apps": [*found.seen["apps"], *rest]})


def _together(findings: list[Finding]) -> Finding:
    findings.sort(key=lambda f: ("fail", "inconclusive", "pass").index(f.state))
    passes = findings[0].state == "pass"
    reported = [f for f in findings if passes or f.state != "pass" or Key.NOT_REVOKED in f.keys]
    return Finding(
        state=findings[0].state,
        summary="; ".join(f.summary for f in reported),
        why=" ".join(dict.fromkeys(f.why for f in reported if f.why)),
        remedy=" ".join(dict.fromkeys(f.remedy for f in reported if f.remedy)),
        seen={"apps": [f.seen for f in findings]},
        keys=tuple(dict.fromkeys(key for f in reported for key in f.keys)),
        about=tuple(name for f in reported for name in f.about),
        cause="; ".join(f.cause for f in reported if f.cause),
    )


def _unusable(app: Mapping[str, Any]) -> Finding:
    """For a credential that no client could use: GitHub was not asked, and no node changes it."""
    name, faults = app["name"], app["unusable"]
    said = "; ".join(fault["found"] for fault in faults)
    return Finding(
        state="fail",
        summary=f"{name}: its clients cannot use it: {said}",
        why=_WHY["credential"],
        remedy=" ".join(f"{name}: {remedy}" for remedy in dict.fromkeys(fault["remedy"] for fault in faults)),
        seen={**app, "blame": Key.UNUSABLE},
        keys=(Key.UNUSABLE, *dict.fromkeys(key for fault in faults if (key := fault_of(fault["key"])))),
        about=(name,),
        cause=f"{name}: {said}",
    )


def _judge_app(app: Mapping[str, Any], taken: Mapping[str, Any], record: Record, policy: Policy) -> Finding:
    attempts = {attempt["label"]: attempt for attempt in taken.get("attempts") or []}
    nothing = Answer(
        "not_sent", AnswerKey.NOT_SENT, f"no attempt was made: {taken.get('error') or 'the evidence has none'}"
    )
    answers = {label: classify(attempt, app.get("issuer")) for label, attempt in attempts.items()}
    node = answers.get(NODE_CLOCK) or answers.get(NOW) or nothing
    true_time = answers.get(TRUE_TIME) or nothing
    asked = attempts.get(NODE_CLOCK) or attempts.get(NOW)
    if node.kind == "certificate_time" and node.step:
        clock_is_off = node_is_off(record, policy)
        blame = _blame_for_certificate(node.step, record.skew.skew_s, clock_is_off=clock_is_off)
    else:
        clocks = clocks_of(app["api_url"], record, policy, withheld=node.kind == "withheld")
        blame = _blame(node, true_time, answers.get(API_CLOCK), clocks)
    if node.kind == "accepted" and app.get("depth") != "jwt" and not has_token(asked or {}):
        blame = _blame_elsewhere(None)
    left = not_revoked(taken.get("attempts") or [], record.data["collected_at"])
    seen = {
        **app,
        "signed_as": policy.signing_profile.name,
        **({} if app.get("depth") == "jwt" else {"token": token_of(attempts, answers)}),
        **({"not_revoked": left} if left else {}),
        "node_clock": shown(asked, node),
        "true_time": shown(attempts.get(TRUE_TIME), true_time),
    }
    if API_CLOCK in answers:
        seen["api_clock"] = shown(attempts.get(API_CLOCK), answers[API_CLOCK])
    return _of_blame(app, blame, seen, node, asked=how_asked(app, asked or {}))


def _of_blame(
    app: Mapping[str, Any],
    blame: Blame,
    seen: Mapping[str, Any],
    node: Answer | None = None,
    *,
    asked: str = "",
) -> Finding:
    """The finding of one App. Without the node's answer: its JWT was accepted."""
    note = f"; note: {'; '.join(app['notes'])}" if app.get("notes") else ""
    left = seen.get("not_revoked") or []
    keys = (blame.key, node.key if node else AnswerKey.ACCEPTED) if blame.key else ()
    return Finding(
        state=blame.state,
        summary=f"{app['name']}: {blame.what}{asked}{note}{still_valid(left)}",
        why=blame.why,
        remedy=blame.remedy,
        seen={**seen, "blame": blame.key},
        keys=(*keys, Key.NOT_REVOKED) if left else keys,
        about=(app["name"],) if blame.key else (),
        cause=_cause(app["name"], blame, node),
    )


def _cause(name: str, blame: Blame, node: Answer | None) -> str:
    """In words that are the same on every node; so not a meaning that has the node's times."""
    if blame.key is None:
        return ""
    if blame.key in (Key.API_CLOCK, Key.API_CLOCK_AND_CREDENTIAL, *_ELSEWHERE) or node is None:
        return f"{name}: {_BLAMED[blame.key]}"
    answer = _CAUSE.get(node.kind) or node.meaning
    return f"{name}: {', '.join(dict.fromkeys(word for word in (_BLAMED.get(blame.key), answer) if word))}"


def _blame(node: Answer, true_time: Answer, api_clock: Answer | None, clocks: Clocks) -> Blame:
    """What is to blame, from the answers to the JWTs:
    node's clock, true time, API's clock if tried.
    """
    if node.kind == "accepted":
        what = "GitHub accepts the JWT of the node's own clock, and every request made with it"
        return Blame("pass", None, f"{what}; {node.note}" if node.note else what)
    quoted = f"GitHub answered {node.quote()!r}"
    if clocks.node_is_too_far_ahead:
        quoted = f"the node's clock is too far ahead for GitHub, so the JWT of its time was not sent ({node.meaning})"
    if node.kind == "clock" or clocks.node_is_too_far_ahead:
        return _blame_for_times(quoted, true_time, api_clock, clocks)
    advice = _advice(node)
    if node.kind in ("credential", "access"):
        if true_time.kind == "accepted":
            what = (
                f"clock and credential could not be separated: {quoted} to the JWT of the node's clock, and "
                "accepted one of the true time"
            )
            return Blame("fail", Key.NOT_SEPARATED, what, *advice)
        if clocks.node_is_off:
            what = f"the credential, and the clock too: {quoted}: {node.meaning}; the clock is off too, see clock_skew"
            return Blame("fail", Key.BOTH, what, *advice)
        return Blame("fail", Key.NOT_THE_CLOCK, f"not the clock: {quoted}: {node.meaning}", *advice)
    said = node.meaning if node.step is None else f"{node.meaning}: {node.quote()}"
    return Blame("inconclusive", Key.NOT_JUDGED, f"the credential could not be judged: {said}", *advice)


def _blame_elsewhere(elsewhere: Elsewhere | None) -> Blame:
    """For a node that sent an accepted JWT and minted no token: what other nodes show."""
    if elsewhere is None:
        return Blame(
            "inconclusive", Key.NOT_MINTED, f"{_JWT_ALONE}, and their results are not known here", _RELIES, _SEE_OTHERS
        )
    whose = f"of its network, {elsewhere.network}" if elsewhere.network else "of the run"
    if elsewhere.refused:
        what = f"{_JWT_ALONE}, and GitHub refused it on {listed(elsewhere.refused, 3)} {whose}"
        return Blame("inconclusive", Key.REFUSED_ELSEWHERE, what, _RELIES, _SEE_OTHERS)
    if not elsewhere.minted:
        return Blame("inconclusive", Key.NOT_MINTED, f"{_JWT_ALONE}, and no node minted one", _RELIES, _SEE_OTHERS)
    many = f"{elsewhere.minted} node{'s' if elsewhere.minted > 1 else ''}"
    return Blame("pass", Key.MINTED_ELSEWHERE, f"{_JWT_ALONE}, and minted on {many} {whose}")


def _blame_for_times(quoted: str, true_time: Answer, api_clock: Answer | None, clocks: Clocks) -> Blame:
    """GitHub refused the JWT of the node's clock for its times:
    because of the node's clock or its own?
    """
    host = urlsplit(clocks.api_url).netloc
    if true_time.kind == "accepted" and clocks.only_api_contradicts:
        what = (
            f"the clock of the node or that of {host}, could not be separated: {quoted}, and accepted a JWT of another time; the "
            "controller's clock agrees with the node's, and no other reference shows which is right"
        )
        return Blame("fail", Key.NOT_SEPARATED, what, _WHY["clock"], _COMPARE_CLOCKS.format(host))
    if true_time.kind == "accepted" and clocks.only_of_some_machines and not clocks.node_is_too_far_ahead:
        what = (
            f"the cause could not be separated: {quoted}, and accepted a JWT of the true time; but according to its "
            "references the "
            f"node's clock is right: several machines answer for {host} (its Date: {clocks.only_of_some_machines})"
        )
        return Blame("fail", Key.NOT_SEPARATED, what, _WHY_SOMETIMES, _COMPARE_MACHINES.format(host))
    if true_time.kind == "accepted":
        what = f"the clock is the sole cause: {quoted}, and GitHub accepted a JWT of the true time from the same node"
        return Blame("fail", Key.CLOCK, what, _WHY["clock"], _FIX_CLOCK)
    if true_time.kind in ("credential", "access"):
        what = (
            f"the clock and the credential: {quoted}, and GitHub answered {true_time.quote()!r} to a JWT of the true time: "
            f"{true_time.meaning}"
        )
        return Blame("fail", Key.BOTH, what, *_advice(true_time))
    if true_time.kind == "clock" and clocks.api_ahead_s is not None:
        return _blame_api(quoted, api_clock, clocks)
    what = f"clock or credential, could not be separated: {quoted}; a JWT of the true time: {true_time.quote()}"
    remedy = _FIX_CLOCK_FIRST if clocks.node_is_off else _COMPARE_CLOCKS.format(host)
    return Blame("fail", Key.NOT_SEPARATED, what, _WHY["clock"], remedy)


def _blame_api(quoted: str, api_clock: Answer | None, clocks: Clocks) -> Blame:
    """GitHub refused the true time, and independent references contradict the API's clock."""
    host, off = urlsplit(clocks.api_url).netloc, skew_text(clocks.api_ahead_s) if clocks.api_ahead_s else ""
    whose = "GitHub's clock or the other references" if is_hosted(clocks.api_url) else "the API's clock"
    what = (
        f"{quoted}; GitHub refused a JWT of the true time as well; according to the other references the clock "
        f"of {host} is {off}"
    )
    if clocks.node_is_off:
        what += "; the node's clock is off too, see clock_skew"
    remedy = of_api.remedy(clocks.api_url)
    if api_clock is None or api_clock.kind not in ("accepted", "credential", "access"):
        why_not = f" ({api_clock.meaning})" if api_clock else ""
        what = f"{whose}: {what}. A JWT of that clock was not tried{why_not}, so the credential may be wrong too"
        return Blame("fail", Key.API_CLOCK, what, of_api.why(clocks.api_url), remedy)
    if api_clock.kind == "accepted":
        what = f"{whose}, and nothing else: {what}; GitHub accepted a JWT of that clock"
        return Blame("fail", Key.API_CLOCK, what, of_api.why(clocks.api_url), remedy)
    why, of_credential = _advice(api_clock)
    what = (
        f"{whose}, and the credential: {what}; GitHub answered {api_clock.quote()!r} to a JWT of that clock: "
        f"{api_clock.meaning}"
    )
    return Blame(
        "fail", Key.API_CLOCK_AND_CREDENTIAL, what, f"{of_api.why(clocks.api_url)} {why}", f"{remedy} {of_credential}"
    )


def _advice(answer: Answer) -> tuple[str, str]:
    return _WHY[answer.kind], answer.remedy or _CHECK_AGAIN


def _blame_for_certificate(step: Mapping[str, Any], skew_s: Interval | None, *, clock_is_off: bool) -> Blame:
    """Clock or certificate: is the refused certificate valid
    at the true time (node's minus skew)?
    """
    parts = urlsplit(step["url"])
    host = f"{parts.hostname}:{parts.port or 443}"
    validity = step["error"].get("certificate")
    node_s = step["node_wall_s"]
    refused = f"TLS refused the certificate of {host} at the node's time, {_utc(node_s)}"

    def unsure(why_not: str) -> Blame:
        what = f"clock or certificate, could not be separated: {refused}; {why_not}"
        return Blame("inconclusive", Key.NOT_SEPARATED, what, _NOT_TRIED, _COMPARE_CERTIFICATE.format(host))

    if validity is None:
        return unsure("its validity could not be read")
    valid_s = Interval(validity["not_before_s"], validity["not_after_s"])
    refused += f" (it is valid from {_utc(valid_s.low)} to {_utc(valid_s.high)})"
    if valid_s.low <= node_s <= valid_s.high:
        return unsure("so another certificate of its chain is not valid at that time")
    if skew_s is None:
        return unsure("the node's skew is not known")
    true_s = Interval(node_s - skew_s.high, node_s - skew_s.low)
    if valid_s.contains(true_s):
        what = f"the clock: {refused}; at the true time, {_utc(true_s.middle)}, it is valid. The credential could not be tried"
        return Blame("fail", Key.CLOCK, what, _WHY_TLS, _FIX_CLOCK_FIRST)
    if valid_s.overlaps(true_s):
        return unsure(f"the true time, about {_utc(true_s.middle)}, may be inside or outside of that")
    what = f"the certificate, not the clock: {refused}; at the true time, {_utc(true_s.middle)}, it is not valid either"
    if clock_is_off:
        what += "; the clock is off too, see clock_skew"
    return Blame("inconclusive", Key.NOT_THE_CLOCK, what, _NOT_TRIED, _FIX_CERTIFICATE.format(host))


def _utc(unix_s: float) -> str:
    """As reports write times."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
