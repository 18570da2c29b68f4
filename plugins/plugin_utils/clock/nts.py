"""The state of an NTS key establishment (RFC 8915), and whether only a wrong clock made it fail."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from .interval import Interval


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
}

_OF_CONNECT = {"timeout": NtsState.BLOCKED, "refused": NtsState.REFUSED, "no_route": NtsState.NO_ROUTE}


def nts_state(server: Mapping[str, Any], node_s: float, skew_s: Interval | None) -> NtsState:
    """The state of an entry of the evidence's ``nts.servers``.

    ``node_s`` is the node's clock at the time, in Unix seconds. ``skew_s`` is its skew (positive:
    ahead), None if unknown.
    """
    error = server["error"]
    if error is None:
        return _of_certificate(server, node_s, skew_s)
    if error["phase"] == "dns":
        return NtsState.NAME_NOT_RESOLVED
    if error["phase"] == "alpn":
        return NtsState.NO_NTS
    if error["phase"] == "connect":
        return _OF_CONNECT[error.get("kind") or _kind_of_words(error["message"])]
    return NtsState.NOT_TRUSTED if error.get("kind") in ("unknown_ca", "wrong_name") else NtsState.TLS_FAILED


def detail_of(server: Mapping[str, Any]) -> str:
    """The node's message for an entry without established keys."""
    said = server["error"]["message"] if server["error"] else server["certificate_time_error"]
    return str(said or "the certificate is valid according to the node's clock")


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
