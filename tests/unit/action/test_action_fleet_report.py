"""What `fleet_report` makes of what node_check registered on each host:
which check counts, and what is judged again.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.action import fleet_report
from ansible_collections.skewgate.preflight.plugins.action.fleet_report import ActionModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import stored
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import read_arguments
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import (
    Standing,
    begin_once,
    keep,
    standing_of,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import read_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import (
    read_public_key,
    write_pair,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.attestation import Signed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from skewgate import cli
from tests.builders import CONTROLLER, NS, TRUE_NS, ntp_sample, ntp_server, record, time_services
from tests.reports import checked, checked_again, text_of


class Hostvars(dict[str, dict[str, Any]]):
    """Ansible's variables of all hosts, as they are before templates are worked out."""

    raw_get = dict.__getitem__


def answered(folder: Path, strategy: str = "linear", **hosts: dict[str, Any]) -> dict[str, Any]:
    """What the action returns for hosts with these variables, on the first of them."""
    given = {"hosts": list(hosts), "report_dir": str(folder / "report")}
    args, problems = read_arguments(ActionModule.documentation, given)
    action = ActionModule.__new__(ActionModule)
    play = SimpleNamespace(strategy=strategy)
    action._task = SimpleNamespace(_parent=SimpleNamespace(_play=play))
    host = next(iter(hosts), "")
    return action.answer(args, problems, {"hostvars": Hostvars(hosts), "inventory_hostname": host})


