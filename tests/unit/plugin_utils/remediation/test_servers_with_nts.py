"""Which servers are written where some of them authenticate themselves by NTS."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.servers import Choice, Wanted, choose
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import (
    chrony,
    ntp_sample,
    record,
    silent_sample,
)
from tests.unit.plugin_utils.checks.test_check_nts_servers import exchanged
from tests.unit.plugin_utils.remediation.test_servers import (
    NOW_S,
    THREE,
    YEAR_S,
    Servers,
    blocked,
    chosen,
    false,
    good,
    nts,
    of_addresses,
    of_servers,
    outdated,
    silent,
)


def with_nts(*entries: dict[str, Any], servers: Servers = THREE, skew_s: float = 0.0, **sections: Any) -> Choice:
    wanted = Wanted(("a", "b", "c"), nts_servers=tuple(entry["server"] for entry in entries))
    return chosen(servers, wanted, skew_s, list(entries), **sections)


def test_if_nts_works_its_servers_are_written_alone():
    """Beside them plain ones count only as far as the others agree (chrony.conf(5),
    authselectmode mix).
    """
    choice = with_nts(nts("x"), nts("y"), nts("z"))
    assert choice.lines == ("server x iburst nts", "server y iburst nts", "server z iburst nts")
    assert (choice.good, choice.warnings, choice.directives) == (("x", "y", "z"), (), ())
    assert choice.left_out["a"] == "it is not authenticated, and only the servers with NTS are used"


def test_one_server_with_nts_is_preferred_to_three_without_and_the_others_are_reported():
    choice = with_nts(nts("x"), blocked("y"))
    assert choice.lines == ("server x iburst nts",)
    assert choice.warnings == (
        "good sources: 1, wanted: 3; a single source is believed even if it is wrong: y: NTS cannot be set up: "
        "TCP 4460 blocked (connect: 192.0.2.1 port 4460: timed out)",
    )


def test_if_no_server_can_be_authenticated_plain_ones_are_written_with_a_warning():
    choice = with_nts(blocked("x"), outdated("y", -YEAR_S, -3600))
    assert choice.good == ("a", "b", "c")
    assert choice.directives == ()
    (warning,) = choice.warnings
    assert warning.startswith("NTS cannot be used, so servers without it are used: x: NTS cannot be set up")
    assert "y: NTS cannot be set up: certificate not valid at the true time (tls: certificate is" in warning


def test_if_neither_is_good_nothing_is_written():
    choice = with_nts(blocked("x"), servers=[silent(name) for name in "abc"], api_date={"apis": []})
    assert choice.lines == ()
    assert choice.refusal.startswith("none of 3 NTP servers gives this node a usable answer")


def test_an_expired_certificate_that_a_clock_behind_takes_for_valid_is_not_good():
    expired = nts("x", certificate={"not_before_s": NOW_S - YEAR_S, "not_after_s": NOW_S - 3600})
    behind = [good(name, -7200.0) for name in "abc"]
    choice = with_nts(expired, servers=behind, skew_s=-7200.0)
    assert "certificate not valid at the true time" in choice.left_out["x"]


def test_a_server_with_nts_whose_time_the_majority_contradicts_is_not_written():
    choice = with_nts(nts("x"), nts("y"), servers=[*THREE, false("x"), good("y")])
    assert (choice.good, choice.left_out["x"]) == (("y",), "the majority contradicts it")


def test_a_server_with_nts_that_is_silent_by_ntp_is_not_written():
    """TCP is open and UDP is not: chronyd would have its keys and no time."""
    choice = with_nts(nts("x"), servers=[*THREE, silent("x")])
    assert choice.left_out["x"] == "it gave no usable answer: no reply within 2 s"
    assert choice.good == ("a", "b", "c")


def test_a_server_with_nts_with_a_silent_address_is_a_pool_too():
    choice = with_nts(nts("x"), servers=[*THREE, of_addresses("x", a1=silent_sample(), a2=ntp_sample())])
    assert choice.lines == ("pool x iburst maxsources 1 nts",)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(nts("x", port=4461, configured=True), id="at another port"),
        pytest.param(nts("x", certset="1", configured=True), id="with other certificates"),
    ],
)
def test_what_was_tried_in_another_way_than_it_would_be_written_does_not_count(entry):
    assert "NTS was not tried" in with_nts(entry).left_out["x"]


def test_if_taking_the_section_failed_nts_was_not_tried():
    data = record(ntp={"servers": THREE}, nts={"error": "no answer within 17 s"})
    choice = choose(Record(data), judge_record(data), Wanted(("a", "b", "c"), nts_servers=("x",)))
    assert choice.left_out["x"] == "NTS was not tried: no answer within 17 s"
    assert choice.good == ("a", "b", "c")


@pytest.mark.parametrize(
    ("known", "why"),
    [
        pytest.param({"fips": True}, "the node is in FIPS mode, in which chronyd can abort with NTS", id="FIPS"),
        pytest.param({"features": ["-NTS"]}, "this chronyd was built without NTS", id="not built in"),
        pytest.param({"version": "3.5"}, "NTS came with chrony 4.0, and this is 3.5", id="before 4.0"),
    ],
)
def test_if_its_chrony_can_do_no_nts_plain_servers_are_written(known, why):
    choice = with_nts(nts("x"), chrony={**chrony(), **known})
    assert (choice.good, choice.left_out["x"]) == (("a", "b", "c"), why)


def test_certificates_that_only_the_nodes_clock_refuses_are_not_held_against_it():
    behind = [good(name, -612.0) for name in "abc"]
    choice = with_nts(outdated("x", -600, YEAR_S), servers=behind, skew_s=-612.0)
    assert choice.lines == ("server x iburst nts",)
    assert choice.directives[-1] == "nocerttimecheck 1"
    assert choice.directives[0].startswith("# At the time of this node's clock")


def test_without_an_rtc_the_check_is_left_out_for_the_next_boot():
    choice = with_nts(nts("x"), clock={"rtc": {"present": False}})
    assert choice.directives[-1] == "nocerttimecheck 1"
    assert choice.directives[0].startswith("# This node has no RTC")
    assert with_nts(nts("x"), clock={"rtc": {"present": True}}).directives == ()


def test_plain_servers_need_no_directive():
    assert of_servers(good("a")).directives == ()
    assert chosen(THREE, Wanted(("a",)), clock={"rtc": {"present": False}}).directives == ()


def test_the_certificates_that_chrony_was_set_to_trust_stay_trusted():
    """With them the key establishment was tried;
    those of other sets are for servers that are not written.
    """
    config = (
        "server x nts\nnosystemcert\nntstrustedcerts /etc/ca.pem\nntstrustedcerts 0 /etc/b.pem\nntstrustedcerts 1 /c\n"
    )
    choice = with_nts(nts("x"), chrony=chrony(config=config))
    assert choice.directives == ("nosystemcert", "ntstrustedcerts /etc/ca.pem", "ntstrustedcerts 0 /etc/b.pem")


# What chronyd itself gets, before NTS is written.


def by_chronyd(rc: int, said: str = "System clock wrong by 0.000012 seconds (ignored)", features: str = "+NTS") -> dict:
    """What `chronyd -Q` answered: chrony 4.3's words."""
    stamp = "2026-11-22T15:21:34Z"
    lines = [
        f"chronyd version 4.3 starting (+CMDMON +NTP {features} -DEBUG)",
        "Disabled control of system clock",
        said,
        "chronyd exiting",
    ]
    return {"rc": rc, "stdout": "", "stderr": "".join(f"{stamp} {line}\n" for line in lines)}


