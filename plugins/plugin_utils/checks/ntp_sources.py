"""Has the node's chronyd sources, do they answer it, and has it chosen one?

A chronyd that is installed, enabled and active may still have nothing to follow: no server configured, none that answers,
none that it trusts. With `local` it then even calls itself synchronised, to its own clock.

Passes where a source is selected (`*`), has answered lately (its reach is not 0) and is not the node's own clock.

Judged for chrony; with another daemon it is inconclusive. Source: chronyc(1), "sources" and "tracking".
"""

from __future__ import annotations

from ..chronyc import LOCAL_REFID, parse_sources, parse_tracking
from ..finding import Finding
from ..policy import Policy
from ..record import Record
from ..without_chrony import without_chrony

NEEDS = ("time_services", "chrony")
MENDED_BY_CHRONY = True

_WHY = (
    "A daemon without a source that it follows leaves the clock to drift, and reports itself as running all the same."
)
_REMEDY = "Configure NTP servers that answer this node: the gate does it, or playbook skewgate.preflight.remediate."


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge what chronyd itself says of its sources."""
    if missing := without_chrony(record, "sources"):
        return missing
    sources = parse_sources(record.chronyc("sources"))
    tracking = parse_tracking(record.chronyc("tracking"))
    seen = {
        "sources": [
            {"name": s.name, "mode": s.mode, "state": s.state, "stratum": s.stratum, "reach": f"{s.reach:o}"}
            for s in sources
        ],
        "refid": tracking.refid,
    }
    if tracking.refid == LOCAL_REFID:
        return Finding(
            "fail",
            "chronyd follows its own clock (`local`)",
            "`local` makes chronyd call the node synchronised when it has lost every source.",
            "Take `local` out of chrony.conf on nodes, and give it servers: playbook skewgate.preflight.remediate.",
            seen,
        )
    if not sources:
        return Finding("fail", "chronyd has no source: no server, pool, peer or refclock in use", _WHY, _REMEDY, seen)
    names = ", ".join(s.name for s in sources)
    if not any(s.reach for s in sources):
        return Finding("fail", f"none of chronyd's sources answers ({names})", _WHY, _REMEDY, seen)
    selected = [s for s in sources if s.state == "*"]
    if not selected:
        states = ", ".join(f"{s.name} {s.state}" for s in sources)
        return Finding("fail", f"chronyd has selected no source ({states})", _WHY, _REMEDY, seen)
    if not selected[0].reach:
        return Finding(
            "fail", f"the selected source {selected[0].name} no longer answers (reach 0)", _WHY, _REMEDY, seen
        )
    falsetickers = [s.name for s in sources if s.state == "x"]
    note = f"; falsetickers: {', '.join(falsetickers)}" if falsetickers else ""
    return Finding("pass", f"chronyd follows {selected[0].name}, one of {len(sources)}{note}", seen=seen)
