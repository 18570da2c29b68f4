"""The faults that the lab can make, shown by what they do:
power cuts, wrong RTCs, lost packets, lies, a killed controller.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.ntp_packet import decode_sample

from tests.integration.conftest import BIN, INVENTORY, Controller, run_in, run_until
from tests.lab import TRIO, Lab, LabError, NodeSpec

pytestmark = pytest.mark.lab

# Its chrony has no server that answers, so whatever its clock is at boot, it stays.
UNHELPED = TRIO[2]
CONF = "/etc/chrony/chrony.conf"


def test_a_node_whose_power_was_cut_keeps_what_it_synced_and_boots_with_the_time_of_its_rtc(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec]
) -> None:
    name = lab_node(UNHELPED).name
    lab.ssh(name, f"echo '# from before' >> {CONF} && sync")

    lab.cut_power(name)
    assert lab.processes()[name] is None
    with pytest.raises(LabError):
        lab.ssh(name, "true", timeout_s=5)

    lab.reboot_node(name, -7200)
    low_s, high_s = lab.skew_s(name)
    assert low_s - 1 < -7200 < high_s + 1
    # The chrony.conf that this test wrote: nothing has given the node another one.
    assert lab.ssh(name, f"tail -n 1 {CONF}").stdout == "# from before\n"


def test_a_connection_that_is_cut_hangs_and_goes_on_when_it_is_restored(trio: Lab) -> None:
    name = TRIO[1].name
    counting = "for i in $(seq 30); do echo $i; sleep 0.2; done"
    argv = trio.namespace.argv(trio.ssh_argv(name, counting))
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as open_before:
        assert open_before.stdout is not None
        assert open_before.stdout.readline() == "1\n"
        trio.cut_connection(name)
        try:
            with pytest.raises(LabError, match=r"\b5 s\b"):
                trio.ssh(name, "true", timeout_s=5)
            assert trio.ssh(TRIO[0].name, "echo there").stdout == "there\n"
            assert open_before.poll() is None
        finally:
            trio.restore_connection(name)
        assert open_before.stdout.read().splitlines()[-1] == "30"
    assert trio.ssh(name, "echo back").stdout == "back\n"


def skews_measured(lab: Lab, node: str, servers: list[str], folder: Path) -> dict[str, Interval]:
    """The node's skew as each server shows it to the product's module on the node."""
    ask = json.dumps({"sections": ["ntp"], "ntp_servers": servers, "ntp_samples": 2, "ntp_port": 123, "timeout_s": 5})
    words = ["-i", str(INVENTORY), node, "-m", "skewgate.preflight.node_evidence", "-a", ask, "--tree", str(folder)]
    run = run_in(lab, folder, [str(BIN / "ansible"), *words], timeout_s=120)
    assert run.status == 0, run.output
    taken = json.loads((folder / node).read_text())["evidence"]["ntp"]["servers"]
    return {entry["server"]: decode_sample(entry["samples"][-1]).skew_s for entry in taken}


def test_servers_that_lie_agree_on_their_time_and_an_honest_one_gives_the_true_one(trio: Lab, tmp_path: Path) -> None:
    name = TRIO[1].name
    lying, honest = ["10.77.0.4", "10.77.0.5"], "10.77.0.1"
    with trio.liars(600, lying):
        measured = skews_measured(trio, name, [*lying, honest], tmp_path)
    # As it is now: a guest without a time daemon drifts by milliseconds a minute on
    # a loaded machine.
    true_s = sum(trio.skew_s(name)) / 2
    assert measured[honest].middle == pytest.approx(true_s, abs=0.1)
    assert [measured[server].middle for server in lying] == pytest.approx([true_s - 600] * 2, abs=0.1)


def test_most_of_chronyds_servers_lying_it_follows_the_lie(lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec]) -> None:
    lying = ("10.77.0.4", "10.77.0.5", "10.77.0.6")
    with lab.liars(-300, lying):
        name = lab_node(replace(UNHELPED, ntp=(*lying, "10.77.0.1"))).name
        lab.wait_synchronised(name)
        assert lab.ssh(name, "chronyc -c -n sources | grep ',[*],' | cut -d, -f3").stdout.strip() in lying
        low_s, high_s = lab.skew_s(name)
    assert low_s - 1 < -300 < high_s + 1
    assert lab.ssh(name, "ping -c 1 -W 1 10.77.0.4", check=False).returncode != 0


@pytest.fixture
def play(trio: Lab, tmp_path: Path) -> list[str]:
    """A play of two tasks on node2, each of which leaves a file there in a folder of the test's;
    the second takes 6 s.
    """
    trio.namespace.end_connections(TRIO[1].ip)  # which an earlier run left for a later one
    folder = folder_on_node(tmp_path)
    tasks = [
        {"name": "First", "ansible.builtin.command": f"mkdir {folder} {folder}/first"},
        {"name": "Last", "ansible.builtin.shell": f"sleep 6; touch {folder}/last"},
    ]
    play = {"hosts": TRIO[1].name, "gather_facts": False, "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    return [str(BIN / "ansible-playbook"), "-i", str(INVENTORY), str(tmp_path / "play.yml")]


def folder_on_node(tmp_path: Path) -> str:
    """A name that is no other run's, since the node may be that of an earlier one."""
    return f"/run/{tmp_path.parent.name}-{tmp_path.name}"


def done_on_node(lab: Lab, play: list[str]) -> list[str]:
    """Which of the play's tasks the node did."""
    return lab.ssh(TRIO[1].name, f"ls {folder_on_node(Path(play[-1]).parent)}").stdout.split()


def test_a_controller_that_is_killed_at_a_task_leaves_nothing_of_itself(trio: Lab, play: list[str]) -> None:
    def kill(controller: Controller) -> None:
        time.sleep(2)  # the task is under way on the node
        controller.kill()

    run = run_until(trio, play, r"TASK \[Last", kill)

    assert run.status == -signal.SIGKILL
    assert run.output.count("changed: [node2]") == 1
    assert "PLAY RECAP" not in run.output
    connections = ["ss", "-H", "-t", "-n", "state", "established", "dst", TRIO[1].ip]
    assert trio.run(connections, capture_output=True, text=True).stdout == ""


def test_a_run_acts_when_a_node_is_done_with_a_task_and_then_ends_as_it_would(trio: Lab, play: list[str]) -> None:
    seen = []
    pattern = r"TASK \[First.*\nchanged: \[node2\]"
    run = run_until(trio, play, pattern, lambda _: seen.append(done_on_node(trio, play)))
    assert seen == [["first"]]
    assert run.status == 0
    assert done_on_node(trio, play) == ["first", "last"]


def test_a_run_at_which_nothing_matched_or_that_does_not_end_is_a_failure(trio: Lab, play: list[str]) -> None:
    with pytest.raises(AssertionError, match="'Second'"):
        run_until(trio, [*play, "--list-tasks"], "Second", lambda _: None)
    with pytest.raises(AssertionError, match=r"\b10 s\b"):
        run_until(trio, play, "First", lambda _: trio.cut_connection(TRIO[1].name), timeout_s=10)
    trio.restore_connection(TRIO[1].name)
