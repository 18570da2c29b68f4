"""Whatever keeps Ansible from its module on a node is its finding, with a next step:
a real sshd and sudo, real failures.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons.boxed import Box, unpacked
from tests.integration.conftest import BIN, CAPTURED, Run
from tests.paths import ROOT

ONE_LINE = re.compile(r"^(\S+): not judged, skew unknown: .+$", re.MULTILINE)

#: Listens, and never says a word.
SILENT = "import socket, time; s = socket.create_server(('127.0.0.1', 2223)); time.sleep(600)"

LOCKED = """!vault |
          $ANSIBLE_VAULT;1.1;AES256
          62313365396662343061393464336163383764373764613633653634306231386433626436623361
          6134333665353966363534333632666535333761666131620a663537646436643839616531643561
          63396265333963386166373632626539326166353965363262633030333630313338646335303630
          3438626666666137650a353638643435666666633964366338633066623234616432373231333331
          6564"""

SETTINGS = "connection_settings"
#: What is wrong with each host, and the key of its finding. Without a user it is one
#: who may do everything.
HOSTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "good": ({}, None),
    "no-password": ({"ansible_user": "asked"}, "become_password_missing"),
    "bad-password": ({"ansible_user": "asked", "ansible_become_password": "no"}, "become_password_wrong"),
    "not-in-sudoers": ({"ansible_user": "outsider", "ansible_become_password": "right"}, "become_refused"),
    "wants-a-terminal": ({"ansible_user": "terminal"}, "become_needs_tty"),
    "without-sudo": ({"ansible_become_exe": "/opt/sudo"}, "become_unusable"),
    "nobody-to-become": ({"ansible_become_user": "ghost"}, SETTINGS),
    "su-that-waits": ({"ansible_become_method": "su", "ansible_timeout": 1}, "become_timed_out"),
    "no-such-become": ({"ansible_become_method": "nosuch"}, SETTINGS),
    "no-such-connection": ({"ansible_connection": "nosuch"}, SETTINGS),
    "no-such-option": ({"ansible_ssh_extra_args": "-o Foo=bar"}, SETTINGS),
    "undefined-user": ({"ansible_user": "{{ nosuch }}"}, SETTINGS),
    "undefined-password": ({"ansible_user": "asked", "ansible_become_password": "{{ nosuch }}"}, SETTINGS),
    "undefined-python": ({"ansible_python_interpreter": "{{ nosuch }}"}, SETTINGS),
    "unknown-key": ({"known": "unknown"}, "host_key_unknown"),
    "changed-key": ({"known": "changed"}, "host_key_changed"),
    "no-such-user": ({"ansible_user": "ghost"}, "login_refused"),
    "ended-certificate": ({"ansible_ssh_private_key_file": "KEYS/dated"}, "ssh_certificate_not_valid"),
    "ended-certificate-of-the-host": ({"ansible_port": 2225, "known": "authority"}, "host_certificate_dated"),
    "no-key-file": ({"ansible_ssh_private_key_file": "/nonexistent"}, "private_key_unusable"),
    "no-such-name": ({"ansible_host": "nosuch.invalid"}, "name_not_resolved"),
    "closed-port": ({"ansible_port": 2224}, "port_refused"),
    "silent-port": ({"ansible_port": 2223, "ansible_timeout": 1}, "timed_out"),
    "no-route": ({"ansible_host": "203.0.113.1"}, "no_route"),
    "nologin": ({"ansible_user": "nologin"}, "login_shell"),
    "ends-at-once": ({"ansible_user": "falls"}, "no_evidence"),
    "no-python": ({"ansible_python_interpreter": "/opt/python3"}, "no_python"),
    "shim": ({"ansible_python_interpreter": "/usr/bin/python-shim"}, "python_broken"),
    "no-program": ({"ansible_python_interpreter": "/opt"}, "python_broken"),
    "full-disk": ({"ansible_python_interpreter": "/usr/bin/python-full"}, None),  # nothing is written there
}
#: As Ansible runs the check where a failed task ends nothing.
PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "become": True,
        "tasks": [
            {
                "block": [
                    {
                        "skewgate.preflight.node_check": {"phase": "check", "from_variables": True},
                        "register": "gate_before",
                        "ignore_unreachable": True,
                    }
                ],
                "rescue": [{"ansible.builtin.meta": "noop"}],
            },
            {
                "skewgate.preflight.fleet_report": {
                    "hosts": "{{ ansible_play_hosts_all }}",
                    "report_dir": "{{ playbook_dir }}/report",
                },
                "run_once": True,
                "delegate_to": "localhost",
                "become": False,
            },
        ],
    }
]


@pytest.fixture(scope="module")
def broken_ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, Path]]:
    """A box with the sshd, and the folder of its keys."""
    packages = [str(unpacked(name)) for name in ("libwrap0", "openssh-server", "sudo")]
    folder = tmp_path_factory.mktemp("keys")
    box = Box(folder)
    try:
        box.run("sh", ROOT / "tests/integration/broken_ways.sh", " ".join(packages), folder)
        box.start("/usr/sbin/sshd", "-D", "-f", "/etc/ssh/sshd_test")
        box.start("/usr/sbin/sshd", "-D", "-f", "/etc/ssh/sshd_dated")
        box.start(sys.executable, "-c", SILENT)
        box.run("sh", "-c", "until ssh-keyscan -p 2222 127.0.0.1 2>&1 | grep -q ssh-ed25519; do sleep 0.1; done")
        yield box, folder
    finally:
        box.close()


def inventory(keys: Path, folder: Path, hosts: dict[str, dict[str, Any]]) -> Path:
    """The inventory of these hosts, each with the variables that differ from the good one's."""
    common = {
        "ansible_host": "127.0.0.1",
        "ansible_port": 2222,
        "ansible_user": "ops",
        "ansible_timeout": 30,
        "ansible_ssh_private_key_file": f"{keys}/key",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={keys}/{{{{ known | default('known') }}}} -o ControlPath=none",
        "ansible_python_interpreter": "/usr/bin/python3",
        "gate_checks": ["sync_state"],
        "gate_clients": ["argocd"],
        "gate_ntp_servers": ["127.0.0.1"],
        "gate_own_variables": ["known"],
    }
    rows = [f"    {name}: {json.dumps(variables).replace('KEYS', str(keys))}" for name, variables in hosts.items()]
    path = folder / "inventory.yml"
    path.write_text("\n".join([f"all:\n  vars: {json.dumps(common)}\n  hosts:", *rows]) + "\n")
    return path


