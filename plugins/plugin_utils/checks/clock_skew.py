"""Is the node's clock right enough for the GitHub App clients, and for the rest of the cluster?

A GitHub App client signs a JWT with times from its node's clock. GitHub compares them with its own
clock and answers 401 if they do not fit. Each client computes these times in another way, so each
has another budget behind and ahead: Argo CD and Flux break 90 s behind and 30 s ahead. Many
clients have a second budget behind. They renew their installation token a fixed time before it
ends, according to the node's clock. If the clock is further behind than that, they go on with a
token that has expired. For this reason PyGithub breaks at 20 s behind, and KEDA at 60 s. The
smaller budget counts.

Other parts of a cluster have limits too. Those that `gate_limits` names (etcd, ceph ...) count, and
so does the validity of the cluster's CA if `gate_cluster_ca_file` is given. If a limit is between
two machines, each node may use half of it. Then any two admitted nodes keep it. A limit that
tolerates nothing on one side (cert-manager) is shown and decides nothing, because no measurement
proves that a clock is not off at all. It counts if you give it a tolerance in
`gate_limit_profiles`.

The skew is node minus reference (positive: the node is ahead). It is the interval of all values
that more than half of the references leave possible: raw NTP exchanges with each of
`gate_ntp_servers`, the API's `Date`, and the controller's clock around the module call. Servers
that are one machine, or follow one upstream, share one vote. The controller's clock is judged with
the same references.

Passes if the whole interval is within every client's budget and every limit, and within
`gate_max_skew_s` if that is set. Fails if the whole interval is outside one of them. In between it
is inconclusive, and also if no majority of the references agrees. It is inconclusive as well if a
client tolerates no clock ahead at all, because no measurement proves that a clock is not ahead.

GitHub judges JWTs by the clock of its API. If the majority contradicts the API's ``Date`` by more
than a client tolerates, the check fails because of the API's clock, which the finding names. The
node's clock is right then, and is not changed.

The finding shows how much of each budget is left behind and ahead, which budget breaks first, and
when. The time is computed from the measured drift: from two checks into the same report folder, or
from chronyd's error of its frequency.

If the clock is off, and a step would harm what the node is, the finding says so, because an
operator may step it by hand as well: with WireGuard on it (`not_back_wireguard`), with certificates
of a cluster that begin in the future (`not_back_certificates`), or joined (`not_back_joined`), a
clock is not stepped back; a control plane is not stepped forwards (`not_forwards_control_plane`).
What may not be seen counts as being there. chronyd's slew is right for all of them.

What to do: let the gate step the clock and give the node servers that keep it right (or run
playbook skewgate.preflight.remediate). If the interval has 0 in it, the clock may be right, and
nearer or more NTP servers show that. If references contradict each other, the finding names those
that the majority contradicts. Fix these first.

Source: the clients' code, which client_profiles.yml names for each; limits.yml; RFC 5905 for the
interval of an exchange. Steps: Linux, drivers/net/wireguard/noise.c; k3s #6152; kubernetes #113081,
#108844 and #125761.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import urlsplit

from ..clock.interval import Interval
from ..clock.ntp_packet import NS
from ..clock.skew import CONTROLLER, SkewEstimate, UnknownSkew
from ..github.client_profiles import CLOCK_GRAIN_S, ClientProfile, Outcome
from ..github.fields import is_hosted
from ..model import api_clock as of_api
from ..model.drift import Drift, measured_drift
from ..model.finding import Finding, State
from ..model.limits import CLUSTER_CA, Limit, cluster_ca_limit
from ..model.policy import Policy
from ..model.record import Record
from ..model.roles import Objection, Reason, decisive, directions, objections, roles_of, wall_s_of
from ..model.tolerances import MOST_NAMED, limit_text, seen_of_others, seen_without_tolerance, some_of
from ..model.wording import skew_text

NEEDS = ("collected", "ntp", "api_date")
READS = ("join_state",)
REMEDIABLE = True


class Key(StrEnum):
    """Why the clock is not proved to be within every limit;
    ``about`` names the limits that refuse it, and the side.
    """

    BEYOND = "beyond"
    AT_THE_EDGE = "at_the_edge"
    NO_LEEWAY = "no_leeway_ahead"
    API_CLOCK = "api_clock"
    CA_NOT_VALID = "cluster_ca_not_valid"
    UNKNOWN_NO_REFERENCE = "unknown_no_reference"
    UNKNOWN_DISAGREE = "unknown_references_disagree"
    UNKNOWN_MOVED = "unknown_clock_moved"
    UNKNOWN_UNREADABLE = "unknown_evidence_unreadable"
    CONTROLLER_DISAGREES = "controller_disagrees"
    NOT_BACK_WIREGUARD = Reason.NOT_BACK_WIREGUARD.value
    NOT_BACK_CERTIFICATES = Reason.NOT_BACK_CERTIFICATES.value
    NOT_BACK_JOINED = Reason.NOT_BACK_JOINED.value
    NOT_FORWARDS_CONTROL_PLANE = Reason.NOT_FORWARDS_CONTROL_PLANE.value


BY_ROLE = frozenset(Key(reason) for reason in Reason)
"""The keys that say why the clock must not be stepped; each stands beside the key that says what is
wrong with it.
"""


_WORST_FIRST = ("fail", "inconclusive", "pass")
_WHY_CLIENT = (
    "Clients date their JWTs with this clock. GitHub answers 401 to a JWT whose iat lies in its future or whose exp has "
    "passed. Pods on this node fail while the same pods elsewhere work."
)
_WHY_RENEWAL = (
    "{0}: GitHub accepts its JWTs on this node, so github_app_token may pass. But it renews its installation token a fixed time "
    "before the token ends, and this clock is further behind than that. So near the end of each token's life it uses an expired "
    "token and gets 401 Bad credentials until it renews."
)
_WHY_CA = "A node checks the cluster's CA with its own clock. Outside of the CA's validity it trusts no API server."
_WHY_NO_LEEWAY = (
    "{0} sets iat to its clock's time, and GitHub refuses an iat that lies in its future. If the clock is ahead by "
    "more than a request takes to GitHub, GitHub refuses a part of the JWTs. No measurement proves that a clock is not ahead: "
    "here at most {1:.2%} of the JWTs are refused."
)
_REMEDY = (
    "Give the node a working NTP configuration and step its clock. The gate does both, and so does playbook "
    "skewgate.preflight.remediate."
)
_REMEDY_WITHOUT_STEP = (
    "Give the node a working NTP configuration, and do not step its clock {0}. The gate slews it if that takes no longer than "
    "chrony_joined_slew_limit_s."
)
_REMEDY_INEXACT = (
    "The clock may be right, and the measurement is not exact enough to show it. Name nearer NTP servers in gate_ntp_servers, or "
    "more of them, with different upstreams."
)
_REMEDY_NO_LEEWAY = (
    "Configure {0} to set iat 60 s in the past, as GitHub's documentation advises. If it cannot, and you accept that many "
    "refusals, give it a profile in gate_client_profiles with its other figures and iat_s: -1."
)
_REMEDY_CA = "The CA of gate_cluster_ca_file is not valid at the true time. Give the CA that is in use, or renew it."


_CAUSE_UNKNOWN = {
    UnknownSkew.NO_REFERENCE: "no reference answered",
    UnknownSkew.DISAGREE: "the references disagree",
    UnknownSkew.MOVED: "the clock was moved while it was measured",
    UnknownSkew.UNREADABLE: "the evidence cannot be read",
}
_REMEDY_UNKNOWN = {
    UnknownSkew.NO_REFERENCE: (
        "Check that the node reaches its NTP servers (UDP 123) and the GitHub API (TCP 443). ntp_servers reports what blocks it."
    ),
    UnknownSkew.DISAGREE: (
        "Find out which reference is wrong, or add an independent one: another NTP server, with another upstream, in "
        "gate_ntp_servers, or a GitHub App in gate_github_apps, because the Date of its API is a reference too."
    ),
    UnknownSkew.MOVED: "Stop what steps the clock during the check (see clock_movers), then run the check again.",
    UnknownSkew.UNREADABLE: (
        "Report it as a bug, with the node's entry of evidence.json. `skewgate report` judges the same evidence again."
    ),
}


@dataclass(frozen=True)
class _Row:
    """One line of the budget: a client or a limit that the clock is compared with."""

    name: str
    kind: Literal["client", "limit", "cluster_ca"]
    allowed: Interval
    outcome: Outcome
    source: str
    skew_s: Interval
    breaks: str = ""
    profile: ClientProfile | None = None

    @property
    def left_ahead_s(self) -> float:
        return self.allowed.high - self.skew_s.high

    @property
    def left_behind_s(self) -> float:
        return self.skew_s.low - self.allowed.low

    @property
    def left_s(self) -> float:
        return min(self.left_ahead_s, self.left_behind_s)

    @property
    def nearer_side(self) -> str:
        return "ahead" if self.left_ahead_s < self.left_behind_s else "behind"

    @property
    def without_leeway(self) -> bool:
        """A client that tolerates no clock ahead, at that edge."""
        at_edge = self.outcome != "pass" and self.nearer_side == "ahead"
        return self.kind == "client" and self.allowed.high == 0 and at_edge

    @property
    def bad_ca(self) -> bool:
        """A CA that is not valid now, whatever the node's clock says."""
        return self.kind == "cluster_ca" and not self.allowed.low <= 0 <= self.allowed.high

    def text(self, side: str) -> str:
        """The row with its limit on that side, and which of a client's budgets that is."""
        text = limit_text(self.allowed, side)
        if self.profile and side == "behind" and self.profile.behind_by == "installation_token":
            text += ", because of its installation token"
        if self.profile and self.profile.runs:
            text += f"; it runs {self.profile.runs}"
        return f"{self.name} ({text})"

    @property
    def by_token_alone(self) -> bool:
        """Whether GitHub accepts this client's JWTs at this skew,
        but not its tokens to their end.
        """
        return self.profile is not None and self.profile.jwt_outcome(self.skew_s) == "pass" != self.outcome

    def breaks_in_s(self, drift: Drift | None) -> int | None:
        seconds = drift.reaches_in_s(self.left_ahead_s, self.left_behind_s) if drift else None
        return None if seconds is None or math.isinf(seconds) else round(seconds)

    def seen(self, drift: Drift | None) -> dict[str, Any]:
        return {
            "name": self.name,
            "ahead_limit_s": _or_none(self.allowed.high),
            "behind_limit_s": _or_none(-self.allowed.low),
            "left_ahead_s": _or_none(self.left_ahead_s),
            "left_behind_s": _or_none(self.left_behind_s),
            "breaks_in_s": self.breaks_in_s(drift),
            "outcome": self.outcome,
            "source": self.source,
            **(_seen_of_client(self.profile) if self.profile else {}),
        }


