"""How chronyd is started: only if it would start, and with a slew instead of a step if the node's
roles forbid one.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ..chrony.config import ChronyConfig
from ..chrony.faults import Place
from ..chrony.next_start import Reason, stops
from ..chrony.rules import ends_next_start
from ..clock.interval import Interval
from ..model.record import Record
from ..model.wording import listed
from .distributions import Distribution
from .planned import RefusedError
from .settings import is_number


def refuse_step(skew_s: Interval | None, config: ChronyConfig, *, unit: str, exec_start: str, variable: str) -> None:
    """-R in the environment file makes chronyd slew; raises RefusedError if it could step.

    ``exec_start``: how ``unit`` starts chronyd; ``variable``: the variable of its options in
    the environment file.
    """
    makestep = config.last("makestep")
    # chronyd(8): -R ignores makestep only with a positive limit.
    if makestep and skew_s and makestep.arguments[1:2] and makestep.arguments[1].startswith("-"):
        threshold = makestep.arguments[0]
        if not is_number(threshold) or max(-skew_s.low, skew_s.high) > float(threshold):
            raise RefusedError(
                f"This node's clock must not be stepped, and `{makestep.text}` ({makestep.file}) would step it: with a "
                "negative number of updates chronyd's option -R does not prevent that. Give a positive number, for example "
                "`makestep 1 3` (chrony_makestep, chrony_extra_lines)."
            )
    if exec_start and f"${variable}" not in exec_start.replace("{", ""):
        raise RefusedError(
            f"This node's clock must not be stepped, and chronyd cannot be prevented from that: {unit} runs "
            f"`{exec_start}`, "
            f"without the options in ${variable}. Add ${variable} to its ExecStart=."
        )


LEAST_THRESHOLD_S = 0.1
"""With WireGuard, makestep's threshold may not be less: after the step forwards of its first update
chronyd would step each small rest too, back as well."""


def refuse_later_step(config: ChronyConfig) -> None:
    """Raises RefusedError if chronyd could step back a clock that is right by now.

    The clock of a node with WireGuard must never go back.
    """
    makestep = config.last("makestep")
    if not makestep:
        return
    threshold, updates = [*makestep.arguments, "", ""][:2]
    if updates.startswith("-") or not is_number(threshold) or float(threshold) < LEAST_THRESHOLD_S:
        raise RefusedError(
            f"This node has WireGuard, and `{makestep.text}` ({makestep.file}) could step its clock back at any time. Peers "
            "would refuse its handshakes then. Give a threshold of 0.1 s or more and a positive number of updates, for example "
            "`makestep 1 3` (chrony_makestep, chrony_extra_lines)."
        )


_FIX_FIRST = "Fix that first (the role writes such lines from chrony_extra_lines). Do not restart chronyd before that."


def refuse_failing_start(config: ChronyConfig, before: ChronyConfig) -> None:
    """Raises RefusedError if chronyd would not start with its new configuration.

    It may run well now.

    ``before``: its present configuration. If the node was not asked about something, it looks for
    that itself, before anything is changed (`needs`). If this cannot be known, the start itself is
    the proof, and a start that fails is undone. This is refused if the former files would not start
    chronyd again either.
    """
    if lines := _lines(ends_next_start(config)):
        raise RefusedError(f"chronyd would not start with {lines}. {_FIX_FIRST}")
    without_need = [stop.place for stop in stops(config) if stop.reason is Reason.UNKNOWN and stop.need is None]
    unknown, former = _lines(without_need), _lines(ends_next_start(before))
    if unknown and former:
        raise RefusedError(
            f"Only a start shows whether chronyd starts with {unknown}, and it could not be undone: the former files would not "
            f"start chronyd again, with {former}. {_FIX_FIRST}"
        )


def needs(config: ChronyConfig) -> list[dict[str, Any]]:
    """What the node must look for before chronyd is started,
    as the module node_remediate takes it.
    """
    return [
        {"line": stop.place.where, **asdict(stop.need), "one_of": [*stop.need.one_of]}
        for stop in stops(config)
        if stop.need is not None
    ]


def _lines(places: Iterable[Place]) -> str:
    return listed([str(place) for place in places])


def chronyd_options(record: Record, platform: Distribution) -> str:
    """chronyd's options in the distribution's file (the last line of several), without -s.

    With -s chronyd sets the clock from the RTC at its start (chronyd(8)).
    """
    found = platform.options
    for file in (record.evidence.get("chrony") or {}).get("defaults") or []:
        for line in file["text"].splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and name == platform.options_variable:
                found = " ".join(shlex.split(value, comments=True))
    return " ".join(word for word in found.split() if word != "-s")
