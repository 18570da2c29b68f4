"""Does the node's time daemon have sources that answer it, and has it selected one?

A daemon that is installed, enabled and active may still have nothing to follow: no server is
configured, names do not resolve, no server answers, or it trusts none. The node's clock itself
(chrony's `local`, ntpd's LOCL) is no source.

A source may answer and be of no use. A daemon discards the replies of a source that is not
synchronised itself, or whose root distance (root delay / 2 + root dispersion) is above its limit: 5
s with timesyncd (RootDistanceMaxSec), 3 s with chronyd (maxdistance), 1.5 s with ntpd (tos
maxdist). The finding gives the reason if the daemon shows it, or if the node asked that server too.

Passes if a source is selected and has answered one of its last eight polls. Skipped if its sources
are servers that ntp_servers asked too, and that did not answer there either.

chronyd, ntpd, NTPsec, OpenNTPD, ntpd-rs, systemd-timesyncd and ptp4l are asked, each with its tool.
ntpd-rs does not show which sources it follows: that is worked out from its figures, by its own
rule. It follows none unless `minimum-agreeing-sources` of them agree (3 by default). ClockBound 3
shows no sources, but its status shows whether it has one: Synchronized does, FreeRunning means that
none answers, and with Unknown and Disrupted it uses none. The check is inconclusive for BusyBox's
ntpd, which cannot be asked, and for an ntpd-rs whose `ntp.toml` sets no `observation-path`.
sync_state checks whether the daemon's claim is true.

What to do: name servers that answer this node in its daemon's configuration, or let the gate
change it to chrony with `chrony_servers` (or run playbook skewgate.preflight.remediate). If a
server's root distance is too large, name a server that is nearer to a reference clock, or raise
the daemon's limit if the clients tolerate it. If the servers are right and silent, ntp_servers
reports what blocks them.

Source: chronyc(1), "sources"; ntpq(1), the tally codes; ntpctl(8); ntp-ctl(8) and ntp.toml(5);
timedatectl(1), "show-timesync"; pmc(8). plugin_utils/daemons describes how each is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from ..chrony.sources import host_key
from ..daemons import discover, sections_of
from ..daemons.common.asking import ask
from ..daemons.common.replies import reason_of
from ..daemons.common.synchronisation import Peer, Reason, Synchronisation, Unfit
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
    ROOT_DISTANCE = "source_root_distance_too_large"
    NOT_SYNCHRONISED = "source_not_synchronised"


_WHY = "A daemon that follows no source lets the clock drift, and still reports that it runs."


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge what the daemon reports of its sources."""
    sync = ask(record, "source")
    if isinstance(sync, Finding):
        return sync
    daemon, peers = sync.daemon, sync.peers
    if not peers:
        return _fail(sync, Key.NONE_CONFIGURED, f"{daemon} has no source: none is configured", "no source configured")
    if all(peer.state == "unresolved" for peer in peers):
        unresolved = _fail(
            sync,
            Key.NONE_RESOLVES,
            f"no name of {daemon}'s sources resolves ({_names(peers)})",
            "names of sources do not resolve",
            first="Fix the node's resolver (`getent ahosts NAME`, /etc/resolv.conf), or use addresses instead of names. ",
        )
        return _reported_once(unresolved, record, peers)
    unused = [peer for peer in (*peers, *sync.spare) if not (peer.selected and peer.answers)]
    reasons = {peer: reason_of(record, peer, sync.distance_limit) for peer in unused}
    if discarded := _discards(sync, record, reasons):
        return discarded
    if not any(peer.answers for peer in peers):
        silent = _fail(
            sync,
            Key.NONE_ANSWERS,
            f"none of {daemon}'s sources answers ({_names(peers, reasons)})",
            "no source answers",
        )
        return _reported_once(silent, record, peers)
    selected = [peer for peer in peers if peer.selected]
    if not selected:
        states = _names(peers, reasons, states=True)
        return _fail(
            sync,
            Key.NONE_SELECTED,
            f"{daemon} has selected no source ({states})",
            "no source selected",
            first="If the daemon was just started, run the check again in some minutes. If it stays so: ",
        )
    if not sync.follows:
        return _fail(
            sync,
            Key.SELECTED_IS_SILENT,
            f"the selected source {_names(selected)} no longer answers (reach 0)",
            "the selected source is silent",
        )
    summary = f"{daemon} follows {_names(selected)}, of {len(peers)} in all{_notes(peers)}"
    return Finding(state="pass", summary=summary, seen=_shown(sync))


