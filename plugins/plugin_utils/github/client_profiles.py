"""Client profiles: how real GitHub App clients compute ``iat`` and ``exp``, and what clock each of them can stand.

A client has two budgets for a clock that is behind. GitHub refuses its JWT once ``exp`` has passed. And a client that uses its
installation token until its own clock says that the token ends soon uses it for too long if that clock is behind: GitHub has
dropped the token by then. The token check sends JWTs and is about the first alone; a node's clock is judged by both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from ..boundary.tables import read_table
from ..boundary.values import shown, whole_of
from ..clock.interval import Interval

MAX_EXP_AHEAD_S = 600
"""GitHub refuses a JWT whose ``exp`` is further ahead of GitHub's clock than this (GitHub's documentation)."""

TOKEN_LIFE_S = 3600
"""How long an installation token lives (GitHub's documentation)."""

CLOCK_GRAIN_S = 1.0
"""Claims and GitHub's comparison are in whole seconds: within one second of a limit, fractions decide."""

LATENCY_S = 1.0
"""How old a JWT may be when GitHub reads it; it counts against a clock that is behind, and for one that is ahead."""

_EDGE_S = CLOCK_GRAIN_S + LATENCY_S

LIBRARIES = ("ghinstallation", "octokit", "pygithub", "githubkit", "gidgethub", "octocrab", "palantir-go-githubapp")
"""Profiles of libraries: what a client does that is not known by its own name, if it uses one of them."""

_KEYS = ("iat_s", "exp_s", "reuse_s", "renew_before_s", "iss", "source", "renewal_source")

Outcome = Literal["pass", "fail", "inconclusive"]
BehindBy = Literal["jwt", "reused_jwt", "installation_token"]


@dataclass(frozen=True)
class ClientProfile:
    """How one client dates its JWTs, in seconds from its own clock's whole second, and with which ID it signs them."""

    name: str
    iat_s: int
    exp_s: int
    reuse_s: int = 0
    source: str = ""
    iss: Literal["client_id", "app_id"] = "client_id"
    """``app_id``: it takes no other ID. ``client_id``: it takes either, and the client ID where there is one."""
    renew_before_s: int | None = None
    """How long before the end of its installation token it gets a new one, by its own clock; None: its clock has no say."""
    renewal_source: str = ""
    """Where that is read, or why its clock has no say."""
    runs: str = ""
    """The profile that this is another name of; empty: it is its own."""

    @cached_property
    def ahead_limit_s(self) -> int:
        """How far a node may be ahead: ``iat`` not in GitHub's future, ``exp`` not more than 600 s ahead."""
        return min(-self.iat_s, MAX_EXP_AHEAD_S - self.exp_s)

    @cached_property
    def jwt_behind_limit_s(self) -> int:
        """How far a node may be behind for the JWT alone: it must not have expired when it is sent for the last time."""
        return self.exp_s - self.reuse_s

    @cached_property
    def behind_limit_s(self) -> int:
        """How far a node may be behind: the smaller of the JWT's budget and the installation token's."""
        if self.renew_before_s is None:
            return self.jwt_behind_limit_s
        return min(self.jwt_behind_limit_s, self.renew_before_s)

    @cached_property
    def tolerated_s(self) -> Interval:
        """The skews at which it works for certain, but for what a second's fraction and a request's latency decide."""
        return Interval(-self.behind_limit_s, self.ahead_limit_s)

    @property
    def behind_by(self) -> BehindBy:
        """Which of the budgets is the smaller behind: a JWT made now, one that is sent again, or the installation token."""
        if self.behind_limit_s < self.jwt_behind_limit_s:
            return "installation_token"
        return "reused_jwt" if self.reuse_s else "jwt"

    def jwt_outcome(self, skew_s: Interval) -> Outcome:
        """What GitHub does with this client's JWT at a skew (positive: ahead).

        Ahead by up to the limit is accepted, by more than two seconds over it refused; behind by the limit is refused, by
        two seconds less accepted. In between the second's fraction and the request's latency decide: inconclusive.
        Source: GitHub refuses ``iat > g``, ``exp <= g`` and ``exp > g + 600``, with no leeway on either side.
        """
        if -(self.jwt_behind_limit_s - _EDGE_S) <= skew_s.low and skew_s.high <= self.ahead_limit_s:
            return "pass"
        if skew_s.low > self.ahead_limit_s + _EDGE_S or skew_s.high <= -self.jwt_behind_limit_s:
            return "fail"
        return "inconclusive"

    def token_outcome(self, skew_s: Interval) -> Outcome:
        """Whether GitHub takes this client's installation token for as long as the client uses it, at a skew.

        A client that is behind by more than its margin uses the token for that much longer than GitHub takes it: once in a
        token's life, 401 "Bad credentials" for so many seconds. ``expires_at`` has whole seconds, and whether GitHub drops the
        token within the second before it or after it is not known: within a second over the margin, and two under it (a
        request takes time), it is inconclusive.
        """
        if self.renew_before_s is None or -(self.renew_before_s - _EDGE_S) <= skew_s.low:
            return "pass"
        return "fail" if skew_s.high <= -(self.renew_before_s + CLOCK_GRAIN_S) else "inconclusive"

    def client_outcome(self, skew_s: Interval) -> Outcome:
        """Whether the client works at a skew: the worse of what becomes of its JWTs and of its installation tokens."""
        outcomes = (self.jwt_outcome(skew_s), self.token_outcome(skew_s))
        if "fail" in outcomes:
            return "fail"
        return "inconclusive" if "inconclusive" in outcomes else "pass"


@cache
def _shipped_rows() -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = read_table(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return rows


@cache
def shipped_profiles() -> dict[str, ClientProfile]:
    """The profiles of ``client_profiles.yml``, by name; one that runs another has from it what its own row does not say."""
    rows = _shipped_rows()
    profiles = {}
    for name, row in rows.items():
        runs = row.get("runs", "")
        if not isinstance(runs, list):
            own = {key: value for key, value in row.items() if key != "runs"}
            profiles[name] = replace(parse_profile(name, {**rows.get(runs, {}), **own}), runs=runs)
    return profiles


@cache
def shipped_groups() -> dict[str, tuple[str, ...]]:
    """The names of ``client_profiles.yml`` that stand for several profiles, and which these are."""
    return {name: tuple(row["runs"]) for name, row in _shipped_rows().items() if isinstance(row.get("runs"), list)}


def known_clients(own: Iterable[str] = ()) -> list[str]:
    """All names that a client may be given by, sorted."""
    return sorted({*_shipped_rows(), *own})


def all_profiles(own: Mapping[str, Mapping[str, Any]]) -> dict[str, ClientProfile]:
    """The shipped profiles and the user's ``own``, which win; raises ValueError that says what is wrong with one of these."""
    return {**shipped_profiles(), **{name: parse_profile(name, row) for name, row in own.items()}}


def profiles_of(name: str, own: Mapping[str, Mapping[str, Any]]) -> list[ClientProfile]:
    """What a client's name stands for, mostly one; each has the name and says which profile it runs.

    Raises KeyError for an unknown name, ValueError for one of the user's ``own`` that is wrong.
    """
    if name in own:
        return [parse_profile(name, own[name])]
    shipped = shipped_profiles()
    if name in shipped:
        return [shipped[name]]
    return [replace(shipped[each], name=name, runs=each) for each in shipped_groups()[name]]


def parse_profile(name: str, row: Mapping[str, Any]) -> ClientProfile:
    """Read one profile; raises ValueError that says what is wrong with it."""
    if not isinstance(row, Mapping):
        raise ValueError(f"client profile {name}: expected iat_s and exp_s, found {shown(row)}")
    for key in row:
        if key not in _KEYS:
            raise ValueError(f"client profile {name}: unknown key {shown(key)}; known: {', '.join(_KEYS)}")
    try:
        iat_s, exp_s, reuse_s = (whole_of(value) for value in (row["iat_s"], row["exp_s"], row.get("reuse_s", 0)))
    except (KeyError, ValueError):
        raise ValueError(f"client profile {name}: iat_s and exp_s are needed, in whole seconds from now") from None
    iss = row.get("iss", "client_id")
    if iss not in ("client_id", "app_id"):
        raise ValueError(f"client profile {name}: iss is one of client_id, app_id, found {shown(iss)}")
    texts = {key: str(row.get(key) or "") for key in ("source", "renewal_source")}
    profile = ClientProfile(name, iat_s, exp_s, reuse_s, iss=iss, renew_before_s=_renew_before_s(name, row), **texts)
    if not (profile.iat_s <= 0 < profile.exp_s <= MAX_EXP_AHEAD_S and 0 <= profile.reuse_s < profile.exp_s):
        raise ValueError(
            f"client profile {name}: expected iat_s <= 0 < exp_s <= {MAX_EXP_AHEAD_S} and 0 <= reuse_s < exp_s, found "
            f"iat_s {profile.iat_s}, exp_s {profile.exp_s}, reuse_s {profile.reuse_s}"
        )
    return profile


def _renew_before_s(name: str, row: Mapping[str, Any]) -> int | None:
    """A margin that no clock is right enough for is refused: such a client meets an expired token on any node."""
    if row.get("renew_before_s") is None:
        return None
    with_margin = range(int(_EDGE_S) + 1, TOKEN_LIFE_S)
    try:
        renew_before_s = whole_of(row["renew_before_s"])
    except ValueError:
        renew_before_s = -1
    if renew_before_s not in with_margin:
        raise ValueError(
            f"client profile {name}: renew_before_s is how long before the end of its installation token the client gets a new "
            f"one, in whole seconds from {with_margin[0]} to {with_margin[-1]}, found {shown(row['renew_before_s'])}; leave it "
            f"out if the client does not go by its own clock. If it renews later than {with_margin[0]} s before the end, give "
            f"{with_margin[0]}"
        )
    return renew_before_s


def narrowest(profiles: Iterable[ClientProfile]) -> ClientProfile:
    """The profile whose JWT the smallest skew breaks; of equals, the one that tolerates less on its other side."""
    return min(
        profiles,
        key=lambda p: (min(p.ahead_limit_s, p.jwt_behind_limit_s), max(p.ahead_limit_s, p.jwt_behind_limit_s), p.name),
    )
