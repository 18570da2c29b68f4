"""Has the node's time daemon sources, do they answer it, and has it selected one?

A daemon that is installed, enabled and active may still have nothing to follow: no server configured, names that don't
resolve, none that answers, none that it trusts. The node's own clock (chrony's `local`, ntpd's LOCL) is no source.

Passes where a source is selected and has answered one of its last eight polls. Skipped where its sources are servers that
ntp_servers asked too, and that answered neither.

Asked of chronyd, ntpd, NTPsec, OpenNTPD, systemd-timesyncd and ptp4l, each by its own tool; inconclusive for BusyBox's ntpd,
which can't be asked. Whether what the daemon then claims is true is what sync_state asks.

What to do: name servers that answer this node in its daemon's configuration, or let the gate change it to chrony with
`chrony_servers` (or playbook skewgate.preflight.remediate). Where the servers are right and silent, ntp_servers tells what in the
network it is.

Source: chronyc(1), "sources"; ntpq(1), the tally codes; ntpctl(8); timedatectl(1), "show-timesync"; pmc(8). How each is read
stands in plugin_utils/daemons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum

from ..daemons import discover, sections_of
from ..daemons.common.asking import ask
from ..daemons.common.synchronisation import Peer
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import Record

NEEDS = ("collected", "time_services")
READS = sections_of(daemon for daemon in discover().values() if daemon.ask)
REMEDIABLE = True


class Key(StrEnum):
    """Why the daemon follows no source."""

    NONE_CONFIGURED = "no_source_configured"
    NONE_RESOLVES = "no_source_resolves"
    NONE_ANSWERS = "no_source_answers"
    NONE_SELECTED = "no_source_selected"
    SELECTED_IS_SILENT = "selected_source_silent"


_WHY = (
    "A daemon without a source that it follows leaves the clock to drift, and reports itself as running all the same."
)


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge what the daemon itself says of its sources."""
    sync = ask(record, "source")
    if isinstance(sync, Finding):
        return sync
    daemon, peers = sync.daemon, sync.peers
    seen = {"daemon": daemon, "unit": sync.unit, "sources": [_seen(peer) for peer in peers], "refid": sync.refid}

    def fail(key: Key, summary: str, cause: str, first: str = "") -> Finding:
        own = f"; it follows the node's own clock ({sync.refid})" if sync.own_clock else ""
        return Finding(
            state="fail",
            summary=summary + own,
            why=_WHY,
            remedy=first + sync.advice.servers,
            seen=seen,
            keys=(key,),
            cause=cause,
        )

    if not peers:
        return fail(Key.NONE_CONFIGURED, f"{daemon} has no source: none is configured", "no source configured")
    if all(peer.state == "unresolved" for peer in peers):
        unresolved = fail(
            Key.NONE_RESOLVES,
            f"no name of {daemon}'s sources resolves ({_names(peers)})",
            "names of sources don't resolve",
            "See the node's resolver (`getent ahosts NAME`, /etc/resolv.conf), or name addresses. ",
        )
        return _told_once(unresolved, record, peers)
    if not any(peer.answers for peer in peers):
        silent = fail(Key.NONE_ANSWERS, f"none of {daemon}'s sources answers ({_names(peers)})", "no source answers")
        return _told_once(silent, record, peers)
    selected = [peer for peer in peers if peer.selected]
    if not selected:
        states = ", ".join(f"{peer.name}: {peer.state}" for peer in peers)
        return fail(
            Key.NONE_SELECTED,
            f"{daemon} has selected no source ({states})",
            "no source selected",
            "A daemon that was just started needs some minutes: check again. If it stays so: ",
        )
    if not sync.follows:
        return fail(
            Key.SELECTED_IS_SILENT,
            f"the selected source {_names(selected)} no longer answers (reach 0)",
            "the selected source is silent",
        )
    summary = f"{daemon} follows {_names(selected)}, of {len(peers)} in all{_notes(peers)}"
    return Finding(state="pass", summary=summary, seen=seen)


_NOTED = {"falseticker": "falsetickers", "unreachable": "silent", "unresolved": "not resolved"}


def _notes(peers: Sequence[Peer]) -> str:
    """Those that are of no use beside the one that is followed."""
    those = {words: [peer for peer in peers if peer.state == state] for state, words in _NOTED.items()}
    return "".join(f"; {words}: {_names(found)}" for words, found in those.items() if found)


def _told_once(finding: Finding, record: Record, peers: Iterable[Peer]) -> Finding:
    """Skipped where the daemon's sources are among the servers that ntp_servers asked, and none of these answered it either."""
    servers = (record.evidence.get("ntp") or {}).get("servers") or []
    asked = {name for server in servers for name in (server["server"], *(server.get("addresses") or []))}
    answered = any(reference.skew_s for reference in record.skew.ntp.values())
    if answered or not asked.issuperset(peer.name for peer in peers):
        return finding
    return replace(
        finding,
        state="skipped",
        why="It follows from what ntp_servers found: these servers answer nobody on this node.",
        remedy="Fix what ntp_servers says, and check again.",
    )


def _names(peers: Iterable[Peer]) -> str:
    return ", ".join(peer.name for peer in peers)


def _seen(peer: Peer) -> dict[str, object]:
    return {
        "name": peer.name,
        "state": peer.state,
        "stratum": peer.stratum,
        "reach": None if peer.reach is None else f"{peer.reach:o}",
        "offset_s": peer.offset_s,
    }
