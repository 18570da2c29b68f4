"""chronyd: ``chronyc tracking`` and ``sources`` as chronyc(1) describes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from ...module_utils.node.names import COMMAND_LINE
from ...module_utils.node.processes import CHRONYD_LETTERS
from ..boundary.once import once
from ..boundary.text import finite
from ..chrony.chronyc import (
    LOCAL_REFID,
    Selection,
    Source,
    Tracking,
    parse_activity,
    parse_authdata,
    parse_selectdata,
    parse_sources,
    parse_tracking,
)
from ..chrony.config import ChronyConfig
from ..chrony.makestep import makestep
from ..chrony.nts_client import try_name, works
from ..chrony.options import parse_version
from ..chrony.reader import read_config
from ..chrony.rules import MAY_NOT_START, RULES, ends_next_start
from ..chrony.running import NAMES_SINCE, Running, asks_first
from ..chrony.sources import host_key, is_address
from ..clock.ntp_packet import NS
from ..clock.nts import OF_THE_PATH, NtsState, nts_state
from ..model.finding import Finding, follows_from
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record
from ..model.wording import listed
from .common.daemon import NEVER, Daemon, FirstCorrection, JournalWords, TimeDaemon
from .common.options import options
from .common.synchronisation import (
    STALE_AFTER_INTERVALS,
    Advice,
    DistanceLimit,
    Peer,
    PeerState,
    Reason,
    Synchronisation,
    Unfit,
    root_error,
)

ADVICE = Advice(
    "Configure NTP servers that answer this node: the gate does it, or playbook skewgate.preflight.remediate.",
    "Give chronyd servers that answer, and step the clock (chronyc makestep): the gate does both, as does playbook "
    "skewgate.preflight.remediate.",
    "Remove `local` from chrony.conf on nodes, and give it servers: playbook skewgate.preflight.remediate.",
    "set `maxpoll 10` on the server lines of chrony.conf, or 13 at most",
)

_SELECTION: dict[str, Reason] = {
    "N": Reason(Unfit.OTHER, "it has the option noselect"),
    "s": Reason(Unfit.NOT_SYNCHRONISED, "it is not synchronised itself"),
    "M": Reason(Unfit.OTHER, "there are not enough measurements of it yet"),
    "d": Reason(Unfit.ROOT_DISTANCE, "its root distance is above maxdistance"),
    "~": Reason(Unfit.OTHER, "its jitter is above maxjitter"),
    "w": Reason(Unfit.OTHER, "it waits until there are enough measurements of other sources"),
    "S": Reason(Unfit.OTHER, "its measurements are older than those of other sources"),
    "O": Reason(Unfit.OTHER, "its stratum is not below that of `local orphan`"),
    "T": Reason(Unfit.OTHER, "it does not agree with the sources that have the option trust"),
    "x": Reason(Unfit.OTHER, "it does not agree with other sources"),
    "W": Reason(Unfit.OTHER, "it waits for other sources (minsources, or the option require)"),
    "P": Reason(Unfit.OTHER, "another source has the option prefer"),
    "U": Reason(Unfit.OTHER, "it waits for a new measurement"),
}
"""The states of chronyc(1), "selectdata", in which a source is not used."""

_MAX_DISTANCE_S = 3.0
"""chrony.conf(5), maxdistance."""

_KERNELS_TICK_S = 1.0
"""Polls may be shorter, down to 2**-7 s; the kernel's maxerror grows once a second."""

MIN_POLL, MAX_POLL = -7, 24
"""chrony's ntp.h."""

