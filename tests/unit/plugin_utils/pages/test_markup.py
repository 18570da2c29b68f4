from __future__ import annotations

from html.parser import HTMLParser

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages.markup import element, joined, of_the_project
from hypothesis import given
from hypothesis import strategies as st


class Parsed(HTMLParser):
    """What another reader makes of it: the tags, their attributes, and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_is_read_back_as_text(text: str) -> None:
    parsed = Parsed(element("p", text, title=text))
    assert parsed.tags == ["p"]
    assert parsed.attributes == [("title", clean(text))]
    assert parsed.text == clean(text)


@pytest.mark.parametrize("text", ["a\u202eb", "a\x00b", "a\x1b[2Jb", "a\u2066b", "a\u200fb", "\ud800"])
def test_what_reorders_or_hides_text_is_shown_as_an_escape(text: str) -> None:
    assert text not in element("p", text)
    assert "\\" in element("p", text)
    element("p", text).encode()


def test_content_may_be_nested_and_markup_is_not_escaped_twice() -> None:
    assert joined(["<", [element("b", "&"), None]]) == "&lt;<b>&amp;</b>"


@pytest.mark.parametrize("name", ["onclick", "on_load", "OnError", "x y", 'a"b', ""])
def test_no_attribute_runs_code(name: str) -> None:
    with pytest.raises(ValueError, match="attribute"):
        element("p", **{name: "x"})


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://example.com/", "data:text/html,x", " #x"])
def test_no_link_leaves_the_page(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        element("a", "x", href=address)
    assert element("a", "x", href="#n1") == '<a href="#n1">x</a>'


def test_a_style_sheet_cannot_end_its_own_element() -> None:
    with pytest.raises(ValueError, match="end tag"):
        of_the_project("a {} </style>")
