"""``python -m skewgate.node_file FOLDER [--settings FILE]``: the node's file and its settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import SkewgateError
from .build import node_file
from .settings import node_settings

NAME = "skewgate-node.pyz"
SETTINGS_NAME = "node.json"


def main() -> int:
    """Write both files; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m skewgate.node_file", description="Write the file for nodes.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=f"where to write {NAME}")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help=f"gate_* variables (YAML or JSON), for {SETTINGS_NAME} beside it"
    )
    args = parser.parse_args()
    try:
        settings = node_settings(args.settings) if args.settings else None
    except SkewgateError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return int(error.code)
    args.folder.mkdir(parents=True, exist_ok=True)
    packed = args.folder / NAME
    packed.write_bytes(node_file())
    packed.chmod(0o755)
    print(f"{packed}: {packed.stat().st_size} bytes")
    if settings is not None:
        (args.folder / SETTINGS_NAME).write_text(settings, encoding="utf-8")
        print(args.folder / SETTINGS_NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main())
