"""What `makestep` allows chronyd to do with a wrong clock, and how long a slew takes instead."""

from __future__ import annotations

from .chronyc import Tracking
from .config import ChronyConfig

DEFAULT_MAX_SLEW_PPM = 1e6 / 12
"""chrony.conf(5), maxslewrate."""

LINUX_MAX_SLEW_PPM = 100_000.0
"""The kernel's limit, from the length of a tick (adjtimex(2))."""


def makestep(config: ChronyConfig) -> tuple[float, int]:
    """Threshold in seconds and number of updates (negative: any number) of the `makestep` that
    counts; (0, 0) without one.

    A threshold of 0 or less is no threshold: every offset is beyond it (reference.c,
    maybe_make_step: |offset| > threshold).
    """
    directive = config.last("makestep")
    try:
        threshold, updates = directive.arguments if directive else ("0", "0")
        return max(float(threshold), 0.0), int(updates)
    except ValueError:  # chronyd would not start with it
        return 0.0, 0


def is_left_unstepped(config: ChronyConfig, tracking: Tracking, max_clock_error_s: float) -> bool:
    """Whether the clock is further off than `makestep` allows, and chronyd slews it nevertheless.

    An update that finds the clock beyond the threshold steps it (reference.c, REF_SetReference). So
    if the clock is beyond the threshold after an update, chronyd steps no more: the updates that
    may step are used up, or it was started without that line. ``max_clock_error_s``: an offset
    below it does not matter.
    """
    threshold_s, updates = makestep(config)
    synchronised = tracking.leap != "Not synchronised"
    return synchronised and bool(updates) and abs(tracking.system_time_s) > max(threshold_s, max_clock_error_s)


def slew_time_text(config: ChronyConfig, off_s: float) -> str:
    """The shortest time in which chronyd slews an offset, |System time| / maxslewrate, in words."""
    directive = config.last("maxslewrate")
    try:
        rate_ppm = float(directive.arguments[0]) if directive else DEFAULT_MAX_SLEW_PPM
    except (IndexError, ValueError):
        rate_ppm = DEFAULT_MAX_SLEW_PPM
    rate_ppm = min(rate_ppm, LINUX_MAX_SLEW_PPM)
    if rate_ppm <= 0:
        return "ever (maxslewrate 0)"
    took_s = off_s / rate_ppm * 1e6
    unit, length_s = next(((u, n) for u, n in (("h", 3600), ("min", 60)) if took_s >= n), ("s", 1))
    return f"at least {took_s / length_s:.1f} {unit} at {rate_ppm:.0f} ppm"
