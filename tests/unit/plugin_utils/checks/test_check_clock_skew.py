from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_skew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import Record

from tests.unit.plugin_utils.builders import (
    date_api,
    ntp_sample,
    ntp_server,
    policy,
    record,
    silent_sample,
)

TWO_CLIENTS = {"clients": ["argocd", "actions-runner-controller"]}


def judge(skew_s: float, settings: dict[str, Any] | None = None, **sections: Any) -> Finding:
    settings = policy(**(settings or {}))
    return clock_skew.judge(Record(record(skew_s, of_policy=settings, **sections)), Policy.from_json(settings))


JUDGED = {
    "no skew": (0.0, {}, "pass", "0.000 s"),
    "behind within the budget": (-80.0, {}, "pass", "80.000 s behind (±0.001 s)"),
    "ahead within the budget": (29.0, {}, "pass", "29.000 s ahead (±0.001 s)"),
    "behind by too much": (-612.0, {}, "fail", "612.000 s behind (±0.001 s): beyond argocd (90 s behind)"),
    "ahead by too much": (45.0, {}, "fail", "45.000 s ahead (±0.001 s): beyond argocd (30 s ahead)"),
    "beyond one client": (
        45.0,
        TWO_CLIENTS,
        "fail",
        "beyond argocd (30 s ahead); within actions-runner-controller (60 s ahead)",
    ),
    "behind one client": (
        -100.0,
        TWO_CLIENTS,
        "fail",
        "beyond argocd (90 s behind); within actions-runner-controller (480 s behind)",
    ),
    "beyond both clients": (
        -612.0,
        TWO_CLIENTS,
        "fail",
        "beyond argocd (90 s behind), actions-runner-controller (480 s behind)",
    ),
    "at the edge ahead": (30.5, {}, "inconclusive", "30.500 s ahead (±0.001 s): at the edge of argocd (30 s ahead)"),
    "at the edge behind": (-89.0, {}, "inconclusive", "at the edge of argocd (90 s behind)"),
    "one client failing, one at its edge": (
        60.5,
        TWO_CLIENTS,
        "fail",
        "60.500 s ahead (±0.001 s): beyond argocd (30 s ahead)",
    ),
    "a client without leeway ahead": (
        -0.0005,
        {"clients": ["zuul"]},
        "inconclusive",
        "at the edge of zuul (0 s ahead)",
    ),
    "within a limit of one's own": (0.2, {"max_skew_s": 0.5}, "pass", "0.200 s ahead"),
    "beyond a limit of one's own": (
        0.7,
        {"max_skew_s": 0.5},
        "fail",
        "beyond gate_max_skew_s (0.5 s ahead); within argocd (30 s ahead)",
    ),
    "behind a limit of one's own": (-0.7, {"max_skew_s": 0.5}, "fail", "beyond gate_max_skew_s (0.5 s behind)"),
    "at the edge of a limit of one's own": (
        0.5,
        {"max_skew_s": 0.5},
        "inconclusive",
        "at the edge of gate_max_skew_s (0.5 s ahead)",
    ),
    "a user's client": (
        8.0,
        {"clients": ["mine"], "client_profiles": {"mine": {"iat_s": -5, "exp_s": 60}}},
        "fail",
        "beyond mine (5 s ahead)",
    ),
}


@pytest.mark.parametrize(("skew_s", "settings", "state", "summary"), JUDGED.values(), ids=JUDGED)
def test_the_skew_is_judged_by_the_budget_of_every_client(skew_s, settings, state, summary):
    finding = judge(skew_s, settings)
    assert finding.state == state
    assert summary in finding.summary


def test_the_remedy_is_to_mend_the_clock():
    finding = judge(-612.0)
    assert "401" in finding.why
    assert "skewgate.preflight.remediate" in finding.remedy


def test_a_wide_interval_across_a_limit_is_inconclusive():
    servers = {"servers": [ntp_server("a", ntp_sample(29.5, there_s=3.0, back_s=3.0))]}
    finding = judge(29.5, ntp=servers, api_date={"apis": []})
    assert finding.state == "inconclusive"
    assert "at the edge of argocd (30 s ahead)" in finding.summary


def test_an_unknown_skew_is_inconclusive_and_says_why():
    finding = judge(0.0, ntp={"servers": [ntp_server("ntp1", silent_sample())]}, api_date={"apis": []})
    assert finding.state == "inconclusive"
    assert finding.summary == "the skew is unknown: no reference answered: ntp ntp1: no reply within 2 s"
    assert finding.seen["references"]["ntp ntp1"]["detail"] == "no reply within 2 s"
    assert "UDP 123" in finding.remedy


def test_a_falseticker_is_named_and_outvoted():
    servers = [ntp_server("a", ntp_sample()), ntp_server("liar", ntp_sample(server_off_s=600.0))]
    finding = judge(0.0, ntp={"servers": servers})
    assert finding.state == "pass"
    assert finding.summary.endswith("; the majority contradicts ntp liar")
    assert finding.seen["falsetickers"] == ["ntp liar"]


def test_two_servers_that_contradict_each_other_under_a_wide_third_admit_no_node():
    servers = [ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(server_off_s=-40.0))]
    taken = record(0.0, ntp={"servers": servers}, api_date={"apis": [date_api()]})
    slow_controller = {
        "before_ns": taken["controller"]["before_ns"] - 60 * 10**9,
        "after_ns": taken["controller"]["after_ns"],
    }
    finding = clock_skew.judge(Record({**taken, "controller": slow_controller}), Policy.from_json(policy()))
    assert finding.state == "inconclusive"


def test_a_finding_shows_what_is_left_of_each_budget():
    (argocd,) = judge(20.0).seen["budget"]
    assert (argocd["name"], argocd["ahead_limit_s"], argocd["behind_limit_s"]) == ("argocd", 30, 90)
    assert argocd["left_ahead_s"] == pytest.approx(10, abs=0.01)
    assert argocd["left_behind_s"] == pytest.approx(110, abs=0.01)
    assert argocd["source"].startswith("Argo CD")


def test_what_is_left_of_a_budget_is_what_is_left_at_worst():
    servers = {"servers": [ntp_server("a", ntp_sample(there_s=0.5, back_s=0.5))]}
    (argocd,) = judge(0.0, ntp=servers, api_date={"apis": []}).seen["budget"]
    assert (argocd["left_ahead_s"], argocd["left_behind_s"]) == (29.5, 89.5)


def test_a_finding_shows_which_other_clients_would_work_and_which_not():
    seen = judge(45.0).seen
    assert seen["other_clients_that_would_fail"]["flux"] == "90 s behind, 30 s ahead"
    assert seen["other_clients_that_would_pass"]["jenkins"] == "120 s behind, 120 s ahead"
    assert "argocd" not in seen["other_clients_that_would_fail"]


def test_the_clock_is_mended_by_chrony():
    assert clock_skew.MENDED_BY_CHRONY
