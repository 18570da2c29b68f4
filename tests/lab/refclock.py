"""The lab's NTP servers' reference clock: each chronyd learns that this machine's clock is true.

`python -m tests.lab.refclock SOCKET...` writes to their sockets until it is killed. A sample is
chrony's `struct sock_sample` (refclock_sock.c).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

MAGIC = 0x534F434B
INTERVAL_S = 0.25


def sample(now_ns: int) -> bytes:
    """A sample taken at `now_ns` of a clock that is right: offset 0 s, no pulse, no leap."""
    seconds, ns = divmod(now_ns, 1_000_000_000)
    return struct.pack("@qqdiiii", seconds, ns // 1000, 0.0, 0, 0, 0, MAGIC)


def main(paths: list[str]) -> None:
    """Send samples for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        while True:
            for path in paths:
                with contextlib.suppress(OSError):  # its chronyd is not there yet, or no longer
                    sock.sendto(sample(time.time_ns()), path)
            time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main(sys.argv[1:])
