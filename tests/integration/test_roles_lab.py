"""A node with WireGuard is never stepped back: real nodes, a real chronyd that would."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import certificate_pem
from tests.integration.conftest import Runner, backup_states
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.host import unpack_package
from tests.lab.lab import REPOSITORY

pytestmark = pytest.mark.lab

AHEAD = TRIO[2]
ALMOST_RIGHT = NodeSpec("node3", "10.77.0.13", skew_s=3, variant="chrony", ntp=("10.77.0.9",))

#: Notes by how many seconds the clock goes back, whenever it does.
WATCH = """\
import time
last = time.time()
while True:
    time.sleep(0.005)
    now = time.time()
    if now < last:
        with open("/run/went-back", "a") as file:
            print(round(last - now, 3), file=file)
    last = now
"""
#: No token is tried: here only the clock is of interest.
OF_THE_CLOCK: dict[str, object] = {"gate_checks": ["time_service", "clock_skew", "sync_state", "ntp_sources"]}
#: Modules of the guests' kernel.
MODULES = Path("/usr/lib/uml/modules")


def watch(lab: Lab, node: str) -> None:
    """Begin to watch the node's clock."""
    lab.ssh(node, f"cat > /run/watch.py <<'EOF'\n{WATCH}EOF\nnohup python3 /run/watch.py > /dev/null 2>&1 &")


def went_back_s(lab: Lab, node: str) -> list[float]:
    """By how many seconds the node's clock went back, each time."""
    return [float(line) for line in lab.ssh(node, "cat /run/went-back", check=False).stdout.split()]


def test_a_node_with_wireguard_is_refused_and_the_same_node_without_it_is_stepped(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    lab.ssh("node3", "mkdir -m 700 /etc/wireguard; touch /etc/wireguard/wg0.conf")
    watch(lab, "node3")

    run = skewgate("gate", "-l", "node3", extra={**OF_THE_CLOCK, "chrony_step_joined": ["node3"]})
    finding = run.finding("node3", "clock_skew")
    assert (finding["state"], finding["keys"]) == ("fail", ["beyond", "not_back_wireguard"])
    assert "/etc/wireguard/wg0.conf" in finding["summary"]
    message = run.report["nodes"]["node3"]["remediation"]["message"]
    assert "The node has WireGuard (/etc/wireguard/wg0.conf)" in message
    assert backup_states(lab, "node3") == []
    assert lab.skew_s("node3")[0] > 40
    assert went_back_s(lab, "node3") == []

    lab.ssh("node3", "rm -r /etc/wireguard")
    run = skewgate("gate", "-l", "node3", extra=OF_THE_CLOCK)
    assert run.report["nodes"]["node3"]["verdict"] == "admit", run.output
    assert went_back_s(lab, "node3") == [pytest.approx(45, abs=1)]


@pytest.mark.nightly
def test_a_first_control_plane_is_not_stepped_back_to_before_its_ca_begins(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    named = {**OF_THE_CLOCK, "chrony_step_joined": ["node3"]}
    lab.ssh("node3", "mkdir -p /etc/kubernetes/pki; touch /etc/kubernetes/kubelet.conf")

    def with_ca(begins_s: float) -> None:
        lab.ssh("node3", f"echo '{certificate_pem(int(begins_s))}' > /etc/kubernetes/pki/ca.crt")

    watch(lab, "node3")
    with_ca(time.time() + 1800)
    run = skewgate("gate", "-l", "node3", extra=named)
    assert run.finding("node3", "clock_skew")["keys"] == ["beyond", "not_back_certificates", "not_back_joined"]
    assert "`kubeadm reset`" in run.report["nodes"]["node3"]["remediation"]["message"]
    assert went_back_s(lab, "node3") == []

    # As kubeadm would have dated it: the clock was ahead by less than the five minutes.
    with_ca(time.time() + 45 - 300)
    run = skewgate("gate", "-l", "node3", extra=named)
    assert run.report["nodes"]["node3"]["verdict"] == "admit", run.output
    assert went_back_s(lab, "node3") == [pytest.approx(45, abs=1)]


@pytest.mark.nightly
def test_a_node_on_which_wireguard_runs_is_slewed_and_its_clock_never_goes_back(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(ALMOST_RIGHT)
    package = unpack_package("wireguard-go", REPOSITORY / "build/wireguard-go")
    (tun,) = MODULES.glob("*/kernel/drivers/net/tun.ko")
    for file, there in ((tun, "/root/tun.ko"), (package / "usr/bin/wireguard-go", "/root/wireguard-go")):
        lab.run(lab.ssh_argv("node3", f"cat > {there}"), input=file.read_bytes(), check=True)
    lab.ssh("node3", "chmod +x /root/wireguard-go; insmod /root/tun.ko; mkdir -p /dev/net; /root/wireguard-go wg0")
    watch(lab, "node3")
    run = skewgate("gate", "-l", "node3", extra={**OF_THE_CLOCK, "gate_max_skew_s": 0.5})
    assert run.report["nodes"]["node3"]["verdict"] == "admit", run.output
    before = run.report["nodes"]["node3"]["before"]["findings"]
    (found,) = (finding for finding in before if finding["check"] == "clock_skew")
    assert "not_back_wireguard" in found["keys"]
    shown = run.evidence["nodes"]["node3"]["evidence"]["join_state"]["wireguard"]
    assert (shown["files"], shown["processes"]) == (["/run/wireguard/wg0.sock"], ["wireguard-go"])
    assert max(map(abs, lab.skew_s("node3"))) < 0.5
    assert went_back_s(lab, "node3") == []
    assert "System clock was stepped" not in lab.ssh("node3", "journalctl -b -u chrony").stdout
