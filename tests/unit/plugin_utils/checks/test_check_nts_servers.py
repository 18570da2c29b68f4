from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import nts_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import OF_THE_PATH
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import NtsState as Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import NS, TRUE_NS, answer, chrony, record, source, time_services, unit
from tests.findings import finding_of, unsaid

NOW_S = TRUE_NS // NS
NTS_CONFIG = "server a.example iburst nts\nserver b.example iburst nts\nmakestep 1 3\n"


def nts(name: str = "a.example", **changes: Any) -> dict[str, Any]:
    return {
        "server": name,
        "port": 4460,
        "addresses": ["192.0.2.1"],
        "error": None,
        "alpn": "ntske/1",
        "certificate_time_error": None,
        **changes,
    }


def failed(phase: str, message: str, name: str = "a.example", **kind: str) -> dict[str, Any]:
    return nts(name, alpn=None, error={"phase": phase, "message": message, **kind})


def outdated(valid_from_s: int, valid_to_s: int) -> dict[str, Any]:
    """A certificate that is valid so many seconds from the true time."""
    times = {"not_before_s": NOW_S + valid_from_s, "not_after_s": NOW_S + valid_to_s}
    return nts(certificate_time_error="certificate verify failed", certificate=times)


def judge(*servers: dict[str, Any], skew_s: float = 0.0, config: str = NTS_CONFIG, **sections: Any) -> Finding:
    sections = {"chrony": chrony(config=config), **sections}
    return finding_of(nts_servers, record(skew_s, nts={"servers": list(servers)}, **sections))


KEYS = {
    "ended": True,
    "protocols": [0],
    "aeads": [15],
    "errors": [],
    "warnings": [],
    "cookies": 8,
    "cookie_bytes": 100,
    "ntp_server": None,
    "ntp_port": None,
}
"""The records of a key exchange that gave cookies."""
UNIQUE_HEX = "ab" * 32
PLAIN_REPLY = {"bytes": 48, "reply_hex": "24" * 48}


def exchanged(*answered: str, nts_reply_hex: str = "", name: str = "a.example", **changes: Any) -> dict[str, Any]:
    """A server that gave keys; ``answered``: which of the other requests had an answer."""
    silent = {"error": "no reply within 2 s", "kind": "silent"}
    others = {
        asked: {"bytes": size, **(PLAIN_REPLY if asked in answered else silent)}
        for asked, size in (("plain", 48), ("padded", 228), ("nobody", 48))
    }
    first = {"bytes": 228, **({"reply_hex": nts_reply_hex} if nts_reply_hex else silent)}
    ntp = {"address": "192.0.2.1", "port": 123, "unique_hex": UNIQUE_HEX, "nts": first, **others}
    return nts(name, exchange=KEYS, ntp=ntp, **changes)


NTSN_HEX = "e4" * 48 + "01040024" + UNIQUE_HEX
BLOCKED = failed("connect", "192.0.2.1 port 4460: timed out")
YEAR_S = 365 * 86400
CHRONY = chrony(config=NTS_CONFIG)
EXAMPLES = {
    Key.ESTABLISHED: nts(),
    Key.NAME_NOT_RESOLVED: failed("dns", "a.example: Name or service not known"),
    Key.BLOCKED: BLOCKED,
    Key.REFUSED: failed("connect", "192.0.2.1 port 4460: Connection refused"),
    Key.NO_ROUTE: failed("connect", "192.0.2.1 port 4460: No route to host"),
    Key.NO_NTS: failed("alpn", "the server chose no protocol; expected ntske/1"),
    Key.NOT_TRUSTED: failed("tls", "unable to get local issuer certificate", kind="unknown_ca"),
    Key.TLS_FAILED: failed("tls", "no answer within 2 s"),
    Key.CLOCK: outdated(-600, YEAR_S),
    Key.EXPIRED: outdated(-YEAR_S, -3600),
    Key.CLOCK_OR_CERTIFICATE: outdated(-YEAR_S, YEAR_S),
    Key.NO_KEYS: nts(exchange={**KEYS, "cookies": 0, "errors": [1]}, ntp=None),
    Key.NTP_BLOCKED: exchanged(),
    Key.LARGE_DROPPED: exchanged("plain"),
    Key.REDIRECTED: exchanged("plain", "padded", "nobody"),
    Key.STRIPPED: exchanged("plain", "padded", nts_reply_hex="24" * 48),
    Key.NOT_ANSWERED: exchanged("plain", "padded"),
}
"""A server for each state; the one of CLOCK is so by a clock that is 612 s behind."""


