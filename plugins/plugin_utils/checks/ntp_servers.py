"""Do the NTP servers that the node shall use answer it, with a time of their own that is good?

The servers of `gate_ntp_servers` are asked from the node itself with plain NTP packets, whatever daemon runs there. A
server that does not answer here is blocked on the way, down, or refuses this node; a daemon configured with it would wait
for ever.

Passes where at least one answers usably: it echoes the request, is a server (mode 4), is synchronised itself (leap,
stratum) and near enough to its own reference (root distance). Fails where none does.

Source: RFC 5905, sections 7.3, 8 and 9.2, and its appendix A.5.1.1.
"""

from __future__ import annotations

from ..finding import Finding
from ..policy import Policy
from ..record import MissingEvidenceError, Record

NEEDS = ("ntp",)
MENDED_BY_CHRONY = False


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge each server's replies."""
    asked = {r.name.removeprefix("ntp "): r for r in record.skew.references if r.name.startswith("ntp ")}
    good = [name for name, reference in asked.items() if reference.skew_s]
    bad = {name: reference.detail for name, reference in asked.items() if not reference.skew_s}
    seen = {"servers": {name: reference.detail for name, reference in asked.items()}, "usable": good}
    if not asked and record.section("ntp").get("servers"):
        raise MissingEvidenceError(record.skew.unknown_because)
    if not asked:
        return Finding(
            "inconclusive",
            "no NTP server was asked",
            "Without a server to compare with and to synchronise to, nothing can be said of the clock.",
            "Name your NTP servers in gate_ntp_servers.",
            seen,
        )
    listed = "; ".join(f"{name}: {why}" for name, why in bad.items())
    if not good:
        return Finding(
            "fail",
            f"none of {len(asked)} NTP servers answers this node usably ({listed})",
            "A time daemon with these servers never synchronises, whatever its configuration says.",
            "Ask for UDP port 123 from this node to these servers and back, or name servers in gate_ntp_servers that it reaches.",
            seen,
        )
    note = f"; not usable: {listed}" if bad else ""
    return Finding("pass", f"{len(good)} of {len(asked)} NTP servers answer this node{note}", seen=seen)
