# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that can move a clock, and those of a cluster, from /proc."""

from __future__ import annotations

import getopt
import os
from typing import NamedTuple

from .names import (
    CHRONY_DIRECTIVES,
    CLUSTER_PROCESSES,
    DAEMON_PROCESSES,
    KUBELET_PROCESS,
    MOVER_PROCESSES,
    WIREGUARD_PROCESSES,
)

TIME = {*DAEMON_PROCESSES, *MOVER_PROCESSES}
CLUSTER = {*CLUSTER_PROCESSES, KUBELET_PROCESS, *WIREGUARD_PROCESSES}
KNOWN = TIME | CLUSTER

CHRONYD_LETTERS = "46df:F:hl:L:mnN:pP:qQrRst:u:Uvx"  # getopt's in chrony's main.c
MAX_BYTES = 16 * 1024
MAX_TIME_DAEMONS = 256
MAX_HOLDERS = 200
"""Of names of processes that may set the clock."""
# Linux, include/uapi/linux/capability.h
CAP_SYS_ADMIN = 21
CAP_SYS_TIME = 25


class Running(NamedTuple):
    """What runs on the node, as far as a probe asks for it.

    ``time_daemons``: ``[{"pid", "comm", "argv", "exe", "cgroup", "contained", "may_set_clock"}]``,
    by pid. ``exe`` is the program's path, by which BusyBox's ntpd is known; None if another user
    may not see it. ``contained``: it runs in a container of this node, and its paths and commands
    are not the node's. ``may_set_clock``: the kernel lets it. ``cluster``: ``[(pid, comm, argv)]``
    of kubelets, CLUSTER_PROCESSES and WIREGUARD_PROCESSES, whoever's they are, by pid.
    ``may_set_clock``: what else the kernel lets set the clock, as ``_Holders`` has it.
    """

    time_daemons: list
    cluster: list
    may_set_clock: dict


def scan(proc: str = "/proc") -> Running:
    """One look at all processes, for all probes: there are thousands on a large machine.

    An ordinary user's process is no time daemon, whatever its name: it may not set the clock, and
    root would read the file that it names. Nor is what prints and ends, has ended, or has no
    arguments yet: the probes run such commands themselves. Raises ValueError if there are more time
    daemons, or one has more arguments, than could be handed out as a whole, and PermissionError if
    other users' processes are hidden from who asks.
    """
    _check_that_all_are_shown(proc)
    own_processes = _link(f"{proc}/self/ns/pid")
    holders = _Holders(proc)
    running = Running([], [], {})
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        place = f"{proc}/{pid}"
        try:
            status = _read(f"{place}/status")
            comm = status[len("Name:\t") : status.index("\n")]
            if comm not in KNOWN:
                holders.add(pid, comm, status)
                continue
            argv = _read(f"{place}/cmdline").rstrip("\0").split("\0")
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if comm in CLUSTER:
            running.cluster.append((pid, comm, argv))
            continue
        if not _is_systems(status) or "\nState:\tZ" in status or argv == [""] or _prints_and_ends(comm, argv):
            continue
        if comm != "busybox" or "ntpd" in argv[:2]:
            if len("\0".join(argv).encode(errors="replace")) >= MAX_BYTES - 1:
                raise ValueError(f"the command line of {comm} (pid {pid}) is longer than {MAX_BYTES} bytes")
            if len(running.time_daemons) == MAX_TIME_DAEMONS:
                raise ValueError(f"more than {MAX_TIME_DAEMONS} time daemons run")
            running.time_daemons.append(
                {
                    "pid": pid,
                    "comm": comm,
                    "argv": argv,
                    "exe": _link(f"{place}/exe"),
                    "cgroup": _cgroup(place),
                    "contained": _is_contained(status, place, own_processes),
                    "may_set_clock": _may_set_clock(status, place, holders.users),
                }
            )
    running.may_set_clock.update(holders.shown())
    return running


def _check_that_all_are_shown(proc: str) -> None:
    """Raises PermissionError if not: /proc may be mounted with hidepid (proc(5)).

    Every PID namespace has a process 1, which is root's, and which only root sees then.
    """
    try:
        _read(f"{proc}/1/status")
    except OSError as error:
        raise PermissionError(
            "/proc does not show the processes of other users (hidepid): let Ansible become root (`become: true`)"
        ) from error


