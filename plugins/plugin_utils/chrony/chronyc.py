"""What ``chronyc -c`` prints, parsed.

Fields and their order are those of chronyc(1) and chrony's client.c. They are the same in 4.0
(where ``authdata``, ``selectdata`` and ``-N`` came), 4.3 and 4.6.1. Names are as configured with
``-N``, addresses with ``-n``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..boundary.text import finite

LOCAL_REFID = "7F7F0101"
"""The reference ID of ``local``: chronyd serves its own free-running clock."""

NEVER = 4294967295


@dataclass(frozen=True)
class Tracking:
    """``chronyc -c tracking``.

    ``system_time_s`` > 0: the clock is slow of NTP time: the node is *behind*.
    """

    refid: str
    name: str
    leap: str
    stratum: int
    ref_time_s: float
    system_time_s: float
    last_offset_s: float
    rms_offset_s: float
    frequency_ppm: float
    residual_freq_ppm: float
    skew_ppm: float
    root_delay_s: float
    root_dispersion_s: float
    update_interval_s: float

    @property
    def max_error_s(self) -> float:
        """chrony's bound of the clock's error: chronyc(1), "tracking", Root dispersion."""
        return abs(self.system_time_s) + self.root_dispersion_s + self.root_delay_s / 2


@dataclass(frozen=True)
class Source:
    """A row of ``chronyc -c sources``. ``last_rx_s`` is None if nothing was ever received."""

    mode: str
    state: str
    name: str
    stratum: int
    poll: int
    reach: int
    last_rx_s: int | None
    adjusted_offset_s: float
    measured_offset_s: float
    error_s: float


@dataclass(frozen=True)
class Authentication:
    """A row of ``chronyc -c authdata``.

    ``last_ke_s`` is None if no NTS key was ever established.
    """

    name: str
    mode: str
    key_id: int
    key_type: int
    key_length: int
    last_ke_s: int | None
    attempts: int
    nak: int
    cookies: int
    cookie_length: int


@dataclass(frozen=True)
class Selection:
    """A row of ``chronyc -c selectdata``.

    ``configured`` and ``effective``: the letters of ``NPTR`` (noselect, prefer, trust, require)
    that are set; the effective ones include those that ``authselectmode`` adds.
    """

    state: str
    name: str
    authenticated: bool
    configured: str
    effective: str
    last_rx_s: int | None
    score: float
    low_s: float
    high_s: float
    leap: str


@dataclass(frozen=True)
class Activity:
    """``chronyc -c activity``: how many sources are in which state.

    ``unresolved``: without an address.
    """

    online: int
    offline: int
    burst_online: int
    burst_offline: int
    unresolved: int


def parse_tracking(text: str) -> Tracking:
    """Parse the one row, for example
    ``0A4D0001,10.77.0.1,6,1700000000.5,0.000001,...,Normal`` (14 fields).

    Raises ValueError if it is not that.
    """
    fields = text.strip().split(",")
    if len(fields) != 14:
        raise ValueError(f"chronyc tracking: expected 14 fields, found {len(fields)}")
    refid, name, stratum, *numbers, leap = fields
    return Tracking(refid, name, leap, int(stratum), *map(float, numbers))


def parse_sources(text: str) -> list[Source]:
    """Parse the rows, for example ``^,*,10.77.0.1,5,6,377,12,0.000001,0.000002,0.000100`` (10
    fields; reach is octal).

    Raises ValueError if a row is not that.
    """
    return [
        Source(mode, state, name, int(stratum), int(poll), int(reach, 8), _ago_s(last_rx), *map(finite, offsets))
        for mode, state, name, stratum, poll, reach, last_rx, *offsets in _rows("sources", text, 10, name_at=2)
    ]


def parse_authdata(text: str) -> list[Authentication]:
    """Parse the rows, for example ``ntp.example,NTS,1,15,256,42,0,0,8,100`` (10 fields).

    Raises ValueError if a row is not that.
    """
    return [
        Authentication(name, mode, int(key_id), int(key_type), int(key_length), _ago_s(last_ke), *map(int, counts))
        for name, mode, key_id, key_type, key_length, last_ke, *counts in _rows("authdata", text, 10, name_at=0)
    ]


def parse_selectdata(text: str) -> list[Selection]:
    """Parse the rows, for example
    ``W,10.77.0.1,N,-,-,-,-,-,-,-,T,R,-,1,1.0,-0.000001,0.000002,Normal`` (18 fields).

    Raises ValueError if a row is not that.
    """
    return [
        Selection(
            state,
            name,
            authenticated == "Y",
            "".join(options[:5]).replace("-", ""),
            "".join(options[5:]).replace("-", ""),
            _ago_s(last_rx),
            finite(score),
            finite(low),
            finite(high),
            leap,
        )
        for state, name, authenticated, *options, last_rx, score, low, high, leap in _rows(
            "selectdata", text, 18, name_at=1
        )
    ]


def parse_activity(text: str) -> Activity:
    """Parse the one row, for example ``4,0,0,0,1`` (5 fields).

    Raises ValueError if it is not that.
    """
    rows = _rows("activity", text, 5)
    if len(rows) != 1:
        raise ValueError(f"chronyc activity: expected 1 row, found {len(rows)}")
    return Activity(*(int(number) for number in rows[0]))


def _rows(command: str, text: str, expected: int, *, name_at: int | None = None) -> list[list[str]]:
    """``name_at``: the field that may have commas,
    a configured name (`server a.example,b.example`), because chronyc quotes none.
    """
    rows = [line.split(",") for line in text.splitlines()]
    for row in rows:
        if name_at is not None and len(row) > expected:
            end = name_at + 1 + len(row) - expected
            row[name_at:end] = [",".join(row[name_at:end])]
        if len(row) != expected:
            raise ValueError(f"chronyc {command}: expected {expected} fields, found {len(row)}: {','.join(row)[:80]!r}")
    return rows


def _ago_s(field: str) -> int | None:
    return None if int(field) == NEVER else int(field)
