"""What an archive shows of its node's clock: with file, reason and next step.

Nothing here is an admission. An archive repeats what the node said of itself at some time. The
clock was compared with no other one, and no token was signed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, TypeVar

from ansible_collections.skewgate.preflight.plugins.module_utils.node.files import MAX_CONFIGURATION_BYTES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.chronyc import LOCAL_REFID, Tracking
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.config import ChronyConfig
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.faults import Place
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import MAX_FOLLOWED, matches, read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES, Rule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import daemons_by_unit
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.synchronisation import (
    STALE_AFTER_INTERVALS,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import all_profiles, narrowest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import listed

from .archive import Contents
from .texts import parse_date, parse_fields, parse_iso, parse_sources, parse_tracking, parse_units

State = Literal["problem", "unknown", "seen"]

COLLECTING_S = 600.0
"""The commands of an archive run one after another: times of two of them may differ by this."""
PRINTED_S = 1.0
"""timedatectl prints whole seconds."""
_MAX_ERROR_S = Policy.max_clock_error_s
_LAST_TWO = 0b11


@dataclass(frozen=True)
class Statement:
    """``check``: the check (or rule) that says more, and that a run on the node would make."""

    state: State
    file: str
    seen: str
    why: str
    check: str
    remedy: str = ""


def statements(contents: Contents) -> list[Statement]:
    """All that can be said, problems first."""
    now = taken(contents)
    found = [
        *_daemons(contents),
        *_tracking(contents, now[0] if now else None),
        *_sources(contents),
        *_timedatectl(contents),
        *_journal(contents),
        *_configuration(contents),
    ]
    order = ("problem", "unknown", "seen")
    return sorted(found, key=lambda statement: order.index(statement.state))


def taken(contents: Contents) -> tuple[datetime, str] | None:
    """When the archive was made, by the node's own clock, and the file that says so."""
    for name in ("date_--utc", "date"):
        for path in _named(contents, name):
            with suppress(ValueError):
                return parse_date(contents.texts[path]), path
    for path in _named(contents, "timedatectl", "timedatectl_status"):
        with suppress(ValueError):
            return parse_iso(parse_fields(contents.texts[path]).get("Universal time", "")), path
    return None


