"""The lab itself: real clocks, nothing left behind, the host's clock untouched; on a second lab."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import TRIO, Lab, LabError, LabUnavailable, NodeSpec
from tests.lab.image import TIME_DAEMONS
from tests.lab.lab import REPOSITORY, STATE_DIR

pytestmark = pytest.mark.lab

GOOD, BEHIND, AHEAD = TRIO


class HostClock:
    """This machine's clock at one moment: what setting, slewing or steering it would change."""

    def __init__(self) -> None:
        self.set_s = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        # struct timex begins with modes (0: read only), offset, freq, maxerror, esterror,
        # status, constant, precision, tolerance, the time in two words, and tick; 208 bytes
        # in all (adjtimex(2)).
        timex = (ctypes.c_long * 26)()
        assert ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) >= 0
        self.status = timex[5] & 0xFFFFFFFF
        self.tick = timex[11]


@pytest.fixture(scope="module")
def before() -> HostClock:
    return HostClock()


@pytest.fixture(scope="module")
def own_lab(
    before: HostClock,  # noqa: ARG001 - its moment is before the lab
    lab: Lab,  # noqa: ARG001 - it makes the images
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lab]:
    """A second lab; the session's stands for the images, and for a neighbour
    that must not be touched.
    """
    own = Lab(tmp_path_factory.mktemp("lab"), cache_dir=STATE_DIR)
    own.up()
    yield own
    own.down()


def middle_s(lab: Lab, spec: NodeSpec) -> float:
    """A node's skew, known to 50 ms or better."""
    low_s, high_s = lab.skew_s(spec.name)
    assert high_s - low_s < 0.1, "the exchange took too long to show the node's time"
    return (low_s + high_s) / 2


def test_each_clock_differs_from_the_hosts_by_what_was_asked(own_lab: Lab) -> None:
    for spec in TRIO:
        assert middle_s(own_lab, spec) == pytest.approx(spec.skew_s, abs=0.15), spec.name


def test_the_good_node_synchronises_with_its_three_servers(own_lab: Lab) -> None:
    own_lab.wait_synchronised(GOOD.name)

    sources = own_lab.ssh(GOOD.name, "chronyc -c -n sources").stdout.splitlines()
    assert sorted(line.split(",")[2] for line in sources) == list(GOOD.ntp)
    assert [line.split(",")[1] for line in sources].count("*") == 1
    assert middle_s(own_lab, GOOD) == pytest.approx(0, abs=0.05)


def test_the_node_ahead_runs_chrony_and_nothing_corrects_it(own_lab: Lab) -> None:
    assert own_lab.ssh(AHEAD.name, "systemctl is-active chrony").stdout.strip() == "active"

    (source,) = own_lab.ssh(AHEAD.name, "chronyc -c -n sources").stdout.splitlines()
    state, address, reach = (source.split(",")[index] for index in (1, 2, 5))
    assert (state, address, reach) == ("?", "10.77.0.9", "0")
    assert middle_s(own_lab, AHEAD) == pytest.approx(AHEAD.skew_s, abs=0.15)


def test_a_fresh_node_has_no_time_daemon_and_can_install_each_without_a_network(own_lab: Lab) -> None:
    daemons = "/usr/sbin/chronyd /usr/sbin/ntpd /lib/systemd/systemd-timesyncd /usr/sbin/ntpdate"
    there = own_lab.ssh(BEHIND.name, f"ls {daemons} 2>/dev/null", check=False).stdout
    assert there == ""
    states = own_lab.ssh(BEHIND.name, "dpkg-query -W -f '${Package} ${db:Status-Status}\\n'").stdout.splitlines()
    assert "python3-apt installed" in states
    assert [daemon for daemon in TIME_DAEMONS if f"{daemon} installed" in states] == []

    for package in TIME_DAEMONS:
        planned = own_lab.ssh(BEHIND.name, f"apt-get install --simulate -q {package}").stdout
        assert f"Inst {package} " in planned
    assert own_lab.ssh(BEHIND.name, "apt-get indextargets --format '$(REPO_URI)'").stdout.split() == ["file:/srv/debs/"]


def test_setting_one_nodes_clock_moves_no_other_and_not_the_hosts(own_lab: Lab) -> None:
    host = HostClock()
    skews_s = {spec: middle_s(own_lab, spec) for spec in TRIO}

    own_lab.ssh(BEHIND.name, "date -s @$(( $(date +%s) + 300 ))")

    # date counts whole seconds.
    assert middle_s(own_lab, BEHIND) - skews_s[BEHIND] == pytest.approx(300, abs=1.5)
    for spec in (GOOD, AHEAD):
        assert middle_s(own_lab, spec) == pytest.approx(skews_s[spec], abs=0.05)
    assert HostClock().set_s == pytest.approx(host.set_s, abs=0.05)


def test_a_second_up_changes_nothing(own_lab: Lab) -> None:
    processes = own_lab.processes()
    assert None not in processes.values()

    own_lab.up()

    assert own_lab.processes() == processes
    assert own_lab.is_up()


