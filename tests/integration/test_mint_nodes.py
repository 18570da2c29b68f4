"""Real runs in which some nodes mint and the others rely on them:
who is admitted, who is not, and who joins.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skewgate import cli
from tests.integration.conftest import app_settings, playbook_here
from tests.integration.test_flow import JOIN
from tests.lab.github_api import RunningApi, running_api

NOT_GRANTED = {"status": 403, "message": "Resource not accessible by integration"}


@dataclass
class Ran:
    """A run of the gate and of a play that joins whom it admits."""

    done: subprocess.CompletedProcess[str]
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "report" / "report.json").read_text())
        return read

    @property
    def minted(self) -> list[str]:
        (shared,) = self.report["fleet"]["tokens"]
        return list(shared["minted"])

    @property
    def joined(self) -> set[str]:
        return {path.name.removeprefix("joined-") for path in self.folder.glob("joined-*")}

    def keys(self, host: str) -> list[str]:
        findings = self.report["nodes"][host]["findings"]
        (keys,) = (f["keys"] for f in findings if f["check"] == "github_app_token")
        return list(keys)


@pytest.fixture
def gate(tmp_path: Path, ntp_here: str) -> Callable[..., Ran]:
    """Runs the gate, which changes nothing here, on hosts that are all this machine."""

    def run(api: RunningApi, hosts: dict[str, Any], *plays: dict[str, Any], **settings: Any) -> Ran:
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "folder": str(tmp_path),
            "gate_checks": ["github_app_token"],
            "gate_ntp_servers": [ntp_here],
            "gate_github_apps": [app_settings(api.credentials, api.url, depth="token")],
            "gate_timeout_s": 10,
            "gate_remediate": False,
            "gate_report_dir": str(tmp_path / "report"),
            **settings,
        }
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
        played = [*(plays or [{"ansible.builtin.import_playbook": "skewgate.preflight.gate"}]), JOIN]
        (tmp_path / "play.json").write_text(json.dumps(played))
        words = ("-i", tmp_path / "hosts.json", tmp_path / "play.json", "--forks", "4")
        done = playbook_here(tmp_path, *words, timeout_s=200)
        assert "Traceback" not in done.stdout
        return Ran(done, tmp_path)

    return run


def at(*addresses: str) -> dict[str, Any]:
    """Hosts by these addresses, which a local connection does not use."""
    return {f"host{number}": {"ansible_host": address} for number, address in enumerate(addresses)}


def mints(api: RunningApi) -> int:
    return sum(r["path"].endswith("/access_tokens") for r in api.control.requests())


TWO_NETWORKS = at("10.0.1.1", "10.0.1.2", "10.0.2.1")


def test_two_of_three_mint_one_in_each_network_and_all_are_admitted_and_join(
    tmp_path: Path, gate: Callable[..., Ran]
) -> None:
    with running_api(tmp_path / "github") as api:
        ran = gate(api, TWO_NETWORKS, gate_mint_nodes=2)
        assert api.control.tokens()["live"] == []
    assert ran.done.returncode == 0, ran.done.stdout[-3000:]
    (shared,) = ran.report["fleet"]["tokens"]
    assert (shared["minted"], shared["jwt_alone"]) == (["host0", "host2"], 1)
    assert ran.keys("host1") == ["token_minted_elsewhere", "accepted"]
    assert ran.keys("host0") == []
    assert ran.joined == {f"host{number}" for number in range(3)}
    assert " 2 of 3 nodes " in " ".join(ran.done.stdout.split())
    assert re.search(r"; 1 .*JWT", (tmp_path / "report" / "report.txt").read_text())
    assert cli.main(["report", str(tmp_path / "report")]) == 0
    assert cli.main(["verify", str(tmp_path / "report"), "--node", "host1"]) == 0


@pytest.mark.nightly
def test_if_github_refuses_the_token_to_those_that_mint_nobody_joins(tmp_path: Path, gate: Callable[..., Ran]) -> None:
    with running_api(tmp_path / "github") as api:
        api.control.script("POST", "/app/installations/*/access_tokens", times=20, **NOT_GRANTED)
        ran = gate(api, TWO_NETWORKS, gate_mint_nodes=2)
    assert ran.joined == set()
    assert ran.done.returncode != 0
    summary = {"admitted": 0, "refused": 2, "not_judged": 1}
    assert ran.report["summary"] == summary
    assert ran.keys("host1") == ["token_refused_elsewhere", "accepted"]


@pytest.mark.nightly
def test_if_those_that_should_mint_are_not_reached_the_others_are_not_judged(
    tmp_path: Path, gate: Callable[..., Ran]
) -> None:
    gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    with running_api(tmp_path / "github") as api:
        ran = gate(api, {"gone": gone, **TWO_NETWORKS}, gate_mint_nodes=1)
        assert mints(api) == 0
    assert ran.joined == set()
    assert ran.keys("host1") == ["token_not_minted", "accepted"]


@pytest.mark.nightly
@pytest.mark.parametrize("limits", [{"gate_mints_per_hour": 2}, {"gate_mints_per_hour": 5, "gate_slices": 2}])
def test_by_default_no_more_mint_than_the_runs_share_of_the_hour_has_room_for(
    tmp_path: Path, gate: Callable[..., Ran], limits: dict[str, Any]
) -> None:
    with running_api(tmp_path / "github") as api:
        ran = gate(api, TWO_NETWORKS, **limits)
        assert mints(api) <= 2
    assert ran.done.returncode == 0, ran.done.stdout[-3000:]
    assert 1 <= len(ran.minted) <= 2
    assert ran.joined == {f"host{number}" for number in range(3)}


@pytest.mark.nightly
def test_in_a_strategy_without_order_no_node_is_admitted_before_a_report(
    tmp_path: Path, gate: Callable[..., Ran]
) -> None:
    roles = [{"role": "skewgate.preflight.gate"}]
    play = {"hosts": "all", "gather_facts": False, "strategy": "free", "roles": roles}
    with running_api(tmp_path / "github") as api:
        ran = gate(api, TWO_NETWORKS, play, gate_mint_nodes=2)
    assert ran.joined == {"host0", "host2"}
