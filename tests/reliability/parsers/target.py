"""What a parser is to the tests of this folder: a function of bytes, and what may leave it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.paths import SAMPLES

Parse = Callable[[bytes], object]

MAX_OUTPUT = 256 * 1024
"""The most bytes that a probe hands out of a command's answer, and about that of a file."""

PART = "\n@@\n"
"""Separates the texts of an input that has several."""


@dataclass(frozen=True)
class Target:
    """A parser of text or bytes from outside.

    ``grown``: shapes of inputs that grow (``growth.Shape``) which its seeds do not show.

    ``declared``: the exceptions that its callers turn into a finding or a message; no other one may
    leave it. ``seeds``: good inputs, and known bad ones. ``tokens``: words that mean something to
    it; ``{}`` in a token becomes another number each time that it is repeated. ``most``: the most
    bytes that the boundary before it lets through. ``promise``: what is wrong with a result; empty
    if it is what the boundary promises. ``is_json``: the input is JSON data.
    """

    name: str
    parse: Parse
    seeds: tuple[bytes, ...]
    tokens: tuple[str, ...] = ()
    declared: tuple[type[Exception], ...] = ()
    most: int = MAX_OUTPUT
    promise: Callable[[Any], str] = field(default=lambda _result: "")
    is_json: bool = False
    grown: tuple[tuple[str, Callable[[int], bytes]], ...] = ()


def of_text(read: Callable[[str], object]) -> Parse:
    """A parser of text, whose bytes that are no text are replaced, as in a command's output."""
    return lambda data: read(data.decode("utf-8", "replace"))


def of_json(read: Callable[[Any], object]) -> Parse:
    """A parser of JSON data; what is no JSON is not its matter."""

    def parse(data: bytes) -> object:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return None
        return read(value)

    return parse


def parts(text: str, count: int) -> list[str]:
    """The texts of an input with several; empty ones for those that it lacks."""
    found = text.split(PART, count - 1)
    return [*found, *[""] * (count - len(found))]


def joined(*texts: str) -> bytes:
    """An input of several texts."""
    return PART.join(texts).encode()


def words(text: str) -> tuple[str, ...]:
    """The words of a text, as tokens."""
    return tuple(text.split())


def samples(pattern: str) -> tuple[bytes, ...]:
    """The files of tests/samples."""
    found = tuple(path.read_bytes() for path in sorted(SAMPLES.glob(pattern)) if path.is_file())
    assert found, pattern
    return found


def as_bytes(values: Iterable[Any]) -> tuple[bytes, ...]:
    """JSON data as inputs."""
    return tuple(json.dumps(value).encode() for value in values)


def strict(result: object) -> str:
    """Whether a result is strict JSON, which every reader accepts."""
    try:
        json.dumps(result, allow_nan=False)
    except ValueError as error:
        return f"its result is not strict JSON: {error}"
    return ""


def strict_and_printable(result: object) -> str:
    """Whether a result is strict JSON whose texts can be printed on any terminal."""
    if wrong := strict(result):
        return wrong
    odd = {each for each in json.dumps(result, ensure_ascii=False) if not each.isprintable()}
    return f"its result has {odd!r}" if odd else ""


def printable_lines(result: object) -> str:
    """Whether a text can be printed on any terminal, line by line."""
    odd = {each for each in str(result) if not each.isprintable() and each not in "\n\t"}
    return f"it prints {odd!r}" if odd else ""
