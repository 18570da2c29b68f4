"""Does chronyd run with what its files say?

chronyd reads its files when it starts, `.sources` files again at `chronyc reload sources`, and leaves out without a word what it
can't use of the latter. So a good file may not be what runs: it was changed since the start, a name has no address, sources
were set offline. And what is written may not work out: `makestep 1 3` promises a step, but only in the first three updates;
a plain server that answers well is not used while NTS servers beside it have no keys (`authselectmode mix`, the default).

Passes where every written source runs, and nothing that is written keeps chronyd from following a source or stepping the
clock. What is only weak is a note in the summary: one name of several without an address, a source that was added at run
time, a file that was changed since the start. Where chrony does not steer the clock, the question does not arise.

The time that a slew takes is |System time| / maxslewrate (83333 ppm by default, on Linux 100000 ppm at the most): the least
that it can be.

What to do: run the command that the finding names: restart chronyd, or `chronyc reload sources`, `onoffline` or `makestep`.
Where chronyd would not start again with its files, the finding says what to fix before a restart.
Servers that wait for NTS want TCP 4460 opened (see nts_servers).

Source: chronyc(1), "sources", "selectdata", "authdata", "activity" and "reload"; chrony.conf(5), makestep, maxslewrate,
authselectmode and sourcedir; chrony's reference.c (is_step_limit_reached), conf.c (load_source_file) and sources.c
(update_sel_options, SRC_SelectSource), read in 4.0, 4.3 and 4.6.1, and tried with each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from ..chrony.chronyc import (
    Authentication,
    Selection,
    Tracking,
    parse_activity,
    parse_authdata,
    parse_selectdata,
    parse_sources,
    parse_tracking,
)
from ..chrony.config import ChronyConfig, Source
from ..chrony.makestep import is_left_unstepped, makestep, slew_time_text
from ..daemons.chrony import chrony_configuration, restart_advice
from ..daemons.common.asking import without_daemon
from ..daemons.common.units import time_daemons
from ..model.finding import Finding, State
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record

NEEDS = ("time_services", "chrony")
REMEDIABLE = True


class Key(StrEnum):
    """What does not run as it is written."""

    DROPPED_LINE = "dropped_sources_line"
    CHANGED_SINCE_START = "changed_since_start"
    SET_OFFLINE = "sources_set_offline"
    NEEDS_ROOT = "chronyc_needs_root"
    NTS_STARVATION = "nts_starvation"
    WAITS_FOR_REQUIRED = "waits_for_required_sources"
    NTS_WITHOUT_KEYS = "nts_without_keys"
    MAKESTEP_USED_UP = "makestep_used_up"


_CHANGED = (Key.CHANGED_SINCE_START, "changed since start")


class _Fault(NamedTuple):
    """What does not run as written. ``key``: with the cause in a few words."""

    what: str
    why: str
    remedy: str
    key: tuple[Key, str]
    state: State = "fail"


@dataclass(frozen=True)
class _Running:
    """chronyd's sources. ``name_of``: the configured name of each address; ``unresolved``: names without an address."""

    names: tuple[str, ...]
    refclocks: int
    unresolved: tuple[str, ...]
    name_of: dict[str, str]

    def label(self, address: str) -> str:
        """The name that stands in the files, and the address beside it where they are not one: a pool has several."""
        name = self.name_of.get(address, address)
        return name if name == address else f"{name} at {address}"

    @classmethod
    def of(cls, record: Record) -> _Running:
        every = parse_sources(record.chronyc("sources_all"))
        named = parse_sources(record.chronyc("sources_named"))
        addressed = parse_sources(record.chronyc("sources"))
        if any(row.name == "?" for row in every):
            raise MissingEvidenceError("chronyc did not tell the names of its sources", "chrony")
        names = dict.fromkeys(row.name for row in every if row.mode != "#")
        return cls(
            tuple(names),
            sum(row.mode == "#" for row in every),
            tuple(name for name in names if name not in {row.name for row in named}),
            {address.name: name.name for address, name in zip(addressed, named, strict=False)},
        )


