"""Is the time daemon's claim to be synchronised true, compared with all other evidence?

"Leap status: Normal" alone proves nothing. It stays after every source is lost, while the clock
is seconds away and being slewed, at stratum 16, and if `local` makes the daemon follow the
node's clock. `timedatectl`'s NTPSynchronized=yes stays for hours after the daemon has died. So
no claim is believed alone.

Passes if the daemon claims to be synchronised, and all of these hold:

- it does not follow the node's clock, and neither that clock nor its sources are before 2020
- its last update is no older than eight of its update intervals (8 s at least), and not
  in this clock's future
- its bound of the clock's error, |offset| + root dispersion + root delay / 2, is at most
  `gate_max_clock_error_s`
- the kernel's maxerror is below 16 s and has not grown for longer than those eight intervals; or it
  is at 16 s because the last update is so old that the kernel's growth (500 ppm, 16 s in 8.9 h)
  explains it, as with `maxpoll 16`
- the references' skew does not contradict that bound by more than 0.128 s or
  `gate_max_clock_error_s`

A stratum of 10 and more passes with a note. A long poll passes with a note too: before its next
update, `timedatectl` and others that ask the kernel call the clock unsynchronised. Inconclusive if
the age of the last update or the kernel's maxerror is not known. A daemon that does not claim to be
synchronised fails. It is skipped if ntp_sources found the cause.

chronyd, ntpd, NTPsec, OpenNTPD, ntpd-rs, systemd-timesyncd and ptp4l are asked, as far as each of
them answers. The check is skipped for a daemon that cannot be asked, and ntp_sources reports that.
clock_skew checks whether the clients tolerate the skew.

ClockBound 3 shows its state in shared memory: its status, its bound of the error, and how fast that
grows. A status that is older than 60 s, or than ClockBound itself allows, does not count. If the
VMClock shows a disruption that ClockBound has not seen yet, its status is Unknown. ClockBound
itself was not tried, only files that were written after its documentation.

What to do: follow the finding, which gives the commands for each daemon. A step of the clock ends a
large correction (`chronyc makestep`; the gate does it with chrony). If the last update is too old,
give the daemon servers that answer. If the root distance is too large, a step does not help: follow
a server that is nearer to a reference clock, or raise `gate_max_clock_error_s` if the clients
tolerate that. The finding names the server that is followed, and whether its delay or its
dispersion is large. If the references contradict the daemon, find out which is wrong before you
step the clock: clock_skew names each of them.

Source: chronyc(1), "tracking"; RFC 5905 for ntpd's; adjtimex(2) and the kernel's ntp.c;
ClockBound's docs/PROTOCOL.md of 2.0 and docs/protocol.md of 3.0. The age limit of other daemons is
that of ClockBound 2, and the stratum Checkmk's (chrony plugin). 0.128 s is RFC 5905's step
threshold, below which a daemon still slews.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from ..chrony.chronyc import parse_tracking
from ..chrony.makestep import is_left_unstepped
from ..clock.interval import Interval
from ..clock.ntp_packet import NS
from ..clock.skew import as_json
from ..daemons import discover, sections_of
from ..daemons.chrony import chrony_configuration, restart_advice
from ..daemons.common.asking import ask, steering_daemon
from ..daemons.common.long_polls import is_growth, kernels_view
from ..daemons.common.root_distance import closer_source
from ..daemons.common.synchronisation import KERNEL_GROWTH, Synchronisation, kernel
from ..model.finding import Finding, follows_from
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record
from ..model.roles import caution
from ..model.wording import listed, skew_text

NEEDS = ("collected", "clock", "time_services")
READS = (*sections_of(daemon for daemon in discover().values() if daemon.ask), "join_state")
REMEDIABLE = True


class Key(StrEnum):
    """Why the daemon's claim to be synchronised is not true, or why there is none."""

    OWN_CLOCK = "follows_its_own_clock"
    NOT_SYNCHRONISED = "not_synchronised"
    CLOCK_BEFORE_2020 = "clock_before_2020"
    SOURCES_BEFORE_2020 = "sources_before_2020"
    UPDATE_TOO_OLD = "last_update_too_old"
    UPDATE_IN_THE_FUTURE = "last_update_in_the_future"
    LARGE_CORRECTION = "large_correction"
    ROOT_DISTANCE = "root_distance_too_large"
    KERNEL_CONTRADICTS = "kernel_contradicts"
    REFERENCES_CONTRADICT = "references_contradict"
    DAEMON_SAID_NOTHING = "daemon_said_nothing"


