# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""chrony: its version, its configuration as text with all it includes, and what chronyc says."""

from __future__ import annotations

import glob
import os

from .background import gather
from .processes import time_daemons
from .run import installed, run

CONFIGURATIONS = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
PID_FILES = ("/run/chrony/chronyd.pid", "/run/chronyd.pid", "/var/run/chrony/chronyd.pid", "/var/run/chronyd.pid")
MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 64
SUFFIXES = {"confdir": ".conf", "sourcedir": ".sources"}

COMMANDS = {
    "tracking": ("-n", "tracking"),
    "sources": ("-n", "sources"),
    "sources_all": ("-N", "sources", "-a"),
    "sources_named": ("-N", "sources"),  # row by row those of "sources", which have addresses for names
    "sourcestats": ("-n", "sourcestats"),
    "activity": ("-n", "activity"),
    "authdata": ("-n", "authdata"),
    "selectdata": ("-n", "selectdata"),
    "serverstats": ("-n", "serverstats"),
}


def collect(timeout_s: float) -> dict:
    """The section ``chrony``; a command that cannot be run is ``{"error"}``."""
    path, directory = configuration(time_daemons())
    tasks = {name: _asker(["chronyc", "-c", *arguments], timeout_s) for name, arguments in COMMANDS.items()}
    tasks["version"] = lambda: _version(timeout_s)
    # Prints what chronyd makes of the file and ends; it needs no privilege and touches nothing.
    tasks["printed"] = lambda: run(["chronyd", "-p", "-f", path], timeout_s) if path else None
    answers = gather(tasks, timeout_s + 1)
    return {
        "present": installed("chronyd") or installed("chronyc"),
        "version": answers.pop("version"),
        "config": read_configuration(path, directory),
        "started_s": started_s(),
        "printed": answers.pop("printed"),
        "commands": answers,
    }


def _asker(argv: list, timeout_s: float):
    return lambda: run(argv, timeout_s)


def _version(timeout_s: float):
    """``chronyd (chrony) version 4.3 (+CMDMON ...)`` to ``4.3``; None where chronyd is not installed."""
    words = run(["chronyd", "-v"], timeout_s).get("stdout", "").split()
    return words[words.index("version") + 1] if "version" in words[:-1] else None


def configuration(processes: list) -> tuple:
    """The configuration's path (None if there is none) and the folder that relative paths in it start from."""
    for process in processes:
        # With -x a chronyd serves time and leaves the clock alone.
        if process["comm"] == "chronyd" and "-x" not in process["argv"]:
            path = _option(process["argv"], "-f")
            if path:
                directory = _working_directory(process["pid"])
                return os.path.join(directory, path), directory
    return next(filter(os.path.exists, CONFIGURATIONS), None), "/"


def started_s():
    """When chronyd made its PID file, by the clock that it started with: comparable with its files' times after a step too.

    None where the file is elsewhere than by default, or left from a chronyd that no longer runs.
    """
    for path in PID_FILES:
        try:
            with open(path) as file:
                if os.path.exists(f"/proc/{int(file.read())}"):
                    return os.fstat(file.fileno()).st_mtime
        except (OSError, ValueError):
            continue
    return None


def _option(argv: list, option: str):
    """The value of ``-f FILE`` or ``-fFILE``."""
    for position, argument in enumerate(argv):
        if argument == option:
            return argv[position + 1] if position + 1 < len(argv) else None
        if argument.startswith(option):
            return argument[len(option) :]
    return None


def _working_directory(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:  # another user's process; as a daemon, chronyd is at /
        return "/"


def read_configuration(path, directory: str = "/") -> dict:
    """The file at ``path`` and all that it draws in, in the order of reading: ``{"path", "files", "unread"}``.

    Follows ``include``, ``confdir`` and ``sourcedir`` as chrony.conf(5) says. The key file is never read: it is named
    by ``keyfile``, which is not followed.
    """
    files: list = []
    unread: list = []
    waiting = [path] if path else []
    seen = set()
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        try:
            if len(files) == MAX_FILES:
                raise ValueError(f"the configuration has more than {MAX_FILES} files")
            text = _read(current)
        except (OSError, ValueError) as error:
            unread.append({"path": current, "error": str(error)})
            continue
        files.append({"path": current, "text": text, "mtime_s": os.stat(current).st_mtime})
        drawn_in = []
        for line in text.splitlines():
            words = line.split()
            directive = words[0].lower() if words else ""
            if directive == "include" and len(words) > 1:
                pattern = os.path.join(directory, words[1])
                # Without a match the pattern itself is tried, and found missing, as chronyd does.
                drawn_in += sorted(glob.glob(pattern)) or [pattern]
            elif directive in SUFFIXES:
                drawn_in += _fragments([os.path.join(directory, word) for word in words[1:]], SUFFIXES[directive])
        waiting[:0] = drawn_in
    return {"path": path, "files": files, "unread": unread}


def _fragments(directories: list, suffix: str) -> list:
    """The files of several directories by file name; of two with the same name, the one in the earlier directory."""
    by_name: dict = {}
    for directory in directories:
        for path in glob.glob(os.path.join(glob.escape(directory), "*" + suffix)):
            by_name.setdefault(os.path.basename(path), path)
    return [by_name[name] for name in sorted(by_name)]


def _read(path: str) -> str:
    with open(path, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES} bytes")
    return content.decode("utf-8", "replace")
