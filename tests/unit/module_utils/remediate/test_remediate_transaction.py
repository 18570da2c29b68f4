"""What node_remediate does to a node, and that it can be taken back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.transaction import (
    Node,
    applied,
    begun,
    confirmed,
    described,
    undone,
)

from tests.unit.module_utils.remediate.conftest import ABSENT, Bookkeeping, chronyd, fails, file, params, tree, unit

SERVER = "server ntp1.example.com iburst\nmakestep 1 3\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "etc/chrony/chrony.conf"
    path.write_text("server dead.example.com\n")
    path.chmod(0o640)
    return path


@pytest.fixture
def plan(config: Path) -> dict:
    """chronyd in place of systemd-timesyncd, with a server that answers."""
    return params(
        files=[file(config, SERVER), file(config.parent / "conf.d/50-site.conf", "rtcsync\n")],
        chronyd=chronyd(config),
        enable=["chrony.service"],
        disable=["systemd-timesyncd.service"],
        packages={"installed": ["chrony"]},
    )


def test_a_node_is_fixed_by_few_commands_and_the_other_daemon_stops_last(
    node: Node, systemd: Bookkeeping, plan: dict, config: Path
):
    result = applied(node, plan, check_mode=False)
    assert systemd.told == [
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
    assert systemd.told[:2] == ["unmask chrony.service", "restart chrony.service"]
    undone(node, params(), check_mode=False)
    systemd.told.clear()
    drop_in = file(tmp_path / "etc/systemd/system/chrony.service.d/50-site.conf", "[Service]\nNice=-10\n")
    applied(node, {**plan, "backup_id": "20261122T160000Z", "files": [drop_in]}, check_mode=False)
    assert systemd.told[:3] == ["unmask chrony.service", "enable chrony.service", "restart chrony.service"]


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
    systemd.told.clear()
    assert undone(node, params(), check_mode=False)["changed"] is False
    assert systemd.told == []
    with pytest.raises(RemediationError, match=r"nothing to undo.*backups there: 20261122T152134Z \(undone\)"):
        undone(node, params(backup_id=None), check_mode=False)
    assert undone(node, params(backup_id=None, missing_ok=True), check_mode=False)["backup"] is None


@pytest.mark.parametrize("with_begun", [False, True], ids=["at once", "after begun"])
def test_check_mode_tells_what_the_run_then_tells_and_writes_nothing(
    with_begun: bool, node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path
):
    before = tree(tmp_path)
    foreseen = applied(node, plan, check_mode=True)
    assert (tree(tmp_path), systemd.told, (tmp_path / "var").exists()) == (before, [], False)
    if with_begun:
        begun(node, plan, check_mode=False)
    done = applied(node, plan, check_mode=False)
    assert [done[key] for key in ("changed", "changes", "diff")] == [
        foreseen[key] for key in ("changed", "changes", "diff")
    ]
    told = described(node, params(), check_mode=False)
    undo_foreseen = undone(node, params(), check_mode=True)
    assert (told["changed"], told["changes"]) == (False, undo_foreseen["changes"])
    undo_done = undone(node, params(), check_mode=False)
    assert [undo_done[key] for key in ("changed", "changes", "diff")] == [
        undo_foreseen[key] for key in ("changed", "changes", "diff")
    ]


def test_packages_put_back_in_between_do_not_keep_the_former_state_from_being_restored(
    node: Node, systemd: Bookkeeping, plan: dict, config: Path, tmp_path: Path
):
    """As the role does it: node_remediate fails and restores; packages are changed back; node_remediate undoes what that did."""
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
    # Debian's package comes with a configuration, starts its daemon, and removes the other's package.
    config.write_text("pool 2.debian.pool.ntp.org\n")
    systemd.units = {"chrony.service": unit("enabled", "active")}
    done = applied(node, plan, check_mode=False)
    assert (done["changes"], done["diff"]) == (foreseen["changes"], foreseen["diff"])


def test_what_is_as_it_is_wanted_is_left_alone(node: Node, systemd: Bookkeeping, plan: dict, tmp_path: Path):
    applied(node, plan, check_mode=False)
    confirmed(node, params(), check_mode=False)
    before, told = tree(tmp_path), list(systemd.told)
    again = {**plan, "backup_id": "20261122T170000Z", "chronyd": {**plan["chronyd"], "restart": False}}
    assert applied(node, again, check_mode=False)["changed"] is False
    assert (tree(tmp_path), systemd.told) == (before, told)
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
    # Packages are still to be put back: by hand, or by a next run that begins from the first state, too.
    assert described(node, params(backup_id=None), check_mode=False)["packages"] == plan["packages"]
    undone(node, params(), check_mode=False)
    assert described(node, params(), check_mode=False)["backup_state"] == "undone"


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
    assert (there, unit_file.exists(), systemd.told[-1]) == ([True], False, "daemon-reload")


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


def test_an_interrupted_run_s_backup_is_continued_and_keeps_the_first_state(
    node: Node, plan: dict, config: Path, tmp_path: Path
):
    before = tree(tmp_path)
    first = applied(node, plan, check_mode=False)  # its connection was cut: nobody confirmed it
    more = file(config.parent / "conf.d/60-more.conf", "minsources 1\n")
    second = applied(
        node, {**plan, "backup_id": "20261122T160000Z", "files": [file(config, "pool a\n"), more]}, check_mode=False
    )
    assert second["backup"] == first["backup"]
    undone(node, params(backup_id=None), check_mode=False)
    assert tree(tmp_path) == before


def test_a_backup_is_found_by_the_runs_that_made_and_continued_it_and_by_no_other(node: Node, plan: dict):
    """A run needs to remember nothing: it may have been cut off from the answer with the backup's id."""
    applied(node, plan, check_mode=False)
    again, other = "20261122T160000Z", "20261122T170000Z"
    unchanged = {**plan, "chronyd": {**plan["chronyd"], "restart": False}}
    applied(node, {**unchanged, "backup_id": other}, check_mode=True)
    applied(node, {**unchanged, "backup_id": again}, check_mode=False)
    assert confirmed(node, params(backup_id=again), check_mode=False)["backup_id"] == plan["backup_id"]
    # That one is confirmed: a run that has changed nothing must neither undo nor close what others did.
    applied(node, {**unchanged, "backup_id": other}, check_mode=False)
    for act in (described, undone, confirmed):
        assert act(node, params(backup_id=other, missing_ok=True), check_mode=False)["backup"] is None


