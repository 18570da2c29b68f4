"""What the drivers in Python share: their arguments, and one attempt for each line of standard input.

    DRIVER.py API_URL APP_ID INSTALLATION_ID PRIVATE_KEY_FILE

Each attempt is answered with a line of JSON: token (whether one was got), and status and message of a refusal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class App:
    """Where a driver gets its token, and as whom."""

    api_url: str
    app_id: str
    installation_id: int
    private_key: str


class Refused(Exception):  # noqa: N818 - it says what GitHub did
    """The API's refusal, as the client tells it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def app_of_arguments() -> App:
    """The command line of a driver: API URL, App's ID, installation, and the file with its key."""
    api_url, app_id, installation_id, key_file = sys.argv[1:]
    return App(api_url, app_id, int(installation_id), Path(key_file).read_text())


def run(token: Callable[[], str]) -> None:
    """Answer each line of standard input with what ``token`` got, never with the token."""
    for _ in sys.stdin:
        try:
            answer = {"token": bool(token()), "status": 201, "message": None}
        except Refused as refused:
            answer = {"token": False, "status": refused.status, "message": refused.message}
        print(json.dumps(answer), flush=True)
