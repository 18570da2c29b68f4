"""The filters that make ``gate_github_apps`` from a cluster's Secrets.

Each is documented in its .yml file here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.boundary.libraries import missing
from ..plugin_utils.boundary.settings import SettingsError
from ..plugin_utils.github.secrets.arc import arc_apps
from ..plugin_utils.github.secrets.argocd import argocd_apps
from ..plugin_utils.github.secrets.flux import flux_apps


class FilterModule:
    """Ansible's hook."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """The filters by name."""
        return {
            "argocd_github_apps": lambda secrets: _run(argocd_apps, secrets),
            "flux_github_apps": lambda secrets, git_repositories=None: _run(flux_apps, secrets, git_repositories),
            "arc_github_apps": lambda secrets, github_config_url: _run(arc_apps, secrets, github_config_url),
        }


def _run(read: Callable[..., list[dict[str, Any]]], *given: Any) -> list[dict[str, Any]]:
    if lacking := missing():
        raise AnsibleFilterError(lacking)
    # Ansible's values carry tags; what is read is plain JSON (a time in YAML becomes its text).
    try:
        return read(*json.loads(json.dumps(given, default=str)))
    except SettingsError as error:
        raise AnsibleFilterError(str(error)) from None
