"""How the clock of a node may be corrected: at once before the node joins a cluster,
with care after it.

A step back makes a joined node NotReady until its clock has passed its lease's RenewTime
(kubernetes #113081). After a long step forward, its leases and tokens expire at once
(kubernetes #108844). chronyd's slew does neither: the clock runs up to a twelfth slower or
faster until it is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..clock.interval import Interval
from ..model.wording import listed, skew_text

SLEW_RATE = 0.083333
"""Seconds that chronyd slews in a second: maxslewrate is 83333 ppm by default (chrony.conf(5))."""


@dataclass(frozen=True)
class Correction:
    """``slew_s``: the longest time that a slew takes;
    None if the clock is stepped, or its skew is not known.
    """

    kind: Literal["step", "slew", "refuse"]
    why: str
    slew_s: float | None


def joined(join_state: Mapping[str, Any]) -> list[str]:
    """What shows that the node works in a cluster, from the evidence's section ``join_state``;
    empty if nothing does.

    A path that the check may not see counts too: then it is not known that the node has not joined.
    """
    paths = join_state["paths"]
    return [
        *(path for path, there in paths.items() if there),
        *(f"{name} runs" for name in join_state["processes"]),
        *(f"{path}, which may not be seen" for path, there in paths.items() if there is None),
    ]


def correction(
    skew_s: Interval | None,
    joined: Sequence[str],
    *,
    threshold_s: float,
    forward_limit_s: float,
    slew_limit_s: float,
    named_by_user: bool,
) -> Correction:
    """How chronyd is to start: step, slew (its option -R), or not at all.

    ``skew_s`` is node minus reference: positive is ahead, and then a step goes back. ``joined``
    is the result of the function ``joined``. For a joined node the whole interval counts.
    ``threshold_s`` is makestep's, below which chronyd never steps; ``forward_limit_s`` the
    longest step forward; ``slew_limit_s`` how long a slew may take. ``named_by_user``:
    chrony_step_joined names this node.
    """
    if not joined:
        return Correction("step", "The node has joined no cluster: its clock is stepped at once.", None)
    has = f"The node has joined a cluster ({listed(joined, 3)})"
    if named_by_user:
        return Correction("step", f"{has}, and chrony_step_joined names it: its clock is stepped.", None)
    next_ = "Drain the node and name it in chrony_step_joined, or remove it from the cluster first."
    if skew_s is None:
        return Correction(
            "refuse",
            f"{has}, and its skew is not known. chronyd would step the clock, maybe back, and a step back makes a "
            f"joined node NotReady until its clock has passed its lease. {next_}",
            None,
        )
    furthest_s = max(abs(skew_s.low), abs(skew_s.high))
    slew_s = furthest_s / SLEW_RATE
    off = f"{has} and its clock is {skew_text(skew_s)}"
    if furthest_s <= threshold_s:
        return Correction(
            "slew", f"{off}: chronyd does not step so little, it slews the clock in {_duration(slew_s)}.", slew_s
        )
    if -forward_limit_s <= skew_s.low and skew_s.high <= 0:
        return Correction("step", f"{off}: a step forward of at most {forward_limit_s:g} s is allowed.", None)
    if slew_s <= slew_limit_s:
        return Correction("slew", f"{off}: it is slewed in {_duration(slew_s)}, without a step.", slew_s)
    harm = (
        "A step back makes a joined node NotReady until its clock has passed its lease, and its programs see time jump"
        if skew_s.high > 0
        else f"A step forward of more than {forward_limit_s:g} s makes leases and tokens expire at once"
    )
    return Correction("refuse", f"{off}. {harm}; chronyd's slew would take {_duration(slew_s)}. {next_}", slew_s)


def _duration(seconds: float) -> str:
    """
    >>> _duration(4.2), _duration(89), _duration(1200), _duration(7344)
    ('5 s', '89 s', '20 min', '2.0 h')
    """
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
