# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""chronyd's configuration: tried before it is written, and a start that does not step the clock."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch

from ..node.named import interface, kind, points_file, user
from ..node.run import installed, run, said
from . import files
from .files import RemediationError

TIMEOUT_S = 60


def validate(config: str, data_of: dict, notes: list) -> None:
    """Has ``chronyd -p`` read the configuration with the files that are staged; RemediationError
    with what it says.

    The main file, staged or as it is, and the staged fragments that it draws in; what else it draws
    in is read as it is. A copy elsewhere would not do: Debian's AppArmor profile lets chronyd read
    its own folder alone.
    """
    text = (data_of[config] if config in data_of else files.read(config) or b"").decode("utf-8", "replace")
    fragments = [path for path in data_of if path != config and draws_in(text, path)]
    if not installed("chronyd") or not (fragments or config in data_of):
        return
    read = [files.staged(path) if path in data_of else path for path in [config, *fragments]]
    answer = run(["chronyd", "-p", *(f"include {path}" for path in read)], TIMEOUT_S)
    if answer.get("rc") == 0:
        return
    problem = said(answer)
    if "invalid option" in problem:
        notes.append(
            "The configuration was not tried with chronyd -p, which this chronyd, older than 4.0, does not have."
        )
        return
    for path in data_of:
        problem = problem.replace(files.staged(path), path)
    raise RemediationError(f"chronyd refuses the new configuration: {problem}. Correct it and run again.")


def refuse_lacking(needs: list) -> None:
    """RemediationError if the node lacks what a line needs: ``chronyd -p`` does not look for it,
    and a start would end.
    """
    for need in needs:
        path = os.path.join("/", need["name"])
        if need["kind"] == "users":
            found = user(need["name"])
        elif need["kind"] == "interfaces":
            found = interface(need["name"])
        else:
            found = points_file(path) if "points" in need["one_of"] else kind(path)
        if found not in need["one_of"]:
            expected = " or ".join(need["one_of"])
            raise RemediationError(
                f"chronyd would not start with {need['line']}: {need['name']} is {found}; expected {expected}. Correct the line "
                "and run again."
            )


def draws_in(text: str, path: str) -> bool:
    """Whether chrony.conf's text names the file, or the folder that it is in (chrony.conf(5):
    confdir, sourcedir, include).

    >>> draws_in("confdir /etc/chrony/conf.d\\n", "/etc/chrony/conf.d/50-site.conf")
    True
    >>> draws_in("include /etc/chrony.d/*.conf\\n", "/etc/systemd/system/kubelet.service.d/order.conf")
    False
    """  # noqa: W505 - an example or a table
    folder = os.path.dirname(path)
    for directive, *named in (line.split() for line in text.splitlines() if line.strip()):
        if directive.lower() in ("confdir", "sourcedir") and folder in [name.rstrip("/") for name in named]:
            return True
        if directive.lower() == "include" and any(
            os.path.dirname(pattern) == folder and fnmatch(path, pattern) for pattern in named
        ):
            return True
    return False


def slew_files(root: str, unit: str, chronyd: dict) -> dict:
    """The files by which chronyd's start does not step the clock, until the next boot: there a step
    is right.

    ``{path: (content, mode)}``, both None if a file is to be absent. ``chronyd``: that option of
    the module, ``unit`` its unit by systemd's own name. chronyd(8) -R: makestep is ignored at this
    start. Of several EnvironmentFile= the last wins (systemd.exec(5)).
    """
    # By its name the last of the unit's drop-ins, whichever folder these are in (systemd.unit(5)).
    drop_in = f"{root}/run/systemd/system/{unit}.d/zz-skewgate-slew.conf"
    environment = f"{root}/run/skewgate-slew.env"
    if chronyd["step"]:
        return {drop_in: (None, None), environment: (None, None)}
    options = chronyd["options"].split()
    value = re.sub(r'([\\"`$])', r"\\\1", " ".join([*options, *({"-R"} - set(options))]))
    return {
        environment: (f'{chronyd["options_variable"]}="{value}"\n'.encode(), "0644"),
        drop_in: (b"[Service]\nEnvironmentFile=-/run/skewgate-slew.env\n", "0644"),
    }
