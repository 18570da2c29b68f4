"""What skewgate's exit status says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; the higher of two verdicts wins, an error stands before any verdict."""

    ADMITTED = 0
    """Every node is admitted."""
    INTERNAL_ERROR = 1
    """Skewgate itself failed or was interrupted: nothing is said of the nodes."""
    USAGE_ERROR = 2
    """Options, settings, inventory or files given are wrong: nothing was judged."""
    NOT_JUDGED = 3
    """Some node could not be judged (unreachable, inconclusive) and none was refused for a failure."""
    REFUSED = 4
    """Some node was refused for a failure."""


class SkewgateError(Exception):
    """What the user is told instead of a traceback; ``code`` becomes the exit status."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE_ERROR) -> None:
        """Take the whole message: what was found, what was expected, what to do next."""
        super().__init__(message)
        self.code = code
