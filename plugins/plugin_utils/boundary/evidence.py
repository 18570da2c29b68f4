"""What a node or a saved file says, as JSON data: the numbers of JSON, and no others."""

from __future__ import annotations

import json
import math
from typing import Any


def read_json(text: str) -> Any:
    """JSON data of a node or of a saved file. Raises ValueError where it is none, and RecursionError where it is too deep.

    Python also reads and writes ``NaN`` and ``Infinity``, which no other reader of a report takes (RFC 8259, section 6), and no
    comparison with ``NaN`` holds. They are null here, as what was not measured; so is a number that is too large (``1e999``).
    """
    return json.loads(text, parse_constant=lambda _: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
