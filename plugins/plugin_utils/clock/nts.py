"""How far NTS (RFC 8915) comes with a server, and what stops it: a wrong clock, the server, or the
network between them.

Seen with chronyd 4.3 and 4.9: a server with NTS answers a request that it cannot authenticate with
NTSN and the request's unique identifier, which RFC 8915, section 5.7, asks for by SHOULD. A chronyd
without NTS does not answer it at all, and answers a plain request, and one with a field that it
does not know. NTPsec 1.2.2 with NTS answers a plain request alone: neither one that it cannot
authenticate, nor one with a field that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from .interval import Interval
from .ntp_packet import kiss_code


class NtsState(StrEnum):
    """The result of the key establishment with one server."""

    ESTABLISHED = "established"
    NAME_NOT_RESOLVED = "name_not_resolved"
    BLOCKED = "blocked"
    REFUSED = "refused"
    NO_ROUTE = "no_route"
    NO_NTS = "no_nts"
    NOT_TRUSTED = "certificate_not_trusted"
    TLS_FAILED = "tls_failed"
    CLOCK = "certificate_not_valid_by_the_clock"
    EXPIRED = "certificate_not_valid_at_the_true_time"
    CLOCK_OR_CERTIFICATE = "certificate_not_valid_at_the_nodes_time"
    NO_KEYS = "key_exchange_failed"
    NTP_BLOCKED = "ntp_blocked"
    LARGE_DROPPED = "large_packets_dropped"
    REDIRECTED = "ntp_redirected"
    STRIPPED = "extension_fields_stripped"
    NOT_ANSWERED = "nts_request_not_answered"

    @property
    def words(self) -> str:
        """The state for people, in a few words."""
        return _WORDS[self]


_WORDS = {
    NtsState.ESTABLISHED: "keys were established",
    NtsState.NAME_NOT_RESOLVED: "name not resolved",
    NtsState.BLOCKED: "TCP 4460 blocked",
    NtsState.REFUSED: "refused",
    NtsState.NO_ROUTE: "no route",
    NtsState.NO_NTS: "the server has no NTS",
    NtsState.NOT_TRUSTED: "certificate not trusted",
    NtsState.TLS_FAILED: "TLS failed",
    NtsState.CLOCK: "certificate not valid at the node's time: the clock",
    NtsState.EXPIRED: "certificate not valid at the true time",
    NtsState.CLOCK_OR_CERTIFICATE: "certificate not valid at the node's time",
    NtsState.NO_KEYS: "the server gave no keys for NTP",
    NtsState.NTP_BLOCKED: "NTP is blocked",
    NtsState.LARGE_DROPPED: "large NTP packets are dropped",
    NtsState.REDIRECTED: "NTP is redirected to another server",
    NtsState.STRIPPED: "NTP's extension fields are removed on the way",
    NtsState.NOT_ANSWERED: "requests with NTS get no answer of NTS",
}

OF_THE_PATH = frozenset(
    {NtsState.NTP_BLOCKED, NtsState.LARGE_DROPPED, NtsState.REDIRECTED, NtsState.STRIPPED, NtsState.NOT_ANSWERED}
)
"""What the answers to the probe's own requests show."""

UNANSWERED = frozenset({NtsState.NTP_BLOCKED, NtsState.LARGE_DROPPED, NtsState.NOT_ANSWERED})
"""States of OF_THE_PATH that may be the server's way: it answers what it can authenticate."""

_OF_CONNECT = {"timeout": NtsState.BLOCKED, "refused": NtsState.REFUSED, "no_route": NtsState.NO_ROUTE}


def nts_state(server: Mapping[str, Any], node_s: float, skew_s: Interval | None) -> NtsState:
    """The state of an entry of the evidence's ``nts.servers``.

    ``node_s`` is the node's clock at the time, in Unix seconds. ``skew_s`` is its skew (positive:
    ahead), None if unknown.
    """
    error = server["error"]
    if error is None:
        certificate, exchange = _of_certificate(server, node_s, skew_s), _of_exchange(server)
        # An exchange that fails fails at any time; a clock that is off is fixed without it.
        return exchange if exchange and certificate in (NtsState.ESTABLISHED, NtsState.CLOCK) else certificate
    if error["phase"] == "dns":
        return NtsState.NAME_NOT_RESOLVED
    if error["phase"] == "alpn":
        return NtsState.NO_NTS
    if error["phase"] == "connect":
        return _OF_CONNECT[error.get("kind") or _kind_of_words(error["message"])]
    return NtsState.NOT_TRUSTED if error.get("kind") in ("unknown_ca", "wrong_name") else NtsState.TLS_FAILED


