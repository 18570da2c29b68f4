"""`skewgate init`: what it writes, what it finds out, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from skewgate import cli, initialising
from skewgate.errors import SkewgateError
from skewgate.initialising import FILES, TO_FILL_IN, found_here, ntp_servers, write_all, written
from skewgate.progress import Progress
from tests.paths import ROOT
from tests.reports import admitted, event, refused, shown

EXAMPLE = {
    "node_1": "worker-1.example.net",
    "node_2": "worker-2.example.net",
    "user": "admin",
    "ssh_key": "ansible_ssh_private_key_file: ~/.ssh/id_ed25519",
    "ntp_servers": "ntp1.example.net, ntp2.example.net, ntp3.example.net",
    "ntp_from": "",
    "app_id": "1234567",
    "installation_id": "12345678",
    "private_key_file": "~/.secrets/deploy-app.pem",
    "repository": "example/deploy-config",
}


def files(folder: Path) -> dict[str, Any]:
    return {name: yaml.safe_load((folder / name).read_text()) for name in FILES}


def machine(root: Path, **texts: str) -> Path:
    """A machine with these files, by their paths."""
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_example_inventory_is_made_from_the_same_templates() -> None:
    texts = written(EXAMPLE)
    assert {name: (ROOT / "inventories/example" / name).read_text() for name in FILES} == texts


def test_it_writes_both_files_and_says_what_to_fill_in_and_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new/nodes"
    assert cli.main(["init", str(folder)]) == 0
    found = files(folder)
    assert list(found["hosts.yml"]["all"]["children"]["new_nodes"]["hosts"]) == ["FILL_IN_NODE_1", "FILL_IN_NODE_2"]
    [app] = found["group_vars/all.yml"]["gate_github_apps"]
    assert (app["app_id"], app["installation_id"]) == ("FILL_IN_APP_ID", "FILL_IN_INSTALLATION_ID")
    lines = capsys.readouterr().out.splitlines()
    assert {f"  {word}" for word in TO_FILL_IN.values()} <= set(lines)
    assert lines[-1] == f"Then run `skewgate check -i {folder}`, which changes nothing on the nodes."


def test_in_a_folder_with_other_files_the_inventory_is_named_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert cli.main(["init", str(tmp_path)]) == 0
    assert f"skewgate check -i {tmp_path}/hosts.yml`" in capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_has_such_a_file_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    machine(tmp_path, **{name: "mine"})
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["init", str(tmp_path)]) == 2
    assert f"has {name} already, and nothing was written" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / name).read_text() == "mine"


def test_what_can_not_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    machine(tmp_path, group_vars="a file in the place of the folder")
    with pytest.raises(SkewgateError, match="nothing was written"):
        write_all(tmp_path, {"hosts.yml": "x", "group_vars/all.yml": "y"})
    assert [path.name for path in tmp_path.iterdir()] == ["group_vars"]
    with pytest.raises(SkewgateError, match="nothing was written"):
        write_all(tmp_path / "group_vars/below/deep", {"hosts.yml": "x"})


CHRONY = "# server no.example.net\npool 2.debian.pool.ntp.org iburst\n server ntp1.example.net\npeer other\n"
TWO = ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("etc/chrony/chrony.conf", CHRONY, ["2.debian.pool.ntp.org", "ntp1.example.net"]),
        ("etc/chrony/sources.d/mine.sources", "server 192.0.2.1 iburst\n", TWO[:1]),
        ("etc/systemd/timesyncd.conf", "[Time]\n#NTP=no.example.net\nNTP=192.0.2.1 192.0.2.2\n", TWO),
        ("run/systemd/netif/leases/2", "ADDRESS=192.0.2.9\nNTP=192.0.2.1 192.0.2.2\n", TWO),
        ("var/lib/dhcp/dhclient.leases", "lease {\n  option ntp-servers 192.0.2.1, 192.0.2.2;\n}\n", TWO),
        ("etc/chrony.conf", "server $(reboot)\n", []),
    ],
)
def test_the_ntp_servers_are_those_of_this_machine(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    servers, place = ntp_servers(machine(tmp_path, **{name: text}))
    assert servers == found
    assert place == (f"/{name}" if found else "")


def test_what_this_machine_knows_is_written_and_is_read_back(tmp_path: Path) -> None:
    machine(tmp_path, **{"etc/chrony.conf": "server a.example.net\n", "home/.ssh/id_rsa": "key"})
    texts = written(found_here(tmp_path, tmp_path / "home"))
    settings = yaml.safe_load(texts["group_vars/all.yml"])
    assert settings["gate_ntp_servers"] == ["a.example.net"]
    assert settings["ansible_ssh_private_key_file"] == "~/.ssh/id_rsa"
    assert settings["ansible_user"] == initialising._user()
    assert "These are this machine's, of /etc/chrony.conf." in texts["group_vars/all.yml"]
    nothing = written(found_here(tmp_path / "empty", tmp_path / "empty"))["group_vars/all.yml"]
    assert yaml.safe_load(nothing)["gate_ntp_servers"] == ["FILL_IN_NTP_SERVER"]
    assert "ansible_ssh_private_key_file" not in yaml.safe_load(nothing)


def test_the_comments_show_a_pass_and_a_refusal_as_they_are_printed() -> None:
    lines = re.findall(r"^#   (node\d: .*)$", written(EXAMPLE)["group_vars/all.yml"], re.MULTILINE)
    progress = Progress(gate=False)
    printed = []
    failed = [{**each, "cause": "beyond argocd, behind"} for each in refused()["findings"]]
    for name, node in (("node1", admitted()), ("node2", refused(findings=failed))):
        printed += progress.lines(event("runner_on_ok", name, shown(node)))
    assert lines == printed


@pytest.mark.parametrize("word", ["installation", "Host keys", "sudo", "-K", "Exit status 0"])
def test_the_comments_say_what_a_newcomer_asks(word: str) -> None:
    assert word in "".join(written(EXAMPLE).values())
