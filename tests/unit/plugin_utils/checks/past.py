"""Boots as the section ``past_boots`` has them, built from what happened at them."""

from __future__ import annotations

from typing import Any

from tests.builders import NS, TRUE_NS

US = 1_000_000
DAY_S = 86_400.0
CHRONY = "chrony.service"
AT_S = 9.5
"""When chronyd has its first update."""


class Boot:
    """One boot: its entries, from a clock that is so far off (positive: ahead) until it is
    stepped. ``days``: how long ago it began.
    """

    def __init__(self, off_s: float = 0.0, days: float = 1.0) -> None:
        self.began_s = TRUE_NS / NS - days * DAY_S
        self.off_s = off_s
        self.entries: list[dict[str, Any]] = []
        self.lasts_s = DAY_S
        self.cut_off = False

    def add(self, at_s: float, what: str, unit: str = CHRONY, **more: Any) -> Boot:
        """Something that happened."""
        wall_s = self.began_s + self.off_s + at_s
        self.entries.append(
            {"wall_us": round(wall_s * US), "mono_us": round(at_s * US), "what": what, "unit": unit, **more}
        )
        return self

    def says(self, at_s: float, message: str, unit: str = CHRONY) -> Boot:
        """A message of a daemon."""
        return self.add(at_s, "said", unit, message=message)

    def stepped(self, by_s: float) -> Boot:
        """From here on the clock shows something else."""
        self.off_s += by_s
        return self

    def starts(self, at_s: float, unit: str = "kubelet.service") -> Boot:
        """A unit's start."""
        return self.add(at_s, "started", unit)

    def chronyd(self, at_s: float = AT_S, *, steps: bool = True) -> Boot:
        """A start of chronyd and its first update, as chronyd 4.3 logs them."""
        off_s = self.off_s
        self.add(3.9, "starting").says(4.7, "chronyd version 4.3 starting (+CMDMON)").starts(4.9, CHRONY)
        self.says(at_s, "Selected source 10.77.0.1")
        if abs(off_s) <= 1:
            return self
        if not steps:
            return self.says(at_s + 0.01, f"System clock wrong by {-off_s:.6f} seconds")
        self.stepped(-off_s).says(at_s + 0.01, f"System clock wrong by {-off_s:.6f} seconds")
        return self.says(at_s + 0.03, f"System clock was stepped by {-off_s:.6f} seconds")

    def as_json(self) -> dict[str, Any]:
        """As the section has it."""
        return {
            "boot_id": None,
            "entries": self.entries,
            "last_mono_us": round(self.lasts_s * US),
            "cut_off": self.cut_off,
        }


def past(*boots: Boot, rtc_set_s: float = 0.0, changed_days: dict[str, float] | None = None) -> dict[str, Any]:
    """The section: these boots, the newest first. ``changed_days``: how long ago units were
    changed, 100 days unless given.
    """
    days = {CHRONY: 100.0, "kubelet.service": 100.0, "chrony-wait.service": 100.0, **(changed_days or {})}
    return {
        "boots": [boot.as_json() for boot in boots],
        "ended_because": "no such boot",
        "changed_s": {unit: TRUE_NS / NS - ago * DAY_S for unit, ago in days.items()},
        "rtc_set_s": rtc_set_s,
    }


def chronyd(*off_s: float, kubelet_s: float = 4.0, **more: Any) -> dict[str, Any]:
    """Boots with a clock that is so far off each, which chronyd steps; a kubelet starts too."""
    return past(*(Boot(each, days=n).starts(kubelet_s).chronyd() for n, each in enumerate(off_s, start=1)), **more)
