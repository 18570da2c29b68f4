# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd-timesyncd: its configuration as text, and what timedatectl says of it."""

from __future__ import annotations

import os

from ..node.files import first_existing, fragments, read_files
from ..node.processes import not_contained
from ..node.run import run

# In the order in which systemd searches them (systemd.unit(5); timesyncd.conf(5)).
FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
PROGRAM = "systemd-timesyncd"


def collect(timeout_s: float, processes: list) -> dict:
    """The section ``timesyncd``; ``present``: it is installed.

    ``processes``: the time daemons that run.

    timedatectl is asked only if timesyncd runs. The question goes over D-Bus, which would start an
    enabled timesyncd.
    """
    runs = any(process["comm"] == "systemd-timesyn" for process in not_contained(processes))
    return {
        "present": runs or first_existing(os.path.join(folder, PROGRAM) for folder in FOLDERS) is not None,
        "config": read_configuration(),
        "commands": {"timesync": run(["timedatectl", "show-timesync", "--all"], timeout_s)} if runs else {},
    }


def read_configuration(root: str = "") -> dict:
    """The first timesyncd.conf, then the drop-ins of all folders by name: ``{"path", "files",
    "unread"}``.
    """
    folders = [root + folder for folder in FOLDERS]
    path = first_existing(f"{folder}/timesyncd.conf" for folder in folders)
    drop_ins = fragments([f"{folder}/timesyncd.conf.d" for folder in folders], ".conf")
    return {"path": path, **read_files([path, *drop_ins] if path else drop_ins)}
