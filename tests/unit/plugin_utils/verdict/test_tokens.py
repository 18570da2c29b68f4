"""A node that sent its JWT alone is admitted by the nodes of its network that minted the token,
and by nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import read_time
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import without_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records, node_entry
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.tokens import Tokens, awaits_others
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    accepted,
    accepted_steps,
    app,
    attempt,
    failed_step,
    not_sent,
    policy,
    record,
    step,
    unreached,
)
from tests.reports import text_of

AT = "2026-11-22T09:00:00Z"
CLOCK = step("token", 401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
ALLOW_LIST = step("token", 403, "The `acme` organization has an IP allow list enabled")

Node = dict[str, Any]


def node(*attempts: dict[str, Any], address: str | None = None, skew_s: float = 0.0, **more: Any) -> Node:
    taken = [{"name": "deploy", "attempts": list(attempts)}]
    return {**record(skew_s, github_apps=taken), "address": address, **more}


def alone(address: str | None = None, label: str = "now", **more: Any) -> Node:
    return node(attempt(label, step("installation")), address=address, **more)


def minted(address: str | None = None) -> Node:
    return node(accepted(), address=address)


def refused(address: str | None = None, answer: dict[str, Any] = ALLOW_LIST) -> Node:
    return node(attempt("now", answer), address=address)


def not_judged(address: str | None = None) -> Node:
    return node(attempt("now", failed_step("token", "dns", "no such name")), address=address)


def finding(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (f for f in report["nodes"][name]["findings"] if f["check"] == "github_app_token")
    return found


def judged(**nodes: Node) -> dict[str, Any]:
    return judge_records(nodes, AT)


A, A2, B, C = "10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.3.1"


def test_by_itself_such_a_node_is_refused_as_not_judged_and_waits_for_the_report() -> None:
    by_itself = judge_record(alone())
    assert (by_itself["verdict"], by_itself["refused_because"]) == ("refuse", "not_judged")
    assert awaits_others(by_itself)
    assert not awaits_others(judge_record(minted()))
    assert not awaits_others(judge_record(refused()))
    assert not awaits_others(judge_record(alone(skew_s=-612)))


@pytest.mark.parametrize(
    ("others", "verdict", "key"),
    [
        pytest.param({"m": minted(A2)}, "admit", "token_minted_elsewhere", id="minted in its network"),
        pytest.param({"m": minted(B)}, "admit", "token_minted_elsewhere", id="nobody of its network tried"),
        pytest.param({}, "refuse", "token_not_minted", id="nobody tried"),
        pytest.param({"o": alone(A2)}, "refuse", "token_not_minted", id="two that rely on each other"),
        pytest.param({"u": unreached()}, "refuse", "token_not_minted", id="who should have minted was not reached"),
        pytest.param({"n": not_judged(A2)}, "refuse", "token_not_minted", id="no answer of GitHub's"),
        pytest.param({"r": refused(A2)}, "refuse", "token_refused_elsewhere", id="refused in its network"),
        pytest.param(
            {"r": refused(A2), "m": minted(B)}, "refuse", "token_refused_elsewhere", id="refused here, minted there"
        ),
        pytest.param(
            {"r": refused(A2), "m": minted(A2)}, "refuse", "token_refused_elsewhere", id="both in its network"
        ),
        pytest.param({"m": minted(A2), "r": refused(B)}, "admit", "token_minted_elsewhere", id="refused elsewhere"),
        pytest.param(
            {"m": minted(B), "r": refused(C)},
            "refuse",
            "token_refused_elsewhere",
            id="others differ, its own is untried",
        ),
        pytest.param(
            {"n": not_judged(A2), "m": minted(B)}, "admit", "token_minted_elsewhere", id="not judged is not tried"
        ),
        pytest.param(
            {"c": node(not_sent(), attempt("node_clock", CLOCK), attempt("true_time", *accepted_steps()), address=A2)},
            "admit",
            "token_minted_elsewhere",
            id="minted with a JWT of the true time",
        ),
    ],
)
def test_a_node_that_sent_the_jwt_alone(others: dict[str, Node], verdict: str, key: str) -> None:
    report = judged(x=alone(A), **others)
    assert (report["nodes"]["x"]["verdict"], finding(report, "x")["keys"]) == (verdict, [key, "accepted"])
    if verdict == "refuse":
        assert report["nodes"]["x"]["refused_because"] == "not_judged"
        assert report["exit_code"] != 0


def test_what_came_of_the_token_before_a_remediation_counts_if_the_second_check_minted_none() -> None:
    report = judged(x=alone(A), y={**alone(A2), "before": minted()})
    assert {name: each["verdict"] for name, each in report["nodes"].items()} == {"x": "admit", "y": "admit"}
    report = judged(x=alone(A), y={**refused(A2), "before": minted()})
    assert report["nodes"]["x"]["verdict"] == "refuse"


def test_the_token_of_another_app_or_with_other_permissions_proves_nothing() -> None:
    for change in ({"permissions": {"contents": "write"}}, {"installation_id": "7"}, {"api_url": "https://g/api/v3"}):
        other = {**minted(A2), "policy": policy(github_apps=[{**app(), **change}])}
        assert finding(judged(x=alone(A), y=other), "x")["keys"][0] == "token_not_minted"
    renamed = minted(A2)
    renamed["policy"] = policy(github_apps=[{**app(), "name": "other name"}])
    renamed["evidence"]["github_apps"][0]["name"] = "other name"
    assert judged(x=alone(A), y=renamed)["verdict"] == "admit"


def test_a_node_whose_clock_is_refused_is_refused_whatever_others_minted() -> None:
    late = node(not_sent(), attempt("node_clock", step("installation", 401, CLOCK["message"])), skew_s=-612, address=A)
    report = judged(x=late, m=minted(A2))
    assert report["nodes"]["x"]["refused_because"] == "failure"


def test_an_app_that_is_wrong_refuses_beside_one_that_is_left_to_others() -> None:
    both = alone(A)
    both["policy"] = policy(github_apps=[app(), {**app("charts"), "installation_id": "7"}])
    both["evidence"]["github_apps"].append({"name": "charts", "attempts": [attempt("now", ALLOW_LIST)]})
    assert not awaits_others(judge_record(both))
    found = finding(judged(x=both, m=minted(A2)), "x")
    assert (found["state"], found["about"][0]) == ("fail", "charts")
    assert found["summary"].startswith("charts: not the clock")


def test_two_apps_that_are_left_to_others_are_settled_each_by_its_own_token() -> None:
    two = policy(github_apps=[app(), {**app("charts"), "installation_id": "7"}])
    both = {**alone(A), "policy": two}
    both["evidence"]["github_apps"].append({"name": "charts", "attempts": [attempt("now", step("installation"))]})
    found = finding(judged(x=both, m=minted(A2)), "x")
    assert (found["state"], found["keys"], found["about"]) == (
        "inconclusive",
        ["token_not_minted", "accepted"],
        ["charts"],
    )
    other = minted(A2)
    other["policy"] = two
    other["evidence"]["github_apps"].append({"name": "charts", "attempts": [accepted()]})
    report = judged(x=both, m=other)
    assert report["verdict"] == "admit"
    assert [each["name"] for each in finding(report, "x")["seen"]["apps"]] == ["deploy", "charts"]


KINDS: dict[str, dict[str, Any]] = {
    kind: node_entry(judge_record(made()), None, None)
    for kind, made in {"alone": alone, "minted": minted, "refused": refused, "not_judged": not_judged}.items()
}
FLEETS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from([A, B, C])), min_size=1, max_size=12)


@given(FLEETS)
def test_of_any_fleet_nobody_is_admitted_without_a_token_that_was_minted_and_that_nobody_was_refused(
    fleet: list[tuple[str, str]],
) -> None:
    tokens = Tokens()
    for number, (kind, address) in enumerate(fleet):
        tokens.add(f"n{number}", KINDS[kind], address)
    alone_ones = {f"n{number}": address for number, (kind, address) in enumerate(fleet) if kind == "alone"}
    assert set(tokens.left) == set(alone_ones)
    for name, address in alone_ones.items():
        near = {kind for kind, at in fleet if at == address} & {"minted", "refused"}
        tried = near or {kind for kind, _at in fleet} & {"minted", "refused"}
        assert (tokens.settled(name, KINDS["alone"])["verdict"] == "admit") is (tried == {"minted"})


def test_a_node_that_shows_steps_that_no_node_takes_is_settled_as_the_others_are() -> None:
    odd = node(attempt("now", step("installations", installation_id="2002")), address=A)
    assert judged(x=odd)["nodes"]["x"]["verdict"] == "refuse"


def test_the_report_says_where_the_token_was_minted_and_how_many_sent_the_jwt_alone() -> None:
    report = judged(**{f"m{n}": minted(A) for n in range(5)}, **{f"x{n}": alone(A2) for n in range(7)}, r=refused(B))
    (entry,) = report["fleet"]["tokens"]
    assert entry == {
        "apps": ["deploy"],
        "api_url": "https://api.github.lab",
        "minted": [f"m{n}" for n in range(5)],
        "refused": ["r"],
        "jwt_alone": 7,
    }
    line = "token of deploy: minted on 5 nodes (m0, m1, m2 and 2 more), and refused on r; 7 sent the JWT alone"
    assert line in " ".join(text_of(report_text, report).split())
    assert "sent the JWT alone" not in text_of(report_text, judged(m=minted(), n=minted()))


def test_the_nodes_that_rely_on_others_are_one_group_if_those_do_not_admit_them() -> None:
    report = judged(**{f"x{n}": alone(A) for n in range(9)})
    (group,) = report["groups"]
    assert len(group["nodes"]) == 9
    assert "deploy: minted on no node" in group["findings"][0]["cause"]
    assert "gate_mint_nodes" in finding(report, "x0")["remedy"]


def to_come(address: str) -> Node:
    """A node of a batch whose turn has not come."""
    return {**without_evidence(Policy((), (), ()), record()["collected_at"], not_checked=True), "address": address}


def test_while_nodes_of_its_network_are_to_come_the_other_networks_do_not_speak_for_a_node() -> None:
    report = judged(x=alone(A), y=to_come(A2), m=minted(B))
    assert finding(report, "x")["keys"][0] == "token_not_minted"
    assert judged(x=alone(A), y=to_come(C), m=minted(B))["nodes"]["x"]["verdict"] == "admit"


@pytest.mark.parametrize(("earlier_s", "key"), [(3600, "token_minted_elsewhere"), (3601, "token_not_minted")])
def test_a_token_that_was_minted_longer_ago_than_an_admission_holds_proves_nothing(earlier_s: int, key: str) -> None:
    at = read_time(record()["collected_at"]) - timedelta(seconds=earlier_s)
    old = {**minted(A2), "collected_at": at.isoformat().replace("+00:00", "Z")}
    assert finding(judged(x=alone(A), m=old), "x")["keys"][0] == key


@pytest.mark.parametrize("message", ["A JSON web token could not be decoded", "Integration not found"])
def test_a_node_whose_own_key_is_refused_says_nothing_of_the_token(message: str) -> None:
    with_another_key = refused(A2, step("token", 401, message))
    assert judged(x=alone(A), m=minted(A2), k=with_another_key)["nodes"]["x"]["verdict"] == "admit"
    assert finding(judged(x=alone(A), k=with_another_key), "x")["keys"][0] == "token_not_minted"


def test_a_token_that_could_not_be_revoked_changes_nothing_of_one_that_was_left_to_others() -> None:
    left = attempt("now", *accepted_steps()[:2], step("revoke", 500))
    both = {"github_apps": [{"name": "one", "attempts": [left]}, *alone()["evidence"]["github_apps"]]}
    waits = record(of_policy=policy(github_apps=[{**app("one"), "installation_id": "1"}, app()]), **both)
    assert awaits_others(judge_record(waits))
    report = judged(waits=waits, mints=minted())
    assert report["nodes"]["waits"]["verdict"] == "admit"
    found = finding(report, "waits")
    assert set(found["keys"]) == {"token_minted_elsewhere", "accepted", "token_not_revoked"}
    assert "one: 1 installation token could not be revoked" in found["summary"]
