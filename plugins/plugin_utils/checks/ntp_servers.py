"""Do the NTP servers of this node answer it, and if not, what in the network blocks them?

The node itself asks the servers of `gate_ntp_servers` with plain NTP packets, whatever daemon runs
there. If a server does not answer here, it is blocked on the way, down, or refuses this node. A
daemon configured with it would wait for ever. The finding distinguishes these cases, and says what
to ask for and whom:

- no reply from any server while the API answers over TCP 443: UDP 123 is blocked
- no reply from one server: it is down, or blocked alone
- refused (ICMP port unreachable): the host is up, and no NTP server listens there, or
  a firewall rejects it
- no route, or a name that is not resolved: of the servers alone, or of the API too
- no reply, though the same server answered the last request of the node's time daemon: it limits
  how often this address may ask, packets are lost, a firewall lets only the daemon's port pass, or
  the way was blocked since then
- kiss-o'-death: it answers, and refuses this node (DENY, RSTR) or limits how often
  it is asked (RATE)
- it answers, but its time is not usable (leap, stratum, root distance), or something else
  answers in its place

Passes if at least one server gives a usable answer: it echoes the request, is a server (mode 4), is
synchronised itself (leap, stratum) and near enough to its reference (root distance). Fails if no
server does. If the servers only limit how often they are asked, or answer the node's daemon, the
check is inconclusive.

What to do: ask the network team for what the finding names (mostly UDP port 123 to these servers
and back). Or name servers in `gate_ntp_servers` that the node reaches.

Source: RFC 5905, sections 7.3, 7.4, 8 and 9.2, and its appendix A.5.1.1; RFC 1122, section 4.1.3.1,
for the port unreachable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

from ..chrony.sources import host_key
from ..clock.ntp_packet import Kind
from ..clock.skew import Reference
from ..daemons.common.asking import answered, synchronisation
from ..daemons.common.daemon import CannotBeAskedError
from ..daemons.common.synchronisation import Peer
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record
from ..model.wording import listed

NEEDS = ("ntp",)
REMEDIABLE = False


class Key(StrEnum):
    """What blocks the way between the node and its NTP servers."""

    NOT_ASKED = "not_asked"
    ASK_LESS = "kiss_rate"
    DAEMON_IS_ANSWERED = "answers_the_daemon_alone"
    NOTHING_ANSWERS = "nothing_answers"
    SERVER_DOWN = "server_blocked_or_down"
    UDP_BLOCKED = "udp_123_blocked"
    UDP_BLOCKED_OR_NO_NETWORK = "udp_123_blocked_or_no_network"
    NO_DNS = "dns_does_not_work"
    NAMES_NOT_RESOLVED = "names_not_resolved"
    KISS = "kiss_o_death"
    NO_ROUTE = "no_route"
    REFUSED = "refused"
    COULD_NOT_ASK = "could_not_ask"
    NO_NTP_SERVER = "no_ntp_server"
    BAD_TIME = "no_good_time"
    MIXED = "several_causes"


_WHY = "A time daemon with these servers never synchronises, whatever its configuration says."
_OTHERS = "Or name servers in gate_ntp_servers that answer this node."

_SHORT: Mapping[Kind, str] = {
    "dns": "name not resolved",
    "unreachable": "no route",
    "refused": "refused",
    "silent": "no reply",
    "other": "could not be asked",
    "strange": "no NTP server there",
    "kiss": "kiss-o'-death",
    "bad_time": "unusable time",
}

_ASK: Mapping[Kind, str] = {
    "dns": (
        "Check the node's resolver (/etc/resolv.conf; `getent hosts NAME`) for {0}. If no resolver answers, ask the network team "
        "for UDP and TCP port 53 from this node to it."
    ),
    "unreachable": (
        "Give this node a route to {0} (`ip route get ADDRESS` shows the present one). If a firewall answers so, ask the network "
        "team for UDP from this node to port 123 there."
    ),
    "refused": (
        "Check that an NTP server runs on {0} and listens for this node (chronyd opens its port only with `allow`). Or ask the "
        "network team whether a firewall rejects UDP from this node to port 123 there."
    ),
    "silent": (
        "Ask the network team for UDP from this node to port 123 of {0}, and for the replies from port 123 back to this node. "
        "If that is open, the server is down or drops this node's requests, for example because it limits how often one address "
        "may ask and many nodes share that address."
    ),
    "other": "Look at the node's error for {0} in the evidence, fix it, then run the check again.",
    "strange": "Ask the network team which machine answers UDP port 123 in the place of {0}.",
    "kiss": "Ask the operator of {0} to serve this node's address.",
    "bad_time": "Fix the server, not the node: on {0}, run `chronyc tracking` and `chronyc sources` to see which "
    "sources it follows.",
}
_OWN_SERVERS = "For many nodes behind one address, use NTP servers that you run."
_ASK_LESS = f"Wait some minutes, then run the check again. {{0}} limits how often it is asked. {_OWN_SERVERS}"
_WHY_DAEMON_ALONE = (
    "The servers limit how often this address may ask, packets are lost, or a firewall lets only the daemon's port pass. Or the "
    "way to them was blocked since then."
)
_OF_DAEMON = (
    "Wait some minutes, then run the check again. If it stays so, ask the operator of {0} whether the server limits how often "
    "one address may ask (chronyd's `ratelimit`), and the network team whether a firewall lets only packets from UDP port 123 "
    f"pass (ntpd sends from that port, the check does not). {_OWN_SERVERS}"
)


_OF_ALL: Mapping[Kind, tuple[Key, str]] = {
    "unreachable": (Key.NO_ROUTE, "no route to the NTP servers"),
    "refused": (Key.REFUSED, "NTP refused: nothing listens on UDP 123"),
    "other": (Key.COULD_NOT_ASK, "the NTP servers could not be asked"),
    "strange": (Key.NO_NTP_SERVER, "something else than an NTP server answers"),
    "bad_time": (Key.BAD_TIME, "the NTP servers' time is not usable"),
}


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge each server's replies."""
    asked = record.skew.ntp
    bad = {name: reference for name, reference in asked.items() if not reference.skew_s}
    seen = {
        "servers": {name: reference.detail for name, reference in asked.items()},
        "usable": [name for name in asked if name not in bad],
        "problems": {name: _kind(reference) for name, reference in bad.items()},
        "tcp_works": _tcp_works(record.evidence),
    }
    servers = record.section("ntp").get("servers")
    if not asked and servers:
        raise MissingEvidenceError(record.skew.unknown_because, "ntp")
    if not asked:
        return Finding(
            state="inconclusive",
            summary="no NTP server was asked",
            why="Without a server to compare with and to synchronise to, the clock cannot be judged.",
            remedy="Name your NTP servers in gate_ntp_servers.",
            seen=seen,
            keys=(Key.NOT_ASKED,),
            cause="no NTP server was asked",
        )
    unusable = "; ".join(f"{name}: {reference.detail}" for name, reference in bad.items())
    if len(bad) < len(asked):
        note = f"; not usable: {unusable}" if bad else ""
        return Finding(
            state="pass",
            summary=f"{len(asked) - len(bad)} of {len(asked)} NTP servers answer this node{note}",
            seen=seen,
        )
    return _none_answers(record, bad, unusable, seen)


