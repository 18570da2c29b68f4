"""What JSON data may look like, said with functions: each shape gives back the value that fits, and raises MalformedError else.

A shape is made of others: ``fields({"port": whole(1, 65535), "name?": text()})``. What it gives back is plain JSON data again, so
that it can be stored as it is; what it does not name is dropped. Given back once, a value fits its shape and stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .text import Tokens, printable_file

Shape = Callable[[Any, Tokens], Any]
"""From a value, and the tokens that must not be in it, to the value of the guaranteed form."""

MAX_TEXT = 300_000
"""The longest text, in characters: a little more than a probe shows of a file or of what a command printed."""

MAX_NAME = 4096
"""The longest text that is no file's and no command's: a path, a message, a command line, a host's name."""

MAX_ITEMS = 1000
"""The longest list, unless a shape says otherwise."""

MAX_SAFE = 2**63 - 1
"""The largest number of the kernel and of C's ``long``, and so the latest time in nanoseconds (the year 2262)."""


class MalformedError(ValueError):
    """A value does not fit: where it is, what was found and what was expected."""

    def __init__(self, expected: str, found: object) -> None:
        """``found`` is named by its kind or its size: what a node says is not repeated."""
        self.place = ""
        self.expected = expected
        self.found = _kind(found)
        super().__init__(expected)

    def at(self, step: str) -> MalformedError:
        """Say that it is within this field or item."""
        self.place = step + self.place
        return self

    def __str__(self) -> str:
        """Half a sentence, as ``servers[0].port: expected a whole number, found a text``."""
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
"""What is found of a field that is not there."""


def text(most: int = MAX_NAME, one_of: Collection[str] = ()) -> Shape:
    """A text of at most so many characters, made printable and without tokens; ``one_of``: these words alone."""
    expected = f"one of {', '.join(sorted(one_of))}" if one_of else f"a text of at most {most} characters"

    def read(value: Any, tokens: Tokens) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise MalformedError(expected, value)
        # What is not printable is longer when it is shown as an escape.
        shown = tokens.redacted(printable_file(value))
        if len(shown) > most or (one_of and shown not in one_of):
            raise MalformedError(expected, value)
        return shown

    return read


def lines(most: int) -> Shape:
    """A text of at most so many lines, and of MAX_TEXT characters."""
    whole_text = text(MAX_TEXT)

    def read(value: Any, tokens: Tokens) -> str:
        shown: str = whole_text(value, tokens)
        if shown.count("\n") > most:
            raise MalformedError(f"a text of at most {most} lines", value)
        return shown

    return read


def octets(most: int) -> Shape:
    """So many octets at most, each as two hexadecimal digits."""
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
        # Neither NaN nor infinity lies between the two; math.isfinite can't be asked about every whole number.
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
    """A list of at most so many items of one shape."""

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
    """A mapping with these fields; one whose name ends in ``?`` may be left out. All others are dropped."""
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
    """A mapping whose names are the node's own, at most so many, each a text."""
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
"""What stands in place of something that could not be taken."""


def or_failed(shape: Shape) -> Shape:
    """The shape; or the error, of what could not be taken."""
    return lambda value, tokens: (FAILED if isinstance(value, dict) and "error" in value else shape)(value, tokens)


def anything(depth: int = 8) -> Shape:
    """Any JSON data of at most so many levels, its lists and mappings of at most MAX_ITEMS, its texts made printable."""
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
