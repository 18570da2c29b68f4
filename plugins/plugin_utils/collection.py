"""The protocol of one node: sign, collect, wait where GitHub asks for it, and prove blame by a
counterfactual.

A healthy node costs one call of its module, because its clock agrees with the time for which the
JWTs were signed. Only if the clocks disagree, or if GitHub refused the JWT for its times, a second
call sends a JWT of the node's clock and one of the true time.

The controller measures the time itself. If a node's clock is so far ahead that its JWT would be
valid for too long, no JWT is signed for that clock. GitHub would refuse such a JWT anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from .boundary.evidence import MALFORMED
from .boundary.no_evidence import module_error
from .boundary.times import utc_text
from .clock.controller import ControllerClock, Moment
from .clock.skew import SkewEstimate, controller_bracket
from .clock.steady import steady_ns
from .github.answers import classify, down_s, rate_limit_s
from .github.apps import GithubApp, date_apis, date_url
from .github.attempts import attempt_for_now, attempts_for_both_clocks, last_attempt, not_signed, to_send
from .github.minters import Minting
from .github.throttle import MAX_NODE_WAIT_S, MintThrottle
from .model.policy import Policy
from .model.record import Record, without_evidence

NS = 1_000_000_000

MAX_MORE_MINTS = 2
"""How many more mints one attempt may cost. If GitHub does not narrow a token, it asks for wider
ones."""

MAX_AGAIN = 3
"""How often a node tries again after a rate limit, or while the API is down."""

UNJUDGED_SECTIONS = frozenset({"join_state", "platform"})
"""Taken whatever the checks are. Remediation and later readers of the evidence need to know whether
the node had joined, and what it runs."""


class NodeUnreachableError(Exception):
    """No connection to the node; its text is the reason."""


class NoEvidenceError(Exception):
    """The node's module could not run, or ran without evidence; the text is the reason."""


class NoAnswerError(NoEvidenceError):
    """The node was reached, but its answer did not end; the text is the reason."""


