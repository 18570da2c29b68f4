"""The inventory that `skewgate report -i` names is read by Ansible itself:
whole and in time, or nothing is judged.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from skewgate import inventory
from skewgate.arguments import read
from skewgate.errors import SkewgateError
from tests.findings import unsaid


@pytest.fixture(autouse=True)
def user_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory, with an inventory of two groups."""
    monkeypatch.chdir(tmp_path)
    Path("hosts.ini").write_text("[web]\nweb[1:3]\n[db]\ndb1\n")
    return tmp_path


def nodes(*words: str) -> list[str]:
    """The nodes that have to be there."""
    return inventory.nodes_of(read(["report", "evidence.json", *words], {}).args)


def test_nodes_are_those_of_all_inventories_that_the_limit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_VERBOSITY", "4")
    found = nodes("-i", "hosts.ini", "-i", "web3,more1,", "--limit", "all:!web1")
    assert sorted(found) == ["db1", "more1", "web2", "web3"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param(["-i", "no-such-file"], "no-such-file", marks=pytest.mark.nightly),
        (["-i", "hosts.ini", "-i", "broken.yml"], "broken.yml"),
        (["-i", "hosts.ini", "--limit", "web,wbe2"], "Could not match supplied host pattern, ignoring: wbe2"),
        pytest.param(["-i", "hosts.ini", "--limit", "all:!all"], "no hosts to target", marks=pytest.mark.nightly),
        pytest.param(["-i", "empty.ini"], "no node", marks=pytest.mark.nightly),
        pytest.param(["-i", "fails.sh"], "fails.sh", marks=pytest.mark.nightly),
    ],
)
def test_an_inventory_that_ansible_can_not_read_whole_is_an_error(words: list[str], text: str) -> None:
    Path("broken.yml").write_text("all: [")
    Path("empty.ini").write_text("[web]\n")
    Path("fails.sh").write_text("#!/bin/sh\necho the cloud said no >&2\nexit 1\n")
    Path("fails.sh").chmod(0o755)
    with pytest.raises(SkewgateError) as error:
        nodes(*words)
    assert (error.value.code, unsaid(str(error.value), text, "--list-hosts")) == (2, []), error.value


def test_an_inventory_that_never_answers_is_not_waited_for_and_its_script_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("hangs.sh").write_text("#!/bin/sh\necho $$ > hangs.pid\nexec sleep 600\n")
    Path("hangs.sh").chmod(0o755)
    for within_s in (8.0, 24.0, 72.0):  # time enough for Ansible to start it, on a busy machine too
        monkeypatch.setattr(inventory, "READ_WITHIN_S", within_s)
        with pytest.raises(SkewgateError, match=rf"\b{within_s:g} s\b"):
            nodes("-i", "hangs.sh")
        if Path("hangs.pid").exists():
            break
    script = Path("/proc", Path("hangs.pid").read_text().strip(), "cmdline")
    deadline_s = time.monotonic() + 5
    while script.exists() and "sleep" in script.read_text():
        assert time.monotonic() < deadline_s, "the inventory's script still runs"
        time.sleep(0.05)


def test_of_an_encrypted_inventory_the_password_is_needed_and_of_encrypted_variables_it_is_not() -> None:
    vault, secret = VaultLib(), VaultSecret(b"open sesame")
    Path("group_vars").mkdir()
    Path("group_vars/all.yml").write_bytes(vault.encrypt(b"gate_github_apps: []\n", secret))
    assert nodes("-i", "hosts.ini", "--limit", "web1") == ["web1"]
    Path("secret.yml").write_bytes(vault.encrypt(b"all: {hosts: {web1: }}\n", secret))
    with pytest.raises(SkewgateError, match="vault"):
        nodes("-i", "secret.yml")
    Path("password").write_text("open sesame\n")
    assert nodes("-i", "secret.yml", "--vault-password-file", "password") == ["web1"]
