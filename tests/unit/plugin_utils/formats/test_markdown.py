"""summary.md, as a Markdown renderer reads it (CommonMark with GitHub's tables)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import markdown
from hypothesis import example, given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.hostile import hostile_report, judged, texts
from tests.reports import admitted, finding, refused, report, text_of, unreachable

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(content: dict[str, Any]) -> list[Token]:
    """The tokens, those within a line too."""
    tokens = RENDERER.parse(text_of(markdown, content))
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def cells(content: dict[str, Any]) -> list[list[str]]:
    """The rows of the table, as a reader sees them."""
    found: list[list[str]] = []
    tokens = RENDERER.parse(text_of(markdown, content))
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            found.append([])
        if before.type in {"th_open", "td_open"}:
            found[-1].append("".join(child.content for child in token.children or ()))
    return found


def commands(content: dict[str, Any]) -> list[str]:
    return [token.content.strip() for token in read(content) if token.type == "fence"]


def headings(content: dict[str, Any]) -> list[str]:
    tokens = RENDERER.parse(text_of(markdown, content))
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


@pytest.mark.parametrize(
    ("nodes", "verdict"),
    [
        ({"a": admitted()}, "1 node admitted"),
        ({"a": admitted(), "b": admitted()}, "all 2 nodes admitted"),
        ({"a": admitted(), "b": refused(), "c": unreachable()}, "2 of 3 nodes refused"),
    ],
)
def test_the_verdict_comes_first(nodes: dict[str, Any], verdict: str) -> None:
    assert headings(report(**nodes))[0] == f"skewgate: {verdict}"


def test_each_refused_node_has_a_row_with_its_skew_and_cause() -> None:
    assert cells(report(a=admitted(), b=refused(), c=unreachable()))[1:] == [
        [
            "b",
            "refused",
            "612.004 s behind (± 0.012 s)",
            "cause clock_skew (and 1 more)",
        ],
        ["c", "not judged", "unknown", "cause reachable"],
    ]


def test_a_cause_is_said_once_for_all_its_nodes_with_what_to_do() -> None:
    text = text_of(markdown, report(a=admitted(), b=refused(), c=refused()))
    assert text.count("what to do for") == 2
    assert "**2 nodes**: `b`, `c`" in text
    assert "`a`" in text


def test_the_gate_is_the_next_step_if_it_can_help() -> None:
    remediable = {**finding("clock_skew", "fail"), "remediable": True}
    assert commands(report(b=refused(findings=[remediable]))) == ["skewgate gate -i INVENTORY --limit b"]
    assert commands(report(b=refused())) == ["skewgate check -i INVENTORY --limit b"]
    assert commands(report(a=admitted())) == []


def test_a_report_of_any_size_fits_into_a_comment() -> None:
    long = "<@" * 1000
    nodes = {
        f"node{number:05}{long}": refused(
            findings=[{**finding("clock_skew", "fail", long), "keys": [f"k{number % 50}"], "remedy": long}]
        )
        for number in range(1000)
    }
    content = report(**nodes)
    content["fleet"]["findings"] = [{"id": "controller_clock", "summary": long, "remedy": long}] * 100
    assert 30_000 < len(text_of(markdown, content)) <= 60_000


def test_a_long_next_step_is_left_out_whole_and_the_page_still_fits() -> None:
    long = "<@" * 1000
    nodes = {
        f"node{number:05}{long}": refused(
            findings=[{**finding("clock_skew", "fail", long), "keys": [f"k{number % 50}"], "remedy": long}]
        )
        for number in range(200)
    }
    remediable = {**finding("clock_skew", "fail"), "remediable": True}
    stopped = {"attempted": True, "succeeded": False, "message": "x"}
    names = [f"n{number:02}-{'x' * 246}" for number in range(20)]
    nodes |= {f"a{name}": refused(findings=[remediable]) for name in names}
    nodes |= {f"b{name}": refused(findings=[remediable], remediation=stopped) for name in names}
    content = report(**nodes)
    content["fleet"]["findings"] = [{"id": "controller_clock", "summary": long, "remedy": long}] * 100
    assert len(text_of(markdown, content)) <= 60_000
    assert [command[:30] for command in commands(content)] == ["skewgate gate -i INVENTORY --l"]
    assert headings(content)[1:3] == ["Next step", "Causes"]


#: What the page itself has; anything else would be a node's.
TOKENS = {
    *("heading", "paragraph", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td", "strong"),
    *("inline", "text", "softbreak", "code_inline", "fence"),
}


@given(texts)
@example("a`b`[x](y)")
@example("`` ` `` `")
@example("1. - # > a\\|b")
def test_no_string_of_a_node_becomes_markup(text: str) -> None:
    content = hostile_report(text)
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in read(content)}
    assert kinds <= TOKENS
    assert len(headings(content)) == 5
    assert [len(row) for row in cells(content)] == [4, 4, 4]


@given(texts)
@example("@all http://e.example www.e.example a@e.example #1 GH-1 :+1: o/r#1")
def test_no_string_of_a_node_becomes_a_mention_or_a_link_on_github(text: str) -> None:
    """GitHub links these in any text that is not code, whatever Markdown says."""
    page = "\n".join(token.content for token in read(hostile_report(text)) if token.type == "text")
    assert not set(page) & set("@/#&<>[]`*_~\\|")
    assert "www." not in page
    assert ":+1:" not in page


def test_of_what_the_checks_say_sentences_stay_sentences() -> None:
    text = text_of(markdown, judged())
    answer = "\"401 'Expiration time' claim ('exp') must be a numeric value\", and 'x@y'."
    assert markdown.prose(answer) == answer.replace("x@y", "`x@y`")
    assert "Give the node a working NTP configuration and step its clock" in text
