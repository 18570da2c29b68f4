"""Networks in which NTS works and in which it does not, between a real node and a real server with
NTS, changed while the node runs: what the check says of each, and what the gate then writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemons.conftest import Authority
from tests.daemons.module_utils.probes.nts_networks import rules
from tests.integration.conftest import BIN, INVENTORY, Run, Runner, backup_states, run_until
from tests.lab import TRIO, Lab
from tests.lab.lab import REPOSITORY
from tests.lab.network import Process
from tests.lab.nodes import NodeSpec
from tests.lab.ntp import SERVERS, wait_for_ntp

pytestmark = pytest.mark.lab

FRESH, BEHIND = TRIO[1], NodeSpec("node3", "10.77.0.13", -45, "chrony", ("10.77.0.9",))
NAME, SERVER, OTHER = "nts.lab", "10.77.0.4", "10.77.0.5"
RULES = rules(SERVER, OTHER, "prerouting")
SETTINGS: dict[str, Any] = {
    "gate_checks": ["clock_skew", "ntp_sources", "nts_servers", "sync_state", "time_service"],
    "gate_timeout_s": 3,
    "chrony_nts_servers": [NAME],
}
CONFIG = "/etc/chrony/chrony.conf"
"""What the daemon that runs and its clock would show of a second one."""
UNTOUCHED = (
    "systemctl show -p MainPID -p ActiveEnterTimestampMonotonic chrony; cat /run/chrony/chronyd.pid; "
    "ls -l --time-style=+ /run/chrony /var/lib/chrony | grep -v drift; ss -lunp | grep -c chronyd; "
    "stat -c %Y /etc/chrony/chrony.conf"
)


class Network:
    """Servers with and without NTS in the lab, and the faults of the way to them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.authority = lab, Authority(folder)

    def has(self, name: str) -> None:
        """Let the way to the servers be as the rules of this name make it."""
        self.lab.run(["nft", "delete table ip faults"], capture_output=True)
        if RULES[name]:
            self.lab.run(["nft", f"table ip faults {{\n{RULES[name]}\n}}\n"], check=True)

    def known_to(self, node: str) -> None:
        """Let a node know the server's name, and trust its CA as the system does."""
        ca = f"cat >> /etc/ssl/certs/ca-certificates.crt <<'END'\n{self.authority.pem}END"
        self.lab.ssh(node, f"echo '{SERVER} {NAME}' >> /etc/hosts\n{ca}")


@contextmanager
def serving(lab: Lab, folder: Path, network: Network) -> Iterator[None]:
    """A chronyd with NTS, one without at another port, and what removes the fields of NTS."""
    chronyd = str(lab.cache_dir / "chrony/usr/sbin/chronyd")
    pem = network.authority.issue(host=NAME)
    lines = {
        SERVER: f"ntsserverkey {pem}\nntsservercert {pem}\nntsdumpdir {folder}\n",
        OTHER: "port 1123\n",
    }
    processes = [Process(lab.namespace, folder, f"of-{address}") for address in lines]
    stripper = Process(lab.namespace, folder, "stripper")
    try:
        for process, (address, more) in zip(processes, lines.items(), strict=True):
            lab.namespace.add_address(address)
            (folder / f"{address}.conf").write_text(
                f"local stratum 3\nallow\nbindaddress {address}\ncmdport 0\nbindcmdaddress /\n"
                f"pidfile {folder}/{address}.chronyd\n{more}"
            )
            process.start([chronyd, "-x", "-d", "-u", "root", "-f", str(folder / f"{address}.conf")])
        strip = "from tests.daemons.module_utils.probes.nts_networks import strip_forever\n"
        stripper.start(
            [sys.executable, "-c", f"{strip}strip_forever({SERVER!r})"],
            cwd=REPOSITORY,
        )
        wait_for_ntp(processes[0], SERVER)
        yield
    finally:
        network.has("healthy")
        for process in (*processes, stripper):
            process.stop()
        for address in lines:
            lab.namespace.delete_address(address)


