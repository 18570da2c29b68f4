"""The evidence of a world, as values of the boundary's types: what `parse_evidence` gives."""

from __future__ import annotations

from functools import cache
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence

from tests import builders
from tests.builders import date_answer, date_api, mono_ns, ntp_sample, wall_ns
from tests.reliability.simulation.github import attempts
from tests.reliability.simulation.worlds import (
    Api,
    ApiKind,
    ControllerKind,
    DaemonKind,
    Exchange,
    Server,
    ServerKind,
    World,
)
from tests.unit.plugin_utils.daemons.recorded import NTPSEC, OPENNTPD

API_URL = "https://api.github.lab/rate_limit"
ERRORS = {
    ServerKind.SILENT: ("no reply within 2 s", "silent"),
    ServerKind.REFUSED: ("Connection refused", "refused"),
}
OLD_ORIGIN = bytes.fromhex("0123456789abcdef")


def record_of(world: World) -> dict[str, Any]:
    """The node's record."""
    begun_s = world.phase_s
    skew_s = world.clock.skew_at(0.0)
    whole = {
        **_fixed(),
        "collected": {
            "wall_ns": max(0, wall_ns(skew_s, begun_s)),
            "mono_ns": mono_ns(begun_s),
            "end_mono_ns": mono_ns(begun_s + world.took_s),
            "python": "3.11.2",
            "euid": 0,
        },
        **_daemon(world),
        "ntp": {"servers": [_server(server, world) for server in world.servers]},
        "api_date": {"apis": [date_api(*_answers(world.api, world), url=API_URL)]},
        "github_apps": [{"name": "deploy", "attempts": attempts(world)}],
    }
    evidence = {name: section for name, section in whole.items() if section is not None}
    return {
        "policy": world.policy,
        "collected_at": "2026-11-22T08:35:36Z",
        "evidence": evidence,
        "controller": _controller(world),
        "unreachable": None,
        "module_error": None,
    }


@cache
def _fixed() -> dict[str, Any]:
    """The sections that do not depend on the world."""
    made = parse_evidence(builders.evidence())
    return {name: made[name] for name in ("schema", "clock", "time_services", "clock_movers", "boot", "nts")}


def _controller(world: World) -> dict[str, Any]:
    controller = world.controller
    measured = controller.measured_s
    return {
        "before_ns": wall_ns(controller.off_s, world.phase_s - controller.before_s),
        "after_ns": wall_ns(controller.off_s, world.phase_s + world.took_s + controller.after_s),
        **({"same_machine": True} if controller.kind is ControllerKind.SAME_MACHINE else {}),
        "measured": {
            "skew_s": {"low": measured[0], "high": measured[1]} if measured else None,
            "unknown": None if measured else "no_reference",
            "unknown_because": "" if measured else "no reference answered",
            "votes": controller.votes,
            "references": {},
            "falsetickers": [],
            "shared_votes": [],
        },
    }


def _server(server: Server, world: World) -> dict[str, Any]:
    if server.kind is ServerKind.NO_NAME:
        said = {"error": "Name or service not known", "kind": "dns"}
        return {"server": server.name, "addresses": [], "samples": [], **said}
    samples = [_sample(server, exchange, world) for exchange in server.exchanges]
    return {"server": server.name, "addresses": [server.address], "samples": samples, "error": None}


def _sample(server: Server, exchange: Exchange, world: World) -> dict[str, Any]:
    skew_s = world.clock.skew_at(exchange.after_s)
    after_s = world.phase_s + exchange.after_s
    if exchange.lost or server.kind in ERRORS:
        said, kind = ERRORS.get(server.kind, ERRORS[ServerKind.SILENT])
        wall = max(0, wall_ns(skew_s, after_s))
        return {"address": server.address, "t1_wall_ns": wall, "error": said, "kind": kind}
    reply: dict[str, Any] = {
        "leap": server.leap,
        "stratum": server.stratum,
        "refid": server.refid.to_bytes(4, "big"),
        "root_delay_s": server.root_delay_s,
        "root_dispersion_s": server.root_dispersion_s,
        "precision": server.precision,
    }
    sample = ntp_sample(
        skew_s,
        after_s=after_s,
        there_s=exchange.there_s,
        back_s=exchange.back_s,
        serving_s=-0.9 if server.kind is ServerKind.CONTRADICTORY else 0.0001,
        server_off_s=server.off_s,
        **{**reply, **_REPLIES.get(server.kind, {})},
    )
    sample["t1_wall_ns"] = max(0, sample["t1_wall_ns"])
    if server.kind is ServerKind.NO_TIME:
        sample["reply_hex"] = sample["reply_hex"][:80] + "00" * 8
    return {**sample, "address": server.address}


