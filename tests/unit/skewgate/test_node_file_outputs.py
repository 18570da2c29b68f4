"""The files that a node's check writes, in a folder that is not root's alone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TextIO

from skewgate.node_file.on_node import main


def test_a_file_that_takes_the_place_of_the_new_one_is_not_opened_to_everybody(tmp_path: Path) -> None:
    """The folder of node_exporter's textfile collector may be another user's."""
    secret = tmp_path / "secret"
    secret.write_text("of root")
    secret.chmod(0o600)
    folder = tmp_path / "textfile"
    folder.mkdir()

    def write(file: TextIO) -> None:
        file.write("metrics")
        [new] = folder.iterdir()
        new.unlink()
        new.symlink_to(secret)

    main._write(str(folder / "a.prom"), write)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
