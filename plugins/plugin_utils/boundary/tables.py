"""YAML that comes with the code: the documentation of modules, and tables of settings, clients and limits."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML with libyaml reads ten times as fast, and every process of a run waits for it."""


def read_table(text: str) -> Any:
    """What stands in the text.

    >>> read_table("a: [1, b]")
    {'a': [1, 'b']}
    """
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