def _discards(sync: Synchronisation, record: Record, reasons: Mapping[Peer, Reason | None]) -> Finding | None:
    """The sources answer and the daemon uses none, because their answers are beyond its limits.

    None if one is used, or seems not to answer, or may still be used later.
    """
    unfit = {reason.unfit for peer, reason in reasons.items() if reason and _replies(peer, reason)}
    is_known = all(reasons.get(peer) is not None for peer in sync.peers if peer.answers)
    spare = [peer for peer in sync.spare if reasons.get(peer)]
    summary = f"{sync.daemon} discards the answers of its sources ({_names([*sync.peers, *spare], reasons)})"
    if not is_known or Unfit.OTHER in unfit:
        return None
    if Unfit.ROOT_DISTANCE in unfit:
        setting = f"{sync.distance_limit.setting}, and " if sync.distance_limit else ""
        return _fail(
            sync,
            Key.ROOT_DISTANCE,
            summary,
            "the root distance of the sources is too large",
            first="Use a server that is nearer to a reference clock, with a smaller root delay and root dispersion (a Windows "
            "server shows them with `w32tm /query /status`). ",
            last=f" Or raise {setting}gate_max_clock_error_s, if all that runs on this node tolerates such an error.",
        )
    if Unfit.NOT_SYNCHRONISED in unfit:
        cause, first = "the sources are not synchronised themselves", "Synchronise these servers, or use others. "
        return _reported_once(_fail(sync, Key.NOT_SYNCHRONISED, summary, cause, first=first), record, sync.peers)
    return None


def _fail(sync: Synchronisation, key: Key, summary: str, cause: str, *, first: str = "", last: str = "") -> Finding:
    """A failure; ``first`` and ``last``: what else to do, before and after the daemon's advice."""
    own = f"; it follows the node's own clock ({sync.refid})" if sync.own_clock else ""
    return Finding(
        state="fail",
        summary=summary + own,
        why=_WHY,
        remedy=first + sync.advice.servers + last,
        seen=_shown(sync),
        keys=(key,),
        cause=cause,
    )


def _shown(sync: Synchronisation) -> dict[str, object]:
    return {
        "daemon": sync.daemon,
        "unit": sync.unit,
        "sources": [_seen(peer) for peer in sync.peers],
        "refid": sync.refid,
    }


_NOTED = {"falseticker": "falsetickers", "unreachable": "silent", "unresolved": "not resolved"}


def _notes(peers: Sequence[Peer]) -> str:
    """The sources that are of no use, beside the one that is followed."""
    those = {words: [peer for peer in peers if peer.state == state] for state, words in _NOTED.items()}
    return "".join(f"; {words}: {_names(found)}" for words, found in those.items() if found)


def _reported_once(finding: Finding, record: Record, peers: Iterable[Peer]) -> Finding:
    """Skipped if ntp_servers asked all of the daemon's sources too,
    and no server answered it either.
    """
    servers = (record.evidence.get("ntp") or {}).get("servers") or []
    asked = {name for server in servers for name in (server["server"], *(server.get("addresses") or []))}
    answered = any(reference.skew_s for reference in record.skew.ntp.values())
    keys = {*map(host_key, asked)}
    if answered or not all({host_key(peer.name), host_key(peer.address)} & keys for peer in peers):
        return finding
    return replace(
        finding,
        state="skipped",
        why="ntp_servers found the cause: these servers give this node no usable answer.",
        remedy="Fix what ntp_servers reports, then run the check again.",
    )


def _replies(peer: Peer, reason: Reason) -> bool:
    """Whether a source that is not used does answer: by its reach, or to the node itself."""
    return peer.answers or reason.unfit is not Unfit.OTHER


def _names(peers: Iterable[Peer], reasons: Mapping[Peer, Reason | None] | None = None, *, states: bool = False) -> str:
    """The sources' names, with the state and the reason why it is not used, if wanted and known."""
    names = []
    for peer in peers:
        reason = (reasons or {}).get(peer)
        said = [*([str(peer.state)] if states else []), *([reason.words] if reason else [])]
        names.append(f"{peer.shown}: {', '.join(said)}" if said else peer.shown)
    return ", ".join(names)


def _seen(peer: Peer) -> dict[str, object]:
    return {
        "name": peer.shown,
        "state": peer.state,
        "stratum": peer.stratum,
        "reach": None if peer.reach is None else f"{peer.reach:o}",
        "offset_s": peer.offset_s,
    }
