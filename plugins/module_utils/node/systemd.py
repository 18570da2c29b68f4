# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd says of units: ``systemctl show``."""

from __future__ import annotations

import os

from .run import run, said


def is_manager() -> bool:
    """Whether systemd started this machine (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def show(units, properties, timeout_s: float, missing: bool = False):
    """``systemctl show`` of all units in one command: a process is dear on a small node.

    The units that are there, with ``missing`` those that are not too, as ``parse_show`` gives them;
    ``{"error": text}`` if the question failed.
    """
    answer = run(
        ["systemctl", "show", "--property", ",".join(["Id", "LoadState", *properties]), "--", *units], timeout_s
    )
    if answer.get("rc") != 0:
        return {"error": answer.get("error") or f"systemctl show: {said(answer)}"}
    return [
        unit for unit in parse_show(answer["stdout"]) if missing or unit.get("LoadState", "not-found") != "not-found"
    ]


def parse_show(text: str) -> list:
    """Each unit's properties, by its own name: an alias adds nothing.

    A property that systemctl repeats (one ``ExecStart`` a command) has its values joined by a
    newline.

    >>> parse_show("Id=ntp.service\\nLoadState=not-found\\n\\nId=a.service\\nLoadState=loaded\\nExecStart=b\\nExecStart=c")
    [{'Id': 'ntp.service', 'LoadState': 'not-found'}, {'Id': 'a.service', 'LoadState': 'loaded', 'ExecStart': 'b\\nc'}]
    """  # noqa: W505 - an example or a table
    units = {}
    for block in text.strip().split("\n\n"):
        shown: dict = {}
        for key, found, value in (line.partition("=") for line in block.splitlines()):
            if found:
                shown.setdefault(key, []).append(value)
        if "Id" in shown:
            unit = {key: "\n".join(values) for key, values in shown.items()}
            units[unit["Id"]] = unit
    return list(units.values())


def commands(exec_property: str) -> list:
    """The command lines of ``ExecStart=`` as ``systemctl show`` prints it, with what it says of the
    last run left out.

    The form is that of systemd's src/systemctl/systemctl-show.c; variables are not expanded in it.

    >>> commands("{ path=/usr/sbin/ntpdate ; argv[]=/usr/sbin/ntpdate -u $HOST ; ignore_errors=no ; pid=0 ; status=0/0 }")
    ['/usr/sbin/ntpdate -u $HOST']
    """  # noqa: W505 - an example or a table
    found = []
    for line in exec_property.splitlines():
        _before, is_there, argv = line.partition(" ; argv[]=")
        if is_there:
            found.append(argv.partition(" ; ignore_errors=")[0])
    return found
