"""docs/reference/answers.md is the table by which answers are classified."""

from __future__ import annotations

from typing import get_args

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answer_table import ROWS, AnswerKey, Kind

from docs.make_pages import ANSWERS, CLASSES, answers_page, pages


def test_the_page_is_there_and_says_what_the_table_says():
    assert ANSWERS.read_text(encoding="utf-8") == answers_page(), "run `make docs`"


def test_the_page_has_every_key_with_an_answer_a_class_and_a_next_step():
    rows = [line.strip("| ").split(" | ") for line in answers_page().splitlines() if line.count(" | ") == 5][2:]
    assert len(rows) == len(ROWS)
    assert {key for _, _, _, key, _, _ in rows} == {f"`{key}`" for key in AnswerKey}
    assert not [key for answer, _, kind, key, step, source in rows if not (answer and kind and step and source)]
    assert "{" not in answers_page()


def test_every_class_is_explained():
    assert set(CLASSES) == set(get_args(Kind))


def test_the_checks_page_leads_there():
    assert "(../answers.md)" in pages()["github_app_token.md"]
