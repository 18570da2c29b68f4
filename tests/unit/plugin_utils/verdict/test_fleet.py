from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import UnknownSkew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.fleet import judge_fleet, spread
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    CONTROLLER,
    NS,
    chrony,
    date_answer,
    date_api,
    ntp_sample,
    ntp_server,
    record,
    silent_sample,
    source,
    unreached,
)
from tests.findings import unsaid
from tests.unit.plugin_utils.daemons import recorded

SERVERS = ("10.77.0.1", "10.77.0.2", "10.77.0.3")


def fleet(**nodes: dict[str, Any]) -> dict[str, Any]:
    return judge_fleet({name: Record(data) for name, data in nodes.items()})


def fleet_findings(**nodes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["id"]: finding for finding in fleet(**nodes)["findings"]}


def with_servers(skew_s: float = 0.0, **samples: dict[str, Any]) -> dict[str, Any]:
    """A node that asks three servers; ``s1`` to ``s3`` replace what one of them answered."""
    entries = [ntp_server(name, samples.get(f"s{n}") or ntp_sample(skew_s)) for n, name in enumerate(SERVERS, start=1)]
    return record(skew_s, ntp={"servers": entries})


# Spread


def test_the_spread_is_the_largest_difference_with_its_error_bars_and_the_two_nodes():
    apart = spread({"a": Interval(-612.01, -611.99), "b": Interval(-0.01, 0.01), "c": Interval(44.9, 45.1)})
    assert apart == {"low": 656.89, "high": 657.11, "ahead": "c", "behind": "a"}


def test_if_error_bars_overlap_no_node_is_named():
    apart = spread({"a": Interval(-1.0, 1.0), "b": Interval(0.5, 0.6)})
    assert apart == {"low": 0.0, "high": 1.6, "ahead": None, "behind": None}


@pytest.mark.parametrize("skews", [{}, {"a": Interval(0, 0)}], ids=["none", "one"])
def test_fewer_than_two_nodes_have_no_spread(skews):
    assert spread(skews) is None


intervals = st.tuples(st.integers(-50, 50), st.integers(0, 30)).map(lambda pair: Interval(pair[0], sum(pair)))


@given(st.lists(intervals, min_size=2, max_size=6))
def test_the_spread_is_that_of_the_widest_of_all_pairs(found):
    apart = spread({f"n{n}": interval for n, interval in enumerate(found)})
    pairs = list(itertools.permutations(found, 2))
    assert apart["low"] == max(0, *(i.low - j.high for i, j in pairs))
    assert apart["high"] == max(i.high - j.low for i, j in pairs)


def test_the_spread_does_not_depend_on_when_a_node_had_its_turn():
    late = {"before_ns": CONTROLLER["before_ns"] - 500 * NS, "after_ns": CONTROLLER["after_ns"] + 500 * NS}
    both = [fleet(a=record(0.0), b={**record(2.0), "controller": controller}) for controller in (CONTROLLER, late)]
    assert both[0]["spread_s"] == both[1]["spread_s"]
    assert both[0]["spread_s"]["low"] == pytest.approx(2.0, abs=0.01)
    assert (both[0]["spread_s"]["ahead"], both[0]["spread_s"]["behind"]) == ("b", "a")


# The controller


def controller_off_s(seconds: float) -> dict[str, int]:
    return {key: value + round(seconds * NS) for key, value in CONTROLLER.items()}


def test_a_controller_with_the_true_time_is_no_finding():
    found = fleet(a=record(), b=record(-612.0))
    assert found["controller_skew_s"]["low"] <= 0 <= found["controller_skew_s"]["high"]
    assert found["findings"] == []


@pytest.mark.parametrize(("off_s", "direction"), [(30.0, "ahead"), (-30.0, "behind")])
def test_a_controller_that_the_nodes_references_contradict_is_reported(off_s, direction):
    skews_s = {"a": 0.0, "b": 9.0}
    nodes = {name: {**record(skew_s), "controller": controller_off_s(off_s)} for name, skew_s in skews_s.items()}
    assert re.search(rf"\d\.\d+ s {direction} \(± \d", fleet_findings(**nodes)["controller_clock"]["summary"])
    found = fleet(**nodes)["controller_skew_s"]
    assert found["low"] <= off_s <= found["high"]
    assert found["high"] - found["low"] < 5


