"""What ntpd-rs' configuration decides of its sources and of the clock: ntp.toml(5).

Source: ntp-proto/src/config.rs, ntp-proto/src/algorithm/kalman/config.rs and
ntpd/src/daemon/config/mod.rs of ntpd-rs, the same in 1.4.0 and 1.9.0.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...boundary.text import printable
from .daemon import NEVER

MAX_TEXT = 16 * 1024
"""A dotted key costs the parser quadratic time (here 0.5 s), and Debian's file has 2 KiB."""

_MAX_NUMBER = 1e12
_MAX_POLL = 17
"""Of 2 to this power of seconds: RFC 5905, MAXPOLL."""


@dataclass(frozen=True)
class Source:
    """A ``[[source]]``; ``name`` is empty if it has no address (a PPS device)."""

    mode: str
    name: str


@dataclass(frozen=True)
class NtpToml:
    """The settings, each with the daemon's default.

    It exits instead of a first step by ``forward_s`` or more (the clock is behind), or by
    ``backward_s`` or more (it is ahead). A source is used if its range, ``deviations`` times its
    uncertainty + ``delays`` times its delay, is no wider than ``max_range_s`` and meets those of
    ``agreeing`` sources. ``least_poll_s``: the shortest time between two polls of a source.
    """

    sources: tuple[Source, ...] = ()
    observation_path: str | None = None
    agreeing: int = 3
    step_s: float = 0.01
    forward_s: float = NEVER
    backward_s: float = 86400.0
    deviations: float = 2.0
    delays: float = 0.25
    max_range_s: float = 0.25
    least_poll_s: float = 16.0


def parse_ntp_toml(text: str) -> NtpToml:
    """Parse ntp.toml; raises ValueError if it is none, or has a value that ntpd-rs refuses."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"ntp.toml has more than {MAX_TEXT} characters")
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("ntp.toml is nested too deeply") from error
    default = NtpToml()
    synchronization = _table(document, "synchronization")
    algorithm = _table(synchronization, "algorithm")
    startup = synchronization.get("startup-step-panic-threshold")
    forward_s, backward_s = (default.forward_s, default.backward_s) if startup is None else _threshold(startup)
    poll = _number(_table(_table(document, "source-defaults"), "poll-interval-limits"), "min", 4)
    return NtpToml(
        sources=tuple(map(_source, _list(document, "source"))),
        observation_path=_text(_table(document, "observability"), "observation-path"),
        agreeing=int(_number(synchronization, "minimum-agreeing-sources", default.agreeing)),
        step_s=_number(algorithm, "step-threshold", default.step_s),
        forward_s=forward_s,
        backward_s=backward_s,
        deviations=_number(algorithm, "range-statistical-weight", default.deviations),
        delays=_number(algorithm, "range-delay-weight", default.delays),
        max_range_s=_number(algorithm, "maximum-source-uncertainty", default.max_range_s),
        least_poll_s=2.0 ** min(poll, _MAX_POLL),
    )


def host(address: str) -> str:
    """An address or a name without its port.

    >>> [host(address) for address in ("192.0.2.1:123", "[2001:db8::1]:123", "ntp.example", "2001:db8::1")]
    ['192.0.2.1', '2001:db8::1', 'ntp.example', '2001:db8::1']
    """  # noqa: W505 - an example or a table
    name, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()) or (":" in name and not name.endswith("]")):
        name = address
    return name.removeprefix("[").removesuffix("]")


def _source(table: Any) -> Source:
    if not isinstance(table, dict):
        raise ValueError("ntp.toml: a source is no table")
    name = host(_text(table, "address") or _text(table, "path") or "")
    # The file was made printable as it stands, but "\u001b" in it is an escape character only now.
    return Source(_text(table, "mode") or "", printable(" ".join(name.split())))


def _threshold(value: Any) -> tuple[float, float]:
    """Forward and backward: one value for both, or a table with each.

    ``"inf"``, or none in a table, is no limit.
    """
    if isinstance(value, dict):
        return _threshold_part(value.get("forward", "inf")), _threshold_part(value.get("backward", "inf"))
    return _threshold_part(value), _threshold_part(value)


def _threshold_part(value: Any) -> float:
    return (
        NEVER if value == "inf" else _number({"startup-step-panic-threshold": value}, "startup-step-panic-threshold", 0)
    )


def _number(table: Mapping[str, Any], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_NUMBER:
        raise ValueError(f"ntp.toml: {key} is no number from 0 to {_MAX_NUMBER:g}")
    return float(value)


def _text(table: Mapping[str, Any], key: str) -> str | None:
    """A value that is a text; None without it."""
    value = table.get(key)
    if not isinstance(value, str | None):
        raise ValueError(f"ntp.toml: {key} is no text")
    return value


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"ntp.toml: {key} is no table")
    return table


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    tables = document.get(key, [])
    if not isinstance(tables, list):
        raise ValueError(f"ntp.toml: {key} is no list of tables")
    return tables
