"""A daemon that sets the clock seldom: what the kernel then says of it, and who believes the
kernel.

With `maxpoll 16` (18.2 h, as the STIG of RHEL has it), a fixed poll of 14 that lost one reply, or
timesyncd with an interval of a day, the kernel's maxerror grows to its limit between two updates,
and nothing is wrong.
"""

from __future__ import annotations

from ...model.record import Record
from .synchronisation import KERNEL_GROWTH, KERNEL_UNSYNCHRONISED_S, Kernel, Synchronisation, kernel

KERNELS_MEMORY_S = KERNEL_UNSYNCHRONISED_S / KERNEL_GROWTH
"""So long after an update the kernel calls a clock unsynchronised, without an error that is there
from the beginning: 8.9 h."""


def is_growth(sync: Synchronisation, in_kernel: Kernel) -> bool:
    """Whether the kernel calls the clock unsynchronised because the last update is long ago, as it
    is with a long poll.

    If a daemon does not show the age of its update, the largest age that is accepted of any daemon
    is assumed.
    """
    age_s = sync.stale_after_s if sync.last_update_age_s is None else sync.last_update_age_s
    if in_kernel.synchronised or age_s is None:
        return False
    return in_kernel.reaches_limit_within(age_s, sync.max_error_s or 0.0)


def misses_once(sync: Synchronisation) -> bool:
    """Whether one missed reply is enough for that."""
    return 2 * (sync.interval_s or 0.0) >= KERNELS_MEMORY_S


def kernels_view(sync: Synchronisation, record: Record) -> str:
    """A note if the kernel wrongly calls a clock unsynchronised, now or before each update, and
    others believe it.
    """
    in_kernel, interval_s = kernel(record), sync.interval_s or 0.0
    now = in_kernel is not None and not in_kernel.synchronised
    if not now and not (sync.sets_maxerror and interval_s >= KERNELS_MEMORY_S):
        return ""
    when = "" if now else f" from 8.9 h after each update (one in {interval_s / 3600:.1f} h)"
    advice = (
        f"; if that matters on this node, {sync.advice.poll}"
        if sync.advice.poll and sync.sets_maxerror and misses_once(sync)
        else ""
    )
    return (
        f"; the kernel's maxerror is at its limit of 16 s{when}, so timedatectl and others that ask the kernel call this clock "
        f"unsynchronised{advice}"
    )
