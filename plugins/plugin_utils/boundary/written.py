"""IDs as an inventory's file has them.

YAML reads 0123456 as octal, which looks like another App's ID.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

try:  # of ansible-core 2.19 and later
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None

_IDS = ("app_id", "installation_id")


def ids_as_written(value: Any) -> Any:
    """A copy in which an ID that YAML read as octal is its original text, if Ansible knows its
    place.
    """
    if isinstance(value, Mapping):
        return {key: _as_written(each) if key in _IDS else ids_as_written(each) for key, each in value.items()}
    return [ids_as_written(each) for each in value] if isinstance(value, list) else value


def _as_written(value: Any) -> Any:
    origin = Origin.get_tag(value) if Origin and isinstance(value, int) else None
    if origin is None or not (origin.path and origin.line_num and origin.col_num):
        return value
    line = _lines(origin.path)[origin.line_num - 1 : origin.line_num]
    written = re.match("0[0-7]+", line[0][origin.col_num - 1 :]) if line else None
    return written[0] if written and int(written[0], 8) == value else value


@cache
def _lines(path: str) -> list[str]:
    """A file's lines; none if it can't be read any more, or if it is not text."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