_REPLIES: dict[ServerKind, dict[str, Any]] = {
    ServerKind.KISS: {"stratum": 0, "refid": b"DENY", "leap": 3},
    ServerKind.STRATUM_16: {"stratum": 16},
    ServerKind.ALARM: {"leap": 3},
    ServerKind.SPOOFED: {"origin": bytes(8)},
    ServerKind.REPLAYED: {"origin": OLD_ORIGIN},
    ServerKind.NO_SERVER: {"mode": 5},
}


def _answers(api: Api, world: World) -> list[dict[str, Any]]:
    if api.kind is ApiKind.BLOCKED:
        return [{"error": {"phase": "connect", "message": "timed out"}} for _ in api.exchanges]
    changes: dict[str, Any] = {}
    if api.kind is ApiKind.UNVERIFIED:
        changes["verified"] = False
    if api.kind is ApiKind.NO_DATE:
        changes["date"] = None
    return [
        date_answer(
            world.clock.skew_at(request.after_s),
            after_s=world.phase_s + request.after_s,
            there_s=request.there_s,
            back_s=request.back_s,
            api_off_s=api.offs_s[number % len(api.offs_s)],
            **changes,
        )
        for number, request in enumerate(api.exchanges)
    ]


def _daemon(world: World) -> dict[str, Any]:
    daemon, wall_skew_s = world.daemon, world.clock.skew_at(0.0) + world.phase_s
    if daemon.kind in _OTHERS:
        return {**_other(daemon.kind), "chrony": {"present": False}}
    if daemon.kind is DaemonKind.ABSENT:
        return {"chrony": {"present": False}, "time_services": builders.time_services()}
    if daemon.kind is DaemonKind.STOPPED:
        stopped = builders.unit("chrony.service", "inactive", names=["chrony.service", "chronyd.service"])
        return {"chrony": _stopped(), "time_services": builders.time_services(stopped)}
    if daemon.kind is DaemonKind.UNSYNCHRONISED:
        text = builders.tracking(skew_s=wall_skew_s, stratum=0, leap="Not synchronised", refid="00000000")
        return {"chrony": _chrony(text, builders.source(state="?", reach=0)), "clock": _UNSYNCHRONISED}
    text = builders.tracking(
        skew_s=wall_skew_s,
        age_s=20_000.0 if daemon.kind is DaemonKind.STALE else 16.0,
        system_time_s=-daemon.claims_s,
        root_delay_s=0.0,
        root_dispersion_s=daemon.error_s,
    )
    return {"chrony": _chrony(text, builders.source())}


_OTHERS = {
    DaemonKind.NTPSEC: (NTPSEC, "ntpd", ["/usr/sbin/ntpd", "-g", "-c", "/etc/ntpsec/ntp.conf"]),
    DaemonKind.OPENNTPD: (OPENNTPD, "openntpd", ["/usr/sbin/ntpd", "-s", "-f", "/etc/openntpd/ntpd.conf"]),
}
"""What a daemon's tool printed once, the section that has it, and the daemon's process."""


@cache
def _other(kind: DaemonKind) -> dict[str, Any]:
    """The sections of a daemon that is not chronyd."""
    recorded, name, argv = _OTHERS[kind]
    config = {"path": argv[-1], "files": [{"path": argv[-1], "text": "server 10.77.0.1\n"}], "unread": []}
    process = {"pid": 731, "comm": "ntpd", "argv": argv}
    made = {section: found for section, found in recorded.items() if found is not None}
    made[name] = {**made[name], "config": config}
    made["time_services"] = {**made["time_services"], "processes": [process]}
    return parse_evidence(made)


_UNSYNCHRONISED = {"adjtimex": {"state": 5, "status": 64, "maxerror_us": 16_000_000}, "clocksource": "tsc"}


def _chrony(tracking: str, source: str) -> dict[str, Any]:
    """The section with this tracking; all else is made once."""
    made = _chrony_of(source)
    return {**made, "commands": {**made["commands"], "tracking": builders.answer(tracking)}}


@cache
def _chrony_of(source: str) -> dict[str, Any]:
    return _parsed(builders.chrony(None, source))


@cache
def _stopped() -> dict[str, Any]:
    failed = builders.answer("506 Cannot talk to daemon\n", rc=1)
    return _parsed(builders.chrony(None, **dict.fromkeys(builders.chrony()["commands"], failed)))


def _parsed(chrony: dict[str, Any]) -> dict[str, Any]:
    section: dict[str, Any] = parse_evidence({"chrony": chrony})["chrony"]
    return section