_WHY = "The node reports that it is synchronised, but its other evidence contradicts that."
_EPOCH_FLOOR_S = 1_577_836_800
"""2020-01-01, before this software was written.

A clock before it was never set (1970, 1980, a firmware's date).
"""
_DISTANT_STRATUM = 10
_LAST_STRATUM = 15
_STEP_THRESHOLD_S = 0.128
_FASTEST_SLEW = 0.1
"""chronyd's maxslewrate is at most 100000 ppm; no other daemon slews faster."""


class _Contradiction(NamedTuple):
    """A contradiction of the daemon's claim.

    ``remedy`` is empty if only a step of the clock helps.
    """

    key: Key
    cause: str
    what: str
    remedy: str = ""


def judge(record: Record, policy: Policy) -> Finding:
    """Compare the claim with all other evidence, the plainest contradiction first."""
    sync = _asked(record)
    if isinstance(sync, Finding):
        return sync
    step = f"{sync.advice.step}{caution(record)}"
    sync = replace(sync, advice=replace(sync.advice, step=step))
    seen = _seen(sync, record)
    if sync.own_clock:
        which = f"follows the node's own clock ({sync.refid})"
        found = _Contradiction(Key.OWN_CLOCK, "follows its own clock", which, sync.advice.own_clock)
        return _fail(sync, found, f"{_who(sync) if sync.claims else sync.daemon} {which}", seen)
    if not sync.claims:
        return _unsynchronised(sync, record, seen)
    for rule in _RULES:
        if contradiction := rule(sync, record, policy):
            summary = f"{_who(sync)} {contradiction.what}"
            if contradiction.key is Key.LARGE_CORRECTION and _config_in_use_says_it(record, policy):
                return follows_from(
                    "config_in_use",
                    key=contradiction.key,
                    summary=summary,
                    cause=contradiction.cause,
                    seen=seen,
                    because="chronyd slews the clock instead of stepping it",
                )
            return _fail(sync, contradiction, summary, seen)
    if missing := _missing_evidence(sync, record):
        raise MissingEvidenceError(f"{_who(sync)} {missing}", "clock")
    return Finding(state="pass", summary=_describe(sync, record), seen=seen)


def _who(sync: Synchronisation) -> str:
    return f"{sync.daemon} reports that it is synchronised ({sync.claim}), but"


def _fail(sync: Synchronisation, found: _Contradiction, summary: str, seen: Mapping[str, Any]) -> Finding:
    return Finding(
        state="fail",
        summary=summary,
        keys=(found.key,),
        cause=found.cause,
        why=_WHY,
        remedy=found.remedy or sync.advice.step,
        seen=seen,
    )


def _seen(sync: Synchronisation, record: Record) -> dict[str, Any]:
    return {
        "daemon": sync.daemon,
        "unit": sync.unit,
        "claim": sync.claim,
        "stratum": sync.stratum,
        "refid": sync.refid,
        "offset_s": _rounded(sync.offset_s),
        "max_error_s": _rounded(sync.max_error_s),
        "last_update_age_s": _rounded(sync.last_update_age_s, 1),
        "stale_after_s": sync.stale_after_s,
        "kernel": record.section("clock").get("adjtimex"),
        "skew_s": as_json(record.skew.skew_s),
    }