GETS_TIME, TIMES_OUT = by_chronyd(0), by_chronyd(1, "Timeout reached")
NTPSEC = {key: exchanged("plain")[key] for key in ("exchange", "ntp")}
"""It answers a plain request, and no other that it cannot authenticate."""


def tried(*entries: dict[str, Any], answers: dict[str, Any] | None = None, **sections: Any) -> Choice:
    """``answers``: by the server's name."""
    section = {"tried": {f"{name}:4460:0": answer for name, answer in (answers or {}).items()}}
    return with_nts(*entries, nts_client=section, **sections)


def test_chronyd_is_to_try_what_would_be_written_and_what_answered_nothing():
    choice = with_nts(nts("x"), blocked("y"), nts("z", **NTPSEC))
    assert choice.to_try == {
        "x:4460:0": ["server x iburst nts maxsamples 1"],
        "z:4460:0": ["server z iburst nts maxsamples 1"],
    }


def test_nothing_is_tried_that_would_not_be_written_or_was_tried():
    assert with_nts(blocked("x")).to_try == {}
    assert with_nts(nts("x"), chrony={**chrony(), "fips": True}).to_try == {}
    assert with_nts(nts("x"), servers=[*THREE, false("x")]).to_try == {}
    assert tried(nts("x"), answers={"x": GETS_TIME}).to_try == {}
    assert tried(nts("x"), answers={"x": TIMES_OUT}).to_try == {}


