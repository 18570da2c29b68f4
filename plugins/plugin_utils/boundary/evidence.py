"""Parses what a node says, once: its evidence section by section, and other text from it.

A section that does not fit its form becomes ``{"malformed": why}``. The checks that need it are
inconclusive, and nothing else changes. The result always fits the form, so the code that uses it
need not be careful. To parse it again changes nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from .sections import SECTIONS
from .shapes import FAILED, MAX_TEXT, MalformedError, Shape, anything, fields, text
from .text import Tokens, printable

MAX_ANSWER = 4 * 1024 * 1024
"""The most characters of JSON that a node's evidence may have."""

MAX_SECTION = 3 * 1024 * 1024
"""The most characters of one section. A probe shows 1 MiB of a daemon's configuration, and 256 KiB
of each answer."""

MAX_SECTIONS = 50

MAX_SAID = 2000
"""The most characters that are kept of other text, such as why a module failed or a node can't be
reached."""

MALFORMED = "malformed"

_MALFORMED = fields({MALFORMED: text(MAX_TEXT)})
_ANY = anything()
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def read_json(text: str) -> Any:
    """JSON data of a node or of a saved file.

    Raises ValueError if it is none, and RecursionError if it is too deep.

    Python also reads and writes ``NaN`` and ``Infinity``. No other reader of a report accepts them
    (RFC 8259, section 6), and every comparison with ``NaN`` is false. Here they become null, as if
    they were not measured. So does a number that is too large (``1e999``).
    """
    return json.loads(text, parse_constant=lambda _: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def as_strict_json(value: Any) -> Any:
    """JSON data with null for numbers that JSON does not have; a daemon may print ``nan``."""
    if isinstance(value, dict):
        return {key: item if type(item) in _AS_IT_IS else as_strict_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _AS_IT_IS else as_strict_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_AS_IT_IS = frozenset({str, int, bool, type(None)})
"""The types whose values are always strict JSON. They are tried first, for each value of a
finding."""


def parse_evidence(given: Any, tokens: Tokens | None = None) -> dict[str, Any]:
    """A node's evidence with each of its sections in the guaranteed form, or malformed; never
    raises.

    ``tokens``: the JWTs that the node was sent.
    """
    tokens = tokens or Tokens()
    if not isinstance(given, Mapping):
        return _all_malformed(f"the evidence is no mapping but {type(given).__name__}")
    names = [name for name in given if isinstance(name, str) and _NAME.fullmatch(name) and name != "schema"]
    if len(names) > MAX_SECTIONS:
        return _all_malformed(f"the evidence has {len(names)} sections, at most {MAX_SECTIONS} are read")
    sizes = {name: _size(given[name]) for name in names}
    if sum(sizes.values()) > MAX_ANSWER:
        return _all_malformed(_too_large("the evidence", sum(sizes.values()), MAX_ANSWER))
    read = {}
    after = 0.0
    for name in names:
        read[name], size = _section(name, given[name], sizes[name], tokens)
        after += size
    # Shown as escapes, what is not printable is longer.
    if after > MAX_ANSWER:
        return _all_malformed(_too_large("the evidence", after, MAX_ANSWER))
    schema = given.get("schema")
    return {**read, **({"schema": schema} if schema in SCHEMAS else {})}


SCHEMAS = ("skewgate/evidence/1",)


def _section(name: str, given: Any, size: float, tokens: Tokens) -> tuple[Any, float]:
    """One section and its size; ``size``: as it was given. Both in characters of JSON."""
    if size > MAX_SECTION:
        return _malformed(_too_large(name, size, MAX_SECTION))
    try:
        read = _shape(name, given)(given, tokens)
    except MalformedError as error:
        return _malformed(f"{name}: {error}")
    after = size if read == given else _size(read)
    return (read, after) if after <= MAX_SECTION else _malformed(_too_large(name, after, MAX_SECTION))


def _malformed(why: str) -> tuple[dict[str, str], float]:
    section = {MALFORMED: why}
    return section, _size(section)


def _shape(name: str, given: Any) -> Shape:
    shape = SECTIONS.get(name, _ANY)
    if isinstance(given, dict):
        if MALFORMED in given:
            return _MALFORMED
        if given.keys() == {"error"}:
            return FAILED
    return shape


def _size(value: Any) -> float:
    """In characters of JSON; without a bound if it is no JSON or too deep."""
    try:
        return len(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return math.inf


def _too_large(what: str, size: float, most: int) -> str:
    if math.isinf(size):
        return f"{what}: expected JSON data of a few levels"
    return f"{what}: expected at most {most} characters of JSON, found {size:.0f}"


def _all_malformed(why: str) -> dict[str, Any]:
    return {name: {MALFORMED: why} for name in SECTIONS}


def parse_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A saved record with its evidence, and that of before the remediation, in the guaranteed
    form.
    """
    read = {**record, "evidence": parse_evidence(record.get("evidence") or {})}
    for key in ("unreachable", "module_error", "no_answer"):
        if read.get(key) is not None:
            read[key] = said(read[key])
    if isinstance(read.get("before"), Mapping):
        read["before"] = parse_record(read["before"])
    return read


def said(given: object, tokens: Tokens | None = None, most: int = MAX_SAID) -> str:
    r"""A node's other text: printable, without tokens, and short enough to read.

    >>> said("no \x1b[31mspace left")
    'no \\x1b[31mspace left'
    """
    # Redacted before it is cut: half a token no longer has a token's form.
    shown = printable((tokens or Tokens()).redacted(str(given)[:MAX_ANSWER]))
    return shown if len(shown) <= most else f"{shown[: most // 2]} ... {shown[-(most // 2 - 5) :]}"
