# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""chrony: its version, its configuration as text with all it includes, and what chronyc says."""

from __future__ import annotations

import getopt
import glob
import os
import re
import shlex
import stat
import time
from typing import NamedTuple

from ..node import background
from ..node.files import MAX_SMALL_BYTES, fragments, read_files, read_text, text_or_none
from ..node.named import named
from ..node.names import COMMAND_LINE
from ..node.processes import CHRONYD_LETTERS, not_contained, operands, option, whole_directives, working_directory
from ..node.run import installed, run, run_all
from ..node.systemd import commands

# What a chronyd reads without -f is compiled in: Debian's, Alpine's and Arch's package, and that of
# all others.
CONFIGURATIONS = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
OF_SUSE = "/usr/etc/chrony.conf"  # in place of an absent /etc/chrony.conf
# Which of CONFIGURATIONS belongs to whose package, for a chronyd before 4.0, which does not show
# it.
PACKAGE_DATABASES = (("/var/lib/dpkg/status", "/lib/apk/db"), ("/var/lib/rpm", "/usr/lib/sysimage/rpm"))
UNITS = ("chrony.service", "chronyd.service", "chronyd-restricted.service")
HELP_WITHIN_S = 2.0
# Where chronyd's options stand: Debian and SUSE or Red Hat's EnvironmentFile=, Alpine's and
# Gentoo's OpenRC.
DEFAULTS = ("/etc/default/chrony", "/etc/sysconfig/chronyd", "/etc/conf.d/chronyd")
DEFAULTS_OPTIONS = ("DAEMON_OPTS", "OPTIONS", "ARGS")
DEFAULTS_SHOWN = (*DEFAULTS_OPTIONS, "GNUTLS_FORCE_FIPS_MODE")  # the rest of chronyd's environment may hold a secret
PID_FILES = ("/run/chrony/chronyd.pid", "/run/chronyd.pid", "/var/run/chrony/chronyd.pid", "/var/run/chronyd.pid")
NOT_STEERING = "xqQtphv"  # options with which chronyd leaves the clock alone, or ends (chronyd(8))
MAX_OPTIONS_CHARS = 16 * 1024
ENDING_OPTIONS = "FLPQhlpqtuv"  # those of chronyd's own that may end its start, or end it after that (chronyd(8))
ENDING_OPTIONS_OF_RUNNING = "FPltu"
MAX_FEATURES = 64
UNIT_PROPERTIES = ("Environment", "EnvironmentFiles")
"""What is asked of units for this section alone; it is not handed out, as it may hold a secret."""
PIECED = "chronyd changed its arguments as it read them, and what they were is not known: write them into a file (chronyd -f)"
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


def collect(timeout_s: float, processes: list, units=list) -> dict:
    """The section ``chrony``; a command that cannot be run is ``{"error"}``.

    ``processes``: the time daemons that run.

    ``units`` gives what ``systemd.show`` says of time daemons, with the names, ExecStart and
    MainPID of each.
    """
    asked = background.start(
        run_all, {name: ["chronyc", "-c", *arguments] for name, arguments in COMMANDS.items()}, timeout_s
    )
    defaults = default_files()
    start = configuration(processes, defaults, units)
    of_program = {"version": [start.program, "-v"]}
    if start.path and not start.unknown:
        # Prints what chronyd makes of the file and ends, without privilege and touching nothing;
        # before 4.0 it knows no -p, prints its help and ends (chrony's main.c).
        of_program["printed"] = [
            start.program,
            "-p",
            *(["--", *start.directives] if start.directives else ["-f", start.path]),
        ]
    said = run_all(of_program, timeout_s)
    printed = said.get("printed")
    if printed and printed.get("rc") and _are_pieced(start.directives, processes):
        start, printed = start._replace(unknown=PIECED), None
    config = read_configuration(*start[1:])
    version = said["version"].get("stdout", "")
    options = ending_options(processes, defaults)
    named_by_config = background.start(named, directives(config["files"]), options, start.directory)
    return {
        "present": installed("chronyd") or installed("chronyc"),
        "version": _version(version),
        "features": _features(version),
        "config": config,
        "keyfile": key_file(config["files"], start.directory),
        # nsswitch.conf may send the look-up of a user over the network, and a path may be on one.
        # Neither may hold up the rest.
        "named": background.outcome(named_by_config, time.monotonic() + timeout_s),
        "fips": text_or_none("/proc/sys/crypto/fips_enabled") == "1",
        "defaults": defaults,
        "next_start": _next_start(start, processes, defaults, units),
        "started_s": started_s(),
        "printed": printed,
        "commands": asked.result(),
    }


