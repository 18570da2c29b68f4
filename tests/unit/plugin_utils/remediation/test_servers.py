from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.servers import Choice, Wanted, choose
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from hypothesis import event, given
from hypothesis import strategies as st

from tests.builders import (
    NS,
    TRUE_NS,
    chrony,
    date_answer,
    date_api,
    ntp_sample,
    ntp_server,
    policy,
    record,
    silent_sample,
)

NOW_S = TRUE_NS // NS
YEAR_S = 365 * 86400
NO_ROUTE = {"t1_wall_ns": TRUE_NS, "error": "OSError: [Errno 101] Network is unreachable", "kind": "unreachable"}
AN_HOUR_OFF = {"server_off_s": 3600.0}

Servers = list[dict[str, Any]]


def good(name: str, skew_s: float = 0.0, **of_sample: Any) -> dict[str, Any]:
    return ntp_server(name, ntp_sample(skew_s, **of_sample))


def false(name: str, skew_s: float = 0.0) -> dict[str, Any]:
    return good(name, skew_s, **AN_HOUR_OFF)


def silent(name: str) -> dict[str, Any]:
    return ntp_server(name, silent_sample())


def of_addresses(name: str, **samples: dict[str, Any]) -> dict[str, Any]:
    """A name with the addresses 10.9.0.1 (``a1``), 10.9.0.2 (``a2``) ..., and a sample of each."""
    at = {f"10.9.0.{key[1:]}": sample for key, sample in samples.items()}
    taken = [{**sample, "address": address} for address, sample in at.items()]
    return {"server": name, "addresses": list(at), "samples": taken, "error": None}


def nts(name: str, **changes: Any) -> dict[str, Any]:
    """A server whose keys could be established."""
    return {
        "server": name,
        "port": 4460,
        "certset": "0",
        "configured": False,
        "addresses": ["192.0.2.1"],
        "error": None,
        "alpn": "ntske/1",
        "certificate_time_error": None,
        "certificate": {"not_before_s": NOW_S - YEAR_S, "not_after_s": NOW_S + YEAR_S},
        **changes,
    }


def blocked(name: str) -> dict[str, Any]:
    return nts(name, alpn=None, error={"phase": "connect", "message": "192.0.2.1 port 4460: timed out"})


def outdated(name: str, valid_from_s: int, valid_to_s: int) -> dict[str, Any]:
    """A certificate that the node's clock refuses; valid so many seconds from the true time."""
    times = {"not_before_s": NOW_S + valid_from_s, "not_after_s": NOW_S + valid_to_s}
    return nts(name, certificate_time_error="certificate is not yet valid", certificate=times)


def record_of(servers: Servers, skew_s: float = 0.0, with_nts: Servers = (), **sections: Any) -> dict[str, Any]:
    return record(skew_s, ntp={"servers": servers}, nts={"servers": list(with_nts)}, **sections)


def chosen(servers: Servers, wanted: Wanted, skew_s: float = 0.0, with_nts: Servers = (), **sections: Any) -> Choice:
    data = record_of(servers, skew_s, with_nts, **sections)
    return choose(Record(data), judge_record(data), wanted)


def of_servers(*servers: dict[str, Any], skew_s: float = 0.0, **wanted: Any) -> Choice:
    return chosen(list(servers), Wanted(tuple(s["server"] for s in servers), **wanted), skew_s)


def of_pool(*samples: dict[str, Any], **wanted: Any) -> Choice:
    """Three good servers, which make the majority, and a pool with an address for each sample."""
    pool = of_addresses("pool", **{f"a{n}": sample for n, sample in enumerate(samples)})
    return chosen([good("a"), good("b"), good("c"), pool], Wanted(pools=("pool",), **wanted))


# Without NTS.


def test_servers_that_answer_and_agree_are_written():
    choice = of_servers(good("a"), good("b"), good("c"))
    assert choice == Choice(("server a iburst", "server b iburst", "server c iburst"), ("a", "b", "c"))


def test_a_node_that_is_far_off_is_given_them_too():
    assert of_servers(*(good(name, -612.0) for name in "abc"), skew_s=-612.0).good == ("a", "b", "c")


def test_what_is_silent_unknown_or_false_is_left_out_with_the_reason():
    gone = ntp_server("d", error="Name or service not known")
    choice = of_servers(good("a"), good("b"), good("c"), false("f"), silent("s"), gone)
    assert choice.good == ("a", "b", "c")
    assert choice.left_out == {
        "f": "the majority contradicts it",
        "s": "it gave no usable answer: no reply within 2 s",
        "d": "it gave no usable answer: Name or service not known",
    }


def test_a_server_that_was_not_asked_is_left_out():
    choice = chosen([good("a")], Wanted(("a", "new")))
    assert (choice.good, choice.left_out) == (("a",), {"new": "it was not asked"})


def test_the_options_are_written_with_each():
    choice = chosen([good("a"), good("p")], Wanted(("a",), ("p",), options=" iburst\t minpoll 4  "))
    assert choice.lines == ("server a iburst minpoll 4", "pool p iburst minpoll 4")
    assert chosen([good("a")], Wanted(("a",), options="")).lines == ("server a",)


