# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that can move a clock, and those of a cluster, from /proc."""

from __future__ import annotations

import getopt
import os
from typing import NamedTuple

from .names import CLUSTER_PROCESSES, DAEMON_PROCESSES, KUBELET_PROCESS, MOVER_PROCESSES

TIME = {*DAEMON_PROCESSES, *MOVER_PROCESSES}
CLUSTER = {*CLUSTER_PROCESSES, KUBELET_PROCESS}

CHRONYD_LETTERS = "46df:F:hl:L:mnpP:qQrRst:u:Uvx"  # getopt's in chrony's main.c
MAX_BYTES = 16 * 1024
MAX_TIME_DAEMONS = 256


class Running(NamedTuple):
    """What runs on the node, as far as a probe asks for it.

    ``time_daemons``: ``[{"pid", "comm", "argv", "exe", "cgroup", "contained"}]``, by pid. ``exe`` is the program's path, by which
    BusyBox's ntpd is known; None where another user may not see it. ``contained``: it runs in a container of this node, so that
    its paths and its commands are not the node's.
    ``cluster``: ``[(pid, comm, argv)]`` of kubelets and of CLUSTER_PROCESSES, whoever's they are, by pid.
    """

    time_daemons: list
    cluster: list


def scan(proc: str = "/proc") -> Running:
    """One look at all processes, for all probes: there are thousands on a large machine.

    An ordinary user's process is no time daemon, whatever its name: it may not set the clock, and root would read the file that
    it names. Nor is what prints and ends, has ended, or has no arguments yet: the probes run such commands themselves.
    Raises ValueError where there are more time daemons, or one has more arguments, than could be handed out as a whole.
    """
    own_processes = _link(f"{proc}/self/ns/pid")
    running = Running([], [])
    for pid, comm, argv in _called({*TIME, *CLUSTER}, proc):
        if comm in CLUSTER:
            running.cluster.append((pid, comm, argv))
            continue
        try:
            status = _read(f"{proc}/{pid}/status")
        except OSError:  # it has ended meanwhile
            continue
        if not _is_systems(status) or "\nState:\tZ" in status or argv == [""] or _prints_and_ends(comm, argv):
            continue
        if comm != "busybox" or "ntpd" in argv[:2]:
            if len("\0".join(argv).encode(errors="replace")) >= MAX_BYTES - 1:
                raise ValueError(f"the command line of {comm} (pid {pid}) is longer than {MAX_BYTES} bytes")
            if len(running.time_daemons) == MAX_TIME_DAEMONS:
                raise ValueError(f"more than {MAX_TIME_DAEMONS} time daemons run")
            place = f"{proc}/{pid}"
            running.time_daemons.append(
                {
                    "pid": pid,
                    "comm": comm,
                    "argv": argv,
                    "exe": _link(f"{place}/exe"),
                    "cgroup": _cgroup(place),
                    "contained": _link(f"{place}/ns/pid") not in (None, own_processes),
                }
            )
    return running


def _called(names: set, proc: str):
    """The processes that are called one of ``names`` (their comm): ``(pid, comm, argv)``, by pid."""
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        try:
            comm = _read(f"{proc}/{pid}/comm").rstrip("\n")
            if comm in names:
                yield pid, comm, _read(f"{proc}/{pid}/cmdline").rstrip("\0").split("\0")
        except OSError:  # it has ended meanwhile
            continue


def _is_systems(status: str) -> bool:
    """Whether root or a system's account started a process, or who asks; it is the real user that counts (proc(5)).

    login.defs(5), UID_MIN; systemd's docs/UIDS-GIDS.md on those of DynamicUser=, which are from 61184 on.
    """
    uid = int(status.partition("\nUid:")[2].split(None, 1)[0])
    return uid < 1000 or 61184 <= uid <= 65519 or uid == os.getuid()


def _prints_and_ends(comm: str, argv: list) -> bool:
    """Whether a chronyd does no more than that: its help, version, configuration or measurement (chronyd(8))."""
    letters = {"h": ("help",), "v": ("version",), "p": (), "Q": ()}
    return comm == "chronyd" and any(
        option(argv, CHRONYD_LETTERS, letter, long) is not None for letter, long in letters.items()
    )


def not_contained(processes: list) -> list:
    """The processes of the node itself."""
    return [process for process in processes if not process["contained"]]


def _cgroup(place: str):
    try:
        return cgroup(_read(f"{place}/cgroup"))
    except OSError:  # a kernel without them
        return None


def cgroup(text: str):
    """The path that systemd knows a process by, in cgroups of version 2 or 1; None where there is neither (cgroups(7)).

    >>> cgroup("12:cpu:/\\n1:name=systemd:/system.slice/ntp.service\\n0::/system.slice/ntp.service\\n")
    '/system.slice/ntp.service'
    """
    paths = {}
    for line in text.splitlines():
        hierarchy, _first, rest = line.partition(":")
        controllers, _second, path = rest.partition(":")
        paths[controllers or hierarchy] = path
    # Under version 1 the path of 0:: is "/" for all, or as good as that of name=systemd.
    return paths.get("name=systemd", paths.get("0"))


def ntpds(processes: list) -> dict:
    """The processes that are called ntpd, by whose they are: ``{"ntpd": [...], "openntpd": [...], "busybox": [...]}``.

    BusyBox is known by its program. OpenNTPD's has the name of ntp.org's, but its children call themselves ``ntpd: ntp engine``
    and ``ntpd: dns engine``.
    """
    found: dict = {"ntpd": [], "openntpd": [], "busybox": []}
    called = [process for process in processes if process["comm"] in ("ntpd", "openntpd", "busybox")]
    openntpd = any(process["argv"][0].startswith(("ntpd: ", "openntpd: ")) for process in called)
    for process in called:
        if "busybox" in (process["comm"], os.path.basename(process["exe"] or process["argv"][0])):
            found["busybox"].append(process)
        else:
            found["openntpd" if openntpd or process["comm"] == "openntpd" else "ntpd"].append(process)
    return found


def whose(processes: list, daemon: str) -> tuple:
    """The node's processes of ``daemon``, one of those that ``ntpds`` tells apart, and whether another's ntpd runs."""
    found = ntpds(not_contained(processes))
    own = found.pop(daemon)
    return own, any(found.values())


def option(argv: list, letters: str, wanted: str, long: tuple = ()):
    """The value of an option of a running program, the last one as getopt(3) takes it; None without it.

    ``letters`` is the program's own option string, ``wanted`` the option's letter, ``long`` its long names.
    """
    names = [f"{name}=" for name in long]
    try:
        given, _rest = getopt.gnu_getopt(argv[1:], letters, names)
    except getopt.GetoptError:  # options of a version to come
        given = list(zip(argv[1:], [*argv[2:], ""]))
    values = [value for name, value in given if name in (f"-{wanted}", *(f"--{name}" for name in long))]
    return values[-1] if values else None


def working_directory(pid: int) -> str:
    """Where a process's relative paths start from."""
    return _link(f"/proc/{pid}/cwd") or "/"  # another user's process; as a daemon it is at /


def _link(path: str):
    try:
        return os.readlink(path)
    except OSError:
        return None


def _read(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return file.read(MAX_BYTES).decode("utf-8", "replace")
