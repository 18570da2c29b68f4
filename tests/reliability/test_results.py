"""The table of `make reliability` and the file behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from docs import make_reliability
from tests.reliability import results
from tests.reliability.__main__ import chosen
from tests.reliability.parts import Part
from tests.reliability.results import Row

ROW = Row("mutants", 100, (1, 10), admitted_wrongly=0, exceptions=0, commit="aaaaaaaaa", at="2026-11-29")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, seeds=(11, 20), faults=["seed 12: admitted"], figures={"p50_s": 0.5})]
    for row in rows:
        row.append(tmp_path / "results.jsonl")
    assert results.read(tmp_path / "results.jsonl") == rows


def test_rows_of_a_part_and_a_commit_are_added_up() -> None:
    other = replace(ROW, part="load", leaks=1)
    rows = [ROW, replace(ROW, seeds=(11, 30), cases=200, exceptions=2), other, replace(ROW, commit="bbbbbbbbb")]
    added = replace(ROW, cases=300, seeds=(1, 30), exceptions=2)
    assert list(results.together(rows)) == [added, replace(ROW, commit="bbbbbbbbb"), other]


def test_what_a_part_cannot_see_is_no_zero() -> None:
    assert results.cells(ROW)[2:8] == ["0", "-", "-", "0", "-", "-"]


def test_only_what_must_not_be_found_fails_a_run() -> None:
    assert replace(ROW, refused_wrongly=5, inconclusive=7).holds
    for found in ({"admitted_wrongly": 1}, {"exceptions": 1}, {"leaks": 1}, {"lost": 1}, {"faults": ["x"]}):
        assert not replace(ROW, **found).holds


def test_seeds_that_were_run_with_the_same_code_are_not_run_again() -> None:
    part = Part("mutants", 15, "")
    run = replace(ROW, code=results.code_of("mutants"))
    assert chosen(part, [run], 15, None) == [11, 12, 13, 14, 15]
    assert chosen(part, [replace(run, code="another")], 15, None) == list(range(1, 16))
    assert chosen(part, [run], 3, 5) == [5, 6, 7]


def test_a_part_that_grows_goes_on_with_further_seeds() -> None:
    assert chosen(Part("mutants", 3, "", grows=True), [ROW], 3, None) == [11, 12, 13]


def test_the_documentation_has_the_table_of_the_results() -> None:
    assert make_reliability.FILE.read_text() == make_reliability.text()
