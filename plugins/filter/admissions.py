"""The filter that says whether an admission still holds; it is documented in its .yml file here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ansible.errors import AnsibleFilterError

from ..plugin_utils.verdict.admission import stale_because


class FilterModule:
    """Ansible's hook."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """The filter by its name."""
        return {"stale_because": _stale_because}


def _stale_because(judged_at: str, max_age_s: float) -> str:
    try:
        return stale_because(str(judged_at), float(max_age_s), datetime.now(UTC))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None
