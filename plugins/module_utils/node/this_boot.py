# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What shows later that this kernel has run on since, without a pause that nobody saw."""

from __future__ import annotations

import contextlib
import glob
import os
import struct
import time

from .background import describe
from .files import text_or_none

BOOT_ID = "/proc/sys/kernel/random/boot_id"
SUSPENDS = "/sys/power/suspend_stats/success"
"""How often this kernel has resumed from a suspend (the kernel's
Documentation/ABI/testing/sysfs-power); a kernel that cannot suspend does not have it."""

VMCLOCKS = "/dev/vmclock*"
MAX_VMCLOCKS = 4

# The kernel's include/uapi/linux/vmclock-abi.h: magic, size, version, counter_id, time_type,
# seq_count, disruption_marker, flags. All of it is little-endian.
_HEAD = struct.Struct("<IIHBBIQQ")
_GENERATION = struct.Struct("<Q")
_GENERATION_AT = 104
_MAGIC = 0x4B4C4356
_VERSION = 1
_GENERATION_PRESENT = 1 << 8
_TRIES = 100
_BETWEEN_TRIES_S = 0.001


def observe() -> dict:
    """``boot_id`` and ``suspends``, null if they are not shown, and ``vmclocks``."""
    suspends = text_or_none(SUSPENDS) or ""
    return {
        "boot_id": text_or_none(BOOT_ID) or None,
        "suspends": int(suspends) if suspends.isdigit() else None,
        "vmclocks": [_vmclock(path) for path in sorted(glob.glob(VMCLOCKS))[:MAX_VMCLOCKS]],
    }


def _vmclock(path: str) -> dict:
    """A hypervisor's word on its breaks: ``disruption_marker`` and ``vm_generation_counter`` (null
    if it has none), or ``error``.
    """
    try:
        return {"device": path, **_read(path)}
    except (OSError, ValueError) as error:
        return {"device": path, "error": describe(error)}


def _read(path: str) -> dict:
    import mmap  # noqa: PLC0415 - few machines have such a device

    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # The driver maps exactly one page, and only for reading.
        page = mmap.mmap(file, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)
    finally:
        os.close(file)
    with contextlib.closing(page):
        for _attempt in range(_TRIES):
            magic, size, version, _counter, _type, sequence, marker, flags = _HEAD.unpack_from(page)
            if magic != _MAGIC or version != _VERSION:
                raise ValueError(f"expected VMClock of version {_VERSION}, found {magic:#x} of version {version}")
            has_generation = flags & _GENERATION_PRESENT and size >= _GENERATION_AT + _GENERATION.size
            generation = _GENERATION.unpack_from(page, _GENERATION_AT)[0] if has_generation else None
            # The hypervisor writes while the count is odd, and has written if there is another.
            if sequence % 2 == 0 and _HEAD.unpack_from(page)[5] == sequence:
                return {
                    "disruption_marker": f"{marker:016x}",
                    "vm_generation_counter": None if generation is None else f"{generation:016x}",
                }
            time.sleep(_BETWEEN_TRIES_S)
    raise ValueError(f"it was being written each of {_TRIES} times")