def reported(folder: Path, **hosts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What is in report.json and evidence.json, and what the action returned."""
    result = answered(folder, **hosts)
    report, evidence = (json.loads((folder / "report" / f"{name}.json").read_text()) for name in ("report", "evidence"))
    return report, evidence, result


def test_what_is_shown_is_the_text_format_and_the_files_that_were_written(tmp_path):
    report, _, result = reported(tmp_path, good={"gate_before": checked(record())}, left={})
    folder = tmp_path / "report"
    assert (folder / "report.txt").read_text() == text_of(report_text, report)
    assert set(result["files"]) == {str(path) for path in folder.iterdir()}
    names = ", ".join(Path(path).name for path in result["files"])
    assert result["lines"][:-3] == text_of(report_text, report).splitlines()[:-1]
    assert result["lines"][-3:] == [
        "  ansible-playbook -i INVENTORY skewgate.preflight.check --limit left",
        "",
        f"Reports in {folder}: {names}",
    ]


def test_the_report_says_where_the_settings_of_the_run_come_from(tmp_path, monkeypatch):
    settings = {
        "gate_checks": {"source": "flag --only", "value": ["clock_skew"]},
        "gate_ntp_servers": {"source": "inventory"},
        "gate_clients": {"source": "default"},
    }
    monkeypatch.setattr(fleet_report, "current_run", lambda: {"id": "run", "settings": settings})
    report, _, result = reported(tmp_path, good={"gate_before": checked(record(), follows="run")})
    assert report["settings"] == settings
    line = "Settings: gate_checks (flag --only); gate_ntp_servers (inventory); the others have their defaults."
    assert line in result["lines"]
    assert report["nodes"]["good"]["verdict"] == "admit"


def test_the_report_is_signed_with_the_key_of_the_run(tmp_path, monkeypatch):
    public, _ = write_pair(tmp_path / "key")
    monkeypatch.setattr(fleet_report, "current_run", lambda: {"id": "run", "signing_key_file": str(tmp_path / "key")})
    _, _, result = reported(tmp_path, good={"gate_before": checked(record(), follows="run")})
    assert str(tmp_path / "report/signature.json") in result["files"]
    Signed.verified(tmp_path / "report", read_public_key(str(public), "k"), 3600, datetime.now(UTC))
    assert (tmp_path / "key").read_text().splitlines()[1] not in json.dumps(result)


def test_if_the_key_of_the_run_is_gone_the_evidence_is_kept_and_can_be_signed_later(tmp_path, monkeypatch):
    public, _ = write_pair(tmp_path / "key")
    folder, gone = tmp_path / "report", tmp_path / "none"
    monkeypatch.setattr(fleet_report, "current_run", lambda: {"id": "run", "signing_key_file": str(gone)})
    result = answered(tmp_path, good={"gate_before": checked(record(), follows="run")})
    assert result["failed"]
    assert result["msg"].startswith(f"gate_signing_key_file {gone}: No such file or directory. No report was written, ")
    assert [path.name for path in folder.iterdir()] == ["evidence.json"]
    again = f"skewgate report {folder} --report-dir {folder} --signing-key "
    assert f"`{again}FILE`" in result["msg"]
    assert cli.main([*again.split()[1:], str(tmp_path / "key")]) == 0
    Signed.verified(folder, read_public_key(str(public), "k"), 3600, datetime.now(UTC))


def test_a_host_without_a_result_is_refused_as_not_judged(tmp_path):
    report, _, result = reported(
        tmp_path, good={"gate_before": checked(record())}, left={}, skipped={"gate_before": {}}
    )
    for name in ("left", "skipped"):
        assert (report["nodes"][name]["verdict"], report["nodes"][name]["refused_because"]) == ("refuse", "not_judged")
        assert report["nodes"][name]["findings"][0]["keys"] == ["not_checked"]
    assert (result["verdict"], result["exit_code"]) == ("refuse", 3)


UNDEFINED = {"failed": True, "changed": False, "msg": "Task failed: Error processing keyword 'port': 'x' is undefined"}


def test_a_host_for_which_ansible_could_not_begin_the_check_is_refused_with_ansibles_words(tmp_path):
    hosts = {
        "settings": {"gate_before": UNDEFINED},
        "vault": {"gate_before": {"failed": True, "msg": "Attempting to decrypt but no vault secrets found"}},
        "gone": {"gate_before": {"unreachable": True, "msg": "ssh: connect to host x port 22: No route to host"}},
        "terminal": {"gate_before": {"failed": True, "msg": "\x1b[2Jno"}},
        "silent": {"gate_before": {"failed": True}},
    }
    report, evidence, result = reported(tmp_path, **hosts)
    found = {name: node["findings"][0] for name, node in report["nodes"].items()}
    assert {name: finding["keys"] for name, finding in found.items()} == {
        "settings": ["no_evidence", "connection_settings"],
        "vault": ["no_evidence", "vault_locked"],
        "gone": ["unreachable", "no_route"],
        "terminal": ["no_evidence"],
        "silent": ["not_checked"],
    }
    assert "Error processing keyword 'port': 'x' is undefined" in found["settings"]["summary"]
    assert "was not checked in this run" in found["silent"]["summary"]
    assert {node["refused_because"] for node in report["nodes"].values()} == {"not_judged"}
    assert "\x1b" not in json.dumps([result, report, evidence], ensure_ascii=False)
    assert judge_records(evidence["nodes"], report["judged_at"])["nodes"] == report["nodes"]


def test_a_second_check_that_could_not_begin_counts_and_the_first_one_does_not(tmp_path):
    report, _, _ = reported(tmp_path, a={"gate_before": checked(record()), "gate_after": UNDEFINED})
    node = report["nodes"]["a"]
    assert (node["verdict"], node["refused_because"]) == ("refuse", "not_judged")
    assert node["before"]["verdict"] == "admit"


def test_the_last_check_of_a_node_counts_and_the_first_stands_beside_it(tmp_path):
    bad, good = record(-612.0), record()
    remediation = {"attempted": True, "succeeded": True, "message": None, "changes": [], "backup": None}
    noted = {**remediation, "follows": "first"}
    hosts = {
        "fixed": {"gate_before": checked(bad), "gate_after": checked_again(good), "gate_remediation": noted},
        "never": {"gate_before": checked(good), "gate_after": {"skipped": True}},
        "spoiled": {"gate_before": checked(good), "gate_after": checked_again(bad)},
    }
    report, evidence, result = reported(tmp_path, **hosts)
    assert {name: node["verdict"] for name, node in result["nodes"].items()} == {
        "fixed": "admit",
        "never": "admit",
        "spoiled": "refuse",
    }
    assert result["nodes"]["fixed"]["judged_at"] == good["collected_at"]
    before = {name: node["before"] and node["before"]["verdict"] for name, node in report["nodes"].items()}
    assert before == {"fixed": "refuse", "never": None, "spoiled": "admit"}
    assert report["nodes"]["fixed"]["remediation"] == remediation
    assert judge_records(evidence["nodes"], report["judged_at"])["nodes"] == report["nodes"]


def test_a_node_is_not_judged_a_second_time(tmp_path):
    noted = checked(record())
    noted["judgement"]["findings"][0]["summary"] = "as the node's own check said it"
    report, _, _ = reported(tmp_path, a={"gate_before": noted})
    assert report["nodes"]["a"] == {**noted["judgement"], "remediation": None, "before": None}


def an_hour_earlier() -> dict[str, Any]:
    """A node with the true time, checked an hour before the builders' other records."""
    servers = [ntp_server(f"10.77.0.{n}", ntp_sample(true_ns=TRUE_NS - 3600 * NS)) for n in (1, 2, 3)]
    data = record(ntp={"servers": servers}, api_date={"apis": []})
    data["evidence"]["collected"]["wall_ns"] -= 3600 * NS
    return {**data, "controller": {key: value - 3600 * NS for key, value in CONTROLLER.items()}}


def test_a_second_run_into_the_same_folder_adds_the_drift_and_nothing_else(tmp_path):
    first, second = an_hour_earlier(), record(0.36)
    reported(tmp_path, a={"gate_before": checked(first)})
    report, evidence, _ = reported(tmp_path, a={"gate_before": checked(second)})
    registered = {f["check"]: f for f in judge_record(second)["findings"]}
    changed = [f["check"] for f in report["nodes"]["a"]["findings"] if f != registered[f["check"]]]
    assert changed == ["clock_skew"]
    (skew,) = [f for f in report["nodes"]["a"]["findings"] if f["check"] == "clock_skew"]
    assert skew["seen"]["drift"]["source"] == "two readings 3600 s apart"
    assert judge_records(evidence["nodes"], report["judged_at"])["nodes"] == report["nodes"]


def test_a_report_on_no_host_fails_and_leaves_none(tmp_path):
    result = answered(tmp_path)
    assert result["failed"]
    assert "no node was checked" in result["msg"]
    assert not (tmp_path / "report").exists()


def test_a_folder_that_cannot_be_written_is_named_with_the_setting(tmp_path):
    (tmp_path / "report").write_text("in the way")
    result = answered(tmp_path, a={"gate_before": checked(record())})
    assert result["failed"]
    assert f"could not be written to {tmp_path}/report: " in result["msg"]
    assert "gate_report_dir" in result["msg"]


def test_an_address_that_is_a_template_is_not_worked_out(tmp_path):
    hosts = {
        "a": {"ansible_host": "{{ '10.77.0.11' }}", "gate_before": checked(record())},
        "b": {"ansible_host": "10.77.0.12", "gate_before": checked(record())},
        "c": {"gate_before": checked(record())},
    }
    _, evidence, _ = reported(tmp_path, **hosts)
    assert {name: node["address"] for name, node in evidence["nodes"].items()} == {
        "a": None,
        "b": "10.77.0.12",
        "c": None,
    }


REMEDIATION: dict[str, Any] = {
    "attempted": True,
    "succeeded": False,
    "message": "no room",
    "changes": [{"what": "x", "answers": []}],
    "backup": None,
}


@pytest.mark.parametrize(
    "noted",
    [
        [1],
        "done",
        {**REMEDIATION, "message": ["a", {"b": 1}]},
        {**REMEDIATION, "message": True},
        {**REMEDIATION, "backup": {"a": 1}},
        {**REMEDIATION, "changes": [{"what": 1}]},
        {**REMEDIATION, "changes": 7},
        {**REMEDIATION, "attempted": "yes", "succeeded": [1]},
    ],
    ids=repr,
)
def test_whatever_a_node_said_of_its_remediation_the_evidence_of_all_can_be_read(tmp_path, noted):
    if isinstance(noted, dict):
        noted = {**noted, "follows": "first"}
    bad = {"gate_before": checked(record(-612.0)), "gate_remediation": noted}
    reported(tmp_path, bad=bad, good={"gate_before": checked(record())})
    saved = read_evidence(tmp_path / "report/evidence.json")
    again = judge_records(saved["nodes"], saved["judged_at"])["nodes"]
    assert {name: node["verdict"] for name, node in again.items()} == {"bad": "refuse", "good": "admit"}


def test_what_the_role_noted_of_a_remediation_is_kept(tmp_path):
    _, evidence, _ = reported(
        tmp_path, a={"gate_before": checked(record(-612.0)), "gate_remediation": {**REMEDIATION, "follows": "first"}}
    )
    assert evidence["nodes"]["a"]["remediation"] == REMEDIATION


def test_a_record_that_could_not_be_read_again_refuses_its_node_alone(tmp_path):
    broken = checked(record())
    broken["record"]["controller"] = {"before_ns": "now", "after_ns": 1}
    report, _, _ = reported(tmp_path, bad={"gate_before": broken}, good={"gate_before": checked(record())})
    assert (report["nodes"]["bad"]["refused_because"], report["nodes"]["good"]["verdict"]) == ("not_judged", "admit")
    assert "controller.before_ns: expected a whole number" in report["nodes"]["bad"]["findings"][0]["summary"]
    assert set(read_evidence(tmp_path / "report/evidence.json")["nodes"]) == {"bad", "good"}


def test_a_record_that_is_too_large_to_be_read_again_refuses_its_node_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "MAX_NODE_BYTES", 50_000)
    huge = {**record(), "evidence": {**record()["evidence"], "more": "x" * 50_000}}
    report, evidence, _ = reported(
        tmp_path, bad={"gate_before": checked(huge)}, good={"gate_before": checked(record())}
    )
    assert {name: node["verdict"] for name, node in report["nodes"].items()} == {"bad": "refuse", "good": "admit"}
    assert "expected at most 50000 bytes, found " in report["nodes"]["bad"]["findings"][0]["summary"]
    assert report["summary"] == {"admitted": 1, "refused": 0, "not_judged": 1}
    assert evidence["nodes"]["bad"]["evidence"] == {}


