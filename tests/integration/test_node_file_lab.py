"""The node's file on the lab's nodes, by its timer: a node whose clock is wrong at boot never has
the condition, and one whose clock drifts away loses it within a minute.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from skewgate.node_file.settings import node_settings
from tests.lab import Lab, NodeSpec
from tests.lab.ntp import SERVERS
from tests.node_files import SHIPPED, Detector, built

RELEASES = ["bookworm", *(pytest.param(each, marks=pytest.mark.nightly) for each in ("bullseye", "trixie"))]
"""Python 3.11, 3.9 and 3.13."""

MAX_SKEW_S = 2.0
SETTINGS = {
    "gate_ntp_servers": list(SERVERS.values()),
    "gate_clients": ["argocd"],
    "gate_checks": ["clock_skew", "ntp_servers"],
    "gate_max_skew_s": MAX_SKEW_S,
}
FILE = "/usr/local/lib/skewgate/skewgate-node.pyz"
PROM = "/var/lib/prometheus/node-exporter/skewgate-node.prom"


@pytest.fixture(scope="module", params=RELEASES)
def node(lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node without a time daemon, which boots with its timer and a clock that is 120 s ahead."""
    spec = NodeSpec("nodefile", "10.77.0.31", release=request.param)
    lab.reset_node(spec)
    install(lab, spec.name, tmp_path_factory.mktemp("settings"), SETTINGS)
    lab.ssh(spec.name, "systemctl enable skewgate-node.timer; sync")
    lab.reboot_node(spec.name, 120)
    yield spec.name
    lab.stop_node(spec.name)


