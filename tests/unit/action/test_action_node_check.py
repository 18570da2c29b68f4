from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.action import node_check
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy

from tests.builders import CONTROLLER, NS, TRUE_NS, not_sent, policy, record


class App:
    """Notes for when it was asked to sign."""

    name = "deploy"
    depth = "jwt"

    def sign(self, profile: Any, now_s: float, life_s: int | None = None) -> str:  # noqa: ARG002 - as GithubApp.sign
        return str(now_s)

    def request(self, attempts: list[dict[str, Any]]) -> dict[str, Any]:
        return {"attempts": attempts}


@pytest.mark.parametrize("controller_off_s", [0.0, -612.0, 3600.0])
@pytest.mark.parametrize("node_skew_s", [0.0, -300.0])
def test_jwts_of_the_nodes_clock_and_of_the_true_time_do_not_depend_on_the_controllers_clock(
    monkeypatch: pytest.MonkeyPatch, controller_off_s: float, node_skew_s: float
):
    settings = policy()
    taken = record(node_skew_s, of_policy=settings, github_apps=[{"name": "deploy", "attempts": [not_sent()]}])
    taken["controller"] = {key: value + round(controller_off_s * NS) for key, value in CONTROLLER.items()}
    true_now_s = TRUE_NS / NS + 5
    monkeypatch.setattr(node_check.time, "time", lambda: true_now_s + controller_off_s)
    asked: list[dict[str, Any]] = []
    action = node_check.ActionModule.__new__(node_check.ActionModule)

    action._try_both_clocks({}, Policy.from_json(settings), [App()], taken, asked.extend)

    (request,) = asked
    signed_for_s = {attempt["label"]: float(attempt["jwt"]) for attempt in request["attempts"]}
    bracket_s = 2.0  # of the builders' controller: what is signed may be that much too early, and never too late
    assert true_now_s - bracket_s - 0.01 <= signed_for_s["true_time"] <= true_now_s + 0.01
    assert true_now_s + node_skew_s - bracket_s - 0.01 <= signed_for_s["node_clock"] <= true_now_s + node_skew_s + 0.01


@pytest.mark.parametrize(("wanted", "taken"), [([], False), (["nts.example.net"], True)])
def test_servers_wanted_with_nts_are_tried_though_no_check_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, wanted: list[str], taken: bool
):
    asked: list[dict[str, Any]] = []

    def execute(module_args: dict[str, Any], **_others: Any) -> dict[str, Any]:
        asked.append(module_args)
        return {"evidence": record()["evidence"]}

    action = node_check.ActionModule.__new__(node_check.ActionModule)
    monkeypatch.setattr(action, "_execute_module", execute, raising=False)
    settings = {"ntp_servers": ["ntp.example.net"], "nts_servers": wanted}
    action._take_record(settings, Policy.from_json(policy(checks=["clock_skew"])), [], {})

    (arguments,) = asked
    assert arguments["nts_servers"] == wanted
    assert set(arguments["sections"]) == {"ntp", "api_date", "join_state", "platform", *(["nts"] if taken else [])}


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (
            "Traceback:\nFileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp']\n",
            "(No usable temporary",
        ),
        ("Traceback:\nValueError: eyJhbGciOiJSUzI1NiJ9.e30.c2ln\n", "no json"),
        ("", "no json"),
    ],
    ids=["the disk is full", "whatever else may stand there", "nothing"],
)
def test_a_module_that_could_not_run_tells_the_operating_systems_reason_and_no_more(stderr: str, told: str):
    said = node_check.module_error({"msg": "no json", "module_stderr": stderr})
    assert told in said
    assert "eyJ" not in said
