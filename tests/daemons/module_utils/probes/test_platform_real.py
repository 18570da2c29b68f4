"""Real mounts and real locks, as the probe of the platform sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import platform

from tests.node_parts import OF_DPKG, debian


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return debian(tmp_path)


# The mounts of an image-based node: read in a mount namespace of the test's own.
@pytest.mark.parametrize(
    ("mounted", "booted", "expected"),
    [
        (["usr"], False, "usr"),
        (["etc"], False, "etc"),
        (["usr"], True, "ostree"),
        (["usr", "etc"], True, "etc"),
    ],
)
def test_a_read_only_mount_is_seen(node: Path, mounted: list[str], booted: bool, expected: str):
    if booted:
        (node / "run/ostree-booted").touch()
    mounts = " && ".join(f"mount -t tmpfs -o ro tmpfs {node / folder}" for folder in mounted)
    code = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
        "from ansible_collections.skewgate.preflight.plugins.module_utils.probes import platform;"
        "print(platform.read_only(sys.argv[2]))"
    )
    ask = [sys.executable, "-c", code, json.dumps(sys.path), str(node)]
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *ask],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Operation not permitted" in ended.stderr:
        pytest.skip("a mount takes root")
    assert ended.stdout.strip() == expected, ended.stderr


@pytest.mark.parametrize("lock", ["lock-frontend", "lock"])
def test_who_is_at_work_with_dpkg_is_known_by_its_lock(node: Path, lock: str):
    dpkg = node / "var/lib/dpkg"
    (dpkg / "updates").mkdir(parents=True)
    (dpkg / "status").write_text(OF_DPKG.format("install ok unpacked"))
    (dpkg / "updates/0000").write_text("")
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, dpkg / lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert platform.dpkg(str(node)) == {
            "chrony": "unpacked",
            "held_by": {"pid": holder.pid, "name": Path(f"/proc/{holder.pid}/comm").read_text().strip()},
            "interrupted": False,
        }
        holder.communicate(b"\n")
    assert platform.dpkg(str(node)) == {"chrony": "unpacked", "held_by": None, "interrupted": True}
