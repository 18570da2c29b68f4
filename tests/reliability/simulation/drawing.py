"""Draws a case: the same seed and number give the same world.

First the policy, then the node's skew (often near an edge of the policy's budgets), then who lies,
and last the faults that are nobody's plan.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import Any

from tests.builders import CHECKS, app
from tests.reliability.simulation.github import BEGIN_S, clients_of, limit_of, limits, rows
from tests.reliability.simulation.worlds import (
    NTP_ERA_S,
    Api,
    ApiKind,
    Clock,
    Controller,
    ControllerKind,
    Daemon,
    DaemonKind,
    Exchange,
    Motion,
    Network,
    Server,
    ServerKind,
    World,
)

CLOCK_CHECKS = ("clock_skew", "github_app_token", "ntp_servers", "sync_state")
WITH_LEEWAY = tuple(
    name for name in rows() if all(client.iat_s < 0 < 600 - client.exp_s for client in clients_of(name))
)
ALL_CLIENTS = tuple(rows())

OF_THE_RECORDED_NTPD_S = 0.19
"""Its bound of its error, by the recorded answer."""

WITHOUT_TIME = (
    ServerKind.KISS,
    ServerKind.STRATUM_16,
    ServerKind.ALARM,
    ServerKind.SPOOFED,
    ServerKind.REPLAYED,
    ServerKind.INSANE_DISTANCE,
    ServerKind.NO_TIME,
    ServerKind.CONTRADICTORY,
    ServerKind.NO_SERVER,
    ServerKind.SILENT,
    ServerKind.REFUSED,
    ServerKind.NO_NAME,
)
"""These give no reading."""

FAULTS = (
    *WITHOUT_TIME,
    ServerKind.FALSETICKER,
    ServerKind.FALSETICKER,
    ServerKind.FALSETICKER,
    ServerKind.SMEARED_LINEAR,
    ServerKind.SMEARED_COSINE,
    ServerKind.LEAP_MISSED,
    ServerKind.LEAP_ANNOUNCED,
    ServerKind.FAR,
    ServerKind.FAR,
    ServerKind.COARSE,
    ServerKind.WRONG_ERA,
)


def world_of(seed: int, number: int) -> World:
    """The case of this number."""
    return _Drawing(Random(seed * 1_000_003 + number)).world()


class _Drawing:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.upstream = 0x0A4D0101
        self.edge_s: float | None = None

    def world(self) -> World:
        random = self.random
        policy = self._policy()
        skew_s = self._skew(policy)
        took_s = random.choice((0.8, 1.5, 2.5, 5.0))
        network = self._of({Network.NEAR: 60, Network.FAR: 12, Network.ASYMMETRIC: 10, Network.JITTER: 8}, Network, 4)
        servers = [self._server(number, network, took_s) for number in range(self._number_of_servers())]
        world = World(
            phase_s=random.random(),
            took_s=took_s,
            clock=self._clock(skew_s, took_s),
            servers=servers,
            network=network,
            api=self._api(network, took_s),
            controller=self._controller(),
            daemon=self._daemon(skew_s, policy),
            policy=policy,
            edge_s=self.edge_s,
        )
        self._alike(world)
        self._conspire(world)
        return world

    def _of(self, weights: dict[Any, int], kinds: type | None = None, rest: int = 1) -> Any:
        """One of these, by weight; the kinds without one have the weight ``rest``."""
        whole = {**dict.fromkeys(kinds or (), rest), **weights}  # type: ignore[attr-defined]
        return self.random.choices(list(whole), list(whole.values()))[0]

    def _number_of_servers(self) -> int:
        return self.random.choices((1, 2, 3, 4, 5), (12, 15, 43, 20, 10))[0]

    def _policy(self) -> dict[str, Any]:
        random = self.random
        several = random.choices((1, 2, 3), (70, 20, 10))[0]
        names = WITH_LEEWAY if random.random() < 0.75 else ALL_CLIENTS
        checks, advisory = self._of(
            {
                (CHECKS, ()): 45,
                (CLOCK_CHECKS[:2], ()): 25,
                (CLOCK_CHECKS[:1], ()): 20,
                (CHECKS, tuple(c for c in CHECKS if c not in CLOCK_CHECKS[:2])): 10,
            }
        )
        limited = random.sample(limits(), random.choice((1, 1, 2))) if random.random() < 0.35 else []
        now_s = float(BEGIN_S)
        ca = None
        if random.random() < 0.1:
            until_s = now_s + random.choice((random.uniform(-5, 5), 1e4, 3e8))
            ca = {"file": "ca.crt", "not_before_s": now_s - random.choice((0.0, 300.0, 1e7)), "not_after_s": until_s}
            ca["not_before_s"] = min(ca["not_before_s"], until_s)
        return {
            "checks": list(checks),
            "advisory_checks": list(advisory),
            "clients": random.sample(names, several),
            "client_profiles": {},
            "github_apps": [app()],
            "max_clock_error_s": self._of({1.0: 80, 0.05: 8, 10.0: 6, 200.0: 6}),
            "max_skew_s": self._of({None: 80, 0.01: 4, 0.1: 6, 1.0: 5, 30.0: 5}),
            "limits": limited,
            "limit_profiles": {},
            "cluster_ca": ca,
            "accepted_rules": [],
        }

    def _skew(self, policy: dict[str, Any]) -> float:
        random = self.random
        how = random.random()
        if how < 0.45:
            return random.gauss(0.0, 0.002)
        if how < 0.90:
            clients = [edge for name in policy["clients"] for each in clients_of(name) for edge in each.edges_s]
            others = [edge for name in policy["limits"] for edge in limit_of(name) if math.isfinite(edge)]
            own = policy["max_skew_s"]
            self.edge_s = random.choice([*clients, *others, *([-own, own] if own else [])])
            near_s = random.choice((3.0, 1.0, 0.1, 0.003))
            return self.edge_s + random.uniform(-near_s, near_s)
        if how < 0.91:
            return NTP_ERA_S + random.uniform(-40, 40)
        return math.copysign(10 ** random.uniform(-3, 8.5), random.random() - 0.5)

    def _clock(self, skew_s: float, took_s: float) -> Clock:
        random = self.random
        motion = self._of({Motion.STILL: 85, Motion.DRIFT: 5, Motion.SLEW: 4, Motion.STEP: 6})
        if motion is Motion.DRIFT:
            return Clock(skew_s, motion, rate=random.uniform(-500e-6, 500e-6))
        if motion is Motion.SLEW:
            return Clock(skew_s, motion, rate=random.uniform(-0.1, 0.1))
        if motion is Motion.STEP:
            by_s = random.choice((random.uniform(-0.6, 0.6), random.uniform(-60, 60)))
            return Clock(skew_s, motion, step_s=by_s, step_at_s=random.uniform(0.0, took_s + 0.5))
        return Clock(skew_s)

    def _exchange(self, network: Network, most_s: float) -> Exchange:
        random = self.random
        near_s, far_s = random.uniform(0.0001, 0.002), random.uniform(0.005, 0.12)
        there_s, back_s = near_s, near_s * random.uniform(0.5, 2)
        if network is Network.FAR:
            there_s, back_s = far_s, far_s * random.uniform(0.7, 1.4)
        elif network is Network.ASYMMETRIC:
            there_s, back_s = random.choice(((near_s, 3 * far_s), (3 * far_s, near_s)))
        elif network is Network.JITTER:
            there_s, back_s = random.expovariate(20), random.expovariate(20)
        lost = network is Network.NTP_BLOCKED or (network is Network.LOSSY and random.random() < 0.6)
        return Exchange(random.uniform(0.02, max(0.03, most_s - 0.4)), there_s, back_s, lost)

    def _server(self, number: int, network: Network, took_s: float) -> Server:
        random = self.random
        kind = random.choice(FAULTS) if random.random() < 0.25 else ServerKind.HONEST
        address = f"10.77.{number}.{random.randint(1, 250)}"
        server = Server(address, kind, address, off_s=random.gauss(0.0, 0.00003), stratum=random.choice((1, 2, 3)))
        if server.stratum > 1 and random.random() < 0.5:
            server.refid = 0x0B000000 + random.getrandbits(24)
        server.root_delay_s, server.root_dispersion_s = random.choice(((0.0, 0.0002), (0.002, 0.001), (0.03, 0.02)))
        server.exchanges = [self._exchange(network, took_s) for _ in range(random.choice((1, 1, 3)))]
        self._spoil(server)
        return server

    def _spoil(self, server: Server) -> None:
        """What its kind makes of the server."""
        random, kind = self.random, server.kind
        if kind is ServerKind.FALSETICKER:
            server.off_s = math.copysign(10 ** random.uniform(-2.5, 5), random.random() - 0.5)
        elif kind in (ServerKind.SMEARED_LINEAR, ServerKind.SMEARED_COSINE):
            server.off_s, server.leap = smeared(kind, random.random(), random.choice((1, -1))), random.choice((0, 0, 1))
        elif kind is ServerKind.LEAP_MISSED:
            server.off_s, server.leap = random.choice((1.0, -1.0)), random.choice((0, 1, 2))
        elif kind is ServerKind.LEAP_ANNOUNCED:
            server.leap = random.choice((1, 2))
        elif kind is ServerKind.FAR:
            server.root_dispersion_s = random.uniform(0.1, 1.4)
            server.off_s = random.uniform(-1, 1) * server.root_dispersion_s
        elif kind is ServerKind.COARSE:
            server.precision = random.choice((-6, -3, -1, 0, 1))
            server.off_s = random.uniform(-1, 1) * 2.0**server.precision
        elif kind is ServerKind.WRONG_ERA:
            server.off_s = random.choice((NTP_ERA_S, -NTP_ERA_S, NTP_ERA_S / 2 - 1000, 1000 - NTP_ERA_S / 2))
        elif kind is ServerKind.INSANE_DISTANCE:
            server.root_dispersion_s = random.uniform(1.6, 100)

    def _alike(self, world: World) -> None:
        """Some servers are one machine, or follow one upstream."""
        random, servers = self.random, world.servers
        honest = [server for server in servers if server.kind in (ServerKind.HONEST, ServerKind.FALSETICKER)]
        if len(honest) < 2 or random.random() > 0.25:
            return
        some = random.sample(honest, random.randint(2, len(honest)))
        kind = random.choice((ServerKind.SAME_MACHINE, ServerKind.FOLLOWER))
        for server in some[1:]:
            if kind is ServerKind.SAME_MACHINE:
                server.address, server.off_s, server.refid = some[0].address, some[0].off_s, some[0].refid
                server.stratum = some[0].stratum
            else:
                server.off_s, server.refid, server.stratum = some[0].off_s, self.upstream, 3
            server.kind = kind
        if kind is ServerKind.FOLLOWER:
            some[0].refid, some[0].stratum, some[0].kind = self.upstream, 3, kind

    def _api(self, network: Network, took_s: float) -> Api:
        random = self.random
        kind = self._of({ApiKind.RIGHT: 84, ApiKind.WRONG: 6, ApiKind.BLOCKED: 3, ApiKind.MACHINES: 3}, ApiKind)
        way = network if network is not Network.NTP_BLOCKED and network is not Network.LOSSY else Network.NEAR
        requests = [self._exchange(way, took_s) for _ in range(random.choice((1, 1, 2, 4)))]
        offs_s = (random.gauss(0.0, 0.005),)
        if kind is ApiKind.WRONG:
            offs_s = (math.copysign(10 ** random.uniform(-0.5, 4), random.random() - 0.5),)
        elif kind is ApiKind.MACHINES:
            offs_s = (0.0, math.copysign(10 ** random.uniform(0.2, 3), random.random() - 0.5))
        return Api(kind, offs_s, requests)

    def _controller(self) -> Controller:
        random = self.random
        kind = self._of({ControllerKind.RIGHT: 70, ControllerKind.WRONG: 5}, ControllerKind, 5)
        off_s = random.gauss(0.0, 0.01)
        wrong = (ControllerKind.WRONG, ControllerKind.KNOWS_THAT_IT_IS_WRONG)
        if kind in wrong:
            off_s = math.copysign(10 ** random.uniform(-0.3, 5), random.random() - 0.5)
        measured_s: tuple[float, float] | None = (off_s - 0.02, off_s + 0.02)
        votes = random.choice((1, 2, 3))
        if kind is ControllerKind.KNOWS_THAT_IT_IS_WRONG:
            votes = 3
        elif kind is ControllerKind.DECEIVED:
            lie_s, votes = math.copysign(10 ** random.uniform(0.2, 3), random.random() - 0.5), 2
            measured_s = (lie_s - 0.02, lie_s + 0.02)
        elif kind in (ControllerKind.UNMEASURED, ControllerKind.WRONG):
            measured_s, votes = None, 0
        return Controller(
            kind, off_s, random.uniform(0.05, 2.0), random.choice((0.05, 0.3, 2.0)) * random.random(), measured_s, votes
        )

    def _daemon(self, skew_s: float, policy: dict[str, Any]) -> Daemon:
        random = self.random
        kind = self._of({DaemonKind.SYNCHRONISED: 82}, DaemonKind, 2)
        error_s = random.choice((0.0002, 0.001, 0.02))
        if kind is DaemonKind.SYNCHRONISED:
            near = abs(skew_s) <= 5 * policy["max_clock_error_s"] and abs(skew_s) < 1000
            return Daemon(kind, skew_s if near else 0.0, error_s)
        if kind is DaemonKind.SLEWING:
            return Daemon(kind, max(-1000.0, min(1000.0, skew_s)), error_s)
        if kind is DaemonKind.VAGUE:
            return Daemon(kind, 0.0, policy["max_clock_error_s"] * random.uniform(0.5, 3))
        if kind is DaemonKind.NTPSEC:
            return Daemon(kind, 0.0, OF_THE_RECORDED_NTPD_S)
        return Daemon(kind, random.gauss(0.0, 0.0005), error_s)

    def _conspire(self, world: World) -> None:
        """Some references lie alike, often such that the node seems to be right."""
        random = self.random
        if random.random() > 0.35:
            return
        liars: list[Any] = [server for server in world.servers if server.kind is ServerKind.HONEST]
        liars += [each for each in ("api", "controller") if random.random() < 0.35]
        random.shuffle(liars)
        shown_s = self._shown_skew(world)
        lie_s = world.clock.skew_s - shown_s
        for liar in liars[: random.randint(1, max(1, len(liars)))]:
            if liar == "api":
                world.api.kind, world.api.offs_s = ApiKind.COLLUDING, (lie_s,)
            elif liar == "controller":
                measured_s = (lie_s - 0.02, lie_s + 0.02) if random.random() < 0.5 else None
                world.controller = replace(
                    world.controller, kind=ControllerKind.COLLUDING, off_s=lie_s, measured_s=measured_s, votes=1
                )
            else:
                liar.kind, liar.off_s = ServerKind.COLLUDING, lie_s + random.gauss(0.0, 0.00002)

    def _shown_skew(self, world: World) -> float:
        """The skew that liars want to be seen."""
        random, skew_s = self.random, world.clock.skew_s
        how = random.random()
        if how < 0.35 or self.edge_s is None:
            return random.gauss(0.0, 0.003) if how < 0.5 else skew_s + random.uniform(-1.2, 1.2)
        inside_s = random.choice((0.02, 0.2, 1.0, 2.5))
        return self.edge_s - math.copysign(inside_s * random.random() + 0.002, self.edge_s)


def smeared(kind: ServerKind, part: float, sign: int) -> float:
    """How far a server is off, when this part of its smear is over (0 to 1).

    Around a leap second it has added a part of it; the rest of the world adds it in the middle.
    """
    done = part if kind is ServerKind.SMEARED_LINEAR else (1 - math.cos(math.pi * part)) / 2
    return sign * (done - (1.0 if part >= 0.5 else 0.0))
