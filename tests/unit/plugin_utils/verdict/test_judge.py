from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils import checks
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_skew, github_app_token, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import chrony as of_chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict import judge
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import chrony_can_help, judge_record

from tests.builders import (
    CHECKS,
    attempt,
    chrony,
    ntp_server,
    policy,
    record,
    step,
    time_services,
    tracking,
    unreached,
    without_evidence,
)
from tests.findings import unsaid
from tests.paths import SAMPLES


def sample(name: str) -> dict[str, Any]:
    """What a real node of the lab showed, shortened."""
    return json.loads((SAMPLES / f"{name}.json").read_text())


def by_check(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in report["findings"]}


def states(report: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["state"] for finding in report["findings"]}


ALL_PASS = dict.fromkeys(CHECKS, "pass")

# Real nodes


@pytest.mark.parametrize(
    ("name", "verdict", "cause", "skew_s", "changed"),
    [
        pytest.param("good", "admit", None, 0.0, {}, id="a good node"),
        pytest.param("remediated", "admit", None, 0.0, {}, id="a node that the gate has fixed"),
        pytest.param(
            "behind_without_daemon",
            "refuse",
            "failure",
            -612.0,
            {
                "clock_skew": "fail",
                "github_app_token": "fail",
                "time_service": "fail",
                "ntp_sources": "skipped",
                "sync_state": "skipped",
            },
            id="a node without NTP, 612 s behind",
        ),
        pytest.param(
            "ahead_with_dead_source",
            "refuse",
            "failure",
            45.0,
            {"clock_skew": "fail", "github_app_token": "fail", "ntp_sources": "fail", "sync_state": "skipped"},
            id="a node whose only source is dead, 45 s ahead",
        ),
    ],
)
def test_real_nodes_are_judged_by_what_is_wrong_with_them(name, verdict, cause, skew_s, changed):
    data = sample(name)
    report = judge_record(data)
    assert (report["verdict"], report["refused_because"]) == (verdict, cause)
    # The checks of the day when the evidence was taken.
    assert states(report) == {**dict.fromkeys(data["policy"]["checks"], "pass"), **changed}
    assert report["skew_s"]["low"] - 0.01 < skew_s < report["skew_s"]["high"] + 0.01
    assert report["skew_s"]["high"] - report["skew_s"]["low"] < 0.02


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "behind_without_daemon",
            "401 'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires",
        ),
        (
            "ahead_with_dead_source",
            "401 'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ),
    ],
)
def test_on_real_skewed_nodes_the_clock_is_proved_to_be_the_sole_cause_in_githubs_words(name, words):
    found = by_check(judge_record(sample(name)))["github_app_token"]
    assert (found["state"], found["keys"], found["about"]) == ("fail", [github_app_token.Key.CLOCK], ["deploy"])
    assert words in found["summary"]
    assert found["seen"]["apps"][0]["blame"] == github_app_token.Key.CLOCK
    assert "skewgate.preflight.remediate" in found["remedy"]


def test_a_real_node_ahead_breaks_one_client_and_not_the_other():
    found = by_check(judge_record(sample("ahead_with_dead_source")))["clock_skew"]
    assert (found["keys"][0], found["about"]) == (clock_skew.Key.BEYOND, ["argocd", "ahead"])
    # The recording does not say what the node is.
    assert {*found["keys"][1:]} == {clock_skew.Key.NOT_BACK_WIREGUARD, clock_skew.Key.NOT_BACK_JOINED}
    assert not unsaid(found["summary"], "argocd (30 s ahead)", "actions-runner-controller (60 s ahead)")


def test_the_same_record_is_judged_the_same_again():
    assert judge_record(sample("good")) == judge_record(json.loads(json.dumps(sample("good"))))


# Verdicts


def test_a_node_whose_every_required_check_passes_is_admitted():
    report = judge_record(record())
    assert (report["verdict"], report["refused_because"]) == ("admit", None)
    assert states(report) == ALL_PASS
    assert [finding["check"] for finding in report["findings"]] == list(CHECKS)
    assert report["judged_at"] == "2026-11-22T08:35:36Z"


NO_SUCH_KEY = [
    {"name": "deploy", "attempts": [attempt("now", step("token", 401, "A JSON web token could not be decoded"))]}
]
RATE_LIMIT = [{"name": "deploy", "attempts": [attempt("now", step("token", 429))]}]


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        pytest.param(record(github_apps=NO_SUCH_KEY), "failure", id="a failure"),
        pytest.param(record(github_apps=RATE_LIMIT), "not_judged", id="inconclusive"),
        pytest.param(
            record(github_apps=RATE_LIMIT, time_services=time_services()), "failure", id="a failure beside inconclusive"
        ),
        pytest.param(record(ntp=None), "not_judged", id="a section missing"),
        pytest.param(unreached(), "not_judged", id="unreachable"),
        pytest.param(without_evidence("no python"), "not_judged", id="the module failed"),
    ],
)
def test_what_does_not_pass_refuses_and_the_cause_distinguishes_failure_from_not_knowing(data, cause):
    report = judge_record(data)
    assert (report["verdict"], report["refused_because"]) == ("refuse", cause)


