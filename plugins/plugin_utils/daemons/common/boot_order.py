"""In which order the units of a node start at boot: what waits until the clock is synchronised, and
what starts after that.

``units``: those of the section ``boot`` that are loaded, by name.

Source: systemd.special(7), time-sync.target; systemd-time-wait-sync.service(8) and its source;
chrony's chrony-wait.service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...model.cluster import KUBELET_UNITS, RUNTIME_UNITS, TIME_SYNC_TARGET
from ...model.record import Record
from .. import discover, wait_units
from ..chrony import chrony_configuration
from .daemon import TimeDaemon
from .synchronisation import kernel

Units = Mapping[str, Mapping[str, Any]]

KERNEL_WAIT = "systemd-time-wait-sync.service"
"""It waits until the kernel calls the clock synchronised; it asks no daemon."""

_INFORMS_WITHIN_S = 120.0
"""A daemon of which it is not known whether it informs the kernel would do it at each update."""


@dataclass(frozen=True)
class Wait:
    """What waits for the first synchronisation; ``fix`` is what to do if nothing does.

    ``proof``: the units after which the clock is known to be synchronised.
    """

    words: str
    fix: str
    proof: frozenset[str] = frozenset()


def known_waits() -> tuple[str, ...]:
    """All units that can wait for a first synchronisation."""
    return (*wait_units(), KERNEL_WAIT)


def wait_of(daemon: TimeDaemon, record: Record, units: Units) -> Wait:
    """The units that hold `time-sync.target` until the clock is synchronised:
    enabled, and able to.
    """
    kind = discover()[daemon.daemon]
    fix = kind.how_to_wait or f"systemctl enable {(*kind.wait_units, KERNEL_WAIT)[0]}."
    said, proof = [], set()
    for name in known_waits():
        unit = units.get(name)
        if unit is None or not _enabled(unit):
            continue
        problem, remedy = _cannot_prove(unit, daemon, record)
        if problem:
            said.append(f"{name} is enabled, but {problem}")
            fix = remedy or fix
            continue
        said.append(f"{name} waits for the synchronisation")
        proof |= {name, TIME_SYNC_TARGET} if TIME_SYNC_TARGET in unit["before"] else {name}
    return Wait("; ".join(said) or "nothing waits for the synchronisation", fix, frozenset(proof))


def _cannot_prove(unit: Mapping[str, Any], daemon: TimeDaemon, record: Record) -> tuple[str, str]:
    """Why an enabled wait is useless with this daemon, and what would fix it; empty if it works."""
    name, kind = unit["unit"], discover()[daemon.daemon]
    if name not in (*kind.wait_units, KERNEL_WAIT):
        return f"{daemon.unit} steers the clock", ""
    runs = {word.rpartition("/")[2] for word in unit["exec_start"].split()}
    if name != KERNEL_WAIT and not {*kind.wait_command.split()} <= runs:
        return f"it does not run `{kind.wait_command}`", kind.how_to_wait
    if name == KERNEL_WAIT and kind.how_to_wait and not _kernel_is_informed(record):
        return f"{daemon.unit} is not seen to inform the kernel: it may wait for ever", kind.how_to_wait
    if kind.section != "chrony":
        return "", ""
    config = chrony_configuration(record)
    if name == KERNEL_WAIT:
        if config.all("rtcsync"):
            return "", ""
        return (
            "without `rtcsync` chronyd never informs the kernel: it waits for ever, and the units after it never start",
            "Put `rtcsync` into chrony.conf.",
        )
    port = config.last("cmdport")
    # Without -h chronyc uses chronyd's socket, which exists with any port.
    if port and port.arguments == ("0",) and (" -h " in unit["exec_start"] or not unit["exec_start"]):
        return "`cmdport 0` keeps it from asking chronyd", f"Remove `cmdport 0` ({port.file}:{port.line})."
    return "", ""


def _kernel_is_informed(record: Record) -> bool:
    """Whether a daemon has set the kernel's maxerror just now.

    What an earlier daemon set makes the kernel call the clock synchronised for hours.
    """
    in_kernel = kernel(record)
    ago_s = in_kernel.set_at_most_ago_s if in_kernel else None
    return ago_s is not None and ago_s <= _INFORMS_WITHIN_S


def comes_after(unit: str, proof: frozenset[str], units: Units) -> bool:
    """Whether a unit starts after one of ``proof``, directly or through other units that start.

    `After=` a unit that does not start has no effect.
    """
    seen, left = {unit}, list(units[unit]["after"])
    while left:
        name = left.pop()
        if name in proof:
            return True
        if name in units and name not in seen and (_enabled(units[name]) or name.endswith(".target")):
            seen.add(name)
            left += units[name]["after"]
    return False


def _enabled(unit: Mapping[str, Any]) -> bool:
    return unit["unit_file_state"] in ("enabled", "static", "generated") or is_wanted(unit)


def is_wanted(unit: Mapping[str, Any]) -> bool:
    """Whether a target starts it through a link in /usr. systemd calls it disabled
    (Flatcar's timesyncd).
    """
    targets = [name for name in unit.get("wanted_by") or [] if name.endswith(".target")]
    return unit.get("unit_file_state") == "disabled" and bool(targets)


def order_of(units: Units, proof: frozenset[str], manager: str) -> list[str]:
    """When the cluster's units start, one line for each."""
    if manager == "openrc":
        return ["the order of OpenRC's services is not known"]
    shown = [name for name in (*KUBELET_UNITS, *RUNTIME_UNITS) if name in units]
    lines = []
    for name in shown:
        if comes_after(name, proof, units):
            lines.append(f"{name} starts after that")
        elif TIME_SYNC_TARGET in units[name]["after"]:
            lines.append(f"{name} starts after {TIME_SYNC_TARGET}, which does not wait for the synchronisation")
        else:
            lines.append(f"{name} does not wait for {TIME_SYNC_TARGET}")
    return lines or ["no cluster unit is installed yet"]


def order_remedy(wait: Wait, unordered: Sequence[str], units: Units) -> str:
    """How to make the units start after a proof: a wait that works, and the units' order."""
    steps = [] if wait.proof else [wait.fix]
    if lacking := [unit for unit in unordered if TIME_SYNC_TARGET not in units[unit]["after"]]:
        steps.append(
            f"Order {', '.join(lacking)} with a drop-in that has `[Unit] Wants={TIME_SYNC_TARGET} After={TIME_SYNC_TARGET}`."
        )
    return " ".join(steps)
