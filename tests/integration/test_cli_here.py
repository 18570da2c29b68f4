"""The first runs of a newcomer: `check --here` without an inventory,
and `init` with the inventory that it writes.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from skewgate import checking, cli, initialising
from tests.findings import unsaid
from tests.paths import ROOT


@pytest.fixture(autouse=True)
def user_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory, with the checkout's collection."""
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT}/collections\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(*flags: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the report of a check of this machine."""
    status = cli.main(["check", "--here", *flags])
    return status, json.loads(Path("skewgate-report/report.json").read_text())


def key(path: Path) -> Path:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(private.private_bytes(*pem))
    return path


def test_without_a_key_the_token_was_not_tried_and_nothing_is_admitted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKEWGATE_NTP_SERVER", "127.0.0.1")
    status, report = checked("--only", "reachable,github_app_token", "-e", "gate_timeout_s=1", "--timings")
    [node] = report["nodes"].values()
    [_, token] = node["findings"]
    assert (status, node["verdict"], node["refused_because"]) == (3, "refuse", "not_judged")
    assert (token["check"], token["state"], token["keys"]) == ("github_app_token", "inconclusive", ["no_app_given"])
    out = capsys.readouterr().out
    assert token["summary"] in " ".join(out.split())
    assert " 1 node\n" in out
    assert list(report["nodes"]) == [checking.this_machine()]
    settings = report["settings"]
    assert settings["gate_checks"] == {"source": "flag --only", "value": ["reachable", "github_app_token"]}
    assert settings["gate_ntp_servers"] == {"source": "environment SKEWGATE_NTP_SERVER", "value": ["127.0.0.1"]}
    assert settings["gate_timeout_s"]["source"] == "-e"
    assert settings["gate_clients"] == {"source": "default", "value": ["argocd"]}
    assert settings["gate_github_apps"] == {"source": "default"}
    assert settings["gate_key_elsewhere"] == {"source": "flag --here", "value": True}
    sources = (
        "gate_timeout_s (-e); gate_ntp_servers (environment SKEWGATE_NTP_SERVER); gate_key_elsewhere (flag --here)"
    )
    assert f"Settings: {sources}; gate_checks" in " ".join(out.split())
    _, _, timings = out.partition("Where the time went, in seconds")
    took = [line.split()[-1] for line in timings.splitlines()[1:]]
    assert len(took) == 10
    assert [seconds for seconds in took if not re.fullmatch(r"\d+\.\d\d", seconds)] == ["longest"]


def test_the_report_of_a_run_is_signed_and_another_machine_verifies_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", "--signing-key", "signing.pem"]) == 0
    flags = ("--only", "clock_skew", "-e", "gate_timeout_s=1", "--ntp-server", "127.0.0.1", "-vvvv")
    status, report = checked(*flags, "--signing-key", "signing.pem")
    assert report["settings"]["gate_signing_key_file"]["source"] == "flag --signing-key"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree("skewgate-report", elsewhere)
    verify = ["verify", str(elsewhere), "--key", "signing.pem.pub"]
    shown = capsys.readouterr()
    assert cli.main(verify) == status == 3  # its skew is not known
    assert capsys.readouterr().out.startswith("signed at 20")
    with (elsewhere / "evidence.json").open("a") as file:
        file.write(" ")
    assert cli.main(verify) == 3
    assert "(evidence_changed)" in capsys.readouterr().err
    secret = Path("signing.pem").read_text().splitlines()[1]
    assert secret not in "".join(shown)
    assert [path for path in tmp_path.rglob("*.json") if secret in path.read_text()] == []
    Path("signing.pem").chmod(0o644)
    assert cli.main(["check", "--here", *flags, "--signing-key", "signing.pem"]) == 2
    assert "others can read or change it (mode 0644)" in capsys.readouterr().err


def test_with_a_key_it_is_tried_and_this_machines_clock_does_not_vouch_for_itself(user_dir: Path) -> None:
    app = {
        "name": "deploy",
        "app_id": 1,
        "installation_id": 2,
        "private_key_file": str(key(user_dir / "key.pem")),
        "api_url": "https://127.0.0.1:9",
    }
    variables = json.dumps({"gate_github_apps": [app], "gate_timeout_s": 1})
    flags = ["--only", "clock_skew,github_app_token", "--ntp-server", "127.0.0.1", "-e", variables]
    status, report = checked(*flags)
    [node] = report["nodes"].values()
    findings = {finding["check"]: finding for finding in node["findings"]}
    assert status == 3
    assert findings["github_app_token"]["keys"][0] == "not_judged"
    assert (findings["clock_skew"]["state"], findings["clock_skew"]["keys"]) == (
        "inconclusive",
        ["unknown_no_reference"],
    )
    assert "controller" not in findings["clock_skew"]["seen"].get("references", {})
    assert report["settings"]["gate_github_apps"] == {"source": "-e"}
    assert "PRIVATE KEY" not in json.dumps(report)


def test_another_user_than_root_is_not_made_root_unless_there_is_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking.os, "geteuid", lambda: 1000)
    for flags, become in ((["--here"], {"ansible_become": False}), (["--here", "--become-password-file", "f"], {})):
        variables = checking.variables_here(cli.read(["check", *flags], {}).args)
        assert {name: value for name, value in variables.items() if name == "ansible_become"} == become


@pytest.mark.parametrize(("given", "flag"), [(["-i", "hosts.yml"], "--inventory"), (["-l", "a"], "--limit")])
def test_this_machine_and_an_inventory_exclude_each_other(
    given: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", "--here", *given])
    assert ended.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert not unsaid(error, "--here", flag)


def test_the_gate_changes_nodes_and_has_no_such_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["gate", "--here"])
    assert "unrecognized arguments: --here" in capsys.readouterr().err


def test_what_init_wrote_is_refused_until_it_is_filled_in_and_then_is_used_as_it_is(
    user_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(initialising, "NTP_FILES", ())
    assert cli.main(["init", "nodes"]) == 0
    local = ["-e", json.dumps({"ansible_connection": "local", "ansible_python_interpreter": sys.executable})]
    check = ["check", "-i", "nodes", "--only", "reachable,clock_skew", *local, "-e", "gate_timeout_s=1"]
    assert cli.main(check) == 2
    err = capsys.readouterr().err
    assert not unsaid(err, "FILL_IN_NODE_1 ", "gate_github_apps: FILL_IN_INSTALLATION_ID ")
    assert not (user_dir / "skewgate-report/report.json").exists()
    for path in (user_dir / "nodes").rglob("*.yml"):
        path.write_text(re.sub(r"FILL_IN_NTP_SERVER", "127.0.0.1", path.read_text()))
        path.write_text(re.sub(r"FILL_IN_[A-Z]+_([A-Z0-9_]+)", r"filled-in-\1", path.read_text()))
    assert cli.main(check) == 3
    report = json.loads((user_dir / "skewgate-report/report.json").read_text())
    assert list(report["nodes"]) == ["filled-in-1", "filled-in-2"]
    assert report["settings"]["gate_ntp_servers"]["source"] == "inventory"
