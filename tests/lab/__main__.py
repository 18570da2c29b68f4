"""The lab's command: `python -m tests.lab up|down|status|run -- COMMAND`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.lab.host import LabError, say
from tests.lab.lab import STATE_DIR, Lab

INVENTORY = "inventories/lab/hosts.yml"


def main() -> int:
    """Do what the command line says; 0 done, 1 the lab failed, 2 usage,
    3 (of status) not all is up.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Nodes with their own clocks.")
    parser.add_argument("--state-dir", type=Path, default=STATE_DIR, help="the lab's folder (%(default)s)")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("up", help="bring up the three nodes of the incident, NTP servers and a GitHub API")
    actions.add_parser("down", help="take everything down; the images stay")
    actions.add_parser("status", help="say what runs")
    run = actions.add_parser("run", help="run a command inside the lab's network")
    run.add_argument("command", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    lab = Lab(arguments.state_dir)
    try:
        if arguments.action == "up":
            lab.up()
            say(f"up. Inventory: {INVENTORY}. To run a command inside the lab's network:")
            say(f"  ip netns exec {lab.namespace.name} .venv/bin/ansible -i {INVENTORY} all -m ping")
        elif arguments.action == "down":
            lab.down()
            say("down: no process, tap, namespace or mount is left")
        elif arguments.action == "status":
            for name, pid in lab.processes().items():
                print(f"{name:8} {f'runs (process {pid})' if pid else 'does not run'}")
            return 0 if lab.is_up() else 3
        else:
            return lab.run(arguments.command).returncode
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
