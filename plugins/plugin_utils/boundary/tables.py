"""Reads YAML that is part of the code: documentation of modules, and tables such as settings."""

from __future__ import annotations

from pathlib import Path
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


def table_of(module_file: str, name: str = "") -> Any:
    """The table beside a module: NAME, or the one of the module's own name, with ``.yml``."""
    path = Path(module_file).with_suffix(".yml")
    return read_table((path.with_name(f"{name}.yml") if name else path).read_text(encoding="utf-8"))
