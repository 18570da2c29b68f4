"""`make test`: the tests on the lab, and beside them all others, which spend most of
their time waiting.

`python -m tests.both EXPRESSION` runs what the marker expression chooses. The lab's tests are shown
as they run, the others after them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

OTHERS_LOG = Path("build/tests-without-lab.log")
#: For the lab to be taken down.
STOP_WITHIN_S = 90


def pytest(*words: str, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start pytest in a separate process group, so an interrupt reaches it once: from `main`."""
    argv = [sys.executable, "-m", "pytest", "--durations=40", "--durations-min=5", *words]
    errors = subprocess.STDOUT if log else None
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=errors, process_group=0)


def interrupted(*_: object) -> None:
    """Let every signal that ends a run end it as Ctrl-C does."""
    raise KeyboardInterrupt


def main(expression: str) -> int:
    """0 when both passed, else the status of one that did not; 130 when interrupted."""
    # SIGINT too: a job in the background is started with it ignored, and so would be
    # what is started here.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    OTHERS_LOG.parent.mkdir(exist_ok=True)
    with OTHERS_LOG.open("wb") as log:
        words = ["-m", f"not lab and ({expression})", "-o", "cache_dir=.pytest_cache/without-lab"]
        others = pytest(*words, log=log)
        on_lab = pytest("-m", f"lab and ({expression})")
        try:
            statuses = [on_lab.wait(), others.wait()]
        except KeyboardInterrupt:
            statuses = [130]
            for process in (on_lab, others):
                process.send_signal(signal.SIGINT)
            for process in (on_lab, others):
                try:
                    process.wait(STOP_WITHIN_S)
                except subprocess.TimeoutExpired:
                    process.kill()
    print("\n== the tests without the lab, which ran beside these\n", flush=True)
    sys.stdout.buffer.write(OTHERS_LOG.read_bytes())
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
