"""What the lab needs of the machine it runs on:
user-mode Linux's requirements, Debian packages, an unpacked chronyd.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

#: What the lab's own commands come from, and the libraries of the chronyd that is
#: unpacked and not installed.
PACKAGES = (
    "e2fsprogs",
    "iproute2",
    "libcap2",
    "libgnutls30",
    "libnettle8",
    "libseccomp2",
    "mmdebstrap",
    "mount",
    "nftables",
    "openssh-client",
    "user-mode-linux",
)

#: UML maps a node's memory from an executable file here.
MEMORY_DIR = Path("/dev/shm")

#: Prefix of every command that runs someone else's code for the lab: without CAP_SYS_TIME,
#: which root's programs get through the bounding set, the kernel lets nothing under it set
#: this machine's clock.
NO_CLOCK = ("setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time")


#: Held while apt's lists are read or renewed: an `apt-get update` beside them would fail either.
APT_LOCK = Path(__file__).resolve().parents[2] / "build/apt.lock"


Seen = TypeVar("Seen")


class LabError(Exception):
    """The lab could not do what it was asked; says what was found and what to do next."""


class LabUnavailable(LabError):  # noqa: N818 - it says what is the matter
    """The lab can not run on this machine at all, or not as this user."""


def say(message: str) -> None:
    """Print what the lab does, at once."""
    print(f"lab: {message}", flush=True)


def command(argv: list[str], *, timeout_s: float = 60) -> str:
    """Run argv and return its standard output;
    LabError with the end of all it said when it fails.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(argv)}` did not end within {timeout_s:g} s") from error
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with {done.returncode}:\n{done.stdout[-3000:].strip()}")
    return done.stdout


def looking(look: Callable[[], Seen], *, tries: int = 4, pause_s: float = 1) -> Seen:
    """What `look` sees; tried again after a LabError, with pauses that double, and the
    last LabError raised.

    Only for what changes nothing: on a loaded machine a guest's command can fail or print nothing,
    and be right a moment later.
    """
    for attempt in range(1, tries):
        try:
            return look()
        except LabError as error:
            say(f"looking again in {pause_s:g} s (attempt {attempt} of {tries}): {str(error).splitlines()[0]}")
        time.sleep(pause_s)
        pause_s *= 2
    return look()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock: two processes that do the same take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_machine() -> None:
    """LabUnavailable unless this machine and user can run user-mode Linux on a separate network."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise LabUnavailable(
            f"the lab's nodes are user-mode Linux guests, which run on x86-64 Linux alone; "
            f"this machine is {platform.machine()} {platform.system()}"
        )
    if os.geteuid() != 0:
        raise LabUnavailable("the lab makes a network namespace and an image, which takes root; run it as root")
    if shutil.which("apt-get") is None:
        raise LabUnavailable("the lab takes its nodes and tools from Debian packages; this machine has no apt-get")
    if os.statvfs(MEMORY_DIR).f_flag & os.ST_NOEXEC:
        raise LabError(f"{MEMORY_DIR} is mounted noexec; run `mount -o remount,exec {MEMORY_DIR}`")


def install_packages() -> None:
    """Install what is missing of PACKAGES, with one command that is announced;
    nothing when all is there.
    """
    there = installed_names(command(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}, ${Provides}\n"]))
    missing = [name for name in PACKAGES if name not in there]
    if not missing:
        return
    say(f"installing Debian packages with apt-get: {' '.join(missing)}")
    install = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends"
    with locked(APT_LOCK):
        command(["sh", "-c", f"{install} {' '.join(missing)}"], timeout_s=600)


def installed_names(query: str) -> set[str]:
    """The names that installed packages have or provide, from lines of
    ``STATUS NAME, PROVIDED (= VERSION), ...``.

    Debian 13 renamed libraries whose time_t became longer (libgnutls30t64), and their packages
    provide the former names.

    >>> sorted(installed_names("installed libgnutls30t64, libgnutls30 (= 3.8.9-3)\\nconfig-files chrony, time-daemon\\n"))
    ['libgnutls30', 'libgnutls30t64']
    """  # noqa: W505 - an example or a table
    lines = (line.partition(" ") for line in query.splitlines())
    named = [names.split(",") for status, _, names in lines if status == "installed"]
    return {name.split()[0] for names in named for name in names if name.strip()}


def unpack_chronyd(folder: Path) -> Path:
    """Path of a chronyd unpacked from Debian's package below `folder`.

    The package itself must not be installed here: it would start, and steer this machine's clock.
    """
    return unpack_package("chrony", folder) / "usr/sbin/chronyd"


def unpack_package(name: str, folder: Path) -> Path:
    """`folder`, with what Debian's package of that name holds; nothing of it is installed."""
    if not folder.exists():  # it comes by one rename, so it is complete
        with locked(APT_LOCK):
            if not folder.exists():
                _unpack(name, folder)
    return folder


def _unpack(name: str, folder: Path) -> None:
    say(f"downloading Debian's {name} package, to unpack and not to install it")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    # apt's own sandbox user could not write into a folder of root's.
    fetch = f"cd '{partial}' && apt-get -q -o APT::Sandbox::User=root download {name}"
    try:
        command(["sh", "-c", fetch], timeout_s=120)
    except LabError:
        command(["apt-get", "update", "-q"], timeout_s=300)
        command(["sh", "-c", fetch], timeout_s=120)
    (deb,) = partial.glob(f"{name}_*.deb")
    command(["dpkg-deb", "-x", str(deb), str(partial)])
    partial.rename(folder)
