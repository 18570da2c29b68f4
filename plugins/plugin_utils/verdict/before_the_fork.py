"""What every host's process needs and can have from Ansible's first one: a fork has what its parent read and imported.

Ansible imports an action's file in its first process, and runs the action in a process of its own for each host. What is read or
imported there for the first time is read and imported again for each host.
"""

from __future__ import annotations

from .. import daemons
from ..boundary.variables import read_settings, settings_of_roles
from ..checks import discover
from ..github.client_profiles import known_clients, shipped_groups, shipped_profiles
from ..model.limits import shipped_limits


def before_the_fork() -> None:
    """Read the tables and import the checks and daemons that the check of a node asks for."""
    settings_of_roles()
    read_settings({})
    discover()
    for table in (daemons.discover, daemons.daemons_by_unit, daemons.daemons_by_process, daemons.wait_units):
        table()
    for table_of_clients in (known_clients, shipped_profiles, shipped_groups):
        table_of_clients()
    shipped_limits()
