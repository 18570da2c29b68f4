# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ``Date`` that an API answers with: the clock that GitHub judges a JWT by. No credential is sent."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from .background import gather
from .https import Connection, HttpsError, tls_context

REQUESTS = 2
SPACING_S = 0.5  # a Date has whole seconds: an answer half a second later halves, on average, what it leaves open


def collect(apis: list, timeout_s: float) -> dict:
    """The section ``api_date`` for ``apis``, each ``{"url", "ca_pem"}``."""
    asked = gather({api["url"]: _asker(api, timeout_s) for api in apis}, bound_s(timeout_s) - 1)
    return {"apis": [{"url": url, **_answered(answer)} for url, answer in asked.items()]}


def bound_s(timeout_s: float) -> float:
    """How long ``collect`` lasts at most: two connections, and each request on a connection of its own at worst."""
    return (2 + 2 * REQUESTS) * timeout_s + REQUESTS * SPACING_S + 2


def _asker(api: dict, timeout_s: float):
    return lambda: _ask(api["url"], api.get("ca_pem"), timeout_s)


def _answered(answer: dict) -> dict:
    if "error" not in answer:
        return answer
    return {"certificate_time_error": None, "answers": [{"error": {"phase": "reply", "message": answer["error"]}}]}


def _ask(url: str, ca_pem, timeout_s: float) -> dict:
    asked: dict = {"certificate_time_error": None, "answers": []}
    try:
        connection = Connection(url, tls_context(ca_pem), timeout_s)
        try:
            connection.connect()
        except HttpsError as error:
            if error.kind != "certificate_time":
                raise
            # On a wrong clock a good certificate seems out of date, and the clock must not hide the proof against it:
            # the chain and the name are verified all the same.
            asked["certificate_time_error"] = error.message
            connection = Connection(url, tls_context(ca_pem, check_time=False), timeout_s)
        for number in range(REQUESTS):
            if number:
                time.sleep(SPACING_S)
            connection.connect()  # before the clock is read, and again only if the server has closed it
            asked["answers"].append(_date(connection, url))
        connection.close()
    except HttpsError as error:
        asked["answers"].append({"error": error.as_json()})
    return asked


def _date(connection: Connection, url: str) -> dict:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    reply = connection.request("HEAD", target, {"User-Agent": "skewgate", "Accept": "*/*"})
    return {
        "t_send_wall_ns": reply.sent_wall_ns,
        "t_send_mono_ns": reply.sent_mono_ns,
        "t_recv_mono_ns": reply.received_mono_ns,
        "status": reply.status,
        "date": reply.headers.get("date"),
        "verified": True,  # chain and name; without that there is an error and no Date
    }
