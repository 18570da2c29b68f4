"""What the drivers in Python share: their arguments, and one attempt for each line
of standard input.

    DRIVER.py WAY API_URL APP_ID INSTALLATION_ID PRIVATE_KEY_FILE

WAY is `token`: an installation token is asked for at each attempt. Or it is `use`: one client, for
as long as the driver runs, lists the installation's repositories, and gets a token when it finds
that it needs one. Each attempt is answered with a line of JSON: token (whether it had a good one),
and status and message of a refusal.
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
    """The API's refusal, as the client reports it; None if it does not."""

    def __init__(self, status: int | None, message: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def app_of_arguments() -> App:
    """The command line of a driver after the way:
    API URL, App's ID, installation, and the file with its key.
    """
    api_url, app_id, installation_id, key_file = sys.argv[2:]
    return App(api_url, app_id, int(installation_id), Path(key_file).read_text())


def run(**ways: Callable[[], object]) -> None:
    """Answer each line of standard input with what came of an attempt in the way
    that was asked for, never with the token.
    """
    attempt = ways[sys.argv[1]]
    for _ in sys.stdin:
        try:
            answer = {"token": bool(attempt()), "status": 201, "message": None}
        except Refused as refused:
            answer = {"token": False, "status": refused.status, "message": refused.message}
        print(json.dumps(answer), flush=True)
