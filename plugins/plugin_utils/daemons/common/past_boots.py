"""What the journal shows of a node's last boots: how far off the clock was, when it was first
right, and what had started by then.

All times within a boot are seconds of its monotonic clock. Positive errors: the clock was ahead.

An entry of the journal has both clocks of its moment. Between two entries of one boot, real time
minus monotonic time changes only if the clock was stepped (or if the node slept), whoever did that.
So the steps come from the entries, and that the clock was right after them from what the daemon
said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from ...model.record import MissingEvidenceError, Record
from .. import discover
from .daemon import JournalWords, TimeDaemon

US = 1_000_000
STEP_S = 1.0
"""Less than that is no step here: an entry's two clocks are not read at exactly the same time."""
_SAME_UPDATE_S = 2.0
"""A daemon selects, reports the error and steps within one update. That what would follow is not
there is known only after this time: a power cut takes the journal's last entries with it."""
_BEGINS_WITHIN_S = 600.0
"""A record that begins later has lost the beginning, as when the journal was vacuumed: what is
first in it was not first in the boot."""
_FIRST_WITHIN_S = 900.0
"""How long after its start a daemon that does not say that the clock is right may make its first
correction: ntpd waits 300 s before it steps (stepout), after some polls. What it corrects later may
have been set off later."""
_MOST_S = 1e10
"""A larger error is none: a clock that begins in 1970 is off by less."""
_LEAST_SLEW = 1e-9
"""Seconds a second, whatever the configuration says: a smaller rate has no sensible end."""

How = Literal["right", "step", "slew", "unknown"]
"""How the clock came to the right time: it had it at once, by a step, by a slew, or nothing shows
it."""


@dataclass(frozen=True)
class _Correction:
    """By so much, from one moment to another: the same moment for a step."""

    from_s: float
    to_s: float
    by_s: float

    def left_at(self, at_s: float) -> float:
        """How much of it was still to come."""
        if at_s >= self.to_s:
            return 0.0
        if at_s <= self.from_s:
            return self.by_s
        return self.by_s * (self.to_s - at_s) / (self.to_s - self.from_s)


@dataclass(frozen=True)
class PastBoot:
    """One boot, by the words of one daemon. ``back``: 0 for this boot, 1 for the one before.

    ``spans``: what its clock showed, from and to (Unix time), anew after each step; the last one
    has no end. ``right_at_s``: None if not known. ``started_at_s``: the first start of units.
    ``failed_at_s``: when the daemon's first start failed, or systemd skipped it for a condition
    (``skipped``); ``daemon_at_s``: when the daemon first ran.
    """

    back: int
    spans: tuple[tuple[float, float], ...]
    how: How
    right_at_s: float | None
    started_at_s: Mapping[str, float]
    daemon_at_s: float | None
    failed_at_s: float | None
    skipped: bool
    jumped_back: bool
    corrections: tuple[_Correction, ...]
    moments_s: tuple[float, ...]

    def showed(self, moment_s: float) -> bool:
        """Whether a file with this time may have been changed in this boot or later.

        What is changed while the clock is behind has a time from before the boot.
        """
        return any(from_s <= moment_s <= to_s for from_s, to_s in self.spans)

    def off_at(self, at_s: float) -> float:
        """The clock's error at a moment before it was right: what was corrected afterwards."""
        return 0.0 - sum(correction.left_at(at_s) for correction in self.corrections)

    @property
    def off_s(self) -> float | None:
        """The largest error before the clock was right; None if not known."""
        if self.right_at_s is None:
            return None
        before = [at_s for at_s in self.moments_s if at_s <= self.right_at_s]
        return max((self.off_at(at_s) for at_s in before), key=abs, default=0.0)

    @property
    def name(self) -> str:
        """The boot in words."""
        return {0: "this boot", 1: "the boot before"}.get(self.back, f"the boot {self.back} before")

    def as_json(self) -> dict[str, Any]:
        """What a finding shows of it."""
        off_s = self.off_s
        return {
            "boot": -self.back,
            "off_s": None if off_s is None else round(off_s, 3),
            "right_after_s": None if self.right_at_s is None else round(self.right_at_s, 1),
            "how": self.how,
            "jumped_back": self.jumped_back,
            "started_after_s": {unit: round(at_s, 1) for unit, at_s in self.started_at_s.items()},
        }


