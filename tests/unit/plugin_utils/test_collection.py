"""The protocol of one node, against a node and a GitHub that are simulated:
a clock decides what each of them answers.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.minters import Minting
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy

from tests.builders import NS, TRUE_NS, attempt, evidence, not_sent, policy, step
from tests.unit.plugin_utils.world import (
    APP,
    BEFORE_S,
    BEGUN_STEADY_NS,
    CALL_S,
    CLOCK,
    CREDENTIAL,
    DOWN,
    KEY,
    PEM,
    RATE_LIMIT,
    World,
    answers,
    labels,
    no_python,
    unreachable,
)

# A healthy node


def test_a_healthy_node_costs_one_call(collection):
    world = World()
    record = collection(world).take()
    (asked,) = world.calls
    assert asked["ntp_servers"] == ["ntp.example.net"]
    assert answers(record) == [("now", "accepted")]
    assert Policy.from_json(record["policy"]) == Policy.from_json(policy())
    assert record["controller"] == {
        "before_ns": TRUE_NS - NS,
        "after_ns": TRUE_NS + 3 * NS,
        "steady_before_ns": BEGUN_STEADY_NS,
        "steady_after_ns": BEGUN_STEADY_NS + CALL_S * NS,
        "measured": world.controller().as_json(),
    }
    assert (record["collected_at"], record["unreachable"], record["module_error"]) == (
        "2026-11-22T08:35:35Z",
        None,
        None,
    )
    assert world.waits_s == []


def test_the_jwt_is_dated_as_the_client_dates_its_own_at_the_controllers_time(collection):
    world = World()
    collection(world).take()
    (tried,) = world.calls[0]["github_apps"][0]["attempts"]
    claims = jwt.decode(tried["jwt"], KEY.public_key(), algorithms=["RS256"], options={"verify_exp": False})
    assert (tried["signed_for_s"], claims["iat"], claims["exp"]) == (
        int(BEFORE_S),
        *(int(BEFORE_S) + s for s in (-30, 90)),
    )


@pytest.mark.parametrize(("wanted", "taken"), [([], False), (["nts.example.net"], True)])
def test_servers_wanted_with_nts_are_tried_though_no_check_asks_for_it(collection, wanted, taken):
    world = World()
    collection(world, sections={"collected", "ntp", "api_date"}, nts_servers=wanted).take()
    (asked,) = world.calls
    assert asked["nts_servers"] == wanted
    assert set(asked["sections"]) == {"ntp", "api_date", "join_state", "platform", *(["nts"] if taken else [])}


def test_each_api_is_asked_for_its_date_once(collection):
    world = World()
    collection(world, APP, replace(APP, name="charts"), replace(APP, name="ghes", api_url="https://g/api/v3")).take()
    assert [api["url"] for api in world.calls[0]["apis"]] == [
        "https://api.github.lab/rate_limit",
        "https://g/api/v3/rate_limit",
    ]


@pytest.mark.parametrize("skew_s", [pytest.param(0, id="one call"), pytest.param(-612, id="two calls")])
def test_the_private_key_is_in_no_argument_and_in_no_record(collection, skew_s):
    world = World(skew_s)
    record = collection(world).take()
    secret = KEY.private_numbers()
    for given in (*world.calls, record):
        text = json.dumps(given)
        assert "PRIVATE KEY" not in text
        assert not [line for line in PEM.splitlines()[1:-1] if line in text]
        assert not [n for n in (secret.d, secret.p, secret.q) if str(n) in text or of_jwk(n) in text]


def of_jwk(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")


# The counterfactual


@pytest.mark.parametrize("skew_s", [-612, 45])
def test_a_node_whose_clock_disagrees_is_asked_again_with_a_jwt_of_either_time(collection, skew_s):
    world = World(skew_s)
    record = collection(world).take()
    first, second = world.calls
    assert second["sections"] == ["github_apps"]
    assert [labels(call["github_apps"][0]) for call in (first, second)] == [["now"], ["node_clock", "true_time"]]
    assert answers(record) == [("now", "not_sent"), ("node_clock", "clock"), ("true_time", "accepted")]


def test_a_node_that_is_as_wrong_as_the_controller_is_asked_again(collection):
    record = collection(World(-612, -612)).take()
    assert answers(record) == [("now", "not_sent"), ("node_clock", "clock"), ("true_time", "accepted")]


@pytest.mark.parametrize("controller_off_s", [-86400, -612, 45, 3600])
def test_a_healthy_node_costs_one_call_whatever_the_controllers_clock_shows(collection, controller_off_s):
    world = World(0, controller_off_s)
    assert answers(collection(world).take()) == [("now", "accepted")]
    assert len(world.calls) == 1


def test_a_node_that_disagrees_within_its_clients_budget_has_both_accepted(collection):
    record = collection(World(-40)).take()
    assert answers(record) == [("now", "not_sent"), ("node_clock", "accepted"), ("true_time", "accepted")]


def test_if_neither_controller_nor_node_knows_the_true_time_only_the_nodes_own_is_tried(collection):
    world = World(-612, checked=False, sections={"ntp": None, "api_date": None, "chrony": None})
    record = collection(world).take()
    assert answers(record) == [("now", "not_sent"), ("node_clock", "clock")]


def test_a_jwt_of_the_true_time_is_short_lived_and_the_node_sends_it_whatever_its_clock(collection):
    world = World(-612)
    collection(world).take()
    _, true_time = world.calls[1]["github_apps"][0]["attempts"]
    claims = jwt.decode(true_time["jwt"], options={"verify_signature": False})
    assert true_time["only_within_s"] is None
    assert claims["exp"] - true_time["signed_for_s"] == 30


def test_a_credential_that_is_refused_is_sent_once(collection):
    world = World(refusals={"deploy": [CREDENTIAL]})
    assert answers(collection(world).take()) == [("now", "credential")]
    assert len(world.calls) == 1


def test_only_the_apps_in_doubt_are_tried_again(collection):
    world = World(refusals={"deploy": [CLOCK], "charts": [CREDENTIAL]})
    record = collection(world, APP, replace(APP, name="charts")).take()
    assert [app["name"] for app in world.calls[1]["github_apps"]] == ["deploy"]
    assert answers(record, 0) == [("now", "clock"), ("node_clock", "accepted"), ("true_time", "accepted")]
    assert answers(record, 1) == [("now", "credential")]


class ExactApp:
    """A GithubApp whose JWT is the very time that it was signed for."""

    name, depth, api_url, ca_pem = "deploy", "jwt", "https://api.github.lab", None

    def sign(self, _profile: Any, now_s: float, _moment: Any, _life_s: int | None = None) -> str:
        return str(now_s)

    def request(self, attempts: list[dict[str, Any]]) -> dict[str, Any]:
        return {"name": self.name, "depth": self.depth, "attempts": attempts}


@pytest.mark.parametrize("controller_off_s", [0.0, -612.0, 3600.0])
@pytest.mark.parametrize("node_skew_s", [0.0, -300.0])
def test_jwts_of_the_nodes_clock_and_of_the_true_time_do_not_depend_on_the_controllers_clock(
    collection, controller_off_s, node_skew_s
):
    world = World(
        node_skew_s, controller_off_s, sections={"github_apps": [{"name": "deploy", "attempts": [not_sent()]}]}
    )
    asked: list[dict[str, Any]] = []

    def call(arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append({"true_s": world.true_s, **arguments})
        return world.call({**arguments, "github_apps": []})

    collection(world, ExactApp(), call=call).take()

    _, second = asked
    true_now_s = second["true_s"]
    signed_for_s = {each["label"]: float(each["jwt"]) for each in second["github_apps"][0]["attempts"]}
    bracket_s = 2.0  # of the builders' controller: what is signed may be that much too early, and never too late
    assert true_now_s - bracket_s - 0.01 <= signed_for_s["true_time"] <= true_now_s + 0.01
    assert true_now_s + node_skew_s - bracket_s - 0.01 <= signed_for_s["node_clock"] <= true_now_s + node_skew_s + 0.01


# GitHub's rate limits


def test_a_node_that_meets_githubs_rate_limit_waits_as_it_says_and_tries_once_more(collection):
    world = World(refusals={"deploy": [RATE_LIMIT]})
    record = collection(world).take()
    assert answers(record) == [("now", "unclear"), ("now", "accepted")]
    assert world.waits_s == [17]
    assert world.calls[1]["sections"] == ["github_apps"]


@pytest.mark.parametrize("alone", [False, True], ids=["depth jwt", "relies on nodes that mint"])
def test_a_node_that_mints_nothing_waits_for_githubs_rate_limit_too(collection, alone):
    world = World(refusals={"deploy": [RATE_LIMIT]})
    app = APP if alone else replace(APP, depth="jwt")
    record = collection(world, app, minting=lambda _: Minting.JWT_ALONE).take()
    assert answers(record) == [("now", "unclear"), ("now", "accepted")]
    assert world.waits_s == [17]


def test_a_node_that_mints_nothing_does_not_ask_while_two_others_wait_for_the_rate_limit(collection):
    world = World()
    make = collection(world, replace(APP, depth="jwt"))
    for node in ("node1", "node2"):
        replace(make.throttle(APP), node=node).hold(25)
    assert answers(make.take()) == [("now", "accepted")]
    assert world.waits_s == [25]


def test_a_rate_limit_that_lasts_is_left_as_the_answer_after_a_minute_of_waiting(collection):
    world = World(refusals={"deploy": [RATE_LIMIT] * 9})
    assert answers(collection(world).take()) == [("now", "unclear")] * 4
    assert world.waits_s == [17] * 3


@pytest.mark.parametrize("depth", ["jwt", "token"])
def test_if_the_api_is_down_a_node_asks_again_after_a_pause_and_then_a_longer_one(collection, depth):
    world = World(refusals={"deploy": [DOWN, DOWN]})
    record = collection(world, replace(APP, depth=depth)).take()
    assert answers(record) == [("now", "unclear"), ("now", "unclear"), ("now", "accepted")]
    assert world.waits_s == [5, 20]


def test_an_api_that_stays_down_is_asked_three_times_and_no_more(collection):
    world = World(refusals={"deploy": [DOWN] * 9})
    assert answers(collection(world).take()) == [("now", "unclear")] * 3


def test_an_error_of_git_is_no_outage_of_the_api(collection):
    world = World(refusals={"deploy": [step("repository", 200, None, body="ERR no", repository="acme/a")]})
    collection(world).take()
    assert world.waits_s == []


@pytest.mark.parametrize("asked", ["61", "3500"])
def test_a_node_does_not_wait_for_longer_than_a_minute_and_its_answer_stands(collection, asked):
    world = World(refusals={"deploy": [step("token", 429, None, headers={"retry-after": asked})]})
    assert answers(collection(world).take()) == [("now", "unclear")]
    assert (len(world.calls), world.waits_s) == (1, [])


def test_a_clock_that_shows_only_after_the_rate_limit_is_still_tried_both_ways(collection):
    record = collection(World(refusals={"deploy": [RATE_LIMIT, CLOCK]})).take()
    assert [label for label, _ in answers(record)] == ["now", "now", "node_clock", "true_time"]


def test_only_the_app_that_met_the_limit_is_tried_again(collection):
    world = World(refusals={"charts": [RATE_LIMIT]})
    collection(world, APP, replace(APP, name="charts")).take()
    assert [app["name"] for app in world.calls[1]["github_apps"]] == ["charts"]


@pytest.mark.parametrize(
    ("depth", "waits"),
    [pytest.param("token", True, id="each of three may mint a token"), pytest.param("jwt", False, id="none mints")],
)
def test_a_node_waits_for_its_turn_to_mint_before_it_signs(collection, depth, waits):
    world = World(refusals={"deploy": [CLOCK]})
    collection(world, replace(APP, depth=depth), per_minute=2).take()
    assert bool(world.waits_s) is waits
    signed_for_s = world.calls[1]["github_apps"][0]["attempts"][1]["signed_for_s"]
    assert signed_for_s == pytest.approx(world.true_s - CALL_S, abs=3)


def test_a_node_waits_for_a_third_jwt_too_if_the_least_limit_is_two_a_minute(collection):
    world = World(github_off_s=700)
    record = collection(world, per_minute=2).take()
    assert [label for label, _ in answers(record)] == ["now", "node_clock", "true_time", "api_clock"]
    assert sum(world.waits_s) >= 60


REFUSED_TWICE = [step("token", 422), step("granted"), step("token", 422), step("token", 201), step("revoke", 204)]


@pytest.mark.parametrize(
    ("attempts", "minted"),
    [
        pytest.param([attempt("now", *REFUSED_TWICE)], 3, id="narrowed less each time"),
        pytest.param([attempt("now", step("token", 201), step("revoke", 204))], 1, id="narrowed at once"),
        pytest.param([attempt("now", *[step("token", 422)] * 40)] * 20, 3, id="a node that lies"),
    ],
)
def test_tokens_that_were_asked_for_again_count_against_githubs_limit(collection, attempts, minted):
    apps = {"github_apps": [{"name": "deploy", "attempts": attempts}]}
    world = World(sections=apps)
    collection(world, per_minute=4).take()
    following = collection(world, per_minute=4).throttle(APP)
    for _ in range(4 - minted):
        following.wait(1)
    assert world.waits_s == []
    following.wait(1)
    assert len(world.waits_s) == 1


# Where GitHub's limits let others mint


def asked_depths(world: World) -> list[str]:
    return [call["github_apps"][0]["depth"] for call in world.calls]


@pytest.mark.parametrize("skew_s", [0, -612])
def test_a_node_that_mints_none_sends_the_jwt_alone_and_waits_for_no_limit(collection, skew_s):
    world = World(skew_s)
    full = collection(world, per_minute=2)
    full.throttle(APP).wait(2)
    record = replace(full, minting=lambda _: Minting.JWT_ALONE).take()
    assert set(asked_depths(world)) == {"jwt"}
    assert len(world.calls) == (2 if skew_s else 1)  # the clock is proved by the JWT alone
    assert (world.waits_s, full.throttle(APP).room()) == ([], 398)
    assert Policy.from_json(record["policy"]) == Policy.from_json(policy())


@pytest.mark.parametrize(
    ("minting", "minted_before", "depth", "waits"),
    [
        (Minting.IF_ROOM, 399, "token", False),
        (Minting.IF_ROOM, 400, "jwt", False),
        (Minting.WAITS, 400, "token", True),
    ],
)
def test_a_node_that_mints_if_there_is_room_does_not_wait_for_the_hours_end(
    collection, minting, minted_before, depth, waits
):
    world = World()
    one = collection(world, per_minute=400, minting=lambda _: minting)
    one.throttle(APP).wait(minted_before)
    world.true_ns += 61 * NS
    one.take()
    assert asked_depths(world) == [depth]
    assert (sum(world.waits_s) > 3000) is waits


def test_both_clocks_are_tried_by_the_jwt_alone_if_the_hour_has_room_for_one_token(collection):
    world = World(refusals={"deploy": [CLOCK]})
    one = collection(world, per_minute=400, minting=lambda _: Minting.IF_ROOM)
    one.throttle(APP).wait(398)
    world.true_ns += 61 * NS
    one.take()
    assert asked_depths(world) == ["token", "jwt"]


def test_a_token_that_was_not_asked_for_as_the_clock_disagreed_counts_for_nothing(collection):
    world = World(-612)
    one = collection(world)
    one.take()
    assert asked_depths(world) == ["token", "token"]
    assert one.throttle(APP).room() == 400 - 2


# What can't be taken


@pytest.mark.parametrize(
    ("failure", "unreachable_because", "module_error_is"),
    [
        pytest.param(unreachable, "No route to host", None, id="unreachable"),
        pytest.param(no_python, None, "no Python", id="no evidence"),
    ],
)
def test_a_node_that_gives_no_evidence_has_a_record_that_says_why(
    collection, failure, unreachable_because, module_error_is
):
    world = World(failures={1: failure})
    record = collection(world).take()
    assert (record["unreachable"], record["module_error"]) == (unreachable_because, module_error_is)
    assert (record["evidence"], record["controller"]) == ({}, None)
    assert Policy.from_json(record["policy"]) == Policy.from_json(policy())
    assert len(world.calls) == 1


@pytest.mark.parametrize("failure", [unreachable, no_python, lambda: {"evidence": {"github_apps": {"error": "no"}}}])
@pytest.mark.parametrize(("skew_s", "refusals"), [(-612, []), (0, [RATE_LIMIT])], ids=["clock", "rate limit"])
def test_if_the_second_call_fails_what_was_taken_before_stands(collection, skew_s, refusals, failure):
    record = collection(World(skew_s, refusals={"deploy": [*refusals]}, failures={2: failure})).take()
    assert len(answers(record)) == 1
    assert record["evidence"]["ntp"] == evidence(skew_s)["ntp"]
    assert (record["unreachable"], record["module_error"]) == (None, None)


def test_a_section_that_failed_on_the_node_is_kept_as_it_is(collection):
    world = World(-612, sections={"github_apps": {"error": "ssl is missing"}})
    assert collection(world).take()["evidence"]["github_apps"] == {"error": "ssl is missing"}
    assert len(world.calls) == 1
