"""Whether and how ntpd corrects the clock, by ntp.conf and its options: the same for NTP's and
NTPsec's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...model.record import Record
from .daemon import NEVER, FirstCorrection, JournalWords, TimeDaemon
from .first_correction import arguments, configuration_lines, has_option

LET_IT_STEP = "Let the daemon step the clock at its start: ntpd without -x and `tinker step 0`, with -g."
KEEP_IT_RUNNING = "Start ntpd with -g."
JOURNAL = JournalWords(
    stepped=re.compile(
        r"CLOCK: time stepped by (-?\d+\.\d+)"  # NTPsec, clockwork.c
        r"|[\d.]+ [0-9a-f]{4} [0-9a-f]{2} clock_step ([+-]\d+\.\d+) s"  # NTP 4.2.8, EVNT_CLOCKRESET
    )
)
"""A clock that was right, or that it only slews, it does not mention."""


def leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """``disable ntp`` in ntp.conf switches the discipline of the clock off (ntp.conf(5)); of
    several lines the last one counts.

    A file that was not shown is taken for one without it: then the daemon counts as one that
    steers.
    """
    shown = record.evidence.get("ntpd") or {}
    if process.get("contained") or not shown.get("present"):
        return ""
    texts = [str(file["text"]) for file in (shown.get("config") or {}).get("files") or []]
    lines = [line.partition("#")[0].split() for text in texts for line in text.splitlines()]
    said = [words[0] for words in lines if words[:1] in (["disable"], ["enable"]) and "ntp" in words[1:]]
    return "ntpd disciplines no clock (disable ntp)" if said[-1:] == ["disable"] else ""


def first_correction(record: Record, daemon: TimeDaemon) -> FirstCorrection:
    """By ``tinker``, -x and -g: ntpd(8) of NTP and NTPsec, ntp.conf(5)."""
    argv, config = arguments(record, daemon), configuration_lines(record, "ntpd")
    tinker = {
        option: float(value)
        for words in config
        if words[0] == "tinker"
        for option, value in zip(words[1::2], words[2::2], strict=False)
        if re.fullmatch(r"\d+(\.\d+)?", value)
    }
    step_s = tinker.get("step", 600.0 if has_option(argv, "x", "--slew") else 0.128)
    panic_s = tinker.get("panic", 1000.0)
    gives_up_s = NEVER if panic_s == 0 or has_option(argv, "g", "--panicgate") else panic_s
    words = f"it steps the clock beyond {step_s:g} s" if step_s else "it only slews the clock"
    if gives_up_s < NEVER:
        words += f", and exits beyond {gives_up_s:g} s (no -g)"
    return FirstCorrection(step_s or NEVER, words, gives_up_s)
