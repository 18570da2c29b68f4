# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ``Date`` of an API's answers: the clock with which GitHub judges a JWT. No credential is
sent.
"""

from __future__ import annotations

import math
import time
from email.utils import mktime_tz, parsedate_tz
from functools import partial
from urllib.parse import urlsplit

from ..node.background import gather
from ..node.https import HttpsError, Reply, asks_to_wait, connect_at_any_time, tls_context

NS = 1_000_000_000
REQUESTS = 5
PLACING_S = 3.5
"""How long further requests are placed after the first: each of the four waits up to a second, on
average half of one."""
LOOK_AGAIN_S = 0.02
"""How often it is looked whether NTP has answered well meanwhile."""


def collect(apis: list, timeout_s: float, requests: int = 0, skew=lambda: None) -> dict:
    """The section ``api_date`` for ``apis``, each ``{"url", "ca_pem"}``; so many ``requests`` to
    each, all if it is 0.

    ``skew`` gives ``(low, high)``, node minus true time, once NTP has answered well, else None. An
    API whose first answer fits that is not asked again: the edge of its second is of no use then.
    """
    asked = gather(
        {
            api["url"]: partial(_ask, api["url"], api.get("ca_pem"), timeout_s, requests or REQUESTS, skew)
            for api in apis
        },
        bound_s(timeout_s) - 1,
    )
    return {"apis": [{"url": url, **_answered(answer)} for url, answer in asked.items()]}


def bound_s(timeout_s: float) -> float:
    """How long ``collect`` lasts at most: two connections, and a last request that is placed late
    and on a new one.
    """
    return 4 * timeout_s + PLACING_S + 2


def _answered(answer: dict) -> dict:
    if "error" not in answer:
        return answer
    return {"certificate_time_error": None, "answers": [{"error": {"phase": "reply", "message": answer["error"]}}]}


def _ask(url: str, ca_pem, timeout_s: float, requests: int, skew) -> dict:
    asked: dict = {"certificate_time_error": None, "answers": []}
    answers = asked["answers"]
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection, asked["certificate_time_error"] = connect_at_any_time(
            url, lambda check_time: tls_context(ca_pem, check_time), timeout_s
        )
        placing_ends_s = time.monotonic() + PLACING_S
        wait_s = 0.0
        while wait_s is not None and time.monotonic() + wait_s < placing_ends_s:
            if answers and _is_settled(answers, skew, time.monotonic() + wait_s):
                break
            connection.connect()  # before the clock is read, and only if the server has closed it
            reply = connection.request("HEAD", target, {"User-Agent": "skewgate", "Accept": "*/*"})
            answers.append(_answer(reply))
            wait_s = None if len(answers) == requests or asks_to_wait(reply.headers) else _wait_s(answers)
        connection.close()
    except HttpsError as error:
        answers.append({"error": error.as_json()})
    return asked


def _answer(reply: Reply) -> dict:
    return {
        "t_send_wall_ns": reply.sent_wall_ns,
        "t_send_mono_ns": reply.sent_mono_ns,
        "t_recv_mono_ns": reply.received_mono_ns,
        "status": reply.status,
        "date": reply.headers.get("date"),
        "verified": True,  # chain and name; without that there is an error and no Date
    }


def _is_settled(answers: list, skew, until_mono_s: float) -> bool:
    """Waits until then, or until NTP has answered well; whether it has, and no answer of the API
    contradicts it.
    """
    low_s, high_s, _round_trip_s = _left_open(answers)
    while True:
        known = skew()
        if known and max(low_s, known[0]) <= min(high_s, known[1]):
            return True
        left_s = until_mono_s - time.monotonic()
        if left_s <= 0:
            return False
        time.sleep(min(left_s, LOOK_AGAIN_S))


def _left_open(answers: list) -> tuple:
    """``(low, high, round_trip)`` in seconds: node minus API by all answers, each with a Date, and
    how long the quickest took.
    """
    low_s, high_s, round_trip_s = -math.inf, math.inf, math.inf
    for answer in answers:
        sent_s = answer["t_send_wall_ns"] / NS - _date_s(answer["date"])
        lasted_s = (answer["t_recv_mono_ns"] - answer["t_send_mono_ns"]) / NS
        low_s, high_s = max(low_s, sent_s - 1), min(high_s, sent_s + lasted_s)
        round_trip_s = min(round_trip_s, lasted_s)
    return low_s, high_s, round_trip_s


def _wait_s(answers: list):
    """How long to wait before the next request; None if a further answer would show nothing new."""
    if _date_s(answers[-1]["date"] or "") is None:
        return None
    low_s, high_s, round_trip_s = _left_open(answers)
    # As narrow as it gets, or answers of several clocks, which contradict each other.
    if high_s - low_s <= round_trip_s:
        return None
    now_s = time.time()
    return max(0.0, next_request_s(low_s, high_s, round_trip_s, now_s) - now_s)


def _date_s(date: str):
    """The Unix time of an HTTP ``Date``; None if it is not one."""
    try:
        return mktime_tz(parsedate_tz(date))
    except (TypeError, ValueError, OverflowError):  # TypeError: parsedate_tz found none and gave None
        return None


def next_request_s(low_s: float, high_s: float, round_trip_s: float, now_s: float) -> float:
    """When to send the request whose answer halves what is open, on the node's clock, like
    ``now_s``.

    Node minus API is in ``[low_s, high_s]``. If it were exactly in the middle, the API's second
    would change when the node's clock shows a whole second plus the middle. So a request that
    arrives at that moment shows, with its second, on which side of the middle the truth is (± half
    the round trip).

    >>> next_request_s(-0.5, 0.5, 0.1, now_s=100.25)  # arrives when the node shows 101.0
    100.95
    """
    arrival_s = (low_s + high_s) / 2
    return math.ceil(now_s + round_trip_s / 2 - arrival_s) + arrival_s - round_trip_s / 2
