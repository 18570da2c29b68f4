"""Debian 11, 12 and 13, each with each of its time daemons, on real nodes: the same
questions, the same words.

A commit's run has all of Debian 12; the other releases, each with its own images, are nightly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.integration.conftest import Run, Runner
from tests.lab import Lab, NodeSpec
from tests.lab.image import RELEASES
from tests.lab.lab import STATE_DIR
from tests.lab.ntp import SERVERS

#: A release of Debian and the package of its daemon.
Kind = tuple[str, str]

VARIANTS = {"systemd-timesyncd": "timesyncd"}

#: It chooses a source first, and ends its alarm (leap_alarm) with the update that follows.
NTPD_CHOSE = "ntpq -pn | grep -q '^[*]' && ntpq -c rv | grep -q leap_none"

#: Shown by the daemon itself as soon as it has chosen a source.
CHOSEN = {
    "chrony": "chronyc -c sources | grep -q '^.,[*]'",
    "ntpsec": NTPD_CHOSE,
    "ntp": NTPD_CHOSE,
    "openntpd": "ntpctl -s status | grep -q '3/3 peers valid'",
    "systemd-timesyncd": "timedatectl show-timesync --all | grep -q PacketCount",
    # It may set the clock at its first poll, and then trusts no source before the eighth.
    "ntpd-rs": "ntp-ctl status | grep -q 'Dispersion: 0[.]000.*Delay: 0[.]02'",
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


def others(release: str) -> list[Kind]:
    return [(release, daemon) for daemon in RELEASES[release] if daemon != "chrony"]


BOOKWORM = [("bookworm", daemon) for daemon in RELEASES["bookworm"]]
FLEETS = [
    pytest.param(BOOKWORM, id="Debian 12"),
    pytest.param(
        [("bullseye", "chrony"), ("trixie", "chrony")], id="chrony of Debian 11 and 13", marks=pytest.mark.nightly
    ),
    pytest.param(others("bullseye"), id="the other daemons of Debian 11", marks=pytest.mark.nightly),
    pytest.param(others("trixie"), id="the other daemons of Debian 13", marks=pytest.mark.nightly),
]


class Fleet:
    """A node of each kind, and the check of all of them."""

    def __init__(
        self, lab: Lab, skewgate: Runner, folder: Path, kinds: Sequence[Kind], servers: tuple[str, ...]
    ) -> None:
        self.nodes = {
            (release, daemon): NodeSpec(
                f"node{n}", f"10.77.0.1{n}", variant=VARIANTS.get(daemon, daemon), ntp=servers, release=release
            )
            for n, (release, daemon) in enumerate(kinds, 1)
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
        for (_, daemon), spec in self.nodes.items():
            waiting = f"for i in $(seq {timeout_s}); do {CHOSEN[daemon]} && exit 0; sleep 1; done; exit 1"
            self.lab.ssh(spec.name, waiting, timeout_s + 60)

    def check(self) -> Run:
        """All checks of time; the token check has its own tests."""
        return self.skewgate("check", *self.words, extra={"gate_checks": TIME_CHECKS})


@pytest.fixture(scope="module", params=FLEETS)
def in_sync(
    request: pytest.FixtureRequest, lab: Lab, skewgate: Runner, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Fleet, Run]:
    fleet = Fleet(lab, skewgate, tmp_path_factory.mktemp("fleet"), request.param, tuple(SERVERS.values()))
    fleet.wait_until_chosen()
    return fleet, fleet.check()


def test_a_daemon_in_sync_passes_every_check_of_time(in_sync: tuple[Fleet, Run]) -> None:
    fleet, run = in_sync
    for (release, daemon), spec in fleet.nodes.items():
        refused = run.refusing(spec.name)
        if daemon == "openntpd":
            # It takes minutes to call its clock synced, and by Debian's options it never steps a
            # clock that no RTC sets.
            assert refused - {"sync_state"} == {"next_boot"}, release
            said = run.evidence["nodes"][spec.name]["evidence"]["openntpd"]["commands"]["all"]["stdout"]
            assert ("sync_state" not in refused) is ("clock synced" in said), said
        else:
            assert {check: run.finding(spec.name, check)["summary"] for check in refused} == {}, (release, daemon)


def test_every_daemon_is_asked_the_same_and_answers_in_the_same_words(in_sync: tuple[Fleet, Run]) -> None:
    fleet, run = in_sync
    for kind, spec in fleet.nodes.items():
        sources, service = (run.finding(spec.name, check) for check in ("ntp_sources", "time_service"))
        assert re.fullmatch(r"\S+ \D+ 10\.77\.0\.[123],? .*\b[13]\b\D*", sources["summary"]), (kind, sources["summary"])
        assert len(sources["seen"]["sources"]) in (1, 3), kind
        states = {source["state"] for source in sources["seen"]["sources"]}
        assert not states & {"falseticker", "unreachable", "unresolved"}, (kind, states)
        assert re.match(r"\S+\.service ", service["summary"]), kind
        assert service["seen"]["competing"] == [], kind


def test_a_daemon_whose_servers_are_dead_has_no_source_whatever_it_is(
    lab: Lab, skewgate: Runner, tmp_path: Path
) -> None:
    fleet = Fleet(lab, skewgate, tmp_path, BOOKWORM, ("10.77.0.9",))
    run = fleet.check()
    found = {kind: run.finding(spec.name, "ntp_sources") for kind, spec in fleet.nodes.items()}
    assert {kind: finding["state"] for kind, finding in found.items()} == dict.fromkeys(found, "fail")
    assert [finding["keys"] for finding in found.values()] == [["no_source_answers"]] * len(found)
    assert "pass" not in {run.finding(spec.name, "sync_state")["state"] for spec in fleet.nodes.values()}


@pytest.fixture(scope="module", autouse=True)
def _stopped(lab: Lab) -> Iterator[None]:
    yield
    for number in range(1, 6):
        lab.stop_node(f"node{number}")