def _version(text: str):
    """``chronyd (chrony) version 4.3 (+CMDMON ...)`` to ``4.3``; None if chronyd is not
    installed.
    """
    words = text.split()
    return words[words.index("version") + 1] if "version" in words[:-1] else None


def _features(text: str) -> list:
    """What was built in and what was not, as `chronyd -v` lists it.

    >>> _features("chronyd (chrony) version 4.9 (+CMDMON -NTS +IPV6 -DEBUG)")
    ['+CMDMON', '-NTS', '+IPV6', '-DEBUG']
    """
    return re.findall(r"(?<=[( ])[+-][A-Z0-9_]+(?=[ )])", text)[:MAX_FEATURES]


def directives(files: list) -> list:
    """The lines of chrony's files as lists of words, the first in lower case; comments are left
    out.

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
    """The key file's permissions, ``{"path", "mode": "0640"}``; it is never read.

    None if there is none.
    """
    paths = [words[1] for words in directives(files) if words[0] == "keyfile" and len(words) > 1]
    if not paths:
        return None
    path = os.path.join(directory, paths[-1])
    try:
        return {"path": path, "mode": f"{stat.S_IMODE(os.stat(path).st_mode):04o}"}
    except OSError:
        return None


def default_files() -> list:
    """The files of DEFAULTS that are there, ``[{"path", "text", "mtime_s"}]``; of their lines those
    of DEFAULTS_SHOWN.

    Raises ValueError if one is larger than it can be: chronyd's options might be in the rest of it.
    """
    read = read_files([path for path in DEFAULTS if os.path.exists(path)])
    files = read["files"]
    for file in read["unread"]:
        if file["kind"] == "other":
            raise ValueError(f"{file['path']}: {file['error']}")
    for file in files:
        # A backslash at a line's end goes on in the next one.
        shown = re.findall(rf"^[ \t]*(?:{'|'.join(DEFAULTS_SHOWN)})=(?:.*\\\n)*.*\n?", file["text"], re.MULTILINE)
        file["text"] = "".join(shown).replace("\\\n", "")
    return files


class Start(NamedTuple):
    """How chronyd was started, or would be: ``program``, by a name of PATH or a path, and what it
    reads.

    ``path``: its configuration, COMMAND_LINE with ``directives`` in place of one, None without
    chronyd. ``directory``: where relative paths start from. ``unknown``: why ``path`` is only one
    of those that it may read.
    """

    program: str
    path: str | None
    directory: str = "/"
    directives: tuple = ()
    unknown: str = ""


def configuration(processes: list, defaults: list = (), units=list) -> Start:
    """What the chronyd that runs reads; without one, what its unit or the options in ``defaults``
    would have it read.
    """
    process = _running(processes)
    if process:
        directory, program = working_directory(process["pid"]), _own_program(process) or "chronyd"
        return _started_with(process["argv"], program, directory, whole=False)
    argv, unknown = _argv_of_unit(_unit(units()), defaults)
    if not argv and not unknown:
        argv = ["chronyd", *(word for file in defaults for word in _options(file["text"]))]
    if unknown:
        return Start("chronyd", COMMAND_LINE, unknown=unknown)
    return _started_with(argv)


def _running(processes: list):
    """The chronyd that steers the clock."""
    return next(filter(_steers, not_contained(processes)), None)


def _steers(process: dict) -> bool:
    """With -x a chronyd serves time and leaves the clock alone; one that may not set the clock is
    anybody's.
    """
    return (
        process["comm"] == "chronyd"
        and process.get("may_set_clock") is not False
        and option(process["argv"], CHRONYD_LETTERS, "x") is None
    )


def _are_pieced(directives: tuple, processes: list) -> bool:
    """Whether directives of the chronyd that runs had to be put together again."""
    process = _running(processes)
    return bool(directives and process) and tuple(operands(process["argv"], CHRONYD_LETTERS)) != directives


def _started_with(argv: list, program: str = "chronyd", directory: str = "/", whole: bool = True) -> Start:
    """``whole``: False for the arguments that a process shows."""
    given = operands(argv, CHRONYD_LETTERS)
    directives = tuple(given if whole else whole_directives(given))
    if directives:
        return Start(program, COMMAND_LINE, directory, directives)
    path = option(argv, CHRONYD_LETTERS, "f")
    if path:
        return Start(program, os.path.join(directory, path), directory)
    return _by_default(program, directory)


def _unit(shown, pid: int = 0) -> dict:
    """Of chronyd's units the one whose main process it is, else one that is enabled; empty if there
    is none.
    """
    found = [
        unit
        for unit in ([] if "error" in shown else shown)
        if {*unit.get("Names", "").split()} & {*UNITS} and (not pid or unit.get("MainPID") == str(pid))
    ]
    return next((unit for unit in found if unit.get("UnitFileState") == "enabled"), found[0] if found else {})


def _argv_of_unit(unit: dict, defaults: list) -> tuple:
    """``(argv, unknown)``: how a unit starts chronyd, or why that is not known; both empty without
    a unit or a chronyd in it.

    systemctl shows no quotes, so of directives in ExecStart= it is not known where one ends.
    """
    lines = commands(unit.get("ExecStart", ""))
    words = lines[0].split() if len(lines) == 1 else []
    if not words or not os.path.basename(words[0]).startswith("chronyd"):  # Ubuntu has a chronyd-starter.sh
        return [], ""
    argv = ["chronyd"]
    for word in words[1:]:
        variable = re.fullmatch(r"\$\{?(\w+)\}?", word)
        if variable and variable[1] in DEFAULTS_OPTIONS:
            values = [_options(file["text"], (variable[1],)) for file in defaults]
            value = next((value for value in reversed(values) if value), [])
            if not value and _may_have_from_elsewhere(unit, variable[1]):
                return [], f"{unit['Id']} may have {word} from its Environment=, or from a file that was not read"
            argv += value
        elif "$" in word:
            return [], f"{unit['Id']} starts chronyd with {word}, whose value is not known"
        else:
            argv.append(word)
    if operands(["chronyd", *(word for word in words[1:] if "$" not in word)], CHRONYD_LETTERS):
        return (
            [],
            f"the directives in ExecStart= of {unit['Id']} are shown without quotes: it is not known where one ends",
        )
    return argv, ""


def _may_have_from_elsewhere(unit: dict, name: str) -> bool:
    """Whether a unit sets a variable itself, or reads a file that may; of those in /run a boot
    leaves nothing.
    """
    files = re.findall(r"^(\S+) \(ignore_errors=", unit.get("EnvironmentFiles", ""), re.MULTILINE)
    others = [file for file in files if file not in DEFAULTS and not file.startswith("/run/")]
    return bool(others or re.search(rf"(?:^|[\s\"]){name}=", unit.get("Environment", "")))


def _next_start(start: Start, processes: list, defaults: list, units):
    """What the unit of the chronyd that runs has it read at its next start; None if that is not
    known.
    """
    process = _running(processes)
    unit = _unit(units(), process["pid"]) if process else {}
    argv, _unknown = _argv_of_unit(unit, defaults)
    if not argv:
        return None
    own = operands(argv, CHRONYD_LETTERS) or option(argv, CHRONYD_LETTERS, "f")
    running = start.directives or option(process["argv"], CHRONYD_LETTERS, "f")
    following = _started_with(argv) if own or running else start
    if following.unknown:
        return None
    unfit = next((f"-{letter}" for letter in NOT_STEERING if option(argv, CHRONYD_LETTERS, letter) is not None), None)
    return {"unit": unit["Id"], "path": following.path, "text": _text(following.directives), "unfit": unfit}


def _text(directives_of_argv) -> str:
    """Directives of a command line as a file: a line for each."""
    return "".join(f"{' '.join(words.split())}\n" for words in directives_of_argv)


def _by_default(program: str, directory: str) -> Start:
    """The file that is compiled in: `chronyd -h` names it since 4.0.

    Of an older one, whose package it is.
    """
    said = re.search(r"^ +-f FILE\s.*\((/.*)\)$", run([program, "-h"], HELP_WITHIN_S).get("stdout", ""), re.MULTILINE)
    if said:
        suses = said[1] in CONFIGURATIONS[1:] and not os.path.exists(said[1]) and os.path.exists(OF_SUSE)
        return Start(program, OF_SUSE if suses else said[1], directory)
    there = [path for path in CONFIGURATIONS if os.path.exists(path)]
    if len(there) > 1:
        owners = [path for path, files in zip(CONFIGURATIONS, PACKAGE_DATABASES) if any(map(os.path.exists, files))]
        if len(owners) != 1:
            unknown = f"chronyd does not say whether it reads this file or {there[1]}: take away the one that it does not read"
            return Start(program, there[0], directory, unknown=unknown)
        there = owners
    if not there and os.path.exists(OF_SUSE):
        there = [OF_SUSE]
    return Start(program, there[0] if there else None, directory)


def _own_program(process: dict):
    """The program of a chronyd that runs, if it can be run here; None if that is not known to be
    safe.

    It must be the same file still, in mounts of this module's, and only root or who asks may have
    put it there.
    """
    path = process.get("exe")
    try:
        if not path or os.path.basename(path) != "chronyd" or not os.path.samefile(path, f"/proc/{process['pid']}/exe"):
            return None
        place = path = os.path.realpath(path)
        while place:
            status = os.stat(place)
            # Of a folder like /tmp, others can't rename what is not theirs.
            sticky = place != path and status.st_mode & stat.S_ISVTX
            if status.st_uid not in (0, os.geteuid()) or (status.st_mode & 0o022 and not sticky):
                return None
            place = os.path.dirname(place) if place != "/" else ""
        return path
    except OSError:
        return None


def _options(text: str, names: tuple = DEFAULTS_OPTIONS) -> list:
    """The options of chronyd in a file of shell assignments, by the names of their variables.

    >>> _options('# DAEMON_OPTS="-x"\\nDAEMON_OPTS="-F 1 -f /srv/chrony.conf"')
    ['-F', '1', '-f', '/srv/chrony.conf']
    """
    found: list = []
    for line in text.splitlines():
        name, _equals, value = line.strip().partition("=")
        if name in names:
            if len(value) > MAX_OPTIONS_CHARS:  # shlex takes quadratic time for a long word
                raise ValueError(f"{name} has more than {MAX_OPTIONS_CHARS} characters")
            try:
                found = shlex.split(" ".join(shlex.split(value, comments=True)))
            except ValueError:  # a quotation that goes on in the next line
                found = value.strip("\"'").split()
    return found


def ending_options(processes: list, defaults: list) -> dict:
    """Of ENDING_OPTIONS those of chronyd's next start: ``{letter: {"value", "from"}}``, ``from``
    the file or COMMAND_LINE.

    They are in the files of DEFAULTS. If none of these sets any, they are those of the chronyd that
    runs. The letter ``?`` is for an option that chronyd does not know: its value says which.
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
        if _steers(process):
            given.append((COMMAND_LINE, process["argv"][1:]))
    for letter in letters:
        for where, words in given:
            value = option(["chronyd", *words], CHRONYD_LETTERS, letter)
            if value is not None:
                found[letter] = {"value": value, "from": where}
    return found


