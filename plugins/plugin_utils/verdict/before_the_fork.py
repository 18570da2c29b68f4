"""What Ansible's first process reads and imports for the processes of all hosts: a fork has
what its parent has.

Ansible imports an action's file in its first process, and runs the action in one process for each
host. If such a process reads or imports something first, every other host's process does it again.
"""

from __future__ import annotations

from ...module_utils.node.core_dumps import make_undumpable
from .. import daemons
from ..boundary.variables import read_settings, settings_of_roles
from ..checks import discover
from ..github.client_profiles import known_clients, shipped_groups, shipped_profiles
from ..model.limits import shipped_limits


def before_the_fork() -> None:
    """Read the tables and import the checks and daemons that the check of a node asks for.

    Variables may have private keys, so Ansible's first process leaves no core dump from now on.
    Programs that it starts are as before.
    """
    make_undumpable()
    settings_of_roles()
    read_settings({})
    discover()
    for table in (daemons.discover, daemons.daemons_by_unit, daemons.daemons_by_process, daemons.wait_units):
        table()
    for table_of_clients in (known_clients, shipped_profiles, shipped_groups):
        table_of_clients()
    shipped_limits()
