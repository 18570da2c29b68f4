"""A connection to a node whose requests are real and whose other evidence is replayed.

How it is used: ``tests/reliability/load/part.py``.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.modules import node_evidence

from tests.benchmarks.replay.connection_plugins.replay import Connection as Replayed
from tests.benchmarks.replay.connection_plugins.replay import filled

DOCUMENTATION = """
name: load
short_description: Run the product's network probes in place of a node
description: What node_evidence asks over the network is asked from this process. The rest of its answer is replayed.
author: skewgate
options:
  answer:
    description: The file with the replayed answer of node_evidence, as tests/benchmarks/replayed.py makes it.
    vars: [{name: load_answer}]
    required: true
  off_s:
    description: How far the node's clock is ahead, in seconds.
    type: float
    default: 0
    vars: [{name: load_off_s}]
extends_documentation_fragment: [connection_pipelining]
"""

NS = 1_000_000_000
REAL = ("ntp", "api_date", "github_apps")
"""The sections that ask somebody over the network."""
ARGUMENTS = re.compile(rb"^ARGUMENTS = (\{.*\})$", re.MULTILINE)


def collect(params: dict[str, Any], template: str, sent: bytes) -> dict[str, Any]:
    """The evidence of a node, as the product's module takes it."""
    defaults = {name: option.get("default") for name, option in node_evidence.ARGUMENTS.items()}
    real = [section for section in params["sections"] if section in REAL]
    begun_ns = time.time_ns()
    taken = node_evidence.collect({**defaults, **params, "sections": real})
    replayed = json.loads(filled(template, sent, begun_ns))["evidence"]
    wanted = set(params["sections"]) - set(real)
    return {**{name: section for name, section in replayed.items() if name in wanted}, **taken}


def on_another_clock(params: dict[str, Any], template: str, sent: bytes, off_s: float) -> dict[str, Any]:
    """The same in a process whose clock is off: the present one goes on to judge."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        true_time, true_time_ns = time.time, time.time_ns
        time.time = lambda: true_time() + off_s
        time.time_ns = lambda: true_time_ns() + round(off_s * NS)
        try:
            with os.fdopen(writing, "w") as pipe:
                json.dump(collect(params, template, sent), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    evidence: dict[str, Any] = json.loads(text)
    return evidence


class Connection(Replayed):
    """What Ansible loads for hosts with ``ansible_connection: load``."""

    transport = "load"

    def delay(self) -> None:
        """Only the requests of the module take time."""

    def answer(self, in_data: bytes) -> tuple[int, bytes, bytes]:
        """What the node's module returns."""
        found = ARGUMENTS.search(in_data)
        if not found:
            return 1, b"", b"the connection load has no answer to this module"
        given = {name: value for name, value in json.loads(found[1]).items() if not name.startswith("_ansible_")}
        template = Path(self.get_option("answer")).read_text(encoding="utf-8")
        off_s = self.get_option("off_s")
        asked = (given, template, in_data)
        evidence = on_another_clock(*asked, off_s) if off_s else collect(*asked)
        return 0, json.dumps({"changed": False, "evidence": evidence}).encode(), b""
