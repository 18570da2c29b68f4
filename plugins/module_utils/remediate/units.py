# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which systemctl commands bring units from one state to another: pure functions.

A unit's state is ``{"load_state", "unit_file_state", "active_state", "wanted"}``: the first three
as ``systemctl show`` has them; ``wanted``: whether something starts it at boot, which a mask and a
SysV script hide. A command is ``(verb, units)``, of ``systemctl VERB UNITS``: a process is dear on
a small node, so one for all units.
"""

from __future__ import annotations

from .files import RemediationError

RUNNING = ("active", "activating", "reloading", "refreshing", "deactivating")

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
    """What commands have done, in words.

    >>> words([("unmask", ["chrony.service"]), ("reset-failed", ["chrony.service"]), ("enable", ["chrony.service"])])
    ['unmasked chrony.service', 'enabled chrony.service']
    """  # noqa: W505 - an example or a table
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

    A masked unit stays masked, as it can't be disabled. Of SysV scripts ``disable --now`` stops
    none (verb_enable() in systemd's src/systemctl/systemctl-enable.c).
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
    """The commands that bring units from the states ``now`` back to ``former``.

    ``restarted``: the unit to start anew if it ran.

    A unit that is not there any more is left out; one that was not there neither ran nor started at
    boot. Masks come last: a masked unit may have run, and could not be started.
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
    """``enabled`` or ``enabled-runtime`` if links that ``disable`` removes start it at boot, else
    nothing.
    """
    if state["unit_file_state"] in ("generated", "masked", "masked-runtime"):
        return "enabled" if state["wanted"] else ""
    return state["unit_file_state"] if state["unit_file_state"] in ("enabled", "enabled-runtime") else ""


def _starts_at_boot(state: dict) -> bool:
    """Whether ``enable`` has nothing to add: static and indirect units need no links."""
    if state["unit_file_state"] == "generated":
        return state["wanted"]
    return state["unit_file_state"] in ("enabled", "static", "indirect", "alias")


def states(shown: list, units: list, wanted) -> dict:
    """The states of units, from what ``systemd.show`` gives: {name given: (unit, state)}. An alias
    leads to its unit.

    ``wanted(unit)``: the state's ``wanted``.

    >>> chrony = {"Id": "chrony.service", "Names": "chronyd.service chrony.service", "LoadState": "loaded",
    ...           "ActiveState": "active", "UnitFileState": "enabled"}
    >>> states([chrony], ["chronyd.service"], lambda unit: True)
    {'chronyd.service': ('chrony.service', {'load_state': 'loaded', 'unit_file_state': 'enabled', \
'active_state': 'active', 'wanted': True})}
    """  # noqa: W505 - an example or a table
    by_name = {}
    for properties in shown:
        unit = properties["Id"]
        state = {
            "load_state": properties.get("LoadState", "not-found"),
            "unit_file_state": properties.get("UnitFileState", ""),
            "active_state": properties.get("ActiveState", ""),
            "wanted": wanted(unit),
        }
        for name in [unit, *properties.get("Names", "").split()]:
            by_name[name] = (unit, state)
    strange = [unit for unit in units if unit not in by_name]
    if strange:
        raise RemediationError(f"systemctl show showed nothing for {', '.join(strange)}. Check the name.")
    return {unit: by_name[unit] for unit in units}