@pytest.fixture
def network(lab: Lab, tmp_path: Path) -> Iterator[Network]:
    """The network, at first without a fault."""
    tmp_path.chmod(0o700)
    made = Network(lab, tmp_path)
    with serving(lab, tmp_path, made):
        yield made


def with_nts_configured(lab: Lab, node: str) -> None:
    """Give a node's chronyd the server with NTS, and a clock that is off."""
    lines = f"server {NAME} iburst nts\nmakestep 1 3\ndriftfile /var/lib/chrony/chrony.drift\n"
    lab.ssh(node, f"printf '{lines}' > {CONFIG}; date -s '-45 sec'; systemctl restart chrony")


def written(lab: Lab, node: str) -> list[str]:
    """The servers' lines of a node's configuration."""
    return [line for line in lab.look(node, f"cat {CONFIG}").splitlines() if line.startswith(("server ", "pool "))]


PLAIN = [f"server {address} iburst" for address in SERVERS.values()]
WITH_NTS = [f"server {NAME} iburst nts"]
OF_NETWORKS = {
    "large_dropped": ["large_packets_dropped"],
    # The node's own request is answered, so only chronyd itself sees the fault.
    "authenticated_dropped": [],
    "tcp_4460_blocked": ["blocked"],
    "redirected": ["ntp_redirected"],
    "stripped": ["extension_fields_stripped"],
}
"""The keys of nts_servers in networks in which chronyd gets no time with NTS."""
SHORT = ("authenticated_dropped",)


def before(run: Run, node: str) -> dict[str, Any]:
    """What nts_servers said before the node was changed."""
    findings = run.report["nodes"][node]["before"]["findings"]
    return next(finding for finding in findings if finding["check"] == "nts_servers")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(OF_NETWORKS.keys() - SHORT, id="others", marks=pytest.mark.nightly),
    ],
)
def test_each_fault_of_a_network_is_named_and_the_gate_falls_back_to_plain_servers(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], network: Network, skewgate: Runner, names: Collection[str]
) -> None:
    node = lab_node(BEHIND).name
    network.known_to(node)
    for name in sorted(names):
        with_nts_configured(lab, node)
        network.has(name)
        run = skewgate("gate", "-l", node, extra=SETTINGS)
        assert before(run, node)["keys"] == OF_NETWORKS[name], run.output
        assert run.report["nodes"][node]["verdict"] == "admit", run.output
        assert run.report["nodes"][node]["remediation"]["succeeded"] is True
        assert written(lab, node) == PLAIN
        network.has("healthy")
    # A second run finds nothing to change, though NTS works by now.
    assert written_again(lab, skewgate, node) == PLAIN
    assert_chronyd_itself_leaves_all_as_it_is(lab, node)


def written_again(lab: Lab, skewgate: Runner, node: str) -> list[str]:
    """The servers that are written after one more run, which changes nothing."""
    run = skewgate("gate", "-l", node, extra=SETTINGS)
    assert (run.status, run.report["nodes"][node]["remediation"]) == (0, None)
    return written(lab, node)


def assert_chronyd_itself_leaves_all_as_it_is(lab: Lab, node: str) -> None:
    """Beside the chronyd that steers the clock it gets the time, and changes nothing."""
    lab.wait_synchronised(node)
    state = lab.look(node, UNTOUCHED)
    answer = lab.ssh(node, f"chronyd -Q -t 10 'server {NAME} iburst nts maxsamples 1' 2>&1", check=False)
    assert (answer.returncode, "(ignored)" in answer.stdout) == (0, True), answer.stdout
    assert lab.look(node, UNTOUCHED) == state
    low_s, high_s = lab.skew_s(node)
    assert low_s < 0.5
    assert high_s > -0.5


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "servers"), [("healthy", WITH_NTS), ("authenticated_dropped", PLAIN)])
def test_on_a_fresh_node_chronyd_tries_nts_after_it_was_installed(
    lab_node: Callable[[NodeSpec], NodeSpec], network: Network, skewgate: Runner, name: str, servers: list[str]
) -> None:
    lab, node = network.lab, lab_node(FRESH).name
    network.known_to(node)
    network.has(name)
    run = skewgate("gate", "-l", node, extra=SETTINGS)
    assert run.report["nodes"][node]["verdict"] == "admit", run.output
    assert written(lab, node) == servers
    assert backup_states(lab, node) == ["confirmed"]
    assert written_again(lab, skewgate, node) == servers


