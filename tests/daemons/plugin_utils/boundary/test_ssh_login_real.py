"""Which certificates ssh offers, by a real ssh, ssh-keygen and ssh-agent."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import ssh_login
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.ssh_login import offered

pytestmark = pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="OpenSSH's client is not installed")

AFTER_S, BEFORE_S = 1_795_336_200, 1_795_336_500
VALID = "20261122083000Z:20261122083500Z"


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with a CA, and a key with its certificate."""
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    sign(tmp_path, "-V", VALID)
    return tmp_path


def sign(keys: Path, *words: str) -> None:
    argv = ["ssh-keygen", "-q", "-s", keys / "ca", "-I", "ops of today", "-n", "ops", *words, keys / "key.pub"]
    subprocess.run(argv, check=True, env={**os.environ, "TZ": "UTC"})


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """An ssh-agent, and a function that runs ssh-add with it."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    try:
        while not socket.exists():
            assert process.poll() is None
        yield lambda *words: subprocess.run(["ssh-add", "-q", *words], check=True, env=environment)
    finally:
        process.terminate()
        process.wait()


def options(**changes: Any) -> Callable[[str], Any]:
    """The options of Ansible's connection, with changes; ssh reads no configuration."""
    return {
        "ssh_executable": "ssh",
        "ssh_args": "-F none -C -o ControlMaster=auto -o ControlPersist=60s",
        "ssh_common_args": "",
        "ssh_extra_args": None,
        "port": 22,
        "private_key_file": None,
        "remote_user": "ops",
        "host": "node1.invalid",
        **changes,
    }.__getitem__


def test_the_certificate_beside_the_key_is_offered(keys: Path):
    login = offered(options(private_key_file=str(keys / "key")))
    assert login
    assert login["certificates"] == [
        {
            "from": str(keys / "key-cert.pub"),
            "key_id": "ops of today",
            "valid_after_s": AFTER_S,
            "valid_before_s": BEFORE_S,
        }
    ]


def test_a_certificates_file_may_be_named_in_sshs_own_configuration(keys: Path):
    shutil.move(keys / "key-cert.pub", keys / "elsewhere.pub")
    (keys / "config").write_text(f"Host node1.*\n  IdentityFile {keys}/key\n  CertificateFile {keys}/elsewhere.pub\n")
    login = offered(options(ssh_args=f"-F {keys}/config"))
    assert login
    assert [row["from"] for row in login["certificates"]] == [f"{keys}/elsewhere.pub"]
    other = offered(options(ssh_args=f"-F {keys}/config", host="node2.invalid"))
    assert other
    assert other["certificates"] == []


def test_of_a_certificate_without_limits_there_is_no_end(keys: Path):
    sign(keys, "-V", "always:forever")
    login = offered(options(private_key_file=str(keys / "key")))
    assert login
    (shown,) = login["certificates"]
    assert (shown["valid_after_s"], shown["valid_before_s"]) == (0, None)


def test_what_ssh_agent_has_is_offered_unless_ssh_may_use_files_alone(
    keys: Path, agent: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    agent(str(keys / "key"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(keys / "agent"))
    login = offered(options())
    assert login
    assert [row["from"] for row in login["certificates"]] == ["ssh-agent"]
    for words in ("-o IdentitiesOnly=yes", "-o IdentityAgent=none"):
        without = offered(options(ssh_extra_args=words))
        assert without
        assert without["certificates"] == []
    monkeypatch.delenv("SSH_AUTH_SOCK")
    named = offered(options(ssh_common_args=f"-o IdentityAgent={keys}/agent"))
    assert named
    assert len(named["certificates"]) == 1


@pytest.mark.parametrize("words", ["PubkeyAuthentication=no", "PreferredAuthentications=password,keyboard-interactive"])
def test_a_login_without_keys_offers_no_certificate(keys: Path, words: str):
    login = offered(options(private_key_file=str(keys / "key"), ssh_extra_args=f"-o {words}"))
    assert login
    assert login["certificates"] == []


def test_no_proxy_command_runs_and_no_key_is_read(keys: Path):
    (keys / "key").unlink()
    login = offered(options(private_key_file=str(keys / "key"), ssh_common_args=f"-o ProxyCommand='touch {keys}/ran'"))
    assert login
    assert len(login["certificates"]) == 1
    assert not (keys / "ran").exists()


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA", "\x00" * 100, "ssh-ed25519-cert-v01@openssh.com AAAA broken"])
def test_what_is_no_certificate_is_none(keys: Path, text: str):
    (keys / "key-cert.pub").write_text(text)
    login = offered(options(private_key_file=str(keys / "key")))
    assert login
    assert login["certificates"] == []


@pytest.mark.parametrize(
    "changes",
    [{"ssh_executable": "/nonexistent/ssh"}, {"ssh_args": "-o Nonsense=yes"}, {"ssh_args": "'"}, {"ssh_args": 5}],
)
def test_an_ssh_that_does_not_say_what_it_would_do_gives_no_note(changes: dict[str, Any]):
    assert offered(options(**changes)) is None


def test_an_ssh_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ssh_login, "TIMEOUT_S", 0.2)
    hangs = tmp_path / "ssh"
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    hangs.chmod(0o755)
    assert offered(options(ssh_executable=str(hangs))) is None
