"""Can the node set up NTS with the servers that its chrony authenticates?

A server with `nts` in chrony's configuration gives no time before it has established keys over TLS,
on another port: TCP 4460. If that port is blocked, chronyd waits for ever, and under the default
`authselectmode mix` it uses no plain server instead. The node tries the key establishment itself:
name, connection, TLS with the certificates that chrony is configured to trust, and the protocol
ntske/1. It then asks for cookies, and sends the NTP server that the answer names a request with the
fields of NTS (over 200 bytes). A server with NTS answers it, though nobody can verify this request.
NTPsec does not, so what chronyd itself gets counts more: a server that answered one of chronyd's
last two requests, authenticated, is set up, whatever it answered the node. If no such answer comes,
three more requests show why: a plain one of 48 bytes, one as large with another field, and one to
an address that nobody has (192.0.2.1 or 2001:db8::1, RFC 5737 and RFC 3849). Firewalls drop NTP
packets of more than 76 bytes (with IP's header), pass UDP 123 on to another server, or remove the
fields. The servers that the role `chrony` might write are tried too, but they are not judged here.

If this check would fail, and a server answered no request with NTS, the node starts chronyd's whole
client once for each such server: `chronyd -Q`, which sets no clock, opens no port and can run
beside chronyd. It takes up to 10 seconds. A server that gives it authenticated time is set up.

Passes if one such server can be set up, or if chrony has other servers that it may select. Passes
too if NTS does not matter on this node: none is configured, or another daemon steers the clock.
Fails if no server can be set up. If a certificate is not valid at the node's time, the clock is
blamed only if the certificate is valid at the true time, according to the measured skew.

What to do: ask the network team for what the finding names (TCP port 4460 to these servers),
or give the daemon servers whose NTS works. If only a wrong clock makes a certificate
invalid, fix the clock.

Source: RFC 8915, sections 3 to 7; chrony.conf(5): nts, ntsport, ntstrustedcerts,
authselectmode; chrony's sources.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..chrony.nts_client import said as said_of
from ..chrony.nts_client import works
from ..chrony.sources import selectable
from ..clock.nts import NtsState as Key
from ..clock.nts import detail_of
from ..daemons.chrony import configuration_shown, nts_state_with, tried_with_nts
from ..daemons.common.units import FILES, time_daemons
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record
from ..model.wording import listed

NEEDS = ("collected", "nts", "chrony", "time_services")
READS = FILES
REMEDIABLE = False

_WHY = "chronyd takes no time from these servers before it has their keys, and its list of sources does not show why it waits."
_REMEDY: Mapping[Key, str] = {
    Key.BLOCKED: (
        "Ask the network team for TCP from this node to {0}, and for UDP from this node to the NTP port of the same servers "
        "(123, unless they name another). Or use servers without `nts`."
    ),
    Key.REFUSED: "Check that a server for NTS key establishment runs there: {0}. Or ask whether a firewall rejects TCP to it.",
    Key.NO_ROUTE: "Give this node a route to {0}, or ask the network team for TCP from this node to it.",
    Key.NAME_NOT_RESOLVED: "Fix the node's resolver (/etc/resolv.conf) for {0}.",
    Key.NOT_TRUSTED: (
        "Give chrony the CA of {0} with `ntstrustedcerts`, or find out who answers in its place: the certificate is "
        "of no CA that the "
        "node trusts, or has another name."
    ),
    Key.CLOCK: "Fix the clock (clock_skew shows how far it is off), then run the check again.",
    Key.EXPIRED: "Ask the operator of {0} to renew its certificate.",
    Key.CLOCK_OR_CERTIFICATE: (
        "Get the clock measured first (clock_skew). If it is right, the certificates of {0} must be renewed: "
        "`openssl s_client -connect HOST:4460 -alpn ntske/1 -showcerts`."
    ),
    Key.NO_NTS: "Give the right server and `ntsport` for {0}: the program that answers there does not offer ntske/1.",
    Key.NO_KEYS: "Ask the operator of {0} why its key exchange gives no cookies for NTPv4 with AES-SIV-CMAC-256 (AEAD 15).",
    Key.NTP_BLOCKED: "Ask the network team for UDP from this node to the NTP port of {0}, and for its answers.",
    Key.LARGE_DROPPED: (
        "Ask the network team to let NTP packets of any size pass between this node and {0}, in both directions: some device "
        "drops UDP packets that are larger than plain NTP (76 bytes with IP's header). A server that runs NTPsec looks the same; "
        "`chronyd -Q 'server HOST iburst nts'` as root shows whether NTS works, and sets no clock. Or use servers without `nts`."
    ),
    Key.REDIRECTED: (
        "Ask the network team not to redirect UDP 123 of this node: another server answers in the place of {0}. Or give chrony "
        "that server by its name, without `nts`."
    ),
    Key.STRIPPED: (
        "Ask the network team which device changes NTP packets between this node and {0}: the answers are as if the request "
        "had no extension fields. Or use servers without `nts`."
    ),
    Key.NOT_ANSWERED: (
        "Ask the network team about two things on the way to {0}: whether answers of more than 76 bytes (with IP's header) are "
        "dropped, and whether another server, without NTS, answers at its NTP port. If the finding names a kiss, the server "
        "itself refuses: RATE ends after a while, anything else is for its operator. Or use servers without `nts`."
    ),
    Key.TLS_FAILED: "Run `openssl s_client -connect HOST:4460 -alpn ntske/1` on the node for {0}, and fix what it reports.",
}
"""What to do next about the servers, which stand for {0}."""


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge each key establishment that was tried."""
    # Remediation would write the others: chrony is not configured with them, so they
    # prove nothing here.
    servers = [server for server in record.section("nts")["servers"] if server.get("configured", True)]
    seen: dict[str, Any] = {"servers": servers}
    active = [d for d in time_daemons(record) if d.active]
    if active and all(d.daemon != "chrony" for d in active):
        unit = ", ".join(d.unit for d in active)
        return Finding(
            state="pass", summary=f"{unit} steers this clock, so chrony's servers with NTS are not asked", seen=seen
        )
    if not servers:
        sources = configuration_shown(record).sources
        if written := [s.name for s in sources if s.kind != "peer" and "nts" in s.options]:
            raise MissingEvidenceError(
                f"chrony's configuration has {listed(written)} with `nts`, and no server was asked", "nts"
            )
        return Finding(state="pass", summary="no server is authenticated with NTS", seen=seen)
    states = [(server, nts_state_with(record, server)) for server in servers]
    bad = [(server, state) for server, state in states if state != Key.ESTABLISHED]
    seen["problems"] = {server["server"]: state.words for server, state in bad}
    said = "; ".join(f"{server['server']}: {state.words} ({_detail(record, server)})" for server, state in bad)
    good = (
        f"{len(servers) - len(bad)} of {len(servers)} servers set up NTS with this node{_by_chronyd(record, servers)}"
    )
    if not bad:
        return Finding(state="pass", summary=good, seen=seen)
    if len(bad) < len(servers):
        return Finding(state="pass", summary=f"{good}; not: {said}", seen=seen)
    if others := _others(record):
        summary = f"{good} ({said}), but chronyd may select {listed(others)} without"
        return Finding(state="pass", summary=summary, seen=seen)
    keys = dict.fromkeys(state for _server, state in bad)
    remedies = [
        _REMEDY[key].format(listed([_address(server) for server, state in bad if state == key])) for key in keys
    ]
    return Finding(
        state="fail",
        summary=f"{good} ({said})",
        keys=tuple(sorted(keys)),
        cause=f"NTS: {', '.join(sorted(key.words for key in keys))}",
        why=_WHY,
        remedy=" ".join(remedies),
        seen=seen,
    )


