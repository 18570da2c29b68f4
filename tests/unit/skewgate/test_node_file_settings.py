"""The settings for a node's file: validated as those of a run, and without the token."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy

from skewgate.errors import SkewgateError
from skewgate.node_file.on_node.main import UsageError, read_settings
from skewgate.node_file.settings import node_settings
from tests.findings import unsaid

GOOD: dict[str, Any] = {"gate_ntp_servers": ["ntp1.example.net"], "gate_clients": ["argocd"]}


def made(folder: Path, **variables: Any) -> dict[str, Any]:
    """The settings as the node reads them."""
    (folder / "all.yml").write_text(json.dumps({**GOOD, **variables}))
    (folder / "node.json").write_text(node_settings(folder / "all.yml"))
    return read_settings(str(folder / "node.json"))


def test_every_check_but_the_tokens_is_asked_for(tmp_path: Path) -> None:
    assert set(made(tmp_path)["policy"]["checks"]) == set(discover()) - {"github_app_token"}


def test_no_credential_goes_to_a_node_though_the_file_has_one(tmp_path: Path) -> None:
    app = {"app_id": 1, "installation_id": 2, "private_key_file": "/etc/hostname"}
    found = made(tmp_path, gate_github_apps=[app], gate_checks=["clock_skew", "github_app_token"], gate_limits=["etcd"])
    assert found["policy"]["checks"] == ["clock_skew"]
    assert (found["policy"]["github_apps"], found["policy"]["limits"]) == ([], ["etcd"])
    assert "hostname" not in (tmp_path / "node.json").read_text()


def test_what_a_node_reads_is_the_policy_of_a_run(tmp_path: Path) -> None:
    policy = Policy.from_json(made(tmp_path, gate_max_skew_s="0.5", gate_advisory_checks="next_boot")["policy"])
    assert (policy.max_skew_s, policy.advisory_checks, policy.clients) == (0.5, ("next_boot",), ("argocd",))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"gate_max_skew": 1}, ("gate_max_skew", "did you mean gate_max_skew_s?")),
        ({"gate_ntp_servers": []}, ("gate_ntp_servers",)),
        ({"gate_clients": ["argo"]}, ("argo", "argocd")),
        ({"gate_checks": ["github_app_token"]}, ("gate_checks", "github_app_token")),
        ({"gate_checks": ["clock"]}, ("no check is called 'clock'",)),
    ],
)
def test_wrong_settings_are_refused_as_those_of_a_run(
    tmp_path: Path, variables: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(SkewgateError) as refused:
        made(tmp_path, **variables)
    assert not unsaid(str(refused.value), *said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "skewgate/node-settings/2"}, ("skewgate/node-settings/1",)),
        ({"ntp_servers": []}, ("ntp_servers",)),
        ({"timeout_s": 0}, ("timeout_s", "above 0")),
        ({"policy": {}}, ("policy.checks",)),
    ],
)
def test_a_node_refuses_settings_of_another_form(tmp_path: Path, change: dict[str, Any], said: tuple[str, ...]) -> None:
    (tmp_path / "node.json").write_text(json.dumps({**made(tmp_path), **change}))
    with pytest.raises(UsageError) as refused:
        read_settings(str(tmp_path / "node.json"))
    assert not unsaid(str(refused.value), *said)


@pytest.mark.parametrize("change", [{"checks": ["clock_of_tomorrow"]}, {"limit_of_tomorrow": 1}])
def test_a_node_refuses_a_policy_of_another_version(tmp_path: Path, change: dict[str, Any]) -> None:
    settings = made(tmp_path)
    (tmp_path / "node.json").write_text(json.dumps({**settings, "policy": {**settings["policy"], **change}}))
    with pytest.raises(UsageError, match="of_tomorrow"):
        read_settings(str(tmp_path / "node.json"))


@pytest.mark.parametrize("mode", [0o646, 0o602])
def test_a_node_refuses_settings_that_anybody_can_write(tmp_path: Path, mode: int) -> None:
    made(tmp_path)
    (tmp_path / "node.json").chmod(mode)
    with pytest.raises(UsageError, match=rf"nobody but root can write, found mode {mode:o}"):
        read_settings(str(tmp_path / "node.json"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
@pytest.mark.parametrize(("user", "group", "mode"), [(65534, 0, 0o644), (0, 65534, 0o664)])
def test_a_node_refuses_settings_of_another_user_or_group(tmp_path: Path, user: int, group: int, mode: int) -> None:
    made(tmp_path)
    os.chown(tmp_path / "node.json", user, group)
    (tmp_path / "node.json").chmod(mode)
    with pytest.raises(UsageError, match=rf"of user {user} and group {group}"):
        read_settings(str(tmp_path / "node.json"))


def test_a_node_reads_settings_that_only_roots_group_can_write_too(tmp_path: Path) -> None:
    written = made(tmp_path)
    (tmp_path / "node.json").chmod(0o664)
    assert read_settings(str(tmp_path / "node.json")) == written