def _config_in_use_says_it(record: Record, policy: Policy) -> bool:
    """Whether config_in_use refuses the node for the same event:
    chronyd's stepping updates are used up.
    """
    if "config_in_use" not in policy.checks or "config_in_use" in policy.advisory_checks:
        return False
    daemon = steering_daemon(record)
    try:
        tracking = parse_tracking(record.chronyc("tracking"))
        unstepped = is_left_unstepped(chrony_configuration(record), tracking, policy.max_clock_error_s)
    except (MissingEvidenceError, ValueError):
        return False
    return daemon is not None and daemon.daemon == "chrony" and unstepped


def _never_set(sync: Synchronisation, record: Record, policy: Policy) -> _Contradiction | None:  # noqa: ARG001
    """A clock, or its sources, from before this software was written."""
    wall_s = _wall_s(record)
    if wall_s < _EPOCH_FLOOR_S:
        what = f"this clock shows the year {_year(wall_s)}: it was never set"
        return _Contradiction(Key.CLOCK_BEFORE_2020, "clock before 2020", what)
    updated_s = wall_s - (sync.offset_s or 0.0) - (sync.last_update_age_s or 0.0)
    if updated_s < _EPOCH_FLOOR_S:
        what = f"it follows sources that show the year {_year(updated_s)}"
        remedy = f"Set the clocks of these sources ({_followed(sync)}), or follow other sources. {sync.advice.servers}"
        return _Contradiction(Key.SOURCES_BEFORE_2020, "sources before 2020", what, remedy)
    return None


def _age(sync: Synchronisation, record: Record, policy: Policy) -> _Contradiction | None:
    """A last update that is too old, or lies in the future."""
    age_s, stale_after_s = sync.last_update_age_s, sync.stale_after_s
    if age_s is None:
        return None
    if stale_after_s is not None and not age_s <= stale_after_s:
        what = f"its last update is {age_s:.0f} s old"
        return _Contradiction(Key.UPDATE_TOO_OLD, "last update too old", what, sync.advice.servers)
    if -age_s > record.took_s + policy.max_clock_error_s:
        what = f"its last update lies {-age_s:.0f} s in this clock's future"
        return _Contradiction(Key.UPDATE_IN_THE_FUTURE, "last update in the future", what)
    return None


def _own_bound(sync: Synchronisation, record: Record, policy: Policy) -> _Contradiction | None:
    """According to the daemon's figures the clock may be too far off.

    The reason is a correction that still runs, or the daemon's uncertainty. A step ends the
    correction. The uncertainty stays: it needs a better source, or a larger limit.
    """
    limit_s = policy.max_clock_error_s
    if sync.bound_s is None or sync.bound_s <= limit_s:  # nan is within no limit
        return None
    what = f"according to its figures the clock may be {sync.bound_s:.3f} s off (limit {limit_s} s)"
    far = not (sync.max_error_s or 0.0) <= limit_s
    tolerate = "Or raise gate_max_clock_error_s, if all that runs on this node tolerates such an error."
    remedy = f"{closer_source(sync, record)} {tolerate}" if far else ""
    if abs(sync.offset_s or 0.0) > limit_s or not far:
        remedy = f"{sync.advice.step} That leaves {sync.max_error_s:.3f} s. {remedy}" if far else ""
        return _Contradiction(Key.LARGE_CORRECTION, "a large correction is not finished", what, remedy)
    parts = ", ".join(f"{part} {value_s:.3f} s" for part, value_s in sync.error_parts_s.items())
    what += f", of which {parts}; it follows {_followed(sync)}"
    return _Contradiction(Key.ROOT_DISTANCE, "root distance too large", what, remedy)


def _followed(sync: Synchronisation) -> str:
    return listed([peer.shown for peer in sync.follows]) or "no source that answers"


