# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ntpd of ntp.org and of NTPsec: its configuration as text, and what ntpq says."""

from __future__ import annotations

import os
import re

from ..node.files import first_existing, fragments, read_files
from ..node.processes import option, whose, working_directory
from ..node.run import run_all

# DHCP's comes first, as in the start scripts of Debian (ntp-systemd-wrapper of ntp and ntpsec).
CONFIGURATIONS = ("/run/ntpsec/ntp.conf.dhcp", "/etc/ntpsec/ntp.conf", "/run/ntp.conf.dhcp", "/etc/ntp.conf")
LETTERS = "46aAbc:dD:f:gGhi:I:k:l:LmMnNp:P:qr:Rs:t:u:U:vVw:xzZ"  # both's: ntp.org's ntpd-opts.def, getopt's in NTPsec's ntpd.c
# What ntp.org's autokey protects its private key with (ntp.conf(5), crypto); maybe in quotes, which
# may hold spaces.
PASSWORD = re.compile(r"""((?<!\S)pw\s+)("[^"]*"?|'[^']*'?|\S+)""")
COMMANDS = {"rv": ["ntpq", "-c", "rv"], "peers": ["ntpq", "-pn"]}


def collect(timeout_s: float, processes: list) -> dict:
    """The section ``ntpd``: nothing is run on a node that has no ntpd.

    ``processes``: the time daemons that run.
    """
    own, another_runs = whose(processes, "ntpd")
    path = configuration(own)
    # BusyBox reads /etc/ntp.conf as well, and what another's ntpd follows says nothing of this one.
    present = bool(own) or (path is not None and not another_runs)
    config = read_configuration(path)
    read = [os.path.realpath(file["path"]) for file in config["files"]]
    others = [path for path in CONFIGURATIONS if os.path.realpath(path) not in read]
    return {
        "present": present,
        "config": config,
        # A tool that writes a file that no ntpd here reads may install the ntpd that does: for
        # kubespray, `ntp` means ntpsec.
        "beside": _readable(others if present else [])["files"],
        "commands": run_all(COMMANDS, timeout_s) if present else {},
    }


def configuration(processes: list):
    """The path that the running ntpd was given, else the distribution's; None if there is none.

    One that may not set the clock is anybody's, and does not say which file root reads.
    """
    for process in processes:
        path = option(process["argv"], LETTERS, "c", ("configfile",))
        if path and process["may_set_clock"] is not False:
            return os.path.join(working_directory(process["pid"]), path)
    return first_existing(CONFIGURATIONS)


def read_configuration(path) -> dict:
    """The file at ``path`` and all that it draws in: ``{"path", "files", "unread"}``.

    Follows ``includefile`` of a file or, in NTPsec, of a folder's *.conf; NTPsec then reads those
    in ``ntp.d`` beside the file (ntp.conf(5) and ntp_config.c of NTPsec). What ``keys`` and
    ``crypto`` name is never read.
    """
    directory = os.path.dirname(path or "/")

    def drawn_in(text: str) -> list:
        found = []
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if len(words) > 1 and words[0] == "includefile":
                named = os.path.join(directory, words[1].strip("\"'"))
                found += fragments([named], ".conf") if os.path.isdir(named) else [named]
        return found

    ntp_d = fragments([os.path.join(directory, "ntp.d")], ".conf")
    return {"path": path, **_readable([path, *ntp_d] if path else [], drawn_in)}


def _readable(paths: list, drawn_in=None) -> dict:
    """As ``read_files``, without autokey's password."""
    read = read_files(paths, drawn_in)
    for file in read["files"]:
        file["text"] = without_passwords(file["text"])
    return read


def without_passwords(text: str) -> str:
    """The text with autokey's passwords redacted.

    Line by line: looked for in a whole text, it may take quadratic time.

    >>> without_passwords('  crypto host a pw "my secret" ident x\\nserver pw.example pw x')
    '  crypto host a pw [redacted] ident x\\nserver pw.example pw x'
    """
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.split(None, 1)[:1] == ["crypto"]:
            lines[number] = PASSWORD.sub(r"\1[redacted]", line)
    return "\n".join(lines)