def test_one_node_whose_clock_was_moved_does_not_accuse_the_controller():
    nodes = {"a": record(), "b": record(), "c": {**record(), "controller": controller_off_s(30.0)}}
    assert "controller_clock" not in fleet_findings(**nodes)


def test_nodes_that_disagree_about_the_controller_leave_it_unknown():
    nodes = {"a": record(), "b": {**record(), "controller": controller_off_s(30.0)}}
    assert fleet(**nodes)["controller_skew_s"] is None


def test_a_single_reference_does_not_accuse_the_controller():
    alone = record(ntp={"servers": [ntp_server("10.77.0.1", ntp_sample())]}, api_date={"apis": []})
    nodes = {name: {**alone, "controller": controller_off_s(30.0)} for name in "abc"}
    assert fleet(**nodes)["controller_skew_s"] is None
    assert fleet_findings(**nodes) == {}


def test_a_controller_off_by_its_own_measurement_is_reported_if_no_node_can_show_it():
    off = measured(ControllerClock(Interval(-612.1, -611.9)))
    assert "controller_clock" not in fleet_findings(a=off)  # by this node's references it is right
    alone = {**off, "evidence": {**off["evidence"], "ntp": {"servers": []}, "api_date": {"apis": []}}}
    assert "612.000 s behind" in fleet_findings(a=alone)["controller_clock"]["summary"]


# An API's clock


def with_api(api_off_s: float, url: str = "https://ghes.example.net/api/v3/rate_limit") -> dict[str, Any]:
    return record(api_date={"apis": [date_api(date_answer(api_off_s=api_off_s), url=url)]})


def test_an_api_whose_clock_several_nodes_contradict_is_reported_once():
    finding = fleet_findings(a=with_api(120), b=with_api(120), c=with_api(0, "https://api.github.lab/rate_limit"))[
        "api_clock"
    ]
    assert finding["nodes"] == ["a", "b"]
    assert not unsaid(finding["summary"], "ghes.example.net", "ahead", " 2 ")
    assert "Management Console" in finding["remedy"]


@pytest.mark.parametrize("nodes", [{"a": with_api(120)}, {"a": with_api(0), "b": with_api(0)}], ids=["one", "right"])
def test_an_api_that_one_node_alone_or_none_contradicts_is_no_finding_of_all(nodes):
    assert "api_clock" not in fleet_findings(**nodes)


# All off together


def test_a_fleet_that_is_off_together_is_reported():
    finding = fleet_findings(a=record(-612.0), b=record(-612.4), c=record(-611.9))["fleet_off_together"]
    assert not unsaid(finding["summary"], " 3 ", "611.898 s behind", " 0.50")
    assert finding["nodes"] == ["a", "b", "c"]


def test_a_fleet_that_agrees_with_the_controller_accuses_the_references():
    nodes = {name: {**record(45.0), "controller": controller_off_s(45.0)} for name in "ab"}
    found = fleet_findings(**nodes)
    assert "controller" in found["fleet_off_together"]["summary"]
    assert "ahead" in found["controller_clock"]["summary"]
    right = fleet_findings(**{name: record(45.0) for name in "ab"})
    assert "controller" not in right["fleet_off_together"]["summary"]


@pytest.mark.parametrize(
    "skews",
    [
        pytest.param((-612.0, 0.0), id="one is right"),
        pytest.param((-612.0, 45.0), id="to both sides"),
        pytest.param((30.0, 300.0), id="on one side, far from each other"),
        pytest.param((0.02, 0.03), id="by less than anything minds"),
        pytest.param((45.0,), id="a single node"),
    ],
)
def test_nodes_that_are_off_each_by_itself_are_not_off_together(skews):
    nodes = {f"n{n}": record(skew_s) for n, skew_s in enumerate(skews)}
    assert "fleet_off_together" not in fleet_findings(**nodes)


# Servers that several nodes share

SILENT_FOR_SOME = {"a": with_servers(), **{name: with_servers(s3=silent_sample()) for name in "bc"}}
FOR_SOME = fleet_findings(**SILENT_FOR_SOME)["ntp_server_shared"]
WRONG_FOR_ALL = fleet_findings(**{name: with_servers(s2=ntp_sample(server_off_s=7.0)) for name in "ab"})[
    "ntp_server_shared"
]