def test_a_node_without_nts_passes():
    finding = judge(config="server ntp.example iburst\n")
    assert (finding.state, finding.keys, finding.seen) == ("pass", (), {"servers": []})


def test_a_server_that_was_not_asked_is_missing_evidence():
    with pytest.raises(MissingEvidenceError, match=r"a.example, b.example"):
        judge()
    assert judge(time_services=time_services(unit("systemd-timesyncd.service"))).state == "pass"


def test_servers_that_set_it_up_pass():
    finding = judge(nts(), nts("b.example"))
    assert (finding.state, finding.keys, finding.seen["problems"]) == ("pass", (), {})
    assert "2 of 2" in finding.summary


def test_one_that_sets_it_up_is_enough_and_the_other_is_reported():
    finding = judge(BLOCKED, nts("b.example"))
    assert finding.state == "pass"
    assert not unsaid(finding.summary, "1 of 2", "a.example", "192.0.2.1 port 4460: timed out")
    assert "b.example" not in finding.summary
    assert list(finding.seen["problems"]) == ["a.example"]


A_AT_PORT = "a.example port 4460 (192.0.2.1)"
FAILED = {  # the server, the key, and what the remedy names
    "dropped": (BLOCKED, Key.BLOCKED, ["TCP", A_AT_PORT, "UDP"]),
    "no answer within the bound": (failed("connect", "no answer within 2 s"), Key.BLOCKED, [A_AT_PORT]),
    "refused": (EXAMPLES[Key.REFUSED], Key.REFUSED, [A_AT_PORT]),
    "no route": (EXAMPLES[Key.NO_ROUTE], Key.NO_ROUTE, [A_AT_PORT]),
    "no route by IPv6 and dropped by IPv4": (
        failed("connect", "2001:db8::1 port 4460: Network is unreachable; 192.0.2.1 port 4460: timed out"),
        Key.BLOCKED,
        [A_AT_PORT],
    ),
    "by the kind that the node names": (failed("connect", "it says so", kind="timeout"), Key.BLOCKED, [A_AT_PORT]),
    "DNS": (EXAMPLES[Key.NAME_NOT_RESOLVED], Key.NAME_NOT_RESOLVED, ["/etc/resolv.conf"]),
    "unknown CA": (EXAMPLES[Key.NOT_TRUSTED], Key.NOT_TRUSTED, ["`ntstrustedcerts`", "a.example"]),
    "another's name": (failed("tls", "Hostname mismatch", kind="wrong_name"), Key.NOT_TRUSTED, ["a.example"]),
    "TLS": (EXAMPLES[Key.TLS_FAILED], Key.TLS_FAILED, ["openssl s_client"]),
    "a web server": (EXAMPLES[Key.NO_NTS], Key.NO_NTS, ["`ntsport`"]),
}


@pytest.mark.parametrize(("server", "key", "asked"), FAILED.values(), ids=FAILED)
def test_what_is_in_the_way_is_distinguished_with_the_next_step(server, key, asked):
    finding = judge(server)
    assert (finding.state, finding.keys) == ("fail", (key,))
    assert not unsaid(finding.summary, "0 of 1", "a.example", server["error"]["message"])
    assert not unsaid(finding.remedy, *asked)


OF_THE_EXCHANGE = (Key.NO_KEYS, Key.NTP_BLOCKED, Key.LARGE_DROPPED, Key.REDIRECTED, Key.STRIPPED, Key.NOT_ANSWERED)


@pytest.mark.parametrize("key", OF_THE_EXCHANGE)
def test_what_stops_nts_after_tls_is_distinguished_with_the_next_step(key):
    finding = judge(EXAMPLES[key])
    assert (finding.state, finding.keys) == ("fail", (key,))
    assert A_AT_PORT in finding.remedy


def test_a_server_that_answers_a_request_with_nts_passes():
    assert judge(exchanged(nts_reply_hex=NTSN_HEX)).state == "pass"


CONFIGURED_A = "server a.example iburst nts\n"


def of_chronyd(reach: int, mode: str = "NTS", **commands: Any) -> dict[str, Any]:
    """A chronyd that runs with a.example at 192.0.2.1."""
    named = source("a.example", reach=reach)
    said = {"sources": source("192.0.2.1", reach=reach), "authdata": f"192.0.2.1,{mode},1,15,256,42,0,0,8,104\n"}
    answers = {name: answer(text) for name, text in said.items()}
    return chrony(None, named, config=CONFIGURED_A, **{**answers, **commands})


