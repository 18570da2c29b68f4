"""The filters that say whether a host is admitted, and whether that still holds; each is documented in its .yml file here.

A play asks the first one for each host in Ansible's first process, where every template that is worked out holds up all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.verdict.admission import stale_because


class FilterModule:
    """Ansible's hook."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by their names."""
        return {"admits": _admits, "stale_because": _stale_because}


def _stale_because(judged_at: str, max_age_s: float) -> str:
    try:
        return stale_because(str(judged_at), float(max_age_s), datetime.now(UTC))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


def _admits(report: Any, host: str, begun: Any, first: Any, again: Any) -> bool:
    """Whatever a variable holds that is no answer of ours, the host is not admitted: an error would end the run of all hosts."""
    report, begun, first, again = (
        value if isinstance(value, Mapping) else {} for value in (report, begun, first, again)
    )
    if not begun.get("id", "") == first.get("follows", "first") == report.get("id", "report"):
        return False
    last = again if again.get("follows", "") == first.get("check_id", "none") else first
    if last.get("verdict") != "admit":
        return False
    nodes = report.get("nodes")
    reported = nodes.get(host) if isinstance(nodes, Mapping) else None
    if isinstance(reported, Mapping):
        return bool(reported.get("verdict") == "admit")
    return bool(report.get("files", ["none"]) == [])  # where hosts do not wait for each other there is no report
