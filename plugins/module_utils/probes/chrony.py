# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""chrony: its version, its configuration as text with all it includes, and what chronyc says."""

from __future__ import annotations

import getopt
import glob
import os
import shlex
import stat
import time

from ..node import background
from ..node.files import MAX_SMALL_BYTES, first_existing, fragments, read_files, read_text, text_or_none
from ..node.named import named
from ..node.processes import CHRONYD_LETTERS, not_contained, option, working_directory
from ..node.run import installed, run_all

CONFIGURATIONS = ("/etc/chrony/chrony.conf", "/etc/chrony.conf", "/usr/etc/chrony.conf")
# Where chronyd's options stand: Debian and SUSE or Red Hat's EnvironmentFile=, Alpine's and Gentoo's OpenRC.
DEFAULTS = ("/etc/default/chrony", "/etc/sysconfig/chronyd", "/etc/conf.d/chronyd")
DEFAULTS_OPTIONS = ("DAEMON_OPTS", "OPTIONS", "ARGS")
DEFAULTS_SHOWN = (*DEFAULTS_OPTIONS, "GNUTLS_FORCE_FIPS_MODE")  # the rest of chronyd's environment may hold a secret
PID_FILES = ("/run/chrony/chronyd.pid", "/run/chronyd.pid", "/var/run/chrony/chronyd.pid", "/var/run/chronyd.pid")
MAX_OPTIONS_CHARS = 16 * 1024
COMMAND_LINE = "chronyd's command line"
ENDING_OPTIONS = "FLPQhlpqtuv"  # those of chronyd's own that may end its start, or end it after that (chronyd(8))
ENDING_OPTIONS_OF_RUNNING = "FPltu"
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
}


def collect(timeout_s: float, processes: list) -> dict:
    """The section ``chrony``; a command that cannot be run is ``{"error"}``. ``processes``: the time daemons that run."""
    defaults = default_files()
    path, directory = configuration(processes, defaults)
    commands = {name: ["chronyc", "-c", *arguments] for name, arguments in COMMANDS.items()}
    commands["version"] = ["chronyd", "-v"]
    if path:
        # Prints what chronyd makes of the file and ends, without privilege and touching nothing; before 4.0 it knows no -p,
        # prints its help and ends (chrony's main.c).
        commands["printed"] = ["chronyd", "-p", "-f", path]
    answers = run_all(commands, timeout_s)
    config = read_configuration(path, directory)
    options = ending_options(processes, defaults)
    named_by_config = background.start(named, directives(config["files"]), options, directory)
    return {
        "present": installed("chronyd") or installed("chronyc"),
        "version": _version(answers.pop("version")),
        "config": config,
        "keyfile": key_file(config["files"], directory),
        # A user is looked up where nsswitch.conf says, a path may be on a network: neither may hold up the rest.
        "named": background.outcome(named_by_config, time.monotonic() + timeout_s),
        "fips": text_or_none("/proc/sys/crypto/fips_enabled") == "1",
        "defaults": defaults,
        "started_s": started_s(),
        "printed": answers.pop("printed", None),
        "commands": answers,
    }


def _version(answer: dict):
    """``chronyd (chrony) version 4.3 (+CMDMON ...)`` to ``4.3``; None where chronyd is not installed."""
    words = answer.get("stdout", "").split()
    return words[words.index("version") + 1] if "version" in words[:-1] else None


def directives(files: list) -> list:
    """The lines of chrony's files as lists of words, the first in lower case; comments are left out.

    A comment is a line that begins with one of ``!;#%`` (chrony.conf(5)).
    """
    found = []
    for file in files:
        for line in file["text"].splitlines():
            words = line.split()
            if words and words[0][0] not in "!;#%":
                found.append([words[0].lower(), *words[1:]])
    return found


def key_file(files: list, directory: str = "/"):
    """The key file's permissions, ``{"path", "mode": "0640"}``; it is never read. None where there is none."""
    paths = [words[1] for words in directives(files) if words[0] == "keyfile" and len(words) > 1]
    if not paths:
        return None
    path = os.path.join(directory, paths[-1])
    try:
        return {"path": path, "mode": f"{stat.S_IMODE(os.stat(path).st_mode):04o}"}
    except OSError:
        return None


def default_files() -> list:
    """The files of DEFAULTS that are there, ``[{"path", "text", "mtime_s"}]``; of their lines those of DEFAULTS_SHOWN.

    Raises ValueError where one is larger than it can be: chronyd's options might be in the rest of it.
    """
    read = read_files([path for path in DEFAULTS if os.path.exists(path)])
    files = read["files"]
    for file in read["unread"]:
        if file["kind"] == "other":
            raise ValueError(f"{file['path']}: {file['error']}")
    for file in files:
        lines = file["text"].splitlines(keepends=True)
        file["text"] = "".join(line for line in lines if line.partition("=")[0].strip() in DEFAULTS_SHOWN)
    return files