@dataclass(frozen=True)
class PastBoots:
    """Those that are recorded, this boot first; ``none_because`` says why there are none."""

    boots: tuple[PastBoot, ...] = ()
    none_because: str = ""
    changed_s: Mapping[str, Sequence[float]] | None = None
    rtc_set_s: float = 0.0

    @property
    def known(self) -> tuple[PastBoot, ...]:
        """Those of which it is known when the clock was right, and how far off it had been."""
        return tuple(boot for boot in self.boots if boot.off_s is not None)

    def as_now(self, boot: PastBoot, units: Iterable[str]) -> bool:
        """Whether a boot had these units, the daemon's files and the RTC as they are now."""
        changed_s = self.changed_s or {}
        times_s = [self.rtc_set_s, *(time_s for unit in units for time_s in changed_s.get(unit, ()))]
        return not any(boot.showed(time_s) for time_s in times_s if time_s)  # 0: no such file


def past_boots(record: Record, daemon: TimeDaemon) -> PastBoots:
    """The boots that the node showed, as far as this daemon's words are known."""
    try:
        section = record.section("past_boots")
    except MissingEvidenceError as missing:
        return PastBoots(none_because=str(missing))
    kind = discover()[daemon.daemon]
    try:
        words = kind.journal(record) if callable(kind.journal) else kind.journal
    except MissingEvidenceError as missing:
        return PastBoots(none_because=str(missing))
    now_us = record.section("collected")["mono_ns"] // 1000
    boots = [
        _boot(back, boot["entries"], daemon, words, now_us if back == 0 else boot["last_mono_us"] or 0)
        for back, boot in enumerate(_once(section["boots"]))
    ]
    shown = tuple(boot for boot in boots if boot)
    of_daemon = record.evidence.get(kind.section or "") or {}
    files = [*((of_daemon.get("config") or {}).get("files") or []), *(of_daemon.get("defaults") or [])]
    # What is in /run was written by this boot, as NetworkManager does with the servers of DHCP.
    kept = [file for file in files if not file["path"].startswith(("/run/", "/var/run/"))]
    changed_s = {unit: [time_s] for unit, time_s in section["changed_s"].items()}
    # Each by itself: what was written while the clock was behind is not the newest by its time.
    changed_s.setdefault(daemon.unit, []).extend(file.get("mtime_s") or 0.0 for file in kept)
    said = section["ended_because"] or "the journal has no entry of its beginning"
    return PastBoots(shown, "" if shown else f"the journal shows no boot ({said})", changed_s, section["rtc_set_s"])