def detail_of(server: Mapping[str, Any]) -> str:
    """What the node saw of an entry that is not established."""
    exchange, ntp = server.get("exchange"), server.get("ntp")
    if server["error"] or server["certificate_time_error"] or not exchange:
        said = server["error"]["message"] if server["error"] else server["certificate_time_error"]
        return str(said or "the certificate is valid according to the node's clock")
    if exchange.get("error"):
        return str(exchange["error"]["message"])
    if not ntp:
        return f"cookies: {exchange['cookies']}, errors: {exchange['errors'] or 'none'}"
    if ntp.get("error"):
        return str(ntp["error"]["message"])
    asked = [(name, ntp[name]) for name in ("nts", "plain", "padded", "nobody") if ntp[name]]
    said = ", ".join(f"{_ASKED[name]} of {each['bytes']} bytes: {_answered(each)}" for name, each in asked)
    return f"UDP {ntp['port']} of {ntp['address']}: {said}"


_ASKED = {
    "nts": "request with NTS",
    "plain": "plain request",
    "padded": "request with another field",
    "nobody": "request to an address that nobody has",
}


def _answered(asked: Mapping[str, Any]) -> str:
    reply = _reply(asked)
    if code := kiss_code(reply):
        return f"answered with kiss {code}"
    return str(asked.get("error") or f"answered with {len(reply)} bytes")


def _of_exchange(server: Mapping[str, Any]) -> NtsState | None:
    """What stops NTS after TLS; None if nothing does, or the evidence is of before it was asked."""
    exchange, ntp = server.get("exchange"), server.get("ntp")
    if exchange is None:
        return None
    if not ntp:
        return NtsState.NO_KEYS
    if ntp.get("error"):
        return NtsState.NAME_NOT_RESOLVED
    nts, plain, padded, nobody = (_reply(ntp[name]) for name in ("nts", "plain", "padded", "nobody"))
    if bytes.fromhex(ntp["unique_hex"]) in nts:
        return None
    if nobody:
        return NtsState.REDIRECTED
    if nts and not kiss_code(nts):
        return NtsState.STRIPPED
    if nts or padded:
        return NtsState.NOT_ANSWERED
    return NtsState.LARGE_DROPPED if plain else NtsState.NTP_BLOCKED


def _reply(asked: Mapping[str, Any] | None) -> bytes:
    return bytes.fromhex((asked or {}).get("reply_hex", ""))


def _kind_of_words(message: str) -> str:
    """The kind of an error in evidence from before errors had one, according to the kernel's words.

    If there are several addresses, it is the most specific kind.
    """
    said = message.lower()
    if "no answer" in said or "timed out" in said:
        return "timeout"
    return "refused" if "refused" in said else "no_route"


def _of_certificate(server: Mapping[str, Any], node_s: float, skew_s: Interval | None) -> NtsState:
    """Whether the clock or the certificate is wrong.

    It depends on whether the certificate is valid at the true time, the node's time minus its skew.
    """
    shown = server.get("certificate")
    refused = bool(server["certificate_time_error"])
    unsure = NtsState.CLOCK_OR_CERTIFICATE if refused else NtsState.ESTABLISHED
    if shown is None or skew_s is None:
        return unsure
    valid_s = Interval(shown["not_before_s"], shown["not_after_s"])
    true_s = Interval(node_s - skew_s.high, node_s - skew_s.low)
    if not valid_s.overlaps(true_s):
        return NtsState.EXPIRED
    if not refused or valid_s.low <= node_s <= valid_s.high or not valid_s.contains(true_s):
        return unsure  # another one of its chain is not valid, or the skew is not known well enough
    return NtsState.CLOCK
