# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""linuxptp (ptp4l, phc2sys, timemaster): the configuration as text, and what pmc says of ptp4l."""

from __future__ import annotations

import os

from ..node.files import read_files
from ..node.processes import not_contained, option, working_directory
from ..node.run import run_all

PTP4L = ("/etc/linuxptp/ptp4l.conf", "/etc/ptp4l.conf")
TIMEMASTER = ("/etc/linuxptp/timemaster.conf", "/etc/timemaster.conf")
# getopt's in ptp4l.c, phc2sys.c and timemaster.c of linuxptp 3.1 to 4.2.
LETTERS = {
    "ptp4l": "AEP246HSLf:i:p:sl:mqvh",
    "phc2sys": "arc:d:f:s:E:P:I:S:F:R:N:O:L:M:i:u:wn:xz:l:t:mqvh",
    "timemaster": "f:nl:mqvh",
}
QUESTIONS = {"time_status": "GET TIME_STATUS_NP", "port_data_set": "GET PORT_DATA_SET"}


def collect(timeout_s: float, processes: list) -> dict:
    """The section ``ptp``; ``present``: linuxptp runs or is configured. pmc is run only if ptp4l
    runs.

    ``processes``: the time daemons that run.
    """
    own_processes = [process for process in not_contained(processes) if process["comm"] in LETTERS]
    paths = configurations(own_processes)
    # pmc reads the domain and the socket from ptp4l's file. If the domain is not 0, ptp4l answers
    # no other request.
    own = next((given(process) for process in own_processes if process["comm"] == "ptp4l"), None)
    pmc = ["pmc", "-u", "-b", "0", *(["-f", own] if own else [])]
    commands = {name: [*pmc, question] for name, question in QUESTIONS.items()}
    runs = any(process["comm"] == "ptp4l" for process in own_processes)
    return {
        "present": bool(own_processes or paths),
        "config": {"path": paths[0] if paths else None, **read_files(paths)},
        "commands": run_all(commands, timeout_s) if runs else {},
    }


def given(process: dict):
    """The configuration that a process was started with; None without one."""
    path = option(process["argv"], LETTERS[process["comm"]], "f")
    return os.path.join(working_directory(process["pid"]), path) if path else None


def configurations(processes: list) -> list:
    """The files that the running programs were given, else the distributions'."""
    paths = [path for path in map(given, processes) if path]
    return list(dict.fromkeys(paths or filter(os.path.exists, (*PTP4L, *TIMEMASTER))))
