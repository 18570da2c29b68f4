"""How findings and reports write a measured skew, many names,
and text that comes from elsewhere.
"""

from __future__ import annotations

import math
import re
import textwrap
from fractions import Fraction

from ..boundary.text import listed, printable
from ..clock.interval import Interval

__all__ = ["clean", "difference_text", "listed", "one_line", "range_text", "skew_text", "wrapped"]


def clean(text: object) -> str:
    """Text that came from a node or a server.

    Control characters, which a terminal obeys, become escapes.
    """
    return printable(str(text))


def one_line(text: object, most: int | None = None) -> str:
    r"""The same on one line, without needless spaces, and with at most so many characters.

    >>> one_line("a\x1b[31m\n  b"), one_line("0123456789", 8)
    ('a\\x1b[31m b', '0123456…')
    """
    line = " ".join(clean(text).split())
    return line if most is None or len(line) <= most else f"{line[: most - 1].rstrip()}…" if most > 0 else ""


def wrapped(text: str, width: int, label: str = "") -> list[str]:
    """Lines of at most ``width``; a command in backquotes stays whole.

    The later lines are indented like the text after ``label``.

    >>> wrapped("See `df -h /tmp` there.", 12, "- ")
    ['- See', '  `df -h /tmp`', '  there.']
    """
    whole = re.sub("`[^`]{1,120}`", lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(
        whole,
        width,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def skew_text(skew_s: Interval) -> str:
    """A measured skew to the millisecond: its middle, the side, and its bound.

    A middle of zero has no side.

    The bound is rounded up, so the interval that is shown contains the one that was measured.

    >>> skew_text(Interval(-612.016, -611.9955)), skew_text(Interval(-0.0043, 0.0041))
    ('612.006 s behind (± 0.011 s)', '0.000 s (± 0.005 s)')
    """
    low_ms, high_ms = _milliseconds(skew_s)
    middle_ms = round((low_ms + high_ms) / 2)
    bound_ms = math.ceil(max(high_ms - middle_ms, middle_ms - low_ms))
    return f"{_with_side(middle_ms)} (± {_seconds(bound_ms)} s)"


def range_text(skews_s: Interval) -> str:
    """The range of the skews of several nodes, rounded outwards to the millisecond.

    >>> range_text(Interval(-899.0004, -599.5)), range_text(Interval(-0.5, 2.0))
    ('899.001 s behind to 599.500 s behind', '0.500 s behind to 2.000 s ahead')
    """
    low_ms, high_ms = _milliseconds(skews_s)
    return f"{_with_side(math.floor(low_ms))} to {_with_side(math.ceil(high_ms))}"


def difference_text(difference_s: Interval) -> str:
    """How far apart two clocks are, at least and at most, rounded outwards to the millisecond.

    >>> difference_text(Interval(657.0004, 657.0009))
    '657.000 s to 657.001 s'
    """
    low_ms, high_ms = _milliseconds(difference_s)
    return f"{_seconds(math.floor(low_ms))} s to {_seconds(math.ceil(high_ms))} s"


def _milliseconds(interval_s: Interval) -> tuple[Fraction, Fraction]:
    """Both ends, exactly: 0.1 is a tenth here, although no binary number is."""
    return Fraction(str(interval_s.low)) * 1000, Fraction(str(interval_s.high)) * 1000


def _with_side(milliseconds: int) -> str:
    side = " ahead" if milliseconds > 0 else " behind" if milliseconds < 0 else ""
    return f"{_seconds(milliseconds)} s{side}"


def _seconds(milliseconds: int) -> str:
    return f"{abs(milliseconds) // 1000}.{abs(milliseconds) % 1000:03}"