def test_a_name_that_is_wanted_twice_is_written_once():
    choice = chosen([good("a")], Wanted(("a", "a"), ("a",)))
    assert choice.lines == ("server a iburst",)


@pytest.mark.parametrize(
    ("count", "says"),
    [(1, "a single source is believed even if it is wrong"), (2, "if two sources differ, neither outvotes the other")],
)
def test_fewer_than_wanted_is_a_warning_that_names_what_is_missing(count, says):
    choice = of_servers(*[good("a"), good("b")][:count], silent("s"))
    assert choice.warnings == (
        f"good sources: {count}, wanted: 3; {says}: s: it gave no usable answer: no reply within 2 s",
    )
    assert not of_servers(good("a"), min_sources=1).warnings


# Names with several addresses.


def test_a_server_one_of_whose_addresses_is_false_is_left_out_as_chronyd_may_take_that_one():
    mixed = of_addresses("m", a1=ntp_sample(), a2=ntp_sample(**AN_HOUR_OFF, there_s=0.2, back_s=0.2))
    choice = of_servers(good("a"), good("b"), mixed)
    assert choice.good == ("a", "b")
    assert choice.left_out["m"].startswith("the majority contradicts its address 10.9.0.2, and chronyd may use any")


@pytest.mark.parametrize(("dead", "maxsources"), [(1, 1), (2, 2), (3, 2), (4, 3)])
def test_a_server_one_of_whose_addresses_is_silent_is_written_as_a_pool(dead, maxsources):
    """chronyd tries twice `maxsources` addresses of a pool: more than the silent ones."""
    silent_ones = {f"a{n}": silent_sample() for n in range(1, dead + 1)}
    choice = of_servers(of_addresses("m", **silent_ones, a9=ntp_sample()), min_sources=1)
    assert choice.lines == (f"pool m iburst maxsources {maxsources}",)
    assert 2 * maxsources > dead
    assert choice.good == ("m",)
    assert "10.9.0.1" in choice.warnings[0]


def test_an_address_without_a_route_is_passed_over_by_chronyd():
    """A name with an IPv6 address, on a node without IPv6."""
    choice = of_servers(of_addresses("m", a1=NO_ROUTE, a2=ntp_sample()), min_sources=1)
    assert choice == Choice(("server m iburst",), ("m",))


def test_a_server_with_two_good_addresses_is_one_source():
    choice = of_servers(of_addresses("m", a1=ntp_sample(), a2=ntp_sample()), min_sources=2)
    assert choice.lines == ("server m iburst",)
    assert choice.warnings[0].startswith("good sources: 1, wanted: 2")


def test_a_pool_is_good_with_addresses_that_are_silent_and_counts_those_that_agree():
    choice = of_pool(ntp_sample(), ntp_sample(), ntp_sample(), silent_sample())
    assert choice == Choice(("pool pool iburst",), ("pool",))
    assert of_pool(ntp_sample(), silent_sample()).warnings[0].startswith("good sources: 1, wanted: 3")


def test_a_pool_counts_no_more_addresses_than_chronyd_uses_of_it():
    four = [ntp_sample()] * 4
    assert of_pool(*four, options="iburst maxsources 2").warnings[0].startswith("good sources: 2, wanted: 3")


def test_a_pool_tolerates_a_false_address_as_long_as_more_agree():
    far = {"there_s": 0.2, "back_s": 0.2}
    assert of_pool(ntp_sample(), ntp_sample(), ntp_sample(**AN_HOUR_OFF, **far)).good == ("pool",)
    choice = of_pool(ntp_sample(), ntp_sample(**AN_HOUR_OFF, **far))
    assert choice.left_out["pool"] == "the majority contradicts as many of its addresses as agree: 10.9.0.1"


def test_a_pool_whose_nearest_address_is_false_counts_as_a_falseticker():
    far = {"there_s": 0.2, "back_s": 0.2}
    choice = of_pool(ntp_sample(**AN_HOUR_OFF), ntp_sample(**far), ntp_sample(**far))
    assert choice.left_out["pool"] == "the majority contradicts it"


# With NTS.

THREE = [good("a"), good("b"), good("c")]


# The certificates' times.


# Refusals.


def test_if_no_server_answers_the_refusal_says_what_the_network_team_is_to_do():
    choice = of_servers(silent("a"), silent("b"))
    assert (choice.lines, choice.good) == ((), ())
    assert choice.refusal.startswith("none of 2 NTP servers gives this node a usable answer")
    assert "UDP from this node to port 123" in choice.refusal


def test_if_the_references_disagree_nobody_knows_which_to_believe():
    data = record_of([good("a"), false("b")], api_date={"apis": []})
    data["controller"] = None
    choice = choose(Record(data), judge_record(data), Wanted(("a", "b")))
    assert choice.lines == ()
    assert choice.refusal.startswith("It is not known which of the servers is right: the skew is unknown: no majority")
    assert "Find out which reference is wrong" in choice.refusal