def configuration(processes: list, defaults: list = ()) -> tuple:
    """The configuration's path (None if there is none) and the folder that relative paths in it start from.

    ``defaults`` are the files of DEFAULTS: they tell what chronyd would be started with where it does not run.
    """
    for process in not_contained(processes):
        # With -x a chronyd serves time and leaves the clock alone.
        if process["comm"] == "chronyd" and option(process["argv"], CHRONYD_LETTERS, "x") is None:
            path = option(process["argv"], CHRONYD_LETTERS, "f")
            directory = working_directory(process["pid"]) if path else "/"
            break
    else:
        options = [word for file in defaults for word in _options(file["text"])]
        path, directory = option(["chronyd", *options], CHRONYD_LETTERS, "f"), "/"
    return os.path.join(directory, path) if path else first_existing(CONFIGURATIONS), directory


def _options(text: str) -> list:
    """The options of chronyd in a file of shell assignments.

    >>> _options('# DAEMON_OPTS="-x"\\nDAEMON_OPTS="-F 1 -f /srv/chrony.conf"')
    ['-F', '1', '-f', '/srv/chrony.conf']
    """
    found: list = []
    for line in text.splitlines():
        name, _equals, value = line.strip().partition("=")
        if name in DEFAULTS_OPTIONS:
            if len(value) > MAX_OPTIONS_CHARS:  # shlex takes quadratic time for a long word
                raise ValueError(f"{name} has more than {MAX_OPTIONS_CHARS} characters")
            try:
                found = shlex.split(" ".join(shlex.split(value, comments=True)))
            except ValueError:  # a quotation that goes on in the next line
                found = value.strip("\"'").split()
    return found


def ending_options(processes: list, defaults: list) -> dict:
    """Of ENDING_OPTIONS those of chronyd's next start: ``{letter: {"value", "from"}}``, ``from`` the file or COMMAND_LINE.

    They stand in the files of DEFAULTS; where none of these sets any, they are those of the chronyd that runs. The letter ``?``
    is for an option that chronyd does not know: its value says which.
    """
    given = [(file["path"], words) for file in defaults for words in [_options(file["text"])] if words]
    letters = ENDING_OPTIONS if given else ENDING_OPTIONS_OF_RUNNING
    found = {}
    for where, words in given:
        try:
            getopt.gnu_getopt(words, CHRONYD_LETTERS + "N:")  # -N came with chrony 4.9
        except getopt.GetoptError as error:
            found["?"] = {"value": str(error), "from": where}
    for process in [] if given else not_contained(processes):
        if process["comm"] == "chronyd" and option(process["argv"], CHRONYD_LETTERS, "x") is None:
            given.append((COMMAND_LINE, process["argv"][1:]))
    for letter in letters:
        for where, words in given:
            value = option(["chronyd", *words], CHRONYD_LETTERS, letter)
            if value is not None:
                found[letter] = {"value": value, "from": where}
    return found


def started_s():
    """When chronyd made its PID file, by the clock that it started with: comparable with its files' times after a step too.

    None where the file is elsewhere than by default, or left from a chronyd that no longer runs.
    """
    for path in PID_FILES:
        try:
            if os.path.exists(f"/proc/{int(read_text(path, MAX_SMALL_BYTES))}"):
                return os.stat(path).st_mtime
        except (OSError, ValueError):
            continue
    return None


def read_configuration(path, directory: str = "/") -> dict:
    """The file at ``path`` and all that it draws in: ``{"path", "files", "unread", "sources_dirs"}``.

    Follows ``include``, ``confdir`` and ``sourcedir`` as chrony.conf(5) says; ``sources_dirs`` are the folders of the last two,
    ``[{"path", "exists"}]``. The key file is never read: it is named by ``keyfile``, which is not followed.
    """
    directories: dict = {}

    def drawn_in(text: str) -> list:
        found = []
        for directive, *words in directives([{"text": text}]):
            if directive == "include" and words:
                pattern = os.path.join(directory, words[0])
                # Without a match the pattern itself is tried, and found missing, as chronyd does.
                found += sorted(glob.glob(pattern)) or [pattern]
            elif directive in SUFFIXES:
                folders = [os.path.join(directory, word) for word in words]
                directories.update((folder, os.path.isdir(folder)) for folder in folders)
                found += fragments(folders, SUFFIXES[directive])
        return found

    read = read_files([path] if path else [], drawn_in)
    return {
        "path": path,
        **read,
        "sources_dirs": [{"path": folder, "exists": exists} for folder, exists in directories.items()],
    }
