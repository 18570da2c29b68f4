"""Ten cases of the fault matrix, which the commit picks; `make reliability` and nightly run all.

Beside them two that expect what is not so: they must be reported.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from docs import make_network_faults
from tests.reliability.network import part
from tests.reliability.network.case import Case, token
from tests.reliability.network.fleet import TOGETHER, Found, check
from tests.reliability.network.matrix import CASES, GROUPS, NUMBERS
from tests.reliability.parts import PARTS
from tests.reliability.results import commit

GOOD, SILENT = (CASES[NUMBERS[name] - 1] for name in ("no fault", "NTP silent"))
PLANTED = (replace(GOOD, expected=(token("tls"),)), replace(SILENT, expected=()))
"""A good node that must be refused, and a bad one that must be admitted: both expectations are
wrong.
"""


def sample(count: int) -> list[Case]:
    """So many cases that do not wait, of each group in turn, the same for each run of a commit."""

    def drawn(case: Case) -> bytes:
        return hashlib.sha256(f"{commit()} {case.name}".encode()).digest()

    turns = [sorted((case for case in cases if not case.waits), key=drawn) for cases in GROUPS.values()]
    return [turns[number % len(turns)][number // len(turns)] for number in range(count)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Found]:
    if os.geteuid() != 0:
        pytest.skip("networks and mounts take root")
    return check([*PLANTED, *sample(TOGETHER - len(PLANTED))], tmp_path_factory.mktemp("network"))


def test_each_fault_has_its_finding_in_time_and_admits_no_node_wrongly(found: Sequence[Found]) -> None:
    faults = [fault for each in found[len(PLANTED) :] for fault in each.faults]
    assert faults == [], "\n".join([*faults, *(each.said for each in found if each.faults)])


def test_a_wrong_admission_a_wrong_refusal_and_a_wrong_finding_are_reported(found: Sequence[Found]) -> None:
    admitted, refused = found[: len(PLANTED)]
    assert (admitted.admitted_wrongly, admitted.refused_wrongly) == (True, False)
    assert [fault.partition(":")[0] for fault in admitted.faults] == ["case 1, no fault"] * 2
    assert (refused.verdict, len(refused.faults)) == ("refuse", 2)
    assert replace(refused, case=replace(refused.case, harmless=True)).refused_wrongly


def test_a_node_that_takes_too_long_or_has_no_verdict_is_reported(found: Sequence[Found]) -> None:
    silent = replace(found[1], case=SILENT)
    assert silent.faults == []
    assert "at most 0.5 s" in replace(silent, case=replace(SILENT, within_s=0.5)).faults[0]
    assert "no verdict" in replace(silent, verdict="").exceptions
    assert "a traceback" in replace(silent, traceback=True).exceptions
    assert "the wire did nothing" in replace(silent, fault_was_made=False).faults[0]
    assert "is not named" in replace(silent, case=replace(SILENT, names="192.0.2.99")).faults[0]


def test_a_row_counts_what_was_found(found: Sequence[Found]) -> None:
    row = part.row_of([1, TOGETHER], found, 1.0)
    assert (row.cases, row.admitted_wrongly, row.exceptions) == (TOGETHER, 1, 0)
    assert not row.holds


def test_runs_have_no_gap_in_their_seeds() -> None:
    seeds = [*range(1, 15), 20]
    assert list(part.runs_of(seeds)) == [[*range(1, 13)], [13, 14], [20]]


def test_each_case_has_a_name_and_the_part_runs_all() -> None:
    assert len(NUMBERS) == len(CASES) == PARTS["network"].seeds
    assert all(case.admitted == case.harmless for case in CASES)


def test_the_page_has_the_cases() -> None:
    assert make_network_faults.FILE.read_text() == make_network_faults.text()


@pytest.mark.nightly
@pytest.mark.skipif(os.geteuid() != 0, reason="networks and mounts take root")
@pytest.mark.parametrize("first", range(1, len(CASES) + 1, TOGETHER))
def test_every_fault_has_its_finding(first: int, tmp_path: Path) -> None:
    found = check(CASES[first - 1 : first - 1 + TOGETHER], tmp_path)
    faults = [fault for each in found for fault in each.faults]
    assert faults == [], "\n".join([*faults, *(each.said for each in found if each.faults)])
