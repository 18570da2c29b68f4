"""The lab's network: a namespace with a bridge and no way out,
and the processes that live in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab.host import NO_CLOCK, LabError, command

BRIDGE = "br0"
BRIDGE_MAC = "02:77:00:00:00:01"
#: The GitHub API and NTP servers' addresses, and one (.9) at which no NTP server ever answers.
ADDRESSES = ("10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.9")
GATEWAY = ADDRESSES[0]


class Namespace:
    """A network namespace by name; `made` is a file that is there while the namespace is whole."""

    def __init__(self, name: str, made: Path) -> None:
        self.name = name
        self.made = made
        self.path = Path("/run/netns") / name

    def exists(self) -> bool:
        """Whether the namespace is there and whole."""
        return self.made.exists() and self._mounted()

    def create(self) -> None:
        """Make the namespace and its bridge; nothing when they are there."""
        if self.exists():
            return
        self.delete()
        self._ip("netns", "add", self.name)
        self._ip("-n", self.name, "link", "set", "lo", "up")
        # A bridge without its own address takes the lowest of its taps: with each tap that came or
        # went, the nodes would have the wrong one of their servers, until they ask again.
        self._ip(
            *f"-n {self.name} link add {BRIDGE} address {BRIDGE_MAC} type bridge forward_delay 0 stp_state 0".split()
        )
        for address in ADDRESSES:
            self.add_address(address)
        self._ip("-n", self.name, "link", "set", BRIDGE, "up")
        # Last: what was cut off before, or outlived the folder of its processes'
        # state, is made anew.
        self.made.touch()

    def delete(self) -> None:
        """End every process in the namespace (ssh's masters and the user's shells too),
        and remove it.
        """
        self.made.unlink(missing_ok=True)
        if self._mounted():
            self.kill_all()
        if self.path.exists():
            self._ip("netns", "delete", self.name)
        # `ip netns add` mounts this folder on itself, which serves nobody once the
        # last namespace is gone.
        folder = self.path.parent
        mounted = any(line.split()[1] == str(folder) for line in Path("/proc/self/mounts").read_text().splitlines())
        if mounted and not any(folder.iterdir()):
            command(["umount", str(folder)])

    def kill_all(self) -> None:
        """Kill every process in the namespace; LabError when this one is among them."""
        deadline = time.monotonic() + 10
        while pids := self.pids():
            if os.getpid() in pids:
                raise LabError(f"this command runs inside the namespace {self.name}; run it outside")
            if time.monotonic() > deadline:
                raise LabError(f"processes {sorted(pids)} in the namespace {self.name} do not end after KILL")
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def pids(self) -> set[int]:
        """Every process in the namespace."""
        return {int(pid) for pid in command(["ip", "netns", "pids", self.name]).split()}

    def add_address(self, address: str) -> None:
        """Give the bridge a further address."""
        self._ip("-n", self.name, "address", "replace", f"{address}/24", "dev", BRIDGE)

    def delete_address(self, address: str) -> None:
        """Take an address from the bridge."""
        self._ip("-n", self.name, "address", "delete", f"{address}/24", "dev", BRIDGE)

    def add_tap(self, tap: str) -> None:
        """Make a tap device on the bridge."""
        self._ip("-n", self.name, "tuntap", "add", "dev", tap, "mode", "tap")
        self._ip("-n", self.name, "link", "set", tap, "master", BRIDGE, "up")

    def delete_tap(self, tap: str) -> None:
        """Remove a tap device if it is there."""
        if any(link["ifname"] == tap for link in json.loads(command(["ip", "-json", "-n", self.name, "link"]))):
            self._ip("-n", self.name, "link", "delete", tap)

    def cut(self, tap: str, address: str, mac: str) -> None:
        """Let every packet to and from a tap be lost, in silence: whoever is connected hangs."""
        # Else the bridge asks who has the address, and reports to connecting clients that there is
        # no such host.
        self._ip(*f"-n {self.name} neighbour replace {address} lladdr {mac} nud permanent dev {BRIDGE}".split())
        self._ip("-n", self.name, "link", "set", tap, "nomaster")

    def join(self, tap: str, address: str) -> None:
        """Undo `cut`."""
        self._ip("-n", self.name, "link", "set", tap, "master", BRIDGE)
        self._ip("-n", self.name, "neighbour", "flush", "to", address, "dev", BRIDGE, "nud", "permanent")

    def end_connections(self, address: str) -> None:
        """End the namespace's TCP connections to an address:
        whoever holds one gets an error at once.
        """
        command(self.argv(["ss", "--kill", "--no-header", "--tcp", "dst", address]))

    def argv(self, argv: list[str]) -> list[str]:
        """The command that runs argv inside the namespace."""
        return ["ip", "netns", "exec", self.name, *argv]

    def socket(self, kind: socket.SocketKind) -> socket.socket:
        """An IPv4 socket that is in the namespace, for a caller that is not."""
        made: list[socket.socket] = []
        failed: list[OSError] = []

        def make() -> None:
            try:
                with self.path.open() as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000):  # CLONE_NEWNET
                        raise OSError(ctypes.get_errno(), f"setns into {self.path}")
                    made.append(socket.socket(socket.AF_INET, kind))
            except OSError as error:
                failed.append(error)

        # A thread's namespace is its own, and this one ends here.
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]

    def wait_for_tcp(self, address: str, port: int, process: Process, timeout_s: float, expect: bytes = b"") -> None:
        """Return when the port accepts and greets with `expect`;
        LabError with the end of the log if it does not.
        """

        def answers() -> bool:
            with self.socket(socket.SOCK_STREAM) as tcp:
                # Not to be impatient: each connection that is given up leaves a slow guest's sshd
                # one more process to start, until it greets nobody any more.
                tcp.settimeout(15)
                tcp.connect((address, port))
                return tcp.recv(64).startswith(expect) if expect else True

        process.wait_until(answers, f"{address} port {port} does not answer", timeout_s)

    def _mounted(self) -> bool:
        # A name whose namespace is gone is a plain file.
        return self.path.exists() and self.path.stat().st_dev != self.path.parent.stat().st_dev

    @staticmethod
    def _ip(*words: str) -> None:
        command(["ip", *words])


class Process:
    """A background process in a namespace:
    `NAME.pid` and `NAME.log` in a folder, and all that it started.
    """

    def __init__(self, namespace: Namespace, folder: Path, name: str) -> None:
        self.namespace = namespace
        self.name = name
        self.pid_file = folder / f"{name}.pid"
        self.log = folder / f"{name}.log"

    def start(self, argv: list[str], **options: object) -> None:
        """Start argv; `options` go to Popen (cwd, env)."""
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(  # type: ignore[call-overload]
                [*NO_CLOCK, *self.namespace.argv(argv)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        _CHILDREN.append(process)
        self.pid_file.write_text(f"{process.pid} {_start_time(process.pid)}\n")

    def pid(self) -> int | None:
        """The process's id if it lives: a later process that got the same id started
        at another time.
        """
        try:
            pid, started = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if started == _start_time(int(pid)) else None

    def stop(self) -> None:
        """Kill the process and all of its group, and wait until they are gone."""
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while group_lives(pid):
                if time.monotonic() > deadline:
                    raise LabError(f"{self.name} (process group {pid}) does not end after KILL")
                time.sleep(0.02)
        self.pid_file.unlink(missing_ok=True)

    def wait_until(self, ready: Callable[[], bool], otherwise: str, timeout_s: float) -> None:
        """Return when `ready()`; LabError when the process ends first or time runs out.

        OSError counts as not ready.
        """
        deadline = time.monotonic() + timeout_s
        while self.pid() is not None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if ready():
                    return
            time.sleep(0.1)
        state = "has ended" if self.pid() is None else f"lives, but after {timeout_s:g} s"
        said = self.log.read_text(errors="replace")[-2000:]
        raise LabError(f"{self.name} {state}: {otherwise}. The end of {self.log}:\n{said}")


#: Kept, because a process that ended must be reaped before it is seen to be gone.
_CHILDREN: list[subprocess.Popen[bytes]] = []


def _reap() -> None:
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]


def _start_time(pid: int) -> str | None:
    """A process's start in clock ticks since boot (proc(5), field 22 of stat);
    None when it has ended.
    """
    _reap()
    stat = _stat(pid)
    return None if stat is None or stat[0] == "Z" else stat[19]


def group_lives(group: int) -> bool:
    """Whether a process of the process group has not ended."""
    _reap()
    stats = (_stat(pid) for pid in _all_pids())
    return any(stat is not None and stat[0] != "Z" and int(stat[2]) == group for stat in stats)


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (the state) on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
