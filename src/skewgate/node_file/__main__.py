"""``python -m skewgate.node_file FOLDER [--settings FILE]``: the node's file and its settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

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
    file = node_file()
    try:
        _write(args.folder, file, settings)
    except OSError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return int(ExitCode.USAGE_ERROR)
    return 0


def _write(folder: Path, file: bytes, settings: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / NAME
    packed.write_bytes(file)
    packed.chmod(0o755)
    print(f"{packed}: {len(file)} bytes")
    if settings is not None:
        (folder / SETTINGS_NAME).write_text(settings, encoding="utf-8")
        print(folder / SETTINGS_NAME)


if __name__ == "__main__":
    sys.exit(main())
