"""systemd-timesyncd: ``timedatectl show-timesync --all``, as systemd's timedatectl.c prints it.

It is an SNTP client: it follows one server at a time and knows nothing of the others.
NTPSynchronized=yes of ``timedatectl`` is not used, because it is the kernel's state and stays for
hours after the last update.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ..boundary.text import finite
from ..clock.ntp_packet import NS
from ..model.record import Record
from .common.daemon import Daemon, FirstCorrection, JournalWords, TimeDaemon
from .common.synchronisation import (
    STALE_AFTER_INTERVALS,
    Advice,
    DistanceLimit,
    ErrorPart,
    Peer,
    PeerState,
    Synchronisation,
    kernel,
    root_error,
)

ADVICE = Advice(
    "Name servers that answer this node in /etc/systemd/timesyncd.conf.d/servers.conf ([Time], NTP=...) and restart {unit}, "
    "or change the node to chrony (the gate does it).",
    "Run systemctl restart {unit}: it steps the clock at its first answer. Or change the node to chrony (the gate does it).",
    poll="set PollIntervalMaxSec=34min (its default) in timesyncd.conf, or 2h at most",
)

_CONFIGURED = ("LinkNTPServers", "SystemNTPServers", "RuntimeNTPServers")
_UNIT_S = {
    "y": 31557600.0,
    "month": 2629800.0,
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
}
"""From systemd's time-util.c, format_timespan."""

_MAX_DISTANCE_S = 5.0
"""NTP_ROOT_DISTANCE_MAX_USEC of systemd's timesyncd-manager.c, RootDistanceMaxSec of
timesyncd.conf(5)."""


@dataclass(frozen=True)
class Message:
    """The server's last reply.

    ``received`` is text: whole seconds of the node's clock, before the correction.
    """

    leap: int
    stratum: int
    refid: str
    root_delay_s: float
    root_dispersion_s: float
    jitter_s: float
    received: str
    ignored: bool


@dataclass(frozen=True)
class Timesync:
    """``timedatectl show-timesync --all``; ``message`` is None before the first reply."""

    server_name: str
    server_address: str
    configured: tuple[str, ...]
    poll_interval_s: float | None
    message: Message | None
    max_distance_s: float | None = None


def parse_timesync(text: str) -> Timesync:
    """Parse the properties, for example

    ``SystemNTPServers=``, ``FallbackNTPServers=0.debian.pool.ntp.org 1.debian.pool.ntp.org``,
    ``ServerName=0.debian.pool.ntp.org``, ``ServerAddress=104.131.155.175``, ``PollIntervalUSec=8min
    32s`` and ``NTPMessage={ Leap=0, Version=4, Mode=4, Stratum=2, Precision=-30, RootDelay=4.165ms,
    RootDispersion=3.982ms, Reference=AB400749, OriginateTimestamp=Fri 2023-02-03 19:41:30 EST, ...,
    Ignored=no, PacketCount=115, Jitter=126.318ms }``.

    Raises ValueError if it is not that.
    """
    properties = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if "ServerName" not in properties:
        raise ValueError(f"timedatectl show-timesync: no ServerName in {text[:80]!r}")
    configured = [name for key in _CONFIGURED for name in properties.get(key, "").split()]
    poll = properties.get("PollIntervalUSec", "").strip()
    message = properties.get("NTPMessage", "").strip()
    distance = properties.get("RootDistanceMaxUSec", "").strip()
    return Timesync(
        server_name=properties["ServerName"].strip(),
        server_address=properties.get("ServerAddress", "").strip(),
        configured=tuple(configured or properties.get("FallbackNTPServers", "").split()),
        poll_interval_s=parse_timespan(poll) if poll else None,
        message=_message(message) if message else None,
        max_distance_s=parse_timespan(distance) if distance not in ("", "infinity") else None,
    )


def _message(text: str) -> Message:
    # Before version 253 the comma after Ignored is missing.
    # A value may have blanks: a field ends where the next one's name begins.
    parts = re.split(r",? (?=\w+=)", text.removeprefix("{").removesuffix("}").strip())
    fields = {name: value.rstrip(",") for name, _equals, value in (part.partition("=") for part in parts)}
    try:
        return Message(
            leap=int(fields["Leap"]),
            stratum=int(fields["Stratum"]),
            refid=fields["Reference"],
            root_delay_s=parse_timespan(fields["RootDelay"]),
            root_dispersion_s=parse_timespan(fields["RootDispersion"]),
            jitter_s=parse_timespan(fields["Jitter"]),
            received=fields["DestinationTimestamp"],
            ignored=fields["Ignored"] == "yes",
        )
    except KeyError as missing:
        raise ValueError(f"timedatectl show-timesync: no field {missing} in NTPMessage={text!r}") from None


def parse_timespan(text: str) -> float:
    """Parse ``8min 32s``, ``4.165ms`` or ``0``, in seconds; raises ValueError if it is none."""
    words = text.split(maxsplit=len(_UNIT_S))  # each unit is there once at the most
    if words == ["0"]:
        return 0.0
    parts = [re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]+)", word) for word in words]
    if not words or not all(part and part[2] in _UNIT_S for part in parts):
        raise ValueError(f"expected a time span: {text!r}")
    return sum(finite(part[1]) * _UNIT_S[part[2]] for part in parts if part)