SILENT_TO_STRANGERS = exchanged("plain")
"""So NTPsec answers: it drops a request that it cannot authenticate, and one with another field."""


@pytest.mark.parametrize("key", sorted(OF_THE_PATH))
def test_a_server_that_answers_chronyd_with_nts_passes_whatever_it_answers_the_probe(key):
    assert judge(EXAMPLES[key], chrony=of_chronyd(0o377)).state == "pass"
    assert judge(EXAMPLES[key], chrony=of_chronyd(0o376)).state == "pass"


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(of_chronyd(0o374), id="not its last two requests"),
        pytest.param(of_chronyd(0o377, mode="-"), id="without NTS"),
        pytest.param(of_chronyd(0o377, authdata=answer("501 Not authorised\n", rc=1)), id="nobody may ask"),
        pytest.param(of_chronyd(0o377, authdata=answer("a,NTS\n")), id="an answer that cannot be read"),
    ],
)
def test_without_an_authenticated_answer_of_late_chronyd_proves_nothing(section):
    finding = judge(SILENT_TO_STRANGERS, chrony=section)
    assert (finding.state, finding.keys) == ("fail", (Key.LARGE_DROPPED,))
    assert not unsaid(finding.remedy, "NTPsec", "chronyd -Q")


def test_chronyd_proves_nothing_of_a_key_exchange_that_fails_now():
    """It has cookies of an earlier one; after its next start it would have none."""
    assert judge(BLOCKED, chrony=of_chronyd(0o377)).keys == (Key.BLOCKED,)


@pytest.mark.parametrize("code", ["RATE", "DENY"])
def test_a_kiss_of_the_server_is_not_blamed_on_the_network(code):
    """It comes without the fields of NTS, though nobody removed them."""
    kiss = "e400" + "00" * 10 + code.encode().hex() + "24" * 32
    finding = judge(exchanged("plain", "padded", nts_reply_hex=kiss))
    assert (finding.state, finding.keys) == ("fail", (Key.NOT_ANSWERED,))
    assert f"answered with kiss {code}" in finding.summary
    assert "its operator" in finding.remedy


def test_a_redirection_is_seen_whether_the_other_server_answers_fields_of_nts_or_not():
    answering = exchanged("plain", "padded", "nobody", nts_reply_hex="24" * 48)
    assert judge(answering).keys == judge(EXAMPLES[Key.REDIRECTED]).keys == (Key.REDIRECTED,)


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ({"exchange": {"error": {"phase": "reply", "message": "no answer within 2 s"}}}, Key.NO_KEYS),
        (
            {"exchange": KEYS, "ntp": {"error": {"phase": "dns", "message": "ntp.a.example: unknown"}}},
            Key.NAME_NOT_RESOLVED,
        ),
    ],
    ids=["it does not answer", "its NTP server's name is unknown"],
)
def test_a_key_exchange_that_leads_nowhere_fails(part, key):
    finding = judge(nts(**part))
    assert (finding.state, finding.keys) == ("fail", (key,))


def test_with_a_clock_that_is_off_the_network_is_named_first():
    """The clock is corrected without NTS, and NTS would still not work."""
    times = {"not_before_s": NOW_S - 600, "not_after_s": NOW_S + YEAR_S}
    behind = exchanged("plain", certificate_time_error="not yet valid", certificate=times)
    assert judge(behind, skew_s=-612.0).keys == (Key.LARGE_DROPPED,)


def test_no_two_states_have_the_same_next_step():
    remedies = {key: judge(server).remedy for server, key, _asked in FAILED.values()}
    remedies |= {key: judge(EXAMPLES[key]).remedy for key in OF_THE_EXCHANGE}
    assert len(set(remedies.values())) == len(remedies) == 13


def test_every_cause_is_reported_with_a_remedy():
    finding = judge(BLOCKED, failed("dns", "b.example: no", "b.example"))
    assert set(finding.keys) == {Key.BLOCKED, Key.NAME_NOT_RESOLVED}
    assert not unsaid(finding.remedy, "a.example port 4460", "/etc/resolv.conf")


