from __future__ import annotations

import json
import math
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_skew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.clock_skew import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NS, TRUE_NS, date_answer, date_api, ntp_sample, ntp_server, policy, record, silent_sample
from tests.findings import finding_of, unsaid

TWO_CLIENTS = {"clients": ["argocd", "coolify"]}


def judge(skew_s: float, settings: dict[str, Any] | None = None, **sections: Any) -> Finding:
    return finding_of(clock_skew, record(skew_s, of_policy=policy(**(settings or {})), **sections))


PASS = ("pass", None, ())
WIDE = "coolify"


def beyond(*about: str) -> tuple[str, Key, tuple[str, ...]]:
    return "fail", Key.BEYOND, about


def at_the_edge(*about: str) -> tuple[str, Key, tuple[str, ...]]:
    return "inconclusive", Key.AT_THE_EDGE, about


JUDGED = {  # the skew, the settings, the state with its key and whom that is about, and what the reader sees
    "no skew": (0.0, {}, PASS, ["0.000 s"]),
    "behind within the budget": (-80.0, {}, PASS, ["80.000 s behind (± 0.002 s)"]),
    "ahead within the budget": (29.0, {}, PASS, ["29.000 s ahead (± 0.002 s)"]),
    "behind by too much": (
        -612.0,
        {},
        beyond("argocd", "behind"),
        ["612.000 s behind (± 0.002 s)", "argocd (90 s behind)"],
    ),
    "ahead by too much": (45.0, {}, beyond("argocd", "ahead"), ["45.000 s ahead (± 0.002 s)", "argocd (30 s ahead)"]),
    "beyond one client": (
        45.0,
        TWO_CLIENTS,
        beyond("argocd", "ahead"),
        ["argocd (30 s ahead)", f"{WIDE} (60 s ahead)"],
    ),
    "behind one client": (
        -100.0,
        TWO_CLIENTS,
        beyond("argocd", "behind"),
        ["argocd (90 s behind)", f"{WIDE} (480 s behind)"],
    ),
    "beyond both clients": (
        -612.0,
        TWO_CLIENTS,
        beyond("argocd", WIDE, "behind"),
        ["argocd (90 s behind)", f"{WIDE} (480 s behind)"],
    ),
    "at the edge ahead": (
        30.5,
        {},
        at_the_edge("argocd", "ahead"),
        ["30.500 s ahead (± 0.002 s)", "argocd (30 s ahead)"],
    ),
    "at the edge behind": (-89.0, {}, at_the_edge("argocd", "behind"), ["argocd (90 s behind)"]),
    "one client failing, one at its edge": (
        60.5,
        TWO_CLIENTS,
        beyond("argocd", "ahead"),
        ["60.500 s ahead (± 0.002 s)", "argocd (30 s ahead)"],
    ),
    "a client without leeway ahead": (
        -0.0005,
        {"clients": ["zuul"]},
        ("inconclusive", Key.NO_LEEWAY, ("zuul",)),
        ["zuul (0 s ahead)"],
    ),
    "within the user's limit": (0.2, {"max_skew_s": 0.5}, PASS, ["0.200 s ahead"]),
    "beyond the user's limit": (
        0.7,
        {"max_skew_s": 0.5},
        beyond("gate_max_skew_s", "ahead"),
        ["gate_max_skew_s (0.5 s ahead)", "argocd (30 s ahead)"],
    ),
    "behind the user's limit": (
        -0.7,
        {"max_skew_s": 0.5},
        beyond("gate_max_skew_s", "behind"),
        ["gate_max_skew_s (0.5 s behind)"],
    ),
    "at the edge of the user's limit": (
        0.5,
        {"max_skew_s": 0.5},
        at_the_edge("gate_max_skew_s", "ahead"),
        ["gate_max_skew_s (0.5 s ahead)"],
    ),
    "within the limits of what else runs there": (0.01, {"limits": ["etcd", "ceph"]}, PASS, ["0.010 s ahead"]),
    "beyond a limit, within another": (
        0.3,
        {"limits": ["etcd", "ceph"]},
        beyond("ceph", "ahead"),
        ["ceph (0.025 s ahead)", "argocd (30 s ahead)", "etcd (0.5 s ahead)"],
    ),
    "at the edge of a limit": (-0.025, {"limits": ["ceph"]}, at_the_edge("ceph", "behind"), ["ceph (0.025 s behind)"]),
    "behind what has no limit there": (
        -612.0,
        {"limits": ["kubernetes-node-lease"]},
        beyond("argocd", "behind"),
        ["argocd (90 s behind)", "kubernetes-node-lease ("],
    ),
    "the user's limit against all nodes": (
        2.0,
        {"limits": ["mine"], "limit_profiles": {"mine": {"behind_s": 3, "ahead_s": 1}}},
        beyond("mine", "ahead"),
        ["mine (1 s ahead)"],
    ),
    "behind within the JWT's budget, beyond the installation token's": (
        -100.0,
        {"clients": ["pygithub", "argo-events", "octokit"]},
        beyond("pygithub", "argo-events", "behind"),
        [
            "pygithub (20 s behind, because of its installation token)",
            "argo-events (60 s behind, because of its installation token; it runs ghinstallation)",
            "within octokit (570 s behind)",
        ],
    ),
    "at the edge of the installation token's budget": (
        -20.5,
        {"clients": ["pygithub"]},
        at_the_edge("pygithub", "behind"),
        ["pygithub (20 s behind, because of its installation token)"],
    ),
    "ahead, where the installation token is no matter": (
        65.0,
        {"clients": ["pygithub"]},
        beyond("pygithub", "ahead"),
        ["pygithub (60 s ahead)"],
    ),
    "a client by another name": (
        45.0,
        {"clients": ["backstage"]},
        beyond("backstage", "ahead"),
        ["backstage (30 s ahead; it runs octokit)"],
    ),
    "a client that signs in two ways": (
        -100.0,
        {"clients": ["tekton"]},
        beyond("tekton", "behind"),
        [
            "tekton (90 s behind; it runs pipelines-as-code-token)",
            "tekton (300 s behind; it runs pipelines-as-code-jwt)",
        ],
    ),
    "a user's client that renews its token": (
        -12.0,
        {"clients": ["mine"], "client_profiles": {"mine": {"iat_s": -60, "exp_s": 540, "renew_before_s": 10}}},
        beyond("mine", "behind"),
        ["mine (10 s behind, because of its installation token)"],
    ),
    "a user's client": (
        8.0,
        {"clients": ["mine"], "client_profiles": {"mine": {"iat_s": -5, "exp_s": 60}}},
        beyond("mine", "ahead"),
        ["mine (5 s ahead)"],
    ),
}


