from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import nts_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import NS, TRUE_NS, chrony, policy, record, time_services, unit

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
    return nts_servers.judge(
        Record(record(skew_s, nts={"servers": list(servers)}, **sections)), Policy.from_json(policy())
    )


BLOCKED = failed("connect", "192.0.2.1 port 4460: timed out")
YEAR_S = 365 * 86400


def test_a_node_without_nts_passes():
    finding = judge(config="server ntp.example iburst\n")
    assert (finding.state, finding.summary) == ("pass", "no server is authenticated with NTS")


def test_a_server_that_was_not_asked_is_missing_evidence():
    with pytest.raises(MissingEvidenceError, match=r"a.example, b.example"):
        judge()
    assert judge(time_services=time_services(unit("systemd-timesyncd.service"))).state == "pass"


def test_servers_that_set_it_up_pass():
    finding = judge(nts(), nts("b.example"))
    assert (finding.state, finding.summary) == ("pass", "2 of 2 servers set up NTS with this node")


def test_one_that_sets_it_up_is_enough_and_the_other_is_told():
    finding = judge(BLOCKED, nts("b.example"))
    assert finding.state == "pass"
    assert finding.summary == (
        "1 of 2 servers set up NTS with this node; not: a.example: TCP 4460 blocked (192.0.2.1 port 4460: timed out)"
    )


FAILED = {
    "dropped": (BLOCKED, "TCP 4460 blocked", "TCP from this node to a.example port 4460 (192.0.2.1)"),
    "no answer within the bound": (failed("connect", "no answer within 2 s"), "TCP 4460 blocked", "network team"),
    "refused": (
        failed("connect", "192.0.2.1 port 4460: Connection refused"),
        "refused",
        "runs there: a.example port 4460",
    ),
    "no route": (failed("connect", "192.0.2.1 port 4460: No route to host"), "no route", "a route to a.example"),
    "no route by IPv6 and dropped by IPv4": (
        failed("connect", "2001:db8::1 port 4460: Network is unreachable; 192.0.2.1 port 4460: timed out"),
        "TCP 4460 blocked",
        "network team",
    ),
    "DNS": (failed("dns", "a.example: Name or service not known"), "name not resolved", "/etc/resolv.conf"),
    "unknown CA": (
        failed("tls", "unable to get local issuer certificate", kind="unknown_ca"),
        "certificate not trusted",
        "ntstrustedcerts",
    ),
    "another's name": (
        failed("tls", "Hostname mismatch", kind="wrong_name"),
        "certificate not trusted",
        "or of another name",
    ),
    "TLS": (failed("tls", "no answer within 2 s"), "TLS failed", "openssl s_client"),
    "a web server": (failed("alpn", "the server chose no protocol; expected ntske/1"), "no NTS there", "ntsport"),
}


@pytest.mark.parametrize(("server", "cause", "asked"), FAILED.values(), ids=FAILED)
def test_what_is_in_the_way_is_told_apart_with_the_next_step(server, cause, asked):
    finding = judge(server)
    assert (finding.state, finding.cause) == ("fail", f"NTS: {cause}")
    assert asked in finding.remedy


def test_every_cause_is_told_and_answered():
    finding = judge(BLOCKED, failed("dns", "b.example: no", "b.example"))
    assert finding.cause == "NTS: TCP 4460 blocked, name not resolved"
    assert "a.example port 4460" in finding.remedy
    assert "/etc/resolv.conf" in finding.remedy


@pytest.mark.parametrize(
    ("server", "skew_s", "cause"),
    [
        pytest.param(
            outdated(-600, YEAR_S), -612.0, "certificate not valid at the node's time: the clock", id="clock behind"
        ),
        pytest.param(
            outdated(-YEAR_S, 3600), 7200.0, "certificate not valid at the node's time: the clock", id="clock ahead"
        ),
        pytest.param(
            outdated(-YEAR_S, -3600), 0.0, "certificate not valid at the true time", id="expired, clock right"
        ),
        pytest.param(
            outdated(-YEAR_S, -86400), 45.0, "certificate not valid at the true time", id="expired, whatever the clock"
        ),
        pytest.param(
            outdated(-YEAR_S, YEAR_S), -5.0, "certificate not valid at the node's time", id="another of its chain"
        ),
        pytest.param(
            {**outdated(0, 1), "certificate": None},
            -5.0,
            "certificate not valid at the node's time",
            id="times not seen",
        ),
    ],
)
def test_a_certificate_accuses_the_clock_only_where_the_skew_explains_it(server, skew_s, cause):
    finding = judge(server, skew_s=skew_s)
    assert (finding.state, finding.cause) == ("fail", f"NTS: {cause}")
    assert ("Fix the clock" in finding.remedy) == cause.endswith("the clock")


def test_a_certificate_that_only_a_clock_behind_takes_for_valid_is_told():
    times = {"not_before_s": NOW_S - YEAR_S, "not_after_s": NOW_S - 3600}
    finding = judge(nts(certificate=times), skew_s=-7200.0)
    assert (finding.state, finding.cause) == ("fail", "NTS: certificate not valid at the true time")
    assert judge(nts(certificate={**times, "not_after_s": NOW_S + 3600}), skew_s=-7200.0).state == "pass"


def test_servers_that_chrony_was_not_told_are_not_judged():
    candidate = {**BLOCKED, "configured": False}
    assert judge(candidate, nts("b.example", configured=True)).summary == "1 of 1 servers set up NTS with this node"
    assert judge(candidate, config="server ntp.example iburst\n").summary == "no server is authenticated with NTS"


def test_without_a_known_skew_neither_is_accused():
    nobody = {"ntp": {"servers": []}, "api_date": {"apis": []}}
    assert judge(outdated(-YEAR_S, -3600), **nobody).cause == "NTS: certificate not valid at the node's time"


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
def test_other_sources_count_where_chronyd_may_select_them(lines, state):
    finding = judge(BLOCKED, config=NTS_CONFIG + lines)
    assert finding.state == state
    assert ("c.example without" in finding.summary) == (state == "pass")


@pytest.mark.parametrize("mode", ["mix", "prefer", "require", "ignore"])
def test_a_reference_clock_does_without_nts(mode):
    finding = judge(BLOCKED, config=f"{NTS_CONFIG}refclock PHC /dev/ptp_kvm poll 2\nauthselectmode {mode}\n")
    assert (finding.state, "PHC /dev/ptp_kvm without" in finding.summary) == ("pass", True)


def test_on_a_node_that_another_daemon_steers_nts_is_not_asked_for():
    others = time_services(unit("systemd-timesyncd.service"))
    finding = judge(BLOCKED, time_services=others)
    assert (finding.state, finding.summary) == (
        "pass",
        "systemd-timesyncd.service steers this clock: chrony's servers with NTS are not asked",
    )


def test_where_chrony_is_stopped_its_servers_are_tried_all_the_same():
    assert judge(BLOCKED, time_services=time_services(unit("chrony.service", "inactive"))).state == "fail"


def test_chrony_opens_no_firewall():
    assert not nts_servers.REMEDIABLE
