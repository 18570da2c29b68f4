"""Limits of the other programs of a cluster: how far a node's clock may be from the true time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ..boundary.tables import table_of
from ..boundary.values import number_of, shown
from ..clock.interval import Interval
from ..github.client_profiles import Outcome

CLUSTER_CA = "cluster CA"

GROUPS = {
    "cluster": "The cluster itself",
    "installers": "Installers",
    "databases": "Databases and storage",
    "automation": "Continuous delivery and automation",
    "cloud": "Cloud credentials",
    "tokens": "Identity and tokens",
    "certificates": "Certificates that were just issued",
}
"""The groups of the shipped limits, in the order of the page, with their titles."""

_KEYS = ("behind_s", "ahead_s", "between_s", "breaks", "source")


@dataclass(frozen=True)
class Limit:
    """The skews (positive: ahead) that a program tolerates. ``breaks``: what happens beyond them.

    A side without a limit is infinite.
    """

    name: str
    skew_s: Interval
    source: str = ""
    breaks: str = ""
    group: str = ""
    tested: str = ""
    """The real program with which its edge was tested; empty if the figure rests on the source."""

    @property
    def without_tolerance(self) -> bool:
        """It tolerates nothing on a side. No measurement proves that a clock is not off at all,
        so it can decide nothing.
        """
        return 0 in (self.skew_s.low, self.skew_s.high)

    def outcome(self, skew_s: Interval) -> Outcome:
        """A limit holds if the whole interval is inside it, and is broken
        if the whole interval is outside.
        """
        if self.skew_s.contains(skew_s):
            return "pass"
        return "inconclusive" if self.skew_s.overlaps(skew_s) else "fail"


@cache
def shipped_limits() -> dict[str, Limit]:
    """The limits of ``limits.yml``, by name."""
    rows = table_of(__file__)
    limits = {}
    for name, row in rows.items():
        of_page = {key: row.pop(key, "") for key in ("group", "tested")}
        limits[name] = replace(parse_limit(name, row, or_zero=True), **of_page)
    return limits


def limits_of_group(group: str) -> list[str]:
    """The names of the shipped limits of a group, none for a name that is no group."""
    return [name for name, limit in shipped_limits().items() if limit.group == group]


def all_limits(own: Mapping[str, Mapping[str, Any]]) -> dict[str, Limit]:
    """The shipped limits and the user's ``own``, which win;
    raises ValueError if one of the latter is wrong.

    A row with another figure for a shipped limit need not repeat what breaks.
    """
    limits = dict(shipped_limits())
    for name, row in own.items():
        shipped_breaks = limits[name].breaks if name in limits else ""
        limit = parse_limit(name, row)
        limits[name] = replace(limit, breaks=limit.breaks or shipped_breaks)
    return limits


def parse_limit(name: str, row: Mapping[str, Any], *, or_zero: bool = False) -> Limit:
    """Read one limit; raises ValueError that says what is wrong with it.

    A limit between two machines is halved: if two nodes keep this half against the true time,
    they keep the whole. ``or_zero``: a side may tolerate nothing, as that of a shipped limit; a
    user's decides, and no measurement proves 0.
    """
    expected = "expected behind_s and ahead_s, or between_s, in seconds above 0"
    if not isinstance(row, Mapping):
        raise ValueError(f"limit {name}: {expected}, found {shown(row)}")
    for key in row:
        if key not in _KEYS:
            raise ValueError(f"limit {name}: unknown key {shown(key)}; known: {', '.join(_KEYS)}")
    given = {key: row[key] for key in _KEYS[:3] if row.get(key) is not None}
    if not given or ("between_s" in given and len(given) > 1):
        raise ValueError(f"limit {name}: {expected}, found {_written(given)}")
    try:
        seconds = {key: number_of(value) for key, value in given.items()}
    except ValueError:
        seconds = {}
    if not seconds or min(seconds.values()) < 0 or (0 in seconds.values() and not or_zero):
        raise ValueError(f"limit {name}: {expected}, found {_written(given)}")
    either_s = seconds["between_s"] / 2 if "between_s" in seconds else math.inf
    allowed = Interval(-seconds.get("behind_s", either_s), seconds.get("ahead_s", either_s))
    return Limit(name, allowed, str(row.get("source", "")), str(row.get("breaks", "")))


def _written(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {shown(value)}" for key, value in row.items()) or "neither"


def cluster_ca_limit(ca: Mapping[str, Any], begun_s: float, ended_s: float) -> Limit:
    """The CA's validity as a limit from one true time to another: a node checks the CA with its own
    clock, and the CA must be valid at both.

    kubeadm dates NotBefore 5 minutes before the CA's creation, and no leaf before its CA: a node
    further behind refuses both. The tolerance grows with the CA's age. Source: kubernetes
    cmd/kubeadm/app/constants (CertificateBackdate), cmd/kubeadm/app/util/pkiutil/pki_helpers.go;
    RFC 5280, section 4.1.2.5.
    """
    allowed = Interval(ca["not_before_s"] - begun_s, max(ca["not_before_s"] - begun_s, ca["not_after_s"] - ended_s))
    return Limit(CLUSTER_CA, allowed, f"NotBefore and NotAfter of {ca['file']}")
