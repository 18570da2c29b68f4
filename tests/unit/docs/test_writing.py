"""How docs/writing.py wraps Markdown and writes tables."""

from __future__ import annotations

import pytest

from docs.writing import ended, of_ansible, sentence, table, wrapped

LONG = "word " * 30


def test_paragraphs_are_wrapped_at_100_columns_and_stay_apart() -> None:
    lines = wrapped(f"{LONG}\n{LONG}\n\nnext").splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[-2:] == ["", "next"]
    assert sum(line.count("word") for line in lines) == 60


def test_an_item_of_a_list_is_indented_where_it_goes_on() -> None:
    first, *others = wrapped(f"- {LONG}\n- short").splitlines()
    assert first.startswith("- word")
    assert others[-1] == "- short"
    assert all(line.startswith("  word") for line in others[:-1])


@pytest.mark.parametrize("sign", ["-", "+", "*", ">", "#", "1."])
def test_no_line_begins_with_a_sign_of_markdown(sign: str) -> None:
    text = f"{'x' * 98} {sign} y"
    assert wrapped(text).splitlines() == [text.removesuffix(" y"), "y"]


def test_tables_and_code_are_left_as_they_are() -> None:
    row = f"| {LONG} |"
    assert wrapped(row) == row


def test_a_vertical_bar_does_not_end_a_cell() -> None:
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |"


def test_a_sentence_ends_once() -> None:
    assert [ended(text) for text in ("a", "a.", "(a.)", "a?")] == ["a.", "a.", "(a.)", "a?"]
    assert sentence("a b") == "A b."


def test_ansibles_marks_become_code() -> None:
    assert of_ansible("C(time.time_ns()) of O(github_apps[].name)") == "`time.time_ns()` of `name`"