@pytest.mark.parametrize(
    "failing",
    [
        pytest.param({"github_apps": NO_SUCH_KEY}, id="a failure"),
        pytest.param({"github_apps": RATE_LIMIT}, id="inconclusive"),
        pytest.param({"github_apps": None}, id="missing"),
    ],
)
def test_an_advisory_check_is_reported_and_never_refuses(failing):
    report = judge_record(record(of_policy=policy(advisory_checks=["github_app_token"]), **failing))
    assert (report["verdict"], report["refused_because"]) == ("admit", None)
    found = by_check(report)["github_app_token"]
    assert found["state"] != "pass"
    assert found["required"] is False


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"checks": ["reachable"]}, id="reachable alone"),
        pytest.param({"checks": []}, id="none"),
        pytest.param({"checks": ["clock_skew"], "advisory_checks": ["clock_skew"]}, id="advisory ones alone"),
    ],
)
def test_a_node_of_which_nothing_required_was_judged_is_refused(settings):
    report = judge_record(record(of_policy=policy(**settings)))
    assert (report["verdict"], report["refused_because"]) == ("refuse", "not_judged")


def test_a_check_that_this_version_does_not_know_refuses_what_was_to_be_judged_by_it():
    report = judge_record(record(of_policy=policy(checks=[*CHECKS, "leap_seconds"])))
    assert (report["verdict"], report["refused_because"]) == ("refuse", "not_judged")
    found = by_check(report)["leap_seconds"]
    assert (found["state"], found["keys"], found["about"]) == (
        "inconclusive",
        [CommonKey.UNKNOWN_CHECK],
        ["leap_seconds"],
    )


def test_reachable_is_judged_though_it_was_not_asked_for():
    report = judge_record(record(of_policy=policy(checks=["clock_skew"])))
    assert list(states(report)) == ["reachable", "clock_skew"]
    assert report["verdict"] == "admit"


# Isolation


@pytest.mark.parametrize(
    ("section", "failed"),
    [
        *((name, True) for name in ("clock", "time_services", "chrony", "ntp", "api_date", "github_apps")),
        *(
            (name, False)
            for name in ("collected", "clock", "time_services", "chrony", "ntp", "api_date", "github_apps")
        ),
    ],
)
def test_a_check_without_its_evidence_is_inconclusive_and_the_others_are_judged(section, failed):
    report = judge_record(record(**{section: {"error": "OSError: it broke"} if failed else None}))
    assert report["verdict"] == "refuse"
    found = by_check(report)
    for name, check in checks.discover().items():
        if section in checks.sections_of(check):
            # Both ask the same daemon: one of them reports it.
            reported = (section, name) != ("chrony", "sync_state")
            assert found[name]["state"] == ("inconclusive" if reported else "skipped")
            assert ("it broke" if failed else f"'{section}'") in found[name]["summary"]
            assert found[name]["keys"] == [
                CommonKey.MISSING_EVIDENCE if reported else sync_state.Key.DAEMON_SAID_NOTHING
            ]
            assert found[name]["about"] == [section]
        elif name != "reachable":
            assert found[name]["state"] == "pass", found[name]["summary"]


BROKEN = {
    "a sample without bytes": {
        "ntp": {"servers": [ntp_server("a", {"address": "a", "t1_wall_ns": 1, "t1_mono_ns": 1})]}
    },
    "servers that are no list": {"ntp": {"servers": 7}},
    "a Date that is a number": {"api_date": {"apis": [{"url": "u", "answers": [{"date": 7, "verified": True}]}]}},
    "clocks without readings": {"collected": {"python": "3.11.2", "euid": 0}},
}


@pytest.mark.parametrize("sections", BROKEN.values(), ids=BROKEN)
def test_evidence_of_a_form_that_is_not_known_refuses_the_node_and_ends_nothing(sections):
    report = judge_record(record(**sections))
    assert (report["verdict"], report["refused_because"], report["skew_s"]) == ("refuse", "not_judged", None)
    found = by_check(report)
    assert found["clock_skew"]["state"] == "inconclusive"
    assert found["clock_skew"]["keys"] == [clock_skew.Key.UNKNOWN_UNREADABLE]
    assert re.search(r": \w+Error: ", found["clock_skew"]["summary"])
    assert found["time_service"]["state"] == "pass"


def test_servers_that_were_asked_are_not_said_to_be_missing_if_their_answers_cannot_be_read():
    found = by_check(judge_record(record(**BROKEN["a sample without bytes"])))["ntp_servers"]
    assert (found["state"], found["keys"], found["about"]) == ("inconclusive", [CommonKey.MISSING_EVIDENCE], ["ntp"])
    assert "KeyError: 'sent_hex'" in found["summary"]