@dataclass(frozen=True)
class _Api:
    """An API whose clock the majority contradicts, and the clients whose JWTs it may
    refuse for it.
    """

    url: str
    ahead_s: Interval
    outcome: Outcome
    clients: tuple[str, ...]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @classmethod
    def judged(cls, estimate: SkewEstimate, url: str, reading_s: Interval, of_node: Outcome, policy: Policy) -> _Api:
        """``reading_s``: node minus API. This API judges with it what is signed on the node.

        The API must accept a right clock. So a node whose clock is wrong proves
        nothing against the API.
        """
        ahead_s = estimate.api_ahead_s(url) or reading_s
        met = [Interval(-ahead_s.high, -ahead_s.low), *([reading_s] if of_node == "pass" else [])]
        outcomes = [min(map(p.client_outcome, met), key=_WORST_FIRST.index) for p in policy.profiles]
        names = [profile.name for profile, outcome in zip(policy.profiles, outcomes, strict=True) if outcome != "pass"]
        return cls(url, ahead_s, min(outcomes, key=_WORST_FIRST.index), tuple(dict.fromkeys(names)))


def _seen_of_client(profile: ClientProfile) -> dict[str, Any]:
    """What sets a client's budget behind, and the name of its profile if that is another one."""
    seen: dict[str, Any] = {"behind_by": profile.behind_by, "jwt_behind_limit_s": profile.jwt_behind_limit_s}
    if profile.runs:
        seen["runs"] = profile.runs
    if profile.renew_before_s is not None:
        seen["renew_before_s"] = profile.renew_before_s
    if profile.renewal_source:
        seen["renewal_source"] = profile.renewal_source
    if worst_case := _worst_case(profile):
        seen["worst_case"] = worst_case
    return seen


