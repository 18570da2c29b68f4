"""A node's life as its clocks show it, and the controller that asks it now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.since_admission import Reading

from tests.builders import BOOT_ID, NS, TRUE_NS

OTHER_BOOT_ID = "9f8f071d-18ad-457d-9349-458fa717e2e2"


@dataclass
class Life:
    """What the kernel's four clocks show, and the controller's steady clock; in seconds."""

    wall_s: float = TRUE_NS / NS
    boot_s: float = 290.0
    mono_s: float = 280.0
    raw_s: float = 279.0
    steady_s: float = 5000.0
    boot_id: str = BOOT_ID
    suspends: int | None = 0
    vmclocks: tuple[dict[str, Any], ...] = ()

    def run(self, seconds: float, *, drift: float = 0.0, slewed_s: float = 0.0, steady_drift: float = 0.0) -> Life:
        """So much time passes on a node whose crystal is off by ``drift``,
        and whose kernel slews the clock by ``slewed_s`` meanwhile.
        """
        raw_s = seconds * (1 + drift)
        self.raw_s += raw_s
        self.steady_s += seconds * (1 + steady_drift)
        for clock in ("wall_s", "boot_s", "mono_s"):
            setattr(self, clock, getattr(self, clock) + raw_s + slewed_s)
        return self

    def step(self, seconds: float) -> Life:
        """Somebody sets the clock; a leap second is -1."""
        self.wall_s += seconds
        return self

    def suspend(self, seconds: float) -> Life:
        """The kernel sleeps, and adds the time at its resume."""
        self.wall_s += seconds
        self.boot_s += seconds
        self.steady_s += seconds
        self.suspends = None if self.suspends is None else self.suspends + 1
        return self

    def pause(self, seconds: float) -> Life:
        """The hypervisor lets the machine stand still."""
        self.steady_s += seconds
        return self

    def restore(self, seconds: float) -> Life:
        """The hypervisor puts the machine back to what it was so long ago, at once."""
        for clock in ("wall_s", "boot_s", "mono_s", "raw_s"):
            setattr(self, clock, getattr(self, clock) - seconds)
        return self

    def reboot(self, seconds: float = 20.0) -> Life:
        """It boots, which takes so long; the RTC keeps the time."""
        self.steady_s += seconds
        self.wall_s += seconds
        self.boot_s = self.mono_s = self.raw_s = seconds / 2
        self.boot_id, self.suspends = OTHER_BOOT_ID, self.suspends and 0
        return self

    def asked(self, *, before_s: float = 0.4, module_s: float = 0.0, after_s: float = 0.1) -> tuple[Any, Any]:
        """The section ``collected`` and the controller's notes of a call that lasts
        ``before_s`` until the clocks are read, and then ``module_s`` and ``after_s``.
        """
        begun_s = self.steady_s
        self.run(before_s)
        collected = {
            **{f"{name}_ns": round(getattr(self, f"{name}_s") * NS) for name in ("wall", "boot", "mono", "raw")},
            "gap_ns": 600,
            "boot_id": self.boot_id,
            "suspends": self.suspends,
            "vmclocks": list(self.vmclocks),
        }
        self.run(module_s)
        collected["end_mono_ns"] = round(self.mono_s * NS)
        self.run(after_s)
        return collected, {"steady_before_ns": round(begun_s * NS), "steady_after_ns": round(self.steady_s * NS)}

    def reading(self, **call: float) -> Reading:
        """What the controller gets of such a call, to compare."""
        collected, controller = self.asked(**call)
        return Reading.of({"collected": collected}, controller)
