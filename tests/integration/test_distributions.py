"""Debian 11, 12 and 13, each with each of its time daemons, on real nodes: the same questions, the same words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Run, Runner
from tests.lab import Lab, NodeSpec
from tests.lab.image import RELEASES
from tests.lab.lab import STATE_DIR
from tests.lab.ntp import SERVERS

VARIANTS = {"systemd-timesyncd": "timesyncd"}

#: Shown by the daemon itself as soon as it has chosen a source.
CHOSEN = {
    "chrony": "chronyc -c sources | grep -q '^.,[*]'",
    "ntpsec": "ntpq -pn | grep -q '^[*]'",
    "ntp": "ntpq -pn | grep -q '^[*]'",
    "openntpd": "ntpctl -s status | grep -q '3/3 peers valid'",
    "systemd-timesyncd": "timedatectl show-timesync --all | grep -q PacketCount",
}

TIME_CHECKS = [
    "clock_skew",
    "time_service",
    "clock_movers",
    "ntp_servers",
    "nts_servers",
    "ntp_sources",
    "sync_state",
    "chrony_config",
    "config_in_use",
    "next_boot",
]


class Fleet:
    """Nodes of one release by their time daemon, and the check of all of them."""

    def __init__(self, lab: Lab, skewgate: Runner, folder: Path, release: str, servers: tuple[str, ...]) -> None:
        self.nodes = {
            daemon: NodeSpec(
                f"node{n}", f"10.77.0.1{n}", variant=VARIANTS.get(daemon, daemon), ntp=servers, release=release
            )
            for n, daemon in enumerate(RELEASES[release], 1)
        }
        self.lab = lab
        lab.up(list(self.nodes.values()))
        inventory = folder / "hosts.json"
        hosts = {spec.name: {"ansible_host": spec.ip, "lab_dir": str(STATE_DIR)} for spec in self.nodes.values()}
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
        self.words = ["-i", str(inventory), "-l", ",".join(hosts)]
        self.skewgate = skewgate

    def wait_until_chosen(self, timeout_s: int = 120) -> None:
        """Return when each daemon has chosen a source."""
        for daemon, spec in self.nodes.items():
            waiting = f"for i in $(seq {timeout_s}); do {CHOSEN[daemon]} && exit 0; sleep 1; done; exit 1"
            self.lab.ssh(spec.name, waiting, timeout_s + 60)

    def check(self) -> Run:
        """All checks of time; the token check has its own tests."""
        return self.skewgate("check", *self.words, extra={"gate_checks": TIME_CHECKS})


@pytest.fixture(scope="module", params=RELEASES)
def in_sync(
    request: pytest.FixtureRequest, lab: Lab, skewgate: Runner, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Fleet, Run]:
    fleet = Fleet(lab, skewgate, tmp_path_factory.mktemp("fleet"), request.param, tuple(SERVERS.values()))
    fleet.wait_until_chosen()
    return fleet, fleet.check()


def test_a_daemon_in_sync_passes_every_check_of_time(in_sync: tuple[Fleet, Run]) -> None:
    fleet, run = in_sync
    refused = {daemon: run.refusing(spec.name) for daemon, spec in fleet.nodes.items()}
    # It takes OpenNTPD minutes to call its clock synced, and by Debian's options it never steps a clock that no RTC sets.
    assert refused.pop("openntpd") - {"sync_state"} == {"next_boot"}
    assert not any(refused.values()), refused


def test_every_daemon_is_asked_the_same_and_answers_in_the_same_words(in_sync: tuple[Fleet, Run]) -> None:
    fleet, run = in_sync
    for daemon, spec in fleet.nodes.items():
        found = {check: run.finding(spec.name, check)["summary"] for check in ("ntp_sources", "time_service")}
        assert re.match(r"\S+ follows 10\.77\.0\.[123]\b.*, of [13] in all$", found["ntp_sources"]), daemon
        assert re.match(r"\S+\.service steers the clock, and no other time daemon does$", found["time_service"]), daemon


def test_what_openntpd_says_of_itself_is_what_is_found(in_sync: tuple[Fleet, Run]) -> None:
    fleet, run = in_sync
    node = fleet.nodes["openntpd"].name
    said = run.evidence["nodes"][node]["evidence"]["openntpd"]["commands"]["all"]["stdout"]
    state = run.finding(node, "sync_state")
    assert (state["state"] == "pass") is ("clock synced" in said), said


def test_a_daemon_whose_servers_are_dead_has_no_source_whatever_it_is(
    lab: Lab, skewgate: Runner, tmp_path: Path
) -> None:
    fleet = Fleet(lab, skewgate, tmp_path, "bookworm", ("10.77.0.9",))
    run = fleet.check()
    found = {daemon: run.finding(spec.name, "ntp_sources") for daemon, spec in fleet.nodes.items()}
    assert {daemon: finding["state"] for daemon, finding in found.items()} == dict.fromkeys(found, "fail")
    assert {finding["cause"] for finding in found.values()} == {"no source answers"}
    assert "pass" not in {run.finding(spec.name, "sync_state")["state"] for spec in fleet.nodes.values()}


@pytest.fixture(scope="module", autouse=True)
def _stopped(lab: Lab) -> Iterator[None]:
    yield
    for number in range(1, 6):
        lab.stop_node(f"node{number}")
