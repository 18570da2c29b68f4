# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ntpd-rs: its configuration as text, and what ntp-ctl says."""

from __future__ import annotations

import os
import re

from ..node.files import read_files
from ..node.processes import not_contained, option, working_directory
from ..node.run import run

CONFIGURATION = "/etc/ntpd-rs/ntp.toml"
LETTERS = "c:l:hv"  # of ntp-daemon, ntpd/src/daemon/config/mod.rs of ntpd-rs 1.4 and 1.9
BEGINS = re.compile(r"""\s*(?:\[+[\w-]|(?:[\w.-]+|"[^"]*"|'[^']*')\s*=)""")


def collect(timeout_s: float, processes: list) -> dict:
    """The section ``ntpd_rs``; nothing is run on a node where it does not run.

    ``processes``: the time daemons that run. ntp-ctl reads the daemon's socket. Its metrics are the
    same in 1.4 and 1.9; the JSON of the socket is not.
    """
    # Anybody's process may have this name, and what it names would be read and asked as root.
    own = [
        process
        for process in not_contained(processes)
        if process["comm"] == "ntp-daemon" and process["may_set_clock"] is not False
    ]
    path = configuration(own)
    config = read_files([path])
    for file in config["files"]:
        file["text"] = without_tokens(file["text"])
    asking = ["ntp-ctl", "status", "-f", "prometheus", "-c", path]
    return {
        "present": bool(own) or os.path.exists(path),
        "config": {"path": path, **config},
        "commands": {"status": run(asking, timeout_s)} if own else {},
    }


def configuration(processes: list) -> str:
    """The path that the running daemon was given, else the default."""
    for process in processes:
        words = [part for word in process["argv"] for part in (word.split("=", 1) if word[:2] == "--" else [word])]
        path = option(words, LETTERS, "c", ("config",))
        if path:
            return os.path.join(working_directory(process["pid"]), path)
    return CONFIGURATION


def without_tokens(text: str) -> str:
    """The text with an empty list in place of each list of tokens, and as many lines.

    A server of key exchange lists those of its pools (accepted-pool-authentication-tokens).

    >>> without_tokens('accepted-tokens = [\\n  "abc=",\\n]\\nlisten = "[::]:4460"')
    'accepted-tokens = []\\n\\n\\nlisten = "[::]:4460"'
    """
    lines, inside = [], False
    for line in text.split("\n"):
        inside = inside and not BEGINS.match(line)
        equals = -1 if inside or "token" not in line else line.find("=", line.index("token"))
        lines.append("" if inside else line if equals < 0 else line[: equals + 1] + " []")
        inside = inside or equals >= 0
    return "\n".join(lines)
