"""What a time daemon does, right after its start, with a clock that is off: whether it steps it, slews it, or gives up."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.record import MissingEvidenceError, Record
from .chrony import chrony_configuration
from .strays import may_be_of
from .units import TimeDaemon

NEVER = math.inf


class FirstCorrectionUnknownError(MissingEvidenceError):
    """What this daemon does at its start is not known here, whatever the node shows: a limit of this software's knowledge."""


@dataclass(frozen=True)
class FirstCorrection:
    """It steps what is more than ``steps_beyond_s`` off (less is slewed), and exits beyond ``gives_up_beyond_s``."""

    steps_beyond_s: float
    words: str
    gives_up_beyond_s: float = NEVER

    @property
    def steps(self) -> bool:
        """Whether it steps at all."""
        return self.steps_beyond_s < NEVER


_PTP = FirstCorrection(0.00002, "it steps the clock at first (first_step_threshold)")
_FIXED = {
    "systemd-timesyncd": FirstCorrection(0.4, "it steps the clock beyond 0.4 s"),
    "busybox ntpd": FirstCorrection(1.0, "it steps the clock beyond 1 s"),
    "ntpd-rs": FirstCorrection(0.01, "it steps the clock at its start (startup-step-panic-threshold)"),
    "phc2sys": _PTP,
    "ptp4l": _PTP,
}


def first_correction(daemon: TimeDaemon, record: Record) -> FirstCorrection:
    """By the daemon's configuration and command line; raises MissingEvidenceError if the node did not show them.

    Raises FirstCorrectionUnknownError for a daemon of which it is not known what it does.

    Sources: chrony.conf(5), `makestep`, `initstepslew`; ntpd(8) of NTP and NTPsec on -g and -x, ntp.conf(5) on `tinker`;
    OpenNTPD's ntpd(8) and ntpd.h (SETTIME_MIN_OFFSET); systemd's timesyncd-manager.c (NTP_MAX_ADJUST); BusyBox's ntpd.c
    (STEP_THRESHOLD); phc2sys(8) and ptp4l(8), first_step_threshold; ntpd-rs' ntp.toml(5).
    """
    if daemon.daemon in ("chrony", "timemaster"):
        return _of_chrony(record)
    if daemon.daemon in ("ntpd", "ntpsec"):
        return _of_ntpd(_argv(daemon, record), _config_words(record, "ntpd"))
    if daemon.daemon == "openntpd":
        return _of_openntpd(_argv(daemon, record), _config_words(record, "openntpd"))
    if daemon.daemon not in _FIXED:
        raise FirstCorrectionUnknownError(f"whether {daemon.daemon} steps the clock at its start is not known")
    return _FIXED[daemon.daemon]


def _of_chrony(record: Record) -> FirstCorrection:
    config = chrony_configuration(record)
    if directive := config.last("makestep"):
        with contextlib.suppress(ValueError):
            threshold_s, updates = (float(word) for word in directive.arguments)
            if updates and threshold_s > 0:
                return FirstCorrection(threshold_s, f"it steps the clock beyond {threshold_s:g} s ({directive.text})")
    if directive := config.last("initstepslew"):
        with contextlib.suppress(ValueError, IndexError):
            threshold_s = float(directive.arguments[0])
            return FirstCorrection(threshold_s, f"it steps the clock at its start ({directive.text})")
    return FirstCorrection(NEVER, "it only slews the clock: no makestep")


def _of_ntpd(argv: Sequence[str], config: Sequence[Sequence[str]]) -> FirstCorrection:
    tinker = {
        option: float(value)
        for words in config
        if words[0] == "tinker"
        for option, value in zip(words[1::2], words[2::2], strict=False)
        if re.fullmatch(r"\d+(\.\d+)?", value)
    }
    step_s = tinker.get("step", 600.0 if _option(argv, "x", "--slew") else 0.128)
    panic_s = tinker.get("panic", 1000.0)
    gives_up_s = NEVER if panic_s == 0 or _option(argv, "g", "--panicgate") else panic_s
    words = f"it steps the clock beyond {step_s:g} s" if step_s else "it only slews the clock"
    if gives_up_s < NEVER:
        words += f", and exits beyond {gives_up_s:g} s (no -g)"
    return FirstCorrection(step_s or NEVER, words, gives_up_s)


def _of_openntpd(argv: Sequence[str], config: Sequence[Sequence[str]]) -> FirstCorrection:
    if _option(argv, "s", "-s"):
        return FirstCorrection(180.0, "it steps the clock beyond 180 s (-s)")
    if any(words[0] in ("constraint", "constraints") or "trusted" in words for words in config):
        return FirstCorrection(60.0, "it steps the clock forward beyond 60 s (automatic mode)")
    return FirstCorrection(NEVER, "it only slews the clock: no -s")


def _option(argv: Sequence[str], letter: str, long: str) -> bool:
    return any(word == long or re.match(rf"-[a-zA-Z46]*{letter}", word) for word in argv)


def _argv(daemon: TimeDaemon, record: Record) -> list[str]:
    """The daemon's arguments, from the process that runs."""
    processes = record.section("time_services").get("processes") or []
    own = [str(p["cmdline"]).split() for p in processes if may_be_of(p, daemon)]
    # OpenNTPD renames its processes ("ntpd: ntp engine"): these tell no argument.
    told = [argv for argv in own if argv and not argv[0].endswith(":")]
    if not told:
        raise MissingEvidenceError(f"the command line of {daemon.unit} was not found among the processes")
    return told[0][1:]


def _config_words(record: Record, section: str) -> list[list[str]]:
    config: Mapping[str, Any] = record.section(section).get("config") or {}
    lines = [line.partition("#")[0].split() for file in config.get("files") or [] for line in file["text"].splitlines()]
    return [words for words in lines if words]