def test_a_check_of_an_earlier_run_or_of_an_earlier_check_does_not_count(tmp_path):
    bad, good = record(-612.0), record()
    hosts = {
        "earlier_run": {"gate_before": checked(good, follows="a run before")},
        "stale_second": {"gate_before": checked(bad, "second run"), "gate_after": checked_again(good)},
    }
    report, _, _ = reported(tmp_path, **hosts)
    assert {name: node["refused_because"] for name, node in report["nodes"].items()} == {
        "earlier_run": "not_judged",
        "stale_second": "failure",
    }
    assert report["nodes"]["stale_second"]["before"] is None


def test_a_remediation_of_an_earlier_check_is_no_part_of_this_one(tmp_path):
    hosts = {"a": {"gate_before": checked(record()), "gate_remediation": {**REMEDIATION, "follows": "another"}}}
    report, _, _ = reported(tmp_path, **hosts)
    assert report["nodes"]["a"]["remediation"] is None


@pytest.mark.parametrize("strategy", ["free", "ansible.builtin.host_pinned"])
def test_if_no_host_waits_for_another_there_is_no_report(tmp_path, strategy):
    result = answered(tmp_path, strategy, a={"gate_before": checked(record())})
    assert (result["files"], result["nodes"]) == ([], {})
    assert not (tmp_path / "report").exists()


