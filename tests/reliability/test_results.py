"""The table of `make reliability` and the file behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from docs import make_reliability
from tests.reliability import results
from tests.reliability.__main__ import chosen, main, run
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


def test_seeds_that_found_something_are_run_again_until_it_is_fixed() -> None:
    found = replace(ROW, code=results.code_of("mutants"), exceptions=1)
    assert chosen(Part("mutants", 10, ""), [found], 10, None) == list(range(1, 11))


@dataclass(frozen=True)
class Planted(Part):
    """A part with these rows."""

    rows: Sequence[Row] = ()

    def run(self, seeds: Sequence[int]) -> Iterator[Row]:
        """Whatever the seeds are."""
        assert seeds
        yield from self.rows


@pytest.fixture
def no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "results.jsonl"
    monkeypatch.setattr(results, "read", list)
    monkeypatch.setattr(Row, "append", lambda row: file.write_text(row.part))


@pytest.mark.usefixtures("no_rows")
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no row of the seeds \\[1, 2, 3\\]"),
        ([replace(ROW, seeds=(1, 2))], "no row of the seeds \\[3\\]"),
        ([replace(ROW, seeds=(1, 3), cases=0)], "3 seeds and no case"),
    ],
)
def test_a_part_that_did_nothing_is_an_error_and_not_a_clean_run(rows: list[Row], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        run(Planted("mutants", 3, "", rows=rows), None, None)


@pytest.mark.usefixtures("no_rows")
def test_one_row_that_does_not_hold_fails_the_run() -> None:
    good, bad = replace(ROW, seeds=(1, 2)), replace(ROW, seeds=(3, 3), faults=["seed 3: x"])
    assert not run(Planted("mutants", 3, "", rows=[bad, good]), None, None)
    assert run(Planted("mutants", 3, "", rows=[good, replace(bad, faults=[])]), None, None)


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--first", "0"], ["--seeds", "-1"]])
def test_a_run_of_no_seed_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "mutants"])
    assert ended.value.code == 2


def test_a_part_that_grows_goes_on_with_further_seeds() -> None:
    assert chosen(Part("mutants", 3, "", grows=True), [ROW], 3, None) == [11, 12, 13]


def test_the_documentation_has_the_table_of_the_results() -> None:
    assert make_reliability.FILE.read_text() == make_reliability.text()
