"""What the check of every host reads and none changes, read before Ansible forks for each of them.

Ansible loads an action's file in its first process. What is first read later is read in each host's process, and ends with it.
"""

from __future__ import annotations

from .. import checks, daemons
from ..boundary.variables import settings_of_checks, settings_of_roles
from ..github.client_profiles import shipped_groups, shipped_profiles
from ..model.limits import shipped_limits


def prepare() -> None:
    """Read the tables, and import the checks and the daemons."""
    settings_of_roles()
    settings_of_checks()
    shipped_profiles()
    shipped_groups()
    shipped_limits()
    checks.discover()
    daemons.daemons_by_unit()
    daemons.daemons_by_process()
    daemons.wait_units()
