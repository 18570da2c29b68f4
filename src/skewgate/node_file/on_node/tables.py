"""Reads the tables of the code, which are JSON in the node's file.

It stands in the place of plugin_utils/boundary/tables.py.
"""

from __future__ import annotations

import json
from typing import Any


def table_of(module_file: str, name: str = "") -> Any:
    """The table beside a module: NAME, or the one of the module's own name."""
    folder, _, own = module_file.rpartition("/")
    path = f"{folder}/{name or own.rpartition('.')[0]}.json"
    return json.loads(__loader__.get_data(path))  # type: ignore[name-defined]