def test_if_the_majority_contradicts_all_that_answer_it_says_so():
    apis = [date_api(date_answer(), url=f"https://api{n}.example") for n in range(3)]
    choice = chosen([false("a"), silent("b")], Wanted(("a", "b")), api_date={"apis": apis})
    assert choice.lines == ()
    assert choice.refusal == (
        "No server is good (a: the majority contradicts it; b: it gave no usable answer: no reply within 2 s). Fix them, or "
        "name others in chrony_servers."
    )


def test_without_evidence_of_any_server_nothing_is_written():
    data = {**record(), "evidence": {}}
    choice = choose(Record(data), judge_record(data), Wanted(("a",)))
    assert choice.lines == ()
    assert "'ntp'" in choice.refusal


@pytest.mark.parametrize(
    ("options", "version", "says"),
    [
        ("ibrust", "4.3", "'ibrust' is no option of pool"),
        ("iburst minpoll", "4.3", "the option minpoll has no valid value"),
        ("iburst\nallow", "4.3", "'allow' is no option of pool"),
        ("iburst # mine", "4.3", "'#' is no option of pool"),
        ("iburst ipv4", "4.3", "the option ipv4 came with chrony 4.6, and this is 4.3"),
        ("iburst NTS", "4.3", "name servers with NTS in chrony_nts_servers"),
        ("port 1123", "4.3", "servers are tried at port 123"),
        ("ntsport 4461", "4.3", "servers with NTS are tried at port 4460"),
        ("certset 1", "4.3", "with the certificates of set 0"),
    ],
)
def test_options_that_chrony_would_not_take_or_no_server_was_tried_with_are_refused(options, version, says):
    choice = chosen(THREE, Wanted(("a", "b", "c"), options=options), chrony={**chrony(), "version": version})
    assert choice.lines == ()
    assert choice.refusal.startswith(f"chrony_source_options is {options!r}: ")
    assert says in choice.refusal


def test_options_are_held_against_the_chrony_that_is_there_alone():
    assert chosen(THREE, Wanted(("a",), options="ipv4"), chrony={**chrony(), "version": "4.6"}).lines == (
        "server a ipv4",
    )
    assert chosen(THREE, Wanted(("a",), options="ipv4"), chrony={"present": False}).lines == ("server a ipv4",)


# Whatever the servers do.

NAMES = ("a", "b", "c", "d", "e")
SAMPLES = {
    "good": ntp_sample(),
    "slow": ntp_sample(there_s=0.1, back_s=0.3),
    "false": ntp_sample(**AN_HOUR_OFF),
    "false, far": ntp_sample(**AN_HOUR_OFF, there_s=0.2, back_s=0.2),
    "unsynchronised": ntp_sample(stratum=0, leap=3, refid=bytes(4)),
    "silent": silent_sample(),
    "no route": NO_ROUTE,
}
ENTRIES = {
    "works": nts,
    "blocked": blocked,
    "expired": lambda name: outdated(name, -YEAR_S, -1),
    "not tried": lambda _name: None,
}


@st.composite
def situations(draw: st.DrawFn) -> tuple[dict[str, Any], Wanted]:
    servers, tried = [], []
    for index, name in enumerate(NAMES):
        kinds = draw(st.lists(st.sampled_from([*["good"] * 9, *SAMPLES]), min_size=1, max_size=4))
        samples = [{**SAMPLES[kind], "address": f"10.{index}.0.{n}"} for n, kind in enumerate(kinds)]
        servers.append(
            {"server": name, "addresses": [s["address"] for s in samples], "samples": samples, "error": None}
        )
        tried.append(ENTRIES[draw(st.sampled_from([*["works"] * 3, *ENTRIES]))](name))
    some = st.lists(st.sampled_from([*NAMES, "not asked"]), max_size=4).map(tuple)
    wanted = Wanted(draw(some), draw(some), draw(some), min_sources=draw(st.integers(1, 4)))
    data = record_of(
        servers, with_nts=[entry for entry in tried if entry], of_policy=policy(checks=["ntp_servers", "clock_skew"])
    )
    return data, wanted


@given(situations())
def test_only_what_answered_and_is_not_contradicted_is_written(situation):
    data, wanted = situation
    report = judge_record(data)
    seen = {finding["check"]: finding["seen"] for finding in report["findings"]}
    choice = choose(Record(data), report, wanted)
    falsetickers = [name.removeprefix("ntp ") for name in seen["clock_skew"]["falsetickers"]]
    event("refused" if choice.refusal else "NTS" if " nts" in choice.lines[0] else "plain")

    assert set(choice.good) <= set(seen["ntp_servers"]["usable"]) - set(falsetickers)
    assert [line.split()[1] for line in choice.lines] == list(choice.good)
    assert (choice.refusal is None) == bool(choice.lines)
    assert len({line.endswith(" nts") for line in choice.lines}) <= 1
    everybody = {*wanted.servers, *wanted.pools, *wanted.nts_servers}
    if report["skew_s"]:
        assert {*choice.good, *choice.left_out} == everybody
        assert not set(choice.good) & set(choice.left_out)
