"""The filters that say whether a host is admitted, and whether that still holds.

Each is documented in its .yml file here. A play uses the first ones for each host in Ansible's main
process, where each template holds up all others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ansible.errors import AnsibleFilterError

from ..plugin_utils.boundary.current_run import standing_of
from ..plugin_utils.verdict.admission import stale_because


class FilterModule:
    """Ansible's hook."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """The filters by their names."""
        return {"refusal": _refusal, "standing": _standing, "stale_because": _stale_because}


def _stale_because(judged_at: str, max_age_s: float) -> str:
    try:
        return stale_because(str(judged_at), float(max_age_s), datetime.now(UTC))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


def _standing(check_id: str) -> str:
    return str(standing_of(str(check_id))[0])


def _refusal(check_id: str) -> str:
    return standing_of(str(check_id))[1]
