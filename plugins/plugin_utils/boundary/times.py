"""Times as reports and evidence have them: RFC 3339, UTC, to the second."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def utc_text(unix_s: float) -> str:
    """A time as reports write it.

    >>> utc_text(1_795_336_536.25)
    '2026-11-22T08:35:36Z'
    """
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """The controller's time as reports write it."""
    return utc_text(time.time())


def read_time(text: object) -> datetime:
    """A time with its zone; raises ValueError with what was found.

    >>> read_time("2026-01-31T12:00:00Z").isoformat()
    '2026-01-31T12:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(f"found the time {text!r}; expected RFC 3339 with a zone, as 2026-01-31T12:00:00Z")
    return found
