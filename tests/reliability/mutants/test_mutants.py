"""5,000 mutants of bad nodes' evidence; `make reliability` judges 60,000."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.builders import record
from tests.reliability.mutants import fuzzing


@pytest.mark.parametrize("seed", range(10))
def test_500_mutants_raise_nothing_admit_nobody_and_touch_no_other_node(seed: int) -> None:
    assert fuzzing.run(seed, 500) == []


def test_the_same_seed_makes_the_same_mutants() -> None:
    assert repr(list(fuzzing.mutants(3, 40))) == repr(list(fuzzing.mutants(3, 40)))


def test_mutants_are_of_every_base_and_of_every_section() -> None:
    some = list(fuzzing.mutants(1, 2000))
    assert {mutant.base for mutant in some} == {*fuzzing.bases()}
    sections = {path[0] for mutant in some for path in mutant.paths}
    assert sections >= {
        "collected",
        "clock",
        "time_services",
        "chrony",
        "ntp",
        "api_date",
        "github_apps",
        "boot",
        "nts",
    }


def test_every_field_of_chrony_and_of_the_time_services_is_in_some_base() -> None:
    for section, fields in fuzzing.FIELDS.items():
        assert {*fields} <= {key for base in fuzzing.bases().values() for key in base["evidence"].get(section) or ()}


def good_for(base: str, **evidence: Any) -> fuzzing.Mutant:
    """A good node's record that is said to be made from this bad one by a change
    of its boot section.
    """
    data = copy.deepcopy(record())
    data["evidence"].update(evidence)
    return fuzzing.Mutant(base, (("boot", "uptime_s"),), data)


def test_an_admission_that_nothing_explains_is_found() -> None:
    behind, other = f"{fuzzing.ALWAYS_BAD_S[0]} s", "clock_movers cron"
    found = fuzzing.faults_of([good_for(behind), good_for(other)])
    assert [fault.rpartition(": ")[2] for fault in found] == [
        "admitted with a skew of -612.0 s",
        "admitted, though nothing that refused it was changed",
        "admitted, though nothing that refused it was changed",
    ]


@pytest.mark.parametrize(("raises", "words"), [("each", "seed 1: "), ("only together", "seed 1: together: ")])
def test_an_exception_is_a_fault_also_if_no_mutant_raises_it_alone(
    monkeypatch: pytest.MonkeyPatch, raises: str, words: str
) -> None:
    def faults_of(some: list[fuzzing.Mutant]) -> list[str]:
        if raises == "each" or len(some) > 1:
            raise ValueError("planted")
        return []

    monkeypatch.setattr(fuzzing, "faults_of", faults_of)
    found = fuzzing.run(1, 10)
    assert found
    assert all(fault.startswith(words) and "planted" in fault for fault in found)
