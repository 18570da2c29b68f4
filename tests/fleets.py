"""Reports of many nodes, each like a node of the lab,
with its evidence as the lab's nodes showed it.
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from tests.paths import ROOT
from tests.reports import report

LAB = ROOT / "docs/pictures/report.json"


def lab() -> dict[str, Any]:
    """The lab's report: node1 is good, node2 is 612 s behind without a time daemon,
    node3 is 45 s ahead.
    """
    saved: dict[str, Any] = json.loads(LAB.read_text(encoding="utf-8"))
    return saved


def fleet(admitted: int, refused: int = 0, *, causes: int = 1, fixed: int = 0, unreached: int = 0) -> dict[str, Any]:
    """A report: ``refused`` nodes for so many different causes,
    ``fixed`` of the admitted ones after a remediation.
    """
    chance, nodes = random.Random(15), lab()["nodes"]
    found: dict[str, dict[str, Any]] = {}
    for number in range(admitted):
        node = _moved(nodes["node1"], chance.gauss(0, 0.02), 0.01 + chance.random() * 0.01)
        if number < fixed:
            before = _moved(nodes[chance.choice(["node2", "node3"])], chance.uniform(-900, 200), 0.02)
            node["before"] = {key: value for key, value in before.items() if key not in ("remediation", "before")}
            node["remediation"] = _REMEDIATION
        found[f"good-{number:05}.example.net"] = node
    for number in range(refused):
        node = _moved(nodes["node2" if number % 3 else "node3"], _off(chance), 0.011)
        for finding in node["findings"]:
            if finding["state"] == "fail":
                finding["about"] = [*finding["about"], f"cause-{number % causes}"]
        found[f"bad-{number:05}.example.net"] = node
    for number in range(unreached):
        node = copy.deepcopy(nodes["node1"])
        node |= {"verdict": "refuse", "refused_because": "not_judged", "skew_s": None}
        node["findings"] = [
            {
                **each,
                "state": "inconclusive",
                "keys": ["none"],
                "cause": "no answer",
                "why": "w",
                "remedy": "r",
                "seen": {},
            }
            for each in node["findings"]
        ]
        found[f"lost-{number:05}.example.net"] = node
    return {**report("run-of-many", **dict(sorted(found.items()))), "settings": _SETTINGS}


def _off(chance: random.Random) -> float:
    return chance.choice([chance.uniform(-1200, -95), chance.uniform(31, 400), chance.gauss(-40, 2)])


def _moved(node: dict[str, Any], middle_s: float, bound_s: float) -> dict[str, Any]:
    """The node with another skew."""
    moved = copy.deepcopy(node)
    moved["skew_s"] = {"low": middle_s - bound_s, "high": middle_s + bound_s}
    for finding in moved["findings"]:
        if finding["check"] == "clock_skew":
            finding["seen"]["skew_s"] = moved["skew_s"]
            for row in finding["seen"]["budget"]:
                inside = -row["behind_limit_s"] < middle_s < row["ahead_limit_s"]
                row["outcome"] = "pass" if inside else "fail"
    return moved


_REMEDIATION = {
    "attempted": True,
    "succeeded": True,
    "changes": [
        {"what": "write /etc/chrony/chrony.conf", "answers": ["clock_skew"]},
        {"what": "enable chrony.service", "answers": []},
    ],
    "message": None,
    "backup": "/var/lib/skewgate/backups/20261128T110110Z",
}
_SETTINGS = {
    "gate_clients": {"source": "inventory", "value": ["argocd", "actions-runner-controller"]},
    "gate_timeout_s": {"source": "default", "value": 10},
    "gate_client_profiles": {"source": "play"},
}
