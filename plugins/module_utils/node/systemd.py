# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd says of units: ``systemctl show``."""

from __future__ import annotations

import os

from .files import text_or_none
from .run import run, said

# systemd.unit(5), "Unit File Load Path"; /lib where it is not /usr/lib.
UNIT_FOLDERS = (
    *(f"/{root}/systemd/{name}" for root in ("etc", "run") for name in ("system.control", "system.attached", "system")),
    *(f"/run/systemd/{name}" for name in ("transient", "generator.early", "generator", "generator.late")),
    *("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"),
)
OTHER_FOLDERS = "SYSTEMD_UNIT_PATH"
"""systemd(1): what names other folders, in the manager's environment."""


def is_manager() -> bool:
    """Whether systemd started this machine (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def show(units, properties, timeout_s: float, missing: bool = False):
    """``systemctl show`` of all units in one command: a process is dear on a small node.

    The units that are there, with ``missing`` those that are not too, as ``parse_show`` gives them;
    ``{"error": text}`` if the question failed.
    """
    asked = units if missing else with_files(units)
    if not asked:
        return []
    answer = run(
        ["systemctl", "show", "--property", ",".join(["Id", "LoadState", *properties]), "--", *asked], timeout_s
    )
    if answer.get("rc") != 0:
        return {"error": answer.get("error") or f"systemctl show: {said(answer)}"}
    return [
        unit for unit in parse_show(answer["stdout"]) if missing or unit.get("LoadState", "not-found") != "not-found"
    ]


def with_files(units, folders=UNIT_FOLDERS, manager: str = "/proc/1/environ") -> list:
    """Those of the units that systemd may know, by its folders: it looks long for each that it does
    not. Patterns stay.

    All of them if a folder can't be read, or if systemd may look in others.
    """
    environment = text_or_none(manager)
    if environment is None or OTHER_FOLDERS in environment:
        return list(units)
    found: set = set()
    for folder in folders:
        try:
            found.update(os.listdir(folder))
        except FileNotFoundError:
            continue
        except OSError:
            return list(units)
    return [unit for unit in units if "*" in unit or found & {unit, template_of(unit)}]


def template_of(unit: str) -> str:
    """The file of an instance; of another unit its own name.

    >>> template_of("chrony@a.service"), template_of("chrony.service")
    ('chrony@.service', 'chrony.service')
    """
    name, at, instance = unit.partition("@")
    return f"{name}@.{instance.rpartition('.')[2]}" if at else unit


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