def _without_apps(*_: Any) -> NoReturn:
    """Without Apps nothing is signed and no token is minted."""
    raise AssertionError("this collection has no GitHub Apps")


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Takes one node's evidence, and adds the controller's notes.

    ``call`` calls the node's module ``node_evidence`` with arguments, and returns an answer whose
    ``evidence`` is plain JSON. It raises NodeUnreachableError and NoAnswerError. ``sections`` are
    those that the checks need. ``throttle`` gives the limits of an App's minting, and waits for
    them. ``minting`` says how the App's token is tried on this node. ``controller`` gives the
    controller's measurement of its clock; it is called only if there are JWTs to sign. ``clock_ns``
    is that clock (Unix time in nanoseconds), and ``steady_ns`` one that nothing sets.
    ``same_machine``: the node is the controller, so the controller's clock is not a reference.
    """

    policy: Policy
    apps: Sequence[GithubApp]
    sections: Set[str]
    ntp_servers: Sequence[str]
    nts_servers: Sequence[str]
    timeout_s: float
    same_machine: bool = False
    call: Callable[[dict[str, Any]], Mapping[str, Any]]
    throttle: Callable[[GithubApp], MintThrottle] = _without_apps
    minting: Callable[[GithubApp], Minting] = lambda _: Minting.WAITS
    controller: Callable[[], ControllerClock] = _without_apps
    clock_ns: Callable[[], int] = time.time_ns
    steady_ns: Callable[[], int] = steady_ns

    def take(self) -> dict[str, Any]:
        """The node's entry of evidence.json's ``nodes``.

        It says what could not be taken, and why.
        """
        record = without_evidence(self.policy, utc_text(self.clock_ns() // NS))
        apps = self._within_limits(self.apps)
        measured = {"measured": self.controller().as_json()} if self.apps else {}
        requests = self._requests_for_now(apps)
        before_ns, steady_before_ns = self.clock_ns(), self.steady_ns()
        try:
            evidence = self._collect(self._sections(), requests)
        except NodeUnreachableError as error:
            return {**record, "unreachable": str(error)}
        except NoAnswerError as error:
            return {**record, "no_answer": str(error)}
        except NoEvidenceError as error:
            return {**record, "module_error": str(error)}
        controller = {
            "before_ns": before_ns,
            "after_ns": self.clock_ns(),
            "steady_before_ns": steady_before_ns,
            "steady_after_ns": self.steady_ns(),
            **measured,
        }
        if self.same_machine:
            controller["same_machine"] = True
        evidence = self._try_both_clocks(self._try_again(evidence), controller)
        return {**record, "evidence": evidence, "controller": controller}

    def _sections(self) -> Set[str]:
        """The sections of the first call. NTS is tried only if servers for it are set."""
        return (self.sections - {"collected"}) | UNJUDGED_SECTIONS | ({"nts"} if self.nts_servers else set())

    def _collect(self, sections: Set[str], requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """One call of the module: its evidence. Raises NodeUnreachableError and NoEvidenceError."""
        answer = self.call(
            {
                "ntp_servers": self.ntp_servers,
                "nts_servers": self.nts_servers,
                "apis": date_apis(self.apps),
                "timeout_s": self.timeout_s,
                "sections": sorted(sections),
                "github_apps": list(requests),
            }
        )
        if "evidence" not in answer:
            raise NoEvidenceError(module_error(answer))
        evidence: dict[str, Any] = answer["evidence"]
        self._count_further_mints(evidence, requests)
        return evidence

    def _moment(self) -> Moment:
        """The controller's time, now."""
        measured = self.controller()
        return measured.at(self.clock_ns() / NS)

    def _requests_for_now(self, apps: Sequence[GithubApp]) -> list[dict[str, Any]]:
        attempts = [(app, [attempt_for_now(app, self.policy.signing_profile, self._moment())]) for app in apps]
        return [app.request(to_send(tried)) for app, tried in attempts]

    def _within_limits(self, apps: Sequence[GithubApp], attempts: int = 1) -> list[GithubApp]:
        """The Apps as they may be asked: with tokens within GitHub's limits, or with the JWT
        only. Each waits while GitHub's rate limit holds.
        """
        return [self._within_limit(app, attempts) for app in apps]

    def _within_limit(self, app: GithubApp, attempts: int) -> GithubApp:
        if app.depth != "jwt" and self._may_mint(app, attempts):
            return app
        self.throttle(app).wait_while_held()
        return app if app.depth == "jwt" else replace(app, depth="jwt")

    def _may_mint(self, app: GithubApp, attempts: int) -> bool:
        how = self.minting(app)
        if how is Minting.JWT_ALONE:
            return False
        return self.throttle(app).wait(attempts, gives_up=how is Minting.IF_ROOM)

    def _count_further_mints(self, evidence: Mapping[str, Any], requests: Sequence[Mapping[str, Any]]) -> None:
        """Correct the count of mints by the tokens that the node asked for.

        A node may lie about them, so the correction is at most two more for each attempt.
        """
        tried = {each["name"]: len(each["attempts"]) for each in requests if each["depth"] != "jwt"}
        asked = {entry["name"]: sum(map(_tokens_asked_for, entry["attempts"])) for entry in _taken(evidence)}
        for app in self.apps:
            attempts = tried.get(app.name, 0)
            if app.name in asked and (more := min(asked[app.name] - attempts, MAX_MORE_MINTS * attempts)) and attempts:
                self.throttle(app).count(more)

    def _try_again(self, evidence: dict[str, Any]) -> dict[str, Any]:
        """If GitHub answered with its rate limit or was down, wait and try again, up to three
        times.

        A node waits for about a minute at most, so it does not try again if GitHub asks for more.
        """
        left_s = MAX_NODE_WAIT_S
        for again in range(MAX_AGAIN):
            last = {entry["name"]: last_attempt(entry) for entry in _taken(evidence)}
            limited_s = {name: s for name, tried in last.items() if (s := rate_limit_s(tried)) is not None}
            down = {name: s for name, tried in last.items() if (s := down_s(tried, again)) is not None}
            for app in self.apps:
                if app.name in limited_s:
                    self.throttle(app).hold(limited_s[app.name])
            waits_s = {name: wait_s for name, wait_s in (limited_s | down).items() if wait_s <= left_s}
            apps = [app for app in self.apps if app.name in waits_s]
            if not apps:
                break
            left_s -= max(waits_s.values())
            if pauses_s := [waits_s[name] for name in down if name in waits_s]:
                self.throttle(apps[0]).pause(max(pauses_s))
            before = evidence
            evidence = self._with_further(before, self._requests_for_now(self._within_limits(apps)))
            if evidence is before:  # the call failed
                break
        return evidence

    def _try_both_clocks(self, evidence: dict[str, Any], controller: Mapping[str, Any]) -> dict[str, Any]:
        """The counterfactual, if a clock may be at fault: a JWT of the node's clock and one of the
        true time.

        If independent references contradict the API's clock, there is one of that clock too.
        """
        doubtful = {
            entry["name"] for entry in _taken(evidence) if classify(last_attempt(entry)).kind in ("not_sent", "clock")
        }
        doubted = [app for app in self.apps if app.name in doubtful]
        if not doubted or "wall_ns" not in evidence.get(
            "collected", {}
        ):  # without the node's clock no JWT is signed for it
            return evidence
        try:
            # The low end, because a client's JWT is a little old when it is sent, and never dated
            # later.
            node_ahead_s = controller_bracket(evidence["collected"], controller).low
        except (KeyError, ValueError):  # its readings are malformed, or contradict how long the call took
            return evidence
        skew = Record({"evidence": evidence, "controller": controller}).skew
        ahead_of_api_s = {app.name: self._ahead_of_api_s(app, skew, node_ahead_s) for app in doubted}
        doubted = self._within_limits(doubted, attempts=2)
        # By itself: a limit may be as low as two.
        third = [app for app in doubted if ahead_of_api_s[app.name] is not None]
        within = {app.name: app for app in [*doubted, *self._within_limits(third)]}
        tried = {}
        for app in doubted:
            moment = self._moment()
            node_s = moment.own_s + node_ahead_s
            estimated_s = None if skew.skew_s is None else node_s - skew.skew_s.middle
            ahead_s = ahead_of_api_s[app.name]
            api_s = None if ahead_s is None else moment.own_s - ahead_s
            profile = self.policy.signing_profile
            tried[app.name] = attempts_for_both_clocks(app, profile, node_s, estimated_s, moment, api_s=api_s)
        requests = [within[name].request(sent) for name, made in tried.items() if (sent := to_send(made))]
        # Attempts that were not signed come last. Then no answer of the node can replace them.
        return _with_attempts(
            self._with_further(evidence, requests), {name: not_signed(a) for name, a in tried.items()}
        )

    def _ahead_of_api_s(self, app: GithubApp, skew: SkewEstimate, node_ahead_s: float) -> float | None:
        """How far the controller is ahead of an API whose clock the other references contradict;
        else None.

        If the controller's references do not show it, the node's are used. A node that invents a
        wrong API clock gains no more than with a wrong clock: no JWT is signed that would be valid
        too long.
        """
        url = date_url(app.api_url)
        if (reading_s := self.controller().api_reading_s(url)) is not None:
            return reading_s.high
        of_node_s = skew.contradicted_apis.get(url)
        return None if of_node_s is None else of_node_s.high - node_ahead_s

    def _with_further(self, evidence: dict[str, Any], requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The evidence with the attempts of one more call; without them if that call fails."""
        if not requests:
            return evidence
        try:
            taken = _taken(self._collect({"github_apps"}, requests))
        except (NodeUnreachableError, NoEvidenceError):
            return evidence
        return _with_attempts(evidence, {entry["name"]: entry["attempts"] for entry in taken})


NodeCall = Callable[[dict[str, Any]], Mapping[str, Any]]
"""A call of the node's module, as ``Collection.call``."""


def nts_tried(clients: Mapping[str, Sequence[str]], call: NodeCall) -> dict[str, Any]:
    """What chronyd itself gets with NTS on the node: an answer for each of ``clients``, which are
    names of tries and their directives (``chrony.nts_client``).

    Raises NodeUnreachableError, and NoEvidenceError if the node did not show what chronyd answered.
    """
    answer = call({"sections": ["nts_client"], "nts_clients": clients})
    if "evidence" not in answer:
        raise NoEvidenceError(module_error(answer))
    section: Mapping[str, Any] = answer["evidence"].get("nts_client") or {}
    without = "the node showed no answer of chronyd"
    if "tried" not in section:
        raise NoEvidenceError(section.get("error") or section.get(MALFORMED) or without)
    return {name: section["tried"].get(name) or {"error": without} for name in clients}


def nts_answers(clients: Mapping[str, Sequence[str]], call: NodeCall) -> dict[str, Any]:
    """As ``nts_tried``; if that could not be tried, the reason is each one's answer, for the
    finding to say it.
    """
    try:
        return nts_tried(clients, call)
    except (NodeUnreachableError, NoEvidenceError) as error:
        return {name: {"error": str(error)} for name in clients}


def with_nts_tried(record: Mapping[str, Any], tried: Mapping[str, Any]) -> dict[str, Any]:
    """The record with further answers of chronyd, as of ``nts_tried``."""
    earlier = Record(record).evidence.get("nts_client") or {}
    section = {"tried": {**earlier.get("tried", {}), **tried}}
    return {**record, "evidence": {**record["evidence"], "nts_client": section}}


def _with_attempts(evidence: dict[str, Any], further: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The evidence with further attempts, by the App's name."""
    if not any(further.values()):
        return evidence
    entries = [
        {**entry, "attempts": [*entry["attempts"], *further.get(entry["name"], [])]} for entry in _taken(evidence)
    ]
    return {**evidence, "github_apps": entries}


def _tokens_asked_for(attempt: Mapping[str, Any]) -> int:
    return sum(step["step"] == "token" for step in attempt["steps"])


def _taken(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Apps' entries of the evidence, none if taking them failed on the node."""
    taken = evidence.get("github_apps")
    return taken if isinstance(taken, list) else []