@pytest.mark.parametrize(
    ("server", "skew_s", "key"),
    [
        pytest.param(outdated(-600, YEAR_S), -612.0, Key.CLOCK, id="clock behind"),
        pytest.param(outdated(-YEAR_S, 3600), 7200.0, Key.CLOCK, id="clock ahead"),
        pytest.param(outdated(-YEAR_S, -3600), 0.0, Key.EXPIRED, id="expired, clock right"),
        pytest.param(outdated(-YEAR_S, -86400), 45.0, Key.EXPIRED, id="expired, whatever the clock"),
        pytest.param(outdated(-YEAR_S, YEAR_S), -5.0, Key.CLOCK_OR_CERTIFICATE, id="another of its chain"),
        pytest.param(
            {**outdated(0, 1), "certificate": None}, -5.0, Key.CLOCK_OR_CERTIFICATE, id="the certificate was not seen"
        ),
    ],
)
def test_a_certificate_accuses_the_clock_only_if_the_skew_explains_it(server, skew_s, key):
    finding = judge(server, skew_s=skew_s)
    assert (finding.state, finding.keys) == ("fail", (key,))
    # What the clock alone is blamed for asks nothing of the server.
    assert ("a.example" in finding.remedy) == (key is not Key.CLOCK)
    assert ("clock_skew" in finding.remedy) == (key is not Key.EXPIRED)


def test_a_certificate_that_only_a_clock_behind_takes_for_valid_is_reported():
    times = {"not_before_s": NOW_S - YEAR_S, "not_after_s": NOW_S - 3600}
    finding = judge(nts(certificate=times), skew_s=-7200.0)
    assert (finding.state, finding.keys) == ("fail", (Key.EXPIRED,))
    assert judge(nts(certificate={**times, "not_after_s": NOW_S + 3600}), skew_s=-7200.0).state == "pass"


def test_servers_that_chrony_does_not_name_are_not_judged():
    candidate = {**BLOCKED, "configured": False}
    beside = judge(candidate, nts("b.example", configured=True))
    assert (beside.state, "1 of 1" in beside.summary, "a.example" in beside.summary) == ("pass", True, False)
    alone = judge(candidate, config="server ntp.example iburst\n")
    assert (alone.state, alone.seen) == ("pass", {"servers": []})


def test_without_a_known_skew_neither_is_accused():
    nobody = {"ntp": {"servers": []}, "api_date": {"apis": []}}
    assert judge(outdated(-YEAR_S, -3600), **nobody).keys == (Key.CLOCK_OR_CERTIFICATE,)


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        pytest.param("server c.example iburst\n", "fail", id="plain ones, not selected under mix"),
        pytest.param(
            "server c.example iburst\nauthselectmode prefer\n", "fail", id="plain ones, not used under prefer"
        ),
        pytest.param("server c.example iburst\nauthselectmode ignore\n", "pass", id="plain ones, ignore"),
        pytest.param("server c.example iburst\nauthselectmode require\n", "fail", id="plain ones, require"),
        pytest.param(
            "server c.example noselect\nauthselectmode ignore\n", "fail", id="plain ones that are only watched"
        ),
        pytest.param("server c.example iburst key 1\n", "pass", id="one with a key"),
        pytest.param("server c.example iburst key 1\nauthselectmode prefer\n", "pass", id="one with a key, prefer"),
    ],
)
def test_other_sources_count_if_chronyd_may_select_them(lines, state):
    finding = judge(BLOCKED, config=NTS_CONFIG + lines)
    assert finding.state == state
    assert ("c.example" in finding.summary) == (state == "pass")


@pytest.mark.parametrize("mode", ["mix", "prefer", "require", "ignore"])
def test_a_reference_clock_does_without_nts(mode):
    finding = judge(BLOCKED, config=f"{NTS_CONFIG}refclock PHC /dev/ptp_kvm poll 2\nauthselectmode {mode}\n")
    assert (finding.state, "PHC /dev/ptp_kvm" in finding.summary) == ("pass", True)


def test_on_a_node_that_another_daemon_steers_nts_is_not_asked_for():
    others = time_services(unit("systemd-timesyncd.service"))
    finding = judge(BLOCKED, time_services=others)
    assert (finding.state, finding.keys) == ("pass", ())
    assert "systemd-timesyncd.service" in finding.summary


def test_if_chrony_is_stopped_its_servers_are_tried_all_the_same():
    assert judge(BLOCKED, time_services=time_services(unit("chrony.service", "inactive"))).state == "fail"


def test_chrony_opens_no_firewall():
    assert not nts_servers.REMEDIABLE
