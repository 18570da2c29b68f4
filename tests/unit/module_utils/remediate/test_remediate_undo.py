"""What was done to a node can be taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied, begun
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.rtc import confirmed
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import described, undone

from tests.unit.module_utils.remediate.conftest import (
    ABSENT,
    Bookkeeping,
    fails,
    file,
    params,
    tree,
    unit,
)


def test_undone_the_node_is_what_it_was(node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path):
    before, units_before = tree(tmp_path), json.loads(json.dumps(systemd.units))
    applied(node, plan, check_mode=False)
    result = undone(node, params(backup_id=None), check_mode=False)
    assert tree(tmp_path) == before
    assert systemd.units == units_before
    assert result["backup_state"] == "undone"


def test_undone_again_nothing_is_done(node: Node, systemd: Bookkeeping, plan: dict):
    applied(node, plan, check_mode=False)
    undone(node, params(), check_mode=False)
    systemd.commands.clear()
    assert undone(node, params(), check_mode=False)["changed"] is False
    assert systemd.commands == []
    with pytest.raises(RemediationError, match=r"nothing to undo.*backups there: 20261122T152134Z \(undone\)"):
        undone(node, params(backup_id=None), check_mode=False)
    assert undone(node, params(backup_id=None, missing_ok=True), check_mode=False)["backup"] is None


def test_packages_put_back_in_between_do_not_keep_the_former_state_from_being_restored(
    node: Node, systemd: Bookkeeping, plan: dict, config: Path, tmp_path: Path
):
    """As the role does it: node_remediate fails and restores; packages are changed back;
    node_remediate undoes what that did.
    """
    before = tree(tmp_path)
    systemd.units = {"systemd-timesyncd.service": unit("disabled", "inactive")}
    begun(node, plan, check_mode=False)
    systemd.units = {"chrony.service": unit("enabled", "active")}
    systemd.answers = False
    with pytest.raises(RemediationError, match="former state was restored") as raised:
        applied(node, plan, check_mode=False)
    systemd.units = {"systemd-timesyncd.service": unit("enabled", "active")}
    config.unlink()  # by apt-get purge, though it was there before the package was
    result = undone(node, params(backup_id=raised.value.backup_id), check_mode=False)
    assert result["changes"] == [
        f"put {config} back",
        "disabled systemd-timesyncd.service",
        "stopped systemd-timesyncd.service",
    ]
    assert tree(tmp_path) == before


def test_without_packages_there_is_nothing_left_to_undo_then(node: Node, systemd: Bookkeeping, plan: dict):
    systemd.answers = False
    with pytest.raises(RemediationError, match="former state was restored"):
        applied(node, {**plan, "packages": {}}, check_mode=False)
    assert described(node, params(), check_mode=False)["backup_state"] == "undone"


def test_a_unit_that_was_brought_is_disabled_before_its_file_goes(node: Node, systemd: Bookkeeping, tmp_path: Path):
    """Else the links of ``enable`` would stay: systemctl knows no unit to disable any more."""
    unit_file = tmp_path / "etc/systemd/system/chrony-wait.service"
    systemd.units["chrony-wait.service"] = ABSENT
    wait = {"files": [file(unit_file, "[Service]\n")], "enable": ["chrony-wait.service"]}
    begun(node, params(**wait), check_mode=False)
    systemd.units["chrony-wait.service"] = unit("disabled", "inactive")
    applied(node, params(**wait), check_mode=False)
    there = []
    systemd.failing["disable chrony-wait.service"] = lambda: there.append(unit_file.exists())
    foreseen = undone(node, params(), check_mode=True)["changes"]
    assert undone(node, params(), check_mode=False)["changes"] == foreseen
    assert foreseen == ["disabled chrony-wait.service", f"removed {unit_file}"]
    assert (there, unit_file.exists(), systemd.commands[-1]) == ([True], False, "daemon-reload")


def test_a_unit_that_cannot_be_put_back_does_not_stop_the_rest(
    node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path
):
    before = tree(tmp_path)
    applied(node, plan, check_mode=False)
    systemd.failing["disable chrony.service"] = fails("systemctl disable chrony.service: Access denied.")
    with pytest.raises(RemediationError, match=r"not restored in full: .*Access denied"):
        undone(node, params(), check_mode=False)
    assert tree(tmp_path) == before
    assert systemd.units["systemd-timesyncd.service"] == unit("enabled", "active")
    systemd.failing.clear()
    assert undone(node, params(), check_mode=False)["changes"] == ["disabled chrony.service"]


def test_undone_nothing_is_held_any_more(node: Node, systemd: Bookkeeping, plan: dict):
    """The installation failed."""
    del systemd.units["chrony.service"]
    begun(node, {**plan, "hold": ["chrony.service"]}, check_mode=False)
    undone(node, params(), check_mode=False)
    assert systemd.commands[:2] == ["mask --runtime chrony.service", "unmask --runtime chrony.service"]


def test_undoing_by_hand_twice_is_undoing_once(node: Node, plan: dict, config: Path):
    for at, text in (("20261120T000000Z", "server a\n"), ("20261121T000000Z", "server b\n")):
        applied(node, {**plan, "backup_id": at, "files": [file(config, text)]}, check_mode=False)
        confirmed(node, params(backup_id=at), check_mode=False)
    failed = "20261122T000000Z"
    applied(node, {**plan, "backup_id": failed, "files": [file(config, "server c\n")]}, check_mode=False)
    undone(node, params(backup_id=failed), check_mode=False)  # by the run itself, whose proof failed
    assert undone(node, params(backup_id=None), check_mode=False)["backup_id"] == "20261121T000000Z"
    assert config.read_text() == "server a\n"
    again = undone(node, params(backup_id=None), check_mode=False)
    assert (again["backup_id"], again["changed"]) == ("20261121T000000Z", False)
    undone(node, params(backup_id="20261120T000000Z"), check_mode=False)
    assert config.read_text() == "server dead.example.com\n"


def test_what_could_not_be_undone_is_undone_later(node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path):
    before = tree(tmp_path)
    systemd.answers = False
    systemd.failing["disable chrony.service"] = fails("systemctl disable chrony.service: Access denied.")
    with pytest.raises(
        RemediationError,
        match=r"stay active.*not restored in full: .*Access denied\. Run node_remediate with state=undone",
    ):
        applied(node, plan, check_mode=False)
    systemd.failing.clear()
    undone(node, params(), check_mode=False)
    assert tree(tmp_path) == before
    assert systemd.units["chrony.service"] == unit("disabled", "inactive")
