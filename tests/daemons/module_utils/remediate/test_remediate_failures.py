"""Real failures amid a remediation: a full disk, a read-only folder, a killed process,
a cut connection.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.survive import in_own_session
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import undone

from tests.findings import unsaid
from tests.paths import ROOT
from tests.unit.module_utils.remediate.conftest import file, params, tree

MODULE = ROOT / "plugins/modules/node_remediate.py"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")


def fix(state_folder: Path, prelude: str = "", **given) -> subprocess.Popen:
    """node_remediate's code in a separate process, in its own mount namespace.

    ``prelude`` (shell) may mount something there."""
    code = (
        "import json, sys\n"
        "from ansible_collections.skewgate.preflight.plugins.module_utils.remediate import files, node, survive\n"
        "from ansible_collections.skewgate.preflight.plugins.modules.node_remediate import STATES\n"
        "state, folder, params = json.load(sys.stdin)\n"
        "work = lambda: STATES[state](node.Node(folder), params, False)\n"
        "try:\n"
        "    print(json.dumps(survive.in_own_session(work)))\n"
        "except (files.RemediationError, OSError) as error:\n"
        "    print(json.dumps({'msg': files.reason(error)}))\n"
    )
    state = given.pop("state", "applied")
    argv = [sys.executable, "-c", code]
    if prelude:
        argv = ["unshare", "-m", "sh", "-ec", f'{prelude}\nexec "$@"', "sh", *argv]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdin
    json.dump([state, str(state_folder), params(**given)], process.stdin)
    process.stdin.close()
    process.stdin = None
    return process


def answer(process: subprocess.Popen) -> dict:
    return json.loads(process.communicate(timeout=300)[0])


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "chrony.conf").write_text("server dead.example.com\n")
    return folder


BIG = "# a comment\n" * 100_000


@needs_root
def test_a_full_disk_under_the_configuration_changes_nothing(etc: Path, tmp_path: Path):
    full = f"cp -a {etc} {tmp_path}/kept; mount -t tmpfs -o size=64k tmpfs {etc}; cp -a {tmp_path}/kept/. {etc}"
    look = f"{full}\ntrap 'ls -A {etc} > {tmp_path}/left' EXIT\n\"$@\"; exit"
    failure = answer(fix(tmp_path / "state", prelude=look, files=[file(etc / "chrony.conf", BIG)]))["msg"]
    assert f"{etc}/.chrony.conf.skewgate-new: No space left on device" in failure
    assert (tmp_path / "left").read_text() == "chrony.conf\n"
    assert not list((tmp_path / "state/backups").iterdir())


@needs_root
def test_a_full_disk_under_the_backup_changes_nothing(etc: Path, tmp_path: Path):
    (etc / "chrony.conf").write_text(BIG)
    before, state = tree(etc), tmp_path / "state"
    state.mkdir()
    full = f"mount -t tmpfs -o size=64k tmpfs {state}"
    failure = answer(fix(state, prelude=full, files=[file(etc / "chrony.conf", "server a\n")]))["msg"]
    assert not unsaid(failure, f"{state}/backups/20261122T152134Z/files{etc}/.chrony.conf", "No space left on device")
    assert tree(etc) == before


@needs_root
def test_a_read_only_folder_changes_nothing_in_any_other(etc: Path, tmp_path: Path):
    other, before = tmp_path / "other.conf", tree(etc)
    frozen = f"mount --bind {etc} {etc}; mount -o remount,bind,ro {etc}"
    files = [file(other, "rtcsync\n"), file(etc / "chrony.conf", "server a\n")]
    failure = answer(fix(tmp_path / "state", prelude=frozen, files=files))["msg"]
    assert not unsaid(failure, f"{etc}/", "Read-only file system")
    assert tree(etc) == before
    assert not list(tmp_path.glob("*other.conf*"))
    assert not list((tmp_path / "state/backups").iterdir())


@needs_root
def test_a_file_that_is_mounted_by_itself_cannot_be_replaced_and_all_is_restored(etc: Path, tmp_path: Path):
    """A bind mount on the file, as containers have it:
    renaming onto it fails, after the first file was renamed in.
    """
    mounted = f"touch {etc}/b.conf; mount --bind {etc}/b.conf {etc}/b.conf"
    files = [file(etc / "chrony.conf", "server a\n"), file(etc / "b.conf", "rtcsync\n")]
    failure = answer(fix(tmp_path / "state", prelude=mounted, files=files))["msg"]
    assert not unsaid(failure, f"{etc}/.b.conf.skewgate-new", "Device or resource busy")
    assert (etc / "chrony.conf").read_text() == "server dead.example.com\n"
    assert sorted(path.name for path in etc.iterdir()) == ["b.conf", "chrony.conf"]
    assert json.loads((tmp_path / "state/backups/20261122T152134Z/manifest.json").read_text())["state"] == "undone"


def test_what_is_no_file_is_reported(etc: Path, tmp_path: Path):
    (etc / "conf.d").mkdir()
    with pytest.raises(RemediationError, match=r"conf\.d "):
        applied(Node(str(tmp_path / "state")), params(files=[file(etc / "conf.d", "x")]), check_mode=False)


def worker_of(parent: int) -> int | None:
    """The child of a process, once there is one; None where both had ended before it was seen."""
    while os.waitid(os.P_PID, parent, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if children := Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            return int(children[0])
        time.sleep(0.002)
    return None


def killed_when(process: subprocess.Popen, reached: Callable[[], bool]) -> None:
    """Kills the process and its worker when that moment is reached, as a reset of the node does."""
    worker = worker_of(process.pid)
    # Each file is written through to the disk (fsync), and that took 20 s where other work wrote to
    # it at the same time.
    end_mono_s = time.monotonic() + 300
    while not reached() and process.poll() is None:
        assert time.monotonic() < end_mono_s
    with suppress(ProcessLookupError):
        if worker:
            os.kill(worker, signal.SIGKILL)
    process.kill()
    process.communicate()


def many_files(etc: Path) -> dict:
    """Enough of them for a kill to hit amid each step."""
    new = {etc / f"{number}/{number}.conf": f"# {number}\n" * 20_000 for number in range(12)}
    return {etc / "chrony.conf": "server a\n" * 20_000, **new}


MOMENTS = [
    "state/lock",
    "state/backups/20261122T152134Z",
    "state/backups/20261122T152134Z/manifest.json",
    "etc/.chrony.conf.skewgate-new",
    "etc/6/.6.conf.skewgate-new",
    "etc/11/.11.conf.skewgate-new",
    "etc/0/0.conf",
    "etc/6/6.conf",
    "etc/11/11.conf",
]


@pytest.mark.parametrize("appears", MOMENTS)
def test_killed_at_any_moment_each_file_is_whole_and_the_next_run_finishes(appears: str, etc: Path, tmp_path: Path):
    before, new = tree(etc), many_files(etc)
    files = [file(path, text) for path, text in new.items()]
    killed_when(fix(tmp_path / "state", files=files), (tmp_path / appears).exists)
    for path, text in new.items():
        old = "server dead.example.com\n" if path.name == "chrony.conf" else None
        assert (path.read_text() if path.exists() else None) in (old, text)
    again = answer(fix(tmp_path / "state", files=files, backup_id="20261122T153000Z"))
    assert "msg" not in again
    assert {path: path.read_text() for path in new} == new
    undone(Node(str(tmp_path / "state")), params(backup_id=None), check_mode=False)
    assert tree(etc) == before


@pytest.mark.parametrize("appears", MOMENTS)
def test_killed_at_any_moment_the_node_can_be_taken_back_at_once(appears: str, etc: Path, tmp_path: Path):
    before = tree(etc)
    files = [file(path, text) for path, text in many_files(etc).items()]
    killed_when(fix(tmp_path / "state", files=files), (tmp_path / appears).exists)
    undone(Node(str(tmp_path / "state")), params(backup_id=None, missing_ok=True), check_mode=False)
    assert tree(etc) == before


@pytest.mark.parametrize("goes", ["state", "etc/0/0.conf", "etc/6/6.conf", "etc/11/11.conf", "etc/11"])
def test_undoing_that_is_killed_is_completed_by_undoing_again(goes: str, etc: Path, tmp_path: Path):
    before = tree(etc)
    answer(fix(tmp_path / "state", files=[file(path, text) for path, text in many_files(etc).items()]))
    killed_when(fix(tmp_path / "state", state="undone"), lambda: goes == "state" or not (tmp_path / goes).exists())
    undone(Node(str(tmp_path / "state")), params(), check_mode=False)
    assert tree(etc) == before


def test_a_cut_connection_does_not_stop_the_work(tmp_path: Path):
    """sshd sends SIGHUP, and sudo kills the process group of the module."""
    done = tmp_path / "done"

    def work() -> dict:
        time.sleep(0.3)
        done.touch()
        return {}

    module = os.fork()
    if module == 0:
        os.setpgid(0, 0)
        in_own_session(work)
        os._exit(0)
    worker = worker_of(module)
    assert worker, "it ended within its first moments"
    while os.getsid(worker) != worker:
        time.sleep(0.002)
    for killing in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        os.killpg(module, killing)
    os.waitpid(module, 0)
    assert not done.exists()
    for _ in range(100):
        if done.exists():
            break
        time.sleep(0.02)
    assert done.exists()


def test_the_work_s_result_and_failure_come_to_the_module():
    assert in_own_session(lambda: {"changed": True}) == {"changed": True}
    with pytest.raises(RemediationError, match=r"^ZeroDivisionError: division by zero\.$"):
        in_own_session(lambda: {"never": 1 / 0})
    with pytest.raises(RemediationError, match=r"\bsignal 9\b"):
        in_own_session(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_run_waits_for_another_and_says_which_if_it_does_not_end(tmp_path: Path):
    node = Node(str(tmp_path / "state"))
    with (
        node.lock(),
        pytest.raises(RemediationError, match=rf"\b0\.3 s\b.*\b{os.getpid()}\b"),
        node.lock(0.3),
    ):
        pass
    with node.lock(0):
        pass
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
