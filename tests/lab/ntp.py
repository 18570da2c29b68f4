"""Real NTP servers: chronyd, unpacked and not installed,
which serves this machine's time and never sets it.
"""

from __future__ import annotations

import socket
from pathlib import Path

from tests.lab.liar import NTP_PORT
from tests.lab.network import Namespace, Process

SERVERS = {"ntp1": "10.77.0.1", "ntp2": "10.77.0.2", "ntp3": "10.77.0.3"}


class NtpServer:
    """A chronyd at one address of the bridge."""

    def __init__(self, namespace: Namespace, state_dir: Path, name: str) -> None:
        self.address = SERVERS[name]
        self.folder = state_dir / "ntp" / name
        self.refclock = self.folder / "refclock.sock"
        self.process = Process(namespace, self.folder, name)

    def start(self, chronyd: Path) -> None:
        """Start the server; nothing when it runs. `wait` says when it answers."""
        if self.process.pid() is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # chronyd refuses a folder that others can write to or look into.
        self.folder.chmod(0o700)
        # What a killed server leaves would stop this one if its process id is another's by now.
        (self.folder / "chronyd.pid").unlink(missing_ok=True)
        config = self.folder / "chrony.conf"
        config.write_text(
            # Three servers on one clock agree to the microsecond, and a loaded machine's delays do
            # not: without a root delay like that of a server in the world, a node's chronyd takes
            # its servers for falsetickers.
            f"refclock SOCK {self.refclock} refid LAB poll 0 delay 0.02\n"
            f"allow\nbindaddress {self.address}\ncmdport 0\nbindcmdaddress /\n"
            f"pidfile {self.folder}/chronyd.pid\ndriftfile {self.folder}/drift\n"
        )
        # -x: never touch the clock.
        self.process.start([str(chronyd), "-x", "-d", "-u", "root", "-f", str(config)])

    def wait(self) -> None:
        """Return when the server answers as a synchronised one."""
        wait_for_ntp(self.process, self.address)


def wait_for_ntp(process: Process, address: str) -> None:
    """Return when the process answers at the address as a synchronised NTP server."""
    with process.namespace.socket(socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.5)
        udp.connect((address, NTP_PORT))

        def answers() -> bool:
            udp.send(bytes([4 << 3 | 3]) + bytes(47))  # version 4, client (RFC 5905, figure 8)
            reply = udp.recv(512)
            return len(reply) >= 48 and 1 <= reply[1] < 16

        process.wait_until(answers, f"no synchronised NTP server answers at {address}", 30)