_STATES: dict[str, PeerState] = {"*": "selected", "+": "candidate", "-": "candidate", "x": "falseticker"}


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What chronyd says of itself.

    If the clock is slow, the system time of ``tracking`` is > 0 and the offset of ``sources`` is <
    0. The offset is that of the clock after the system time has been slewed away.
    """
    tracking = parse_tracking(record.chronyc("tracking"))
    sources = parse_sources(record.chronyc("sources"))
    polls = [2.0 ** max(MIN_POLL, min(MAX_POLL, s.poll)) for s in sources if s.state == "*"]
    limit = _distance_limit(record)
    reasons = _reasons(record, limit)
    return Synchronisation(
        daemon="chronyd",
        unit=daemon.unit,
        claims=tracking.leap != "Not synchronised" and 0 < tracking.stratum < 16,
        claim=f"{tracking.leap}, stratum {tracking.stratum}",
        peers=(*(_peer(s, tracking, reasons.get(s.name)) for s in sources), *_unresolved(record, sources)),
        advice=ADVICE,
        stratum=tracking.stratum,
        refid=tracking.refid,
        own_clock=tracking.refid == LOCAL_REFID,
        last_update_age_s=_age_s(record, tracking),
        stale_after_s=STALE_AFTER_INTERVALS * max([_KERNELS_TICK_S, tracking.update_interval_s, *polls]),
        offset_s=0.0 - tracking.system_time_s,
        error_parts_s=root_error(tracking.root_delay_s, tracking.root_dispersion_s),
        sets_maxerror=True,
        # sys_generic.c, set_sync_status, adds the offset that is not slewed away yet.
        to_slew_s=abs(tracking.last_offset_s) + abs(tracking.system_time_s),
        distance_limit=limit,
        poll_s=max(polls, default=None),
    )


def _distance_limit(record: Record) -> DistanceLimit | None:
    """`maxdistance`; None if the configuration was not shown."""
    with suppress(MissingEvidenceError, ValueError):
        directive = chrony_configuration(record).last("maxdistance")
        limit_s = finite(directive.arguments[0]) if directive and directive.arguments else _MAX_DISTANCE_S
        return DistanceLimit(limit_s, "maxdistance in chrony.conf")
    return None


def _reasons(record: Record, limit: DistanceLimit | None) -> dict[str, Reason]:
    """Why sources are not used, by their names in `sources`; chronyc shows this only to root."""
    with suppress(MissingEvidenceError, ValueError):
        rows = parse_selectdata(record.chronyc("selectdata"))
        return {row.name: _reason(row, limit) for row in rows if row.state in _SELECTION}
    return {}


def _reason(row: Selection, limit: DistanceLimit | None) -> Reason:
    """The reason of a state. For the root distance it has the figure and the limit.

    A source's interval is its offset ± its root distance (sourcestats.c, SST_GetSelectionData).
    """
    said = _SELECTION[row.state]
    if said.unfit is not Unfit.ROOT_DISTANCE or limit is None:
        return said
    distance_s = (row.high_s - row.low_s) / 2
    return Reason(said.unfit, f"its root distance is {distance_s:.3f} s, above {limit.limit_s:g} s ({limit.setting})")


@once
def configuration_shown(record: Record) -> ChronyConfig:
    """The configuration that the node showed; raises MissingEvidenceError if the section is
    missing.
    """
    return read_config({"config": {}, **record.section("chrony")})


def chrony_configuration(record: Record) -> ChronyConfig:
    """What chronyd reads; raises MissingEvidenceError if its first file was not shown."""
    config = configuration_shown(record)
    if config.files:
        return config
    if config.path is None:
        raise MissingEvidenceError("no configuration file of chronyd was found")
    unread = config.unread.get(config.path)
    raise MissingEvidenceError(f"{config.path} was not read: {unread.error if unread else 'it is not in the evidence'}")


@once
def running_sources(record: Record) -> Running:
    """The sources that chronyd has; raises MissingEvidenceError if chronyc did not show them."""
    version = parse_version(record.section("chrony").get("version"))
    addressed = parse_sources(record.chronyc("sources"))
    if version is not None and version < NAMES_SINCE:
        return Running.by_address(addressed)
    every, named = (parse_sources(record.chronyc(command)) for command in ("sources_all", "sources_named"))
    if any(row.name == "?" for row in every):
        raise MissingEvidenceError("chronyc did not show the names of its sources", "chrony")
    return Running.of(every, named, addressed)


def nts_state_with(record: Record, server: Mapping[str, Any]) -> NtsState:
    """The state of an entry of the evidence's ``nts.servers``; established if chronyd itself gets
    answers of this server with NTS, the one that runs or one that was started to try it.

    Nobody can verify the probe's request, and not every server answers such a one.
    """
    state = nts_state(server, record.section("collected")["wall_ns"] / NS, record.skew.skew_s)
    if state in OF_THE_PATH:
        tried = tried_with_nts(record, server)
        if (tried and works(tried)) or host_key(server["server"]) in _answering_with_nts(record):
            return NtsState.ESTABLISHED
    return state


def tried_with_nts(record: Record, server: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a chronyd answered that was started to try NTS with this entry of ``nts.servers``; None
    if there was none.
    """
    tried: Mapping[str, Any] = (record.evidence.get("nts_client") or {}).get("tried") or {}
    return tried.get(try_name(server))


def _answering_with_nts(record: Record) -> frozenset[str]:
    """The names, as ``host_key``, of servers with NTS that answered one of chronyd's last two
    requests; it drops answers that are not authenticated.
    """
    try:
        rows = parse_sources(record.chronyc("sources"))
        with_nts = {row.name for row in parse_authdata(record.chronyc("authdata")) if row.mode == "NTS"}
        name_of = running_sources(record).name_of
    except (MissingEvidenceError, ValueError):
        return frozenset()
    answering = {row.name for row in rows if row.reach & _LAST_TWO} & with_nts
    return frozenset(host_key(name_of[address]) for address in answering if address in name_of)


_LAST_TWO = 0b11


