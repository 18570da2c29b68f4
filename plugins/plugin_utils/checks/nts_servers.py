"""Can the node set up NTS with the servers that its chrony authenticates?

A server with `nts` in chrony's configuration gives no time before keys were established with it over TLS, on a port of its
own: TCP 4460. Where that port is blocked, chronyd waits for ever, and under the default `authselectmode mix` it takes no plain
server in its place. The node tries the key establishment itself: name, connection, TLS with the certificates that chrony is
told to trust, and the protocol ntske/1. Servers that the role `chrony` might write are tried beside them, and not judged here.

Passes where one such server can be set up, where chrony has others that it may select, and where NTS does not concern this
node: none is configured, or another daemon steers the clock. Fails where none can be. A certificate that is not valid at the
node's time accuses the clock only where it is valid at the true time, by the measured skew.

What to do: what the finding asks the network team for (TCP port 4460 to these servers), or give the daemon servers whose NTS
works; a certificate that only a wrong clock refuses is fixed with the clock.

Source: RFC 8915, sections 3 to 6; chrony.conf(5): nts, ntsport, ntstrustedcerts, authselectmode; chrony's sources.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..chrony.config import read_config
from ..chrony.sources import selectable
from ..clock.interval import Interval
from ..clock.ntp_packet import NS
from ..daemons.common.units import time_daemons
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record
from ..model.wording import listed

NEEDS = ("collected", "nts", "chrony", "time_services")
REMEDIABLE = False

_WHY = "chronyd takes no time from these servers before it has their keys, and waits for them without a word in its sources."
_FIX_CLOCK = "Fix the clock (clock_skew says how far it is off), and check again."

BY_THE_CLOCK = "certificate not valid at the node's time: the clock"
"""The cause that goes away with the skew."""

_REMEDY = {
    "TCP 4460 blocked": (
        "Ask the network team for TCP from this node to {0}, and for UDP from this node to the NTP port of the same servers "
        "(123, unless they name another); or use servers without `nts`."
    ),
    "refused": "See that a server for NTS key establishment runs there: {0}; or ask whether a firewall rejects TCP to it.",
    "no route": "Give this node a route to {0}, or ask the network team for TCP from this node to it.",
    "name not resolved": "See the node's resolver (/etc/resolv.conf) for {0}.",
    "certificate not trusted": (
        "Give chrony the CA of {0} with `ntstrustedcerts`, or see who answers in its place: the certificate is of no CA that the "
        "node trusts, or of another name."
    ),
    BY_THE_CLOCK: _FIX_CLOCK,
    "certificate not valid at the true time": "Have the certificate of {0} renewed by whoever runs it.",
    "certificate not valid at the node's time": (
        "Have the clock measured first (clock_skew); if it is right, the certificates of {0} are to be renewed: "
        "`openssl s_client -connect HOST:4460 -alpn ntske/1 -showcerts`."
    ),
    "no NTS there": "What answers does not offer ntske/1: give the right server and `ntsport` for {0}.",
    "TLS failed": "See what `openssl s_client -connect HOST:4460 -alpn ntske/1` says on the node of {0}.",
}


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge each key establishment that was tried."""
    # Beside them stand those that remediation would write; what chrony was not told says nothing of this node.
    servers = [server for server in record.section("nts")["servers"] if server.get("configured", True)]
    seen: dict[str, Any] = {"servers": servers}
    active = [d for d in time_daemons(record.section("time_services")) if d.active]
    if active and all(d.daemon != "chrony" for d in active):
        unit = ", ".join(d.unit for d in active)
        return Finding("pass", f"{unit} steers this clock: chrony's servers with NTS are not asked", seen=seen)
    if not servers:
        sources = read_config({"config": {}, **record.section("chrony")}).sources
        if written := [s.name for s in sources if s.kind != "peer" and "nts" in s.options]:
            raise MissingEvidenceError(
                f"{listed(written)} with `nts` in chrony's configuration, and no server was asked"
            )
        return Finding("pass", "no server is authenticated with NTS", seen=seen)
    bad = [(server, cause) for server in servers if (cause := cause_of(server, record))]
    seen["problems"] = {server["server"]: cause for server, cause in bad}
    told = "; ".join(f"{server['server']}: {cause} ({detail_of(server)})" for server, cause in bad)
    good = f"{len(servers) - len(bad)} of {len(servers)} servers set up NTS with this node"
    if not bad:
        return Finding("pass", good, seen=seen)
    if len(bad) < len(servers):
        return Finding("pass", f"{good}; not: {told}", seen=seen)
    others = _others(record)
    if others:
        return Finding("pass", f"{good} ({told}), but chronyd may select {listed(others)} without", seen=seen)
    causes = dict.fromkeys(cause for _, cause in bad)
    remedies = [
        _REMEDY[cause].format(listed([_address(server) for server, of_server in bad if of_server == cause]))
        for cause in causes
    ]
    return Finding("fail", f"{good} ({told})", _WHY, " ".join(remedies), seen, f"NTS: {', '.join(sorted(causes))}")


