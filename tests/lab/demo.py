"""`make demo`: the incident, shown on the lab.

Check, refusals with their proved cause, gate, admission.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from tests.lab.host import LabError
from tests.lab.lab import REPOSITORY, Lab

DEMO_DIR = REPOSITORY / "build/demo"
INVENTORY = REPOSITORY / "inventories/lab"
SKEWGATE = Path(sys.executable).parent / "skewgate"


def say(text: str) -> None:
    """One step of the story."""
    print(f"\n== {text}\n", flush=True)


def run(lab: Lab, command: str, report_dir: Path, expected: int) -> None:
    """``skewgate COMMAND`` inside the lab's network;
    LabError if it ends otherwise than the story says.
    """
    argv = [str(SKEWGATE), command, "-i", str(INVENTORY), "--report-dir", str(report_dir)]
    shown = f"skewgate {command} -i inventories/lab --report-dir {report_dir.relative_to(REPOSITORY)}"
    print(f"$ {shown}\n", flush=True)
    status = lab.run(argv, cwd=REPOSITORY).returncode
    if status != expected:
        raise LabError(f"`{shown}` ended with {status}, the demo expects {expected}")


def play_incident(lab: Lab) -> None:
    """The whole story on fresh nodes; the lab is taken down whatever happens."""
    began_s = time.monotonic()
    shutil.rmtree(DEMO_DIR, ignore_errors=True)
    say("A new cluster's three nodes: node1 is in sync, node2 never had NTP, node3's only NTP server is dead.")
    lab.down()  # nodes of an earlier use may be fixed already
    try:
        lab.up()
        lab.wait_synchronised("node1")
        say("Check them; nothing is changed on any node.")
        run(lab, "check", DEMO_DIR / "before", expected=4)
        say("The gate: check, fix the clock if that helps, prove it, admit.")
        run(lab, "gate", DEMO_DIR / "after", expected=0)
    finally:
        lab.down()
    nodes = json.loads((DEMO_DIR / "after/report.json").read_text())["nodes"]
    admitted = [name for name, node in nodes.items() if node["verdict"] == "admit"]
    say(f"Admitted: {', '.join(admitted)}. It took {time.monotonic() - began_s:.0f} s.")
    print("The reports, to open in a browser: build/demo/before/report.html and build/demo/after/report.html.")


if __name__ == "__main__":
    try:
        play_incident(Lab())
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)
