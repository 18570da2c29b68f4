"""The example of docs/how-to/add-a-daemon.md is found by its file alone,
and asked from what its tool printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils import daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.asking import synchronisation
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.first_correction import first_correction
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import answer, record, time_services, unit
from tests.examples import blocks, planted

TABLES = (daemons.discover, daemons.daemons_by_unit, daemons.daemons_by_process, daemons.wait_units)
RECORDED = re.findall(r'"""\\\n(.*?)"""', blocks("add-a-daemon")["test"], re.DOTALL)[0]


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Record]:
    """The record of a node that ConnMan steers."""
    with planted(daemons, "connman", blocks("add-a-daemon")["daemon"], tmp_path, *TABLES):
        section = {"present": True, "commands": {"clock": answer(RECORDED)}}
        yield Record(record(time_services=time_services(unit("connman.service")), chrony=None, connman=section))


def test_its_unit_and_its_process_are_its_own(taken: Record) -> None:
    assert daemons.daemons_by_unit()["connman"] is daemons.daemons_by_process()["connmand"]
    (found,) = time_daemons(taken)
    assert (found.daemon, found.steers_now) == ("connman", True)
    assert first_correction(found, taken).steps_beyond_s == 0.128


def test_it_is_asked_from_what_was_recorded(taken: Record) -> None:
    asked = synchronisation(taken)
    assert (asked.daemon, asked.claims, asked.unit) == ("connman", False, "connman.service")
    assert [peer.name for peer in asked.peers] == ["192.0.2.1, ntp1.example.net"]
    assert "connman.service" in asked.advice.servers