def test_it_is_tried_with_what_would_be_written_beside_it():
    behind = [good(name, -612.0) for name in "abc"]
    config = "server x nts\nnosystemcert\nntstrustedcerts ca.pem\n"
    choice = with_nts(outdated("x", -600, YEAR_S), servers=behind, skew_s=-612.0, chrony=chrony(config=config))
    (lines,) = choice.to_try.values()
    # chronyd reads a relative path from `/`, where it runs.
    assert lines[1:] == ["nosystemcert", "ntstrustedcerts /ca.pem", "nocerttimecheck 1"]


def test_it_is_tried_as_it_would_be_written():
    """As a `server`, chronyd would ask the first address alone, which may be the silent one."""
    two_addresses = of_addresses("x", a1=silent_sample(), a2=ntp_sample())
    assert with_nts(nts("x"), servers=[*THREE, two_addresses]).to_try == {
        "x:4460:0": ["pool x iburst maxsources 1 nts maxsamples 1"]
    }
    wanted = Wanted(nts_servers=("x",), options="maxpoll 8 maxsamples 8")
    assert chosen(THREE, wanted, with_nts=[nts("x")]).to_try == {
        # With the keys, it must not wait for its next poll.
        "x:4460:0": ["server x maxpoll 8 maxsamples 8 nts iburst maxsamples 1"]
    }


def test_what_chronyd_gets_the_time_from_is_written_with_nts():
    choice = tried(nts("x"), nts("z", **NTPSEC), answers={"x": GETS_TIME, "z": GETS_TIME})
    assert choice.lines == ("server x iburst nts", "server z iburst nts")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(TIMES_OUT, "Timeout reached", id="no answer"),
        pytest.param(by_chronyd(0, features="-NTS"), "System clock wrong", id="a chronyd without NTS asks without it"),
        pytest.param({"error": "chronyd is not installed"}, "chronyd is not installed", id="it could not be tried"),
    ],
)
def test_if_chronyd_gets_no_time_with_nts_plain_servers_are_written_with_the_reason(answer, why):
    choice = tried(nts("x"), answers={"x": answer})
    assert (choice.good, choice.with_nts) == (("a", "b", "c"), False)
    assert why in choice.left_out["x"]
    (warning,) = choice.warnings
    assert warning.startswith("NTS cannot be used, so servers without it are used: x: chronyd itself gets no time")


def test_one_server_that_chronyd_gets_the_time_from_is_enough_and_no_plain_one_is_mixed_with_it():
    choice = tried(nts("x"), nts("y"), answers={"x": TIMES_OUT, "y": GETS_TIME})
    assert choice.lines == ("server y iburst nts",)


def test_without_plain_servers_nothing_is_written_if_chronyd_gets_no_time():
    data = record(ntp={"servers": THREE}, nts={"servers": [nts("x")]}, nts_client={"tried": {"x:4460:0": TIMES_OUT}})
    choice = choose(Record(data), judge_record(data), Wanted(nts_servers=("x",)))
    assert choice.lines == ()
    assert "chronyd itself gets no time from it with NTS (Timeout reached)" in choice.refusal