@pytest.mark.parametrize(
    ("later", "continued"), [("20261123T152133Z", True), ("20261123T152134Z", False)], ids=["a day less 1 s", "a day"]
)
def test_an_old_open_backup_is_not_continued(later: str, continued: bool, node: Node, plan: dict):
    begun(node, plan, check_mode=False)
    assert (begun(node, {**plan, "backup_id": later}, check_mode=False)["backup_id"] != later) is continued


def test_a_run_leaves_to_a_later_one_what_that_one_has_taken_over(node: Node, plan: dict, config: Path):
    """Two controllers on one node: the one whose proof fails must not undo what the other has proved."""
    later = "20261122T160000Z"
    applied(node, plan, check_mode=False)
    applied(node, {**plan, "backup_id": later}, check_mode=False)
    for act in (described, undone):
        with pytest.raises(
            RemediationError, match=f"Another run, {later}, has gone on with the backup {plan['backup_id']}"
        ):
            act(node, params(only_latest=True), check_mode=False)
    left = confirmed(node, params(only_latest=True), check_mode=False)
    assert left["backup"] is None
    assert left["notes"][0].startswith(f"Another run, {later}, has gone on with the backup {plan['backup_id']}")
    assert config.read_text() == SERVER
    assert confirmed(node, params(backup_id=later, only_latest=True), check_mode=False)["backup_state"] == "confirmed"
    with pytest.raises(RemediationError, match=f"Another run, {later}"):
        undone(node, params(only_latest=True), check_mode=False)
    # Someone who gives the name that the backup has on the node means it.
    undone(node, params(), check_mode=False)
    assert config.read_text() == "server dead.example.com\n"


