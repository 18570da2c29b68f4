"""How reports word many names and ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names on one line; of many, the first ones and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def span_text(interval_s: Mapping[str, float], sign: str = "+") -> str:
    """``{"low", "high"}`` in seconds, rounded outwards to the millisecond; ``sign`` as in format strings.

    >>> span_text({"low": -612.0161, "high": -598.1204})
    '-612.017 s to -598.120 s'
    """
    low_ms, high_ms = math.floor(interval_s["low"] * 1000), math.ceil(interval_s["high"] * 1000)
    return f"{low_ms / 1000:{sign}.3f} s to {high_ms / 1000:{sign}.3f} s"