def _kernel_contradicts(sync: Synchronisation, record: Record, policy: Policy) -> _Contradiction | None:  # noqa: ARG001
    """A daemon that sets maxerror sets it at each update, to its root distance or to 0.

    chronyd adds what it has still to slew away then. Setting the clock puts maxerror to 16 s until
    the next update (kernel/time/ntp.c, ntp_clear). So does a `date -s` beside the daemon. After a
    step that chronyd itself decides, it sets maxerror at once (reference.c); after `chronyc
    makestep` it does not. ntpd sets it only with the kernel's discipline, which -x turns off, and
    ptp4l never does. So the check does not use it for these two.
    """
    in_kernel = kernel(record)
    if in_kernel is None or not sync.sets_maxerror:
        return None
    restart = restart_advice(record, sync.unit) if sync.daemon == "chronyd" else f"Restart {sync.unit}."
    remedy = (
        f"If the clock was set or stepped by hand just now, run the check again after {sync.daemon}'s next update. "
        "Else find what "
        f"sets it (clock_movers). {restart}"
    )
    cause = "the kernel contradicts it"
    if not in_kernel.synchronised:
        if is_growth(sync, in_kernel):
            return None
        age_s = sync.last_update_age_s
        why = (
            "no update came for 8.9 h, or something has set the clock since then"
            if age_s is None
            else "something has set the clock since then, or another time daemon has started; by itself it grows to "
            f"that in 8.9 h, and the last update is {age_s:.0f} s old"
        )
        what = f"the kernel does not: its maxerror is {in_kernel.max_error_s:.0f} s ({why})"
        return _Contradiction(Key.KERNEL_CONTRADICTS, cause, what, remedy)
    since_s = (in_kernel.max_error_s - (sync.max_error_s or 0.0) - sync.to_slew_s) / KERNEL_GROWTH
    if sync.stale_after_s is not None and since_s > sync.stale_after_s:
        what = f"according to its maxerror the kernel got no update for {since_s:.0f} s"
        return _Contradiction(Key.KERNEL_CONTRADICTS, cause, what, remedy)
    return None


def _references_contradict(sync: Synchronisation, record: Record, policy: Policy) -> _Contradiction | None:
    """The claim is an interval, and so is the references' skew. The true value must lie in both.

    The readings are seconds apart. In this time the daemon may have slewed a part of its offset.
    """
    skew_s = record.skew.skew_s
    if skew_s is None:
        return None
    offset_s, max_error_s = sync.offset_s or 0.0, sync.max_error_s or 0.0
    slewed_s = min(abs(offset_s), _FASTEST_SLEW * record.took_s)
    leeway_s = max_error_s + slewed_s + min(_STEP_THRESHOLD_S, policy.max_clock_error_s)
    if skew_s.overlaps(Interval(offset_s - leeway_s, offset_s + leeway_s)):
        return None
    what = f"{_agreeing(record)} references show {skew_text(skew_s)}"
    if sync.bound_s is not None:
        what += f", and according to its figures it is at most {sync.bound_s:.6f} s off"
    remedy = (
        f"Compare the references in clock_skew. If the source is wrong ({_followed(sync)}), follow other sources: "
        f"{sync.advice.servers} If something has set the clock after the last update, find it (clock_movers). "
        f"Then: {sync.advice.step}"
    )
    return _Contradiction(Key.REFERENCES_CONTRADICT, "the references contradict it", what, remedy)


_RULES = (_never_set, _age, _own_bound, _kernel_contradicts, _references_contradict)
"""In the order of the questions: the plainest contradiction is reported."""


def _asked(record: Record) -> Synchronisation | Finding:
    """What the daemon reports.

    If it cannot be asked or does not answer, ntp_sources says what to do.
    """
    try:
        sync = ask(record, "state")
    except MissingEvidenceError as missing:
        about: tuple[str, ...] = (missing.section,)
        summary = f"it is not known whether the clock is synchronised: {missing}"
        cause = summary
    else:
        if isinstance(sync, Synchronisation):
            return sync
        if sync.state == "skipped":
            return _with_timedatectls_yes(sync, record)
        about, summary, cause = sync.about, sync.summary, sync.cause
    return follows_from(
        "ntp_sources",
        key=Key.DAEMON_SAID_NOTHING,
        about=about,
        summary=summary,
        cause=cause,
        because="the daemon gave no answer",
    )


