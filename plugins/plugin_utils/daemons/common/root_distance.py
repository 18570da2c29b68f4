"""A root distance that is too large: which part of it, whose it is, and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...model.record import Record
from .long_polls import misses_once
from .replies import distance_text, reply_of
from .synchronisation import ErrorPart, Synchronisation, root_error

_IN_GENERAL: Mapping[ErrorPart, str] = {
    ErrorPart.ROOT_DELAY: "the packets take long on the way from the reference clock to this node",
    ErrorPart.DELAY: "the packets take long on the way from the source to this node",
    ErrorPart.ROOT_DISPERSION: "the source, or one that it follows, seldom hears of its reference, or is not sure of its time",
    ErrorPart.JITTER: "the packets of the source take now a short and now a long time, as on a link that is lossy or full",
    ErrorPart.BOUND: "the packets take long on the way from the source to this node, or the source is not sure of its time",
    ErrorPart.DRIFT: "the daemon has not updated it for a while",
}
_NOT_THE_SOURCES: Mapping[ErrorPart, str] = {
    ErrorPart.ROOT_DELAY: _IN_GENERAL[ErrorPart.DELAY],
    ErrorPart.ROOT_DISPERSION: "the daemon has few measurements, or poor or old ones, as after its start or over a lossy link",
}
"""If the source's own figure is small."""


def closer_source(sync: Synchronisation, record: Record) -> str:
    """What to do about an error that a step leaves: which part of it is large, and whose it is."""
    largest = max(sync.error_parts_s, key=lambda part: sync.error_parts_s[part])
    followed = {peer.shown: reply_of(record, peer) for peer in sync.follows}
    replies = {name: reply for name, reply in followed.items() if reply and reply.synchronised}
    own_s = [root_error(r.root_delay_s, r.root_dispersion_s).get(largest, math.inf) for r in replies.values()]
    elsewhere = bool(own_s) and max(own_s) < sync.error_parts_s[largest] / 2
    why = _NOT_THE_SOURCES[largest] if elsewhere else _IN_GENERAL[largest]
    said = [f"Most of it is {largest}: {why}."]
    said += [f"Of {name} itself, {distance_text(reply)}." for name, reply in replies.items()]
    if sync.advice.poll and misses_once(sync):
        said.append(f"It also grows between updates: {sync.advice.poll}.")
    return (
        f"{' '.join(said)} A step of the clock does not help. Follow a source that is nearer to a reference clock. "
        f"{sync.advice.servers}"
    )
