# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd's units: all of the node's systemd that the remediation touches, and the decisions about it as pure functions.

A unit's state is ``{"load_state", "unit_file_state", "active_state", "wanted"}``: the first three as ``systemctl show`` has
them; ``wanted``: whether something starts it at boot, which a mask and a SysV script hide.
A command is ``(verb, units)``, of ``systemctl VERB UNITS``: a process is dear on a small node, so one for all units.
"""

from __future__ import annotations

import glob
import os
import time
from dataclasses import dataclass

from ..node.run import installed, run
from ..node.systemd import is_manager
from .files import RemediationError

RUNNING = ("active", "activating", "reloading", "refreshing", "deactivating")
SHOW_TIMEOUT_S = 30
COMMAND_TIMEOUT_S = 150
"""Beyond the 90 s that systemd itself gives a unit to start (DefaultTimeoutStartSec)."""

DONE = {  # what a command did, in words
    "unmask": "unmasked",
    "unmask --runtime": "unmasked",
    "enable": "enabled",
    "enable --runtime": "enabled until the next boot",
    "disable": "disabled",
    "disable --now": "stopped and disabled",
    "disable --runtime": "disabled",
    "disable --runtime --now": "stopped and disabled",
    "mask": "masked",
    "mask --runtime": "masked until the next boot",
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
}


def words(commands: list) -> list:
    """What commands do, told after the fact.

    >>> words([("unmask", ["chrony.service"]), ("reset-failed", ["chrony.service"]), ("enable", ["chrony.service"])])
    ['unmasked chrony.service', 'enabled chrony.service']
    """
    return [f"{DONE[verb]} {unit}" for verb, units in commands if verb in DONE for unit in units]


def enabling(states: dict, units: list) -> list:
    """The commands that have ``units`` start at every boot."""
    commands = [
        ("unmask", [unit for unit in units if states[unit]["unit_file_state"] == "masked"]),
        ("unmask --runtime", [unit for unit in units if states[unit]["unit_file_state"] == "masked-runtime"]),
        # What a mask hides is seen only without it; enabling what is enabled does nothing.
        ("enable", [unit for unit in units if not _starts_at_boot(states[unit])]),
    ]
    return [command for command in commands if command[1]]


def disabling(states: dict, units: list) -> list:
    """The commands that have ``units`` neither run nor start at boot.

    A masked unit stays masked, as it can't be disabled. Of SysV scripts ``disable --now`` stops none (verb_enable() in systemd's
    src/systemctl/systemctl-enable.c).
    """
    there = [unit for unit in units if states[unit]["load_state"] != "not-found"]
    native = [
        unit for unit in there if states[unit]["unit_file_state"] not in ("generated", "masked", "masked-runtime")
    ]
    scripts = [unit for unit in there if states[unit]["unit_file_state"] == "generated"]
    # Of links in /run, ``disable`` alone leaves them.
    runtime = [unit for unit in native if _enabled(states[unit]) == "enabled-runtime"]
    commands = [
        ("disable --runtime --now", runtime),
        ("disable --now", [u for u in native if u not in runtime and (_enabled(states[u]) or _runs(states[u]))]),
        ("disable", [unit for unit in scripts if _enabled(states[unit])]),
        ("stop", [unit for unit in there if unit not in native and _runs(states[unit])]),
    ]
    return [command for command in commands if command[1]]


def restoring(now: dict, former: dict, restarted) -> list:
    """The commands that bring units from the states ``now`` back to ``former``. ``restarted``: the unit to start anew if it ran.

    A unit that is not there any more is left out; one that was not there neither ran nor started at boot. Masks come last:
    a masked unit may have run, and could not be started.
    """
    units = [unit for unit in former if now.get(unit, {}).get("load_state", "not-found") != "not-found"]

    def those(condition) -> list:
        return [unit for unit in units if condition(now[unit], former[unit])]

    def changed(kind, value: str) -> list:
        """Those of which ``kind(state)`` was ``value`` and is not."""
        return those(lambda now, former: kind(former) == value != kind(now))

    def undone(kind, value: str) -> list:
        """Those of which ``kind(state)`` is ``value`` and was not."""
        return those(lambda now, former: kind(now) == value != kind(former))

    ran = those(lambda _now, former: _runs(former))
    commands = [
        ("unmask", undone(_mask, "masked")),
        ("unmask --runtime", undone(_mask, "masked-runtime")),
        ("disable", undone(_enabled, "enabled")),
        ("disable --runtime", undone(_enabled, "enabled-runtime")),
        ("enable", changed(_enabled, "enabled")),
        ("enable --runtime", changed(_enabled, "enabled-runtime")),
        # systemd refuses to start what has failed too often.
        ("reset-failed", [unit for unit in ran if now[unit]["active_state"] == "failed"]),
        ("stop", those(lambda now, former: _runs(now) and not _runs(former))),
        ("restart", [unit for unit in ran if unit == restarted]),
        ("start", [unit for unit in ran if unit != restarted and not _runs(now[unit])]),
        ("mask", changed(_mask, "masked")),
        ("mask --runtime", changed(_mask, "masked-runtime")),
    ]
    return [command for command in commands if command[1]]


def _runs(state: dict) -> bool:
    return state["active_state"] in RUNNING


def _mask(state: dict) -> str:
    return state["unit_file_state"] if state["unit_file_state"] in ("masked", "masked-runtime") else ""


def _enabled(state: dict) -> str:
    """``enabled`` or ``enabled-runtime`` where links that ``disable`` removes start it at boot, else nothing."""
    if state["unit_file_state"] in ("generated", "masked", "masked-runtime"):
        return "enabled" if state["wanted"] else ""
    return state["unit_file_state"] if state["unit_file_state"] in ("enabled", "enabled-runtime") else ""


def _starts_at_boot(state: dict) -> bool:
    """Whether ``enable`` has nothing to add: static and indirect units have no links of their own."""
    if state["unit_file_state"] == "generated":
        return state["wanted"]
    return state["unit_file_state"] in ("enabled", "static", "indirect", "alias")


@dataclass(frozen=True)
class Systemd:
    """systemctl, and chronyc where it is about a unit's life. ``root``: where /etc is."""

    root: str = ""

    def show(self, units: list) -> dict:
        """The units' states by the names that systemd itself has for them: {name given: (unit, state)}."""
        if not units:
            return {}
        if not is_manager():
            raise RemediationError(
                "systemd does not run here; expected it, as units are to be changed. Fix this node by hand."
            )
        argv = ["systemctl", "show", "--property", "Id,Names,LoadState,UnitFileState,ActiveState", "--", *units]
        answer = run(argv, SHOW_TIMEOUT_S)
        if answer.get("rc") != 0:
            raise RemediationError(_failure(argv, answer))
        return parse(answer["stdout"], units, self._wanted)

    def systemctl(self, verb: str, units: list) -> None:
        """``systemctl VERB UNITS``; RemediationError with what it said where it fails."""
        argv = ["systemctl", *verb.split(), *units]
        answer = run(argv, COMMAND_TIMEOUT_S)
        if answer.get("rc") != 0:
            why = [self.last_words(unit) for unit in units[:1] if verb in ("start", "restart")]
            raise RemediationError(" ".join([_failure(argv, answer), *why]))

    def wait_for_chronyd(self, unit: str, timeout_s: float = 10) -> None:
        """Returns when chronyd answers and its unit is active; RemediationError with the end of its journal where it does not."""
        answer: dict = {"rc": 0}
        end_mono_s = time.monotonic() + timeout_s
        while installed("chronyc"):
            answer = run(["chronyc", "-n", "tracking"], timeout_s)
            if answer.get("rc") == 0 or time.monotonic() > end_mono_s:
                break
            time.sleep(0.2)
        if answer.get("rc") != 0:
            raise RemediationError(
                f"chronyd did not answer chronyc within {timeout_s:g} s of its start. {self.last_words(unit)}"
            )
        if run(["systemctl", "is-active", unit], SHOW_TIMEOUT_S).get("rc") != 0:
            raise RemediationError(f"{unit} did not stay active. {self.last_words(unit)}")

    def last_words(self, unit: str) -> str:
        """The end of what ``systemctl status`` tells of a unit: after an empty line, its journal."""
        argv = ["systemctl", "status", "--no-pager", "--full", "--lines=6", unit]
        told = run(argv, SHOW_TIMEOUT_S).get("stdout", "").strip().rpartition("\n\n")[2]
        return f"systemctl status {unit}: {' | '.join(line.strip() for line in told.splitlines()) or 'nothing'}."

    def _wanted(self, unit: str) -> bool:
        name = glob.escape(os.path.splitext(unit)[0])
        patterns = (
            f"etc/systemd/system/*.wants/{glob.escape(unit)}",
            f"etc/systemd/system/*.requires/{glob.escape(unit)}",
            f"etc/rc[2-5].d/S[0-9][0-9]{name}",
        )
        return any(glob.glob(os.path.join(glob.escape(self.root) or "/", pattern)) for pattern in patterns)


