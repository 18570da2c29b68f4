"""OpenNTPD: ``ntpctl -s all``, as its ntpd.c (show_status_msg, show_peer_msg) prints it.

Times are milliseconds, and offsets *server minus node* (client.c). It shows no reach and no root
distance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..boundary.text import finite
from ..model.record import Record
from .common.daemon import NEVER, Daemon, FirstCorrection, JournalWords, TimeDaemon
from .common.first_correction import arguments, configuration_lines, has_option
from .common.synchronisation import STALE_AFTER_INTERVALS, Advice, ErrorPart, Peer, PeerState, Synchronisation, kernel

ADVICE = Advice(
    "Name servers that answer this node in OpenNTPD's ntpd.conf (/etc/openntpd/ntpd.conf) and restart {unit}, or change the "
    "node to chrony (the gate does it).",
    "Run systemctl restart {unit}, because OpenNTPD steps the clock only when it starts (before version 6.8 only with -s). Or "
    "change the node to chrony (the gate does it).",
)

_POLLS_TO_AN_UPDATE = 8
"""client.c, client_update: a peer's clock filter waits for eight good replies."""

_TRUST_OF_THE_SILENT = 2
"""ntpd.h, TRUSTLEVEL_PATHETIC: a peer's first level. Each reply adds one; each missing reply halves
it."""


@dataclass(frozen=True)
class Row:
    """One peer or sensor; ``selected`` is ntpctl's mark ``*``.

    Offset, delay and jitter are None if it is not valid.
    """

    name: str
    selected: bool
    trust: int
    stratum: int | None
    poll_s: float
    offset_s: float | None
    delay_s: float | None
    jitter_s: float | None

    @property
    def works(self) -> bool:
        """Whether it is valid and its last query worked.

        It stays valid for hours without its server.
        """
        return self.offset_s is not None and self.poll_s < _POLL_AFTER_AN_ERROR_S


@dataclass(frozen=True)
class Status:
    """``ntpctl -s all``; ``offset_s`` is still to be slewed away (positive: ahead), shown if
    unsynced.
    """

    synced: bool
    stratum: int | None
    offset_s: float | None
    constraint_offset_s: float | None
    rows: tuple[Row, ...]


_POLL_AFTER_AN_ERROR_S = 3000
"""util.c, error_interval: the longest interval, after a query that was refused or had a bad
reply."""

_HEAD = re.compile(r"^  ?([* ]) +(\d+) +(\d+) +(\d+|-) +(-?\d+)s +(\d+)s +(.*)$")


def parse_status(text: str) -> Status:
    """Parse the status line and the tables of peers and sensors, for example

    ``4/4 peers valid, constraint offset 0s, clock synced, stratum 3``, an empty line, ``peer``, the
    table's head, and for each peer ``185.19.184.35 from pool 0.pool.ntp.org`` and below it `` *  1
    10  2   23s   34s        41.650ms   190.744ms 227.001ms`` or ``    1  2  -    3s    5s
    ---- peer not valid ----``.

    Raises ValueError if it is not that.
    """
    state = re.search(r"clock (synced|unsynced)(?:, stratum (\d+))?(?:, clock offset is (-?[\d.]+)ms)?", text)
    if not state:
        raise ValueError(f"ntpctl -s all: neither 'clock synced' nor 'clock unsynced' in {text[:80]!r}")
    constraint = re.search(r"constraint offset (-?\d+)s", text)
    rows, name = [], ""
    for line in text[state.end() :].splitlines():
        if head := _HEAD.match(line):
            rows.append(_row(name, head))
        elif line and not line.startswith(" "):
            name = line.strip()
    return Status(
        synced=state[1] == "synced",
        stratum=int(state[2]) if state[2] else None,
        offset_s=0.0 - finite(state[3]) / 1000 if state[3] else None,
        constraint_offset_s=finite(constraint[1]) if constraint else None,
        rows=tuple(rows),
    )