def judge(record: Record, policy: Policy) -> Finding:
    """Hold what chronyc shows against the files."""
    if missing := without_daemon(record, "configuration in use"):
        return missing
    services = record.section("time_services")
    daemons = time_daemons(services)
    unit = next((daemon.unit for daemon in daemons if daemon.daemon == "chrony" and daemon.steers_now), None)
    if unit is None:
        return Finding(state="pass", summary="chrony does not steer this clock: there is no configuration of it in use")
    restart = restart_advice(record, unit)
    section = record.section("chrony")
    config = chrony_configuration(record)
    running = _Running.of(record)
    tracking = parse_tracking(record.chronyc("tracking"))
    rewritten = _rewritten(section)
    found = [
        *_not_running(config, running, restart),
        *_not_written(config, running, rewritten, restart),
        *_without_address(running),
        *_offline(config, record),
        *_authentication(config, running, record),
        *_step(config, tracking, policy, restart),
    ]
    seen = {
        "written": {f"{s.directive.file}:{s.directive.line}": s.directive.text for s in config.sources},
        "dropped": {f"{p.directive.file}:{p.directive.line}": p.why for p in config.dropped},
        "running": list(running.names),
        "without_address": list(running.unresolved),
        "changed_since_start": rewritten,
        "system_time_s": tracking.system_time_s,
    }
    faults = [one for one in found if isinstance(one, _Fault)]
    notes = [one for one in found if isinstance(one, str)]
    if rewritten and not any(fault.key == _CHANGED for fault in faults):
        notes.append(f"changed since chronyd started, and read at its next start: {', '.join(rewritten)}")
    if not faults:
        return Finding(
            state="pass", summary="; ".join(["chronyd runs with the sources that its files name", *notes]), seen=seen
        )
    states = {fault.state for fault in faults}
    return Finding(
        state="fail" if "fail" in states else "inconclusive",
        summary="; ".join([*(fault.what for fault in faults), *notes]),
        why=" ".join(dict.fromkeys(fault.why for fault in faults)),
        remedy=" ".join(dict.fromkeys(fault.remedy for fault in faults)),
        seen=seen,
        keys=tuple(dict.fromkeys(fault.key[0] for fault in faults)),
        cause=", ".join(dict.fromkeys(fault.key[1] for fault in faults)),
    )


def _rewritten(section: Any) -> list[str]:
    """Files that were changed after chronyd started; `.sources` files are read again without a start."""
    started_s = section.get("started_s")
    return [
        file["path"]
        for file in section["config"]["files"]
        if started_s and file.get("mtime_s", 0) > started_s and not file["path"].endswith(".sources")
    ]


def _not_running(config: ChronyConfig, running: _Running, restart: str) -> Iterator[_Fault]:
    known = {*running.names, *running.name_of}
    dropped = [
        problem
        for problem in config.dropped
        if problem.directive.name in ("server", "pool", "peer") and {*problem.directive.arguments[:1]} - known
    ]
    if dropped:
        lines = (f"{p.directive.text!r} ({p.directive.file}:{p.directive.line}: {p.why})" for p in dropped)
        yield _Fault(
            f"chronyd left out {', '.join(lines)}",
            "Of a .sources file chronyd leaves out the lines that it can't use, and logs nothing.",
            "Fix the line, end it with a newline, and run `chronyc reload sources`.",
            (Key.DROPPED_LINE, "dropped .sources line"),
        )
    missing = [source for source in config.sources if source.kind != "refclock" and source.name not in known]
    for reloaded in (True, False):
        some = [source for source in missing if source.directive.file.endswith(".sources") is reloaded]
        if some:
            yield _Fault(
                f"written but not running: {_where(some)}",
                "Until chronyd reads it, the node relies on fewer or other sources than its files say.",
                "Run `chronyc reload sources`; if it is still not listed by `chronyc -N sources -a`, see that chronyd's user can "
                "read the file."
                if reloaded
                else restart,
                _CHANGED,
            )
    refclocks = [source for source in config.sources if source.kind == "refclock"]
    if len(refclocks) != running.refclocks:
        yield _Fault(
            f"reference clocks: {len(refclocks)} written, {running.refclocks} running",
            "Reference clocks are only set up when chronyd starts.",
            restart,
            _CHANGED,
        )


def _not_written(config: ChronyConfig, running: _Running, rewritten: list[str], restart: str) -> Iterator[_Fault | str]:
    written = {source.name for source in config.sources} | {
        p.directive.arguments[0] for p in config.dropped if p.directive.arguments
    }
    extra = [name for name in running.names if name not in written]
    if extra and rewritten and not config.unreadable:
        yield _Fault(
            f"running but no longer written: {', '.join(extra)}",
            "chronyd goes on with what it read when it started.",
            restart,
            _CHANGED,
        )
    elif extra:
        yield f"in no file that was read, and gone after a restart: {', '.join(extra)}"


def _without_address(running: _Running) -> Iterator[str]:
    """Names that give chronyd no source; where none gives one, ntp_sources fails."""
    if running.unresolved:
        yield (
            "without an address (not resolved, or only to one that another source has): "
            f"{', '.join(running.unresolved)}"
        )


def _offline(config: ChronyConfig, record: Record) -> Iterator[_Fault | str]:
    activity = parse_activity(record.chronyc("activity"))
    offline = activity.offline - sum(source.most for source in config.sources if "offline" in source.options)
    if offline > 0 and not activity.online + activity.burst_online + activity.burst_offline:
        yield _Fault(
            f"all {activity.offline} sources are set offline, which no file says",
            "chronyd sends nothing to a source that is offline. `chronyc offline` does that, and NetworkManager's dispatcher "
            "where it finds no default route.",
            "Run `chronyc onoffline`, and see what set them offline: the route to the servers, or a dispatcher script.",
            (Key.SET_OFFLINE, "sources set offline"),
        )
    elif offline > 0:
        yield f"set offline at run time: {offline} of {activity.offline + activity.online} sources"


