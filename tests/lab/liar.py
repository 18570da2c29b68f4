"""NTP servers that lie: well formed answers of a synchronised stratum 2 server, with
a time that is off.

`python -m tests.lab.liar OFFSET_S ADDRESS...` answers at these addresses' NTP port
until it is killed.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

NTP_PORT = 123
NTP_TO_UNIX_S = 2_208_988_800

#: The packets that answer a request.
Answer = Callable[[bytes], list[bytes]]


class ScriptedServer:
    """A UDP server that answers each request with the packets of a function;
    `port` 0 takes a free one.
    """

    def __init__(self, answer: Answer, address: str, port: int) -> None:
        """Answer from now on, in a thread, until `close`."""
        self.requests: list[bytes] = []
        self.answer = answer
        self.udp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.port = self.udp.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                request, client = self.udp.recvfrom(1024)
                if client is None:  # it was shut down
                    return
                self.requests.append(request)
                for packet in self.answer(request):
                    self.udp.sendto(packet, client)

    def close(self) -> None:
        """End the thread: a socket that is only closed keeps its port while the thread waits."""
        with contextlib.suppress(OSError):  # it is not connected, and wakes the thread all the same
            self.udp.shutdown(socket.SHUT_RDWR)
        self.udp.close()


def lie(
    request: bytes,
    offset_s: float,
    *,
    leap: int = 0,
    stratum: int = 2,
    root_delay_s: float = 0.01,
    root_dispersion_s: float = 0.01,
) -> bytes:
    """A reply (RFC 5905, figure 8) that says of itself all that clients ask for, with every
    time off by `offset_s`.

    It may also say what makes clients discard it.
    """
    received_s = time.time() + offset_s
    header = struct.pack(
        "!BBbbII4s",
        leap << 6 | (request[0] & 0o70) | 4,  # the request's version, mode server
        stratum,
        struct.unpack_from("b", request, 2)[0],
        -20,
        round(root_delay_s * 2**16),
        round(root_dispersion_s * 2**16),
        socket.inet_aton("192.0.2.1"),  # whom it claims to follow
    )
    times = (_timestamp(received_s - 8), request[40:48], _timestamp(received_s), _timestamp(time.time() + offset_s))
    return header + b"".join(times)


def _timestamp(unix_s: float) -> bytes:
    seconds, fraction = divmod(unix_s + NTP_TO_UNIX_S, 1)
    return struct.pack("!II", int(seconds), int(fraction * 2**32))


def main(offset_s: float, addresses: list[str]) -> None:
    """Lie until killed."""
    for address in addresses:
        ScriptedServer(lambda request: [lie(request, offset_s)] if len(request) >= 48 else [], address, NTP_PORT)
    signal.pause()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