def cause_of(server: Mapping[str, Any], record: Record) -> str:
    """Why no keys could be established with an entry of the section ``nts`` (a key of ``_REMEDY``); nothing where they could."""
    error = server["error"]
    if error is None:
        return _certificate_cause(server, record)
    if error["phase"] == "dns":
        return "name not resolved"
    if error["phase"] == "alpn":
        return "no NTS there"
    if error["phase"] == "connect":
        return _connect_cause(error["message"].lower())
    return "certificate not trusted" if error.get("kind") in ("unknown_ca", "wrong_name") else "TLS failed"


def _connect_cause(message: str) -> str:
    """From the kernel's words, an address each: one that is dropped says more than an IPv6 address without a route."""
    if "no answer" in message or "timed out" in message:
        return "TCP 4460 blocked"
    return "refused" if "refused" in message else "no route"


def _certificate_cause(server: Mapping[str, Any], record: Record) -> str:
    """Clock or certificate: by whether it is valid at the true time, the node's less its skew."""
    shown, skew_s = server.get("certificate"), record.skew.skew_s
    unsure = "certificate not valid at the node's time" if server["certificate_time_error"] else ""
    if shown is None or skew_s is None:
        return unsure
    valid_s = Interval(shown["not_before_s"], shown["not_after_s"])
    node_s = record.section("collected")["wall_ns"] / NS
    true_s = Interval(node_s - skew_s.high, node_s - skew_s.low)
    if not valid_s.overlaps(true_s):
        return "certificate not valid at the true time"
    if not unsure or valid_s.low <= node_s <= valid_s.high or not valid_s.contains(true_s):
        return unsure  # another of its chain is not valid, or the skew is not known well enough
    return BY_THE_CLOCK


def _others(record: Record) -> Sequence[str]:
    """Sources without NTS by which chronyd may set the clock: beside NTS a plain server only under `authselectmode ignore`.

    Under `mix` a key or a reference clock does as well as NTS (chrony's sources.c, update_sel_options).
    """
    config = read_config(record.section("chrony"))
    others = [s for s in selectable(config) if not {"nts", "offline"} & set(s.options)]
    return [s.name for s in others if config.authselectmode != "mix" or s.authenticated or s.kind == "refclock"]


def detail_of(server: Mapping[str, Any]) -> str:
    """What was said where no keys could be established."""
    told = server["error"]["message"] if server["error"] else server["certificate_time_error"]
    return str(told or "the node's clock takes it for valid")


def _address(server: Mapping[str, Any]) -> str:
    """``time.example port 4460 (192.0.2.1)``."""
    others = [address for address in server["addresses"] if address != server["server"]]
    return f"{server['server']} port {server['port']}" + (f" ({', '.join(others)})" if others else "")