def _none_answers(record: Record, bad: Mapping[str, Reference], said: str, seen: Mapping[str, Any]) -> Finding:
    """No server gives a usable answer: what blocks it, and whom to ask for what."""
    codes = {reference.problem.code for reference in bad.values() if reference.problem}
    if codes == {"RATE"}:
        return Finding(
            state="inconclusive",
            summary=f"the NTP servers limit how often this node may ask them ({said})",
            keys=(Key.ASK_LESS,),
            cause="kiss-o'-death RATE",
            why=_WHY,
            remedy=_ASK_LESS.format(listed(list(bad))),
            seen=seen,
        )
    kinds = {name: _kind(reference) for name, reference in bad.items()}
    addresses = {server["server"]: server.get("addresses") or [] for server in record.section("ntp")["servers"]}
    silent = {name: addresses.get(name, ()) for name, kind in kinds.items() if kind == "silent"}
    if by_daemon := answered(_peers(record), silent):
        ago_s = [last_s for last_s in by_daemon.values() if last_s is not None]
        when = f" ({min(ago_s):.0f} s ago)" if ago_s else ""
        names = listed(list(by_daemon))
        return Finding(
            state="inconclusive",
            summary=f"{names} answered the last request of this node's time daemon{when}, but none of the check ({said})",
            keys=(Key.DAEMON_IS_ANSWERED,),
            cause="the NTP servers answer the node's daemon alone",
            why=_WHY_DAEMON_ALONE,
            remedy=_OF_DAEMON.format(names),
            seen=seen,
        )
    evidence = record.evidence
    key, about, cause = _cause(kinds, codes, tcp_works=_tcp_works(evidence), dns_works=_dns_works(evidence))
    summary = f"none of {len(bad)} NTP servers gives this node a usable answer ({said})"
    summary += f": {cause}" if len(set(kinds.values())) == 1 else ""
    asks = [
        _ASK[kind].format(_with_addresses([name for name in kinds if kinds[name] == kind], addresses))
        for kind in dict.fromkeys(kinds.values())
    ]
    return Finding(
        state="fail",
        summary=summary,
        keys=(key,),
        about=about,
        cause=cause,
        why=_WHY,
        remedy=" ".join([*asks, _OTHERS]),
        seen=seen,
    )