def parse_timestamp(text: str) -> float:
    """Parse ``Fri 2023-02-03 19:41:30 UTC``, the zone in which timedatectl is run, to Unix seconds.

    Raises ValueError if it is no such timestamp.
    """
    match = re.fullmatch(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", text.strip())
    if not match:
        raise ValueError(f"expected a timestamp in UTC: {text!r}")
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What timesyncd says of itself.

    It is synchronised if it has accepted a server's reply. It refuses leap 3, stratum 0 and 16, and
    a root distance above RootDistanceMaxSec (timesyncd-manager.c). The rest of a slew is in the
    kernel.
    """
    timesync = parse_timesync(record.answer("timesyncd", "timesync", "timedatectl show-timesync"))
    message = timesync.message
    in_kernel = kernel(record)
    age_s = _age_s(record, timesync, in_kernel.set_at_most_ago_s if in_kernel else None)
    stale_after_s = STALE_AFTER_INTERVALS * timesync.poll_interval_s if timesync.poll_interval_s else None
    # An ignored reply (a spike) did not fit the others. The replies before it have set the clock.
    claims = message is not None and message.leap != 3 and 0 < message.stratum < 16
    return Synchronisation(
        daemon="systemd-timesyncd",
        unit=daemon.unit,
        claims=claims,
        claim=f"leap {message.leap}, stratum {message.stratum}" if message else "no reply from a server yet",
        peers=_peers(timesync, lost=age_s is not None and stale_after_s is not None and age_s > stale_after_s),
        advice=ADVICE.naming(daemon.unit),
        # Its own stratum, as ntpd and chronyd show theirs: one more than the server's.
        stratum=message.stratum + 1 if message else None,
        refid=message.refid if message else None,
        last_update_age_s=age_s,
        stale_after_s=stale_after_s,
        offset_s=in_kernel.offset_s if in_kernel else None,
        error_parts_s={
            **root_error(message.root_delay_s, message.root_dispersion_s),
            ErrorPart.JITTER: message.jitter_s,
        }
        if message
        else {},
        sets_maxerror=True,
        distance_limit=_distance_limit(timesync, record),
        spare=tuple(Peer(name, "unknown") for name in timesync.configured if name != timesync.server_name),
    )


def _distance_limit(timesync: Timesync, record: Record) -> DistanceLimit:
    """The limit above which timesyncd discards a reply and tries its next server.

    timesyncd shows it, or else its files do.
    """
    limit_s = timesync.max_distance_s
    if limit_s is None:
        files = ((record.evidence.get("timesyncd") or {}).get("config") or {}).get("files") or []
        lines = [line.partition("=") for file in files for line in str(file["text"]).splitlines()]
        given = [value.strip() for name, _equals, value in lines if name.strip() == "RootDistanceMaxSec"]
        with suppress(ValueError):
            value = given[-1] if given else ""
            limit_s = finite(value) if re.fullmatch(r"\d+(\.\d+)?", value) else parse_timespan(value)
    return DistanceLimit(_MAX_DISTANCE_S if limit_s is None else limit_s, "RootDistanceMaxSec in timesyncd.conf")


def _age_s(record: Record, timesync: Timesync, by_kernel_s: float | None) -> float | None:
    """The age of the last update.

    Each accepted reply sets the kernel's maxerror to 0, which shows the age whatever the clock did
    since. After 8.9 h, and if something else set the clock, maxerror shows nothing. Then the
    reply's timestamp is used. It is of the clock before the correction, which matters only after a
    step, and then another reply comes within PollIntervalMinSec. An ignored reply corrected nothing
    and halved the interval, so the reply before it is older by two of the present intervals.
    """
    message = timesync.message
    if message is None or by_kernel_s is not None:
        return by_kernel_s if message else None
    try:
        received_s = parse_timestamp(message.received)
    except ValueError:
        return None
    earlier_s = 2 * (timesync.poll_interval_s or 0.0) if message.ignored else 0.0
    return float(record.section("collected")["wall_ns"]) / NS - received_s + earlier_s


def _peers(timesync: Timesync, lost: bool) -> tuple[Peer, ...]:
    """The server in use, or those that it would try.

    ``lost``: eight polls without a reply, which is reach 0 in other daemons.
    """
    if not timesync.server_name:
        return tuple(Peer(name, "unreachable") for name in timesync.configured)
    message = timesync.message
    state: PeerState = (
        "unresolved" if not timesync.server_address else "selected" if message and not lost else "unreachable"
    )
    name = timesync.server_name
    return (
        Peer(
            name,
            state,
            stratum=message.stratum if message else None,
            refid=message.refid if message else None,
            address=timesync.server_address,
        ),
    )


DAEMON = Daemon(
    name="systemd-timesyncd",
    units=("systemd-timesyncd",),
    processes=("systemd-timesyn",),
    package="systemd-timesyncd",
    section="timesyncd",
    shown_by="`timedatectl show-timesync --all`",
    ask=synchronisation,
    # NTP_MAX_ADJUST in systemd's timesyncd-manager.c.
    first_correction=FirstCorrection(0.4, "it steps the clock beyond 0.4 s"),
    # manager_receive_response() of timesyncd-manager.c says so right after it has set the clock:
    # in systemd 248 (and 249 of Ubuntu 22.04) without "clock".
    journal=JournalWords(right=re.compile("Initial (clock )?synchronization to ")),
)
