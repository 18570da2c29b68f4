"""``evidence.json``: what every node showed, from which ``skewgate report`` makes the same findings again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NAME = "evidence.json"


def render(report: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:  # noqa: ARG001 - each form has both
    """The records as they are; one node a line, so that a large fleet's file can still be searched with grep."""
    head = {key: value for key, value in evidence.items() if key != "nodes"}
    nodes = ",\n".join(f"{json.dumps(name)}: {json.dumps(record)}" for name, record in evidence["nodes"].items())
    return json.dumps(head)[:-1] + ',\n"nodes": {\n' + nodes + "\n}}\n"