def _worst_case(profile: ClientProfile) -> str:
    if profile.behind_by == "installation_token":
        return (
            f"its installation token, which it renews {profile.renew_before_s} s before the end on the node's clock: if the "
            f"clock is further behind, it uses an expired token; its JWT tolerates {profile.jwt_behind_limit_s} s behind"
        )
    if profile.behind_by == "reused_jwt":
        return f"a JWT that it made {profile.reuse_s} s ago and sends again; a fresh one tolerates {profile.exp_s} s behind"
    return ""


def judge(record: Record, policy: Policy) -> Finding:
    """Compare the skew with the budgets of the named clients and limits."""
    estimate = record.skew
    if estimate.skew_s is None:
        return _unknown(estimate)
    skew_s = estimate.skew_s
    drift = measured_drift(record)
    begun_s = record.section("collected")["wall_ns"] / NS - skew_s.middle
    rows = _rows(policy, skew_s, (begun_s, begun_s + record.took_s))
    seen = {
        **estimate.seen(),
        "drift": drift and drift.seen(),
        "budget": [row.seen(drift) for row in rows],
        "breaks_first": _breaks_first(rows, drift),
        **seen_without_tolerance(policy),
        **seen_of_others(policy, skew_s),
    }
    of_node = min((row.outcome for row in rows), key=_WORST_FIRST.index)
    apis = [_Api.judged(estimate, url, near, of_node, policy) for url, near in estimate.contradicted_apis.items()]
    state = min((of_node, *(api.outcome for api in apis)), key=_WORST_FIRST.index)
    worst = [row for row in rows if row.outcome == of_node != "pass"]
    wrong_apis = [api for api in apis if api.outcome != "pass"]
    summary = skew_text(skew_s)
    if worst:
        summary += f": {_VERB[of_node]} {some_of([row.text(row.nearer_side) for row in worst])}"
        side = "ahead" if skew_s.middle > 0 else "behind"
        passing = some_of([row.text(side) for row in rows if row.outcome == "pass"])
        summary += f"; within {passing}" if passing else ""
    if drift and drift.of_two_readings:
        summary += f"; it drifts by {drift.rate_ppm.middle:.0f} ppm (±{drift.rate_ppm.bound:.0f})"
        summary += f"; first to break: {seen['breaks_first']}"
    if contradicted := [
        name for name in estimate.falsetickers if name not in {f"date {api.url}" for api in wrong_apis}
    ]:
        summary += f"; the majority contradicts {', '.join(contradicted)}"
    if estimate.controller_is_off and CONTROLLER in estimate.falsetickers and estimate.controller_skew_s:
        summary += (
            f" (according to the other references, it is {skew_text(estimate.controller_skew_s)}; it was not used)"
        )
    if shown_only := seen.get("without_tolerance"):
        names = some_of([f"{name} ({limits})" for name, limits in shown_only.items()])
        summary += f"; not judged without a tolerance in gate_limit_profiles: {names}"
    for api in wrong_apis:
        summary += f"; the clock of {api.host} is {skew_text(api.ahead_s)}, beyond {', '.join(api.clients)}"
    if state == "pass":
        return Finding(state="pass", summary=summary, seen=seen)
    is_off = of_node == "fail" or not skew_s.low <= 0 <= skew_s.high
    against = objections(roles_of(record), skew_s, wall_s_of(record)) if is_off else ()
    correct = _correct(against) if is_off else _REMEDY_INEXACT
    finding = _explain(state, worst, wrong_apis, skew_s, summary=summary, correct=correct)
    return _not_to_be_stepped(replace(finding, seen=seen), against)


