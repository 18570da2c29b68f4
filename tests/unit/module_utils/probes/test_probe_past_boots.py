from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import past_boots

from tests.node_parts import add_command, write

STARTING, STARTED = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"
FAILED = "be02cf6855d2428ba40df7e9d022f03d"
UNITS = [
    {"Id": name, "Names": names, "LoadState": "loaded"}
    for name, names in (
        ("chrony.service", "chronyd.service chrony.service"),
        ("kubelet.service", "kubelet.service"),
        ("chrony-wait.service", "chrony-wait.service"),
        ("time-sync.target", "time-sync.target"),
    )
]


def row(mono_s: float, **fields: Any) -> str:
    """An entry as journalctl 252 prints it."""
    times = {
        "__REALTIME_TIMESTAMP": str(round((1_795_949_387 + mono_s) * 1e6)),
        "__MONOTONIC_TIMESTAMP": str(round(mono_s * 1e6)),
    }
    return json.dumps({**times, "_BOOT_ID": "164c29071f8941148fd0a2f1dfeb34a7", **fields})


def of_systemd(mono_s: float, message_id: str, unit: str, **fields: Any) -> str:
    return row(mono_s, _PID="1", _SYSTEMD_UNIT="init.scope", MESSAGE_ID=message_id, UNIT=unit, **fields)


def of_chronyd(mono_s: float, message: object) -> str:
    return row(mono_s, _PID="723", _SYSTEMD_UNIT="chrony.service", MESSAGE=message)


BOOT = [
    of_systemd(5.2, STARTING, "chrony.service", MESSAGE="Starting chrony.service"),
    of_systemd(5.5, STARTED, "k3s.service", MESSAGE="k3s.service was skipped", INVOCATION_ID=""),
    of_systemd(5.8, STARTED, "kubelet.service", MESSAGE="Started --token sesame", INVOCATION_ID="ab"),
    of_chronyd(7.2, "chronyd version 4.3 starting"),
    of_systemd(7.3, STARTED, "chrony.service", INVOCATION_ID="cd"),
    of_chronyd(12.0, "Selected source 10.77.0.1"),
    row(12.1, _PID="703", _SYSTEMD_UNIT="systemd-journald.service", MESSAGE="Time jumped backwards, rotating."),
    row(12.2, _PID="703", _SYSTEMD_UNIT="systemd-journald.service", MESSAGE="Suppressed 3 messages from a.service"),
    of_systemd(15.0, STARTED, "kubelet.service", INVOCATION_ID="ef"),
]


def journal(commands: Path, *boots: list[str], otherwise: str = "No such boot ID in journal") -> None:
    """A journalctl that has these boots, this one first, and notes how it is called."""
    cases = ""
    for back, rows in enumerate(boots):
        file = write(commands / f"boot-{back}", "".join(f"{each}\n" for each in rows))
        cases += f"*' --boot=-{back} '*) cat {file};;\n"
    script = f'echo "$*" >> {commands}/asked\ncase " $* " in\n{cases}*) echo "{otherwise}" >&2; exit 1;; esac'
    add_command(commands, "journalctl", script)


def what(boot: dict[str, Any]) -> list[tuple[float, str, str]]:
    return [(entry["mono_us"] / 1e6, entry["what"], entry["unit"]) for entry in boot["entries"]]


def test_a_boot_is_what_daemons_said_and_when_units_first_started(commands: Path):
    journal(commands, BOOT)
    taken = past_boots.collect(UNITS)
    (boot,) = taken["boots"]
    assert what(boot) == [
        (5.2, "starting", "chrony.service"),
        (5.5, "skipped", "k3s.service"),
        (5.8, "started", "kubelet.service"),
        (7.2, "said", "chrony.service"),
        (7.3, "started", "chrony.service"),
        (12.0, "said", "chrony.service"),
        (12.1, "jumped_back", "systemd-journald.service"),
    ]
    assert boot["entries"][-2]["message"] == "Selected source 10.77.0.1"
    assert (boot["last_mono_us"], boot["cut_off"]) == (15_000_000, False)
    assert taken["ended_because"] == "No such boot ID in journal"


def test_no_message_of_another_program_leaves_the_node(commands: Path):
    journal(commands, BOOT)
    assert "sesame" not in json.dumps(past_boots.collect(UNITS))