@pytest.mark.parametrize("section", ["time_services", "clock_movers", "chrony", "ntp"])
def test_without_root_what_to_do_about_missing_evidence_begins_with_root(section):
    collected = record()["evidence"]["collected"]
    as_root, without_root = (
        judge_record(record(**{section: {"error": "denied"}, "collected": {**collected, "euid": euid}}))
        for euid in (0, 1000)
    )
    for name, finding in by_check(without_root).items():
        if finding["keys"] == [CommonKey.MISSING_EVIDENCE]:
            assert finding["state"] == "inconclusive"
            assert "`become: true`" in finding["remedy"]
            if section != "clock_movers":
                assert "`become: true`" not in by_check(as_root)[name]["remedy"]
    assert without_root["verdict"] == "refuse"


def test_a_mistake_in_a_check_is_inconclusive_and_hides_no_other(monkeypatch):
    def mistaken(record, policy):  # noqa: ARG001
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(checks.discover()["time_service"], "judge", mistaken)
    report = judge_record(record())
    assert states(report) == {**ALL_PASS, "time_service": "inconclusive"}
    found = by_check(report)["time_service"]
    assert (found["keys"], found["about"]) == ([CommonKey.CHECK_FAILED], ["ZeroDivisionError"])
    assert found["summary"].endswith("ZeroDivisionError: division by zero")
    assert "division" not in found["cause"]
    assert report["refused_because"] == "not_judged"
    assert not chrony_can_help(report)


def test_of_a_node_that_was_not_reached_only_that_is_judged():
    report = judge_record(unreached("No route to host"))
    assert states(report) == {**dict.fromkeys(CHECKS, "skipped"), "reachable": "inconclusive"}
    others = [finding for finding in report["findings"] if finding["check"] != "reachable"]
    assert {key for finding in others for key in finding["keys"]} == {CommonKey.NOT_REACHED}
    assert "No route to host" in by_check(report)["reachable"]["summary"]
    assert report["skew_s"] is None


# Whether chrony can help


@pytest.mark.parametrize(
    ("data", "helps"),
    [
        pytest.param(sample("behind_without_daemon"), True, id="no daemon"),
        pytest.param(sample("ahead_with_dead_source"), True, id="a dead source"),
        pytest.param(record(chrony=chrony(tracking(system_time_s=5.0))), True, id="a slewing chronyd"),
        pytest.param(record(ntp=None), True, id="an unknown skew"),
        pytest.param(record(), False, id="a good node"),
        pytest.param(record(of_policy=policy(clients=["zuul"])), False, id="a client that tolerates no clock"),
        pytest.param(record(github_apps=NO_SUCH_KEY), False, id="a wrong credential"),
        pytest.param(unreached(), False, id="unreachable"),
        pytest.param(without_evidence("no python"), False, id="the module failed"),
        pytest.param(
            record(
                time_services=time_services(),
                of_policy=policy(
                    advisory_checks=[
                        "time_service",
                        "chrony_config",
                        "config_in_use",
                        "next_boot",
                        "ntp_sources",
                        "sync_state",
                    ]
                ),
            ),
            False,
            id="advisory findings alone",
        ),
    ],
)
def test_chrony_helps_if_a_required_finding_is_about_the_clock(data, helps):
    assert chrony_can_help(judge_record(data)) is helps


# The checks themselves


def test_every_check_declares_its_needs():
    assert CHECKS[0] == "reachable"
    for check in checks.discover().values():
        assert isinstance(check.NEEDS, tuple)
        assert isinstance(check.REMEDIABLE, bool)


def test_every_finding_that_is_no_pass_says_why_and_what_to_do():
    """Of all nodes of this file; Finding refuses to be made otherwise, and judge makes some too."""
    nodes = [sample("behind_without_daemon"), sample("ahead_with_dead_source"), unreached(), record(ntp=None)]
    nodes += [record(**sections) for sections in BROKEN.values()]
    reported = [finding for node in nodes for finding in judge_record(node)["findings"] if finding["state"] != "pass"]
    assert {finding["state"] for finding in reported} == {"fail", "inconclusive", "skipped"}
    assert all(finding["why"] and finding["remedy"] and "\n" not in finding["summary"] for finding in reported)


def test_the_judge_is_pure(monkeypatch):
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("judging opened a file"))
    data = sample("behind_without_daemon")
    before = json.dumps(data)
    judge.judge_record(data)
    assert json.dumps(data) == before


def test_a_node_is_judged_by_one_reading_of_its_configuration(monkeypatch):
    read = []
    monkeypatch.setattr(of_chrony, "read_config", lambda section: read.append(section) or read_config(section))
    node = Record(record())
    judge_record(node)
    assert len(read) == 1


def test_a_number_that_json_does_not_have_is_null_in_what_was_seen():
    entry = judge_record(record(chrony=chrony(tracking(root_delay_s=float("nan")))))
    json.dumps(entry, allow_nan=False)
    assert entry["verdict"] == "refuse"