@pytest.mark.parametrize(("skew_s", "settings", "outcome", "shown"), JUDGED.values(), ids=JUDGED)
def test_the_skew_is_judged_by_the_budget_of_every_client(skew_s, settings, outcome, shown):
    finding = judge(skew_s, settings)
    state, key, about = outcome
    assert (finding.state, finding.keys, finding.about) == (state, (key,) if key else (), about)
    assert not unsaid(finding.summary, *shown)


def test_what_the_clock_is_within_is_reported_after_what_it_is_beyond():
    finding = judge(0.3, {"clients": ["argocd", "zuul"], "limits": ["etcd", "ceph"]})
    rows = {row["name"]: row["outcome"] for row in finding.seen["budget"]}
    assert rows == {"argocd": "pass", "zuul": "inconclusive", "etcd": "pass", "ceph": "fail"}
    places = [finding.summary.index(f"{name} (") for name in ("ceph", "argocd", "etcd")]
    assert places == sorted(places)
    assert "zuul" not in finding.summary


def test_a_finding_says_which_of_a_clients_budgets_is_the_smaller():
    settings = {"clients": ["argocd", "keda", "githubkit", "pygithub"]}
    rows = {row["name"]: row for row in judge(0.0, settings).seen["budget"]}
    assert [(row["behind_by"], row["behind_limit_s"], row["jwt_behind_limit_s"]) for row in rows.values()] == [
        ("jwt", 90, 90),
        ("installation_token", 60, 90),
        ("reused_jwt", 60, 60),
        ("installation_token", 20, 300),
    ]
    assert (rows["keda"]["runs"], rows["keda"]["renew_before_s"]) == ("ghinstallation", 60)
    assert "renews 20 s before the end on the node's clock" in rows["pygithub"]["worst_case"]
    assert "worst_case" not in rows["argocd"]
    assert "transport" in rows["argocd"]["renewal_source"]