def test_it_asks_for_fields_that_no_program_can_set_and_never_for_the_messages_of_a_kubelet(commands: Path):
    journal(commands, BOOT)
    past_boots.collect(UNITS)
    asked = (commands / "asked").read_text().split("\n")[0].split()
    of_messages, of_systemd_alone = (" ".join(asked).split(" + ")[n].split() for n in (0, 1))
    assert [word for word in of_messages if "=" in word and not word.startswith("--")] == [
        "_SYSTEMD_UNIT=chrony.service",
        "_SYSTEMD_UNIT=systemd-journald.service",
    ]
    assert "_PID=1" in of_systemd_alone
    assert "UNIT=kubelet.service" in of_systemd_alone
    assert "--quiet" in asked


def test_at_most_three_boots_are_read(commands: Path):
    journal(commands, *[BOOT] * 5)
    taken = past_boots.collect(UNITS)
    assert (len(taken["boots"]), taken["ended_because"]) == (3, None)
    assert len((commands / "asked").read_text().splitlines()) == 3


def test_a_kubelet_that_starts_all_the_time_and_a_daemon_that_talks_are_cut_off(commands: Path):
    often = [of_systemd(20 + n, STARTED, "kubelet.service", INVOCATION_ID="ab") for n in range(1000)]
    talks = [of_chronyd(20 + n, "x" * 5000) for n in range(100)]
    journal(commands, BOOT + often, talks)
    boots = past_boots.collect(UNITS)["boots"]
    assert [boot["cut_off"] for boot in boots] == [True, True]
    assert len(boots[0]["entries"]) == 7
    assert len(boots[1]["entries"]) == past_boots.MOST_SAID
    assert len(json.dumps(boots)) < 30_000


@pytest.mark.parametrize("line", ["", "{", "[]", '"x"', of_chronyd(3, None), of_chronyd(3, [1, 2])])
def test_a_row_of_another_form_is_left_out(commands: Path, line: str):
    journal(commands, [line, *BOOT])
    assert len(past_boots.collect(UNITS)["boots"][0]["entries"]) == 7


def test_a_unit_that_failed_is_shown(commands: Path):
    journal(commands, [of_systemd(4.2, FAILED, "chrony.service")])
    assert what(past_boots.collect(UNITS)["boots"][0]) == [(4.2, "failed", "chrony.service")]


@pytest.mark.usefixtures("bare")
def test_without_journalctl_there_are_no_boots():
    taken = past_boots.collect(UNITS)
    assert (taken["boots"], taken["ended_because"]) == ([], "journalctl is not installed")


@pytest.mark.parametrize("shown", [[], {"error": "systemctl show: no answer"}, [UNITS[-1]]])
def test_nothing_is_asked_without_units(commands: Path, shown: Any):
    journal(commands, BOOT)
    assert past_boots.collect(shown) == {"boots": [], "ended_because": None, "changed_s": {}, "rtc_set_s": 0.0}
    assert not (commands / "asked").exists()


def test_a_journal_that_takes_long_is_left(commands: Path, monkeypatch: pytest.MonkeyPatch):
    add_command(commands, "journalctl", "sleep 30")
    monkeypatch.setattr(past_boots, "WITHIN_S", 0.2)
    taken = past_boots.collect(UNITS)
    assert taken["boots"] == []
    assert "did not end within" in taken["ended_because"]


def test_a_units_change_is_that_of_its_newest_file(commands: Path, tmp_path: Path):
    journal(commands, BOOT)
    old, new = write(tmp_path / "chrony.service", ""), write(tmp_path / "chrony.service.d/a.conf", "")
    unit = {**UNITS[0], "FragmentPath": str(old), "DropInPaths": f"{new} /nowhere"}
    assert past_boots.collect([unit])["changed_s"] == {"chrony.service": os.lstat(new).st_ctime}


@pytest.mark.usefixtures("bare")
def test_what_each_boot_writes_anew_is_no_change(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        os, "lstat", lambda path: os.stat_result([0, 0, 0, 0, 0, 0, 0, 0, 0, 5 if "/etc" in path else 9])
    )
    unit = {**UNITS[0], "FragmentPath": "/run/systemd/generator.late/chrony.service", "DropInPaths": "/run/a /etc/b"}
    assert past_boots.collect([unit])["changed_s"] == {"chrony.service": 5.0}
