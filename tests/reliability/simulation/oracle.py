"""What must hold for an admitted node, from the truth alone: nothing here calls the code that
judges.

What an admission promises, for each moment of the check that the bound below holds for. GitHub
accepts each JWT of each named client (at any fraction of the second, up to one second on its way,
up to ``reuse_s`` old), and each client renews its installation token before GitHub drops it. The
clock is within each named limit, within ``gate_max_skew_s``, and within the CA's validity at the
beginning of the check. If sync_state is required, the clock is as near to the true time as the
daemon may claim, and the references can show. What the clock does after the check is not promised.

The bound: fewer than half of the references' votes lie about that moment. A reference lies if the
node's true skew at that moment is outside of the interval that it gives. The references that are
one machine, or say that they follow one upstream, have one vote together. A controller that
measured, with two votes, that its clock is off has none. If the clock is still, all moments are
alike. If it moves, a right reading of one moment may be wrong about another one.

The API's clock is a reference too. If it is wrong, GitHub refuses by that clock; this counts if it
is off by more than a Date of whole seconds can hide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from ipaddress import IPv4Address

from tests.builders import NS, TRUE_NS
from tests.reliability.simulation.github import BEGIN_S, Client, clients_of, limit_of, refusal
from tests.reliability.simulation.worlds import (
    NTP_ERA_S,
    ApiKind,
    ControllerKind,
    DaemonKind,
    Motion,
    Server,
    ServerKind,
    World,
)

LATENCY_S = 1
TINY_S = 2e-6
"""Evidence has whole nanoseconds, and NTP's header 1/65536 s."""
HEADER_S = 2.0**-15

MOVED_S = 0.5
"""A clock that was stepped by more has no skew."""
STEP_THRESHOLD_S = 0.128
FASTEST_SLEW = 0.1
MAX_ROOT_DISTANCE_S = 1.5

UNUSABLE = frozenset(
    {
        ServerKind.KISS,
        ServerKind.STRATUM_16,
        ServerKind.ALARM,
        ServerKind.SPOOFED,
        ServerKind.REPLAYED,
        ServerKind.NO_TIME,
        ServerKind.CONTRADICTORY,
        ServerKind.NO_SERVER,
        ServerKind.SILENT,
        ServerKind.REFUSED,
        ServerKind.NO_NAME,
    }
)
"""Servers that give no reading (RFC 5905)."""


Reading = tuple[float, float]
"""The lowest and the highest skew that a reference leaves possible."""


def lying_share(world: World, at_s: float = 0.0) -> Fraction:
    """The share of the votes that lie about this moment; 1 if there is no reference."""
    whole = votes(world)
    return 1 - _share_with(whole, world.clock.skew_at(at_s)) if whole else Fraction(1)


def left_open_s(world: World) -> float | None:
    """How far apart two skews can be that more than half of the votes leave possible; None if no
    reference beside the controller shows any.
    """
    whole = votes(world)
    if len(whole) <= world.controller.counts:
        return None
    ends_s = [end_s for members in whole for reading in members for end_s in reading]
    possible_s = [end_s for end_s in ends_s if 2 * _share_with(whole, end_s) > 1]
    return max(possible_s) - min(possible_s) if possible_s else None


def votes(world: World) -> list[list[Reading]]:
    """The readings of each vote."""
    whole = _ntp_votes(world)
    if world.api.gives_date:
        whole.append([_date_reading(world)])
    if world.controller.counts:
        whole.append([_controller_reading(world)])
    return whole


def _share_with(whole: list[list[Reading]], skew_s: float) -> Fraction:
    """The share of the votes that leave this skew possible."""
    with_it = [Fraction(sum(low <= skew_s <= high for low, high in members), len(members)) for members in whole]
    return sum(with_it, Fraction(0)) / len(whole)