def _detail(record: Record, server: Mapping[str, Any]) -> str:
    """What the node saw, and what chronyd said if it was started to try this server."""
    tried = tried_with_nts(record, server)
    return detail_of(server) if tried is None else f"{detail_of(server)}; chronyd -Q: {said_of(tried)}"


def _by_chronyd(record: Record, servers: Sequence[Mapping[str, Any]]) -> str:
    """Which servers a chronyd that was started to try them got the time from; else empty."""
    tried = [(server, tried_with_nts(record, server)) for server in servers]
    by_chronyd = [f"{server['server']} ({detail_of(server)})" for server, answer in tried if answer and works(answer)]
    if not by_chronyd:
        return ""
    return f"; chronyd -Q gets authenticated time of {listed(by_chronyd)}, so the node's own request does not count"


def _others(record: Record) -> Sequence[str]:
    """Sources without NTS from which chronyd may set the clock.

    Beside NTS, a plain server counts only under `authselectmode ignore`.

    Under `mix` a key or a reference clock does as well as NTS (chrony's sources.c,
    update_sel_options).
    """
    config = configuration_shown(record)
    others = [s for s in selectable(config) if not {"nts", "offline"} & set(s.options)]
    return [s.name for s in others if config.authselectmode != "mix" or s.authenticated or s.kind == "refclock"]


def _address(server: Mapping[str, Any]) -> str:
    """``time.example port 4460 (192.0.2.1)``."""
    others = [address for address in server["addresses"] if address != server["server"]]
    return f"{server['server']} port {server['port']}" + (f" ({', '.join(others)})" if others else "")
