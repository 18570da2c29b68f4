"""The exit statuses of a run: one enum for ``report.json``, for the command and for its help."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit statuses of every command, each with its meaning.

    The higher of two verdicts wins; an error wins over both.
    """

    meaning: str
    """One phrase for people, as the command's help shows it."""

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        """Make the member of this value."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    ADMITTED = 0, "every node is admitted"
    INTERNAL_ERROR = 1, "internal error, or interrupted"
    USAGE_ERROR = 2, "wrong usage or configuration: nothing was judged"
    NOT_JUDGED = 3, "some node could not be judged (unreachable, inconclusive), and none was refused for a failure"
    REFUSED = 4, "some node was refused for a failure"


_OF_REFUSAL = {None: ExitCode.ADMITTED, "not_judged": ExitCode.NOT_JUDGED, "failure": ExitCode.REFUSED}


def exit_code_of(refusals: Iterable[str | None]) -> ExitCode:
    """The status for nodes with these ``refused_because``; for no node at all:
    nothing was judged.
    """
    return max((_OF_REFUSAL[each] for each in refusals), default=ExitCode.NOT_JUDGED)
