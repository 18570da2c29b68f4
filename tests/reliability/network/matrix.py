"""All cases, in the order of the page; a case's number is its place here, from 1."""

from __future__ import annotations

from collections.abc import Mapping

from tests.reliability.network import cases_api, cases_time, cases_way, cases_wire
from tests.reliability.network.case import Case

GROUPS: Mapping[str, tuple[Case, ...]] = {
    "The wire": cases_wire.CASES,
    "NTP and NTS": cases_time.CASES,
    "The API": cases_api.CASES,
    "DNS and proxies": cases_way.CASES,
}
CASES = tuple(case for cases in GROUPS.values() for case in cases)
NUMBERS = {case.name: number for number, case in enumerate(CASES, start=1)}
