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
    assert run.finding("node1", "reachable")["seen"]["euid"] > 0


def test_if_a_module_would_be_kept_in_a_file_the_token_check_refuses_to_run(
    good_node: Lab, skewgate: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_KEEP_REMOTE_FILES", "1")
    run = skewgate("check", "-l", "node1")
    assert run.status == 2
    assert "ANSIBLE_KEEP_REMOTE_FILES" in run.output
    assert good_node.ssh("node1", "ls -A /root/.ansible 2>/dev/null; true").stdout.strip() == ""