def install(lab: Lab, name: str, folder: Path, settings: dict[str, object]) -> None:
    """The files at the places that the how-to names."""
    (folder / "all.yml").write_text(yaml.safe_dump(settings))
    units = {f"/etc/systemd/system/{path.name}": path.read_bytes() for path in SHIPPED.glob("skewgate-node.*")}
    assert len(units) == 2
    files = {
        **units,
        FILE: built(),
        "/etc/skewgate/node.json": node_settings(folder / "all.yml").encode(),
        Detector().rule["path"]: (SHIPPED / "clock-within-budget.sh").read_bytes(),
        PROM: b"",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    unpack = lab.namespace.argv(lab.ssh_argv(name, f"tar -x -C /; rm {PROM}; systemctl daemon-reload"))
    subprocess.run(unpack, input=packed.getvalue(), check=True, timeout=60)


def seen(lab: Lab, name: str, detector: Detector, until: Callable[[str], bool], within_s: float) -> list[str]:
    """The statuses of the condition as node-problem-detector sets it, up to this one."""
    statuses: list[str] = []
    begun_s = time.monotonic()
    while not (statuses and until(statuses[-1])):
        assert time.monotonic() - begun_s < within_s, f"{statuses} {detector.said}"
        if statuses:
            time.sleep(detector.interval_s)
        statuses.append(detector.see(lambda path: lab.ssh(name, path, check=False)))
    return statuses


def test_a_node_that_is_120_s_off_at_boot_has_no_condition_until_it_is_right(lab: Lab, node: str) -> None:
    detector = Detector()
    wrong = [detector.status, *seen(lab, node, detector, lambda status: status != "Unknown", 90)]
    assert set(wrong[:-1]) <= {"False", "Unknown"}
    assert (wrong[-1], bool(re.search(r"1(19|20)\.\d{3} s ahead", detector.said))) == ("False", True)
    assert 'skewgate_node_refused_by{node="nodefile",check="clock_skew"} 1' in lab.ssh(node, f"cat {PROM}").stdout
    low_s, _ = lab.skew_s(node)
    lab.ssh(node, f"date -s @$(($(date +%s) - {round(low_s)})); systemctl start skewgate-node")
    right = seen(lab, node, detector, lambda status: status == "True", 90)
    assert set(right[:-1]) <= {"False"}
    assert "admitted" in detector.message


RUN_TEN_PERCENT_FAST = f"""\
import ctypes, sys
sys.path.insert(0, "{FILE}")
from ansible_collections.skewgate.preflight.plugins.module_utils.probes.clock import _Timex
ADJ_TICK = 0x4000  # of adjtimex(2)
sys.exit(ctypes.CDLL(None).adjtimex(ctypes.byref(_Timex(modes=ADJ_TICK, tick=11000))) < 0)
"""


@pytest.mark.nightly
def test_a_node_that_drifts_past_its_budget_loses_the_condition_within_a_minute(lab: Lab, node: str) -> None:
    """The kernel's clock runs 10 % fast, which is as fast as it can."""
    detector = Detector()
    lab.ssh(node, f"date -s @{time.time() + 0.5:.3f}; systemctl start skewgate-node.timer skewgate-node.service")
    seen(lab, node, detector, lambda status: status == "True", 90)
    before_s = lab.skew_s(node)[1]
    begun_s = time.monotonic()
    lab.ssh(node, f"python3 -c '{RUN_TEN_PERCENT_FAST}'")
    beyond_s = begun_s + (MAX_SKEW_S - before_s) / 0.1
    statuses = seen(lab, node, detector, lambda status: status != "True", 150)
    lost_s = time.monotonic()
    assert lab.skew_s(node)[0] - before_s == pytest.approx(0.1 * (lost_s - begun_s), rel=0.2)
    print(f"lost {lost_s - beyond_s:.1f} s after the budget was used up: {statuses[-1]}, {detector.said}")
    assert lost_s - beyond_s < 60


@pytest.mark.nightly
def test_a_timer_that_no_longer_runs_ends_the_condition(lab: Lab, node: str) -> None:
    detector = Detector()
    lab.ssh(node, "systemctl stop skewgate-node.timer")
    seen(lab, node, detector, lambda status: status == "Unknown", 90)
    assert "skewgate-node.timer" in detector.message


@pytest.mark.nightly
def test_the_service_can_not_set_the_clock_nor_write_elsewhere(lab: Lab, node: str) -> None:
    for command in ("/bin/date -s @1", "/bin/touch /etc/written"):
        replace_command(lab, node, command)
        lab.ssh(node, "systemctl start skewgate-node", check=False)
        shown = lab.look(node, "systemctl show skewgate-node -p Result -p ExecMainStatus")
        assert sorted(shown.split()) == ["ExecMainStatus=1", "Result=exit-code"]
    assert lab.ssh(node, "test $(date +%s) -gt 1000 && test ! -e /etc/written", check=False).returncode == 0
    lab.ssh(node, f"rm -r {DROP_IN}; systemctl daemon-reload; systemctl reset-failed skewgate-node")


DROP_IN = "/etc/systemd/system/skewgate-node.service.d"


def replace_command(lab: Lab, name: str, command: str, *more: str) -> None:
    """What the service runs in the place of its check, with all that its unit forbids."""
    lines = "\\n".join(["[Service]", "ExecStart=", f"ExecStart={command}", *more, ""])
    lab.ssh(name, f"mkdir -p {DROP_IN}; printf '{lines}' > {DROP_IN}/test.conf; systemctl daemon-reload")


@pytest.mark.nightly
def test_the_service_sees_all_that_root_sees(lab: Lab, tmp_path: Path) -> None:
    """What the unit forbids costs no evidence: every check, on a node with chrony."""
    spec = NodeSpec("nodefile2", "10.77.0.32", 0, "chrony", tuple(SERVERS.values()))
    lab.reset_node(spec)
    try:
        install(lab, spec.name, tmp_path, {name: SETTINGS[name] for name in ("gate_ntp_servers", "gate_clients")})
        lab.wait_synchronised(spec.name)
        command = f"{FILE} check --format evidence"
        replace_command(lab, spec.name, command, "StandardOutput=truncate:/run/unit.json")
        lab.ssh(spec.name, f"systemctl start skewgate-node; {command} > /run/root.json; true")
        unit_saw, root_saw = (
            json.loads(lab.ssh(spec.name, f"cat /run/{who}.json").stdout)["nodes"][spec.name]["evidence"]
            for who in ("unit", "root")
        )
    finally:
        lab.stop_node(spec.name)
    assert failures(unit_saw) == failures(root_saw)
    assert unit_saw["chrony"]["commands"]["authdata"]["rc"] == 0


def failures(shown: object, place: str = "") -> dict[str, object]:
    """Where the evidence has an error, an unread file, or a status that is not 0."""
    if isinstance(shown, list):
        pairs = [(f"{place}[{number}]", each) for number, each in enumerate(shown)]
    elif isinstance(shown, dict):
        pairs = [(f"{place}.{key}", each) for key, each in shown.items()]
    else:
        return {}
    found = {at: each for at, each in pairs if each and at.rpartition(".")[2] in ("error", "rc", "unread", "denied")}
    return {**found, **{at: each for below, value in pairs for at, each in failures(value, below).items()}}