def _ntp_votes(world: World) -> list[list[Reading]]:
    groups: list[tuple[set[int], list[Server]]] = []
    for server in world.servers:
        if not gives_time(server):
            continue
        identity = {int(IPv4Address(server.address))}
        if server.stratum >= 2 and server.refid >> 24 not in (0, 127):
            identity.add(server.refid)
        joined = [group for group in groups if group[0] & identity]
        groups = [group for group in groups if group not in joined]
        whole = identity.union(*(group[0] for group in joined))
        groups.append((whole, [*(member for group in joined for member in group[1]), server]))
    return [[_server_reading(server, world) for server in members] for _identity, members in groups]


def _controller_reading(world: World) -> Reading:
    """The module began after the one reading of its clock, and ended before the other."""
    off_s, begun_s = world.controller.off_s, world.clock.skew_at(0.0)
    low, high = begun_s - world.controller.after_s - off_s, begun_s + world.controller.before_s - off_s
    return low - TINY_S, high + TINY_S


def gives_time(server: Server) -> bool:
    """Whether its answer is a reading."""
    near = server.root_delay_s / 2 + server.root_dispersion_s <= MAX_ROOT_DISTANCE_S
    answers = any(not exchange.lost for exchange in server.exchanges)
    return server.kind not in UNUSABLE and near and 2.0**server.precision <= MAX_ROOT_DISTANCE_S and answers


def _server_reading(server: Server, world: World) -> Reading:
    """What its quickest answer leaves possible."""
    taken = min((each for each in server.exchanges if not each.lost), key=lambda each: each.there_s + each.back_s)
    shown_s = world.clock.skew_at(taken.after_s) - server.off_s - (taken.there_s - taken.back_s) / 2
    shown_s -= NTP_ERA_S * round(shown_s / NTP_ERA_S)  # NTP has no era: the nearest one counts
    bound_s = (taken.there_s + taken.back_s) / 2 + server.claims_s + HEADER_S
    return shown_s - bound_s, shown_s + bound_s


def _date_reading(world: World) -> Reading:
    lows, highs = [], []
    for number, request in enumerate(world.api.exchanges):
        off_s = world.api.offs_s[number % len(world.api.offs_s)]
        sent_ns = TRUE_NS + round((world.phase_s + request.after_s) * NS)
        date_ns = (sent_ns + round((request.there_s + off_s) * NS)) // NS * NS
        ahead_s = (sent_ns - date_ns) / NS + world.clock.skew_at(request.after_s)
        lows.append(ahead_s - 1 - TINY_S)
        highs.append(ahead_s + request.there_s + request.back_s + TINY_S)
    low, high = max(lows), min(highs)
    return (low, high) if low <= high else (min(lows), max(highs))


def broken(world: World, at_s: float = 0.0) -> Iterator[str]:
    """The clients and limits that break at this moment of the check."""
    policy, skew_s = world.policy, world.clock.skew_at(at_s)
    for name in policy["clients"]:
        if any(client_breaks(client, skew_s) for client in clients_of(name)):
            yield name
    for name in policy["limits"]:
        behind_s, ahead_s = limit_of(name)
        # One that tolerates nothing on a side is shown, and decides nothing.
        if 0 not in (behind_s, ahead_s) and not behind_s - TINY_S <= skew_s <= ahead_s + TINY_S:
            yield name
    if policy["max_skew_s"] is not None and abs(skew_s) > policy["max_skew_s"] + TINY_S:
        yield "gate_max_skew_s"
    ca, wall_s = policy["cluster_ca"], BEGIN_S + world.phase_s + at_s + skew_s
    if ca and not ca["not_before_s"] - TINY_S <= wall_s <= ca["not_after_s"] + TINY_S:
        yield "cluster CA"


def client_breaks(client: Client, skew_s: float) -> bool:
    """Whether GitHub refuses some JWT of the client at this skew, or its token before it
    renews that.
    """
    if client.renew_before_s is not None and skew_s < -(client.renew_before_s - LATENCY_S):
        return True
    return jwt_refused(client.iat_s, client.exp_s, client.reuse_s, skew_s)


