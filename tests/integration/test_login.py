"""The ways in which Ansible may log in to a node, and that a JWT is never written
to a file on the way.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.conftest import Runner
from tests.lab import TRIO, Lab, NodeSpec

pytestmark = pytest.mark.lab

MAKE_USER = (
    "useradd -m ops && mkdir ~ops/.ssh && cp /root/.ssh/authorized_keys ~ops/.ssh/ && chown -R ops ~ops/.ssh && "
    "echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops"
)


@pytest.fixture
def good_node(lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec]) -> Lab:
    lab_node(TRIO[0])
    lab.wait_synchronised("node1")
    lab.ssh("node1", MAKE_USER)
    return lab


def test_a_user_with_sudo_is_as_good_as_root_and_no_module_is_put_into_a_file(good_node: Lab, skewgate: Runner) -> None:
    extra = {"ansible_user": "ops", "ansible_pipelining": False}
    run = skewgate("check", "-l", "node1", "-vvvv", extra=extra)
    assert run.status == 0, run.output
    assert run.finding("node1", "reachable")["seen"]["euid"] == 0
    assert "EXEC" in run.output
    assert "PUT" not in run.output
    assert good_node.ssh("node1", "ls -A /root/.ansible ~ops/.ansible 2>/dev/null; true").stdout.strip() == ""


def test_without_sudo_a_user_can_still_check_a_healthy_node(good_node: Lab, skewgate: Runner) -> None:  # noqa: ARG001
    run = skewgate("check", "-l", "node1", extra={"ansible_user": "ops", "ansible_become": False})
    assert run.status == 0, run.output
    reachable = run.finding("node1", "reachable")
    assert reachable["seen"]["euid"] > 0
    assert "not as root" in reachable["summary"]


HARDENED = {
    "users have crontabs": (
        "mkdir -p /var/spool/cron/crontabs && chmod 1730 /var/spool/cron/crontabs",
        "rmdir /var/spool/cron/crontabs",
        {"clock_movers": "cron_unread"},
    ),
    "the configuration is root's": (
        "chmod 600 /etc/chrony/chrony.conf",
        "chmod 644 /etc/chrony/chrony.conf",
        dict.fromkeys(("chrony_config", "config_in_use", "next_boot"), "missing_evidence"),
    ),
    "chronyd answers on its socket alone": (
        "echo cmdport 0 >> /etc/chrony/chrony.conf && systemctl restart chrony",
        "sed -i '/cmdport/d' /etc/chrony/chrony.conf && systemctl restart chrony",
        {"config_in_use": "missing_evidence", "ntp_sources": "missing_evidence", "sync_state": "daemon_said_nothing"},
    ),
    "processes are hidden": (
        "mount -o remount,hidepid=2 /proc",
        "mount -o remount,hidepid=0 /proc",
        dict.fromkeys(("time_service", "sync_state", "ntp_sources", "chrony_config"), "missing_evidence"),
    ),
}
"""What hides something from all but root, what shows it again, and the findings without root."""


@pytest.mark.nightly
def test_what_a_user_without_sudo_may_not_see_is_named_and_does_not_admit(good_node: Lab, skewgate: Runner) -> None:
    for what, (harden, undo, expected) in HARDENED.items():
        good_node.ssh("node1", harden)
        good_node.wait_synchronised("node1")
        run = skewgate("check", "-l", "node1", extra={"ansible_user": "ops", "ansible_become": False})
        assert run.status == 3, f"{what}: {run.output}"
        assert "not as root" in run.finding("node1", "reachable")["summary"]
        for check, key in expected.items():
            finding = run.finding("node1", check)
            assert (check, finding["keys"]) == (check, [key]), what
            if finding["state"] != "skipped":
                assert "`become: true`" in finding["remedy"], what
        as_root = skewgate("check", "-l", "node1")
        assert as_root.status == 0, f"{what}: {as_root.output}"
        good_node.ssh("node1", undo)


def test_if_a_module_would_be_kept_in_a_file_the_token_check_refuses_to_run(
    good_node: Lab, skewgate: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_KEEP_REMOTE_FILES", "1")
    run = skewgate("check", "-l", "node1")
    assert run.status == 2
    assert "ANSIBLE_KEEP_REMOTE_FILES" in run.output
    assert good_node.ssh("node1", "ls -A /root/.ansible 2>/dev/null; true").stdout.strip() == ""