def _is_contained(status: str, place: str, own_processes) -> bool:
    """Whether a process runs in a PID namespace below this one.

    Its namespace is shown to root and to its user alone. To others it shows by how many numbers it
    has, one for each namespace from that of /proc downwards (proc(5), NSpid).
    """
    namespace = _link(f"{place}/ns/pid")
    if namespace is not None:
        return namespace != own_processes
    return len(status.partition("\nNSpid:\t")[2].partition("\n")[0].split()) > 1


def _capabilities(status: str) -> int:
    """The permitted ones, a bit each: what a process has put aside, as htpdate -u does, it can take
    again (capabilities(7)).
    """
    return int(status.partition("\nCapPrm:\t")[2][:16] or "0", 16)


def _may_set_clock(status: str, place: str, own_users):
    """Whether a process may set the node's clock: it holds CAP_SYS_TIME, and not in a user
    namespace below the node's. None if the kernel does not show it.

    A thread of the kernel has no memory, and holds everything.
    """
    if "\nCapPrm:" not in status:
        return None
    if not _capabilities(status) >> CAP_SYS_TIME & 1 or "\nVmSize:" not in status:
        return False
    users = _link(f"{place}/ns/user")
    return users is None or own_users is None or users == own_users


class _Holders:
    """Who may set the clock and is not known to: ``{"given": [{"comm", "pid", "processes",
    "cgroup"}], "privileged": [comm]}``.

    ``given``: those that hold CAP_SYS_TIME but not CAP_SYS_ADMIN. Somebody chose that for them.
    They are grouped by name, with the first one's pid and cgroup. ``privileged``: the names of
    those that hold both, as most of root's processes do. This run and its parents are left out.
    """

    def __init__(self, proc: str) -> None:
        self.proc = proc
        self.users = _link(f"{proc}/self/ns/user")
        self.lineage = _lineage(proc)
        self.given: dict = {}
        self.privileged: set = set()

    def add(self, pid: int, comm: str, status: str) -> None:
        """Look at one process."""
        capabilities = _capabilities(status)
        is_privileged = capabilities >> CAP_SYS_ADMIN & 1
        if (
            not capabilities >> CAP_SYS_TIME & 1
            or (is_privileged and comm in self.privileged)
            or pid in self.lineage
            or _parent(status) == os.getpid()
            or not _may_set_clock(status, f"{self.proc}/{pid}", self.users)
        ):
            return
        if is_privileged:
            self.privileged.add(comm)
        elif comm in self.given:
            self.given[comm]["processes"] += 1
        elif len(self.given) < MAX_HOLDERS:
            self.given[comm] = {"comm": comm, "pid": pid, "processes": 1, "cgroup": _cgroup(f"{self.proc}/{pid}")}

    def shown(self) -> dict:
        """As the evidence has them."""
        return {"given": list(self.given.values()), "privileged": sorted(self.privileged)[:MAX_HOLDERS]}


def _lineage(proc: str) -> set:
    """This process and its ancestors."""
    pid, found = os.getpid(), set()
    while pid and pid not in found:
        found.add(pid)
        try:
            pid = _parent(_read(f"{proc}/{pid}/status"))
        except OSError:
            break
    return found


def _parent(status: str) -> int:
    return int(status.partition("\nPPid:\t")[2].partition("\n")[0] or "0")


def _is_systems(status: str) -> bool:
    """Whether root or a system's account started a process, or who asks; it is the real user that
    counts (proc(5)).

    login.defs(5), UID_MIN; systemd's docs/UIDS-GIDS.md on those of DynamicUser=, which are from
    61184 on.
    """
    shown = status.partition("\nUid:")[2].split(None, 1)
    if not shown:  # not all that looks like a kernel shows it: then it may be anybody's
        return False
    uid = int(shown[0])
    return uid < 1000 or 61184 <= uid <= 65519 or uid == os.getuid()


