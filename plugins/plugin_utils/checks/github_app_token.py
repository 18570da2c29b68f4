"""Do the GitHub App credentials work from this node, and if not: is the clock to blame, or the credential, or the network?

The App's JWT is signed on the controller as the client on the node would sign it, with the node's clock put in for *now*, and
the node sends it: the installation is asked for, a token with narrowed permissions is minted, the named repositories are
reached with it, and it is revoked. The private key never leaves the controller.

Where GitHub refuses, the same node sends a JWT of the true time, signed with the same key. If GitHub accepts that one, the
clock is the sole cause. If it refuses both, the credential is at fault, whatever the clock says beside it; where the measured
skew is beyond the client's budget as well, both are.

No JWT is sent that would be valid more than 10 minutes after the controller's time, whatever the node's clock shows: GitHub
refuses it. Such a node is judged by that rule, and the JWT of the true time shows whether the clock is the sole cause. The
controller's time is its own clock, corrected by its own measurement. If it could measure nothing, it signs none for later than
its own clock (by 2 s at most), and a node ahead of that is inconclusive, unless its own references show that GitHub refuses it.

If GitHub refuses the JWT of the true time for its times as well, the clock of the API may be the cause: it is, if independent
references (NTP servers, the controller) contradict the API's own ``Date``. Then one more JWT is sent, dated by the API's clock:
if GitHub accepts it, nothing else is wrong. The node's clock and the credential are not blamed.

A certificate that TLS refuses for its times accuses the clock only where it is valid at the true time, by the measured skew;
GitHub is not asked then.

It tries a new JWT and a new installation token. Whether a client renews its token in time by this clock is clock_skew's question.

A credential from a cluster's Secret that its clients could not use, for example a private key that Go does not read, fails
without GitHub being asked; the other credentials are tried all the same.

An App without an installation ID is looked up by its owner, with its own JWT, in the list of the App's installations.

The token is narrowed to the named repositories and permissions. GitHub does not narrow to a repository outside the installation,
a public one too, nor to more than 500, and clients that do not narrow meet none of that. So the token is narrowed to the
permissions alone then, or to nothing, the finding says so, and each repository is reached with it. A permission that the
installation does not have refuses the node.

A fresh token may not be known to all of GitHub's machines: where its use is refused with 401, 403 or 404 and no other reason,
it is tried again after 3, 10 and 30 s, once for all repositories of an App.

Passes where GitHub accepts the JWT of the node's own clock and all that is asked with it.

GitHub limits how many tokens are minted in an hour. In a large fleet some nodes mint, and the others send their JWT and ask for
the installation with it (gate_mint_nodes). That proves such a node's clock, its way to the API and the App's key. Its token and
its repositories were tried on other nodes: it passes, with the key token_minted_elsewhere, if the token was minted on a node of
its network and refused on none there, or, where nobody of its network tried it, so on all nodes of the run. A network is a /24 or
/64 of the inventory's addresses; without an address it is the name without its digits. What is not tried on such a node is its
own way to the repositories' git server, if that is another machine than the API.

Without an answer of GitHub's (DNS,
connection, TLS, rate limit, a proxy's page, an unknown answer) it is inconclusive. All repositories are tried; if some can't be
read, all are named.

What to do: what the finding blames: the clock (the gate fixes it), the API's clock (of GitHub Enterprise Server:
fix it there), the credential (GitHub's answer is quoted, with what it means), or the way to GitHub (DNS, proxy, TLS). Don't
change a credential that the true time proves to be good.

Source: GitHub's documentation on App authentication; the clients' code, named in client_profiles.yml.
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
from ..github.asked import has_token, how_asked, shown, token_of, unrevoked
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
    """Whom a refusal is to be blamed on; a finding has the answer's own key beside it (github.answers.AnswerKey).

    A credential that no client could use has beside it what is wrong with it (github.key_faults, github.secrets.faults).
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
    "What the App may do, and from which addresses, is shown by a token alone. This node minted none and relies on those that "
    "did, and they prove nothing for it."
)
_SEE_OTHERS = (
    "See what keeps the token from the nodes that mint (fleet.tokens in report.json names them). To try it on this node: "
    "gate_mint_nodes: all, or more of them, or a run of this node alone (--limit)."
)
_NOT_TRIED = "The credential could not be tried from this node, so nothing proves that it will work there."
_ELSEWHERE = (Key.MINTED_ELSEWHERE, Key.REFUSED_ELSEWHERE, Key.NOT_MINTED)
_WHY = {
    "clock": "Clients on this node sign with its clock. GitHub refuses what they sign, their logs show only 401, and pods on "
    "other nodes work.",
    "credential": "No clock makes this credential work: every client that is given it fails on every node.",
    "access": "The App signs in, but is not allowed what the cluster needs of it.",
    "network": _NOT_TRIED,
    "certificate_time": _NOT_TRIED,
    "unclear": "GitHub gave no answer that tells whether the credential works.",
    "not_sent": _NOT_TRIED,
    "withheld": _NOT_TRIED,
}
_CAUSE = {
    "clock": "clock",
    "not_sent": "no JWT was sent",
    "withheld": "no JWT of its time was signed",
    "certificate_time": "a certificate's times",
}
_WHY_TLS = "Clients on this node check certificates by its clock: none of them gets as far as asking GitHub."
_FIX_CLOCK = "Fix the clock, not the credential: the gate does it, or playbook skewgate.preflight.remediate."
_FIX_CLOCK_FIRST = (
    "Fix the clock (the gate does it, or playbook skewgate.preflight.remediate), and check the credential then."
)
_COMPARE_CLOCKS = (
    "Find out whose clock is wrong before anything is changed: compare the node's with that of {0} (`curl -sI https://{0} | grep "
    "-i ^date; date -u`) and with a clock that you trust. If gate_ntp_servers names two or more NTP servers that are independent "
    "of each other, the check shows whose it is."
)
_WHY_SOMETIMES = "GitHub refuses some of what clients sign with this clock, and accepts the rest."
_COMPARE_MACHINES = (
    "Ask {0} for its time some ten times (`curl -sI https://{0} | grep -i ^date; date -u`), and fix the clock of the machine "
    "behind it whose time differs; then check again."
)
_FIX_CERTIFICATE = "Have the certificate of {} renewed, and check again."
_COMPARE_CERTIFICATE = (
    "Compare the times of all certificates of {0} with the true time, from a machine whose clock is right: "
    "`openssl s_client -connect {0} -showcerts`; fix what is wrong, and check again."
)
_CHECK_AGAIN = (
    "See that the node's clock is not moved while it is checked, and that its evidence is whole; then check again."
)


