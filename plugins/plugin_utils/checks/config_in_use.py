"""Does chronyd run with what its files say?

chronyd reads its files when it starts, and `.sources` files again at `chronyc reload sources`.
From the latter it drops the lines that it cannot use, without a message. So chronyd may run with
something else than a good file says: the file was changed after the start, a name has no address,
or sources were set offline. A written line may also have no effect. `makestep 1 3` promises a
step, but only in the first three updates. A plain server that answers well is not used while NTS
servers beside it have no keys, or while servers with a symmetric key do not answer
(`authselectmode mix`, the default).

Passes if every written source runs, and nothing that is written keeps chronyd from following a
source or stepping the clock. `minsources` is compared with the sources that run: a pool gives no
more sources than its name has addresses. A weakness alone is a note in the summary: one name of
several without an address, a source that was added at run time, a file that was changed after the
start. If chrony does not steer the clock, the check passes.

Before chrony 4.0 (Ubuntu 20.04 has 3.5), chronyc shows addresses and no names. Written addresses
are compared with these; of names, only their number is compared. If the files were changed after
the start, the check is inconclusive.

The time that a slew takes is |System time| / maxslewrate (83333 ppm by default, on Linux 100000 ppm
at the most). This is the shortest possible time.

What to do: run the command that the finding names: restart chronyd, or run
`chronyc reload sources`, `onoffline` or `makestep`. If chronyd would not start again with
its files, the finding says what to fix before a restart. If servers wait for NTS, open TCP
4460 (see nts_servers).

Source: chronyc(1), "sources", "selectdata", "authdata", "activity" and "reload"; chrony.conf(5),
makestep, maxslewrate, authselectmode and sourcedir; chrony's reference.c (is_step_limit_reached),
conf.c (load_source_file) and sources.c (update_sel_options, SRC_SelectSource), read in 4.0, 4.3 and
4.6.1, and tried with each. Which lines run, keys, `minsources` and pools were tried with 4.0, 4.3,
4.6 and 4.9. For 3.5, its recorded answers were judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from ..chrony.authentication import held_back, is_keyless, keyless
from ..chrony.chronyc import (
    Activity,
    Tracking,
    parse_activity,
    parse_authdata,
    parse_selectdata,
    parse_tracking,
)
from ..chrony.config import ChronyConfig
from ..chrony.makestep import is_left_unstepped, makestep, slew_time_text
from ..chrony.running import Running, shortage
from ..chrony.sources import host_key, is_address, most_of
from ..daemons.chrony import (
    asks_initstepslew,
    chrony_configuration,
    next_start_differs,
    restart_advice,
    running_sources,
)
from ..daemons.common.asking import without_daemon
from ..daemons.common.units import FILES, time_daemons
from ..model.finding import Finding, State
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record
from ..model.roles import caution

NEEDS = ("time_services", "chrony")
READS = (*FILES, "join_state")
REMEDIABLE = True


class Key(StrEnum):
    """Which written line does not take effect."""

    DROPPED_LINE = "dropped_sources_line"
    CHANGED_SINCE_START = "changed_since_start"
    SET_OFFLINE = "sources_set_offline"
    NEEDS_ROOT = "chronyc_needs_root"
    NTS_STARVATION = "nts_starvation"
    WAITS_FOR_REQUIRED = "waits_for_required_sources"
    NTS_WITHOUT_KEYS = "nts_without_keys"
    KEY_MISSING = "key_missing"
    MAKESTEP_USED_UP = "makestep_used_up"
    MINSOURCES = "fewer_sources_than_minsources"
    NAMES_NOT_SHOWN = "names_not_shown"
    NEXT_START_DIFFERS = "next_start_reads_another"
    INITSTEPSLEW = "initstepslew_runs"


_CHANGED = (Key.CHANGED_SINCE_START, "changed since start")
_ASKS_FIRST = "Until initstepslew ends, chronyd has none of its sources."
_WAIT = "Run the check again in a minute. To shorten the start, use `makestep 1 3` instead of initstepslew."


class _Fault(NamedTuple):
    """A line that does not take effect. ``key``: with the cause in a few words."""

    what: str
    why: str
    remedy: str
    key: tuple[Key, str]
    state: State = "fail"


def judge(record: Record, policy: Policy) -> Finding:
    """Compare what chronyc shows with the files."""
    if missing := without_daemon(record, "configuration in use"):
        return missing
    daemons = time_daemons(record)
    unit = next((daemon.unit for daemon in daemons if daemon.daemon == "chrony" and daemon.steers_now), None)
    if unit is None:
        return Finding(state="pass", summary="chrony does not steer this clock: none of its configuration is in use")
    restart = restart_advice(record, unit) + caution(record)
    section = record.section("chrony")
    config = chrony_configuration(record)
    running = running_sources(record)
    tracking, activity = parse_tracking(record.chronyc("tracking")), parse_activity(record.chronyc("activity"))
    rewritten = _rewritten(config)
    own_sources = [
        *_not_running(config, running, restart),
        *_refclocks(config, running, restart),
        *_not_written(config, running, rewritten, restart),
        *_by_number(config, running, activity, section, restart),
        *_without_address(running),
        *_minsources(config, running, activity),
        *_offline(config, activity),
        *_authentication(config, running, record),
    ]
    if any(isinstance(one, _Fault) for one in own_sources) and (asks := asks_initstepslew(record, config)):
        own_sources = [_Fault(asks, _ASKS_FIRST, _WAIT, (Key.INITSTEPSLEW, "initstepslew runs"), "inconclusive")]
    found = [
        *_next_start(config, section, restart),
        *_dropped(config, restart),
        *own_sources,
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
        notes.append(f"changed after chronyd started, and read at its next start: {', '.join(rewritten)}")
    if record.without_root and section.get("started_s") is None:
        notes.append("without root it is not known whether a file changed after chronyd started")
    return _finding(faults, notes, seen)


def _finding(faults: Sequence[_Fault], notes: Sequence[str], seen: dict[str, Any]) -> Finding:
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


def _rewritten(config: ChronyConfig) -> list[str]:
    """Files that are read only at a start, and were changed after it. Not `.sources` files."""
    return [path for path in config.rewritten if not path.endswith(".sources")]


def _next_start(config: ChronyConfig, section: Mapping[str, Any], restart: str) -> Iterator[_Fault]:
    if other := next_start_differs(config, section):
        unit = section["next_start"]["unit"]
        tried = f"`chronyd -p -f {other}`" if other.startswith("/") else f"chronyd -p with {other}"
        back = f"Put back the option -f or the directives; or check that {tried} ends with 0 and names your servers. {restart}"
        if section["next_start"].get("unfit"):
            back = f"With {other} it leaves the clock alone, or ends: remove that option."
        yield _Fault(
            f"chronyd runs with {config.path}, and {unit} starts it with {other}",
            "At its next start chronyd will not do what it does now.",
            f"Look at `systemctl cat {unit}` and at the file of chronyd's options, and decide which is intended. {back}",
            (Key.NEXT_START_DIFFERS, "the next start reads another configuration"),
        )


def _dropped(config: ChronyConfig, restart: str) -> Iterator[_Fault]:
    """Lines of `.sources` files that chronyd does not run, or may not run: CHR004 and CHR006."""
    answers: tuple[tuple[bool, str, str, State], ...] = (
        (True, "chronyd left out", "Fix the line, end it with a newline, and run `chronyc reload sources`.", "fail"),
        (
            False,
            "it is not known whether chronyd uses it:",
            f"Fix the line; or let chronyd read the file as it is now, then run the check again. {restart}",
            "inconclusive",
        ),
    )
    for certain, what, remedy, state in answers:
        some = [problem for problem in config.dropped if problem.certain is certain]
        if some:
            lines = (f"{p.directive.text!r} ({p.directive.file}:{p.directive.line}: {p.why})" for p in some)
            why = "chronyd drops the lines of a .sources file that it cannot use, and logs nothing."
            yield _Fault(f"{what} {', '.join(lines)}", why, remedy, (Key.DROPPED_LINE, "dropped .sources line"), state)


def _not_running(config: ChronyConfig, running: Running, restart: str) -> Iterator[_Fault]:
    known = {host_key(name) for name in (*running.names, *running.name_of)}
    missing = [
        source
        for source in config.sources
        if source.kind != "refclock"
        and source.name.isascii()  # chronyd adds no other: the rules say so (CHR406, CHR407)
        and host_key(source.name) not in known
        and (running.by_name or is_address(source.name))
    ]
    for reloaded in (True, False):
        some = [source for source in missing if source.directive.file.endswith(".sources") is reloaded]
        if some:
            where = ", ".join(f"{s.name} ({s.directive.file}:{s.directive.line})" for s in some)
            yield _Fault(
                f"written but not running: {where}",
                "Until chronyd reads the file, the node uses fewer or other sources than its files say.",
                "Run `chronyc reload sources`. If `chronyc -N sources -a` still does not list it, check that chronyd's user can "
                "read the file."
                if reloaded
                else restart,
                _CHANGED,
            )


def _refclocks(config: ChronyConfig, running: Running, restart: str) -> Iterator[_Fault | str]:
    """chronyd starts without a reference clock only if it is ``optional`` or not built in."""
    refclocks = [s for s in config.sources if s.kind == "refclock" and "REFCLOCK" not in config.not_built_in]
    absent = len(refclocks) - running.refclocks
    if 0 < absent <= sum("optional" in source.options for source in refclocks):
        yield f"optional reference clocks that do not exist: {absent}"
    elif absent:
        yield _Fault(
            f"reference clocks: {len(refclocks)} written, {running.refclocks} running",
            "chronyd sets up reference clocks only when it starts.",
            restart,
            _CHANGED,
        )


def _not_written(config: ChronyConfig, running: Running, rewritten: list[str], restart: str) -> Iterator[_Fault | str]:
    written = {host_key(source.name) for source in config.sources} | {
        host_key(p.directive.arguments[0]) for p in config.dropped if p.directive.arguments
    }
    extra = [name for name in running.names if host_key(name) not in written]
    if not running.by_name and any(not is_address(name) for name in written):
        return  # their addresses
    if extra and rewritten and not config.unreadable:
        yield _Fault(
            f"running but no longer written: {', '.join(extra)}",
            "chronyd still uses what it read when it started.",
            restart,
            _CHANGED,
        )
    elif extra:
        yield f"in no file that was read, and gone after a restart: {', '.join(extra)}"


def _by_number(
    config: ChronyConfig, running: Running, activity: Activity, section: Mapping[str, Any], restart: str
) -> Iterator[_Fault | str]:
    """Before chrony 4.0 chronyc shows no names.

    So this compares how many addresses run that are not written, and how many names are written.
    """
    named = [s for s in config.sources if s.kind != "refclock" and not is_address(s.name)]
    if running.by_name or not named:
        return
    addresses = {host_key(source.name) for source in config.sources}
    theirs = sum(host_key(name) not in addresses for name in running.names) + activity.unresolved
    rewritten, names = _rewritten(config), ", ".join(dict.fromkeys(source.name for source in named))
    if rewritten or (section.get("started_s") is None and theirs < len(named)):
        changed = f"{', '.join(rewritten)} changed after it started" if rewritten else "fewer run than are written"
        yield _Fault(
            f"it is not known whether chronyd runs with these names: {names} ({changed})",
            f"chrony {section.get('version')} shows addresses only; chrony 4.0 and later show the names as they are written.",
            f"Let chronyd read its files as they are now, then run the check again; or upgrade chrony. {restart}",
            (Key.NAMES_NOT_SHOWN, "an old chrony shows no names"),
            "inconclusive",
        )
    elif theirs < len(named):
        yield f"some of these names have no address, or only that of another source: {names}"
    elif theirs > most_of(named):
        yield f"in no file that was read, and gone after a restart: {theirs - most_of(named)} of the sources that run"


def _minsources(config: ChronyConfig, running: Running, activity: Activity) -> Iterator[_Fault]:
    if short := shortage(config, running, activity):
        yield _Fault(
            short,
            "With fewer, chronyd never sets the clock. A pool gives no more sources than its name has addresses.",
            "Lower minsources, or add servers. If sources are offline, run `chronyc onoffline`. A pool that was just resolved "
            "may get more addresses within minutes: run the check again.",
            (Key.MINSOURCES, "fewer sources than minsources"),
        )


def _without_address(running: Running) -> Iterator[str]:
    """Names that give chronyd no source. If no name gives one, ntp_sources fails."""
    if running.unresolved:
        yield (
            "without an address (not resolved, or only to one that another source has): "
            f"{', '.join(running.unresolved)}"
        )


def _offline(config: ChronyConfig, activity: Activity) -> Iterator[_Fault | str]:
    offline = activity.offline - sum(source.most for source in config.sources if "offline" in source.options)
    if offline > 0 and not activity.online + activity.burst_online + activity.burst_offline:
        yield _Fault(
            f"all {activity.offline} sources were set offline at run time, not in a file",
            "chronyd sends nothing to a source that is offline. `chronyc offline` sets it so, and NetworkManager's dispatcher "
            "does if it finds no default route.",
            "Run `chronyc onoffline`, and find what set them offline: the route to the servers, or a dispatcher script.",
            (Key.SET_OFFLINE, "sources set offline"),
        )
    elif offline > 0:
        yield f"set offline at run time: {offline} of {activity.offline + activity.online} sources"


def _authentication(config: ChronyConfig, running: Running, record: Record) -> Iterator[_Fault | str]:
    """NTS without keys, and how required sources hold back the others."""
    needed = [source for source in config.sources if source.authenticated or "require" in source.options]
    if not needed or not running.by_name:  # nor did a chrony before 4.0 hold plain sources back
        return
    try:
        rows, selection = parse_authdata(record.chronyc("authdata")), parse_selectdata(record.chronyc("selectdata"))
    except MissingEvidenceError as error:
        yield _Fault(
            f"it is not known whether authentication works: {error}",
            "If a source must authenticate itself and cannot, chronyd does not follow the others either.",
            "Let the check run as root (`become: true`): chronyc's authdata and selectdata need it.",
            (Key.NEEDS_ROOT, "chronyc needs root"),
            "inconclusive",
        )
        return
    without = keyless(running, rows)
    nts = any(row.mode == "NTS" and is_keyless(row) for row in rows)
    labelled = ", ".join(f"{label}: {why}" for label, why in without.items())
    if any(row.state == "*" for row in selection):
        if without:
            yield f"without {'NTS keys' if nts else 'their key'}: {labelled}"
        return
    shut_out, waited_for = held_back(config, running, needed, selection, without)
    nts = nts or any("nts" in source.options for source in needed if running.lacks_address(source))
    if shut_out and waited_for and config.authselectmode != "require":
        yield _starved(shut_out, waited_for, nts=nts, keyless=bool(without))
    elif without:
        yield _keyless(labelled, nts=nts)


def _starved(shut_out: Sequence[str], waited_for: Sequence[str], *, nts: bool, keyless: bool) -> _Fault:
    """Usable sources that chronyd does not use,
    because it waits for authenticated or required ones.
    """
    key = (Key.WAITS_FOR_REQUIRED, "waits for required sources")
    if keyless:
        key = (Key.KEY_MISSING, "key missing")
    if nts:
        key = (Key.NTS_STARVATION, "NTS starvation")
    return _Fault(
        f"{', '.join(shut_out)} can be used, but chronyd waits for {', '.join(waited_for)}",
        "If there are plain sources too, authselectmode makes the authenticated ones required (mix) or the only ones (prefer): "
        "without them chronyd follows no source.",
        "Open the way to the authenticated servers (NTS: TCP 4460, and UDP 123), or configure only plain ones. A key must be the "
        "one that the server has (this check never reads the key file). `authselectmode ignore` uses all sources alike, but "
        "then authentication does not protect the node.",
        key,
    )


def _keyless(labelled: str, *, nts: bool) -> _Fault:
    """No source is selected, and authenticated ones have no keys."""
    if nts:
        return _Fault(
            f"NTS servers without keys ({labelled}), and no source is selected",
            "Without keys chronyd asks these servers nothing.",
            "Fix what nts_servers reports of them (TCP 4460, certificates, the clock itself). chronyd then tries again.",
            (Key.NTS_WITHOUT_KEYS, "NTS keys not established"),
        )
    return _Fault(
        f"servers without their key ({labelled}), and no source is selected",
        "Without the key chronyd sends these servers no request that they answer.",
        "Put the key into the key file, which chronyd's user must be able to read, and run `chronyc rekey`.",
        (Key.KEY_MISSING, "key missing"),
    )


def _step(config: ChronyConfig, tracking: Tracking, policy: Policy, restart: str) -> Iterator[_Fault | str]:
    """An offset that chronyd does not step: it slews the clock."""
    off_s = abs(tracking.system_time_s)
    side = "behind" if tracking.system_time_s > 0 else "ahead"
    slew = f"{off_s:.3f} s {side}, and it will be slewed for {slew_time_text(config, off_s)}"
    if is_left_unstepped(config, tracking, policy.max_clock_error_s):
        threshold_s, updates = makestep(config)
        spent = updates > 0
        reason = f"its {updates} updates that may step are used up" if spent else "it was started without that line"
        yield _Fault(
            f"makestep says {threshold_s:g} s, but chronyd does not step the clock ({reason}): it is {slew}",
            "chronyd steps the clock only in the first updates after its start. Later it slews any offset.",
            f"When its sources are right, run `chronyc makestep`; a restart does the same. {restart}",
            (Key.MAKESTEP_USED_UP, "makestep used up") if spent else _CHANGED,
        )
    elif tracking.leap != "Not synchronised" and off_s > policy.max_clock_error_s:
        yield f"the clock is {slew}"