def asks_initstepslew(record: Record, config: ChronyConfig) -> str:
    """A sentence if chronyd may have only the servers of `initstepslew` yet; else empty."""
    if not config.all("initstepslew"):
        return ""
    since_s = record.section("collected")["wall_ns"] / NS - (record.section("chrony").get("started_s") or 0)
    first = asks_first(config, since_s)
    if first is None:
        return ""
    where = f"{first.file}:{first.line}"
    return f"chronyd was started {since_s:.0f} s ago and may still ask the servers of initstepslew ({where})"


def restart_advice(record: Record, unit: str) -> str:
    """How to restart chronyd.

    Faults that prevent a start come first, or a restart ends a working one.
    """
    openrc = record.section("time_services").get("manager") == "openrc"
    command = f"rc-service {unit} restart" if openrc else f"systemctl restart {unit}"
    try:
        config = chrony_configuration(record)
    except MissingEvidenceError as missing:
        return f"Check that chronyd's configuration can be read ({missing}), or it may not start again. Then run `{command}`."
    if places := ends_next_start(config):
        lines = listed([str(place) for place in places])
        return f"Do not restart chronyd yet, because it would not start again. First fix {lines}. Then run `{command}`."
    if places := list(RULES[MAY_NOT_START].find(config)):
        lines = listed([str(place) for place in places])
        return f"First check {lines}, because chronyd may not start again. Then run `{command}`."
    if other := next_start_differs(config, record.section("chrony")):
        return f"Its next start reads {other}, which was not judged here. Check that first. Then run `{command}`."
    return f"Run `{command}`."


def would_end(record: Record, policy: Policy, unit: str, key: StrEnum) -> Finding | None:
    """The finding that chronyd ends at its next start, for a line that chrony_config reports.

    A rule that is accepted for chrony_config is accepted here too.
    """
    config = chrony_configuration(record)
    certain = ends_next_start(config, but=policy.accepted_rules)
    places = certain or [p for p in RULES[MAY_NOT_START].find(config) if MAY_NOT_START not in policy.accepted_rules]
    if not places:
        return None
    summary = f"at the next boot {unit} {'would' if certain else 'may'} end: {listed([str(place) for place in places])}"
    seen = {"at_boot": [summary], "daemon": unit}
    cause = "chronyd would not start" if certain else "chronyd may not start"
    if "chrony_config" in policy.checks and "chrony_config" not in policy.advisory_checks:
        return follows_from("chrony_config", key=key, summary=summary, cause=cause, seen=seen)
    return Finding(
        state="fail" if certain else "inconclusive",
        summary=summary,
        why="The running chronyd was started with other files, or with something that is gone now. After a reboot nothing "
        "steers this clock.",
        remedy="Fix the line before chronyd is started again. `skewgate explain chrony_config` has more.",
        seen=seen,
        keys=(key,),
        cause=cause,
    )


def next_start_differs(config: ChronyConfig, section: Mapping[str, Any]) -> str:
    """What chronyd reads at its next start, if it differs from what it runs with; else empty.

    It can also be the option with which chronyd would not steer the clock.
    """
    following = section.get("next_start") or {}
    path, text = following.get("path"), following.get("text") or ""
    if unfit := following.get("unfit"):
        return f"the option {unfit}"
    files = (section.get("config") or {}).get("files") or []
    runs_with = [file["text"].split() for file in files if file["path"] == path]
    if not path or (path == config.path and (path != COMMAND_LINE or runs_with == [text.split()])):
        return ""
    return f"`{'`, `'.join(text.splitlines())}`" if path == COMMAND_LINE else path


def _age_s(record: Record, tracking: Tracking) -> float | None:
    """The age of the last update, according to the corrected clock.

    chronyd's reference time is a time of the corrected clock. The node's clock may still have to be
    slewed there (reference.c, REF_GetTrackingReport). 0 means never.
    """
    if tracking.ref_time_s == 0 or tracking.refid == LOCAL_REFID:
        return None
    corrected_s = float(record.section("collected")["wall_ns"]) / NS + tracking.system_time_s
    return corrected_s - tracking.ref_time_s


def _peer(source: Source, tracking: Tracking, reason: Reason | None) -> Peer:
    state = _STATES.get(source.state) or ("unusable" if source.reach else "unreachable")
    return Peer(
        name=source.name,
        state=state,
        stratum=source.stratum or None,
        reach=source.reach,
        offset_s=source.adjusted_offset_s - tracking.system_time_s if source.last_rx_s is not None else None,
        last_rx_s=source.last_rx_s,
        # A source that never answered is `s` too, and that gives no reason.
        reason=reason if source.reach else None,
    )