class Blame(NamedTuple):
    """Who is to blame: a finding's state and key, what to say, why it matters, and what to do next."""

    state: State
    key: Key | None
    what: str
    why: str = ""
    remedy: str = ""


def judge(record: Record, policy: Policy) -> Finding:
    """Judge each App's attempts; the worst decides, and is told first."""
    taken = {app["name"]: app for app in record.section("github_apps")}
    if not policy.github_apps:
        return Finding(
            state="inconclusive",
            summary="the token was not tried: no GitHub App was given to check",
            why="Nothing proves that the cluster's credentials will work on this node.",
            remedy="On the machine that has the key, name them in gate_github_apps, in the inventory or with -e @FILE, and check "
            "again; or leave github_app_token out of gate_checks.",
            keys=(Key.NO_APP,),
            cause="no GitHub App given",
        )
    findings = [
        _unusable(app) if app.get("unusable") else _judge_app(app, taken.get(app["name"]) or {}, record, policy)
        for app in policy.github_apps
    ]
    return _together(findings)


def settled(seen: Sequence[Mapping[str, Any]], elsewhere: Mapping[str, Elsewhere]) -> Finding:
    """What a node's finding is with what came of the tokens that it left to others, if nothing else of it is open.

    ``seen``: its Apps as the finding shows them; ``elsewhere``: by the names of those that were left to others.
    """
    left = [_of_blame(app, _blame_elsewhere(elsewhere[app["name"]]), app) for app in seen if app["name"] in elsewhere]
    rest = [app for app in seen if app["name"] not in elsewhere]
    found = _together(left)
    return replace(found, seen={"apps": [*found.seen["apps"], *rest]})


def _together(findings: list[Finding]) -> Finding:
    findings.sort(key=lambda f: ("fail", "inconclusive", "pass").index(f.state))
    reported = [f for f in findings if f.state != "pass"] or findings
    return Finding(
        state=findings[0].state,
        summary="; ".join(f.summary for f in reported),
        why=" ".join(dict.fromkeys(f.why for f in reported)),
        remedy=" ".join(dict.fromkeys(f.remedy for f in reported)),
        seen={"apps": [f.seen for f in findings]},
        keys=tuple(dict.fromkeys(key for f in reported for key in f.keys)),
        about=tuple(name for f in reported for name in f.about),
        cause="; ".join(f.cause for f in reported if f.cause),
    )


