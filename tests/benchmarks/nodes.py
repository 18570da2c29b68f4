"""Nodes for the benchmark: one sshd each, on its own address on loopback.

They are this machine, and share its cores.

Debian's openssh-server is unpacked into build/ where sshd is not installed. It wants a user `sshd`,
which then is in a passwd file that only these processes see.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import unpack_package
from tests.paths import ROOT

PORT = 20_000 + os.getpid() % 10_000
"""Two runs at a time don't meet."""
RUN = Path("/run/sshd")
CONFIG = """
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel ERROR
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Nodes:
    """Nodes that answer by now; ``addresses`` by their names."""

    folder: Path
    addresses: dict[str, str]

    @property
    def ssh_options(self) -> list[str]:
        """How ssh gets there."""
        return [
            *("-F", "none", "-i", str(self.folder / "user_key"), "-o", f"Port={PORT}", "-o", "User=root"),
            *("-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "BatchMode=yes"),
        ]


def address(n: int) -> str:
    """The address of the node of that number."""
    return f"127.101.{n // 250}.{n % 250 + 1}"


@contextlib.contextmanager
def running(folder: Path, count: int, more: str = "") -> Iterator[Nodes]:
    """So many nodes; they are stopped when the block ends.

    ``more``: lines of sshd's configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    addresses = {f"node{n:03}": address(n) for n in range(1, count + 1)}
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text("".join(f"[{at}]:{PORT} {host_key}" for at in addresses.values()))
    sshd, made = _sshd(folder), not RUN.exists()
    RUN.mkdir(mode=0o755, exist_ok=True)
    processes = []
    try:
        for name, at in addresses.items():
            config = folder / f"{name}.conf"
            config.write_text(CONFIG.format(port=PORT, address=at, folder=folder) + more)
            processes.append(subprocess.Popen([*sshd, "-D", "-f", config], stdin=subprocess.DEVNULL))
        for at in addresses.values():
            _await(at)
        yield Nodes(folder, addresses)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        if made and subprocess.run(["pgrep", "-x", "sshd"], capture_output=True, check=False).returncode:
            with contextlib.suppress(OSError):
                RUN.rmdir()


def prepare() -> None:
    """Unpack sshd if it is not installed,
    for nodes that run where there is no way to Debian's packages.
    """
    if not _installed():
        _unpacked()


def _installed() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def _sshd(folder: Path) -> list[str]:
    """How sshd is started."""
    sshd = [found] if (found := _installed()) else _unpacked()
    with contextlib.suppress(KeyError):
        pwd.getpwnam("sshd")
        return sshd
    passwd = folder / "passwd"
    passwd.write_text(f"{Path('/etc/passwd').read_text()}sshd:x:64999:65534::/run/sshd:/usr/sbin/nologin\n")
    return ["unshare", "--mount", "sh", "-c", f'mount --bind \'{passwd}\' /etc/passwd && exec "$0" "$@"', *sshd]


def _unpacked() -> list[str]:
    """Debian's, with the one library that may not be there."""
    server, library = (unpack_package(name, ROOT / "build" / name) for name in ("openssh-server", "libwrap0"))
    (libraries,) = library.glob("usr/lib/*/")
    return ["env", f"LD_LIBRARY_PATH={libraries}", f"{server}/usr/sbin/sshd"]


def _await(at: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection((at, PORT), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"no sshd answers at {at}, port {PORT}")


def hang_up(control_paths: Path) -> None:
    """End the connections that ssh keeps open for later: each run makes its own."""
    for path in control_paths.glob("*"):
        argv = ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", "node"]
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
