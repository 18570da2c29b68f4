"""No parser of text from outside raises what its callers do not expect, hangs, or takes work that
grows faster than the text: a sample of it. `make reliability` runs a coverage-guided fuzzer too.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reliability.parsers import growth, holding
from tests.reliability.parsers.planted import PLANTED, SEED, lines
from tests.reliability.parsers.registry import TARGETS
from tests.reliability.parsers.strategies import inputs
from tests.reliability.parts import PARTS

#: Shapes whose growth is looked at here, of the hundreds that each parser has.
SHAPES = 12


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_a_parser_raises_what_nobody_expects_or_hangs(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs(target))
    def holds(data: bytes) -> None:
        assert holding.fault_of(target, data) is None

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_a_parsers_own_seeds_hold(name: str) -> None:
    assert [fault for seed in TARGETS[name].seeds if (fault := holding.fault_of(TARGETS[name], seed))] == []


@pytest.mark.parametrize("name", TARGETS)
def test_a_parsers_work_grows_no_faster_than_its_input(name: str) -> None:
    target = TARGETS[name]
    found = [growth.fault_of(target, *shape, at_limit=False) for shape in growth.sample(target, 1, SHAPES)]
    assert [fault for fault in found if fault] == []


def test_a_parser_reads_at_least_one_of_its_seeds() -> None:
    def reads(name: str, seed: bytes) -> bool:
        try:
            TARGETS[name].parse(seed)
        except TARGETS[name].declared:
            return False
        return True

    assert [name for name, target in TARGETS.items() if not any(reads(name, seed) for seed in target.seeds)] == []


def test_an_exception_that_is_not_declared_is_found() -> None:
    fault = holding.fault_of(PLANTED["raises"], b"#pool\n\n\n!")
    assert fault is not None
    assert fault.kind == "KeyError at tests/reliability/parsers/planted.py, raises"
    assert holding.fault_of(PLANTED["refuses"], b"") is None


def test_an_input_that_does_not_end_is_found() -> None:
    fault = holding.fault_of(PLANTED["hangs"], b"pool " * 20, limit_s=0.3)
    assert fault is not None
    assert fault.kind.startswith("hangs at tests/reliability/parsers/planted.py")


def test_a_result_that_breaks_the_boundarys_promise_is_found() -> None:
    assert holding.fault_of(PLANTED["says_odd"], SEED) is None
    assert holding.fault_of(PLANTED["says_odd"], b"\x1b") is not None


@pytest.mark.parametrize("name", ["quadratic_in_python", "quadratic_in_c"])
def test_work_that_grows_like_a_square_is_found(name: str) -> None:
    fault = growth.fault_of(PLANTED[name], "lines", lines)
    assert fault is not None
    assert ("lines of Python" in fault.words) == (name == "quadratic_in_python")


def test_work_that_grows_like_the_input_is_no_fault() -> None:
    shapes = list(growth.shapes(PLANTED["linear"]))
    assert len(shapes) > 100
    assert [fault for shape in shapes[:40] if (fault := growth.fault_of(PLANTED["linear"], *shape))] == []


@settings(max_examples=100)
@given(st.data())
def test_changed_json_stays_json(data: st.DataObject) -> None:
    from tests.reliability.parsers.strategies import json_data  # noqa: PLC0415

    json.loads(data.draw(json_data(TARGETS["evidence"])))


def test_a_run_takes_each_parser_once() -> None:
    assert PARTS["parsers"].seeds == len(TARGETS)


def test_a_later_seed_takes_further_shapes() -> None:
    target = TARGETS["chronyc sources"]
    first, second = (dict(growth.sample(target, seed, 20)) for seed in (1, 2))
    assert len(first) == 20 + len(target.grown)
    assert not first.keys() & second.keys()
