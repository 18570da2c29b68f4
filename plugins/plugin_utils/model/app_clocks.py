"""The clocks that may be the cause if GitHub refuses an App's JWT: the node's, and the API's."""

from __future__ import annotations

from dataclasses import dataclass

from ..clock.controller import measured_of, node_ahead_s
from ..clock.interval import Interval
from ..clock.skew import CONTROLLER, UnknownSkew
from ..github.apps import date_url
from ..github.fields import is_hosted
from .policy import Policy
from .record import Record


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """What the evidence shows of the clocks that may be the cause.

    ``api_ahead_s``: API minus true time, if independent references contradict the API's ``Date``.
    ``node_is_off``: according to the measured skew, GitHub would refuse this client anyway. This
    matters if GitHub checks the signature before the times, and so does not report that the clock
    is wrong as well. ``node_is_too_far_ahead``: the JWT of the node's clock was not signed, and
    GitHub would refuse it. ``only_api_contradicts``: only the API's ``Date`` contradicts the node's
    clock. ``only_of_some_machines``: what the API's ``Date`` rests on, if GitHub would accept the
    node's clock according to the measured skew, but not all machines that gave that ``Date`` would.
    """

    api_url: str
    api_ahead_s: Interval | None
    node_is_off: bool
    node_is_too_far_ahead: bool
    only_api_contradicts: bool
    only_of_some_machines: str


def clocks_of(api_url: str, record: Record, policy: Policy, *, withheld: bool) -> Clocks:
    """What a node's evidence shows of them; ``withheld``:
    no JWT was signed for the node's clock.
    """
    return Clocks(
        api_url=api_url,
        api_ahead_s=_api_ahead_s(api_url, record),
        node_is_off=node_is_off(record, policy),
        node_is_too_far_ahead=withheld and _is_too_far_ahead(record, policy),
        only_api_contradicts=_only_api_contradicts(api_url, record, policy),
        only_of_some_machines=_only_of_some_machines(api_url, record, policy),
    )


def node_is_off(record: Record, policy: Policy) -> bool:
    """Whether GitHub would refuse the client on this node, according to the measured skew."""
    skew_s = record.skew.skew_s
    return skew_s is not None and policy.signing_profile.jwt_outcome(skew_s) == "fail"


def _date_name(api_url: str) -> str:
    """How the API's ``Date`` is called among the references."""
    return f"date {date_url(api_url)}"


def _api_ahead_s(api_url: str, record: Record) -> Interval | None:
    """API minus true time, if the other references of the node, or those of the controller,
    contradict the API's Date.
    """
    url, measured = date_url(api_url), measured_of(record.data.get("controller"))
    return record.skew.api_ahead_s(url) or (measured.api_ahead_s(url) if measured else None)


def _only_api_contradicts(api_url: str, record: Record, policy: Policy) -> bool:
    """Whether the node and the controller agree, and the API's Date alone contradicts them;
    GitHub's is trusted.
    """
    if is_hosted(api_url) or record.skew.unknown is not UnknownSkew.DISAGREE:
        return False
    readings = {r.name: r.skew_s for r in record.skew.references if r.skew_s}
    date_s, controller_s = readings.get(_date_name(api_url)), readings.get(CONTROLLER)
    if date_s is None or controller_s is None or len(readings) > 2:
        return False
    outcome = policy.signing_profile.jwt_outcome
    return outcome(controller_s) == "pass" and outcome(date_s) != "pass"


def _only_of_some_machines(api_url: str, record: Record, policy: Policy) -> str:
    """What the API's Date rests on, if the skew is within the client's budget,
    but not all of that Date's interval.
    """
    skew_s, outcome = record.skew.skew_s, policy.signing_profile.jwt_outcome
    if skew_s is None or outcome(skew_s) != "pass":
        return ""
    return next(
        (
            r.detail
            for r in record.skew.references
            if r.name == _date_name(api_url) and r.skew_s and r.skew_s.overlaps(skew_s) and outcome(r.skew_s) != "pass"
        ),
        "",
    )


def _is_too_far_ahead(record: Record, policy: Policy) -> bool:
    """Whether GitHub is sure to refuse the JWT of the node's clock,
    as the controller or the node measured it.
    """
    by_controller_s = node_ahead_s(record.section("collected"), record.data.get("controller"))
    known_s = [skew_s for skew_s in (by_controller_s, record.skew.skew_s) if skew_s is not None]
    return any(skew_s.low > 0 and policy.signing_profile.jwt_outcome(skew_s) == "fail" for skew_s in known_s)