def test_a_server_that_serves_no_node_is_reported_once_with_the_number_of_nodes():
    finding = fleet_findings(**{name: with_servers(s3=silent_sample()) for name in "abcd"})["ntp_server_shared"]
    assert not unsaid(finding["summary"], " 4 ", "10.77.0.3: no reply within 2 s")
    assert (finding["nodes"], unsaid(finding["summary"], *SERVERS[:2])) == (list("abcd"), list(SERVERS[:2]))
    assert finding["remedy"] not in {FOR_SOME["remedy"], WRONG_FOR_ALL["remedy"]}


def test_a_server_that_serves_some_nodes_only_points_to_their_network():
    assert not unsaid(FOR_SOME["summary"], "2 of 3", "(b, c)", "10.77.0.3: ")
    assert FOR_SOME["remedy"] != WRONG_FOR_ALL["remedy"]
    assert FOR_SOME["nodes"] == ["b", "c"]


def test_servers_with_the_same_fault_on_the_same_nodes_are_one_finding():
    nodes = {name: with_servers(s2=silent_sample(), s3=silent_sample()) for name in "ab"}
    findings = fleet(**nodes)["findings"]
    assert [finding["id"] for finding in findings] == ["ntp_server_shared"]
    assert not unsaid(findings[0]["summary"], "10.77.0.2, 10.77.0.3: ", " 2 ")


def test_a_server_with_a_wrong_time_is_reported_as_such():
    assert not unsaid(WRONG_FOR_ALL["summary"], " 2 ", "10.77.0.2: ")
    assert "gate_ntp_servers" in WRONG_FOR_ALL["remedy"]
    silent = fleet_findings(**{name: with_servers(s2=silent_sample()) for name in "ab"})["ntp_server_shared"]
    assert WRONG_FOR_ALL["summary"].partition("10.77.0.2")[0] != silent["summary"].partition("10.77.0.2")[0]


def following(*sources: str) -> dict[str, Any]:
    return record(chrony=chrony(None, source(), *sources))


def test_a_source_of_the_daemons_that_no_longer_answers_is_reported_too():
    nodes = {"a": following(), "b": following(source("10.1.1.1", "?", 0)), "c": following(source("10.1.1.1", "?", 0))}
    finding = fleet_findings(**nodes)["ntp_server_shared"]
    assert not unsaid(finding["summary"], " 2 ", "10.1.1.1: ")
    assert finding["nodes"] == ["b", "c"]
    falseticking = {**nodes, **dict.fromkeys("bc", following(source("10.1.1.1", "x")))}
    assert finding["remedy"] != fleet_findings(**falseticking)["ntp_server_shared"]["remedy"]


def test_a_falseticker_of_the_daemons_is_reported_with_the_nodes_that_say_so():
    nodes = {name: following(source("10.1.1.1", "x" if name in "bc" else "+")) for name in "abc"}
    finding = fleet_findings(**nodes)["ntp_server_shared"]
    assert not unsaid(finding["summary"], "2 of 3", "(b, c)", "10.1.1.1: ")
    assert finding["nodes"] == ["b", "c"]


def test_what_a_node_found_itself_counts_before_what_its_daemon_says():
    entries = [ntp_server(name, ntp_sample()) for name in ("ntp1.example.net", *SERVERS[1:])]
    entries[0]["addresses"] = ["10.77.0.1"]
    nodes = {n: record(ntp={"servers": entries}, chrony=chrony(None, source("10.77.0.1", "?", 0))) for n in "ab"}
    assert fleet_findings(**nodes) == {}


@pytest.mark.parametrize("reach", [0o377, 0o376])
def test_a_server_that_answers_the_daemons_alone_is_not_called_silent(reach):
    """It limits how often it is asked; neither it nor the way to it is at fault."""
    silent = with_servers(s1=silent_sample())["evidence"]["ntp"]
    nodes = {name: record(ntp=silent, chrony=chrony(None, source("10.77.0.1", reach=reach))) for name in "ab"}
    assert list(fleet_findings(**nodes)) == ([] if reach & 1 else ["ntp_server_shared"])


def test_what_is_bad_for_one_node_only_is_that_nodes_own():
    assert fleet_findings(a=with_servers(), b=with_servers(s3=silent_sample())) == {}


# Members as servers


