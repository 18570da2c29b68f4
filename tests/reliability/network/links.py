"""Networks without names, and the wire between two of them, which loses, delays and changes
packets.

A network lasts as long as somebody has its file open, so one that was killed leaves nothing
behind. The wire is in this process, between two TUN devices, because not every kernel has netem.
What it does to packets happens below TCP and UDP, as on a real way.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "tun0"
MTU = 1500

Found = TypeVar("Found")
_LIBC = ctypes.CDLL(None, use_errno=True)


def _in_thread(function: Callable[[], Found]) -> Found:
    """What a function returns in a thread, whose network is not that of this one."""
    found: list[Found] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(function())
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def inside(network: int, function: Callable[[], Found]) -> Found:
    """What a function returns inside of a network, given by its open file; threads and sockets that
    it makes stay inside.
    """

    def entered() -> Found:
        if _LIBC.setns(network, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        return function()

    return _in_thread(entered)


class Network:
    """A network namespace with loopback and one TUN device; it ends with `close`."""

    def __init__(self, addresses: Iterable[str], routes: Iterable[str]) -> None:
        """``addresses`` with their prefixes; ``routes`` as `ip route add` has them, without the
        device.
        """
        self.file, self.device = _in_thread(self._make)
        family = {True: "-6", False: "-4"}
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", DEVICE, "mtu", str(MTU), "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            self.ip("address", "add", address, "dev", DEVICE, *nodad)
        for route in routes:
            self.ip(family[":" in route], "route", "add", *route.split(), "dev", DEVICE)

    @staticmethod
    def _make() -> tuple[int, int]:
        if _LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "a network namespace takes root")
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC), device

    @property
    def path(self) -> str:
        """Where `nsenter --net=` finds it while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self.file}"

    def inside(self, function: Callable[[], Found]) -> Found:
        """What a function returns inside; threads and sockets that it makes stay inside."""
        return inside(self.file, function)

    def ip(self, *words: str) -> None:
        """Run `ip` inside."""
        subprocess.run(["nsenter", f"--net={self.path}", "ip", *words], check=True, capture_output=True, timeout=20)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.device)
        os.close(self.file)


#: What becomes of a packet: (seconds until it arrives, its bytes) of each copy. ``to_server``: it
#: comes from the node.
Fault = Callable[[bytes, bool, random.Random], Iterable[tuple[float, bytes]]]


def unharmed(packet: bytes, _to_server: bool, _chance: random.Random) -> Iterable[tuple[float, bytes]]:
    """A good wire."""
    return [(0.0, packet)]


class Wire:
    """Carries packets between a node's network and its servers', as ``fault`` says, until
    `close`. ``harmed``: how many of them the fault did something to.
    """

    def __init__(self, node: Network, servers: Network, fault: Fault, seed: int) -> None:
        self.fault = fault
        self.carried = self.harmed = 0
        self._ends = {node.device: servers.device, servers.device: node.device}
        self._node = node.device
        self._chance = random.Random(seed)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        while not self._closing.is_set():
            now_s = time.monotonic()
            while waiting and waiting[0][0] <= now_s:
                _due_s, _number, end, packet = heapq.heappop(waiting)
                self._write(end, packet)
            left_s = min(waiting[0][0] - now_s if waiting else 0.2, 0.2)
            ready, _, _ = select.select([*self._ends], [], [], max(left_s, 0))
            for end in ready:
                for packet in self._read(end):
                    self.carried += 1
                    copies = list(self.fault(packet, end == self._node, self._chance))
                    self.harmed += copies != [(0.0, packet)]
                    for after_s, copy in copies:
                        heapq.heappush(waiting, (time.monotonic() + after_s, self.carried, self._ends[end], copy))

    @staticmethod
    def _read(end: int) -> Iterable[bytes]:
        try:
            while True:
                yield os.read(end, 1 << 16)
        except BlockingIOError:
            return

    @staticmethod
    def _write(end: int, packet: bytes) -> None:
        try:
            os.write(end, packet)
        except OSError:  # it was changed into no packet, or the queue is full: lost, as on a real wire
            return

    def close(self) -> None:
        """Carry nothing more."""
        self._closing.set()
        self._thread.join()
