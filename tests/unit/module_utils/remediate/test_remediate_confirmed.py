"""The end of a remediation: the RTC is set by the proved clock,
and the backup is closed. hwclock is a script here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run as runner
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied, begun
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.rtc import confirmed
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import undone

from tests.unit.module_utils.remediate.conftest import file, params

LOCAL, UTC = "0.0 0 0.0\n0\nLOCAL\n", "0.0 0 0.0\n0\nUTC\n"


@pytest.fixture(autouse=True)
def _rtc(node: Node) -> None:
    (Path(node.root) / "sys/class/rtc/rtc0").mkdir(parents=True)


@pytest.fixture
def hwclock(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """How hwclock was called; with --utc it rewrites /etc/adjtime, as the real one does.

    The real one is out of reach."""
    script, log = tmp_path / "bin/hwclock", tmp_path / "hwclock.log"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$*" >> {log}\ncase "$*" in *--utc*) printf "{UTC}" > {node.root}/etc/adjtime;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(runner, "PATH", f"{script.parent}:/bin")
    return log


def test_the_rtc_is_set_and_the_backup_closed(node: Node, hwclock: Path):
    begun(node, params(), check_mode=False)
    foreseen = confirmed(node, params(backup_id=None, rtc=True), check_mode=True)
    assert not hwclock.exists()
    done = confirmed(node, params(backup_id=None, rtc=True), check_mode=False)
    assert hwclock.read_text() == "--systohc --utc\n"
    assert (foreseen["changes"], done["changes"]) == (["set the RTC by the node's clock, in UTC"],) * 2
    assert done["backup_state"] == "confirmed"


def test_without_rtc_nothing_changes_but_the_backup_s_state(node: Node, hwclock: Path):
    begun(node, params(), check_mode=False)
    done = confirmed(node, params(), check_mode=False)
    assert (done["changed"], done["backup_state"], hwclock.exists()) == (False, "confirmed", False)
    assert confirmed(node, params(backup_id=None), check_mode=False)["backup"] is None


@pytest.mark.usefixtures("hwclock")
def test_a_confirmed_remediation_is_undone_by_hand(node: Node, tmp_path: Path):
    path = tmp_path / "etc/a.conf"
    applied(node, params(files=[file(path, "a\n")]), check_mode=False)
    confirmed(node, params(), check_mode=False)
    assert undone(node, params(backup_id=None), check_mode=False)["changes"] == [f"removed {path}"]


def test_an_rtc_in_local_time_is_in_local_time_again_when_undone(node: Node, hwclock: Path):
    """Else the next boot would take UTC for local time."""
    adjtime = Path(node.root) / "etc/adjtime"
    adjtime.write_text(LOCAL)
    begun(node, params(), check_mode=False)
    confirmed(node, params(rtc=True), check_mode=False)
    assert adjtime.read_text() == UTC
    foreseen = undone(node, params(), check_mode=True)["changes"]
    assert undone(node, params(), check_mode=False)["changes"] == foreseen
    assert foreseen == ["set the RTC in local time, as it was", f"put {adjtime} back"]
    assert hwclock.read_text().splitlines()[1:] == ["--systohc --localtime --noadjfile"]
    assert adjtime.read_text() == LOCAL


@pytest.mark.usefixtures("hwclock")
def test_an_rtc_that_was_all_that_was_changed_is_in_local_time_again_too(node: Node):
    adjtime = Path(node.root) / "etc/adjtime"
    adjtime.write_text(LOCAL)
    done = confirmed(node, params(rtc=True, missing_ok=True), check_mode=False)
    assert (adjtime.read_text(), done["backup_state"]) == (UTC, "confirmed")
    undone(node, params(backup_id=None), check_mode=False)
    assert adjtime.read_text() == LOCAL


def test_without_hwclock_the_way_out_is_shown(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner, "PATH", str(tmp_path / "bin"))
    done = confirmed(node, params(backup_id=None, rtc=True), check_mode=False)
    assert done["changed"] is False
    assert "install util-linux-extra" in done["notes"][0]


def test_an_hwclock_that_fails_is_reported_and_does_not_undo_what_was_proved(node: Node, hwclock: Path, tmp_path: Path):
    (tmp_path / "bin/hwclock").write_text("#!/bin/sh\necho 'hwclock: Cannot access the Hardware Clock' >&2\nexit 1\n")
    begun(node, params(), check_mode=False)
    done = confirmed(node, params(rtc=True), check_mode=False)
    assert (done["changed"], done["backup_state"]) == (False, "confirmed")
    assert "Cannot access the Hardware Clock" in done["notes"][0]
    assert not hwclock.exists()


def test_a_node_without_an_rtc_is_left_alone(node: Node, hwclock: Path, tmp_path: Path):
    elsewhere = Node(node.state_folder, str(tmp_path / "none"), node.systemd)
    assert confirmed(elsewhere, params(backup_id=None, rtc=True), check_mode=False)["changed"] is False
    assert not hwclock.exists()
