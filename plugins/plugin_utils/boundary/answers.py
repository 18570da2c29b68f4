"""A module's answer from a node, reduced to the keys that its ``RETURN`` documents.

Each key has its documented type, is printable, and has a bounded size.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from .tables import read_table
from .text import printable_file

MAX_ANSWER = 1 << 20
"""The most characters of JSON that all documented keys may have together."""

MAX_MESSAGE = 4000
"""The most characters of a module's message."""

_Returned = dict[str, dict[str, Any]]


@functools.cache
def documented_keys(returned: str) -> _Returned:
    """The keys of a module's ``RETURN``. They are read once, because YAML is slow to read."""
    keys: _Returned = read_table(returned)
    return keys


def read_answer(returned: str, answer: Any) -> dict[str, Any]:
    """The task's result: ``changed``, the documented keys, and ``failed`` with ``msg`` if it
    failed.

    Nothing else is passed on. Raises ValueError if a key is not of its type, the answer is too
    large, or one that is always there on success is not. Of a failure only the keys that can be
    read are passed on.

    >>> returned = "notes: {type: list, elements: str, returned: success}"
    >>> read_answer(returned, {"notes": ["done"], "ansible_facts": {"gate_checks": []}, "changed": True})
    {'changed': True, 'notes': ['done']}
    >>> read_answer(returned, {"failed": True, "msg": "no \\x1b space", "notes": 1})
    {'changed': False, 'failed': True, 'msg': 'no \\\\x1b space'}
    """  # noqa: W505 - an example or a table
    if not isinstance(answer, Mapping):
        raise ValueError(f"expected a mapping, found {type(answer).__name__}")
    keys = documented_keys(returned)
    has_failed = any(answer.get(key) for key in ("failed", "unreachable", "skipped") if key not in keys)
    result: dict[str, Any] = {"changed": answer.get("changed") is True}
    for key, description in keys.items():
        try:
            if key in answer:
                result[key] = _read(answer[key], description)
            elif not has_failed and description["returned"] in ("success", "always"):
                raise ValueError("it is missing")
        except (ValueError, RecursionError) as error:
            if not has_failed:
                raise ValueError(f"{key}: {error}") from None
    if _size(result) > MAX_ANSWER:
        raise ValueError(f"it is larger than {MAX_ANSWER} characters")
    if has_failed:
        result.update(failed=True, msg=shown(answer.get("msg") or "") or "the node's module failed and did not say why")
    return result


def shown(text: object) -> str:
    """A node's text as it may be shown. If it is too long to read, its middle is cut out."""
    said = printable_file(str(text))
    half = MAX_MESSAGE // 2
    return said if len(said) <= MAX_MESSAGE else f"{said[:half]} [cut] {said[-half:]}"


def _read(value: Any, description: Mapping[str, Any]) -> Any:
    """The value if it fits its description, else raises ValueError. A missing text may be None."""
    kind = description["type"]
    if value is None and kind == "str":
        return None
    if not _IS[kind](value):
        raise ValueError(f"expected {_WORDS[kind]}, found {type(value).__name__}")
    if kind == "list":
        return [_read(element, {"type": description["elements"]}) for element in value]
    if _size(value) > MAX_ANSWER:
        raise ValueError(f"it is larger than {MAX_ANSWER} characters")
    return _clean(value)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "dict": lambda value: isinstance(value, Mapping),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63,
    "list": lambda value: isinstance(value, list),
    "str": lambda value: isinstance(value, str),
}
_WORDS = {"bool": "true or false", "dict": "a mapping", "int": "a whole number", "list": "a list", "str": "a text"}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return printable_file(value)
    if isinstance(value, Mapping):
        return {printable_file(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _size(value: Any) -> int:
    """Characters of JSON; raises ValueError for NaN, and for data that is nested too deep."""
    try:
        return len(json.dumps(value, allow_nan=False))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"expected JSON data of a few levels: {type(error).__name__}") from None
