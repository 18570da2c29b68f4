"""The control socket: how a test scripts an API that runs in another process."""

from __future__ import annotations

import json
import socket
import socketserver
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .github import GitHub

COMMANDS: dict[str, Callable[..., Any]] = {
    "reset": GitHub.reset,
    "set_clock_offset": GitHub.set_clock_offset,
    "script": GitHub.script,
    "suspend": GitHub.suspend,
    "refuse": GitHub.refuse,
    "rename": GitHub.rename,
    "set_server": GitHub.set_server,
    "set_token_form": GitHub.set_token_form,
    "set_tokens": GitHub.set_tokens,
    "set_token_life": GitHub.set_token_life,
    "set_rate_limit": GitHub.set_rate_limit,
    "set_repositories": GitHub.set_repositories,
    "set_other_owners": GitHub.set_other_owners,
    "set_scope_limit": GitHub.set_scope_limit,
    "set_replication": GitHub.set_replication,
    "tokens": GitHub.tokens,
    "requests": GitHub.requests,
}


class _ControlHandler(socketserver.StreamRequestHandler):
    """A line of JSON each way: `{"do": COMMAND, ...its arguments}`,
    `{"result": ...}` or `{"error": text}`.
    """

    server: ControlServer

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(json.dumps(self._reply(line)).encode() + b"\n")

    def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            arguments = json.loads(line)
            command = arguments.pop("do")
            if command not in COMMANDS:
                raise ValueError(f"unknown command {command!r}, expected one of: {', '.join(COMMANDS)}")
            return {"result": COMMANDS[command](self.server.github, **arguments)}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return {"error": f"{type(error).__name__}: {error}"}


class ControlServer(socketserver.ThreadingUnixStreamServer):
    """The socket, which only its owner may use, and the API that its commands are for."""

    daemon_threads = True

    def __init__(self, path: Path, github: GitHub) -> None:
        self.github = github
        path.unlink(missing_ok=True)  # left by a server that was killed
        super().__init__(str(path), _ControlHandler)
        path.chmod(0o600)


class ControlError(Exception):
    """What the server had against a command."""


class Control:
    """Scripts a running API through the control socket in its state folder."""

    def __init__(self, state_dir: Path) -> None:
        self.socket_path = Path(state_dir) / "control.sock"

    def wait_until_ready(self, timeout_s: float = 10.0) -> None:
        """Returns when the API answers; TimeoutError when it does not in time."""
        give_up_at = time.monotonic() + timeout_s
        while True:
            try:
                self.tokens()
            except OSError as error:
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"no GitHub API answers at {self.socket_path}: {error}") from error
                time.sleep(0.05)
            else:
                return

    def reset(self) -> None:
        """All back to the start, tokens and log forgotten."""
        self._do("reset")

    def set_clock_offset(self, offset_s: float) -> None:
        """The API's clock minus the machine's, in seconds; positive: the API is ahead."""
        self._do("set_clock_offset", offset_s=offset_s)

    def script(
        self,
        method: str,
        path: str,
        *,
        times: int = 1,
        status: int | None = None,
        message: str | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        delay_s: float = 0.0,
        reset: bool = False,
    ) -> None:
        """The next `times` requests of `method` (`*`: any) for `path` (shell
        pattern, without `/api/v3`).

        With a status they get it, with `message` in GitHub's JSON or `body` as it is; without,
        GitHub's own answer.
        Either comes after `delay_s` and with `headers` added. `reset` resets the
        connection instead.
        """
        scripted = {"status": status, "message": message, "body": body, "headers": dict(headers or {})}
        self._do("script", method=method, path=path, times=times, delay_s=delay_s, reset=reset, **scripted)

    def suspend(self, suspended: bool = True) -> None:
        """Suspends the installation, or ends that."""
        self._do("suspend", suspended=suspended)

    def refuse(self, reason: str | None) -> None:
        """Refuses everything for one of REASONS; None ends that."""
        self._do("refuse", reason=reason)

    def rename(self, old: str, new: str) -> None:
        """The repository OWNER/NAME `old`, of the App or renamed before, is `new` from now on;
        `old` redirects there.
        """
        self._do("rename", old=old, new=new)

    def set_server(self, server: str) -> None:
        """Answers as one of SERVERS."""
        self._do("set_server", server=server)

    def set_token_form(self, form: str) -> None:
        """`short` (ghs_ and 36 characters) or `long` (about 520: ghs_APPID_JWT)."""
        self._do("set_token_form", form=form)

    def set_tokens(self, values: Sequence[str]) -> None:
        """The next tokens are these: a test searches for them. Later ones are random again."""
        self._do("set_tokens", values=list(values))

    def set_token_life(self, seconds: int) -> None:
        """How long tokens live that are minted from now on, in whole seconds:
        GitHub's live for 3600.
        """
        self._do("set_token_life", seconds=seconds)

    def set_rate_limit(self, limit: int | None, remaining: int | None = None, window_s: float = 3600) -> None:
        """A primary limit over all requests; None ends it."""
        self._do("set_rate_limit", limit=limit, remaining=remaining, window_s=window_s)

    def set_repositories(self, more: int) -> None:
        """So many more repositories in the installation: OWNER/repo-0001 and on."""
        self._do("set_repositories", more=more)

    def set_other_owners(self, count: int) -> None:
        """So many more installations, of org-0001 and on, listed before OWNER's."""
        self._do("set_other_owners", count=count)

    def set_scope_limit(self, limit: int | None) -> None:
        """The most repositories times permissions of a token that is narrowed to permissions; None:
        no such limit.
        """
        self._do("set_scope_limit", limit=limit)

    def set_replication(self, seconds: float, status: int = 401) -> None:
        """Tokens minted narrowed from now on are refused with 401, 403 or 404 for so long,
        by the API's clock.
        """
        self._do("set_replication", seconds=seconds, status=status)

    def tokens(self) -> dict[str, list[str]]:
        """SHA-256 (hex) of each token minted, under `live`, `revoked` and `expired`."""
        result: dict[str, list[str]] = self._do("tokens")
        return result

    def requests(self) -> list[dict[str, Any]]:
        """Each request so far: at_s (API's clock), method, path, status, message, node, claims.

        `claims` are iat, exp and jti, not verified; `status` is None where the
        connection was reset.
        """
        result: list[dict[str, Any]] = self._do("requests")
        return result

    def _do(self, command: str, **arguments: object) -> Any:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.socket_path))
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
                stream.flush()
                line = stream.readline()
        if not line:
            raise ConnectionError(f"the GitHub API at {self.socket_path} ended before it replied")
        reply = json.loads(line)
        if "error" in reply:
            raise ControlError(reply["error"])
        return reply["result"]