def _prints_and_ends(comm: str, argv: list) -> bool:
    """Whether a chronyd does no more than that: its help, version, configuration or measurement
    (chronyd(8)).
    """
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
    """The path that systemd knows a process by, in cgroups of version 2 or 1; None if there is
    neither (cgroups(7)).

    >>> cgroup("12:cpu:/\\n1:name=systemd:/system.slice/ntp.service\\n0::/system.slice/ntp.service\\n")
    '/system.slice/ntp.service'
    """  # noqa: W505 - an example or a table
    paths = {}
    for line in text.splitlines():
        hierarchy, _first, rest = line.partition(":")
        controllers, _second, path = rest.partition(":")
        paths[controllers or hierarchy] = path
    # Under version 1 the path of 0:: is "/" for all, or as good as that of name=systemd.
    return paths.get("name=systemd", paths.get("0"))


def ntpds(processes: list) -> dict:
    """The processes that are called ntpd, by whose they are: ``{"ntpd": [...], "openntpd": [...],
    "busybox": [...]}``.

    BusyBox is known by its program. OpenNTPD's has the name of ntp.org's, but its children call
    themselves ``ntpd: ntp engine`` and ``ntpd: dns engine``.
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
    """The node's processes of ``daemon``, a key of ``ntpds``, and whether another daemon's ntpd
    runs.
    """
    found = ntpds(not_contained(processes))
    own = found.pop(daemon)
    return own, any(found.values())


def option(argv: list, letters: str, wanted: str, long: tuple = ()):
    """The value of an option of a running program, the last one as getopt(3) takes it; None without
    it.

    ``letters`` is the program's own option string, ``wanted`` the option's letter, ``long`` its
    long names.
    """
    names = [f"{name}=" for name in long]
    try:
        given, _rest = getopt.gnu_getopt(argv[1:], letters, names)
    except getopt.GetoptError:  # options of a version to come
        given = list(zip(argv[1:], [*argv[2:], ""]))
    values = [value for name, value in given if name in (f"-{wanted}", *(f"--{name}" for name in long))]
    return values[-1] if values else None


def operands(argv: list, letters: str) -> list:
    """What follows the options of a running program, wherever they stand, as getopt(3) of glibc
    leaves it.

    >>> operands(["chronyd", "server a.example iburst", "-f", "x.conf", "-Z", "rtcsync"], CHRONYD_LETTERS)
    ['server a.example iburst', 'rtcsync']
    """  # noqa: W505 - an example or a table
    while True:
        try:
            return getopt.gnu_getopt(argv[1:], letters)[1]
        except getopt.GetoptError as error:  # an option of a version to come: it is taken for one without a value
            if len(error.opt) != 1 or error.opt in letters:
                return []
            letters += error.opt


def whole_directives(given: list) -> list:
    """The directives of a chronyd's command line as they were given.

    chronyd writes a NUL after each word that it reads (cmdparse.c, CPS_SplitWord), so /proc shows
    words. Each word that is a directive begins a new one.

    A few directives are also options of a source (``port 123``). If they are the last words of a
    source's line, they are read as a directive.

    >>> whole_directives(["server", "a", "port", "123", "iburst", "port", "0", "makestep", "1 3", "rtcsync"])
    ['server a port 123 iburst', 'port 0', 'makestep 1 3', 'rtcsync']
    """  # noqa: W505 - an example or a table
    if any(words.split()[1:] and words.split()[0].lower() in CHRONY_DIRECTIVES for words in given):
        return given  # it has not read them yet
    words = " ".join(given).split()
    lines: list = []
    for number, word in enumerate(words):
        begins = word.lower() in CHRONY_DIRECTIVES
        if begins and lines and word.lower() in ("port", "minsamples", "maxsamples", "minstratum"):
            begins = all(following.lower() in CHRONY_DIRECTIVES for following in words[number + 2 : number + 3])
        if begins or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines


def working_directory(pid: int) -> str:
    """Where a process's relative paths start from."""
    return _link(f"/proc/{pid}/cwd") or "/"  # another user's process; as a daemon it is at /


def _link(path: str):
    try:
        return os.readlink(path)
    except OSError:
        return None


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, MAX_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
