"""An API that serves in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..github_credentials import Credentials, ensure_credentials
from .control import Control, ControlServer
from .github import GitHub
from .https import HttpsServer


@dataclass(frozen=True)
class RunningApi:
    """`url` is the API's and the git host's alike."""

    url: str
    credentials: Credentials
    control: Control


@contextmanager
def running_api(state_dir: Path, listen: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[RunningApi]:
    """Serves until the block ends; credentials that are missing in the folder are made,
    the log is its `api.log`.
    """
    credentials = ensure_credentials(state_dir)
    control = Control(state_dir)
    with (state_dir / "api.log").open("a") as log_file:
        github = GitHub(credentials.app_public_pem.read_text(), log_file)
        with HttpsServer(listen, github, credentials) as https, ControlServer(control.socket_path, github) as script:
            for server in (https, script):
                threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
            try:
                yield RunningApi(f"https://{listen[0]}:{https.server_port}", credentials, control)
            finally:
                control.socket_path.unlink(missing_ok=True)
                https.shutdown()
                script.shutdown()