def test_if_only_the_installation_token_breaks_it_is_said_that_the_token_check_cannot_see_it():
    finding = judge(-100.0, {"clients": ["pygithub", "octokit"]})
    assert not unsaid(finding.why, "pygithub: ", "github_app_token may pass", "401 Bad credentials")
    assert "whose exp has passed" not in finding.why
    both = judge(-100.0, {"clients": ["pygithub", "argocd"]})
    assert not unsaid(both.why, "pygithub: ", "whose exp has passed")
    assert "argocd" not in both.why
    beyond_its_jwt_too = judge(-400.0, {"clients": ["pygithub"]})
    assert "github_app_token" not in beyond_its_jwt_too.why


def test_the_remedy_is_to_fix_the_clock():
    finding = judge(-612.0)
    assert "401" in finding.why
    assert "skewgate.preflight.remediate" in finding.remedy


def test_a_wide_interval_across_a_limit_is_inconclusive():
    servers = {"servers": [ntp_server("a", ntp_sample(29.5, there_s=3.0, back_s=3.0))]}
    finding = judge(29.5, ntp=servers, api_date={"apis": []})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.AT_THE_EDGE,))
    assert "argocd (30 s ahead)" in finding.summary


@pytest.mark.parametrize(
    ("skew_s", "asked_for", "not_asked_for"),
    [
        pytest.param(0.0, ["gate_ntp_servers", "nearer", "more"], "step", id="it may be right"),
        pytest.param(0.7, ["skewgate.preflight.remediate", "step"], "nearer", id="it is ahead"),
    ],
)
def test_a_clock_that_may_be_right_is_to_be_measured_better_and_not_stepped(skew_s, asked_for, not_asked_for):
    """One server, a Date and the controller leave a part of the Date's second open."""
    finding = judge(skew_s, {"max_skew_s": 0.6}, ntp={"servers": [ntp_server("ntp1", ntp_sample(skew_s))]})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.AT_THE_EDGE,))
    assert not unsaid(finding.remedy, *asked_for)
    assert not_asked_for not in finding.remedy


def test_an_unknown_skew_is_inconclusive_and_says_why():
    finding = judge(0.0, ntp={"servers": [ntp_server("ntp1", silent_sample())]}, api_date={"apis": []})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNKNOWN_NO_REFERENCE,))
    assert "ntp1: no reply within 2 s" in finding.summary
    assert finding.seen["references"]["ntp ntp1"]["detail"] == "no reply within 2 s"
    assert "UDP 123" in finding.remedy


def test_a_falseticker_is_named_and_outvoted():
    servers = [ntp_server("a", ntp_sample()), ntp_server("liar", ntp_sample(server_off_s=600.0))]
    finding = judge(0.0, ntp={"servers": servers})
    assert finding.state == "pass"
    assert finding.summary.endswith(" liar")
    assert "liar" not in judge(0.0).summary
    assert finding.seen["falsetickers"] == ["ntp liar"]


def test_two_servers_that_contradict_each_other_under_a_wide_third_admit_no_node():
    servers = [ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(server_off_s=-40.0))]
    taken = record(0.0, ntp={"servers": servers}, api_date={"apis": [date_api()]})
    slow_controller = {
        "before_ns": taken["controller"]["before_ns"] - 60 * 10**9,
        "after_ns": taken["controller"]["after_ns"],
    }
    finding = finding_of(clock_skew, {**taken, "controller": slow_controller})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.AT_THE_EDGE,))


