"""The gate and the role chrony on nodes that they may change: fixed and proved, or all put back."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.findings import unsaid
from tests.integration.conftest import Runner, backup_states
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.lab import REPOSITORY
from tests.lab.ntp import SERVERS

pytestmark = pytest.mark.lab

GOOD, BEHIND, AHEAD = TRIO
COMPETITOR = NodeSpec("node4", "10.77.0.14", skew_s=-612, variant="timesyncd", ntp=("10.77.0.9",))
ALMOST_RIGHT = NodeSpec("node3", "10.77.0.13", skew_s=3, variant="chrony", ntp=("10.77.0.9",))

# What undoing has to bring back: the configuration and each daemon's state.
STATE = (
    "cat /etc/chrony/chrony.conf /etc/systemd/timesyncd.conf 2>/dev/null | sha256sum; "
    "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' chrony systemd-timesyncd 2>/dev/null | grep ^ii; "
    "systemctl is-enabled chrony chrony-wait systemd-timesyncd 2>&1; systemctl is-active chrony systemd-timesyncd"
)


def test_the_migration_joins_the_fixed_nodes_and_leaves_the_unreachable_one_out(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], playbook: Runner, more: list[str]
) -> None:
    lab.up([GOOD])
    for spec in (BEHIND, AHEAD):
        lab_node(spec)
    lab.wait_synchronised("node1")

    run = playbook("cluster_migration", *more, "-l", "node1,node2,node3,node5")
    assert run.report["summary"] == {"admitted": 3, "refused": 0, "not_judged": 1}
    assert run.report["nodes"]["node2"]["before"]["refused_because"] == "failure"
    remediation = run.report["nodes"]["node2"]["remediation"]
    assert remediation["succeeded"] is True
    assert remediation["changes"][0] == {"what": "install chrony", "answers": ["time_service"]}
    assert lab.ssh("node2", f"grep -c confirmed {remediation['backup']}/manifest.json").stdout == "1\n"
    assert run.report["nodes"]["node1"]["remediation"] is None
    for node in ("node1", "node2", "node3"):
        low_s, high_s = lab.skew_s(node)
        assert low_s < 0.5
        assert high_s > -0.5
        assert "joined" in lab.ssh(node, "cat /etc/skewgate/joined").stdout
        assert lab.ssh(node, "systemctl is-enabled chrony chrony-wait").stdout.split() == ["enabled"] * (
            2 if node != "node1" else 1
        ) + (["disabled"] if node == "node1" else [])

    again = playbook("gate", "-l", "node1,node2,node3", extra={"gate_serial": 2})
    assert again.status == 0
    assert again.report["summary"] == {"admitted": 3, "refused": 0, "not_judged": 0}
    assert again.changed_tasks == []
    assert "skewgate.preflight.chrony :" not in again.output


# The servers are gone for the node as soon as the new configuration is there; 17 is UDP, which the
# node has no name for.
WITHOUT_SERVERS = (
    "(until grep -q 10.77.0.3 /etc/chrony/chrony.conf; do sleep 0.1; done; "
    "for n in 1 2 3; do ip rule add to 10.77.0.$n ipproto 17 dport 123 prohibit; done) > /dev/null 2>&1 &"
)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(AHEAD, id="chrony was there"),
        pytest.param(COMPETITOR, id="another daemon was there", marks=pytest.mark.nightly),
    ],
)
def test_all_is_put_back_if_the_proof_fails(
    spec: NodeSpec, lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner, more: list[str]
) -> None:
    lab_node(spec)
    before = lab.look(spec.name, STATE, check=False)
    lab.ssh(spec.name, WITHOUT_SERVERS)
    run = skewgate("gate", *more, "-l", spec.name, extra={"chrony_proof_timeout_s": 4})
    assert run.status == 4
    remediation = run.report["nodes"][spec.name]["remediation"]
    assert remediation["succeeded"] is False
    assert backup_states(lab, spec.name) == ["undone"]
    assert " 3 NTP servers " in remediation["message"]
    assert remediation["changes"] == []
    assert lab.look(spec.name, STATE, check=False) == before


def test_a_configuration_that_chronyd_refuses_never_takes_effect(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    before = lab.look("node3", STATE, check=False)
    run = skewgate("gate", "-l", "node3", extra={"chrony_extra_lines": ["maxdistance far"]})
    assert run.status == 4
    assert "maxdistance" in run.report["nodes"]["node3"]["remediation"]["message"]
    assert lab.look("node3", STATE, check=False) == before
    run = skewgate("gate", "-l", "node3", extra={"chrony_makestep": "now and then"})
    assert run.status == 2
    assert not unsaid(run.output, "chrony_makestep: ", "THRESHOLD_S UPDATES", "'now and then'")


def test_a_node_that_no_server_answers_is_not_touched(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(BEHIND)
    before = lab.look("node2", STATE, check=False)
    run = skewgate("gate", "-l", "node2", extra={"gate_ntp_servers": ["10.77.0.9"]})
    assert run.status == 4
    remediation = run.report["nodes"]["node2"]["remediation"]
    assert (remediation["succeeded"], remediation["changes"]) == (False, [])
    assert backup_states(lab, "node2") == []
    assert lab.look("node2", STATE, check=False) == before


def test_a_node_that_has_joined_is_stepped_only_if_allowed_and_gets_only_servers_that_answer(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    lab.ssh("node3", "mkdir -p /etc/kubernetes && touch /etc/kubernetes/kubelet.conf")
    before = lab.look("node3", STATE, check=False)
    settings: dict[str, object] = {"gate_ntp_servers": [*SERVERS.values(), "10.77.0.9"]}

    run = skewgate("gate", "-l", "node3", extra=settings)
    message = run.report["nodes"]["node3"]["remediation"]["message"]
    assert not unsaid(message, "/etc/kubernetes/kubelet.conf", " 9 min", "chrony_step_joined")
    assert backup_states(lab, "node3") == []
    assert lab.look("node3", STATE, check=False) == before
    low_s, _high_s = lab.skew_s("node3")
    assert low_s > 40

    run = skewgate("gate", "-l", "node3", extra={**settings, "chrony_step_joined": ["node3"]})
    assert run.report["nodes"]["node3"]["verdict"] == "admit"
    written = lab.ssh("node3", "cat /etc/chrony/chrony.conf").stdout
    assert re.findall(r"^server (\S+)", written, re.MULTILINE) == list(SERVERS.values())
    assert re.search(r"^# 10\.77\.0\.9\b", written, re.MULTILINE)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(AHEAD, id="chrony was there"),
        pytest.param(COMPETITOR, id="another daemon gives way", marks=pytest.mark.slow),
    ],
)
def test_check_mode_foretells_what_a_run_then_changes(
    spec: NodeSpec, lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], playbook: Runner, more: list[str]
) -> None:
    lab_node(spec)
    before = lab.look(spec.name, STATE, check=False)
    foretold = playbook("remediate", *more, "-l", spec.name, "--check", "--diff")
    assert foretold.status == 0, foretold.output
    assert lab.look(spec.name, STATE, check=False) == before
    assert "+server 10.77.0.1 iburst" in foretold.output
    assert lab.ssh(spec.name, "ls /var/lib/skewgate", check=False).stdout == ""
    done = playbook("remediate", *more, "-l", spec.name, "--diff")
    assert done.status == 0, done.output
    assert done.changed_tasks == foretold.changed_tasks != []
    assert done.changes_shown == foretold.changes_shown
    active = lab.ssh(spec.name, "systemctl is-active chrony systemd-timesyncd", check=False).stdout.split()
    assert active == ["active", "inactive"]


@pytest.mark.nightly
def test_a_joined_node_that_is_almost_right_is_slewed_without_a_step(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(ALMOST_RIGHT)
    lab.ssh("node3", "mkdir -p /var/lib/etcd/member")
    run = skewgate("gate", "-l", "node3", extra={"gate_max_skew_s": 0.5})
    assert run.report["nodes"]["node3"]["verdict"] == "admit"
    low_s, high_s = lab.skew_s("node3")
    assert max(abs(low_s), abs(high_s)) < 0.5
    assert "System clock was stepped" not in lab.ssh("node3", "journalctl -b -u chrony").stdout
    # At the next boot, when nothing runs there yet, it may step again.
    assert "makestep 1 3" in lab.ssh("node3", "cat /etc/chrony/chrony.conf").stdout
    assert "-R" in lab.ssh("node3", "cat /run/skewgate-slew.env").stdout


# What a kubelet would sign with: the clock at its start, and how long the node was up by then.
KUBELET = """\
[Service]
ExecStart=/bin/sh -c 'echo $$(date +%%s.%%N) $$(cut -d" " -f1 /proc/uptime) >> /var/log/kubelet-starts; sync; exec sleep infinity'
[Install]
WantedBy=multi-user.target
"""


def skew_at_last_start_s(lab: Lab, node: str) -> float:
    """The node's clock less the true time when its kubelet last started."""
    clock_s, up_s = map(float, lab.ssh(node, "tail -n 1 /var/log/kubelet-starts").stdout.split())
    up_now_s = float(lab.ssh(node, "cat /proc/uptime").stdout.split()[0])
    return clock_s - (time.time() - (up_now_s - up_s))


