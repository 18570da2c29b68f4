"""A holder of a report folder whose process was killed, with real processes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import Holder
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import SavedFileError, begin_folder

REPORTS = ["report.json"]


def test_a_killed_run_that_nobody_has_waited_for_holds_nothing(tmp_path: Path) -> None:
    """Its process ID stays: in a container whose first process is no init, for ever."""
    with subprocess.Popen(["sleep", "60"]) as run:
        begin_folder(tmp_path, REPORTS, holder=Holder.of(run.pid))
        run.kill()
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
        begin_folder(tmp_path, REPORTS)


IN_A_CONTAINER = """
import sys, time
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import begin_folder
begin_folder(Path(sys.argv[1]), ["report.json"])
print("begun", flush=True)
time.sleep(60)
"""


def test_a_killed_container_of_this_machine_holds_nothing(tmp_path: Path) -> None:
    if os.geteuid() or Path("/proc/self/ns/pid").readlink() != Path("pid:[4026531836]"):
        pytest.skip("only root makes a space of process IDs, and only the machine's first one sees all others")
    argv = [
        "unshare",
        "--pid",
        "--mount-proc",
        "--fork",
        "--kill-child",
        sys.executable,
        "-c",
        IN_A_CONTAINER,
        tmp_path,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as container:
        try:
            assert container.stdout is not None
            assert container.stdout.readline() == b"begun\n"
            with pytest.raises(SavedFileError, match="in use by another run"):
                begin_folder(tmp_path, REPORTS)
            first = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text()
            ending = os.pidfd_open(int(first))
        finally:
            container.kill()
    select.select([ending], [], [], 10)  # its output is closed a moment earlier
    os.close(ending)
    begin_folder(tmp_path, REPORTS)


#: All is imported before root is given up: the checkout and Python may be root's alone.
HIDDEN = """
import encodings.ascii, os, sys, time
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.module_utils.node.core_dumps import make_undumpable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import Holder
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import SavedFileError, begin_folder
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
folder, (readable, writable) = Path("/mnt/reports"), os.pipe()
run = os.fork()
if run == 0:
    make_undumpable()
    begin_folder(folder, ["report.json"])
    os.write(writable, b"1")
    time.sleep(60)
os.close(writable)
os.read(readable, 1)

def begun(**holder):
    try:
        begin_folder(folder, ["report.json"], **holder)
    except SavedFileError as error:
        return "in use" if "in use by another run" in str(error) else str(error)
    return "begun"

seen = [begun()]
holder = folder / "in-use.json"
holder.unlink()
seen += [begun(holder=Holder.of(run)), begun()]
os.kill(run, 9)
os.waitpid(run, 0)
print(*seen, begun(), sep=", ")
"""


def test_a_run_whose_process_is_hidden_holds_its_folder_until_it_has_ended(tmp_path: Path) -> None:
    """With hidepid (proc(5)), a user does not see a process that leaves no core dump."""
    if os.geteuid():
        pytest.skip("mounts, and becoming another user, take root")
    script = tmp_path / "hidden.py"
    script.write_text(HIDDEN)
    mounts = "mount -t proc -o hidepid=2 proc /proc && mount -t tmpfs -o mode=777 tmpfs /mnt"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", sys.executable, script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("in use, begun, in use, begun\n", "")


OWN_SPACE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc")
OF_ANOTHER_USER = """
import os, sys
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import saved
saved.begin_folder(Path("/mnt"), ["report.json"])
if os.fork() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        saved.begin_folder(Path("/mnt"), ["report.json"])
    except saved.SavedFileError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize("hidepid", [0, 1, 2])
def test_a_run_of_another_user_holds_the_folder_where_its_process_is_hidden(hidepid: int) -> None:
    if os.geteuid():
        pytest.skip("only root mounts, and starts a process of another user")
    mounts = f"mount -o remount,hidepid={hidepid} /proc; mount -t tmpfs -o mode=777 tmpfs /mnt"
    ended = subprocess.run(
        [*OWN_SPACE, "sh", "-ec", f'{mounts}; exec "$@"', "sh", sys.executable, "-c", OF_ANOTHER_USER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "in use by another run (process 1 of root" in ended.stdout


BEGINS = IN_A_CONTAINER.partition("print")[0]
"""It ends at once; who cannot see that must take it for a run that goes on."""


def test_a_run_on_another_machine_of_the_same_name_holds_the_folder_that_both_share(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root mounts")
    other = tmp_path / "machine-id"
    other.write_text("0123456789abcdef0123456789abcdef\n")
    boot = tmp_path / "boot_id"
    boot.write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    shared = tmp_path / "shared"
    script = f"mount --bind {other} /etc/machine-id; mount --bind {boot} /proc/sys/kernel/random/boot_id; "
    subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{script} exec "$@"', "sh", sys.executable, "-c", BEGINS, shared],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=True,
    )
    with pytest.raises(SavedFileError, match="in use by another run"):
        begin_folder(shared, REPORTS)
