"""Who holds a folder for reports: one run at a time writes its report there.

A file in the folder names the holder, a process that lives as long as the run. When that process
has ended for any reason, the folder is free.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .forms import TEXT, WHOLE, misfit
from .times import now, read_time

HOLDER_FILE = "in-use.json"

FORGOTTEN_AFTER = timedelta(hours=4)
"""A process of another machine, of another container, or of a user whose processes /proc hides
cannot be seen from here. After this time it counts as ended."""

MACHINE_ID = Path("/etc/machine-id")
"""It stays the same when the machine boots again (machine-id(5)); many containers have none."""

FIRST_SPACE = Path("pid:[4026531836]")
"""The space of process IDs that sees all others of its machine (PROC_PID_INIT_INO in Linux's
proc_ns.h)."""

ENDED = ""

_FORM = {"pid": WHOLE, "started": TEXT, "machine": TEXT, "boot": TEXT, "user": TEXT, "since": TEXT, "run_id": TEXT}


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A run, identified by its process.

    ``run_id`` is the same for a command and the ansible-playbook that it started. It may be empty.
    ``started`` is empty if it is not known.
    """

    pid: int
    started: str
    machine: str
    boot: str
    user: str
    since: str
    run_id: str

    @classmethod
    def of(cls, pid: int | None = None, run_id: str = "") -> Holder:
        """The run whose process on this machine has this ID; by default this process."""
        pid = os.getpid() if pid is None else pid
        return cls(
            pid=pid,
            started=_started(pid) or "",
            machine=_machine(),
            boot=_boot(),
            user=_user(),
            since=now(),
            run_id=run_id,
        )

    def is_run_of(self, other: Holder) -> bool:
        """Whether both are one run."""
        if self.run_id and self.run_id == other.run_id:
            return True
        return self._process() == other._process()

    def _process(self) -> tuple[str, str, int, str]:
        return self.machine, self.boot, self.pid, self.started

    def is_gone(self) -> bool:
        """Whether its process has ended."""
        if self.machine != _machine():
            if self.started and self.boot and self.boot == _boot() and _sees_all():  # a container of this machine
                return not _runs_in_a_container(self.pid, self.started)
            return self._is_forgotten()
        if self.boot != _boot():
            return True
        started = _started(self.pid)
        try:
            os.kill(self.pid, 0)
        except PermissionError:  # another user's
            pass
        except (ProcessLookupError, OverflowError):
            return True
        if started is None:  # there is one, and /proc hides it (proc(5), hidepid)
            return self._is_forgotten()
        return started == ENDED or started != (self.started or started)

    def _is_forgotten(self) -> bool:
        """Whether a process that cannot be seen from here began too long ago to count."""
        try:
            return datetime.now(UTC) - read_time(self.since) > FORGOTTEN_AFTER
        except ValueError:
            return True

    def __str__(self) -> str:
        """Who and since when, for people."""
        return f"process {self.pid} of {self.user} on {self.machine.partition(' ')[0]}, begun at {self.since}"


class FolderInUseError(OSError):
    """Another run holds the folder; its text says which, and what to do."""


def hold(directory: Path, holder: Holder) -> None:
    """Take the folder for a run, or raise FolderInUseError.

    The caller must hold the folder's lock.
    """
    path = directory / HOLDER_FILE
    found = _read(path)
    if found and not found.is_run_of(holder) and not found.is_gone():
        raise FolderInUseError(
            f"{directory} is in use by another run ({found}). Wait until that run has ended, or choose another folder. "
            f"If that run no longer exists, remove {path}"
        )
    path.write_text(json.dumps(asdict(holder)), encoding="utf-8")


def release(directory: Path, holder: Holder) -> None:
    """Give the folder up if this run has it."""
    path = directory / HOLDER_FILE
    found = _read(path)
    if found and found.is_run_of(holder):
        path.unlink(missing_ok=True)


def _read(path: Path) -> Holder | None:
    """The holder; None if there is no such file, or if its writing was interrupted."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return None if misfit(content, _FORM) else Holder(**{key: content[key] for key in _FORM})


def _machine() -> str:
    """The machine's name, its space of process IDs (each container has one), and its ID, as two
    machines that share a folder may have one name.
    """
    words = [platform.node()]
    with suppress(OSError):
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    with suppress(OSError, ValueError):
        words.append(MACHINE_ID.read_text(encoding="ascii").strip())
    return " ".join(words)


def _sees_all() -> bool:
    """Whether this process sees those of all containers of its machine."""
    try:
        return Path("/proc/self/ns/pid").readlink() == FIRST_SPACE and Path("/proc/1/stat").exists()
    except OSError:
        return False


def _runs_in_a_container(pid: int, started: str) -> bool:
    """Whether there is a process that began then, and has this ID in its own space (proc(5),
    status, NSpid).
    """
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _started(int(folder.name)) == started:
            try:
                status = (folder / "status").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if any(line.split()[-1] == str(pid) for line in status.splitlines() if line.startswith("NSpid:")):
                return True
    return False


def _boot() -> str:
    """This boot of the machine; empty if the system has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot (proc(5), stat, field 22); ENDED if it has
    ended and nobody has asked how.

    None if the system does not say. With hidepid, an ordinary user does not see others' processes,
    nor those that leave no core dump.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return ENDED if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