def with_controller_off_by(off_s: float, *servers: dict[str, Any]) -> Finding:
    taken = record(0.0, ntp={"servers": list(servers)}, api_date={"apis": []})
    controller = {key: value + round(off_s * NS) for key, value in taken["controller"].items()}
    return finding_of(clock_skew, {**taken, "controller": controller})


def test_a_controller_that_is_outvoted_is_reported_with_its_skew():
    finding = with_controller_off_by(-612.0, ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample()))
    assert (finding.state, finding.seen["falsetickers"]) == ("pass", ["controller"])
    assert not unsaid(finding.summary, "controller", "612.000 s behind (± 1.002 s)")
    assert finding.seen["controller_skew_s"]["low"] == pytest.approx(-613, abs=0.01)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://ghes.example.net/api/v3", Key.UNKNOWN_DISAGREE),
        ("https://api.github.com", Key.CONTROLLER_DISAGREES),
    ],
)
@pytest.mark.parametrize("api_ahead_s", [-700, 120])
def test_the_controller_is_not_blamed_by_the_date_of_a_ghes_alone(api_ahead_s, url, key):
    api = date_api(date_answer(0.0, api_off_s=api_ahead_s), url=f"{url}/rate_limit")
    finding = judge(0.0, ntp={"servers": []}, api_date={"apis": [api]})
    assert (finding.state, finding.keys) == ("inconclusive", (key,))
    assert ("controller" in finding.remedy) == (key is Key.CONTROLLER_DISAGREES)


def test_one_server_against_the_controller_admits_nothing_and_says_what_to_add():
    finding = with_controller_off_by(45.0, ntp_server("a", ntp_sample()))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.CONTROLLER_DISAGREES,))
    assert not unsaid(finding.summary, " a [-0.001, 0.001], ", "controller [-46.000, -44.000]", "45.000 s ahead")
    assert not unsaid(finding.remedy, "controller", "gate_ntp_servers")


def test_two_servers_that_disagree_are_both_named_with_their_intervals():
    servers = [ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(server_off_s=40.0))]
    taken = {**record(0.0, ntp={"servers": servers}, api_date={"apis": []}), "controller": None}
    finding = finding_of(clock_skew, taken)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNKNOWN_DISAGREE,))
    assert not unsaid(finding.summary, " a [-0.001, 0.001], ", " b [-40.001, -39.999]")
    assert not unsaid(finding.remedy, "gate_ntp_servers", "gate_github_apps")


def test_a_clock_that_was_stepped_meanwhile_is_asked_for_again():
    finding = judge(0.0, ntp={"servers": [ntp_server("a", ntp_sample(0.0)), ntp_server("b", ntp_sample(5.0))]})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNKNOWN_MOVED,))
    assert "clock_movers" in finding.remedy


def test_evidence_that_cannot_be_read_is_inconclusive_with_a_key():
    finding = judge(0.0, ntp={"servers": [{"samples": 5}]})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNKNOWN_UNREADABLE,))
    assert "evidence.json" in finding.remedy


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


def test_of_the_other_clients_those_fail_whose_installation_token_would():
    seen = judge(-25.0).seen
    assert seen["other_clients_that_would_fail"]["pygithub"] == "20 s behind, 60 s ahead"
    assert seen["other_clients_that_would_pass"]["keda"] == "60 s behind, 30 s ahead"


def test_a_side_without_a_limit_is_null_in_the_report_and_never_breaks():
    finding = judge(0.0, {"limits": ["kubernetes-node-lease"]})
    lease = finding.seen["budget"][1]
    assert (lease["behind_limit_s"], lease["left_behind_s"], lease["ahead_limit_s"]) == (None, None, 40)
    json.dumps(finding.seen, allow_nan=False)


