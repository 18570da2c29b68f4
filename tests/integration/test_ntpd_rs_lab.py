"""ntpd-rs 1.4.0 on a real node of Debian 13: what it says and does, and how it is judged."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.findings import unsaid
from tests.integration.conftest import Run, Runner, backup_states
from tests.integration.test_remediation import WITHOUT_SERVERS
from tests.lab import Lab, NodeSpec
from tests.lab.ntp import SERVERS

#: Ahead by more than any client tolerates: its first step is seen.
NODE = NodeSpec("node2", "10.77.0.12", 600, "ntpd-rs", tuple(SERVERS.values()), "trixie")
CHECKS = ["clock_skew", "time_service", "ntp_servers", "ntp_sources", "sync_state", "next_boot"]
TOML = "/etc/ntpd-rs/ntp.toml"
#: It may set the clock at its first poll, and then waits for eight of them.
SYNCHRONISED = "ntp-ctl status | grep -q 'Dispersion: 0[.]000.*Delay: 0[.]02'"
PROHIBIT = "ip rule {} uidrange $(id -u ntpd-rs)-$(id -u ntpd-rs) ipproto 17 dport 123 prohibit"


@pytest.fixture(scope="module")
def node(lab: Lab) -> Iterator[str]:
    lab.reset_node(NODE)
    yield NODE.name
    lab.stop_node(NODE.name)


@pytest.fixture(scope="module")
def check(skewgate: Runner, node: str) -> Runner:
    return lambda: skewgate("check", "-l", node, extra={"gate_checks": CHECKS})


@pytest.fixture
def own(lab: Lab, node: str) -> Iterator[None]:
    """Its configuration and its way to its servers may be changed, and are as before afterwards."""
    lab.ssh(node, f"cp {TOML} /root/ntp.toml")
    yield
    undo = f"while ip rule del ipproto 17 dport 123 2>/dev/null; do :; done; cp /root/ntp.toml {TOML}; systemctl restart ntpd-rs"
    lab.ssh(node, f"{undo}; rm -r /var/lib/skewgate 2>/dev/null || true")


def until(lab: Lab, node: str, shell: str, timeout_s: int = 120) -> None:
    """Return when a command succeeds on the node."""
    lab.ssh(node, f"for i in $(seq {timeout_s}); do {shell} && exit 0; sleep 1; done; exit 1", timeout_s + 60)


def change(lab: Lab, node: str, *lines: str) -> None:
    """Change its configuration as sed does, and restart it."""
    for line in lines:
        lab.ssh(node, f"sed -i '{line}' {TOML}")
    lab.ssh(node, "systemctl restart ntpd-rs")


@pytest.fixture(scope="module")
def admitted(lab: Lab, node: str, check: Runner) -> Run:
    until(lab, node, SYNCHRONISED)
    return check()


def test_it_steps_a_clock_that_is_ahead_at_its_start_and_is_admitted(lab: Lab, admitted: Run, node: str) -> None:
    low_s, high_s = lab.skew_s(node)
    assert low_s < 0.1
    assert high_s > -0.1
    assert {check: admitted.finding(node, check)["summary"] for check in admitted.refusing(node)} == {}
    sources, state = (admitted.finding(node, check) for check in ("ntp_sources", "sync_state"))
    assert {source["state"] for source in sources["seen"]["sources"]} == {"selected"}
    assert len(sources["seen"]["sources"]) == len(SERVERS)
    assert state["seen"]["last_update_age_s"] <= state["seen"]["stale_after_s"]
    assert not unsaid(admitted.finding(node, "next_boot")["summary"], "0.01 s", "86400 s backward")


@pytest.mark.usefixtures("own", "admitted")
def test_servers_that_fall_silent_are_named_although_it_still_claims_to_be_in_sync(
    lab: Lab, node: str, check: Runner
) -> None:
    lab.ssh(node, PROHIBIT.format("add"))
    time.sleep(24)
    run = check()
    assert run.refusing(node) == {"ntp_sources", "sync_state"}
    assert run.finding(node, "ntp_sources")["keys"] == ["no_source_answers"]
    state = run.finding(node, "sync_state")
    assert state["keys"] == ["last_update_too_old"]
    assert "leap 0, stratum 2" in state["summary"]
    assert TOML in state["remedy"]


@pytest.mark.usefixtures("own", "admitted")
def test_without_its_socket_it_cannot_be_asked_and_what_to_set_is_said(lab: Lab, node: str, check: Runner) -> None:
    change(lab, node, "/^observation-path/d")
    run = check()
    assert run.refusing(node) == {"ntp_sources"}
    finding = run.finding(node, "ntp_sources")
    assert (finding["state"], finding["keys"]) == ("inconclusive", ["cannot_be_asked"])
    assert not unsaid(
        finding["remedy"], "observation-path", "[observability]", TOML, "systemctl restart ntpd-rs.service"
    )


@pytest.mark.nightly
@pytest.mark.usefixtures("own", "admitted")
def test_one_liar_is_named_and_too_many_are_refused(lab: Lab, node: str, check: Runner) -> None:
    more = '$a [[source]]\\nmode = "server"\\naddress = "10.77.0.{}"'
    with lab.liars(30.0, ["10.77.0.4", "10.77.0.5"]), lab.liars(-20.0, ["10.77.0.6", "10.77.0.7"]):
        change(lab, node, more.format(4))
        until(lab, node, SYNCHRONISED)
        run = check()
        assert run.refusing(node) == set()
        states = {source["name"]: source["state"] for source in run.finding(node, "ntp_sources")["seen"]["sources"]}
        assert states.pop("10.77.0.4") == "falseticker"
        assert set(states.values()) == {"selected"}

        change(lab, node, *(more.format(number) for number in (5, 6, 7)))
        time.sleep(25)
        run = check()
        assert run.finding(node, "ntp_sources")["keys"] == ["no_source_selected"]
        assert "3 of 7 agree" in run.finding(node, "ntp_sources")["summary"]


@pytest.mark.nightly
@pytest.mark.usefixtures("own", "admitted")
def test_fewer_sources_than_must_agree_never_synchronise(lab: Lab, node: str, check: Runner) -> None:
    change(
        lab,
        node,
        "$a [synchronization.unused]",
        "/unused/d",
        "s/^#minimum-agreeing-sources = 3/minimum-agreeing-sources = 4/",
    )
    time.sleep(25)
    run = check()
    assert run.refusing(node) == {"ntp_sources"}
    finding = run.finding(node, "ntp_sources")
    assert finding["keys"] == ["no_source_selected"]
    assert not unsaid(finding["summary"], "3 of 3 agree", "needs 4", "minimum-agreeing-sources")
    assert "minimum-agreeing-sources" in finding["remedy"]


@pytest.mark.nightly
@pytest.mark.usefixtures("own", "admitted")
def test_beyond_its_panic_threshold_it_exits_as_the_next_boot_is_judged(lab: Lab, node: str, check: Runner) -> None:
    limit = "s/^startup-step-panic-threshold = .*/startup-step-panic-threshold = { forward = 1800, backward = 300 }/"
    change(lab, node, limit)
    until(lab, node, SYNCHRONISED)
    finding = check().finding(node, "next_boot")
    # Without an RTC the clock starts in the past, by an unknown time.
    assert finding["keys"] == ["rtc_absent", "daemon_gives_up"]
    assert not unsaid(finding["summary"], "1800 s forward", "300 s backward")
    assert not unsaid(finding["remedy"], "startup-step-panic-threshold")

    for moved_s, survives in ((-600, True), (600, False), (-3600, False)):
        set_clock = f"import time; time.clock_settime(0, time.time() + {moved_s})"
        lab.ssh(node, f'systemctl stop ntpd-rs; python3 -c "{set_clock}"; systemctl start ntpd-rs')
        until(lab, node, SYNCHRONISED if survives else "systemctl is-failed -q ntpd-rs")
        low_s, high_s = lab.skew_s(node)
        assert (low_s < 0.1 and high_s > -0.1) is survives, moved_s
        if not survives:
            set_clock = f"import time; time.clock_settime(0, time.time() - {moved_s})"
            lab.ssh(node, f'python3 -c "{set_clock}"')
    assert check().finding(node, "time_service")["state"] == "fail"


@pytest.mark.nightly
@pytest.mark.usefixtures("own", "admitted")
def test_if_chrony_is_no_better_it_is_put_back(lab: Lab, node: str, skewgate: Runner) -> None:
    change(lab, node, "/^observation-path/d")
    lab.ssh(node, WITHOUT_SERVERS)
    run = skewgate("gate", "-l", node, extra={"gate_checks": CHECKS, "chrony_proof_timeout_s": 4})
    assert run.report["nodes"][node]["verdict"] == "refuse"
    assert backup_states(lab, node) == ["undone"]
    states = "systemctl is-active ntpd-rs chrony; systemctl is-enabled ntpd-rs"
    assert lab.ssh(node, states, check=False).stdout.split() == ["active", "inactive", "enabled"]


@pytest.mark.nightly
@pytest.mark.usefixtures("own", "admitted")
def test_the_gate_replaces_it_with_chrony(lab: Lab, node: str, skewgate: Runner) -> None:
    """Debian 13's package does not conflict with chrony's: both stay installed, and one runs."""
    change(lab, node, "/^observation-path/d")
    run = skewgate("gate", "-l", node, extra={"gate_checks": CHECKS})
    assert run.report["nodes"][node]["verdict"] == "admit", run.output
    states = "systemctl is-active chrony ntpd-rs; systemctl is-enabled chrony ntpd-rs"
    shown = lab.ssh(node, states, check=False).stdout.split()
    assert shown[:3] == ["active", "inactive", "enabled"]
    assert shown[3] in ("disabled", "masked")
