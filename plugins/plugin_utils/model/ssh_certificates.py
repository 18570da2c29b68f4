"""The OpenSSH certificates that ssh offered to a node that refused the login: which clocks accept
them. Pure.

A certificate is valid from ``valid_after_s`` on and before ``valid_before_s`` (OpenSSH,
PROTOCOL.certkeys). The node's sshd compares both with the node's clock, without any tolerance
(sshkey.c, sshkey_cert_check_authority).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..clock.interval import Interval

_LATEST_S = 253_402_300_799
"""The end of the year 9999: what is later has no date here."""


@dataclass(frozen=True)
class SshCertificate:
    """One that was offered; ``tolerated_s``: how far a node's clock may be from this machine's,
    positive if it is ahead.
    """

    source: str
    key_id: str
    valid_after_s: int
    valid_before_s: int | None
    tolerated_s: Interval

    @property
    def valid_here(self) -> bool:
        """Whether it is valid at this machine's time."""
        return self.tolerated_s.low <= 0 < self.tolerated_s.high

    @property
    def words(self) -> str:
        """Where it comes from, and when it is valid."""
        until = "for ever" if self.valid_before_s is None else f"to {_date(self.valid_before_s)}"
        since = f"from {_date(self.valid_after_s)} " if self.valid_after_s else ""
        return f"{self.source} ({self.key_id!r}, valid {since}{until})"

    @property
    def refused_by(self) -> str:
        """Which clocks refuse it; it is valid at this machine's time."""
        behind = f"more than {_span(-self.tolerated_s.low)} behind" if self.valid_after_s else ""
        ahead = f"{_span(self.tolerated_s.high)} or more ahead" if self.valid_before_s is not None else ""
        return " or ".join(filter(None, (behind, ahead)))


def dated(login: Mapping[str, Any] | None) -> list[SshCertificate]:
    """The certificates of a record's ``ssh_login`` that some clock refuses."""
    if not login:
        return []
    found = []
    for shown in login["certificates"]:
        after_s, before_s = shown["valid_after_s"], shown["valid_before_s"]
        end_s = math.inf if before_s is None else max(after_s, before_s)
        if after_s or before_s is not None:
            tolerated_s = Interval(after_s - login["at_s"], end_s - login["at_s"])
            found.append(SshCertificate(shown["from"], shown["key_id"], after_s, before_s, tolerated_s))
    return found


def _date(seconds: int) -> str:
    if not 0 <= seconds <= _LATEST_S:
        return f"the second {seconds} of Unix time"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _span(seconds: float) -> str:
    """
    >>> _span(89.6), _span(7200), _span(400000)
    ('89 s', '2.0 h', '4.6 days')
    """
    if seconds < 5400:
        return f"{math.floor(seconds)} s"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