def test_a_node_that_others_are_compared_with_is_recognised_by_its_address():
    found = fleet_findings(a={**record(), "address": "10.77.0.1"}, b=record(), gone=unreached())[
        "fleet_members_as_servers"
    ]
    assert found["summary"].startswith("a ")
    assert not unsaid(found["summary"], " 2 ")
    assert found["nodes"] == ["a", "b"]


def test_a_node_is_known_by_its_address_however_that_is_written():
    follower = record(chrony=chrony(None, source(), source("FD00:9:0::12", "+")))
    found = fleet_findings(a={**record(), "address": "fd00:9::12"}, c=follower)
    assert found["fleet_members_as_servers"]["nodes"] == ["c"]


def test_a_node_that_is_a_source_of_anothers_daemon_is_reported():
    follower = record(chrony=chrony(None, source(), source("10.77.0.12", "+")))
    found = fleet_findings(a={**record(), "address": "10.77.0.11"}, b={**record(), "address": "10.77.0.12"}, c=follower)
    assert found["fleet_members_as_servers"]["nodes"] == ["c"]


def test_a_source_that_a_daemon_has_by_name_is_known_by_its_address():
    text = recorded.sample("timesyncd_synchronised.timesync").replace("ServerName=10.99.0.1", "ServerName=dc1.example")
    found = fleet_findings(a={**record(), "address": "10.99.0.1"}, b=record(**recorded.timesyncd(text)))
    assert found["fleet_members_as_servers"]["nodes"] == ["b"]


# What must not end a run


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(unreached(), id="unreachable"),
        pytest.param({**record(), "evidence": {}}, id="no evidence"),
        pytest.param(record(ntp={"servers": 7}), id="servers that are no list"),
        pytest.param(record(ntp={"servers": [{}]}), id="a server without a name"),
        pytest.param(record(-612.1, chrony={"commands": 7}), id="commands of another form"),
        pytest.param(record(api_date={"error": "broke"}, ntp={"error": "broke"}), id="failed sections"),
    ],
)
def test_a_node_that_showed_nothing_usable_does_not_keep_the_others_from_being_reported(data):
    found = fleet_findings(a=record(-612.0), b=record(-612.2), broken=data)
    assert found["fleet_off_together"]["nodes"][:2] == ["a", "b"]


# The controller's own measurement


def measured(clock: Any, after_ns: int = 0) -> dict[str, Any]:
    """A record of a node for which the controller had measured its clock so,
    some time after the others.
    """
    data = record()
    times = {name: at_ns + after_ns for name, at_ns in CONTROLLER.items()}
    shown = clock.as_json() if isinstance(clock, ControllerClock) else clock
    return {**data, "controller": {**times, "measured": shown}}


def unknown(why: str) -> ControllerClock:
    return ControllerClock(None, UnknownSkew.NO_REFERENCE, why)


def test_what_the_controller_last_measured_its_clock_to_be_is_shown():
    early, late = ControllerClock(Interval(1, 2)), ControllerClock(Interval(-612.1, -612.0))
    assert fleet(a=measured(late, 60 * NS), b=measured(early))["controller_measured_s"] == {"low": -612.1, "high": -612}
    assert fleet(a=record(), b=unreached())["controller_measured_s"] is None


def test_a_controller_that_could_not_check_its_clock_is_reported_once_with_its_reason():
    nodes = {"a": measured(unknown("ntp1: silent")), "b": measured(unknown("ntp1: silent")), "c": record()}
    finding = fleet_findings(**nodes)["controller_time_unknown"]
    assert finding["nodes"] == ["a", "b"]
    assert not unsaid(finding["summary"], "could not check its own clock", "ntp1: silent")
    assert not unsaid(finding["remedy"], "gate_ntp_servers", "UDP 123", "TCP 443")
    assert fleet(**nodes)["controller_measured_s"] is None
    assert "controller_time_unknown" not in fleet_findings(a=measured(ControllerClock(Interval(0, 1))))


@pytest.mark.parametrize("strange", [None, 5, [], {}, {"skew_s": "x", "unknown": 1, "unknown_because": []}])
def test_a_measurement_of_another_form_is_none(strange):
    found = fleet(a=measured(strange), b=measured(unknown("ntp1: silent")))
    assert [finding["nodes"] for finding in found["findings"] if finding["id"] == "controller_time_unknown"] == [["b"]]
