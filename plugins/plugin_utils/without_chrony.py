"""What the checks that read chronyc's answers say where chrony does not run."""

from __future__ import annotations

from .finding import Finding
from .record import Record
from .time_daemons import time_daemons


def without_chrony(record: Record, what: str) -> Finding | None:
    """The finding of a check of chrony's ``what`` (sources, state) where it can't be made; None where chrony is active."""
    active = [d for d in time_daemons(record.section("time_services")) if d.active]
    if any(d.daemon == "chrony" for d in active):
        return None
    if not active:
        return Finding(
            "skipped",
            f"no time daemon runs, so chrony's {what} can't be judged",
            "It follows from what time_service found.",
            "Mend what time_service says, and check again.",
        )
    return Finding(
        "inconclusive",
        f"{', '.join(d.unit for d in active)} runs here, and only chrony's {what} can be judged",
        "Whether this daemon keeps the clock in sync is not known.",
        "Change the node to chrony (the gate does it), or make ntp_sources and sync_state advisory for it.",
    )