def _peers(record: Record) -> Sequence[Peer]:
    """The daemon's sources, if other checks had its sections taken; they are not taken for this."""
    with suppress(MissingEvidenceError, CannotBeAskedError):
        return synchronisation(record).peers
    return ()


def _kind(reference: Reference) -> Kind:
    return reference.problem.kind if reference.problem else "other"


def _cause(
    kinds: Mapping[str, Kind], codes: set[str], *, tcp_works: bool | None, dns_works: bool | None
) -> tuple[Key, tuple[str, ...], str]:
    """What blocks the servers, the same for every node with this cause: its key, the
    servers, and words.

    With one server alone, network and server cannot be distinguished.
    """
    found = set(kinds.values())
    if len(found) > 1:
        short = sorted({_SHORT[kind] for kind in found})
        return Key.MIXED, tuple(sorted(found)), f"no usable NTP server: {', '.join(short)}"
    kind = found.pop()
    if kind == "silent":
        return _cause_of_silence(list(kinds), tcp_works)
    if kind == "dns" and dns_works is False:
        return Key.NO_DNS, (), "DNS does not work"
    if kind == "dns":
        return Key.NAMES_NOT_RESOLVED, (), "the NTP servers' names are not resolved"
    if kind == "kiss":
        return Key.KISS, tuple(sorted(codes)), f"kiss-o'-death {', '.join(sorted(codes))}"
    key, words = _OF_ALL[kind]
    return key, (), words


def _cause_of_silence(names: Sequence[str], tcp_works: bool | None) -> tuple[Key, tuple[str, ...], str]:
    if tcp_works is False:
        return Key.NOTHING_ANSWERS, (), "nothing answers this node, neither over UDP 123 nor over TCP"
    if len(names) == 1:
        return Key.SERVER_DOWN, tuple(names), f"{names[0]} is blocked or down"
    if tcp_works:
        return Key.UDP_BLOCKED, (), "UDP 123 blocked"
    return Key.UDP_BLOCKED_OR_NO_NETWORK, (), "UDP 123 blocked, or no network at all"


def _with_addresses(names: Sequence[str], addresses: Mapping[str, Sequence[str]]) -> str:
    """``ntp1.example (192.0.2.1, 2001:db8::1), 192.0.2.2``."""
    unusable = []
    for name in names:
        others = [address for address in addresses.get(name, ()) if host_key(address) != host_key(name)]
        unusable.append(f"{name} ({', '.join(others)})" if others else name)
    return listed(unusable)


def _tcp_works(evidence: Mapping[str, Any]) -> bool | None:
    """Whether the node could connect to an API; None if none was asked, or no name was resolved."""
    phases = _api_phases(evidence)
    if phases & {"answered", "tls", "reply"}:
        return True
    return False if "connect" in phases else None


def _dns_works(evidence: Mapping[str, Any]) -> bool | None:
    """Whether an API's name was resolved on the node;
    None if none was asked, or a proxy does that.
    """
    phases = _api_phases(evidence)
    if "dns" in phases:
        return False
    return True if phases & {"answered", "connect", "tls", "reply"} else None


def _api_phases(evidence: Mapping[str, Any]) -> set[str]:
    """How far the requests to the APIs came."""
    apis = (evidence.get("api_date") or {}).get("apis") or []
    answers = [answer for api in apis for answer in api.get("answers") or []]
    return {answer["error"]["phase"] if answer.get("error") else "answered" for answer in answers}