def host(contents: Contents) -> str:
    """The node's name; empty if it is not there or is no name."""
    texts = (
        contents.texts[path].strip()
        for path in (*_named(contents, "hostname"), "etc/hostname")
        if path in contents.texts
    )
    return next((text for text in texts if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", text)), "")


def _named(contents: Contents, *names: str) -> list[str]:
    commands = (path for path in contents.texts if path.startswith(("sos_commands/", "insights_commands/")))
    return sorted(path for path in commands if path.rpartition("/")[2] in names)


def _chronyc(contents: Contents, command: str) -> list[str]:
    names = {path.rpartition("/")[2] for path in contents.texts}
    return _named(contents, *(name for name in names if re.fullmatch(rf"chronyc(_-\w+)*_{command}(_-v)?", name)))


def _missing(what: str, check: str) -> Statement:
    return Statement("unknown", "the archive", f"it has no output of {what}", "This was not looked at.", check)


def _not_read(path: str, error: ValueError, check: str) -> Statement:
    return Statement("unknown", path, f"it could not be judged: {error}", "This was not looked at.", check)


# --- the daemon


def _daemons(contents: Contents) -> Iterator[Statement]:
    paths = _named(contents, "systemctl_list-units", "systemctl_list-units_--all")
    if not paths:
        yield _missing("`systemctl list-units`", "time_service")
        return
    path = paths[0]
    try:
        states = {unit.name: unit.state for unit in parse_units(contents.texts[path])}
    except ValueError as error:
        yield _not_read(path, error, "time_service")
        return
    known = daemons_by_unit()
    running = {
        unit: known[name] for unit, state in states.items() if (name := _base(unit)) in known and state == "active"
    }
    names = sorted({daemon.name for daemon in running.values()})
    if not running and path in contents.shortened:
        yield _not_read(path, ValueError("only its beginning was read"), "time_service")
    elif not running:
        why = "Without a time daemon a clock drifts by seconds a day."
        yield Statement("problem", path, "no time daemon that skewgate knows was active", why, "time_service")
    elif len(names) > 1:
        why = "Two daemons that steer one clock work against each other. Some may leave it alone, as ptp4l does."
        seen = f"more than one was active: {listed(sorted(running))}"
        yield Statement(
            "unknown" if any(daemon.of_linuxptp for daemon in running.values()) else "problem",
            path,
            seen,
            why,
            "time_service",
        )
    else:
        more = "" if names == ["chrony"] else "; the archive's words of it are not read here"
        state: State = "unknown" if more else "seen"
        yield Statement(
            state, path, f"{listed(sorted(running))} was active{more}", "It steers the clock.", "time_service"
        )
    yield from _not_enabled(contents, list(running))


def _base(unit: str) -> str:
    return unit.removesuffix(".service").partition("@")[0]


def _not_enabled(contents: Contents, running: list[str]) -> Iterator[Statement]:
    for path in _named(contents, "systemctl_list-unit-files")[:1]:
        with suppress(ValueError):
            states = {unit.name: unit.state for unit in parse_units(contents.texts[path])}
            if off := [unit for unit in running if states.get(unit) in ("disabled", "masked")]:
                why = "It ran, but a boot does not start it, unless a link in /usr/lib/systemd does."
                yield Statement("problem", path, f"{listed(off)}: {states[off[0]]}", why, "next_boot")


# --- chronyc


_Parsed = TypeVar("_Parsed")


def _parsed(
    contents: Contents, command: str, parse: Callable[[str], _Parsed], check: str
) -> tuple[str, _Parsed] | Statement:
    """The file, and what it has; or why there is nothing."""
    paths = _chronyc(contents, command)
    if not paths:
        return _missing(f"`chronyc {command}`", check)
    path = paths[0]
    if down := _down(contents.texts[path]):
        return Statement("problem", path, down, "chronyd did not run, or chronyc could not reach it.", "time_service")
    try:
        return path, parse(contents.texts[path])
    except ValueError as error:
        return _not_read(path, error, check)


def _tracking(contents: Contents, now: datetime | None) -> Iterator[Statement]:
    found = _parsed(contents, "tracking", parse_tracking, "sync_state")
    if isinstance(found, Statement):
        yield found
        return
    path, tracking = found
    if tracking.leap == "Not synchronised" or not 0 < tracking.stratum < 16:
        seen = f"chronyd was not synchronised: leap status {tracking.leap}, stratum {tracking.stratum}"
        yield Statement("problem", path, seen, "It had no usable time, or did not have it yet.", "sync_state")
        return
    if tracking.refid == LOCAL_REFID:
        why = "`local` makes it serve this clock's own time, so it claims to be synchronised with any skew."
        yield Statement("problem", path, "chronyd followed the node's own clock", why, "sync_state")
        return
    seen = (
        f"chronyd followed {tracking.name}, at stratum {tracking.stratum}; by its own words the clock was "
        f"{_side(-tracking.system_time_s)} NTP time, and at most {tracking.max_error_s:.6f} s off"
    )
    off = tracking.max_error_s > _MAX_ERROR_S
    why = f"The limit of gate_max_clock_error_s is {_MAX_ERROR_S:g} s. The bound holds only if the source was right."
    yield Statement("problem" if off else "seen", path, seen, why, "sync_state")
    yield from _stale(path, tracking, contents, now)


def _side(offset_s: float) -> str:
    """As chronyc's sources: above zero, the clock is ahead."""
    return f"{abs(offset_s):.6f} s {'ahead of' if offset_s > 0 else 'behind'}"


def _down(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if re.match(r"50[0-9] |Could not |.*(?:not found|timed out)", first) else ""


def _stale(path: str, tracking: Tracking, contents: Contents, now: datetime | None) -> Iterator[Statement]:
    if now is None:
        yield Statement("unknown", path, "the age of the last update", "The archive has no date in UTC.", "sync_state")
        return
    found = _parsed(contents, "sources", parse_sources, "ntp_sources")
    sources = [] if isinstance(found, Statement) else found[1]
    polls = [2.0 ** max(-7, min(24, source.poll)) for source in sources if source.state == "*"]
    limit_s = STALE_AFTER_INTERVALS * max([1.0, tracking.update_interval_s, *polls])
    age_s = now.timestamp() + tracking.system_time_s - tracking.ref_time_s
    reference = datetime.fromtimestamp(tracking.ref_time_s, UTC)
    seen = (
        f"the last update ({reference:%Y-%m-%d %H:%M:%S} UTC) was {age_s:.0f} s old at the archive's date, by NTP time"
    )
    if age_s < -COLLECTING_S:
        why = "It is in the future of that date: the clock was set back, or the archive took long to make."
        yield Statement("problem", path, seen, why, "sync_state")
    elif age_s > limit_s + COLLECTING_S:
        why = f"After {limit_s:.0f} s without an update the status proves nothing: Normal stays when all sources are lost."
        yield Statement("problem", path, seen, why, "sync_state")
    elif age_s > limit_s:
        why = f"That is more than {limit_s:.0f} s, but the commands of an archive may run minutes apart."
        yield Statement("unknown", path, seen, why, "sync_state")
    else:
        yield Statement("seen", path, seen, "That is recent enough to count.", "sync_state")


def _sources(contents: Contents) -> Iterator[Statement]:
    found = _parsed(contents, "sources", parse_sources, "ntp_sources")
    if isinstance(found, Statement):
        yield found
        return
    path, sources = found
    used = [source.name for source in sources if source.state in "*+"]
    if not any(source.state == "*" for source in sources):
        seen = f"of {len(sources)} sources none was selected"
        yield Statement("problem", path, seen, "Nothing steered the clock.", "ntp_sources")
    else:
        yield Statement(
            "seen",
            path,
            f"used: {listed(used)}, of {len(sources)}",
            "chronyd steered the clock by these.",
            "ntp_sources",
        )
    if false := [source for source in sources if source.state == "x"]:
        shown = listed([f"{source.name} (NTP time was {_side(source.adjusted_offset_s)} it)" for source in false])
        why = "A falseticker disagrees with the others. It, or all the others, have the wrong time."
        yield Statement("problem", path, f"falsetickers: {shown}", why, "ntp_sources")
    if silent := [source.name for source in sources if not source.reach & _LAST_TWO]:
        why = "They did not answer the last two requests: a firewall, a wrong name, or a dead server."
        yield Statement("problem", path, f"silent: {listed(silent)}", why, "ntp_sources")


# --- timedatectl, and the RTC


def _timedatectl(contents: Contents) -> Iterator[Statement]:
    paths = _named(contents, "timedatectl", "timedatectl_status")
    if not paths:
        yield _missing("`timedatectl`", "next_boot")
        return
    path = paths[0]
    fields = parse_fields(contents.texts[path])
    synchronised = fields.get("System clock synchronized", fields.get("NTP synchronized"))
    if synchronised not in ("yes", "no"):
        yield _not_read(path, ValueError("it does not say whether the clock was synchronised"), "sync_state")
    elif synchronised == "no":
        why = "The kernel says that nothing synchronised the clock lately (or chronyd runs without rtcsync)."
        yield Statement("problem", path, "System clock synchronized: no", why, "sync_state")
    else:
        why = "This alone proves nothing: it stays for hours after the daemon has died."
        yield Statement("seen", path, "System clock synchronized: yes", why, "sync_state")
    if fields.get("RTC in local TZ") == "yes":
        why = "It is wrong by an hour after summer time begins or ends, and a boot starts with its time."
        yield Statement("problem", path, "the RTC is in local time", why, "next_boot")
        return
    try:
        clock, rtc = (parse_iso(fields.get(name, "")) for name in ("Universal time", "RTC time"))
    except ValueError:
        why = "A boot starts with the RTC's time. Some virtual machines have none."
        yield Statement(
            "unknown", path, f"the RTC's time: {fields.get('RTC time', 'not shown')[:40]}", why, "next_boot"
        )
        return
    off_s = (rtc - clock).total_seconds()
    seen = f"the RTC was {abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} the clock"
    why = "A boot starts with the RTC's time. Which of the two is right, this does not show."
    strictest = narrowest(all_profiles({}).values())
    off = strictest.client_outcome(Interval(off_s - PRINTED_S, off_s + PRINTED_S)) == "fail"
    yield Statement("problem" if off else "seen", path, seen, why, "next_boot")


# --- the journal

_SIGN = "Above zero, it was behind."
_WORDS: tuple[tuple[State, str, str, str], ...] = (
    ("problem", "System clock wrong by", f"chronyd found the clock off by this much. {_SIGN}", "next_boot"),
    ("seen", "System clock was stepped by", f"chronyd set the clock, as many do after a boot. {_SIGN}", "next_boot"),
    ("problem", "Time jumped backwards", "Something set the clock back while the journal was written.", "clock_movers"),
    (
        "problem",
        "Forward time jump detected",
        "Something else than chronyd set the clock, or the machine was paused.",
        "clock_movers",
    ),
    ("problem", "Backward time jump detected", "Something else than chronyd set the clock back.", "clock_movers"),
    ("problem", "Can't synchronise", "chronyd had no sources that it could use.", "ntp_sources"),
    ("problem", "Fatal error", "chronyd ended.", "time_service"),
)


def _journal(contents: Contents) -> Iterator[Statement]:
    for path, lines in sorted(contents.lines.items()):
        for state, words, why, check in _WORDS:
            if found := [line for line in lines if words in line]:
                seen = f"{len(found)} of the last lines have `{words}`; the last one: {found[-1].strip()[:300]}"
                yield Statement(state, path, seen, why, check)


# --- the configuration


def _configuration(contents: Contents) -> Iterator[Statement]:
    first = next((path for path in ("etc/chrony.conf", "etc/chrony/chrony.conf") if path in contents.texts), None)
    if first is None:
        lost = [
            f"{path} is a link to {target}"
            for path, target in contents.dangling.items()
            if path.endswith("chrony.conf")
        ]
        what = f"chrony.conf{f' ({lost[0]}, which is not there)' if lost else ''}"
        yield Statement("unknown", "the archive", f"it has no {what}", "This was not looked at.", "chrony_config")
        return
    config = _read(contents, f"/{first}")
    found = [
        _rule(rule, places, incomplete=bool(config.unreadable or contents.cut))
        for rule in sorted(RULES.values(), key=lambda rule: rule.id)
        if (places := list(rule.find(config)))
    ]
    yield from found
    if not found:
        why = "chronyd itself was not asked, and what the lines name was not looked at."
        yield Statement("seen", first, "no rule of chrony_config matches", why, "chrony_config")


def _rule(rule: Rule, places: list[Place], *, incomplete: bool) -> Statement:
    """A rule that matches. A line that is missing may be in a file that is missing too."""
    absent = incomplete and rule.severity != "unknown" and all(place.line is None for place in places)
    state: State = "problem" if rule.severity == "error" else "unknown" if rule.severity == "unknown" else "seen"
    lines = [f"{place.file.lstrip('/')}{f':{place.line}' if place.line else ''} ({place.text})" for place in places]
    but = " (unless a file has it that is not in the archive)" if absent else ""
    seen = f"{rule.id} {rule.name}, {rule.severity}: {listed(lines)}{but}"
    return Statement("unknown" if absent else state, "configuration", seen, rule.why, rule.id, rule.remedy)


def _read(contents: Contents, path: str) -> ChronyConfig:
    """Read what is there. What the lines include and the archive lacks counts as not read."""
    files, beyond, left = [], [], MAX_CONFIGURATION_BYTES
    for name, text in contents.texts.items():
        if name.startswith(("etc/chrony", "run/chrony")):
            left -= len(text)
            if left >= 0:
                files.append({"path": f"/{name}", "text": text})
            if left < 0 or name in contents.shortened:
                beyond.append(f"/{name}")
    section: dict[str, Any] = {"config": {"path": path, "files": files}, "version": _version(contents)}
    names = [file["path"] for file in files] + [f"/{folder}" for folder in contents.folders]
    includes = (
        wanted
        for directive in read_config(section).directives
        if directive.name in ("include", "confdir", "sourcedir")
        for wanted in directive.arguments
    )
    asked = list(islice(includes, MAX_FOLLOWED))
    lost = [wanted for wanted in asked if not any(matches(name, wanted) for name in names)]
    links = {f"/{name}": f"/{posixpath.dirname(name)}" for name in contents.dangling}
    lost += [
        name for name, at in links.items() if any(matches(name, wanted) or matches(at, wanted) for wanted in asked)
    ]
    section["config"]["unread"] = [
        {"path": wanted, "kind": "other", "error": "it is not in the archive, or too large"}
        for wanted in dict.fromkeys([*lost, *beyond])
    ]
    return read_config(section)


def _version(contents: Contents) -> str | None:
    """chrony's, from the journal or the list of packages."""
    every: Iterable[str] = (line for lines in contents.lines.values() for line in reversed(lines))
    for line in every:
        if found := re.search(
            r"chronyd version ([0-9]+\.[0-9]+)|\bchrony-([0-9]+\.[0-9]+)|\bchrony +([0-9]+\.[0-9]+)", line
        ):
            return str(next(filter(None, found.groups())))
    return None
