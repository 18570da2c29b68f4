"""A node whose clock is off refuses an ssh certificate that is valid for minutes: a real sshd, a
real clock.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Runner
from tests.lab import TRIO, Lab, NodeSpec

pytestmark = pytest.mark.lab

BEHIND = TRIO[1]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key that no node knows, and the CA that will sign for it."""
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    return tmp_path / "key"


def test_a_certificate_of_minutes_is_refused_by_a_node_that_is_behind_and_the_finding_says_so(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner, key: Path
) -> None:
    lab_node(BEHIND)
    trusted = (key.parent / "ca.pub").read_text()
    lab.ssh(
        "node2",
        f"echo '{trusted}' > /etc/ssh/ca.pub; echo TrustedUserCAKeys /etc/ssh/ca.pub >> /etc/ssh/sshd_config; "
        "systemctl restart ssh",
    )
    signs = ["ssh-keygen", "-q", "-s", key.parent / "ca", "-I", "deploy", "-n", "root", "-V", "-1m:+4m", f"{key}.pub"]
    subprocess.run(signs, check=True)
    common = f"-F none -o IdentitiesOnly=yes -o ControlPath=none -o UserKnownHostsFile={lab.ssh_dir}/known_hosts"
    login = {
        "gate_checks": ["clock_skew"],
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_args": common,
        "ansible_ssh_common_args": "",
    }

    refused = skewgate("check", "-l", "node2", extra=login)
    finding = refused.finding("node2", "reachable")
    assert finding["keys"] == ["unreachable", "login_refused", "ssh_certificate_judged_by_node"], refused.output
    assert f"{key}-cert.pub ('deploy', valid from " in finding["summary"]
    (shown,) = finding["seen"]["ssh_certificates"]
    assert shown["valid_before_s"] - shown["valid_after_s"] == 300
    # What the finding sends its reader to look for.
    assert "Certificate invalid: not yet valid" in lab.ssh("node2", "journalctl -b -u ssh").stdout

    # The same certificate, and the same sshd with the right clock.
    lab.ssh("node2", f"date -s @{time.time():.0f}")
    logged_in = skewgate("check", "-l", "node2", extra=login)
    assert logged_in.finding("node2", "reachable")["state"] == "pass", logged_in.output
