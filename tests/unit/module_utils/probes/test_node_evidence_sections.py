"""Sections are taken apart from each other, and the documentation names all options."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.module_utils.node.processes import Running
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence

from tests.node_parts import add_command, process, write
from tests.paths import ROOT


def test_lists_that_are_empty_ask_nobody():
    defaults = {name: option.get("default") for name, option in node_evidence.ARGUMENTS.items()}
    evidence = node_evidence.collect({**defaults, "sections": ["ntp", "api_date", "github_apps"]})
    assert (evidence["ntp"], evidence["api_date"], evidence["github_apps"]) == ({"servers": []}, {"apis": []}, [])


def collect(*sections: str, timeout_s: float = 1) -> dict[str, Any]:
    return node_evidence.collect(
        {"sections": sections, "timeout_s": timeout_s, "ntp_samples": 1, "nts_servers": [], "github_apps": []}
    )


def test_a_section_that_fails_is_recorded_and_the_others_are_taken(monkeypatch: pytest.MonkeyPatch):
    def fail() -> dict:
        raise LookupError("no clock at all")

    monkeypatch.setattr(node_evidence.clock, "collect", fail)
    evidence = collect("clock", "join_state")
    assert evidence["clock"] == {"error": "LookupError: no clock at all"}
    assert evidence["join_state"]["paths"]


def test_a_section_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(node_evidence.join_state, "collect", lambda _processes: time.sleep(30))
    begun_s = time.monotonic()
    evidence = collect("join_state", "clock", timeout_s=0.2)
    assert time.monotonic() - begun_s < 10
    assert evidence["join_state"] == {"error": "TimeoutError: it did not end within its bound"}
    assert "adjtimex" in evidence["clock"]


def test_the_evidence_has_how_long_the_start_and_each_section_took(monkeypatch: pytest.MonkeyPatch):
    def fail(_processes: list) -> dict:
        time.sleep(0.1)
        raise LookupError

    monkeypatch.setattr(node_evidence.clock, "collect", lambda: time.sleep(0.05))
    monkeypatch.setattr(node_evidence.join_state, "collect", fail)
    monkeypatch.setattr(node_evidence.openntpd, "collect", lambda _timeout_s, _processes: time.sleep(30))
    monkeypatch.setattr(node_evidence.platform, "collect", dict)
    collected = collect("clock", "join_state", "openntpd", "platform", timeout_s=0.01)["collected"]
    assert 0 < collected["started_s"] < time.clock_gettime(time.CLOCK_BOOTTIME)
    assert set(collected["sections_s"]) == {"clock", "join_state"}  # one has not ended, one took no time
    assert 0.05 <= collected["sections_s"]["clock"] < 5
    assert 0.1 <= collected["sections_s"]["join_state"] < 5


OF_PROCESSES = (
    *("chrony", "ntpd", "openntpd", "ntpd_rs", "timesyncd", "ptp", "clockbound"),
    *("time_services", "nts", "join_state"),
)


def test_the_processes_are_looked_through_once_for_all_sections(monkeypatch: pytest.MonkeyPatch):
    scans = []

    def scan() -> Running:
        scans.append(1)
        cluster = [(2, "etcd", ["etcd"])]
        return Running(
            [process("systemd-timesyncd", comm="systemd-timesyn", pid=1)], cluster, {"given": [], "privileged": []}
        )

    monkeypatch.setattr(node_evidence, "scan", scan)
    evidence = collect(*OF_PROCESSES)
    assert len(scans) == 1
    assert evidence["timesyncd"]["present"] is True
    assert [shown["pid"] for shown in evidence["time_services"]["processes"]] == [1]
    assert evidence["join_state"]["processes"] == ["etcd"]


def test_processes_that_cannot_be_listed_cost_no_other_section(monkeypatch: pytest.MonkeyPatch):
    def fail() -> Running:
        raise PermissionError("no /proc here")

    monkeypatch.setattr(node_evidence, "scan", fail)
    evidence = collect(*OF_PROCESSES, "clock", "platform")
    failed = {section for section in node_evidence.SECTIONS if "error" in evidence.get(section, {})}
    assert failed == set(OF_PROCESSES)
    assert evidence["chrony"] == {"error": "PermissionError: no /proc here"}


@pytest.fixture
def systemctl(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that notes its arguments in the file ``calls`` and knows chrony and a kubelet."""
    for module in (node_evidence, node_evidence.time_services):
        monkeypatch.setattr(module, "is_manager", lambda: True)
    unit = (
        "Id={0}\nNames={0}\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=7\n"
    )
    write(commands / "shown", "\n".join(unit.format(name) for name in ("kubelet.service", "chrony.service")))
    add_command(commands, "systemctl", f'echo "$@" >> {commands}/calls; cat {commands}/shown')
    return commands


def test_systemd_is_asked_once_for_the_sections_that_show_units(systemctl: Path):
    evidence = collect("boot", "time_services")

    assert [unit["unit"] for unit in evidence["boot"]["units"]] == ["kubelet.service", "chrony.service"]
    assert [(unit["unit"], unit["main_pid"]) for unit in evidence["time_services"]["units"]] == [("chrony.service", 7)]
    (asked,) = (systemctl / "calls").read_text().splitlines()
    assert {"kubelet.service", "ntpsec.service", "phc2sys@*.service", "time-sync.target"} < set(asked.split())


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo 'Failed to connect to bus' >&2; exit 1", "systemctl show: Failed to connect to bus"),
        ("exec sleep 30", "systemctl show did not end within 0.6 s"),
    ],
)
def test_a_systemctl_that_fails_or_hangs_is_recorded_in_each_of_them(systemctl: Path, script: str, error: str):
    add_command(systemctl, "systemctl", script)
    evidence = collect("boot", "time_services", timeout_s=0.2)
    assert evidence["boot"]["units"] == evidence["time_services"]["units"] == {"error": error}
    assert evidence["boot"]["uptime_s"] > 0


def test_each_section_has_a_probe_of_its_name_and_nothing_else_is_a_probe():
    files = {path.stem for path in (ROOT / "plugins/module_utils/probes").glob("*.py")} - {"__init__"}
    assert files == set(node_evidence.SECTIONS)


def test_the_documentation_names_every_option():
    documented = yaml.safe_load(node_evidence.DOCUMENTATION)["options"]
    assert set(documented) == set(node_evidence.ARGUMENTS)
    assert documented["sections"]["choices"] == documented["sections"]["default"] == node_evidence.SECTIONS
    apps = documented["github_apps"]["suboptions"]
    assert set(apps) == set(node_evidence.APP_OPTIONS)
    assert set(apps["attempts"]["suboptions"]) == set(node_evidence.APP_OPTIONS["attempts"]["options"])
    for name, option in node_evidence.ARGUMENTS.items():
        assert documented[name].get("default") == option.get("default"), name
    yaml.safe_load(node_evidence.EXAMPLES)


def test_the_documentation_names_every_section():
    (evidence,) = yaml.safe_load(node_evidence.RETURN).values()
    assert set(evidence["contains"]) == {"schema", "collected", *node_evidence.SECTIONS}