def run(box: Box, folder: Path, *argv: str | Path) -> Run:
    """Run a command in the box, and read the report that it leaves in the folder."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "ANSIBLE_FORKS": "15", "LC_ALL": "C.UTF-8"}
    there = [*box.enter, "sh", "-c", f'cd {ROOT} && exec "$@"', "sh"]
    done = subprocess.run([*there, *argv], **CAPTURED, env=environment, timeout=180, check=False)
    found = Run(done.returncode, done.stdout)
    if (folder / "report/report.json").exists():
        found.report = json.loads((folder / "report/report.json").read_text())
    return found


def test_every_failure_has_the_key_of_its_cause_and_none_hides_another(
    broken_ways: tuple[Box, Path], tmp_path: Path
) -> None:
    box, keys = broken_ways
    hosts = {name: variables for name, (variables, _) in HOSTS.items()}
    path = inventory(keys, tmp_path, hosts)
    path.write_text(f"{path.read_text()}    locked-vault:\n      ansible_become_password: {LOCKED}\n")
    (tmp_path / "play.yml").write_text(json.dumps(PLAYBOOK))
    done = run(box, tmp_path, BIN / "ansible-playbook", "-i", path, tmp_path / "play.yml")
    found = {name: done.finding(name, "reachable") for name in done.report["nodes"]}
    wanted = {name: wanted for name, (_, wanted) in HOSTS.items()} | {"locked-vault": "vault_locked"}
    # The last key: before it stands the general one, which is another in ansible-core 2.18 where
    # becoming root takes too long.
    assert {name: [None, *finding["keys"]][-1] for name, finding in found.items()} == wanted, done.output
    passed = {name for name, (_, key) in HOSTS.items() if key is None}
    assert {found.pop(name)["state"] for name in passed} == {"pass"}
    assert {finding["state"] for finding in found.values()} == {"inconclusive"}
    assert {node["verdict"] for node in done.report["nodes"].values()} == {"refuse"}
    # In the words of ssh, sudo and the node's shell.
    assert "outsider is not in the sudoers file" in found["not-in-sudoers"]["summary"]
    assert "pyenv: python3: command not found" in found["shim"]["summary"]
    assert "/opt/python3" in found["no-python"]["summary"]
    assert "This account is currently not available." in found["nologin"]["summary"]
    assert "status 1" in found["ends-at-once"]["summary"]
    assert f"{keys}/dated-cert.pub ('ops', valid from " in found["ended-certificate"]["summary"]
    assert "Certificate invalid: expired" in found["ended-certificate-of-the-host"]["summary"]
    assert "'nosuch' is undefined" in found["undefined-user"]["summary"]
    # What follows from it is not reported once more.
    assert {tuple(done.refusing(name)) for name in found} == {("reachable",)}


@pytest.mark.nightly
def test_one_cause_of_several_nodes_is_one_block_and_one_line_of_each_node(
    broken_ways: tuple[Box, Path], tmp_path: Path
) -> None:
    box, keys = broken_ways
    names = [f"node{n}" for n in range(1, 4)]
    path = inventory(keys, tmp_path, {name: {"ansible_user": "asked"} for name in names})
    done = run(box, tmp_path, BIN / "skewgate", "check", "-i", path, "--report-dir", tmp_path / "report")
    assert done.status == 3, done.output
    assert [group["nodes"] for group in done.report["groups"]] == [sorted(names)]
    assert sorted(ONE_LINE.findall(done.output)) == sorted(names)
    assert done.output.count("  reachable: inconclusive\n") == 1
    assert done.output.count("`--become-password-file FILE`") == 1
    assert "Python" not in done.output
