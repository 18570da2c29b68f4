"""What ntp.org's ntpd and NTPsec's say: ``ntpq -c rv`` and ``ntpq -pn``, as ntpq's manual page
describes them.

Both give times in milliseconds, and offsets as *server minus node* ("offset of server relative to
this host").
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

from ...boundary.text import finite
from ...model.record import MissingEvidenceError, Record
from .daemon import TimeDaemon
from .first_correction import configuration_lines
from .synchronisation import STALE_AFTER_INTERVALS, Advice, DistanceLimit, Peer, PeerState, Synchronisation, root_error

ADVICE = Advice(
    "Name servers that answer this node in ntpd's ntp.conf (/etc/ntpsec/ntp.conf, /etc/ntp.conf) and restart {unit}, or "
    "change the node to chrony (the gate does it).",
    "Step the clock: systemctl stop {unit}, ntpd -gq, systemctl start {unit}. Or change the node to chrony (the gate does it).",
    "Remove `server 127.127.1.0`, `refclock local` and `tos orphan` from ntp.conf on nodes, and name servers there.",
    "set `maxpoll 10` (the default) on the server lines of ntp.conf, or 13 at most",
)

# The tally codes of ntpq's manual page: reject, falseticker, excess, outlier, candidate, backup,
# system peer, PPS peer.
_TALLY: dict[str, PeerState] = {
    " ": "unusable",
    "x": "falseticker",
    ".": "candidate",
    "-": "candidate",
    "+": "candidate",
    "#": "candidate",
    "*": "selected",
    "o": "selected",
}
_MAX_DISTANCE_S = 1.5
"""MAXDISTANCE of both: ntp.org's ntp_proto.c, NTPsec's ntp_proto.c."""
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "y": 31557600}


@dataclass(frozen=True)
class SystemVariables:
    """``ntpq -c rv``; the clock's offset as everywhere (positive: ahead), ``age_s`` since the last
    update.
    """

    leap: int
    stratum: int
    refid: str
    source: str
    root_delay_s: float
    root_dispersion_s: float
    offset_s: float
    update_interval_s: float
    age_s: float | None


@dataclass(frozen=True)
class Association:
    """A row of ``ntpq -pn``; ``poll_s`` is None if it is not polled."""

    peer: Peer
    kind: str
    poll_s: float | None


def parse_system_variables(text: str) -> SystemVariables:
    """Parse ntpd's system variables, for example

    ``associd=0 status=0018 leap_none, sync_unspec, 1 event, no_sys_peer, leap=00, stratum=2,
    precision=-24, rootdelay=2.023, rootdisp=187.935, refid=10.99.0.2, reftime=eead590d.3e37736c
    2026-11-22T12:05:33.243Z, tc=3, peer=17768, offset=-0.000879, ..., clock=eead5922.904ee02d
    2026-11-22T12:05:54.563Z, ...``

    Raises ValueError if it is not that.
    """
    variables = dict(re.findall(r'\b(\w+)=("[^"]*"|[^,\n]*)', text))
    try:
        return SystemVariables(
            leap=int(variables["leap"], 2),
            stratum=int(variables["stratum"]),
            refid=variables["refid"].strip(),
            source=(re.findall(r"\bsync_(\w+)", text) or ["unspec"])[0],
            root_delay_s=finite(variables["rootdelay"]) / 1000,
            root_dispersion_s=finite(variables["rootdisp"]) / 1000,
            offset_s=0.0 - finite(variables["offset"]) / 1000,
            update_interval_s=2.0 ** max(0, min(17, int(variables["tc"]))),
            age_s=_age_s(variables.get("reftime", ""), variables.get("clock", "")),
        )
    except KeyError as missing:
        raise ValueError(f"ntpq -c rv: no variable {missing} in {text[:80]!r}") from None


def _age_s(reftime: str, clock: str) -> float | None:
    """Clock minus reftime: NTP timestamps in hexadecimal, whose difference does not depend on their
    era.
    """
    stamps = [re.match(r"\s*([0-9a-f]{8})\.([0-9a-f]{8})", stamp) for stamp in (reftime, clock)]
    if not (stamps[0] and stamps[1]):
        return None
    last, now = (int(stamp[1] + stamp[2], 16) for stamp in stamps if stamp)
    if last == 0:
        return None
    return ((now - last + (1 << 63)) % (1 << 64) - (1 << 63)) / 2**32


def parse_associations(text: str) -> list[Association]:
    """Parse the rows below the ruler, for example ``*10.77.0.1  .GPS.  1 u  24  64  377  18.241
    -0.112  0.042``.

    The first character is the tally code; reach is octal. Raises ValueError if a row is not that.
    """
    lines = text.splitlines()
    ruler = next((number for number, line in enumerate(lines) if line.startswith("====")), None)
    if ruler is None:
        if re.search(r"no association", text, re.IGNORECASE):
            return []
        raise ValueError(f"ntpq -pn: no table in {text[:80]!r}")
    rows = []
    for line in lines[ruler + 1 :]:
        if not line.strip():
            continue
        fields = line[1:].split()
        if len(fields) != 10 or line[0] not in _TALLY:
            raise ValueError(f"ntpq -pn: expected a tally code and 10 fields: {line!r}")
        remote, refid, stratum, kind, when, poll, reach, _delay, offset, _jitter = fields
        reached = int(reach, 8)
        state = _TALLY[line[0]] if reached else "unreachable"
        peer = Peer(
            name=remote,
            state="unresolved" if remote == "0.0.0.0" or refid == ".DNS." else state,  # noqa: S104 - as ntpq prints it
            stratum=int(stratum),
            reach=reached,
            refid=refid,
            offset_s=0.0 - finite(offset) / 1000 if reached else None,
            last_rx_s=None if when == "-" else _seconds(when),
        )
        rows.append(Association(peer, kind, None if poll == "-" else _seconds(poll)))
    return rows


def _seconds(text: str) -> float:
    """``64``, ``17m``, ``34h``."""
    match = re.fullmatch(r"(\d+)([smhdy]?)", text)
    if not match:
        raise ValueError(f"ntpq -pn: expected a time: {text!r}")
    return finite(match[1]) * _SECONDS[match[2]]


def _is_own_clock(refid: str, source: str) -> bool:
    """The local clock driver is 127.127.1.x with refid LOCL; a ntpd in orphan mode names the
    loopback address.
    """
    return (
        refid.strip(".") in ("LOCL", "LOCAL")
        or refid.startswith(("127.127.1.", "LOCAL(", "127.0.0.1"))
        or source == "local"
    )


def synchronisation(
    record: Record, daemon: TimeDaemon, called: str = "ntpd", empty_pool: PeerState = "unreachable"
) -> Synchronisation:
    """What ntpd says of itself.

    ``called``: the daemon, in findings. ``empty_pool``: the state of a pool without a server.

    ntp.org's ntpd has a server of a pool only after that server has answered (ntp_proto.c, POOL).
    So the pool's name may resolve even if the pool has no server.
    """
    system = parse_system_variables(record.answer("ntpd", "rv", "ntpq -c rv"))
    rows = parse_associations(record.answer("ntpd", "peers", "ntpq -pn"))
    # A pool's line (type p) stands for the servers that its name gives; alone, the name has given
    # none yet.
    servers = [r.peer for r in rows if r.kind != "p"]
    pools = [replace(r.peer, state=empty_pool) for r in rows if r.kind == "p"]
    peers = [peer for peer in servers or pools if not _is_own_clock(peer.name, "")]
    polls = [r.poll_s for r in rows if r.peer.selected and r.poll_s]
    return Synchronisation(
        daemon=called,
        unit=daemon.unit,
        claims=system.leap != 3 and 0 < system.stratum < 16,
        claim=f"leap {system.leap:02b}, stratum {system.stratum}, sync_{system.source}",
        peers=tuple(peers),
        advice=ADVICE.naming(daemon.unit),
        stratum=system.stratum,
        refid=system.refid,
        own_clock=_is_own_clock(system.refid, system.source),
        last_update_age_s=system.age_s,
        stale_after_s=STALE_AFTER_INTERVALS * max([system.update_interval_s, *polls]),
        offset_s=system.offset_s,
        error_parts_s=root_error(system.root_delay_s, system.root_dispersion_s),
        distance_limit=_distance_limit(record),
    )


def _distance_limit(record: Record) -> DistanceLimit | None:
    """`tos maxdist`; None if a file was not read."""
    with suppress(MissingEvidenceError, ValueError):
        options = [words for words in configuration_lines(record, "ntpd") if words[0] == "tos"]
        given = [finite(value) for words in options for name, value in pairwise(words) if name == "maxdist"]
        return DistanceLimit([_MAX_DISTANCE_S, *given][-1], "`tos maxdist` in ntp.conf")
    return None
