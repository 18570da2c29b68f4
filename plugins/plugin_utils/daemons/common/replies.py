"""The replies of a daemon's sources to the node itself: why the daemon can't use one that
answers.
"""

from __future__ import annotations

from ...clock.ntp_packet import Header, header_of
from ...model.record import Record
from .synchronisation import DistanceLimit, Peer, Reason, Unfit


def reply_of(record: Record, peer: Peer) -> Header | None:
    """This source's best reply to the node itself, from the section ``ntp``; None if it was not
    asked or did not reply.
    """
    names = {peer.name, peer.address} - {""}
    servers = (record.evidence.get("ntp") or {}).get("servers") or []
    samples = [
        sample
        for server in servers
        for sample in server.get("samples") or []
        if (
            sample["address"] == peer.address
            if peer.address
            else server["server"] in names or sample["address"] in names
        )
    ]
    headers = [header for header in map(header_of, samples) if header is not None]
    return min(headers, key=lambda h: (not h.synchronised, h.root_distance_s), default=None)


def reason_of(record: Record, peer: Peer, limit: DistanceLimit | None) -> Reason | None:
    """Why the daemon does not use this source: the daemon's reason, or else from the source's
    reply.
    """
    reply = reply_of(record, peer)
    if reply is None or (peer.reason and peer.reason.unfit is not Unfit.ROOT_DISTANCE):
        return peer.reason
    if not reply.synchronised:
        words = f"it answers, but is not synchronised itself (leap {reply.leap}, stratum {reply.stratum})"
        return Reason(Unfit.NOT_SYNCHRONISED, words)
    if limit and reply.root_distance_s > limit.limit_s:
        return Reason(
            Unfit.ROOT_DISTANCE, f"it answers, but {distance_text(reply)}, above {limit.limit_s:g} s ({limit.setting})"
        )
    return peer.reason


def distance_text(reply: Header) -> str:
    """A source's root distance and what it is made of, in half a sentence."""
    return (
        f"its root distance is {reply.root_distance_s:.3f} s (root delay {reply.root_delay_s:.3f} s / 2 + root dispersion "
        f"{reply.root_dispersion_s:.3f} s)"
    )
