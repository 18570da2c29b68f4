"""The filters that say why a host is refused, and why an admission no longer holds; each is documented in its .yml file here.

A play asks the first one for each host in Ansible's first process, where every template that is worked out holds up all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.boundary.current_run import current_id, reported_refusal
from ..plugin_utils.verdict.admission import stale_because

NOT_CHECKED = "Refused: it was not checked."


class FilterModule:
    """Ansible's hook."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by their names."""
        return {"refusal": _refusal, "stale_because": _stale_because}


def _stale_because(judged_at: str, max_age_s: float) -> str:
    try:
        return stale_because(str(judged_at), float(max_age_s), datetime.now(UTC))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


def _refusal(host: str, first: Any, again: Any) -> str:
    """Whatever a variable holds that is no answer of ours, the host is not admitted: an error would end the run of all hosts."""
    run = current_id()
    if not run:
        return "Refused: no run has begun, so nothing was checked."
    refusal = reported_refusal(str(host))
    if refusal is not None:
        return refusal
    # Where hosts do not wait for each other there is no report.
    first, again = (value if isinstance(value, Mapping) else {} for value in (first, again))
    if first.get("follows") != run:
        return NOT_CHECKED
    last = again if again.get("follows", "") == first.get("check_id", "none") else first
    return "" if last.get("verdict") == "admit" else str(last.get("msg") or NOT_CHECKED)