def started_s():
    """When chronyd made its PID file, by the clock that it started with: comparable with its files'
    times after a step too.

    None if the file is elsewhere than by default, or left from a chronyd that no longer runs.
    """
    for path in PID_FILES:
        try:
            if os.path.exists(f"/proc/{int(read_text(path, MAX_SMALL_BYTES))}"):
                return os.stat(path).st_mtime
        except (OSError, ValueError):
            continue
    return None


def read_configuration(path, directory: str = "/", arguments: tuple = (), unknown: str = "") -> dict:
    """The file at ``path`` and all that it draws in: ``{"path", "files", "unread",
    "sources_dirs"}``.

    Follows ``include``, ``confdir`` and ``sourcedir`` as chrony.conf(5) says; ``sources_dirs`` are
    the folders of the last two, ``[{"path", "exists"}]``. The key file is never read: it is named
    by ``keyfile``, which is not followed. The rest is as in ``Start``: directives as ``arguments``
    are a file too, with a line for each.
    """
    directories: dict = {}

    def drawn_in(text: str) -> list:
        found = []
        for directive, *words in directives([{"text": text}]):
            if directive == "include" and words:
                pattern = os.path.join(directory, words[0])
                # Without a match the pattern itself is tried, and found missing, as chronyd does.
                # glob(3) knows [^a] too, Python's glob only [!a].
                found += sorted(glob.glob(pattern.replace("[^", "[!"))) or [pattern]
            elif directive in SUFFIXES:
                folders = [os.path.join(directory, word) for word in words]
                directories.update((folder, os.path.isdir(folder)) for folder in folders)
                found += fragments(folders, SUFFIXES[directive])
        return found

    if unknown:
        read = {"files": [], "unread": [{"path": path, "error": unknown, "kind": "other"}]}
    elif arguments:
        text = _text(arguments)
        read = read_files(drawn_in(text), drawn_in)
        read["files"].insert(0, {"path": path, "text": text})
    else:
        read = read_files([path] if path else [], drawn_in)
    return {
        "path": path,
        **read,
        "sources_dirs": [{"path": folder, "exists": exists} for folder, exists in directories.items()],
    }