@pytest.mark.usefixtures("of_a_run")
def test_if_no_host_waits_for_another_a_hosts_last_check_says_what_becomes_of_it(tmp_path):
    keep_checked("good", record(), "of good")
    keep_checked("bad", record(time_services=time_services()), "of bad")
    for host in ("good", "bad", "left"):
        answered(tmp_path, "free", **{host: {}})
    standings = {check_id: standing_of(check_id)[0].value for check_id in ("of good", "of bad", "none", "")}
    assert standings == {"of good": "admitted", "of bad": "refused", "none": "refused", "": "refused"}
    assert "time_service" in standing_of("of bad")[1]


@pytest.fixture
def of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has begun, in which the gate keeps its checks."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    begin_once("play", lambda: {"id": "run"})


def keep_checked(host: str, data: dict[str, Any], check_id: str = "first", follows: str = "run") -> None:
    keep(host, {**checked(data, check_id, follows), "address": "10.77.0.11"})


@pytest.mark.usefixtures("of_a_run")
def test_a_check_that_the_gate_kept_counts_whatever_the_hosts_variables_say(tmp_path):
    keep_checked("good", record())
    keep_checked("bad", record(time_services=time_services()))
    hosts = {"good": {}, "bad": {"gate_before": checked(record(), follows="run")}}
    report, evidence, _ = reported(tmp_path, **hosts)
    assert {name: node["verdict"] for name, node in report["nodes"].items()} == {"good": "admit", "bad": "refuse"}
    assert evidence["nodes"]["good"]["address"] == "10.77.0.11"


@pytest.mark.usefixtures("of_a_run")
def test_of_two_kept_checks_the_second_counts_if_it_repeats_the_first(tmp_path):
    for host, follows in (("fixed", "first"), ("stale", "another")):
        keep_checked(host, record(-612.0))
        keep_checked(host, record(), "second", follows)
    remediation = {**REMEDIATION, "succeeded": True, "follows": "first"}
    report, _, _ = reported(tmp_path, fixed={"gate_remediation": remediation}, stale={})
    assert {name: node["verdict"] for name, node in report["nodes"].items()} == {"fixed": "admit", "stale": "refuse"}
    assert report["nodes"]["fixed"]["before"]["verdict"] == "refuse"
    assert report["nodes"]["fixed"]["remediation"]["succeeded"]


@pytest.mark.usefixtures("of_a_run")
def test_why_the_report_refuses_a_host_is_kept_for_the_tasks_that_follow(tmp_path):
    keep_checked("good", record(), "of good")
    keep_checked("bad", record(time_services=time_services()), "of bad")
    reported(tmp_path, good={}, bad={}, left={})
    standing, refusal = standing_of("of bad")
    assert standing_of("of good") == (Standing.ADMITTED, "")
    assert standing is Standing.REFUSED
    assert refusal.startswith("Refused by time_service")
    assert f"{tmp_path}/report/report.txt" in refusal


@pytest.mark.usefixtures("of_a_run")
def test_a_kept_check_of_an_earlier_run_does_not_count(tmp_path):
    keep_checked("a", record())
    begin_once("the next play", lambda: {"id": "second run"})
    report, _, _ = reported(tmp_path, a={})
    assert report["nodes"]["a"]["findings"][0]["keys"] == ["not_checked"]
