"""The probe of docs/how-to/add-a-section.md gives a section of the module's answer by its file
and its row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils import probes
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.node.processes import Running
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence

from tests.examples import blocks, planted
from tests.node_parts import add_command, process

PAGE = blocks("add-a-section")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A node on which ConnMan runs: the folder of its commands.

    The module has the page's probe and row.
    """
    with planted(probes, "connman", PAGE["probe"], tmp_path) as connman:
        rows = eval(f"{{{PAGE['row']}}}", {**vars(node_evidence), "connman": connman})
        monkeypatch.setattr(node_evidence, "PROBES", {**node_evidence.PROBES, **rows})
        monkeypatch.setattr(node_evidence, "scan", lambda: Running([process("/usr/sbin/connmand")], [], {}))
        monkeypatch.setattr(run, "PATH", str(tmp_path))
        yield tmp_path


def collect(*sections: str, timeout_s: float = 1) -> dict[str, Any]:
    return node_evidence.collect({"sections": sections, "timeout_s": timeout_s})


def test_the_section_is_in_the_answer(node: Path) -> None:
    add_command(node, "connmanctl", 'echo "  TimeserverSynced = False"')
    evidence = collect("connman")
    assert evidence["connman"]["commands"]["clock"]["stdout"] == "  TimeserverSynced = False\n"
    assert {*evidence} == {"schema", "collected", "connman"}


def test_a_command_that_hangs_ends_within_its_bound(node: Path) -> None:
    add_command(node, "connmanctl", "exec /bin/sleep 30")
    evidence = collect("connman", timeout_s=0.2)
    assert evidence["connman"]["commands"]["clock"] == {"error": "connmanctl clock did not end within 0.6 s"}
