"""What a host's own process learns of the run's choice:
how this host mints, or that it was not chosen.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.action.node_check import minting_on
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.minters import note_minters, noted_minter
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.minters import Minting, identity_of

from tests.unit.plugin_utils.world import APP

IDENTITY = identity_of(APP.public())


@pytest.fixture(autouse=True)
def folder_of_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def test_each_host_has_what_was_noted_for_it_in_its_run_and_for_the_app() -> None:
    note_minters("run1", {"app1": {"host/../1": "waits", "host2": "if_room"}, "app2": {"host2": "waits"}})
    assert noted_minter("run1", "app1", "host/../1") == "waits"
    assert noted_minter("run1", "app1", "host2") == "if_room"
    assert noted_minter("run1", "app2", "host2") == "waits"
    assert noted_minter("run1", "app2", "host/../1") == ""
    assert noted_minter("run1", "app3", "host2") is None
    assert noted_minter("run2", "app1", "host2") is None
    assert noted_minter("", "app1", "host2") is None


def test_a_host_of_a_run_that_chose_mints_only_if_it_was_chosen() -> None:
    note_minters("run1", {IDENTITY: {"host1": Minting.IF_ROOM}})
    assert minting_on("run1", "host1", APP) is Minting.IF_ROOM
    assert minting_on("run1", "host2", APP) is Minting.JWT_ALONE


def test_a_host_mints_as_it_likes_outside_of_a_run_or_if_the_run_did_not_choose() -> None:
    note_minters("run1", {"another": {"host1": Minting.IF_ROOM}})
    for run_id in ("", "run1", "run2"):
        assert minting_on(run_id, "host1", APP) is Minting.WAITS