def _unusable(app: Mapping[str, Any]) -> Finding:
    """Of a credential that no client could use: GitHub was not asked, and no node changes it."""
    name, faults = app["name"], app["unusable"]
    said = "; ".join(fault["found"] for fault in faults)
    return Finding(
        state="fail",
        summary=f"{name}: its clients can't use it: {said}",
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
    left = unrevoked(attempts)
    revoked = (
        f"; {left} installation token(s) could not be revoked and expire by themselves within the hour" if left else ""
    )
    seen = {
        **app,
        "signed_as": policy.signing_profile.name,
        **({} if app.get("depth") == "jwt" else {"token": token_of(attempts, answers)}),
        "node_clock": shown(asked, node),
        "true_time": shown(attempts.get(TRUE_TIME), true_time),
    }
    if API_CLOCK in answers:
        seen["api_clock"] = shown(attempts.get(API_CLOCK), answers[API_CLOCK])
    return _of_blame(app, blame, seen, node, asked=how_asked(app, asked or {}), revoked=revoked)


def _of_blame(
    app: Mapping[str, Any],
    blame: Blame,
    seen: Mapping[str, Any],
    node: Answer | None = None,
    *,
    asked: str = "",
    revoked: str = "",
) -> Finding:
    """The finding of one App; without the node's answer, that was accepted."""
    note = f"; note: {'; '.join(app['notes'])}" if app.get("notes") else ""
    return Finding(
        state=blame.state,
        summary=f"{app['name']}: {blame.what}{asked}{note}{revoked}",
        why=blame.why,
        remedy=blame.remedy,
        seen={**seen, "blame": blame.key},
        keys=(blame.key, node.key if node else AnswerKey.ACCEPTED) if blame.key else (),
        about=(app["name"],) if blame.key else (),
        cause=_cause(app["name"], blame, node),
    )


def _cause(name: str, blame: Blame, node: Answer | None) -> str:
    """In words that are the same on every node: an answer's meaning is, but for those that tell the node's times."""
    if blame.key is None:
        return ""
    if blame.key in (Key.API_CLOCK, Key.API_CLOCK_AND_CREDENTIAL, *_ELSEWHERE) or node is None:
        return f"{name}: {_BLAMED[blame.key]}"
    answer = _CAUSE.get(node.kind) or node.meaning
    return f"{name}: {', '.join(dict.fromkeys(word for word in (_BLAMED.get(blame.key), answer) if word))}"


def _blame(node: Answer, true_time: Answer, api_clock: Answer | None, clocks: Clocks) -> Blame:
    """From the answers to the JWTs of the node's clock, of the true time, and of the API's clock if there was one."""
    if node.kind == "accepted":
        what = "GitHub accepts the JWT of the node's own clock, and all that was asked with it"
        return Blame("pass", None, f"{what}; {node.note}" if node.note else what)
    quoted = f"GitHub answered {node.quote()!r}"
    if clocks.node_is_too_far_ahead:
        quoted = f"the node's clock is too far ahead for GitHub, so the JWT of its time was not sent ({node.meaning})"
    if node.kind == "clock" or clocks.node_is_too_far_ahead:
        return _blame_for_times(quoted, true_time, api_clock, clocks)
    advice = _advice(node)
    if node.kind in ("credential", "access"):
        if true_time.kind == "accepted":
            what = f"could not be separated: {quoted} to the JWT of the node's clock, and accepted one of the true time"
            return Blame("fail", Key.NOT_SEPARATED, what, *advice)
        if clocks.node_is_off:
            what = f"the credential, and the clock beside it: {quoted}: {node.meaning}; the clock is off too, see clock_skew"
            return Blame("fail", Key.BOTH, what, *advice)
        return Blame("fail", Key.NOT_THE_CLOCK, f"not the clock: {quoted}: {node.meaning}", *advice)
    said = node.meaning if node.step is None else f"{node.meaning}: {node.quote()}"
    return Blame("inconclusive", Key.NOT_JUDGED, f"could not be judged: {said}", *advice)


def _blame_elsewhere(elsewhere: Elsewhere | None) -> Blame:
    """Of a node that sent an accepted JWT and minted no token: what other nodes show of that."""
    if elsewhere is None:
        return Blame(
            "inconclusive", Key.NOT_MINTED, f"{_JWT_ALONE}, and nothing is known of them here", _RELIES, _SEE_OTHERS
        )
    whose = f"of its network, {elsewhere.network}" if elsewhere.network else "of the run"
    if elsewhere.refused:
        what = f"{_JWT_ALONE}, and GitHub refused it on {listed(elsewhere.refused, 3)} {whose}"
        return Blame("inconclusive", Key.REFUSED_ELSEWHERE, what, _RELIES, _SEE_OTHERS)
    if not elsewhere.minted:
        return Blame("inconclusive", Key.NOT_MINTED, f"{_JWT_ALONE}, and minted on none of them", _RELIES, _SEE_OTHERS)
    many = f"{elsewhere.minted} node{'s' if elsewhere.minted > 1 else ''}"
    return Blame("pass", Key.MINTED_ELSEWHERE, f"{_JWT_ALONE}, and minted on {many} {whose}")


def _blame_for_times(quoted: str, true_time: Answer, api_clock: Answer | None, clocks: Clocks) -> Blame:
    """GitHub refused the JWT of the node's clock for its times, or would: because of the node's clock, or of its own?"""
    host = urlsplit(clocks.api_url).netloc
    if true_time.kind == "accepted" and clocks.only_api_contradicts:
        what = (
            f"the clock of the node or that of {host}, could not be separated: {quoted}, and accepted a JWT of another time; the "
            "controller's clock agrees with the node's, and no other reference tells which is right"
        )
        return Blame("fail", Key.NOT_SEPARATED, what, _WHY["clock"], _COMPARE_CLOCKS.format(host))
    if true_time.kind == "accepted" and clocks.only_of_some_machines and not clocks.node_is_too_far_ahead:
        what = (
            f"could not be separated: {quoted}, and accepted a JWT of the true time; but the node's clock is right, by its "
            f"references: several machines answer for {host} (its Date: {clocks.only_of_some_machines})"
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
    what = f"{quoted}; GitHub refused a JWT of the true time as well; the clock of {host} is {off}, by the other references"
    if clocks.node_is_off:
        what += "; the node's clock is off too, see clock_skew"
    remedy = of_api.remedy(clocks.api_url)
    if api_clock is None or api_clock.kind not in ("accepted", "credential", "access"):
        why_not = f" ({api_clock.meaning})" if api_clock else ""
        what = f"{whose}: {what}. A JWT of that clock was not tried{why_not}, so the credential may be wrong as well"
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
    """Clock or certificate: by whether the refused certificate is valid at the true time, the node's less its skew."""
    parts = urlsplit(step["url"])
    host = f"{parts.hostname}:{parts.port or 443}"
    validity = step["error"].get("certificate")
    node_s = step["node_wall_s"]
    refused = f"TLS refused the certificate of {host} at the node's time, {_utc(node_s)}"

    def unsure(why_not: str) -> Blame:
        what = f"clock or certificate, could not be separated: {refused}; {why_not}"
        return Blame("inconclusive", Key.NOT_SEPARATED, what, _NOT_TRIED, _COMPARE_CERTIFICATE.format(host))

    if validity is None:
        return unsure("from when to when it is valid could not be seen")
    valid_s = Interval(validity["not_before_s"], validity["not_after_s"])
    refused += f", it being valid from {_utc(valid_s.low)} to {_utc(valid_s.high)}"
    if valid_s.low <= node_s <= valid_s.high:
        return unsure("so it must be another one of its chain that is not valid then")
    if skew_s is None:
        return unsure("the node's skew is not known")
    true_s = Interval(node_s - skew_s.high, node_s - skew_s.low)
    if valid_s.contains(true_s):
        what = f"the clock: {refused}; at the true time, {_utc(true_s.middle)}, it is valid. The credential could not be tried"
        return Blame("fail", Key.CLOCK, what, _WHY_TLS, _FIX_CLOCK_FIRST)
    if valid_s.overlaps(true_s):
        return unsure(f"the true time, about {_utc(true_s.middle)}, may be on either side of that")
    what = f"the certificate, not the clock: {refused}; at the true time, {_utc(true_s.middle)}, it is not valid either"
    if clock_is_off:
        what += "; the clock is off too, see clock_skew"
    return Blame("inconclusive", Key.NOT_THE_CLOCK, what, _NOT_TRIED, _FIX_CERTIFICATE.format(host))


def _utc(unix_s: float) -> str:
    """As reports write times."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