def test_after_a_boot_with_a_wrong_rtc_the_clock_is_right_before_kubelet_starts(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    lab.ssh(
        "node3",
        f"cat > /etc/systemd/system/kubelet.service <<'EOF'\n{KUBELET}EOF\nsystemctl enable --now kubelet; sleep 1",
    )
    assert skew_at_last_start_s(lab, "node3") > 40

    run = skewgate("gate", "-l", "node3")
    assert run.report["nodes"]["node3"]["verdict"] == "admit"
    ordered = {"what": "order kubelet.service after time-sync.target", "answers": []}
    assert ordered in [{**c, "answers": []} for c in run.report["nodes"]["node3"]["remediation"]["changes"]]

    lab.reboot_node("node3", -7200)
    deadline = time.monotonic() + 120
    while lab.ssh("node3", "wc -l < /var/log/kubelet-starts").stdout == "1\n" and time.monotonic() < deadline:
        time.sleep(2)
    assert lab.ssh("node3", "wc -l < /var/log/kubelet-starts").stdout == "2\n"
    assert abs(skew_at_last_start_s(lab, "node3")) < 1


# The names that Red Hat's family has, on a node of Debian's packages: paths, the
# unit, the options' file.
LIKE_RED_HAT = """\
systemctl stop chrony; systemctl disable chrony
mv /etc/chrony/chrony.conf /etc/chrony.conf; cp /etc/chrony/chrony.keys /etc/chrony.keys; rm -r /etc/chrony /etc/default/chrony
mkdir -p /etc/sysconfig; echo 'OPTIONS="-F 1"' > /etc/sysconfig/chronyd
sed -e '/^Alias=/d' -e 's,/etc/default/chrony,/etc/sysconfig/chronyd,' -e 's,[$]DAEMON_OPTS,-f /etc/chrony.conf $OPTIONS,' \
  /lib/systemd/system/chrony.service > /etc/systemd/system/chronyd.service
rm /lib/systemd/system/chrony.service /etc/init.d/chrony /etc/rc?.d/*chrony
rm /etc/os-release
printf '%s\\n' 'ID="rocky"' 'VERSION_ID="9.4"' 'PRETTY_NAME="Rocky Linux 9.4"' > /etc/os-release
systemctl daemon-reload; systemctl start chronyd
"""


@pytest.mark.nightly
def test_the_layout_of_red_hats_family_is_fixed_by_its_own_names(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    lab.ssh("node3", LIKE_RED_HAT)
    run = skewgate("gate", "-l", "node3")
    assert run.report["nodes"]["node3"]["verdict"] == "admit", run.output
    assert "driftfile /var/lib/chrony/drift\n" in lab.ssh("node3", "cat /etc/chrony.conf").stdout
    # Debian's unit makes the folder; nothing was written there.
    assert lab.ssh("node3", "ls /etc/chrony; systemctl is-enabled chronyd").stdout == "enabled\n"


@pytest.mark.nightly
def test_a_daemon_that_kubespray_would_bring_back_is_not_replaced(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    """kubespray's `ntp` is NTPsec on Debian 12,
    which does not read the file that kubespray writes.
    """
    lab_node(NodeSpec("node2", "10.77.0.12", -612, "ntpsec", ("10.77.0.9",)))
    kubesprays = (REPOSITORY / "tests/samples/owners/kubespray/etc/ntpsec/ntp.conf").read_text()
    lab.ssh("node2", f"cat > /etc/ntp.conf <<'EOF'\n{kubesprays}EOF")
    run = skewgate("gate", "-l", "node2")
    assert run.status == 4
    message = run.report["nodes"]["node2"]["remediation"]["message"]
    assert not unsaid(message, "ntpsec", "kubespray", "ntp_package: chrony")
    assert lab.ssh("node2", "systemctl is-active ntpsec; ls /usr/sbin/chronyd", check=False).stdout == "active\n"


@pytest.mark.nightly
def test_chrony_comes_from_a_package_file_of_the_controller_if_no_repository_has_it(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], playbook: Runner, tmp_path: Path
) -> None:
    lab_node(BEHIND)
    package = tmp_path / "chrony.deb"
    package.write_bytes(base64.b64decode(lab.ssh("node2", "base64 /srv/debs/chrony_*.deb").stdout))
    lab.ssh("node2", "sed -i 's/^Package: chrony$/Package: nothing/' /srv/debs/Packages && apt-get update -q")
    foretold = playbook("remediate", "-l", "node2", "--check", extra={"chrony_package_file": str(package)})
    assert foretold.status == 0, foretold.output
    run = playbook("remediate", "-l", "node2", extra={"chrony_package_file": str(package)})
    assert run.status == 0, run.output
    assert run.changed_tasks == foretold.changed_tasks != []
    assert lab.ssh("node2", "ls /var/lib/skewgate/chrony.deb", check=False).stdout == ""


@pytest.mark.nightly
def test_chrony_comes_by_the_proxy_that_the_installation_is_given(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner, tmp_path: Path
) -> None:
    lab_node(BEHIND)
    # A request to a proxy has the whole address, in which a server of files sees a path.
    repository = tmp_path / "http:/debian.invalid/debs"
    repository.mkdir(parents=True)
    packages = base64.b64decode(lab.ssh("node2", "tar -C /srv/debs -c . | base64").stdout)
    subprocess.run(["tar", "-x", "-C", repository], input=packages, check=True)
    source = "deb [trusted=yes] http://debian.invalid/debs ./"
    lists = "/var/lib/apt/lists"
    lab.ssh("node2", f"echo '{source}' > /etc/apt/sources.list; rm -r {lists}/*; touch -d '2 days ago' {lists}")
    server = [sys.executable, "-m", "http.server", "3128", "--bind", "10.77.0.1", "--directory", str(tmp_path)]
    with (tmp_path / "requests").open("w") as log, subprocess.Popen(lab.namespace.argv(server), stderr=log) as proxy:
        try:
            environment = {"http_proxy": "http://10.77.0.1:3128"}
            run = skewgate("gate", "-l", "node2", extra={"chrony_package_environment": environment})
        finally:
            proxy.terminate()
    assert run.report["nodes"]["node2"]["verdict"] == "admit", run.output
    assert re.search(r'"GET http://debian.invalid/debs/./chrony_\S+ HTTP/1.1" 200', (tmp_path / "requests").read_text())


# As linux-system-roles.timesync leaves it, with dead servers.
TIMESYNC_ROLE = """\
#
# Ansible managed
#
# system_role:timesync

server 10.77.0.9 iburst
makestep 1.0 3
rtcsync
driftfile /var/lib/chrony/chrony.drift
"""


@pytest.mark.nightly
def test_another_tools_file_is_left_alone_or_extended_but_never_fought_over(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)

    def theirs(more: str) -> str:
        lab.ssh("node3", f"cat > /etc/chrony/chrony.conf <<'EOF'\n{TIMESYNC_ROLE}{more}EOF\nsystemctl restart chrony")
        return lab.ssh("node3", "sha256sum /etc/chrony/chrony.conf").stdout

    before = theirs("")
    run = skewgate("gate", "-l", "node3")
    assert "timesync_ntp_servers" in run.report["nodes"]["node3"]["remediation"]["message"]
    assert lab.ssh("node3", "sha256sum /etc/chrony/chrony.conf").stdout == before

    before = theirs("confdir /etc/chrony/conf.d\n")
    run = skewgate("gate", "-l", "node3")
    assert run.report["nodes"]["node3"]["verdict"] == "admit", run.output
    assert lab.ssh("node3", "sha256sum /etc/chrony/chrony.conf").stdout == before
    assert "server 10.77.0.1 iburst" in lab.ssh("node3", "cat /etc/chrony/conf.d/50-skewgate.conf").stdout
