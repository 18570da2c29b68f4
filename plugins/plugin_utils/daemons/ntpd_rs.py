"""ntpd-rs, a daemon in Rust: ``ntp-ctl status -f prometheus``, as its metrics/mod.rs prints it.

Offsets are *server minus node*, and what it does not know is 2147483648.5 s. It does not show which
sources it follows: that is worked out from its figures, by its own rule. The metrics are the same
in 1.4.0 and 1.9.0; the JSON on its socket is not.

Source: ntpd-rs 1.4.0 and 1.9.0, ntpd/src/metrics/mod.rs and ntp-proto/src/algorithm/kalman.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..boundary.text import finite
from ..chrony.sources import host_key, is_address
from ..model.record import MissingEvidenceError, Record
from .common.daemon import NEVER, CannotBeAskedError, Daemon, FirstCorrection, TimeDaemon
from .common.first_correction import configuration_texts
from .common.ntp_toml import NtpToml, host, parse_ntp_toml
from .common.synchronisation import (
    KERNEL_GROWTH,
    STALE_AFTER_INTERVALS,
    Advice,
    Peer,
    PeerState,
    Reason,
    Synchronisation,
    Unfit,
    kernel,
    root_error,
)

ADVICE = Advice(
    "Name servers that answer this node in /etc/ntpd-rs/ntp.toml (a [[source]] for each; at least as many as "
    "minimum-agreeing-sources in [synchronization] says, by default 3) and restart {unit}, or change the node to chrony (the "
    "gate does it).",
    "Run systemctl restart {unit}: it steps the clock as soon as enough of its sources agree, which may take two minutes. Or "
    "change the node to chrony (the gate does it).",
    poll="set poll-interval-limits in [source-defaults] of ntp.toml to {{ min = 4, max = 10 }} (its default)",
)

_UNANSWERED = 8
"""ntp_source_unanswered_polls is at most this: the register of the last polls is empty."""

_NOT_MEASURED_S = 2.0**31
"""NtpDuration::MAX in seconds."""

_STEADY_S = 0.01
"""Sources that agree to this are not called falsetickers as long as the daemon updates the clock.