def _unknown(estimate: SkewEstimate) -> Finding:
    """Why there is no skew, and what to add or to fix to get one."""
    unknown = estimate.unknown or UnknownSkew.UNREADABLE
    key, cause, remedy = Key(f"unknown_{unknown}"), _CAUSE_UNKNOWN[unknown], _REMEDY_UNKNOWN[unknown]
    summary = f"the skew is unknown: {estimate.unknown_because}"
    if estimate.controller_is_off and estimate.controller_skew_s and not _is_between_two(estimate):
        key, cause = Key.CONTROLLER_DISAGREES, "the controller's clock and the references disagree"
        summary += f"; according to the references, the controller is {skew_text(estimate.controller_skew_s)}"
        remedy = f"Check that the controller's clock is right. {remedy}"
    why = "If a clock could not be compared with a reference, its error is not known."
    return Finding(
        state="inconclusive", summary=summary, why=why, remedy=remedy, seen=estimate.seen(), keys=(key,), cause=cause
    )


def _is_between_two(estimate: SkewEstimate) -> bool:
    """Whether only the Date of an API that GitHub does not run contradicts the controller.

    Either may be wrong then.
    """
    others = [r for r in estimate.references if r.skew_s and r.name != CONTROLLER]
    return all(r.kind == "date" and not is_hosted(r.of) for r in others) and len(others) == 1