def _row(name: str, head: re.Match[str]) -> Row:
    times = [finite(value) / 1000 for value in re.findall(r"(?<![\d.])(-?\d+\.\d+)ms", head[7])]
    offset_s, delay_s, jitter_s = (*times, None, None, None)[:3]
    return Row(
        name=name,
        selected=head[1] == "*",
        trust=int(head[3]),
        stratum=None if head[4] == "-" else int(head[4]),
        poll_s=finite(head[6]),
        offset_s=None if offset_s is None else 0.0 - offset_s,
        delay_s=delay_s,
        jitter_s=jitter_s,
    )


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What OpenNTPD says of itself; the age of its last update is the kernel's: each update sets
    maxerror to 0.
    """
    status = parse_status(record.answer("openntpd", "all", "ntpctl -s all"))
    valid = [row for row in status.rows if row.works]
    # It follows the median of its valid peers (ntp.c, priv_adjtime), and marks the one that gave
    # it, but no IPv6 peer.
    marked = [row for row in valid if row.selected] or valid
    in_kernel = kernel(record)
    first = marked[0] if status.synced and marked else None
    return Synchronisation(
        daemon="openntpd",
        unit=daemon.unit,
        claims=status.synced,
        claim=f"clock synced, stratum {status.stratum}" if status.synced else "clock unsynced",
        peers=tuple(_peer(row, row in marked) for row in status.rows),
        advice=ADVICE.naming(daemon.unit),
        stratum=status.stratum,
        last_update_age_s=in_kernel.set_at_most_ago_s if in_kernel and status.synced else None,
        stale_after_s=STALE_AFTER_INTERVALS * _POLLS_TO_AN_UPDATE * max((row.poll_s for row in valid), default=30.0),
        offset_s=first.offset_s if first else status.offset_s,
        error_parts_s={ErrorPart.DELAY: (first.delay_s or 0.0) / 2, ErrorPart.JITTER: first.jitter_s or 0.0}
        if first
        else {},
        sets_maxerror=True,
    )


def _peer(row: Row, followed: bool) -> Peer:
    state: PeerState = "selected" if followed else "candidate"
    if not row.works:
        silent: PeerState = "unusable" if row.offset_s is None and row.trust > _TRUST_OF_THE_SILENT else "unreachable"
        state = "unresolved" if row.name.startswith("not resolved") else silent
    return Peer(row.name, state, stratum=row.stratum, offset_s=row.offset_s)


def first_correction(record: Record, daemon: TimeDaemon) -> FirstCorrection:
    """According to -s and its automatic mode: OpenNTPD's ntpd(8), and ntpd.h
    (SETTIME_MIN_OFFSET).
    """
    argv, config = arguments(record, daemon), configuration_lines(record, "openntpd")
    if has_option(argv, "s", "-s"):
        return FirstCorrection(180.0, "it steps the clock beyond 180 s (-s)")
    if any(words[0] in ("constraint", "constraints") or "trusted" in words for words in config):
        return FirstCorrection(60.0, "it steps the clock forward beyond 60 s (automatic mode)")
    return FirstCorrection(NEVER, "it only slews the clock: no -s")


DAEMON = Daemon(
    name="openntpd",
    units=("openntpd",),
    processes=("openntpd",),
    may_run_as=("ntpd", "busybox"),
    package="openntpd",
    section="openntpd",
    shown_by="`ntpctl -s all`",
    ask=synchronisation,
    first_correction=first_correction,
    journal=JournalWords(  # ntpd.c, and 500 ppm of the kernel's adjtime(3)
        right=re.compile("clock is now synced"),
        wrong=re.compile(r"adjusting local clock by (-?\d+\.\d+)s"),
        stepped=re.compile(r"set local clock to .* \(offset (-?\d+\.\d+)s\)"),
        slews_at=500e-6,
    ),
    let_it_step="Start OpenNTPD with -s.",
)
