"""The form of a descriptor, and of what is found on a node by descriptors: a daemon's unit, and its
first correction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...model.record import MissingEvidenceError, Record
from .synchronisation import Synchronisation

NEVER = math.inf


class CannotBeAskedError(MissingEvidenceError):
    """The daemon can't be asked, or it is not known how, so its state can't be judged."""


class FirstCorrectionUnknownError(MissingEvidenceError):
    """It is not known what this daemon does at its start; no evidence of a node can show it."""


@dataclass(frozen=True, kw_only=True)
class TimeDaemon:
    """One daemon's unit on a node, by its real name.

    ``daemon``: the name of its descriptor. ``active``: it runs now. ``enabled``: its unit file says
    that it starts at boot; ``until_reboot``: only in /run, which a boot forgets. ``masked``: it is
    installed, and a mask hides it. ``state``: all this in the service manager's words.
    ``leaves_clock_alone``: why it moves no clock although it runs (empty: it does).
    """

    daemon: str
    unit: str
    active: bool
    enabled: bool
    state: str
    until_reboot: bool = False
    masked: bool = False
    leaves_clock_alone: str = ""

    @property
    def steers_now(self) -> bool:
        """Whether it moves the clock at this moment."""
        return self.active and not self.leaves_clock_alone


@dataclass(frozen=True)
class FirstCorrection:
    """It steps what is more than ``steps_beyond_s`` off (less is slewed), and exits beyond
    ``gives_up_beyond_s``.

    ``gives_up_ahead_s``: with a clock that is ahead, if that is another limit.
    """

    steps_beyond_s: float
    words: str
    gives_up_beyond_s: float = NEVER
    gives_up_ahead_s: float | None = None

    @property
    def steps(self) -> bool:
        """Whether it steps at all."""
        return self.steps_beyond_s < NEVER

    def gives_up(self, off_s: float, *, ahead: bool) -> bool:
        """Whether it exits with a clock that is so far off."""
        return off_s > (
            self.gives_up_ahead_s if ahead and self.gives_up_ahead_s is not None else self.gives_up_beyond_s
        )


@dataclass(frozen=True, kw_only=True)
class JournalWords:
    """What a daemon says of its first corrections, each from the beginning of a message.

    ``right``: the clock is right now, or was when this was said. ``wrong`` and ``stepped``: their
    first group is the correction in seconds (positive: the clock was behind), which follows or was
    made. ``slews_at``: by how many seconds a second it corrects what it does not step.
    """

    right: re.Pattern[str] | None = None
    wrong: re.Pattern[str] | None = None
    stepped: re.Pattern[str] | None = None
    slews_at: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """All that is known of one kind of time daemon.

    Names: ``units``: of its services, without suffix and instance. ``yields_units``: other daemons'
    units answer to these names too (ntpsec.service is also ntp.service), and are then not this
    one's. ``is_behind``: whether a unit that has the name of another daemon is in truth this one's,
    by that daemon's name and the section ``time_services``. ``processes``: of its program, as
    /proc/PID/comm has them; each is of one daemon only. ``may_run_as``: names of other daemons'
    processes that its own may have as well. ``package``: Debian's, if it conflicts with chrony's
    (both are a ``time-daemon``). Then apt removes it when it installs chrony. ``section``: of the
    evidence, with its configuration and its answers. ``wait_units``: those that can wait for its
    first synchronisation by asking it, its own first. ``how_to_wait``: what to do if no package has
    one, and it is not known whether the daemon informs the kernel, for which systemd can wait;
    ``wait_command``: what such a unit must run.

    What it does: ``shown_by``: the commands that show on a node what it says, for whoever has to
    look there. ``ask``: what it says of itself; None if it can't be asked: then
    ``not_asked_because`` goes on after its name. ``first_correction``: what it does right after its
    start with a clock that is off, always or by the evidence; None: not known. ``journal``: its
    words for that in the journal; None: not known. ``let_it_step``,
    ``keep_it_running``: what to do if it would only slew, or would exit. ``leaves_clock_alone``:
    why a process of the evidence moves no system clock, by its arguments and by its files in the
    record; empty if it does, or may. It raises MissingEvidenceError if a file decides that and was
    not read. ``counts_alone``: its unit counts as one that steers even then, as long as no other
    daemon does. ``if_it_leaves``: what to do if nothing else steers the clock either, and no option
    is the reason. ``instead_of_stopping``: how to keep it from the clock, if it has other work too
    and must not be stopped. ``of_linuxptp``: a part of a node's set-up for PTP, which the
    remediation leaves alone.
    """

    name: str
    units: tuple[str, ...]
    processes: tuple[str, ...]
    may_run_as: tuple[str, ...] = ()
    yields_units: bool = False
    is_behind: Callable[[str, Mapping[str, Any]], bool] | None = None
    package: str | None = None
    section: str | None = None
    wait_units: tuple[str, ...] = ()
    how_to_wait: str = ""
    wait_command: str = ""
    shown_by: str = ""
    ask: Callable[[Record, TimeDaemon], Synchronisation] | None = None
    not_asked_because: str = "is none that can be asked here"
    first_correction: FirstCorrection | Callable[[Record, TimeDaemon], FirstCorrection] | None = None
    journal: JournalWords | Callable[[Record], JournalWords] | None = None
    let_it_step: str = "Let the daemon step the clock at its start, as its manual says."
    keep_it_running: str = "Let the daemon accept any error of the clock at its start, as its manual says."
    leaves_clock_alone: Callable[[Mapping[str, Any], Record], str] | None = None
    counts_alone: bool = False
    if_it_leaves: str = ""
    instead_of_stopping: str = ""
    of_linuxptp: bool = False

    def may_be(self, process: Mapping[str, Any]) -> bool:
        """Whether a process of the evidence may run this daemon's program, by its name."""
        return process["comm"] in (*self.processes, *self.may_run_as)