@pytest.mark.parametrize(
    ("skew_s", "settings", "keys", "about"),
    [
        (-612.0, {}, [Key.BEYOND], ["argocd", "behind"]),
        (-700.0, {}, [Key.BEYOND], ["argocd", "behind"]),
        (45.0, {"limits": ["etcd"]}, [Key.BEYOND], ["argocd", "etcd", "ahead"]),
        (30.5, {}, [Key.AT_THE_EDGE], ["argocd", "ahead"]),
        (0.3, {"limits": ["ceph"]}, [Key.BEYOND], ["ceph", "ahead"]),
        (0.0, {"clients": ["zuul"]}, [Key.NO_LEEWAY], ["zuul"]),
        (45.0, {"clients": ["zuul"]}, [Key.BEYOND, Key.NO_LEEWAY], ["zuul", "ahead"]),
    ],
)
def test_keys_and_whom_they_are_about_are_the_same_on_every_node_with_the_cause(skew_s, settings, keys, about):
    finding = judge(skew_s, settings)
    assert (finding.keys, finding.about) == (tuple(keys), tuple(about))
    assert "." not in finding.cause  # no figure of this node


def test_a_limit_that_is_broken_says_what_breaks():
    finding = judge(0.3, {"limits": ["ceph"], "max_skew_s": 0.1})
    assert not unsaid(finding.why, "ceph: ", "MON_CLOCK_SKEW", "gate_max_skew_s: ")
    assert "401" not in finding.why
    assert "skewgate.preflight.remediate" in finding.remedy


# The cluster's CA


def ca(*, created_ago_s: float, valid_s: float = 10 * 365 * 86400) -> dict[str, Any]:
    created_s = TRUE_NS / NS - created_ago_s
    return {"cluster_ca": {"file": "ca.crt", "not_before_s": created_s - 300, "not_after_s": created_s + valid_s}}


def test_a_node_further_behind_than_the_cas_age_and_five_minutes_is_refused():
    settings = {"clients": ["coolify"], **ca(created_ago_s=60)}
    assert judge(-355.0, settings).state == "pass"
    finding = judge(-365.0, settings)
    assert (finding.state, finding.keys, finding.about) == ("fail", (Key.BEYOND,), ("cluster CA", "behind"))
    assert "cluster CA (360 s behind)" in finding.summary
    assert "skewgate.preflight.remediate" in finding.remedy
    assert judge(-365.0, {**settings, **ca(created_ago_s=3600)}).state == "pass"


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(ca(created_ago_s=100 * 86400, valid_s=10 * 86400), id="expired"),
        pytest.param(ca(created_ago_s=-3600), id="made by a machine whose clock is an hour ahead"),
    ],
)
def test_a_ca_that_is_not_valid_at_the_true_time_is_not_blamed_on_the_clock(times):
    finding = judge(0.0, times)
    assert (finding.state, finding.keys, finding.beyond_remediation) == ("fail", (Key.CA_NOT_VALID,), True)
    assert "gate_cluster_ca_file" in finding.remedy
    assert "remediate" not in finding.remedy


# Clients that tolerate no clock ahead


def test_a_client_without_leeway_is_at_fault_if_the_clock_is_as_right_as_can_be_measured():
    finding = judge(0.0, {"clients": ["zuul", "argocd"]})
    assert (finding.state, finding.keys, finding.about) == ("inconclusive", (Key.NO_LEEWAY,), ("zuul",))
    assert "0.10%" in finding.why
    assert not unsaid(finding.remedy, "zuul", "60 s", "gate_client_profiles", "iat_s: -1")
    assert "remediate" not in finding.remedy
    assert finding.beyond_remediation


def test_a_clock_that_is_further_ahead_is_to_be_fixed_as_well():
    finding = judge(1.5, {"clients": ["zuul"]})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.AT_THE_EDGE, Key.NO_LEEWAY))
    assert not unsaid(finding.remedy, "skewgate.preflight.remediate", "60 s", "iat_s: -1")
    assert not finding.beyond_remediation


@given(ahead_s=st.floats(0.0, 1.0), way_s=st.floats(0, 0.3), now_s=st.floats(0, 1000))
def test_no_more_of_a_clients_jwts_are_refused_than_the_finding_says(ahead_s, way_s, now_s):
    """GitHub refuses an iat beyond its own whole second:
    only within the last ``ahead_s`` of a second, and less with latency.
    """
    refused = math.floor(now_s + ahead_s) > math.floor(now_s + way_s)
    assert not refused or 1 - now_s % 1 <= ahead_s + 1e-9


