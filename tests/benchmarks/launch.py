"""Runs a command, and writes what it cost into a file: `python -I launch.py FILE COMMAND...`.

A separate process, and a small one: Linux counts as a process's largest memory that of the process
from which it was started.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(path: str, argv: list[str]) -> None:
    """Run it to its end."""
    begun_s = time.perf_counter()
    process = subprocess.Popen(argv)
    _pid, status, usage = os.wait4(process.pid, 0)
    measured = {
        "status": os.waitstatus_to_exitcode(status),
        "wall_s": time.perf_counter() - begun_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    Path(path).write_text(json.dumps(measured))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
