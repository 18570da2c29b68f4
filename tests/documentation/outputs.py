"""What a command printed, compared with what the page shows, and put in its place."""

from __future__ import annotations

import difflib
import re

from tests.documentation.pages import LEFT_OUT

#: What differs from run to run, each with what stands for it.
_VARIES: tuple[tuple[str, str], ...] = (
    (r"\x1b\[[0-9;]*m", ""),
    (r"(?m)^(\d+ of \d+ done; waiting for|no node was contacted yet:) .*\n?", ""),  # of a run that takes long
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00| UTC)?", "TIME"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b0\.\d+ s( ahead| behind)?(?= \(± )", "SMALL SKEW"),
    (r"\b\d+\.\d+(?= ?s\b)", "SECONDS"),
    (r"± \d+\.\d+", "± SECONDS"),
    (r"-?\b\d+\.\d{4,}s?\b|\b1[78]\d{8}(\.\d+)?\b", "NUMBER"),
    (r"\bin \d+ s\b", "in SECONDS"),
    (r"\b\d+ s ago\b", "SECONDS ago"),
    (r"\b[0-9a-f]{64}\b", "SHA-256"),
    (r"skewgate-lab-[0-9a-f]{8}", "skewgate-lab"),
    (r"\brefid: [0-9A-F]{8}, correction: \S+, skew: \S+", "IN SYNC"),
    (r"(?<=\+)[-+]+(?=\+)|-{4,}|─+|={4,}|\*{4,}", "RULE"),  # as wide as what stands beside it
)


def words(text: str) -> list[str]:
    """The words of an output, without what differs from run to run,
    and wherever lines are wrapped.
    """
    for pattern, stands_for in _VARIES:
        text = re.sub(pattern, stands_for, text)
    return text.split()


def parts(shown: str) -> list[str]:
    """What stands between the lines ``...``, at which output is left out."""
    return [part.strip("\n") for part in re.split(rf"(?m)^\s*{re.escape(LEFT_OUT)}$", shown)]


def differs(shown: str, printed: str) -> str | None:
    """How the output that a page shows differs from what was printed; None if it does not."""
    expected, found = parts(shown), words(printed)
    at = 0
    for number, part in enumerate(expected):
        wanted = words(part)
        first, last = number == 0, number == len(expected) - 1
        places = [0] if first else [len(found) - len(wanted)] if last and wanted else range(at, len(found) + 1)
        place = next((place for place in places if at <= place and found[place : place + len(wanted)] == wanted), None)
        if place is None or (first and last and len(wanted) != len(found)):
            return "\n".join(difflib.ndiff(part.splitlines(), printed.splitlines()))
        at = place + len(wanted)
    return None


def renewed(shown: str, printed: str) -> str:
    """The printed output, without the lines that the page leaves out;
    all of it if what the page shows is not found in it.
    """
    lines = printed.splitlines()
    kept: list[tuple[int, int]] = []
    pieces = parts(shown)
    for number, part in enumerate(pieces):
        if not part:
            continue
        old = part.splitlines()
        after = kept[-1][1] if kept else 0
        first = 0 if number == 0 else _like(old[0], lines, after)
        end = len(lines) if number == len(pieces) - 1 else None
        last = end - 1 if end else None if first is None else _like(old[-1], lines, max(first, after))
        if first is None or last is None or last < first:
            return printed
        kept.append((first, last + 1))
    if not kept:
        return printed
    text: list[str] = [] if pieces[0] else [LEFT_OUT]
    for number, (first, end) in enumerate(kept):
        text += [LEFT_OUT] if number else []
        text += lines[first:end]
    return "\n".join(text + ([] if pieces[-1] else [LEFT_OUT]))


def _like(line: str, lines: list[str], after: int) -> int | None:
    """The line that is most like this one, at ``after`` or later; None if none is."""
    wanted = " ".join(words(line))
    rated = [
        (difflib.SequenceMatcher(None, wanted, " ".join(words(each))).ratio(), -number)
        for number, each in enumerate(lines)
        if number >= after
    ]
    ratio, number = max(rated, default=(0.0, 0))
    return -number if ratio > 0.6 else None