def test_the_clock_is_fixed_by_chrony():
    assert clock_skew.REMEDIABLE


def where_the_api_is_ahead(
    api_ahead_s: float, skew_s: float = 0.0, url: str = "https://ghes.example.net/api/v3"
) -> Finding:
    """A node with two NTP servers that agree, and an API whose own clock does not."""
    servers = {"servers": [ntp_server(name, ntp_sample(skew_s)) for name in "ab"]}
    answer = date_answer(skew_s, api_off_s=api_ahead_s)
    return judge(skew_s, TWO_CLIENTS, ntp=servers, api_date={"apis": [date_api(answer, url=f"{url}/rate_limit")]})


@pytest.mark.parametrize(
    ("api_ahead_s", "refused"),
    [
        pytest.param(-700, "argocd, coolify", id="far behind: every JWT is of its future"),
        pytest.param(-45, "argocd", id="behind by more than one client dates iat back"),
        pytest.param(120, "argocd", id="ahead by more than one client's JWTs live"),
        pytest.param(700, "argocd, coolify", id="far ahead: every JWT is over"),
    ],
)
def test_an_api_whose_clock_is_wrong_is_named_and_the_node_is_not_to_be_changed(api_ahead_s, refused):
    finding = where_the_api_is_ahead(api_ahead_s)
    assert (finding.state, finding.keys, finding.about) == ("fail", (Key.API_CLOCK,), ("ghes.example.net",))
    assert finding.beyond_remediation
    assert not unsaid(finding.summary, "ghes.example.net", refused)
    assert "Management Console" in finding.remedy


def test_an_api_whose_clock_is_a_little_off_is_named_and_refuses_nothing():
    finding = where_the_api_is_ahead(20)
    assert finding.state == "pass"
    assert "ghes.example.net" in finding.summary


def test_a_node_and_an_api_that_are_both_off_are_both_named_and_the_node_can_be_changed():
    finding = where_the_api_is_ahead(700, -612.0)
    assert (finding.state, finding.keys) == ("fail", (Key.BEYOND, Key.API_CLOCK))
    assert not finding.beyond_remediation


@pytest.mark.parametrize(("api_ahead_s", "skew_s"), [(20, -612.0), (20, 100.0), (-20, 40.0)])
def test_an_api_is_not_blamed_for_what_only_the_nodes_clock_breaks(api_ahead_s, skew_s):
    finding = where_the_api_is_ahead(api_ahead_s, skew_s)
    assert (finding.state, finding.keys) == ("fail", (Key.BEYOND,))
    assert "Management Console" not in finding.remedy


@pytest.mark.parametrize(("api_ahead_s", "skew_s"), [(-120, -100.0), (120, 100.0)])
def test_an_api_that_is_off_as_the_node_is_named_before_the_node_is_fixed(api_ahead_s, skew_s):
    finding = where_the_api_is_ahead(api_ahead_s, skew_s)
    assert (finding.state, finding.keys) == ("fail", (Key.BEYOND, Key.API_CLOCK))
    assert not finding.beyond_remediation


def test_a_clock_within_all_budgets_is_still_refused_by_an_api_that_it_is_too_far_from():
    finding = where_the_api_is_ahead(-20, 20.0)
    assert (finding.state, finding.keys) == ("fail", (Key.API_CLOCK,))
    assert finding.beyond_remediation


def test_a_node_at_the_edge_beside_a_wrong_api_is_called_at_the_edge():
    finding = where_the_api_is_ahead(700, 30.5)
    assert (finding.state, finding.keys) == ("fail", (Key.AT_THE_EDGE, Key.API_CLOCK))


def test_a_clock_that_contradicts_githubs_own_is_to_be_compared_and_not_githubs():
    finding = where_the_api_is_ahead(700, url="https://api.acme.ghe.com")
    assert finding.keys == (Key.API_CLOCK,)
    assert "gate_ntp_servers" in finding.remedy
