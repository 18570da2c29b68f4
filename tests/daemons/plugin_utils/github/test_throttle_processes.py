"""Processes that run side by side share one count of mints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_processes_share_the_count(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.throttle import MintThrottle\n"
        "def sleep(s): print('waits'); sys.exit()\n"
        "MintThrottle(Path(sys.argv[1]) / 'mints.json', 4, 10, sleep=sleep).wait(1); print('mints')\n"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    started = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "collections"}) for _ in range(6)
    ]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert said == ["mints"] * 4 + ["waits"] * 2