def test_up_repairs_what_died_and_only_that(own_lab: Lab) -> None:
    processes = own_lab.processes()
    killed = (BEHIND.name, "ntp2")
    for name in killed:
        pid = processes[name]
        assert pid is not None
        os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(own_lab.processes()[name] for name in killed):
        assert time.monotonic() < deadline, "what was killed lives on"
        time.sleep(0.1)
    assert not own_lab.is_up()

    own_lab.up()

    repaired = own_lab.processes()
    assert own_lab.is_up()
    assert {name for name in processes if repaired[name] != processes[name]} == {*killed}
    # The repaired node is a new one: the step of the test above is gone with its disk.
    assert middle_s(own_lab, BEHIND) == pytest.approx(BEHIND.skew_s, abs=0.15)


def test_a_node_with_timesyncd_is_set_right_by_it(own_lab: Lab) -> None:
    own_lab.start_node(NodeSpec("node4", "10.77.0.14", 30, "timesyncd", ("10.77.0.2",)))

    deadline = time.monotonic() + 30
    while own_lab.ssh("node4", "timedatectl show -p NTPSynchronized --value").stdout.strip() != "yes":
        assert time.monotonic() < deadline, "systemd-timesyncd did not synchronise"
        time.sleep(0.5)
    low_s, high_s = own_lab.skew_s("node4")
    assert abs(low_s + high_s) / 2 < 0.05

    own_lab.stop_node("node4")
    assert "node4" not in own_lab.processes()


def test_the_network_has_no_way_out(own_lab: Lab) -> None:
    def ping(address: str) -> int:
        return own_lab.ssh(GOOD.name, f"ping -c 1 -W 1 {address}", check=False).returncode

    assert ping(AHEAD.ip) == 0
    assert ping("9.9.9.9") != 0
    links = own_lab.run(["ip", "-brief", "link"], capture_output=True, text=True).stdout.split("\n")
    assert {line.split()[0] for line in links if line} == {"lo", "br0", *(f"tap-{spec.name}" for spec in TRIO)}


def test_an_unknown_node_and_variant_are_answered_with_the_known_ones(own_lab: Lab) -> None:
    with pytest.raises(LabError, match=r"'node9'.*node1, node2, node3"):
        own_lab.ssh("node9", "true")
    with pytest.raises(LabError, match=r"'ntpd'.*fresh, chrony, timesyncd, ntpsec, openntpd"):
        own_lab.start_node(NodeSpec("node5", "10.77.0.15", variant="ntpd"))


def test_a_lab_is_made_anew_when_its_folder_was_removed_while_it_ran(own_lab: Lab, tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", cache_dir=STATE_DIR)
    lab.up([])
    left_behind = processes_that_name(str(lab.state_dir))
    assert left_behind
    shutil.rmtree(lab.state_dir)

    lab.up([])

    assert lab.is_up([])
    assert set(left_behind).isdisjoint(processes_that_name(str(lab.state_dir)))
    lab.down()
    assert own_lab.is_up()


def test_without_root_the_lab_says_that_it_takes_root(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    if os.geteuid() != 0:
        with pytest.raises(LabUnavailable, match="root"):
            lab.up()
        return
    tmp_path.chmod(0o777)
    os.seteuid(65534)
    try:
        with pytest.raises(LabUnavailable, match="root"):
            lab.up()
    finally:
        os.seteuid(0)


def test_down_leaves_nothing_and_the_hosts_clock_never_moved(own_lab: Lab, lab: Lab, before: HostClock) -> None:
    neighbour = lab.processes()
    ssh, *rest = own_lab.ssh_argv(GOOD.name, "true")
    control = own_lab.state_dir / "control"
    master = [ssh, "-o", "ControlMaster=auto", "-o", "ControlPersist=600", "-o", f"ControlPath={control}", *rest]
    own_lab.run(master, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert control.exists(), "ssh left no master, which is what down must end too"
    assert own_lab.namespace.pids()

    own_lab.down()

    assert processes_that_name(str(own_lab.state_dir)) == []
    assert not own_lab.namespace.path.exists()
    assert "tap-" not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mounts").read_text()
    assert str(own_lab.state_dir) not in mounts
    assert own_lab.namespace.name not in mounts
    assert list(own_lab.state_dir.glob("**/*.pid")) == []
    assert lab.processes() == neighbour

    after = HostClock()
    assert after.set_s == pytest.approx(before.set_s, abs=0.05)
    assert (after.status, after.tick) == (before.status, before.tick)


def test_the_machines_last_namespace_takes_its_mount_along() -> None:
    # In a mount namespace with its own /run, because labs are up in the machine's.
    script = 'umount --recursive /run/netns 2>/dev/null; mount -t tmpfs tmpfs /run && exec "$@"'
    cycle = """
from pathlib import Path
from tests.lab.network import Namespace
namespace = Namespace("last", Path("/run/made"))
namespace.create()
print("/run/netns" in Path("/proc/self/mounts").read_text(), end=" ")
namespace.delete()
print("/run/netns" in Path("/proc/self/mounts").read_text())
"""
    seen = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", cycle],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.split() == ["True", "False"]


def processes_that_name(text: str) -> list[int]:
    """Living processes with this text in their command lines; one that has ended has none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
