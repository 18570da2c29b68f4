"""What the action has to do with Ansible:
the connection's ways, its errors, and a task's result.
"""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.skewgate.preflight.plugins.action import node_check
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils import plain_action
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import watch
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import begin_once, kept
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.builders import chrony, not_sent, record, time_services
from tests.unit.plugin_utils.checks.test_check_nts_servers import exchanged
from tests.unit.plugin_utils.remediation.test_servers_with_nts import GETS_TIME

WITHOUT_JWT = {"clients": ["argocd"], "ntp_servers": ["ntp.example.net"], "checks": ["sync_state"]}


@pytest.fixture
def run(run_action: Any) -> Any:
    """Runs the action with these arguments on a node whose module answers so;
    returns the task's result.
    """

    def run(args: dict[str, Any], module: Any = None, **connection: Any) -> dict[str, Any]:
        return run_action(node_check.ActionModule, args, module=module, **connection)

    return run


@pytest.fixture
def with_jwt(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    monkeypatch.setattr(node_check, "measured_once", lambda _folder, _measure: ControllerClock(Interval(0, 0)))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    app = {"app_id": 1001, "installation_id": 2002, "private_key": pem, "depth": "jwt"}
    return {**WITHOUT_JWT, "checks": ["github_app_token"], "github_apps": [app]}


def test_a_node_is_judged_by_what_its_module_answered(run: Any) -> None:
    asked: list[dict[str, Any]] = []

    def module(**call: Any) -> dict[str, Any]:
        asked.append(call)
        return {"evidence": record()["evidence"]}

    result = run({**WITHOUT_JWT, "phase": "before"}, module)
    (call,) = asked
    assert call["module_name"] == "skewgate.preflight.node_evidence"
    assert (result["verdict"], result["msg"], result["phase"]) == ("admit", "Admitted.", "before")
    assert result["judgement"]["verdict"] == "admit"
    assert result["record"]["evidence"] == record()["evidence"]
    assert (result["changed"], result["chrony_can_help"]) == (False, False)
    assert "unreachable" not in result


@pytest.mark.parametrize(
    ("transport", "said", "times"),
    [
        ("ssh", "ops@node1: Permission denied (publickey).", 1),
        ("ssh", "ssh: No route to host", 0),
        ("paramiko_ssh", "Authentication failed.", 0),
    ],
)
def test_only_after_a_login_that_ssh_was_refused_its_certificates_are_looked_for_once(
    run: Any, monkeypatch: pytest.MonkeyPatch, transport: str, said: str, times: int
) -> None:
    asked: list[Any] = []
    login: dict[str, Any] = {"at_s": 5.0, "certificates": []}
    monkeypatch.setattr(node_check, "offered", lambda option: asked.append(option) or login)

    def module(**_given: Any) -> dict[str, Any]:
        raise AnsibleConnectionFailure(said)

    result = run(WITHOUT_JWT, module, transport=transport)
    assert result["record"]["unreachable"] == said
    assert len(asked) == times
    assert result["record"].get("ssh_login") == (login if times else None)


def test_a_node_that_ansible_can_not_reach_is_unreachable_with_its_reason(run: Any) -> None:
    def module(**_call: Any) -> dict[str, Any]:
        raise AnsibleConnectionFailure("ssh: No route to host\n")

    result = run(WITHOUT_JWT, module)
    assert (result["unreachable"], result["msg"]) == (True, "ssh: No route to host")
    assert (result["verdict"], result["record"]["unreachable"]) == ("refuse", "ssh: No route to host")


def test_a_node_that_does_not_pass_is_checked_again_for_as_long_as_it_may_take(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept_s: list[float] = []
    monkeypatch.setattr(node_check.time, "sleep", slept_s.append)
    answers = iter([{"msg": "no Python yet"}, {"evidence": record()["evidence"]}])
    assert run({**WITHOUT_JWT, "wait_s": 60}, lambda **_call: next(answers))["verdict"] == "admit"
    assert slept_s == [node_check.WAIT_STEP_S]


def test_a_module_that_fails_refuses_the_node_and_fails_no_task(run: Any) -> None:
    result = run(WITHOUT_JWT, lambda **_call: {"failed": True, "msg": "no Python"})
    assert (result["verdict"], result["record"]["module_error"]) == ("refuse", "no Python")
    assert "failed" not in result


def test_an_error_of_ansible_is_the_nodes_finding_in_ansibles_words(run: Any) -> None:
    def module(**_call: Any) -> dict[str, Any]:
        raise AnsibleError("Missing sudo password")

    result = run(WITHOUT_JWT, module)
    assert (result["verdict"], result["record"]["module_error"]) == ("refuse", "Missing sudo password")
    assert result["judgement"]["findings"][0]["keys"] == ["no_evidence", "become_password_missing"]
    assert "failed" not in result


@pytest.fixture
def broken_pipe(run: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the action where the pipe breaks on which Ansible writes its module;
    started anew, Python ends so.
    """

    def module(**_call: Any) -> dict[str, Any]:
        raise AnsibleConnectionFailure("Data could not be sent to remote host 'a'.") from BrokenPipeError()

    def ended(rc: int, stderr: str) -> tuple[dict[str, Any], list[str]]:
        commands: list[str] = []
        answer = {"rc": rc, "stdout": "", "stderr": stderr}
        interpreter = property(lambda _self: "#!/opt/python3", lambda _self, _value: None)
        monkeypatch.setattr(node_check.ActionModule, "_used_interpreter", interpreter, raising=False)
        start = lambda _self, command: commands.append(command) or answer  # noqa: E731
        monkeypatch.setattr(node_check.ActionModule, "_low_level_execute_command", start)
        return run(WITHOUT_JWT, module), commands

    return ended


def test_if_python_ends_before_it_has_read_the_module_the_node_is_asked_why(broken_pipe: Any) -> None:
    result, commands = broken_pipe(127, "sh: 1: /opt/python3: not found\n")
    assert commands == ["/opt/python3 -c pass"]
    assert result["judgement"]["findings"][0]["keys"] == ["no_evidence", "no_python"]
    assert result["record"]["module_error"].splitlines() == [
        "Data could not be sent to remote host 'a'.",
        "the node said: sh: 1: /opt/python3: not found",
    ]


def test_if_python_starts_the_broken_pipe_is_the_connections(broken_pipe: Any) -> None:
    result, _ = broken_pipe(0, "")
    assert (result["unreachable"], result["record"]["module_error"]) == (True, None)
    assert "Data could not be sent" in result["msg"]


EVIL = "\x1b]0;owned\x07\x9b2J\u202e"


def test_nothing_of_a_modules_answer_is_passed_on_but_its_evidence(run: Any) -> None:
    beside = {
        "ansible_facts": {"gate_checks": []},
        "warnings": [EVIL],
        "deprecations": [EVIL],
        "exception": EVIL,
        "msg": EVIL,
    }
    result = run(WITHOUT_JWT, lambda **_call: {"evidence": record()["evidence"], **beside, "unreachable": True})
    assert result["verdict"] == "admit"
    assert not {*beside, "unreachable"} - {"msg"} & {*result}
    assert result["record"]["evidence"] == record()["evidence"]


@pytest.mark.parametrize(
    "answer",
    [
        {"evidence": {**record()["evidence"], "clock": {"error": EVIL}}},
        {"evidence": {**record()["evidence"], EVIL: EVIL, "chrony": {"commands": EVIL}}},
        {"msg": EVIL * 10_000, "module_stderr": f"OSError: [Errno 28] {EVIL}"},
        {"msg": [EVIL], "module_stderr": {"x": EVIL}},
        {},
        [EVIL],
        RuntimeError(EVIL),
        RecursionError(EVIL),
        AnsibleConnectionFailure(EVIL),
    ],
)
def test_whatever_a_node_says_the_task_has_printable_text_of_a_bounded_length(run: Any, answer: Any) -> None:
    def module(**_call: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    result = run(WITHOUT_JWT, module)
    assert result["verdict"] == "refuse"
    texts = json.dumps(result, ensure_ascii=False)
    assert texts.isprintable()
    assert len(texts) < 50_000


def test_every_jwt_that_was_sent_is_recognised_whenever_the_node_gives_it_back(
    run: Any, with_jwt: dict[str, Any]
) -> None:
    sent: list[str] = []
    collected = record(-612.0)["evidence"]["collected"]

    def module(module_args: dict[str, Any], **_call: Any) -> dict[str, Any]:
        sent.extend(attempt["jwt"] for app in module_args["github_apps"] for attempt in app["attempts"])
        codes = [code for jwt in sent for code in (jwt, b64encode(jwt.encode()).decode(), jwt.encode().hex())]
        said = {
            "name": module_args["github_apps"][0]["name"],
            "attempts": [{**not_sent(), "not_sent_because": codes[-2]}],
        }
        return {
            "evidence": {
                **record(-612.0)["evidence"],
                "collected": {**collected, "end_mono_ns": collected["mono_ns"]},
                "github_apps": [said],
                "clock": {"clocksource": codes[0], "x": codes},
            }
        }

    result = json.dumps(run(with_jwt, module))
    assert len(sent) > 1
    for jwt in sent:
        signature = jwt.rpartition(".")[2]
        assert signature not in result
        assert b64encode(jwt.encode()).decode()[-100:-4] not in result


def test_a_node_that_never_answers_is_given_up_and_not_asked_again(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(watch, "end_children", ended.set)
    monkeypatch.setattr(plain_action, "answer_limit_s", lambda _arguments: 0.1)
    result = run({**WITHOUT_JWT, "wait_s": 60}, lambda **_call: {"msg": f"ended: {ended.wait(30)}"})
    assert ended.is_set()
    assert (result["verdict"], result["record"]["no_answer"]) == ("refuse", "it did not answer within 0 s")
    assert result["judgement"]["findings"][0]["keys"] == ["no_answer"]


@pytest.mark.parametrize("timeout_s", [1, 30])
def test_a_node_has_the_time_for_its_answer_that_its_slowest_probe_may_take(timeout_s: float) -> None:
    app = {"attempts": [{}], "repositories": ["acme/a", "acme/b"]}
    arguments = {"sections": ["clock", "github_apps", "ntp"], "timeout_s": timeout_s, "github_apps": [app]}
    limit_s = plain_action.answer_limit_s(arguments)
    assert limit_s > plain_action.NODE_STARTS_WITHIN_S + github_apps.bound_s([app], timeout_s)
    assert limit_s > plain_action.answer_limit_s({**arguments, "sections": ["clock"]})


@pytest.mark.parametrize("collected", [{}, {"end_mono_ns": 2**62}, {"wall_ns": 2**62}, {"mono_ns": -1}, None])
def test_clock_readings_that_can_not_be_end_no_run(run: Any, with_jwt: dict[str, Any], collected: Any) -> None:
    def module(module_args: dict[str, Any], **_call: Any) -> dict[str, Any]:
        evidence = record(-612.0)["evidence"]
        said = {"name": module_args["github_apps"][0]["name"], "attempts": [not_sent()]}
        strange = collected and {**evidence["collected"], **collected}
        return {"evidence": {**evidence, "github_apps": [said], "collected": strange}}

    assert run(with_jwt, module)["verdict"] == "refuse"


def test_wrong_settings_fail_before_the_node_is_contacted(run: Any) -> None:
    def module(**_call: Any) -> dict[str, Any]:
        pytest.fail("the node was contacted")

    result = run({**WITHOUT_JWT, "ntp_servers": [], "clients": []}, module)
    assert result["failed"]
    assert [problem.split(":")[0] for problem in result["configuration_errors"]] == ["ntp_servers", "clients"]
    assert all(problem in result["msg"] for problem in result["configuration_errors"])


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (None, ["node_check", "ntp_servers", "nts_servers", "clients"]),
        ("acme.platform.node", ["node_check", "ntp_servers", "nts_servers", "clients"]),
        ("skewgate.preflight.gate", ["gate_timeout_s", "gate_ntp_servers", "chrony_nts_servers", "gate_clients"]),
        ("skewgate.preflight.chrony", ["gate_timeout_s", "gate_ntp_servers", "chrony_nts_servers", "gate_clients"]),
    ],
)
def test_problems_name_a_roles_variables_in_its_tasks_and_options_elsewhere(
    run_action: Any, role: str | None, names: list[str]
) -> None:
    args = {
        "clients": ["argo"],
        "ntp_servers": ["a b"],
        "nts_servers": ["a b"],
        "timeout_s": "soon",
        "checks": ["sync_state"],
    }
    result = run_action(node_check.ActionModule, args, role=role)
    assert [problem.split(":")[0] for problem in result["configuration_errors"]] == names


@pytest.mark.parametrize("can_pipe", [True, False])
def test_a_jwt_is_sent_only_through_a_connection_that_pipes_the_module(
    run: Any, with_jwt: dict[str, Any], can_pipe: bool
) -> None:
    result = run(with_jwt, lambda **_call: {"evidence": record()["evidence"]}, can_pipe=can_pipe)
    assert ("configuration_errors" in result) is not can_pipe
    assert can_pipe or "the connection 'carrier' can't pipe modules" in result["msg"]


@pytest.mark.parametrize("setting", ["KEEP_REMOTE_FILES", "DEBUG"])
def test_a_jwt_is_not_sent_while_ansible_would_leave_it_in_a_file_or_print_it(
    run: Any, with_jwt: dict[str, Any], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setattr(constants.config, "get_config_value", lambda name: name == f"DEFAULT_{setting}")
    assert f"ANSIBLE_{setting} is on" in run(with_jwt)["msg"]


def test_a_check_without_credentials_takes_any_connection(run: Any) -> None:
    assert run(WITHOUT_JWT, lambda **_call: {"evidence": record()["evidence"]}, can_pipe=False)["verdict"] == "admit"


def types_in(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {type(value)}.union(*(types_in(item) for pair in value.items() for item in pair))
    return {type(value)}.union(*map(types_in, value)) if isinstance(value, list) else {type(value)}


def test_a_result_has_no_class_of_ours_for_which_ansibles_own_process_would_import_it_while_it_forks(run: Any) -> None:
    """A worker that was forked meanwhile waited for ever."""
    result = run({**WITHOUT_JWT, "checks": ["clock_skew", "sync_state"]}, lambda **_call: {"evidence": {}})
    assert types_in(result) <= {dict, list, str, int, float, bool, type(None)}


def test_the_gates_check_keeps_its_evidence_for_the_report_and_answers_in_short(
    run_action: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    begin_once("play", lambda: {"id": "run"})
    args = {**WITHOUT_JWT, "phase": "check", "admit_to": "skewgate_admitted"}
    variables = {"inventory_hostname": "node1", "ansible_host": "10.77.0.11"}
    bad = record(time_services=time_services())["evidence"]
    result = run_action(
        node_check.ActionModule,
        {**args, "checks": ["time_service"]},
        variables,
        module=lambda **_call: {"evidence": bad},
        role="skewgate.preflight.gate",
    )
    check = kept("node1")
    assert check is not None
    assert (check["record"]["evidence"], check["judgement"]["verdict"]) == (bad, "refuse")
    assert (check["address"], check["check_id"], check["follows"]) == ("10.77.0.11", result["check_id"], "run")
    assert (result["verdict"], result["refused_because"]) == ("refuse", "failure")
    assert result["judged_at"] == check["judgement"]["judged_at"]
    asked = {"checks": ["time_service"], "ntp_servers": ["ntp.example.net"], "nts_servers": [], "timeout_s": 5}
    assert result["asked"] == check["asked"] == asked
    assert not {"record", "judgement"} & result.keys()
    assert len(json.dumps(result)) < 2000


def test_a_node_whose_nts_nothing_answered_is_asked_what_chronyd_itself_gets(run: Any) -> None:
    config = "server a.example iburst nts\n"
    nts = {"servers": [exchanged("plain")]}
    answers = [
        {"evidence": record(nts=nts, chrony=chrony(config=config))["evidence"]},
        {"evidence": {"nts_client": {"tried": {"a.example:4460:0": GETS_TIME}}}},
    ]
    asked: list[dict[str, Any]] = []

    def module(**call: Any) -> dict[str, Any]:
        asked.append(call["module_args"])
        return answers[len(asked) - 1]

    result = run({**WITHOUT_JWT, "checks": ["nts_servers"]}, module)
    assert [call["sections"] for call in asked[1:]] == [["nts_client"]]
    assert result["verdict"] == "admit"
    assert result["record"]["evidence"]["nts_client"] == answers[1]["evidence"]["nts_client"]


def test_if_the_node_shows_no_answer_of_chronyd_the_finding_stays_and_has_the_reason(run: Any) -> None:
    config = "server a.example iburst nts\n"
    nts = {"servers": [exchanged("plain")]}
    answers = [{"evidence": record(nts=nts, chrony=chrony(config=config))["evidence"]}, {"msg": "no Python"}]
    result = run({**WITHOUT_JWT, "checks": ["nts_servers"]}, lambda **_call: answers.pop(0))
    (finding,) = (f for f in result["judgement"]["findings"] if f["check"] == "nts_servers")
    assert (result["verdict"], finding["state"]) == ("refuse", "fail")
    assert "chronyd -Q: no Python" in finding["summary"]
