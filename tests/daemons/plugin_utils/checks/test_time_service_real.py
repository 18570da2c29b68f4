"""A real chronyd with -x steers nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes as probe

from tests.builders import CHRONY_UNIT
from tests.unit.plugin_utils.checks.test_check_time_service import OWN, SESSION, judge, process


def test_a_real_chronyd_with_x_does_not_count(chrony_tree: Path, tmp_path: Path):
    config = tmp_path / "chrony.conf"
    config.write_text(f"port 0\ncmdport 0\nbindcmdaddress {tmp_path}/sock\npidfile {tmp_path}/pid\n")
    chronyd = subprocess.Popen([chrony_tree / "usr/sbin/chronyd", "-x", "-d", "-u", "root", "-f", config])
    try:
        for _attempt in range(50):
            shown = [p for p in probe.scan().time_daemons if p["pid"] == chronyd.pid]
            if shown:
                break
            time.sleep(0.1)
        (seen,) = shown
        taken = {**process("chronyd", SESSION, pid=chronyd.pid), "argv": seen["argv"]}
        assert judge(CHRONY_UNIT, processes=(process("chronyd", OWN, pid=731), taken)).state == "pass"
        steering = {**taken, "argv": [word for word in seen["argv"] if word != "-x"]}
        assert judge(CHRONY_UNIT, processes=(process("chronyd", OWN, pid=731), steering)).state == "fail"
    finally:
        chronyd.terminate()
        chronyd.wait(10)