def _once(boots: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each boot once: journalctl may count one twice if the clock was set back (systemd 253, its
    issue 27422).
    """
    found: list[Mapping[str, Any]] = []
    for boot in boots:
        if boot["boot_id"] is None or boot["boot_id"] not in [each["boot_id"] for each in found]:
            found.append(boot)
    return found


def _boot(
    back: int, entries: Sequence[Mapping[str, Any]], daemon: TimeDaemon, words: JournalWords | None, until_us: int
) -> PastBoot | None:
    """None if nothing of that boot's beginning is recorded. ``until_us``: so far it is."""
    entries = sorted(entries, key=lambda entry: entry["mono_us"])
    if not entries or entries[0]["mono_us"] > _BEGINS_WITHIN_S * US:
        return None
    own = [entry for entry in entries if entry["unit"] == daemon.unit]
    said = [(entry["mono_us"] / US, str(entry.get("message"))) for entry in own if entry["what"] == "said"]
    since_s = own[0]["mono_us"] / US if own else 0.0
    how, right_at_s, corrections = _course(said, words or JournalWords(), _steps(entries), since_s, until_us / US)
    failed_at_s = _first(own, "failed", "skipped").get(daemon.unit)
    started_at_s = _first(own, "started").get(daemon.unit)
    if failed_at_s is not None and started_at_s is not None and started_at_s <= failed_at_s:
        failed_at_s = None  # it had started, and ended later
    ran_at_s = started_at_s or min((at_s for at_s, _text in said if at_s > (failed_at_s or 0.0)), default=None)
    return PastBoot(
        back=back,
        spans=_spans(entries),
        how=how,
        right_at_s=right_at_s,
        started_at_s=_first(entries, "starting", "started"),
        daemon_at_s=ran_at_s,
        failed_at_s=failed_at_s,
        skipped=_first(own, "skipped").get(daemon.unit) == failed_at_s is not None,
        jumped_back=any(entry["what"] == "jumped_back" for entry in entries)
        or any(step.by_s < 0 for step in _steps(entries)),
        corrections=corrections,
        moments_s=tuple(entry["mono_us"] / US for entry in entries),
    )


def _first(entries: Iterable[Mapping[str, Any]], *what: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in entries:
        if entry["what"] in what:
            found.setdefault(entry["unit"], entry["mono_us"] / US)
    return found


def _steps(entries: Sequence[Mapping[str, Any]]) -> list[_Correction]:
    """The steps of the clock, each at the first entry after it."""
    found = []
    for before, after in pairwise(entries):
        if by_us := _stepped_us(before, after):
            at_s = after["mono_us"] / US
            found.append(_Correction(at_s, at_s, by_us / US))
    return found


def _stepped_us(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """By how much the clock was stepped between two entries; 0 if it was not."""
    by_us = int(_base_us(after) - _base_us(before))
    return by_us if abs(by_us) > STEP_S * US else 0


def _base_us(entry: Mapping[str, Any]) -> int:
    """When the boot began, by the clock as it was at an entry."""
    return int(entry["wall_us"] - entry["mono_us"])


def _spans(entries: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], ...]:
    """As in PastBoot. A step between two entries may have been at any moment between them."""
    found, from_us = [], _base_us(entries[0])
    for before, after in pairwise(entries):
        if _stepped_us(before, after):
            found.append((from_us / US, (_base_us(before) + after["mono_us"]) / US))
            from_us = _base_us(after) + before["mono_us"]
    return (*found, (from_us / US, math.inf))


def _course(
    said: Sequence[tuple[float, str]], words: JournalWords, steps: Sequence[_Correction], since_s: float, until_s: float
) -> tuple[How, float | None, tuple[_Correction, ...]]:
    """How and when the clock first came to the right time, and what was corrected until then.

    ``since_s``: the first that is recorded of the daemon.
    """
    right_at_s, wrong = None, None
    for at_s, text in said:
        if words.right is None and at_s - since_s > _FIRST_WITHIN_S:
            break
        if by_s := _number(words.stepped, text):
            return "step", at_s, _until(at_s, steps) or (_Correction(at_s, at_s, by_s),)
        if by_s := _number(words.wrong, text):
            if right_at_s is not None and at_s - right_at_s > _SAME_UPDATE_S:
                break  # it was right before, and something set it off later
            wrong = wrong or _Correction(at_s, at_s + abs(by_s) / max(words.slews_at, _LEAST_SLEW), by_s)
            right_at_s = None
        elif words.right and words.right.match(text) and wrong is None and right_at_s is None:
            right_at_s = at_s
    if max(right_at_s or 0.0, wrong.from_s if wrong else 0.0) + _SAME_UPDATE_S > until_s:
        return "unknown", None, ()
    if wrong:
        return "slew", wrong.to_s, (*_until(wrong.from_s, steps), wrong)
    if right_at_s is None:
        return "unknown", None, ()
    stepped = _until(right_at_s, steps)
    return ("step" if stepped else "right"), right_at_s, stepped


def _number(pattern: re.Pattern[str] | None, text: str) -> float | None:
    found = pattern.match(text) if pattern else None
    number = next((float(group) for group in found.groups() if group), 0.0) if found else 0.0
    return number if abs(number) <= _MOST_S else None


def _until(at_s: float, steps: Sequence[_Correction]) -> tuple[_Correction, ...]:
    return tuple(step for step in steps if step.to_s <= at_s)
