from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import refusing_findings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.root_cause import causes, short

from tests.builders import record, time_services, unreached
from tests.reports import finding


def off(check: str, *keys: str, state: str = "fail") -> dict[str, Any]:
    return {**finding(check, state), "keys": list(keys)}


CLOCK = off("clock_skew", "beyond")
TOKEN = off("github_app_token", "clock")
NO_DAEMON = off("time_service", "none_installed")


def shape(*findings: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Each root cause with what follows from it, by the names of the checks."""
    return [(cause.root["check"], [each["check"] for each in cause.leads_to]) for cause in causes(findings)]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([CLOCK, TOKEN], [("clock_skew", ["github_app_token"])]),
        ([CLOCK, TOKEN, NO_DAEMON], [("time_service", ["clock_skew", "github_app_token"])]),
        ([off("clock_skew", "beyond", "not_back_joined"), NO_DAEMON], [("time_service", ["clock_skew"])]),
        (
            [CLOCK, off("ntp_servers", "udp_123_blocked"), off("ntp_sources", "no_source_answers")],
            [("ntp_servers", ["clock_skew", "ntp_sources"])],
        ),
        (
            [off("clock_skew", "unknown_no_reference", state="inconclusive"), off("ntp_servers", "no_route")],
            [("ntp_servers", ["clock_skew"])],
        ),
        (
            [off("clock_skew", "api_clock"), off("github_app_token", "api_clock")],
            [("clock_skew", ["github_app_token"])],
        ),
    ],
    ids=[
        "a clock",
        "no daemon",
        "no daemon, and the clock must not be stepped",
        "a firewall",
        "no reference",
        "the API's clock",
    ],
)
def test_what_follows_from_another_finding_stands_with_it(findings: Any, expected: Any) -> None:
    assert shape(*findings) == expected


def test_checks_that_say_the_same_are_one_cause() -> None:
    malformed = {"cause": "evidence is missing", "summary": "processes[0].argv: expected a list", "remedy": "Look."}
    said = [{**off(check, "malformed", state="inconclusive"), **malformed} for check in ("next_boot", "sync_state")]
    another = {
        **off("time_service", "malformed", state="inconclusive"),
        **malformed,
        "summary": "uid: expected a number",
    }
    assert [cause.checks for cause in causes([*said, another])] == [["next_boot", "sync_state"], ["time_service"]]
    assert short([*said, another]).endswith("(and 1 more)")


@pytest.mark.parametrize(
    "token",
    [off("github_app_token", "not_the_clock"), off("github_app_token", "clock_and_credential")],
    ids=["another cause", "both"],
)
def test_a_credential_that_does_not_work_is_a_cause_beside_the_clock(token: dict[str, Any]) -> None:
    assert shape(CLOCK, token) == [("clock_skew", []), ("github_app_token", [])]


def test_of_two_apps_one_whose_key_is_wrong_too_is_a_cause() -> None:
    two = off("github_app_token", "clock", "not_the_clock")
    assert ("github_app_token", []) in shape(CLOCK, two)


@pytest.mark.parametrize("state", ["inconclusive", "skipped"])
def test_only_a_failure_explains_another_finding(state: str) -> None:
    assert sorted(shape(CLOCK, {**NO_DAEMON, "state": state})) == [("clock_skew", []), ("time_service", [])]


def test_a_failure_comes_before_what_is_not_known_and_what_leads_to_more_before_the_others() -> None:
    unknown, config = off("config_in_use", "x", state="inconclusive"), off("chrony_config", "error")
    assert [root for root, _ in shape(unknown, config, CLOCK)] == ["clock_skew", "chrony_config", "config_in_use"]
    assert [root for root, _ in shape(config, CLOCK, TOKEN, NO_DAEMON)] == ["time_service", "chrony_config"]


def test_the_short_form_names_the_first_cause_and_the_clock_that_follows() -> None:
    assert short([CLOCK, TOKEN, NO_DAEMON]) == f"{NO_DAEMON['cause']}; {CLOCK['cause']}"
    assert short([CLOCK, off("chrony_config", "error")]) == f"{CLOCK['cause']} (and 1 more)"


@pytest.mark.parametrize(
    ("data", "roots"),
    [
        (record(-612.0), ["clock_skew", "sync_state"]),
        (record(-612.0, time_services=time_services()), ["time_service"]),
    ],
    ids=["off", "off without a daemon"],
)
def test_the_findings_of_real_checks_have_their_roots(data: dict[str, Any], roots: list[str]) -> None:
    assert [root for root, _ in shape(*refusing_findings(judge_record(data)))] == roots


def test_every_finding_that_refuses_is_in_one_cause_whatever_its_state() -> None:
    for data in (record(-612.0), record(time_services=time_services()), unreached("no route")):
        found = refusing_findings(judge_record(data))
        parts = [each["check"] for cause in causes(found) for each in (cause.root, *cause.leads_to)]
        assert sorted(parts) == sorted(each["check"] for each in found)
        assert set(parts) <= {*discover()}