def _unsynchronised(sync: Synchronisation, record: Record, seen: Mapping[str, Any]) -> Finding:
    """The daemon claims nothing. If it has no source to follow, ntp_sources found the cause."""
    yes = "; but timedatectl shows NTPSynchronized=yes" if _timedatectl_says_yes(record) else ""
    summary = f"{sync.daemon} is not synchronised ({sync.claim}){yes}"
    if not sync.follows:
        key = Key.NOT_SYNCHRONISED
        return follows_from("ntp_sources", key=key, summary=summary, cause="not synchronised", seen=seen)
    why = (
        f"The sources of {sync.daemon} answer, but it does not trust the clock yet. A daemon that was just started needs "
        "some minutes."
    )
    remedy = f"Run the check again in some minutes. If it stays so: {sync.advice.step}"
    if all(peer.stratum == _LAST_STRATUM for peer in sync.follows):
        why = f"Its source ({_followed(sync)}) has stratum 15, the last one. A daemon that follows it counts as unsynchronised."
        remedy = f"Follow a source that is nearer to a reference clock. {sync.advice.servers}"
    return Finding(
        state="fail",
        summary=summary,
        why=why,
        remedy=remedy,
        seen=seen,
        keys=(Key.NOT_SYNCHRONISED,),
        cause="not synchronised",
    )


def _missing_evidence(sync: Synchronisation, record: Record) -> str:
    """Evidence that a claim needs and that is missing; empty if nothing is missing.

    If only the kernel shows the age, it shows none after 8.9 h. With such long polls, the
    references replace it.
    """
    in_kernel = kernel(record)
    if sync.sets_maxerror and in_kernel is None:
        return "adjtimex(2) did not show the kernel's maxerror"
    if not sync.shows_age or not (sync.last_update_age_s is None or sync.stale_after_s is None):
        return ""
    if in_kernel and is_growth(sync, in_kernel) and record.skew.skew_s is not None:
        return ""
    return "the age of its last update is not known"


def _agreeing(record: Record) -> int:
    """How many references the measured skew rests on."""
    return sum(1 for r in record.skew.references if r.skew_s and r.name not in record.skew.falsetickers)


def _describe(sync: Synchronisation, record: Record) -> str:
    """What a pass rests on."""
    when = "" if sync.last_update_age_s is None else f" {sync.last_update_age_s:.0f} s ago"
    bound = "" if sync.bound_s is None else f", at most {sync.bound_s:.6f} s off according to its figures"
    far = sync.stratum is not None and sync.stratum >= _DISTANT_STRATUM
    note = f"; stratum {sync.stratum} is far from a reference clock" if far else ""
    confirmed = f"confirmed by {_agreeing(record)} references" if record.skew.skew_s else "no reference confirms it"
    return f"{sync.daemon} synchronised{when}{bound}; {confirmed}{note}{kernels_view(sync, record)}"


def _with_timedatectls_yes(finding: Finding, record: Record) -> Finding:
    """If no daemon steers the clock, timedatectl's yes is still wrong, and is named."""
    if not _timedatectl_says_yes(record):
        return finding
    in_kernel = kernel(record)
    ago_s = in_kernel.set_at_most_ago_s if in_kernel else None
    last = f", and the last update may be {ago_s / 3600:.1f} h old" if ago_s is not None else ""
    return replace(
        finding,
        summary=f"{finding.summary}; but timedatectl shows NTPSynchronized=yes{last}",
        why=f"{finding.why} The kernel calls itself synchronised until its maxerror has grown to 16 s, which takes up to 8.9 h.",
        seen={"kernel": record.section("clock").get("adjtimex")},
    )


def _timedatectl_says_yes(record: Record) -> bool:
    in_kernel = kernel(record)
    return record.section("time_services").get("manager") == "systemd" and bool(in_kernel and in_kernel.synchronised)


def _year(unix_s: float) -> int:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_s)).year


def _wall_s(record: Record) -> float:
    return float(record.section("collected")["wall_ns"]) / NS


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)
