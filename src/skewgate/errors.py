"""What ends a command before it has an answer."""

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode


class SkewgateError(Exception):
    """What the user reads instead of a traceback; ``code`` becomes the exit status."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE_ERROR) -> None:
        """Take the whole message: what was found, what was expected, what to do next."""
        super().__init__(message)
        self.code = code