Their figures are of different moments, and beyond 10 ms (its step-threshold) it steps. If sources
differ by less and it does not accept that, the age of its last update shows it.
"""

_METRIC = re.compile(r"(ntp_(?:system|source)_\w+?)(?:_seconds)?(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(?<!\w)(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Measured:
    """One source. ``offset_s`` > 0: the node is ahead of it; ``uncertainty_s`` is a standard
    deviation.
    """

    name: str
    address: str
    offset_s: float
    uncertainty_s: float
    delay_s: float
    poll_s: float
    unanswered: int

    @property
    def works(self) -> bool:
        """Whether it has answered one of its last polls."""
        return self.unanswered < _UNANSWERED and max(self.uncertainty_s, self.delay_s) < _NOT_MEASURED_S

    def range_s(self, config: NtpToml) -> float:
        """How far the daemon believes that it may be off."""
        return max(0.0, config.deviations * self.uncertainty_s + config.delays * self.delay_s)

    def votes(self, config: NtpToml) -> bool:
        """Whether it works, and is certain enough to count."""
        return self.works and self.range_s(config) <= config.max_range_s


@dataclass(frozen=True)
class Status:
    """``ntp-ctl status``; before the first agreement leap is 3 (unknown) and stratum 16."""

    leap: int
    stratum: int
    root_delay_s: float
    root_dispersion_s: float
    sources: tuple[Measured, ...]


def parse_status(text: str) -> Status:
    """Parse the metrics, for example

    ``ntp_system_stratum 2`` and
    ``ntp_source_offset_seconds{name="ntp.example:123",address="192.0.2.1:123",id="1"} -0.0005``.

    Raises ValueError if it is not that.
    """
    system: dict[str, float] = {}
    sources: dict[str, dict[str, float]] = defaultdict(dict)
    for line in text.splitlines():
        if metric := _METRIC.fullmatch(line):
            values = sources[metric[2]] if metric[2] else system
            values[metric[1].removeprefix("ntp_").removeprefix("system_").removeprefix("source_")] = finite(metric[3])
    try:
        return Status(
            leap=int(system["leap_indicator"]),
            stratum=int(system["stratum"]),
            root_delay_s=system["root_delay"],
            root_dispersion_s=system["root_dispersion"],
            sources=tuple(_measured(sources[labels], labels) for labels in sorted(sources)),
        )
    except KeyError as missing:
        raise ValueError(f"ntp-ctl status: no {missing} in {text[:80]!r}") from None


def _measured(values: Mapping[str, float], text: str) -> Measured:
    labels = dict(_LABEL.findall(text))
    return Measured(
        name=host(labels["name"]),
        address=host(labels["address"]),
        offset_s=0.0 - values["offset"],
        uncertainty_s=values["uncertainty"],
        delay_s=values["delay"],
        poll_s=round(values["poll_interval"], 3),
        unanswered=int(values["unanswered_polls"]),
    )


def agreeing(sources: Sequence[Measured], config: NtpToml, leeway_s: float) -> list[Measured]:
    """The largest set of sources whose ranges meet in one point (kalman/select.rs).

    ``leeway_s`` widens each range.
    """
    bounds = {
        source: (source.offset_s - radius_s, source.offset_s + radius_s)
        for source in sources
        for radius_s in (source.range_s(config) + leeway_s,)
        if source.votes(config)
    }
    met, most, where_s = 0, 0, 0.0
    for edge_s, ends in sorted(
        [(low, 0) for low, _high in bounds.values()] + [(high, 1) for _low, high in bounds.values()]
    ):
        met += -1 if ends else 1
        if met > most:
            most, where_s = met, edge_s
    return [source for source, (low_s, high_s) in bounds.items() if low_s <= where_s <= high_s]


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What ntpd-rs says of itself.

    Its claim stays after every source is lost. It shows no age of its last update, but each update
    sets the kernel's maxerror to its root delay (kalman/mod.rs, error_estimate_update).
    """
    config = _configured(record)
    status = parse_status(_answer(record, daemon, config))
    config = config or NtpToml()
    claims = status.leap != 3 and 0 < status.stratum < 16
    working = [source for source in status.sources if source.works]
    poll_s = max((source.poll_s for source in working or status.sources), default=config.least_poll_s)
    stale_after_s = STALE_AFTER_INTERVALS * poll_s
    age_s = _age_s(record, status) if claims else None
    fresh = claims and (age_s is None or age_s <= stale_after_s)
    agreed = agreeing(working, config, _STEADY_S if fresh else 0.0)
    lacking = _lacking(agreed, [source for source in working if source.votes(config)], config)
    best = min(agreed, key=lambda source: source.uncertainty_s, default=None)
    peers = [_peer(source, config, agreed, lacking=lacking, fresh=fresh) for source in status.sources]
    return Synchronisation(
        daemon="ntpd-rs",
        unit=daemon.unit,
        claims=claims,
        claim=f"leap {status.leap}, stratum {status.stratum}",
        peers=(*peers, *_not_shown(record, config, status.sources)),
        advice=ADVICE.naming(daemon.unit),
        stratum=status.stratum,
        last_update_age_s=age_s,
        stale_after_s=stale_after_s,
        offset_s=best.offset_s if best else None,
        error_parts_s=root_error(status.root_delay_s, status.root_dispersion_s) if claims else {},
        sets_maxerror=True,
        to_slew_s=status.root_delay_s / 2,
    )


def _configured(record: Record) -> NtpToml | None:
    """Its configuration; None if it was not read, or can't be."""
    with suppress(MissingEvidenceError, ValueError):
        return parse_ntp_toml("\n".join(configuration_texts(record, "ntpd_rs")))
    return None


def _answer(record: Record, daemon: TimeDaemon, config: NtpToml | None) -> str:
    """What ntp-ctl printed; raises CannotBeAskedError if the daemon has no socket for it."""
    try:
        return record.answer("ntpd_rs", "status", "ntp-ctl status")
    except MissingEvidenceError as missing:
        if config is None or config.observation_path is not None:
            raise
        path = (record.section("ntpd_rs").get("config") or {}).get("path")
        raise CannotBeAskedError(
            f"{daemon.unit} has no socket to ask it on, because {path} does not set observation-path ({missing})",
            "ntpd_rs",
            remedy=f'Set observation-path = "/var/run/ntpd-rs/observe" in [observability] of {path} and run systemctl restart '
            f"{daemon.unit}, or change the node to chrony (the gate does it).",
        ) from missing


