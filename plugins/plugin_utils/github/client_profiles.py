"""Client profiles: how real GitHub App clients compute ``iat`` and ``exp``, and which skew each
tolerates.

A client has two budgets for a clock that is behind. First, GitHub refuses its JWT after ``exp``.
Second, a client may use its installation token until its own clock says that the token ends soon.
If that clock is behind, GitHub has dropped the token by then. The token check sends JWTs, so it
tests the first budget only. A node's clock is judged by both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

from ..boundary.tables import table_of
from ..boundary.values import shown, whole_of
from ..clock.interval import Interval

MAX_EXP_AHEAD_S = 600
"""GitHub refuses a JWT if ``exp`` is further ahead of its clock than this (GitHub's
documentation)."""

TOKEN_LIFE_S = 3600
"""How long an installation token lives (GitHub's documentation)."""

CLOCK_GRAIN_S = 1.0
"""Claims, and GitHub's comparison, are in whole seconds. Within a second of a limit, fractions
decide."""

LATENCY_S = 1.0
"""How old a JWT may be when GitHub reads it. This makes it worse if a clock is behind, and better
if it is ahead."""

_EDGE_S = CLOCK_GRAIN_S + LATENCY_S

LIBRARIES = ("ghinstallation", "octokit", "pygithub", "githubkit", "gidgethub", "octocrab", "palantir-go-githubapp")
"""Profiles of libraries, for an unknown client that uses one of them."""

_KEYS = ("iat_s", "exp_s", "reuse_s", "renew_before_s", "iss", "source", "renewal_source")

Outcome = Literal["pass", "fail", "inconclusive"]
BehindBy = Literal["jwt", "reused_jwt", "installation_token"]


@dataclass(frozen=True)
class ClientProfile:
    """How one client dates its JWTs, in seconds from its own clock's whole second, and with which
    ID it signs them.
    """

    name: str
    iat_s: int
    exp_s: int
    reuse_s: int = 0
    source: str = ""
    iss: Literal["client_id", "app_id"] = "client_id"
    """``app_id``: it accepts no other ID. ``client_id``: it accepts both, and uses the client ID if
    set."""
    renew_before_s: int | None = None
    """How long before its installation token expires it gets a new one, according to its own clock.

    None: it does not depend on its clock.
    """
    renewal_source: str = ""
    """Where that was found, or why it does not depend on its clock."""
    runs: str = ""
    """The profile of which this is another name; empty if it is not another name."""

    @cached_property
    def ahead_limit_s(self) -> int:
        """How far a node may be ahead: ``iat`` not in GitHub's future, ``exp`` not more than 600 s
        ahead.
        """
        return min(-self.iat_s, MAX_EXP_AHEAD_S - self.exp_s)

    @cached_property
    def jwt_behind_limit_s(self) -> int:
        """How far a node may be behind for the JWT: it must still be valid when it is last sent."""
        return self.exp_s - self.reuse_s

    @cached_property
    def behind_limit_s(self) -> int:
        """How far a node may be behind: the smaller of the JWT's budget and the installation
        token's.
        """
        if self.renew_before_s is None:
            return self.jwt_behind_limit_s
        return min(self.jwt_behind_limit_s, self.renew_before_s)

    @cached_property
    def tolerated_s(self) -> Interval:
        """The skews at which it works, apart from a second's fraction and a request's latency."""
        return Interval(-self.behind_limit_s, self.ahead_limit_s)

    @property
    def behind_by(self) -> BehindBy:
        """Which budget is the smallest if behind: a fresh JWT, a reused JWT, or the installation
        token.
        """
        if self.behind_limit_s < self.jwt_behind_limit_s:
            return "installation_token"
        return "reused_jwt" if self.reuse_s else "jwt"

    def jwt_outcome(self, skew_s: Interval) -> Outcome:
        """What GitHub does with this client's JWT at a skew (positive: ahead).

        Ahead: accepted up to the limit, refused from two seconds over it. Behind: refused from the
        limit, accepted from two seconds less. In between, the second's fraction and the request's
        latency decide, so it is inconclusive. Source: GitHub refuses ``iat > g``, ``exp <= g`` and
        ``exp > g + 600``, with no leeway on either side.
        """
        if -(self.jwt_behind_limit_s - _EDGE_S) <= skew_s.low and skew_s.high <= self.ahead_limit_s:
            return "pass"
        if skew_s.low > self.ahead_limit_s + _EDGE_S or skew_s.high <= -self.jwt_behind_limit_s:
            return "fail"
        return "inconclusive"

    def token_outcome(self, skew_s: Interval) -> Outcome:
        """Whether GitHub accepts this client's installation token as long as the client uses it, at
        a skew.

        If a client is behind by more than its margin, it uses the token for that much too long.
        Once in a token's life it gets 401 "Bad credentials" for that time. ``expires_at`` has whole
        seconds. It is not known whether GitHub drops the token in the second before it or after it.
        So within a second over the margin, and two under it (a request takes time), it is
        inconclusive.
        """
        if self.renew_before_s is None or -(self.renew_before_s - _EDGE_S) <= skew_s.low:
            return "pass"
        return "fail" if skew_s.high <= -(self.renew_before_s + CLOCK_GRAIN_S) else "inconclusive"

    def client_outcome(self, skew_s: Interval) -> Outcome:
        """Whether the client works at a skew: the worse outcome of its JWTs and installation
        tokens.
        """
        outcomes = (self.jwt_outcome(skew_s), self.token_outcome(skew_s))
        if "fail" in outcomes:
            return "fail"
        return "inconclusive" if "inconclusive" in outcomes else "pass"


@cache
def _shipped_rows() -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = table_of(__file__)
    return rows


@cache
def shipped_profiles() -> dict[str, ClientProfile]:
    """The profiles of ``client_profiles.yml``, by name.

    A profile that runs another takes from that one whatever its own row does not say.
    """
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
    """The names of ``client_profiles.yml`` that stand for several profiles, with these profiles."""
    return {name: tuple(row["runs"]) for name, row in _shipped_rows().items() if isinstance(row.get("runs"), list)}


def known_clients(own: Iterable[str] = ()) -> list[str]:
    """All names of clients, sorted."""
    return sorted({*_shipped_rows(), *own})


def all_profiles(own: Mapping[str, Mapping[str, Any]]) -> dict[str, ClientProfile]:
    """The shipped profiles and the user's ``own``, which win; raises ValueError if one is wrong."""
    return {**shipped_profiles(), **{name: parse_profile(name, row) for name, row in own.items()}}


def profiles_of(name: str, own: Mapping[str, Mapping[str, Any]]) -> list[ClientProfile]:
    """The profiles of a client's name, usually one.

    Each has that name, and says which profile it runs.

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
            raise ValueError(f"client profile {name}: unknown key {shown(key)}; known keys: {', '.join(_KEYS)}")
    try:
        iat_s, exp_s, reuse_s = (whole_of(value) for value in (row["iat_s"], row["exp_s"], row.get("reuse_s", 0)))
    except (KeyError, ValueError):
        raise ValueError(f"client profile {name}: iat_s and exp_s are needed, in whole seconds from now") from None
    iss = row.get("iss", "client_id")
    if iss not in ("client_id", "app_id"):
        raise ValueError(f"client profile {name}: iss: expected client_id or app_id, found {shown(iss)}")
    texts = {key: str(row.get(key) or "") for key in ("source", "renewal_source")}
    profile = ClientProfile(name, iat_s, exp_s, reuse_s, iss=iss, renew_before_s=_renew_before_s(name, row), **texts)
    if not (profile.iat_s <= 0 < profile.exp_s <= MAX_EXP_AHEAD_S and 0 <= profile.reuse_s < profile.exp_s):
        raise ValueError(
            f"client profile {name}: expected iat_s <= 0 < exp_s <= {MAX_EXP_AHEAD_S} and 0 <= reuse_s < exp_s, found "
            f"iat_s {profile.iat_s}, exp_s {profile.exp_s}, reuse_s {profile.reuse_s}"
        )
    return profile


def _renew_before_s(name: str, row: Mapping[str, Any]) -> int | None:
    """The margin; a too small one is refused, because such a client would use an expired token
    anywhere.
    """
    if row.get("renew_before_s") is None:
        return None
    with_margin = range(int(_EDGE_S) + 1, TOKEN_LIFE_S)
    try:
        renew_before_s = whole_of(row["renew_before_s"])
    except ValueError:
        renew_before_s = -1
    if renew_before_s not in with_margin:
        raise ValueError(
            f"client profile {name}: renew_before_s: expected whole seconds from {with_margin[0]} to {with_margin[-1]} (how long "
            f"before its installation token expires the client gets a new one), found {shown(row['renew_before_s'])}. Leave it "
            f"out if the client does not use its own clock. If it renews later than {with_margin[0]} s before the end, give "
            f"{with_margin[0]}"
        )
    return renew_before_s


def narrowest(profiles: Iterable[ClientProfile]) -> ClientProfile:
    """The profile whose JWT fails at the smallest skew; of equals, the one with the smaller other
    side.
    """
    return min(
        profiles,
        key=lambda p: (min(p.ahead_limit_s, p.jwt_behind_limit_s), max(p.ahead_limit_s, p.jwt_behind_limit_s), p.name),
    )
