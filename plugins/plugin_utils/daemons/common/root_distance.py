"""A root distance that is too large: which part of it, whose it is, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from ...model.record import Record
from .long_polls import misses_once
from .replies import distance_text, reply_of
from .synchronisation import ErrorPart, Synchronisation

_WHERE_FROM: Mapping[ErrorPart, str] = {
    ErrorPart.ROOT_DELAY: "the packets take long on the way from the reference clock to this node",
    ErrorPart.DELAY: "the packets take long on the way from the source to this node",
    ErrorPart.ROOT_DISPERSION: "the source, or one that it follows, seldom hears of its reference, or is not sure of its time",
    ErrorPart.JITTER: "the packets of the source take now a short and now a long time, as on a link that is lossy or full",
}


def closer_source(sync: Synchronisation, record: Record) -> str:
    """What to do about an error that a step leaves: which part of it is large, and whose it is."""
    largest = max(sync.error_parts_s, key=lambda part: sync.error_parts_s[part])
    said = [f"Most of it is the {largest}: {_WHERE_FROM[largest]}."]
    for peer in sync.follows:
        if (reply := reply_of(record, peer)) and reply.synchronised:
            said.append(f"Of {peer.shown} itself, {distance_text(reply)}.")
    if sync.advice.poll and misses_once(sync):
        said.append(f"It also grows between updates: {sync.advice.poll}.")
    return (
        f"{' '.join(said)} A step of the clock does not help. Follow a source that is nearer to a reference clock. "
        f"{sync.advice.servers}"
    )
