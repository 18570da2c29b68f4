# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OpenNTPD: its configuration as text, and what ntpctl says."""

from __future__ import annotations

import os

from ..node.files import first_existing, read_files
from ..node.processes import option, whose, working_directory
from ..node.run import run

CONFIGURATIONS = ("/etc/openntpd/ntpd.conf", "/etc/ntpd.conf")
LETTERS = "df:np:P:sSv"  # getopt's in its ntpd.c


def collect(timeout_s: float, processes: list) -> dict:
    """The section ``openntpd``: nothing is run on a node that has none.

    ``processes``: the time daemons that run.
    """
    own, another_runs = whose(processes, "openntpd")
    path = configuration(own)
    present = bool(own) or (path is not None and not another_runs)
    return {
        "present": present,
        # It includes nothing (ntpd.conf(5)), and has no keys.
        "config": {"path": path, **read_files([path] if path else [])},
        "commands": {"all": run(["ntpctl", "-s", "all"], timeout_s)} if present else {},
    }


def configuration(processes: list):
    """The path that the running ntpd was given, else the distribution's; None if there is none.

    One that may not set the clock is anybody's, and does not say which file root reads.
    """
    for process in processes:
        path = option(process["argv"], LETTERS, "f")
        if path and process["may_set_clock"] is not False:
            return os.path.join(working_directory(process["pid"]), path)
    return first_existing(CONFIGURATIONS)
