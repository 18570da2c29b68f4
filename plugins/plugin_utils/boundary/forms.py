"""The form of plain JSON data, given as data, and what does not fit it.

A form is a dict (an object with these keys; a key may be missing if its form accepts null), a list
with one form (a list of such items), or a Kind. A form ignores keys that it does not name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """Values of which ``holds`` is true, and what they are called."""

    words: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Maybe:
    """Null, or a value of this form."""

    form: Any


def is_number(value: Any) -> bool:
    """Whether it is a number; Python counts true and false among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


TEXT = Kind("a text", lambda value: isinstance(value, str))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
NUMBER = Kind("a number", is_number)
WHOLE = Kind("a whole number", lambda value: is_number(value) and isinstance(value, int))
ABOVE_ZERO = Kind("a number above 0", lambda value: is_number(value) and value > 0)
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
TABLE = Kind(
    "an object of objects",
    lambda value: isinstance(value, dict) and all(isinstance(row, dict) for row in value.values()),
)

_REMEDIATION = {
    "attempted": FLAG,
    "succeeded": FLAG,
    "message": Maybe(TEXT),
    "changes": Maybe([{"what": TEXT, "answers": [TEXT]}]),
    "backup": Maybe(TEXT),
}

_MEASURED = {
    "skew_s": Maybe({"low": NUMBER, "high": NUMBER}),
    "unknown": Maybe(TEXT),
    "unknown_because": TEXT,
    "votes": Maybe(WHOLE),
}
"""The controller's measurement of its clock."""

_CHECKED = {
    "policy": OBJECT,
    "collected_at": TEXT,
    "evidence": OBJECT,
    "controller": Maybe(
        {
            "before_ns": WHOLE,
            "after_ns": WHOLE,
            "steady_before_ns": Maybe(WHOLE),
            "steady_after_ns": Maybe(WHOLE),
            "measured": Maybe(_MEASURED),
            "same_machine": Maybe(FLAG),
        }
    ),
    "unreachable": Maybe(TEXT),
    "module_error": Maybe(TEXT),
    "settings_in_facts": Maybe([TEXT]),
    "ssh_login": Maybe(
        {
            "at_s": NUMBER,
            "certificates": [
                {"from": TEXT, "key_id": TEXT, "valid_after_s": WHOLE, "valid_before_s": Maybe(WHOLE)},
            ],
        }
    ),
}

RECORD = {
    **_CHECKED,
    "before": Maybe(_CHECKED),
    "remediation": Maybe(_REMEDIATION),
    "earlier": Maybe({"true_time_s": NUMBER, "skew_s": {"low": NUMBER, "high": NUMBER}}),
    "address": Maybe(TEXT),
}
"""A node's entry of ``evidence.json``. The checks read the content of its sections."""


def remediation_of(noted: Any) -> dict[str, Any]:
    """The role gate's note on a node's remediation, in its form.

    Any part of the note may have another type, because some of it comes from the node.

    >>> remediation_of({"attempted": True, "succeeded": False, "message": ["no"], "changes": "x"})["message"]
    '["no"]'
    """  # noqa: W505 - an example or a table
    given = noted if isinstance(noted, Mapping) else {}
    texts = {key: given.get(key) for key in ("message", "backup")}
    changes = given.get("changes") or []
    return {
        "attempted": given.get("attempted") is True,
        "succeeded": given.get("succeeded") is True,
        "changes": [] if misfit(changes, _REMEDIATION["changes"]) else changes,
        **{key: each if each is None or isinstance(each, str) else json.dumps(each) for key, each in texts.items()},
    }


def misfit(value: Any, form: Any, where: str = "") -> str | None:
    """The first place that does not have its form, with what was expected and found; else ``None``.

    >>> misfit({"policy": {"checks": "all"}}, {"policy": {"checks": [TEXT]}})
    "policy.checks: expected a list, found 'all'"
    """
    if isinstance(form, Maybe):
        return None if value is None else misfit(value, form.form, where)
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return _wrong(where, "an object", value)
        inner = ((value.get(key), each, f"{where}.{key}" if where else key) for key, each in form.items())
    elif isinstance(form, list):
        if not isinstance(value, list | tuple):
            return _wrong(where, "a list", value)
        inner = ((each, form[0], f"{where}[{number}]") for number, each in enumerate(value))
    else:
        return None if form.holds(value) else _wrong(where, form.words, value)
    return next((wrong for parts in inner if (wrong := misfit(*parts))), None)


def _wrong(where: str, expected: str, value: Any) -> str:
    kinds = {dict: "an object", list: "a list", type(None): "nothing"}
    found = kinds.get(type(value)) or repr(value)
    return f"{where or 'it'}: expected {expected}, found {found if len(found) <= 60 else found[:60] + '...'}"
