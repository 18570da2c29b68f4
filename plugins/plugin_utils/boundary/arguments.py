"""A task's arguments as its module documents them.

Unknown arguments are refused, and the others get the documented type. Ansible does not check the
arguments of an action that runs on the controller. ``-e NAME=VALUE`` sets a string, and ``"false"``
is true for Python. Ansible's validation of a role accepts such a string and converts nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common import validation

from .settings import meant, texts_of
from .tables import read_table
from .values import number_of, shown, whole_of


def read_arguments(
    documentation: str, given: Mapping[str, Any], *, prefix: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """Every documented option, converted to its type, and a problem for each wrong argument.

    ``documentation`` is a module's ``DOCUMENTATION``. An option that is not given, is empty or has
    a problem gets the documented default, or ``None``. A problem shows a plain value. Of any other
    value it says the type only, because the content may have a key. With a ``prefix`` a problem
    names the user's variable (``gate_clients`` for ``clients``), else the module and its option.

    >>> read_arguments("module: m\\noptions: {force: {type: bool}}", {"force": "false", "forced": 1})
    ({'force': False}, ["m: no option is called 'forced'; did you mean force?"])
    """  # noqa: W505 - an example or a table
    return read_options(*documented(documentation), given, prefix=prefix)


def read_options(
    module: str, options: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any], *, prefix: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The same for options without a module's documentation; problems use the name ``module``."""
    where = prefix or f"{module}: "
    called = "no setting is called" if prefix else f"{module}: no option is called"
    known = [f"{prefix}{name}" for name in options]
    unknown = [f"{prefix}{name}" for name in given if name not in options]
    problems = [f"{called} {shown(name)}; {meant(name, known)}" for name in unknown]
    values: dict[str, Any] = {}
    for name, option in options.items():
        values[name] = option.get("default")
        value = given.get(name)
        if value is None or value == "":
            if option.get("required") and name not in given:
                problems.append(f"{where}{name} is required")
            continue
        try:
            values[name] = _converted(value, option)
        except (TypeError, ValueError):
            problems.append(f"{where}{name}: expected {_expected(option)}, found {_found(value, option)}")
    return values, problems


@functools.cache
def documented(documentation: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """A module's name and its options. They are read once, because YAML is slow to read."""
    data = read_table(documentation)
    return data["module"], data["options"]


def _converted(value: Any, option: Mapping[str, Any]) -> Any:
    """The value in the option's type; raises TypeError or ValueError if type or choice is wrong."""
    kind = option.get("type", "str")
    converted = _CONVERTERS[kind](value)
    if kind == "list":
        converted = [_converted(element, {"type": option["elements"]}) for element in converted]
    if "choices" in option and converted not in option["choices"]:
        raise ValueError("none of the choices")
    return converted


def _text(value: Any) -> str:
    """A number counts as text, because a name or an ID may be a number.

    A list or mapping does not.
    """
    if isinstance(value, list | dict | bool):
        raise TypeError("not a text")
    return str(value)


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "bool": validation.check_type_bool,
    "dict": validation.check_type_dict,
    "float": number_of,
    "int": whole_of,
    "list": texts_of,
    "path": lambda value: validation.check_type_path(_text(value)),
    "str": _text,
}

_WORDS = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "path": "a path",
    "str": "a text",
}


def _expected(option: Mapping[str, Any]) -> str:
    if "choices" in option:
        return f"one of {', '.join(option['choices'])}"
    if option.get("type") == "list":
        return f"a list, each item {_WORDS[option['elements']]}"
    return _WORDS[option.get("type", "str")]


def _found(value: Any, option: Mapping[str, Any]) -> str:
    has_parts = option.get("type") == "dict" or option.get("elements") == "dict"
    return "a text" if has_parts and isinstance(value, str) else shown(value)