def parse(text: str, units: list, wanted) -> dict:
    """What ``systemctl show`` printed: {name given: (unit, state)}. An alias comes to the unit that it stands for.

    >>> parse("Id=chrony.service\\nNames=chronyd.service chrony.service\\nLoadState=loaded\\nActiveState=active\\n"
    ...       "UnitFileState=enabled", ["chronyd.service"], lambda unit: True)
    {'chronyd.service': ('chrony.service', {'load_state': 'loaded', 'unit_file_state': 'enabled', \
'active_state': 'active', 'wanted': True})}
    """
    by_name = {}
    for block in text.strip().split("\n\n"):
        shown = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        unit = shown.get("Id", "")
        state = {
            "load_state": shown.get("LoadState", "not-found"),
            "unit_file_state": shown.get("UnitFileState", ""),
            "active_state": shown.get("ActiveState", ""),
            "wanted": wanted(unit),
        }
        for name in [unit, *shown.get("Names", "").split()]:
            by_name[name] = (unit, state)
    strange = [unit for unit in units if unit not in by_name]
    if strange:
        raise RemediationError(f"systemctl show said nothing of {', '.join(strange)}. Look whether the name is right.")
    return {unit: by_name[unit] for unit in units}


def _failure(argv: list, answer: dict) -> str:
    said = answer.get("error") or answer["stderr"].strip() or answer["stdout"].strip() or f"exit code {answer['rc']}"
    return f"{' '.join(argv)}: {said[-2000:].rstrip('.')}."
