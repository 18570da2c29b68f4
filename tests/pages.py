"""A page of HTML as another reader has it: its elements, their attributes, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """The elements of a page in order; raises AssertionError if they are not nested properly."""

    def __init__(self, markup: str) -> None:
        """Read the whole page."""
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(markup)
        self.close()
        assert self._open == [], f"elements that never end: {self._open}"

    @property
    def text(self) -> str:
        """All of the text that people read."""
        return " ".join("".join(self._texts).split())

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        """The attributes of each element with this name."""
        return (attributes for name, attributes in self.elements if name == tag)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must have this name."""
        assert self._open.pop() == tag
        if tag in (
            "p",
            "dt",
            "dd",
            "li",
            "td",
            "th",
            "div",
            "summary",
            "text",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "caption",
        ):
            self._texts.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep text, and apart from it what is in a style sheet or script."""
        if self._open and self._open[-1] in ("style", "script"):
            self.raw[self._open[-1]] = data
        else:
            self._texts.append(data)
