"""Elements of HTML and SVG. Text becomes markup nowhere else, so it is escaped here and
cannot be forgotten.

Names and messages come from nodes and are hostile. Control characters and bidirectional overrides
become visible escapes, so no text reorders the page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from ..model.wording import clean

_VOID = frozenset({"meta", "input", "br"})
_ATTRIBUTE = re.compile(r"(?!on)[a-z][\w:-]*", re.IGNORECASE | re.ASCII)
_URLS = frozenset({"href", "src", "action", "formaction", "xlink:href"})


class Markup(str):
    """Markup that an element was made of. Every other string is text."""

    __slots__ = ()


Content = str | Iterable["Content"] | None
"""Text, markup, or a sequence of both; nothing is left out."""


def element(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """An element with its content: ``class_`` is written ``class``, and ``aria_label`` is
    written ``aria-label``.

    An attribute that is ``True`` has no value; one that is ``None`` or ``False`` is left out.
    Raises ValueError for an attribute that runs code, and for an address outside of the page.

    >>> element("p", "1 < 2 ", element("b", "so"), class_="note")
    '<p class="note">1 &lt; 2 <b>so</b></p>'
    """
    return Markup(f"{opening(name, **attributes)}{joined(content)}{'' if name in _VOID else f'</{name}>'}")


def opening(name: str, /, **attributes: str | float | bool | None) -> Markup:
    """The start tag alone, for what is written piece by piece; ``closing`` ends it."""
    words = [name]
    for key, value in attributes.items():
        word = key.rstrip("_").replace("_", "-")
        if not _ATTRIBUTE.fullmatch(word):
            raise ValueError(f"expected an attribute that runs no code, found {word!r}")
        if value is None or value is False:
            continue
        if word in _URLS and not str(value).startswith("#"):
            raise ValueError(f"expected an address inside the page, found {value!r}")
        words.append(word if value is True else f'{word}="{_escaped(value)}"')
    return Markup(f"<{' '.join(words)}>")


def closing(name: str) -> Markup:
    """The end tag of an element that ``opening`` began."""
    return Markup(f"</{name}>")


def joined(content: Content) -> Markup:
    """Content as markup: what is text in it is escaped."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(_escaped(content))
    return Markup("".join(map(joined, content)))


def of_the_project(text: str) -> Markup:
    """A style sheet or script of this folder, which is no text of a report;
    raises ValueError if it ends its own element.
    """
    if "</" in text or "<!--" in text:
        raise ValueError("a style sheet or script must not have an end tag or a comment of HTML")
    return Markup(text)


def _escaped(value: object) -> str:
    return html.escape(clean(value))
