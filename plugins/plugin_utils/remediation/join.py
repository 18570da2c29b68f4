"""How the clock of a node may be corrected: at once before the node joins a cluster, with care
after it, and never by a step that its roles forbid (model/roles.py).

chronyd's slew steps nothing: the clock runs up to a twelfth slower or faster until it is right.
After a long step forward, the leases and tokens of a joined node expire at once (kubernetes
#108844).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..clock.interval import Interval
from ..model.roles import NEVER, Objection, Roles, decisive, objections
from ..model.wording import listed, skew_text

SLEW_RATE = 0.083333
"""Seconds that chronyd slews in a second: maxslewrate is 83333 ppm by default (chrony.conf(5))."""


@dataclass(frozen=True)
class Correction:
    """``slew_s``: the longest time that a slew takes; None if the clock is stepped, or its skew is
    not known.
    """

    kind: Literal["step", "slew", "refuse"]
    why: str
    slew_s: float | None


def correction(
    skew_s: Interval | None,
    roles: Roles,
    *,
    wall_s: float,
    threshold_s: float,
    forward_limit_s: float,
    slew_limit_s: float,
    named_by_user: bool,
) -> Correction:
    """How chronyd is to start: step, slew (its option -R), or not at all.

    ``skew_s`` is node minus reference: positive is ahead, and then a step goes back. The whole
    interval counts. ``wall_s`` is what the node's clock shows. ``threshold_s`` is makestep's, below
    which chronyd never steps; ``forward_limit_s`` the longest step forward of a joined node;
    ``slew_limit_s`` how long a slew may take. ``named_by_user``: chrony_step_joined names this
    node, which overrules all but NEVER.
    """
    against = objections(roles, skew_s, wall_s)
    never = [objection for objection in against if objection.reason in NEVER]
    if not roles.joined and not never:
        return Correction("step", _without_a_cluster(roles), None)
    has = f"The node has joined a cluster ({listed(roles.joined, 3)})" if roles.joined else "No step back"
    if named_by_user and not never:
        return Correction("step", f"{has}, and chrony_step_joined names it: its clock is stepped.", None)
    if skew_s is None:
        return Correction(
            "refuse",
            f"{has}, and its skew is not known. chronyd would step the clock, maybe back. {_all(never or against[:1])}",
            None,
        )
    furthest_s = max(abs(skew_s.low), abs(skew_s.high))
    slew_s = furthest_s / SLEW_RATE
    off = f"{has} and its clock is {skew_text(skew_s)}" if roles.joined else f"The clock is {skew_text(skew_s)}"
    if furthest_s <= threshold_s:
        return Correction(
            "slew", f"{off}: chronyd does not step so little, it slews the clock in {_duration(slew_s)}.", slew_s
        )
    if not against and -forward_limit_s <= skew_s.low:
        return Correction("step", f"{off}: a step forward of at most {forward_limit_s:g} s is allowed.", None)
    if slew_s <= slew_limit_s:
        why = f"; {listed([objection.shown_by for objection in never])}" if never else ""
        return Correction("slew", f"{off}{why}: it is slewed in {_duration(slew_s)}, without a step.", slew_s)
    said = _all(decisive(against)) or (
        f"A step forward of more than {forward_limit_s:g} s makes leases and tokens expire at once. Drain the node and name it "
        "in chrony_step_joined, or remove it from the cluster first."
    )
    longer = f"chronyd's slew would take {_duration(slew_s)}, and the limit is {slew_limit_s:g} s"
    return Correction("refuse", f"{off}. {longer}. {said}", slew_s)


def _without_a_cluster(roles: Roles) -> str:
    said = "The node has joined no cluster: its clock is stepped at once."
    return f"{said} A step forwards does no harm to WireGuard." if roles.wireguard else said


def _all(against: list[Objection] | tuple[Objection, ...]) -> str:
    """Why not, and the ways out, in sentences."""
    return " ".join(f"{objection.words[0].upper()}{objection.words[1:]} {objection.way_out}" for objection in against)


def _duration(seconds: float) -> str:
    """
    >>> _duration(4.2), _duration(89), _duration(1200), _duration(7344)
    ('5 s', '89 s', '20 min', '2.0 h')
    """
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
