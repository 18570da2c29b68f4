"""An API that answers with a Date, and what the probe makes of it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date


class Dated(BaseHTTPRequestHandler):
    """Answers with the machine's Date, on a connection that stays."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, tuple[str, int], dict[str, str]]]

    def do_HEAD(self) -> None:
        """Note the request and answer it."""
        type(self).seen.append((self.command, self.path, self.client_address, dict(self.headers)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing of a request."""


def collect_one(url: str, ca_pem: str | None, timeout_s: float = 2) -> dict[str, Any]:
    """What the probe took of one API."""
    (taken,) = api_date.collect([{"url": url, "ca_pem": ca_pem}], timeout_s)["apis"]
    assert taken["url"] == url
    found: dict[str, Any] = taken
    return found


def error_of(taken: dict[str, Any]) -> dict[str, Any]:
    """The error of the only answer."""
    (answer,) = taken["answers"]
    error: dict[str, Any] = answer["error"]
    return error


def port_of(url: str) -> int:
    """The port of a URL that has one."""
    return int(url.rsplit(":", 1)[1])