def jwt_refused(iat_s: int, exp_s: int, reuse_s: int, skew_s: float) -> bool:
    """Whether GitHub refuses a JWT that is signed at any fraction of a second, and sent at once or
    ``reuse_s`` later, and arrives within LATENCY_S.
    """
    for signed_s in (_A_SECOND, _A_SECOND + 0.999, _A_SECOND + (-skew_s) % 1, _A_SECOND + (-skew_s - 1e-4) % 1):
        claims_from = math.floor(signed_s + skew_s + 1e-6)
        claims = {"iat": claims_from + iat_s, "exp": claims_from + exp_s}
        for after_s in {0, LATENCY_S, reuse_s, reuse_s + LATENCY_S}:
            if refusal(claims, math.floor(signed_s + after_s + 1e-6)):
                return True
    return False


_A_SECOND = 10_000_000_000


def refused_by_the_apis_clock(world: World, at_s: float = 0.0) -> bool:
    """Whether the API's wrong clock refuses a named client's JWTs at any time that its Date
    of whole seconds leaves possible.
    """
    if world.api.kind not in (ApiKind.WRONG, ApiKind.COLLUDING) or not world.api.gives_date:
        return False
    unsure_s = 1 + max(each.there_s + each.back_s for each in world.api.exchanges)
    ahead_s = world.clock.skew_at(at_s) - world.api.offs_s[0]
    clients = [client for name in world.policy["clients"] for client in clients_of(name)]
    return any(
        all(jwt_refused(c.iat_s, c.exp_s, c.reuse_s, ahead_s + by_s) for by_s in (-unsure_s, 0, unsure_s))
        for c in clients
    )


def beyond_max_clock_error(world: World, at_s: float = 0.0) -> bool:
    """Whether the clock is further off than the daemon may claim, although sync_state is required.

    The check compares the daemon's interval with the references'. So beside
    ``gate_max_clock_error_s`` there are the step threshold, what is slewed in the time of the
    check, and what the references leave open. If they show no skew, they contradict no daemon.
    """
    policy = world.policy
    required = "sync_state" in policy["checks"] and "sync_state" not in policy["advisory_checks"]
    limit_s, off_s = policy["max_clock_error_s"], abs(world.clock.skew_at(at_s))
    if not required or off_s <= limit_s or abs(world.clock.step_s) > MOVED_S:
        return False
    open_s = left_open_s(world)
    leeway_s = min(STEP_THRESHOLD_S, limit_s) + FASTEST_SLEW * world.took_s
    return open_s is not None and bool(off_s > limit_s + leeway_s + open_s)


_GOOD_DAEMONS = frozenset({DaemonKind.SYNCHRONISED, DaemonKind.NTPSEC, DaemonKind.OPENNTPD, DaemonKind.SLEWING})


def is_fine(world: World) -> bool:
    """Whether the node should be admitted: nothing breaks, nothing moves its clock during the
    check, fewer than half of the votes lie, the controller is not deceived, the API is right, and
    the daemon's claim is true and within its limit.
    """
    still = world.clock.motion in (Motion.STILL, Motion.DRIFT)
    right = world.api.kind is ApiKind.RIGHT and world.controller.kind is not ControllerKind.DECEIVED
    if (
        not still
        or not right
        or any(any(broken(world, at_s)) for at_s in (0.0, world.took_s))
        or 2 * lying_share(world) >= 1
    ):
        return False
    required = set(world.policy["checks"]) - set(world.policy["advisory_checks"])
    if "sync_state" in required:
        daemon, skew_s = world.daemon, world.clock.skew_at(0.0)
        within = abs(daemon.claims_s) + daemon.error_s <= world.policy["max_clock_error_s"]
        if daemon.kind not in _GOOD_DAEMONS or not within or abs(skew_s - daemon.claims_s) > daemon.error_s:
            return False
    return "ntp_servers" not in required or any(map(gives_time, world.servers))
