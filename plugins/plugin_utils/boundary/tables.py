"""Reads YAML that is part of the code: documentation of modules, and tables such as settings."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML with libyaml is ten times faster, and every process of a run waits for it."""


def read_table(text: str) -> Any:
    """The data in a YAML text.

    >>> read_table("a: [1, b]")
    {'a': [1, 'b']}
    """
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