def _unresolved(record: Record, sources: list[Source]) -> list[Peer]:
    """The names for which chronyd has no address yet.

    Only ``sources -a`` shows them, among all others.

    A pool has a row for each address that it can have. Rows without an address have the pool's
    name. The pool is resolved if one row has an address.
    """
    with suppress(MissingEvidenceError):
        rows = parse_sources(record.chronyc("sources_all"))
        every = Counter(row.name for row in rows)
        resolved = Counter(row.name for row in parse_sources(record.chronyc("sources_named")))
        missing = len(rows) - len(sources)
        none = [name for name in every if name not in resolved]
        if sum((every - resolved).values()) == missing and not resolved - every:
            return [Peer(name, "unresolved", reach=0) for name in none]
        names = [r.name for r in rows if r.last_rx_s is None and r.stratum == 0 and not is_address(r.name)]
        if missing == len(names):
            return [Peer(name, "unresolved", reach=0) for name in names]
        # Some of them are resolved but silent, and it is not known which.
        return [Peer(f"one of {', '.join(dict.fromkeys(names))}", "unresolved", reach=0)] * max(0, missing)
    return _unresolved_by_number(record)


def _unresolved_by_number(record: Record) -> list[Peer]:
    """Before chrony 4.0, chronyc shows how many sources have no address, but not which."""
    with suppress(MissingEvidenceError):
        names = [
            s.name for s in chrony_configuration(record).sources if s.kind != "refclock" and not is_address(s.name)
        ]
        missing = parse_activity(record.chronyc("activity")).unresolved
        if names and missing >= len(names):
            return [Peer(name, "unresolved", reach=0) for name in dict.fromkeys(names)]
        return [Peer(f"one of {', '.join(dict.fromkeys(names))}", "unresolved", reach=0)] * min(missing, len(names))
    return []


def first_correction(record: Record, daemon: TimeDaemon) -> FirstCorrection:  # noqa: ARG001 - each daemon's has the same form
    """According to its configuration: chrony.conf(5), `makestep` and `initstepslew`."""
    config = chrony_configuration(record)
    threshold_s, updates = makestep(config)
    if updates and (directive := config.last("makestep")):
        beyond = f"beyond {threshold_s:g} s" if threshold_s else "whatever the offset"
        return FirstCorrection(threshold_s, f"it steps the clock {beyond} ({directive.text})")
    if (directive := config.last("initstepslew")) and directive.arguments[1:]:  # it asks none without servers
        with suppress(ValueError):
            threshold_s = float(directive.arguments[0])
            return FirstCorrection(threshold_s, f"it steps the clock at its start ({directive.text})")
    return FirstCorrection(NEVER, "it only slews the clock: no makestep")


_LOG_CHANGE_S = 1.0
"""chrony.conf(5), logchange: chronyd reports what is more than that off."""
_MAX_SLEW_RATE_PPM = 83333.333
"""chrony.conf(5), maxslewrate."""
_WRONG = re.compile(r"System clock wrong by (-?\d+\.\d+) seconds(?! \()")
_STEPPED = re.compile(
    r"System clock was stepped by (-?\d+\.\d+) seconds|System clock wrong by (-?\d+\.\d+) seconds \(step\)"
)
_SELECTED = re.compile("Selected source ")


def journal_words(record: Record) -> JournalWords:
    """chrony's reference.c and sources.c: it selects a source, and with the update that follows it
    says by how much the clock is wrong, if by more than `logchange`.

    Beyond 1 s `logchange` would hide what matters; then a selection says nothing.
    """
    config = chrony_configuration(record)
    log_change_s = _number(config, "logchange", _LOG_CHANGE_S)
    return JournalWords(
        right=_SELECTED if log_change_s <= _LOG_CHANGE_S else None,
        wrong=_WRONG,
        stepped=_STEPPED,
        slews_at=_number(config, "maxslewrate", _MAX_SLEW_RATE_PPM) / 1e6,
    )


def _number(config: ChronyConfig, name: str, otherwise: float) -> float:
    """The value of a directive, if it is above zero."""
    directive = config.last(name)
    with suppress(ValueError):
        given = finite(directive.arguments[0]) if directive and directive.arguments else 0.0
        return given if given > 0 else otherwise
    return otherwise


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:  # noqa: ARG001 - each daemon's has the same form
    """``chronyd -x`` does not control the system clock (chronyd(8))."""
    return "chronyd runs with -x" if ("-x", "") in options(process["argv"][1:], CHRONYD_LETTERS) else ""


DAEMON = Daemon(
    name="chrony",
    units=("chrony", "chronyd", "chronyd-restricted"),
    processes=("chronyd",),
    section="chrony",
    wait_units=("chrony-wait.service",),
    shown_by="`chronyc tracking` and `chronyc sources`",
    ask=synchronisation,
    first_correction=first_correction,
    journal=journal_words,
    let_it_step="Let chronyd step the clock at its start: `makestep 1 3` in chrony.conf (the gate writes it).",
    leaves_clock_alone=_leaves_clock_alone,
)
