"""Functions that describe JSON data.

Each shape returns a value that fits, or raises MalformedError.

A shape is made of others: ``fields({"port": whole(1, 65535), "name?": text()})``. It returns plain
JSON data, which can be stored as it is, and drops everything that it does not name. A returned
value fits its shape, and the shape returns it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .text import Tokens, printable_file

Shape = Callable[[Any, Tokens], Any]
"""Takes a value and the tokens that must not be in it. Returns the value in the guaranteed form."""

MAX_TEXT = 300_000
"""The most characters of a text: a little more than a probe shows of a file or a command's
output."""

MAX_NAME = 4096
"""The most characters of other texts: a path, a message, a command line, a host's name."""

MAX_ITEMS = 1000
"""The most items of a list, unless a shape says otherwise."""

MAX_SAFE = 2**63 - 1
"""The largest number of the kernel and of C's ``long``. As nanoseconds it is a time in the year
2262."""


class MalformedError(ValueError):
    """A value does not fit: where it is, what was found and what was expected."""

    def __init__(self, expected: str, found: object) -> None:
        """``found`` is described by its kind or size, because a node's text must not be
        repeated.
        """
        self.place = ""
        self.expected = expected
        self.found = _kind(found)
        super().__init__(expected)

    def at(self, step: str) -> MalformedError:
        """Say that it is within this field or item."""
        self.place = step + self.place
        return self

    def __str__(self) -> str:
        """For example ``servers[0].port: expected a whole number, found a text``."""
        where = f"{self.place.lstrip('.')}: " if self.place else ""
        return f"{where}expected {self.expected}, found {self.found}"


def _kind(found: object) -> str:
    if isinstance(found, bool) or found is None:
        return {None: "null", True: "true", False: "false"}[found]
    if isinstance(found, int | float):
        return "a number that is too large" if abs(found) > MAX_SAFE else f"{found}"
    for kind, words in (
        (str, "a text of {} characters"),
        (list, "a list of {} items"),
        (dict, "a mapping of {} fields"),
    ):
        if isinstance(found, kind):
            return words.format(len(found))
    return "nothing" if found is MISSING else type(found).__name__


MISSING = object()
"""Stands for a missing field."""


def text(most: int = MAX_NAME, one_of: Collection[str] = ()) -> Shape:
    """A text of at most this many characters, made printable and without tokens.

    ``one_of``: only these words are allowed.
    """
    expected = f"one of {', '.join(sorted(one_of))}" if one_of else f"a text of at most {most} characters"

    def read(value: Any, tokens: Tokens) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise MalformedError(expected, value)
        # An escape is longer than the character that it shows.
        shown = tokens.redacted(printable_file(value))
        if len(shown) > most or (one_of and shown not in one_of):
            raise MalformedError(expected, value)
        return shown

    return read


def lines(most: int) -> Shape:
    """A text of at most this many lines, and of at most MAX_TEXT characters."""
    whole_text = text(MAX_TEXT)

    def read(value: Any, tokens: Tokens) -> str:
        shown: str = whole_text(value, tokens)
        if shown.count("\n") > most:
            raise MalformedError(f"a text of at most {most} lines", value)
        return shown

    return read


def octets(most: int) -> Shape:
    """At most this many octets, each as two hexadecimal digits."""
    digits = text(2 * most)

    def read(value: Any, tokens: Tokens) -> str:
        shown: str = digits(value, tokens)
        try:
            bytes.fromhex(shown)
        except ValueError:
            raise MalformedError("octets in hexadecimal digits", value) from None
        return shown

    return read


def whole(low: int = -MAX_SAFE, high: int = MAX_SAFE) -> Shape:
    """A whole number from ``low`` to ``high``."""

    def read(value: Any, _tokens: Tokens) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise MalformedError(f"a whole number from {low} to {high}", value)
        return value

    return read


def number(low: float = -MAX_SAFE, high: float = MAX_SAFE) -> Shape:
    """A finite number from ``low`` to ``high``, whole or not."""

    def read(value: Any, _tokens: Tokens) -> float:
        # This excludes NaN and infinity too. math.isfinite does not accept every whole number.
        if type(value) not in (int, float) or not low <= value <= high:
            raise MalformedError(f"a number from {low:g} to {high:g}", value)
        return value  # type: ignore[no-any-return]

    return read


def flag(value: Any, _tokens: Tokens) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise MalformedError("true or false", value)
    return value


def maybe(shape: Shape) -> Shape:
    """The shape, or null."""
    return lambda value, tokens: None if value is None else shape(value, tokens)


def items(shape: Shape, most: int = MAX_ITEMS) -> Shape:
    """A list of at most this many items of one shape."""

    def read(value: Any, tokens: Tokens) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise MalformedError(f"a list of at most {most} items", value)
        found = []
        for number, item in enumerate(value):
            try:
                found.append(shape(item, tokens))
            except MalformedError as error:
                raise error.at(f"[{number}]") from None
        return found

    return read


def fields(shapes: Mapping[str, Shape]) -> Shape:
    """A mapping with these fields; one whose name ends in ``?`` may be left out.

    All others are dropped.
    """
    rows = [(name.rstrip("?"), name.endswith("?"), shape) for name, shape in shapes.items()]

    def read(value: Any, tokens: Tokens) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise MalformedError(f"a mapping with {', '.join(name for name, *_shape in rows)}", value)
        found = {}
        for name, optional, shape in rows:
            if name in value or not optional:
                try:
                    found[name] = shape(value.get(name, MISSING), tokens)
                except MalformedError as error:
                    raise error.at(f".{name}") from None
        return found

    return read


def by_name(shape: Shape, most: int = 100) -> Shape:
    """A mapping whose names the node chose: at most this many, each a text."""
    name_of = text()

    def read(value: Any, tokens: Tokens) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise MalformedError(f"a mapping of at most {most} names", value)
        found = {}
        for name, item in value.items():
            try:
                found[name_of(name, tokens)] = shape(item, tokens)
            except MalformedError as error:
                raise error.at(".(a name)") from None
        return found

    return read


FAILED = fields({"error": text(MAX_TEXT)})
"""Replaces something that could not be taken."""


def or_failed(shape: Shape) -> Shape:
    """The shape, or an error if it could not be taken."""
    return lambda value, tokens: (FAILED if isinstance(value, dict) and "error" in value else shape)(value, tokens)


def anything(depth: int = 8) -> Shape:
    """Any JSON data of at most this many levels, with printable texts.

    Its lists and mappings have at most MAX_ITEMS items.
    """
    if depth == 0:
        return _nothing_deeper
    number_of, text_of = number(), text(MAX_TEXT)

    def read(value: Any, tokens: Tokens) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return text_of(value, tokens)
        if isinstance(value, list):
            return items(anything(depth - 1))(value, tokens)
        if isinstance(value, dict):
            return by_name(anything(depth - 1), MAX_ITEMS)(value, tokens)
        return number_of(value, tokens)

    return read


def _nothing_deeper(value: Any, _tokens: Tokens) -> Any:
    raise MalformedError("data of fewer levels", value)
