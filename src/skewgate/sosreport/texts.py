"""What chronyc, date, timedatectl and systemctl print for people, parsed.

Each parser raises ValueError for what it does not know: then it could not be judged, and that is
said. chronyc's forms are those of chrony's client.c (print_nanoseconds, print_seconds),
timedatectl's those of systemd's timedatectl.c. sos runs commands with LC_ALL=C.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import finite
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.chronyc import Source, Tracking

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9:]{8})(?: ([AP]M))?(?: ([A-Za-z0-9+-]+))? ([0-9]{4})"
)
_ISO = re.compile(r"(?:[A-Z][a-z]{2} )?([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?: UTC)?")

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 31536000.0}
_OFFSET = r"([+-]?[0-9.]{1,12})(ns|us|ms|s|m|h|d|y)"
_ROW = re.compile(
    r"([\^=#])([*+\-x~?]) (\S{1,300}) +([0-9]{1,3}) +(-?[0-9]{1,3}) +([0-7]{1,3}) +(-|[0-9]{1,9}[mhdy]?) +"
    rf"{_OFFSET}\[ *{_OFFSET}\] +\+/- *{_OFFSET} *"
)


def parse_date(text: str) -> datetime:
    """Parse ``date --utc``, or ``date`` if its zone is UTC; ValueError for other zones.

    >>> parse_date("Sun Nov 29 12:11:15 UTC 2026").isoformat()
    '2026-11-29T12:11:15+00:00'
    """
    found = _DATE.fullmatch(text.strip())
    if found is None or found[1] not in _MONTHS or (found[5] or "UTC") not in ("UTC", "GMT"):
        raise ValueError("date: expected a date in UTC, like: Sun Nov 29 12:11:15 UTC 2026")
    hour, minute, second = (int(part) for part in found[3].split(":"))
    if found[4]:
        hour = hour % 12 + (12 if found[4] == "PM" else 0)
    return datetime(
        int(found[6]), _MONTHS.index(found[1]) + 1, int(found[2]), hour, minute, min(second, 59), tzinfo=UTC
    )


def parse_iso(text: str) -> datetime:
    """Parse a time of timedatectl, in UTC or without a zone: ``Wed 2019-12-04 01:28:52 UTC``."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise ValueError("timedatectl: expected a time like: Wed 2019-12-04 01:28:52 UTC")
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC)


def parse_fields(text: str) -> dict[str, str]:
    """Parse lines ``Name : value``; of a name that comes twice, the first one counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def parse_tracking(text: str) -> Tracking:
    """Parse ``chronyc tracking`` in its form for people."""
    given = parse_fields(text)
    try:
        refid, _, name = given["Reference ID"].partition(" ")
        return Tracking(
            refid=refid,
            name=name.strip("()"),
            leap=given["Leap status"],
            stratum=int(given["Stratum"]),
            ref_time_s=parse_date(given["Ref time (UTC)"]).timestamp(),
            system_time_s=_sided(given["System time"], "seconds slow of NTP time", "seconds fast of NTP time"),
            last_offset_s=_number(given["Last offset"], "seconds"),
            rms_offset_s=_number(given["RMS offset"], "seconds"),
            frequency_ppm=_sided(given["Frequency"], "ppm fast", "ppm slow"),
            residual_freq_ppm=_number(given["Residual freq"], "ppm"),
            skew_ppm=_number(given["Skew"], "ppm"),
            root_delay_s=_number(given["Root delay"], "seconds"),
            root_dispersion_s=_number(given["Root dispersion"], "seconds"),
            update_interval_s=_number(given["Update interval"], "seconds"),
        )
    except KeyError as error:
        raise ValueError(f"chronyc tracking: there is no line {error}") from error


def _number(text: str, unit: str) -> float:
    number, _, rest = text.partition(" ")
    if rest != unit:
        raise ValueError(f"chronyc tracking: expected a number of {unit}")
    return finite(number)


def _sided(text: str, above: str, below: str) -> float:
    """``above``: the words for a number above zero."""
    number, _, side = text.partition(" ")
    if side not in (above, below):
        raise ValueError("chronyc tracking: expected a number with slow or fast")
    return finite(number) * (1 if side == above else -1)


def parse_sources(text: str) -> list[Source]:
    """Parse ``chronyc sources`` in its form for people, with ``-v`` or without."""
    head, _, rows = text.partition("\n=====")
    if "MS Name/IP address" not in head:
        raise ValueError("chronyc sources: the table's head is missing")
    found = []
    for line in rows.splitlines()[1:]:
        row = _ROW.fullmatch(line.rstrip())
        if row is None:
            raise ValueError("chronyc sources: a row has another form")
        mode, state, name, stratum, poll, reach, last, *offsets = row.groups()
        adjusted, measured, error = (
            finite(number) * _SECONDS[unit] for number, unit in zip(offsets[::2], offsets[1::2], strict=True)
        )
        last_s = None if last == "-" else int(last.rstrip("mhdy")) * int(_SECONDS.get(last[-1], 1))
        found.append(
            Source(mode, state, name, int(stratum), int(poll), int(reach, 8), last_s, adjusted, measured, error)
        )
    return found


class Unit(NamedTuple):
    """A service. ``state``: active or failed, for example, or enabled in ``list-unit-files``."""

    name: str
    state: str


def parse_units(text: str) -> list[Unit]:
    """Parse the services of ``systemctl list-units`` or ``list-unit-files``."""
    head = text.lstrip().split("\n", 1)[0].split()
    column = 3 if head[:4] == ["UNIT", "LOAD", "ACTIVE", "SUB"] else 1 if head[:3] == ["UNIT", "FILE", "STATE"] else 0
    if not column:
        raise ValueError("systemctl: the table's head is missing")
    found = []
    for line in text.splitlines():
        words = re.sub(r"^\W+", "", line).split()
        if len(words) > column and words[0].endswith(".service"):
            found.append(Unit(words[0], words[column - (column == 3)]))
    return found
