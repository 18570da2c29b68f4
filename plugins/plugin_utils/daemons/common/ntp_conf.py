"""How ntpd first corrects the clock, by ntp.conf and its options: the same for NTP's and NTPsec's."""

from __future__ import annotations

import re

from ...model.record import Record
from .daemon import NEVER, FirstCorrection, TimeDaemon
from .first_correction import arguments, configuration_lines, has_option

LET_IT_STEP = "Let the daemon step the clock at its start: ntpd without -x and `tinker step 0`, with -g."
KEEP_IT_RUNNING = "Start ntpd with -g."


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
