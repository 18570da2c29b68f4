"""node_remediate as Ansible runs it: arguments by JSON, an answer by JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, as the module does")


def run(folder: Path, **arguments) -> dict:
    """The module's answer.

    It sees its own empty /var/lib, which is kept in ``folder`` from call to call.
    """
    called = {"_ansible_remote_tmp": str(folder), "_ansible_keep_remote_files": False, **arguments}
    (folder / "var").mkdir(exist_ok=True)
    mounted = ["unshare", "-m", "sh", "-ec", 'mount --bind "$1" /var/lib; shift; exec "$@"', "sh", folder / "var"]
    done = subprocess.run(
        [*mounted, sys.executable, ROOT / "plugins/modules/node_remediate.py"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": called}),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_file_is_written_and_taken_back(tmp_path: Path):
    path = tmp_path / "a.conf"
    arguments = {"backup_id": "20261122T152134Z", "files": [{"path": str(path), "content": "rtcsync\n"}]}
    done = run(tmp_path, state="applied", **arguments)
    assert (done["changed"], done["changes"], path.read_text()) == (True, [f"created {path}"], "rtcsync\n")
    assert done["backup"] == "/var/lib/skewgate/backups/20261122T152134Z"
    assert run(tmp_path, state="undone")["changes"] == [f"removed {path}"]
    assert not path.exists()


def test_a_failure_is_reported_in_sentences(tmp_path: Path):
    failure = run(tmp_path, state="undone")
    assert failure["failed"] is True
    assert "/var/lib/skewgate/backups" in failure["msg"]
    failure = run(tmp_path, state="applied", backup_id="20261122T152134Z", enable=["chrony.service"])
    assert failure["failed"] is True
    assert "systemd" in failure["msg"]


def test_what_a_state_needs_is_asked_for(tmp_path: Path):
    assert "backup_id" in run(tmp_path, state="applied")["msg"]
    slew = {"unit": "chrony.service", "config": "/etc/chrony/chrony.conf", "step": False}
    assert "options_variable" in run(tmp_path, state="applied", backup_id="20261122T152134Z", chronyd=slew)["msg"]