_VERB = {"fail": "beyond", "inconclusive": "at the edge of"}


def _explain(
    state: State, worst: list[_Row], apis: list[_Api], skew_s: Interval, *, summary: str, correct: str
) -> Finding:
    """Blame the node's clock, unless the limit tolerates no clock at all, or is itself wrong.

    ``correct``: how to correct the node's clock.
    """
    bad_ca = [row for row in worst if row.bad_ca]
    no_leeway = [row for row in worst if row.without_leeway]
    by_clock = [row for row in worst if row not in bad_ca and (row not in no_leeway or skew_s.high > CLOCK_GRAIN_S)]
    keys: list[Key] = []
    about: list[str] = []
    causes, whys, remedies = [], [], []
    if by_clock:
        of_node = by_clock[0].outcome
        keys.append(Key.BEYOND if of_node == "fail" else Key.AT_THE_EDGE)
        beyond = dict.fromkeys(row.name for row in by_clock)
        about += [*beyond, by_clock[0].nearer_side]
        causes.append(f"{_VERB[of_node]} {some_of(list(beyond))}, {by_clock[0].nearer_side}")
        whys += _why_the_clock_matters(by_clock)
        remedies.append(correct)
    if no_leeway:
        without = dict.fromkeys(row.name for row in no_leeway)
        names = ", ".join(without)
        keys.append(Key.NO_LEEWAY)
        about += [name for name in without if name not in about]
        causes.append(f"{names}: no leeway for a clock ahead")
        whys.append(_WHY_NO_LEEWAY.format(names, min(1.0, max(0.0, skew_s.high))))
        remedies.append(_REMEDY_NO_LEEWAY.format(names))
    if apis:
        hosts = ", ".join(api.host for api in apis)
        keys.append(Key.API_CLOCK)
        about += [api.host for api in apis]
        causes.append(f"the clock of {hosts}")
        whys += [of_api.why(api.url) for api in apis]
        remedies += [of_api.remedy(api.url) for api in apis]
    if bad_ca:
        keys.append(Key.CA_NOT_VALID)
        causes.append("the cluster CA is not valid now")
        whys.append(_WHY_CA)
        remedies.append(_REMEDY_CA)
    return Finding(
        state=state,
        summary=summary,
        why=" ".join(whys),
        remedy=" ".join(remedies),
        keys=tuple(keys),
        about=tuple(about),
        cause="; ".join(causes),
        beyond_remediation=not by_clock,
    )