def _authentication(config: ChronyConfig, running: _Running, record: Record) -> Iterator[_Fault | str]:
    """NTS without keys, and what required sources do to the others."""
    needed = [source for source in config.sources if source.authenticated or "require" in source.options]
    if not needed:
        return
    try:
        rows, selection = parse_authdata(record.chronyc("authdata")), parse_selectdata(record.chronyc("selectdata"))
    except MissingEvidenceError as error:
        yield _Fault(
            f"whether authentication works could not be told: {error}",
            "A source that shall authenticate itself and can't keeps chronyd from following the others.",
            "Let the check run as root (`become: true`): chronyc's authdata and selectdata need it.",
            (Key.NEEDS_ROOT, "chronyc needs root"),
            "inconclusive",
        )
        return
    keyless = {running.label(row.name): _why_keyless(row) for row in rows if _is_keyless(row)}
    if not any(row.state == "*" for row in selection):
        yield from _nothing_selected(config, running, needed, keyless, selection)
    elif keyless:
        yield f"without NTS keys: {_labelled(keyless)}"


def _nothing_selected(
    config: ChronyConfig,
    running: _Running,
    needed: Sequence[Source],
    keyless: Mapping[str, str],
    selection: Sequence[Selection],
) -> Iterator[_Fault]:
    """chronyd follows no source: ``keyless`` NTS sources say nothing, or hold back those that would do."""
    # Of the states in selectdata, W is what waits for required sources; under `prefer`, a plain source gets noselect.
    shut_out = [
        running.label(row.name)
        for row in selection
        if "R" not in row.effective
        and (row.state == "W" or (row.last_rx_s is not None and "N" in set(row.effective) - set(row.configured)))
    ]
    required = [running.label(row.name) for row in selection if "R" in row.effective and row.state != "W"]
    absent = [source for source in needed if source.name in running.unresolved]
    waited_for = dict.fromkeys([*required, *keyless, *(source.name for source in absent)])
    if shut_out and waited_for and config.authselectmode != "require":
        waits = ", ".join(f"{label} ({keyless[label]})" if label in keyless else label for label in waited_for)
        yield _Fault(
            f"{', '.join(shut_out)} would do, but chronyd waits for {waits}",
            "Beside plain sources, authselectmode makes the authenticated ones required (mix) or the only ones that count "
            "(prefer): without them chronyd follows none.",
            "Let the node reach the authenticated servers (NTS: TCP 4460, and UDP 123), or write only plain ones. "
            "`authselectmode ignore` uses all alike, and gives up what NTS protects from.",
            (Key.NTS_STARVATION, "NTS starvation")
            if keyless or any("nts" in source.options for source in absent)
            else (Key.WAITS_FOR_REQUIRED, "waits for required sources"),
        )
    elif keyless:
        yield _Fault(
            f"NTS servers without keys ({_labelled(keyless)}), and no source is selected",
            "Without keys chronyd asks these servers nothing.",
            "See what nts_servers says of them (TCP 4460, certificates, the clock itself); chronyd tries again by itself.",
            (Key.NTS_WITHOUT_KEYS, "NTS keys not established"),
        )


def _labelled(keyless: Mapping[str, str]) -> str:
    return ", ".join(f"{label}: {why}" for label, why in keyless.items())


def _is_keyless(row: Authentication) -> bool:
    """Whether an NTS source is out of cookies and failed to get new ones; before the first try it merely waits for its turn."""
    return row.mode == "NTS" and not row.cookies and bool(row.attempts or row.nak)


def _why_keyless(row: Authentication) -> str:
    if row.nak:
        return "its cookies were refused (NAK), and new ones not got"
    return (
        "no key was ever established"
        if row.last_ke_s is None
        else f"out of cookies, the last got {row.last_ke_s} s ago"
    )


def _step(config: ChronyConfig, tracking: Tracking, policy: Policy, restart: str) -> Iterator[_Fault | str]:
    """What chronyd does not step it will only slew."""
    off_s = abs(tracking.system_time_s)
    side = "behind" if tracking.system_time_s > 0 else "ahead"
    slew = f"{off_s:.3f} s {side}, and it will be slewed for {slew_time_text(config, off_s)}"
    if is_left_unstepped(config, tracking, policy.max_clock_error_s):
        threshold_s, updates = makestep(config)
        spent = updates > 0
        reason = f"its {updates} updates that may step are used up" if spent else "it was started without that line"
        yield _Fault(
            f"makestep says {threshold_s:g} s, but chronyd does not step the clock ({reason}): it is {slew}",
            "chronyd steps the clock in the first updates after its start only; afterwards, whatever the offset, it slews.",
            f"Run `chronyc makestep` once its sources are right; a restart does the same. {restart}",
            (Key.MAKESTEP_USED_UP, "makestep used up") if spent else _CHANGED,
        )
    elif tracking.leap != "Not synchronised" and off_s > policy.max_clock_error_s:
        yield f"the clock is {slew}"


def _where(sources: list[Source]) -> str:
    return ", ".join(f"{s.name} ({s.directive.file}:{s.directive.line})" for s in sources)