def _age_s(record: Record, status: Status) -> float | None:
    in_kernel = kernel(record)
    if in_kernel is None or not in_kernel.synchronised:
        return None
    return max(0.0, (in_kernel.max_error_s - status.root_delay_s) / KERNEL_GROWTH)


def _lacking(agreed: Sequence[Measured], voting: Sequence[Measured], config: NtpToml) -> str:
    """What keeps the daemon from following those that agree; empty if they are enough."""
    if len(agreed) >= config.agreeing and 2 * len(agreed) > len(voting):
        return ""
    return (
        f"{len(agreed)} of {len(voting)} agree, and it needs {config.agreeing} (minimum-agreeing-sources in ntp.toml) and "
        "more than half"
    )


def _peer(source: Measured, config: NtpToml, agreed: Sequence[Measured], *, lacking: str, fresh: bool) -> Peer:
    """A source, and whether the daemon follows it.

    ``agreed``: those that agree, and ``lacking``, what they lack; ``fresh``: the daemon updates the
    clock.
    """
    if not source.works:
        return Peer(source.name, "unreachable", address=source.address)
    range_s = source.range_s(config)
    state: PeerState = "candidate"
    words = ""
    if range_s > config.max_range_s:
        state = "unusable"
        words = (
            f"it may be {range_s:.3f} s off, above {config.max_range_s:g} s (maximum-source-uncertainty in ntp.toml)"
        )
    elif not lacking:
        state = "falseticker" if source not in agreed else "selected" if fresh else "candidate"
    elif source == agreed[0]:  # once, and not for each of them
        words = lacking
    reason = Reason(Unfit.OTHER, words) if words else None
    return Peer(source.name, state, offset_s=source.offset_s, address=source.address, reason=reason)


def _not_shown(record: Record, config: NtpToml, sources: Sequence[Measured]) -> list[Peer]:
    """Written sources that it does not show: it has no address, no route or no keys for them."""
    shown = {host_key(name) for source in sources for name in (source.name, source.address)}
    asked = (record.evidence.get("ntp") or {}).get("servers") or []
    resolved = {host_key(server["server"]) for server in asked if server.get("addresses")}
    peers = []
    for source in config.sources:
        if not source.name or host_key(source.name) in shown:
            continue
        has_address = is_address(source.name) or "/" in source.name or host_key(source.name) in resolved
        if source.mode.startswith("nts"):
            peers.append(Peer(source.name, "unreachable", reason=Reason(Unfit.OTHER, "it has given no keys (NTS)")))
        else:
            peers.append(Peer(source.name, "unreachable" if has_address else "unresolved"))
    return peers


def first_correction(record: Record, daemon: TimeDaemon) -> FirstCorrection:  # noqa: ARG001 - each has the same form
    """By ntp.toml; raises MissingEvidenceError if the node did not show it."""
    texts = configuration_texts(record, "ntpd_rs")
    try:
        config = parse_ntp_toml("\n".join(texts))
    except ValueError as error:
        path = (record.section("ntpd_rs").get("config") or {}).get("path")
        raise MissingEvidenceError(
            f"its configuration can't be read: {error}",
            "ntpd_rs",
            remedy=f"Fix {path} (`ntp-ctl validate -c {path}` checks it).",
        ) from error
    words = f"it steps the clock beyond {config.step_s:g} s"
    limits = {"forward": config.forward_s, "backward": config.backward_s}
    exits = [f"{limit_s:g} s {way}" for way, limit_s in limits.items() if limit_s < NEVER]
    if exits:
        words += f", and exits instead of a step of {' or '.join(exits)} (startup-step-panic-threshold)"
    return FirstCorrection(config.step_s, words, config.forward_s, config.backward_s)


DAEMON = Daemon(
    name="ntpd-rs",
    units=("ntpd-rs",),
    processes=("ntp-daemon",),
    package="ntpd-rs",  # it conflicts with chrony's after Debian 13, where both stay installed and one runs
    section="ntpd_rs",
    shown_by="`ntp-ctl status`",
    ask=synchronisation,
    first_correction=first_correction,
    let_it_step="Remove step-threshold from [synchronization.algorithm] of ntp.toml: by default ntpd-rs steps beyond 0.01 s.",
    keep_it_running='Raise startup-step-panic-threshold in [synchronization] of ntp.toml: "inf" accepts any error.',
)