def _not_to_be_stepped(finding: Finding, against: Sequence[Objection]) -> Finding:
    """The finding, with why the clock must not be stepped if it is at fault."""
    if not against or not {Key.BEYOND, Key.AT_THE_EDGE} & {*finding.keys}:
        return finding
    shown = "; ".join(objection.shown_by for objection in against)
    harm = [f"A step would do harm, because {objection.words}" for objection in against]
    return replace(
        finding,
        summary=f"{finding.summary}; not to be stepped {directions(against)}: {shown}",
        why=" ".join([finding.why, *harm]),
        seen={**finding.seen, "not_to_be_stepped": {str(each.reason): each.shown_by for each in against}},
        keys=(*finding.keys, *(Key(objection.reason) for objection in against)),
    )


def _correct(against: Sequence[Objection]) -> str:
    """How to correct the clock."""
    if not against:
        return _REMEDY
    return " ".join([_REMEDY_WITHOUT_STEP.format(directions(against)), *(each.way_out for each in decisive(against))])


def _why_the_clock_matters(rows: list[_Row]) -> list[str]:
    """What breaks with this clock."""
    by_token = dict.fromkeys(row.name for row in rows if row.by_token_alone)
    whys = [_WHY_CLIENT] if any(row.kind == "client" and not row.by_token_alone for row in rows) else []
    whys += [_WHY_RENEWAL.format(", ".join(by_token))] if by_token else []
    limits = [row for row in rows if row.kind == "limit"]
    whys += [f"{row.name}: {row.breaks or 'it cannot tolerate this clock'}." for row in limits[:MOST_NAMED]]
    return whys + ([_WHY_CA] if any(row.kind == "cluster_ca" for row in rows) else [])


def _rows(policy: Policy, skew_s: Interval, true_times_s: tuple[float, float]) -> list[_Row]:
    """All clients and limits that count, clients first; ``true_times_s``: when the check began and
    ended.
    """
    rows = [_client_row(profile, skew_s) for profile in policy.profiles]
    all_limits = policy.all_limits
    named = [all_limits[name] for name in policy.limits]
    rows += [_limit_row(limit, skew_s) for limit in named if not limit.without_tolerance]
    if policy.cluster_ca:
        rows.append(_limit_row(cluster_ca_limit(policy.cluster_ca, *true_times_s), skew_s))
    if policy.max_skew_s is not None:
        own = Limit("gate_max_skew_s", Interval(-policy.max_skew_s, policy.max_skew_s), "the setting")
        rows.append(_limit_row(own, skew_s))
    return rows


def _client_row(profile: ClientProfile, skew_s: Interval) -> _Row:
    outcome = profile.client_outcome(skew_s)
    return _Row(profile.name, "client", profile.tolerated_s, outcome, profile.source, skew_s, profile=profile)


def _limit_row(limit: Limit, skew_s: Interval) -> _Row:
    kind: Literal["limit", "cluster_ca"] = "cluster_ca" if limit.name == CLUSTER_CA else "limit"
    return _Row(limit.name, kind, limit.skew_s, limit.outcome(skew_s), limit.source, skew_s, breaks=limit.breaks)


def _breaks_first(rows: list[_Row], drift: Drift | None) -> str:
    """The row with the least margin on either side;
    and when it is used up, if the drift is known.
    """
    row = min(rows, key=lambda row: row.left_s)
    breaks_in_s = row.breaks_in_s(drift)
    return row.name if breaks_in_s is None else f"{row.name}, in {breaks_in_s} s at the earliest"


def _or_none(seconds: float) -> float | None:
    """JSON has no infinity."""
    return None if math.isinf(seconds) else round(seconds, 3)
