"""``evidence.json``: what every node showed, from which ``skewgate report`` makes the same findings again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..model.drift import earlier_reading

NAME = "evidence.json"


def earlier_readings(path: Path) -> dict[str, dict[str, Any]]:
    """Each node's reading in an evidence file of before, to tell its drift by; none where there is no such file."""
    try:
        nodes = json.loads(path.read_text(encoding="utf-8"))["nodes"]
        readings = {name: earlier_reading(record) for name, record in nodes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no file, or not one of ours
        return {}
    return {name: reading for name, reading in readings.items() if reading}


def render(report: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:  # noqa: ARG001 - each form has both
    """The records as they are; one node a line, so that a large fleet's file can still be searched with grep."""
    head = {key: value for key, value in evidence.items() if key != "nodes"}
    nodes = ",\n".join(f"{json.dumps(name)}: {json.dumps(record)}" for name, record in evidence["nodes"].items())
    return json.dumps(head)[:-1] + ',\n"nodes": {\n' + nodes + "\n}}\n"