@pytest.mark.nightly
def test_a_server_that_answers_only_who_is_authenticated_is_written_with_nts(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], network: Network, skewgate: Runner, playbook: Runner
) -> None:
    """As NTPsec does; check mode predicts it."""
    node = lab_node(BEHIND).name
    network.known_to(node)
    network.has("ntsn_dropped")
    predicted = playbook("remediate", "--check", "--diff", "-l", node, extra=SETTINGS)
    run = playbook("remediate", "--diff", "-l", node, extra=SETTINGS)
    assert run.status == 0, run.output
    assert predicted.changes_shown == run.changes_shown
    assert written(lab, node) == WITH_NTS
    # Without the daemon that runs, only the chronyd that is started for it can show this.
    lab.ssh(node, "systemctl stop chrony")
    finding = skewgate("check", "-l", node, extra=SETTINGS).finding(node, "nts_servers")
    assert (finding["state"], "chronyd -Q gets authenticated time" in finding["summary"]) == ("pass", True), finding


@pytest.mark.nightly
@pytest.mark.parametrize("spec", [BEHIND, FRESH], ids=["chrony was there", "chrony was not there"])
def test_if_only_nts_is_wanted_and_does_not_work_the_node_is_refused_as_it_was(
    spec: NodeSpec, lab_node: Callable[[NodeSpec], NodeSpec], network: Network, skewgate: Runner
) -> None:
    lab, node = network.lab, lab_node(spec).name
    network.known_to(node)
    network.has("authenticated_dropped")
    state = (
        "cat /etc/chrony/* | sha256sum; dpkg-query -W chrony; systemctl is-active chrony; systemctl is-enabled chrony"
    )
    former = lab.look(node, f"{state} 2>&1", check=False)
    run = skewgate("gate", "-l", node, extra={**SETTINGS, "chrony_servers": []})
    remediation = run.report["nodes"][node]["remediation"]
    assert (run.status, remediation["succeeded"], remediation["changes"]) == (4, False, [])
    assert "chronyd itself gets no time from it with NTS" in remediation["message"]
    assert lab.look(node, f"{state} 2>&1", check=False) == former
    # Where chrony was installed to try it, that is undone.
    assert backup_states(lab, node) == (["undone"] if spec is FRESH else [])


@pytest.mark.nightly
def test_a_run_that_ends_after_the_installation_is_finished_by_the_next_one(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], network: Network, skewgate: Runner, tmp_path: Path
) -> None:
    node = lab_node(FRESH).name
    network.known_to(node)
    (tmp_path / "extra.json").write_text(json.dumps({**SETTINGS, "gate_report_dir": str(tmp_path)}))
    argv = [str(BIN / "ansible-playbook"), "-i", str(INVENTORY), "skewgate.preflight.gate", "-l", node]
    killed = run_until(lab, [*argv, "-e", f"@{tmp_path}/extra.json"], r"TASK \[.*Plan again", lambda run: run.kill())
    assert killed.status != 0
    assert backup_states(lab, node) == ["open"]
    run = skewgate("gate", "-l", node, extra=SETTINGS)
    assert run.report["nodes"][node]["verdict"] == "admit", run.output
    assert (written(lab, node), backup_states(lab, node)) == (WITH_NTS, ["confirmed"])
