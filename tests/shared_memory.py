"""ClockBound's shared memory, written after its documentation: aws/clock-bound, docs/PROTOCOL.md
of 2.0 (layout 2) and docs/protocol.md of 3.0 (layout 3).

It names each field with its offset, as the documentation's drawings do. The parser has one pattern
for all of them, so the two are not the same mistake.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

SIZES = {2: 80, 3: 104}

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = range(4)

_OFFSETS = {
    "size": {2: 8, 3: 8},
    "version": {2: 12, 3: 12},
    "generation": {2: 14, 3: 14},
    "as_of_tsc": {3: 16},
    "as_of_sec": {2: 16, 3: 24},
    "as_of_nsec": {2: 24, 3: 32},
    "void_after_sec": {2: 32, 3: 40},
    "void_after_nsec": {2: 40, 3: 48},
    "period": {3: 56},
    "period_err": {3: 64},
    "bound_nsec": {2: 48, 3: 72},
    "disruption_marker": {2: 56, 3: 80},
    "max_drift_ppb": {2: 64, 3: 88},
    "clock_status": {2: 68, 3: 92},
    "disruption_support": {2: 72, 3: 96},
}
_TYPES = {
    "size": "I",
    "version": "H",
    "generation": "H",
    "as_of_tsc": "Q",
    "period": "d",
    "period_err": "d",
    "disruption_marker": "Q",
    "max_drift_ppb": "I",
    "clock_status": "i",
    "disruption_support": "B",
}


def segment(
    layout: int = 3,
    *,
    as_of_ns: int = 0,
    lasts_s: int = 1000,
    order: str = "<" if sys.byteorder == "little" else ">",
    **fields: Any,
) -> bytes:
    """One segment of a daemon that is synchronised; ``as_of_ns``: of the monotonic clock.

    ``order``: the byte order of its machine, as in ``struct``. ``fields``: by the names of the
    documentation.
    """
    seconds, nanoseconds = divmod(as_of_ns, 10**9)
    values = {
        "size": SIZES[layout],
        "version": layout,
        "generation": 4242,
        "as_of_tsc": 812_345_678_901,
        "as_of_sec": seconds,
        "as_of_nsec": nanoseconds,
        "void_after_sec": seconds + lasts_s,
        "void_after_nsec": nanoseconds,
        "period": 4e-10,
        "period_err": 1e-14,
        "bound_nsec": 410_000,
        "disruption_marker": 7,
        "max_drift_ppb": 50_000,
        "clock_status": SYNCHRONIZED,
        "disruption_support": 1,
        **fields,
    }
    octets = bytearray(SIZES[layout])
    struct.pack_into(f"{order}II", octets, 0, 0x414D5A4E, 0x43420200)
    for name, value in values.items():
        if layout in _OFFSETS[name]:
            struct.pack_into(order + _TYPES.get(name, "q"), octets, _OFFSETS[name][layout], value)
    return bytes(octets)