def test_a_package_is_kept_from_starting_its_unit_until_its_configuration_is_there(
    node: Node, systemd: Bookkeeping, plan: dict
):
    del systemd.units["chrony.service"]
    hold = {**plan, "hold": ["chrony.service"]}
    foreseen = begun(node, hold, check_mode=True)["changes"]
    assert systemd.told == []
    done = begun(node, hold, check_mode=False)["changes"]
    assert done == foreseen
    assert done[-1] == "masked until the next boot chrony.service"
    assert begun(node, hold, check_mode=False)["changes"] == []
    applied(node, plan, check_mode=False)
    assert systemd.units["chrony.service"] == unit("enabled", "active")


def test_undone_nothing_is_held_any_more(node: Node, systemd: Bookkeeping, plan: dict):
    """The installation failed."""
    del systemd.units["chrony.service"]
    begun(node, {**plan, "hold": ["chrony.service"]}, check_mode=False)
    undone(node, params(), check_mode=False)
    assert systemd.told[:2] == ["mask --runtime chrony.service", "unmask --runtime chrony.service"]


def test_an_operator_s_edit_after_an_interrupted_run_is_not_undone_with_the_next(node: Node, plan: dict, config: Path):
    applied(node, plan, check_mode=False)
    config.write_text("server mine.example.com\n")
    later = {**plan, "backup_id": "20261122T160000Z"}
    foreseen = applied(node, later, check_mode=True)
    done = applied(node, later, check_mode=False)
    assert (done["backup_id"], done["diff"]) == (later["backup_id"], foreseen["diff"])
    undone(node, params(backup_id=later["backup_id"]), check_mode=False)
    assert config.read_text() == "server mine.example.com\n"


@pytest.mark.parametrize("left", ["server dead.example.com\n", "server one\n", "server two\n"])
def test_what_any_attempt_has_left_is_no_operator_s_edit(left: str, node: Node, plan: dict, config: Path):
    """A kill may come before, between and after the renaming of each attempt."""
    for text in ("server one\n", "server two\n"):
        applied(node, {**plan, "files": [file(config, text)]}, check_mode=False)
    config.write_text(left)
    again = applied(node, {**plan, "backup_id": "20261122T160000Z"}, check_mode=False)
    assert again["backup_id"] == plan["backup_id"]


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


def test_a_unit_that_is_not_installed_is_told_before_anything_is_changed(
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
    assert systemd.told[:2] == ["reset-failed chrony.service", "restart chrony.service"]


def test_a_unit_cannot_be_wanted_both_ways(node: Node, plan: dict):
    with pytest.raises(RemediationError, match=r"chrony\.service is to run and to be disabled"):
        applied(node, {**plan, "disable": ["chrony.service"]}, check_mode=False)


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


def test_a_backup_id_is_a_time(node: Node, plan: dict):
    with pytest.raises(RemediationError, match=r"backup_id is 'today'; expected a time in UTC like 20261122T152134Z\."):
        applied(node, {**plan, "backup_id": "today"}, check_mode=False)


def test_a_backup_that_is_not_there_is_told_with_those_that_are(node: Node, plan: dict):
    begun(node, plan, check_mode=False)
    for act in (undone, described, confirmed):
        with pytest.raises(RemediationError, match=r"no backup 20261122T000000Z in .*there: 20261122T152134Z \(open\)"):
            act(node, params(backup_id="20261122T000000Z"), check_mode=False)


def test_a_closed_backup_takes_no_more(node: Node, plan: dict):
    begun(node, plan, check_mode=False)
    confirmed(node, params(), check_mode=False)
    with pytest.raises(RemediationError, match=r"The backup 20261122T152134Z is confirmed and takes no more"):
        applied(node, plan, check_mode=False)
