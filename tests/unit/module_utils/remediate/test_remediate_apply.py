"""What node_remediate does to a node: all of it, or nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied, begun
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.rtc import confirmed
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import described, undone

from tests.unit.module_utils.remediate.conftest import (
    SERVER,
    Bookkeeping,
    chronyd,
    file,
    params,
    tree,
    unit,
)


def test_a_node_is_fixed_by_few_commands_and_the_other_daemon_stops_last(
    node: Node, systemd: Bookkeeping, plan: dict, config: Path
):
    result = applied(node, plan, check_mode=False)
    assert systemd.commands == [
        "restart chrony.service",
        "enable chrony.service",
        "wait for chrony.service",
        "disable --now systemd-timesyncd.service",
    ]
    assert (config.read_text(), config.stat().st_mode & 0o777) == (SERVER, 0o644)
    assert result["changes"] == [
        f"changed {config}",
        f"created {config.parent}/conf.d/50-site.conf",
        "enabled chrony.service",
        "started chrony.service",
        "stopped and disabled systemd-timesyncd.service",
    ]
    assert result["diff"][0] == {
        "before": "server dead.example.com\n",
        "after": SERVER,
        "before_header": str(config),
        "after_header": str(config),
    }
    assert (result["backup_state"], result["packages"]) == ("open", {"installed": ["chrony"]})


def test_what_chronyd_needs_for_its_start_comes_before_it(node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path):
    systemd.units["chrony.service"] = unit("masked", "inactive")
    applied(node, plan, check_mode=False)
    assert systemd.commands[:2] == ["unmask chrony.service", "restart chrony.service"]
    undone(node, params(), check_mode=False)
    systemd.commands.clear()
    drop_in = file(tmp_path / "etc/systemd/system/chrony.service.d/50-site.conf", "[Service]\nNice=-10\n")
    applied(node, {**plan, "backup_id": "20261122T160000Z", "files": [drop_in]}, check_mode=False)
    assert systemd.commands[:3] == ["unmask chrony.service", "enable chrony.service", "restart chrony.service"]


@pytest.mark.parametrize("with_begun", [False, True], ids=["at once", "after begun"])
def test_check_mode_reports_what_the_run_then_reports_and_writes_nothing(
    with_begun: bool, node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path
):
    before = tree(tmp_path)
    foreseen = applied(node, plan, check_mode=True)
    assert (tree(tmp_path), systemd.commands, (tmp_path / "var").exists()) == (before, [], False)
    if with_begun:
        begun(node, plan, check_mode=False)
    done = applied(node, plan, check_mode=False)
    assert [done[key] for key in ("changed", "changes", "diff")] == [
        foreseen[key] for key in ("changed", "changes", "diff")
    ]
    commands = described(node, params(), check_mode=False)
    undo_foreseen = undone(node, params(), check_mode=True)
    assert (commands["changed"], commands["changes"]) == (False, undo_foreseen["changes"])
    undo_done = undone(node, params(), check_mode=False)
    assert [undo_done[key] for key in ("changed", "changes", "diff")] == [
        undo_foreseen[key] for key in ("changed", "changes", "diff")
    ]


def test_check_mode_foresees_what_an_installation_in_between_does_not_change(
    node: Node, systemd: Bookkeeping, tmp_path: Path
):
    config = tmp_path / "etc/chrony/chrony.conf"
    plan = params(
        files=[file(config, SERVER)],
        chronyd=chronyd(config),
        enable=["chrony.service"],
        disable=["systemd-timesyncd.service"],
    )
    del systemd.units["chrony.service"]
    foreseen = applied(node, plan, check_mode=True)
    begun(node, plan, check_mode=False)
    # Debian's package comes with a configuration, starts its daemon, and removes the
    # other's package.
    config.write_text("pool 2.debian.pool.ntp.org\n")
    systemd.units = {"chrony.service": unit("enabled", "active")}
    done = applied(node, plan, check_mode=False)
    assert (done["changes"], done["diff"]) == (foreseen["changes"], foreseen["diff"])


def test_what_is_as_it_is_wanted_is_left_alone(node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path):
    applied(node, plan, check_mode=False)
    confirmed(node, params(), check_mode=False)
    before, commands = tree(tmp_path), list(systemd.commands)
    again = {**plan, "backup_id": "20261122T170000Z", "chronyd": {**plan["chronyd"], "restart": False}}
    assert applied(node, again, check_mode=False)["changed"] is False
    assert (tree(tmp_path), systemd.commands) == (before, commands)
    assert described(node, params(backup_id=None), check_mode=False)["backup_id"] == plan["backup_id"]


def test_chronyd_that_does_not_live_has_the_former_state_restored(
    node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path
):
    before, units_before = tree(tmp_path), json.loads(json.dumps(systemd.units))
    systemd.answers = False
    with pytest.raises(
        RemediationError, match=r"^The former state was restored\. What failed: .*Could not open socket"
    ) as raised:
        applied(node, plan, check_mode=False)
    assert tree(tmp_path) == before
    assert systemd.units == units_before
    assert raised.value.backup_id == plan["backup_id"]
    # Packages are still to be put back: by hand, or by a next run that begins from
    # the first state, too.
    assert described(node, params(backup_id=None), check_mode=False)["packages"] == plan["packages"]
    undone(node, params(), check_mode=False)
    assert described(node, params(), check_mode=False)["backup_state"] == "undone"


def test_a_package_is_kept_from_starting_its_unit_until_its_configuration_is_there(
    node: Node, systemd: Bookkeeping, plan: dict
):
    del systemd.units["chrony.service"]
    hold = {**plan, "hold": ["chrony.service"]}
    foreseen = begun(node, hold, check_mode=True)["changes"]
    assert systemd.commands == []
    done = begun(node, hold, check_mode=False)["changes"]
    assert done == foreseen
    assert done[-1] == "masked until the next boot chrony.service"
    assert begun(node, hold, check_mode=False)["changes"] == []
    applied(node, plan, check_mode=False)
    assert systemd.units["chrony.service"] == unit("enabled", "active")


def test_a_unit_that_is_not_installed_is_reported_before_anything_is_changed(
    node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path
):
    before = tree(tmp_path)
    del systemd.units["chrony.service"]
    with pytest.raises(RemediationError, match=r"^Nothing was changed\. systemd does not know chrony\.service"):
        applied(node, plan, check_mode=False)
    assert tree(tmp_path) == before
    assert node.backups.all() == []


def shut_down() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("stop", [shut_down, interrupt])
def test_stopped_in_its_midst_it_puts_back_what_it_has_done(
    stop: Callable[[], None], node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path
):
    before, units_before = tree(tmp_path), json.loads(json.dumps(systemd.units))
    systemd.failing["restart chrony.service"] = stop
    with pytest.raises(RemediationError, match=r"^The former state was restored\."):
        applied(node, plan, check_mode=False)
    assert tree(tmp_path) == before
    assert systemd.units == units_before


def test_a_unit_that_failed_too_often_may_start_again(node: Node, systemd: Bookkeeping, plan: dict):
    systemd.units["chrony.service"] = unit("enabled", "failed")
    applied(node, plan, check_mode=False)
    assert systemd.commands[:2] == ["reset-failed chrony.service", "restart chrony.service"]


def test_a_unit_cannot_be_wanted_both_ways(node: Node, plan: dict):
    with pytest.raises(RemediationError, match=r"chrony\.service is to run and to be disabled"):
        applied(node, {**plan, "disable": ["chrony.service"]}, check_mode=False)


LACKING = [  # what a line needs, and what there is
    ({"kind": "users", "name": "nobody2", "one_of": ["present"]}, "absent"),
    ({"kind": "interfaces", "name": "nosuch0", "one_of": ["hardware"]}, "absent"),
    ({"kind": "paths", "name": "/dev/nosuch", "one_of": ["ptp"]}, "missing"),
    ({"kind": "paths", "name": "/etc/passwd", "one_of": ["points"]}, "no points"),
]


@pytest.mark.parametrize(("need", "found"), LACKING)
def test_what_chronyd_would_not_start_without_is_looked_for_before_anything_is_changed(
    need: dict, found: str, node: Node, systemd: Bookkeeping, plan: dict
):
    before = tree(Path(node.root))
    plan["chronyd"]["needs"] = [{"line": "/etc/chrony/chrony.conf:7", **need}]
    with pytest.raises(RemediationError, match=r"^Nothing was changed\. .*chrony\.conf:7") as raised:
        applied(node, plan, check_mode=False)
    assert f"{need['name']} is {found}" in str(raised.value)
    assert (tree(Path(node.root)), systemd.commands) == (before, [])


@pytest.mark.parametrize(("need", "found"), LACKING)
def test_with_what_it_needs_the_change_is_made(need: dict, found: str, node: Node, plan: dict):
    plan["chronyd"]["needs"] = [{"line": "x:7", **need, "one_of": [*need["one_of"], found]}]
    assert applied(node, plan, check_mode=False)["changed"]
