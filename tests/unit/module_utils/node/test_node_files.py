from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import files


def test_why_a_file_could_not_be_read_has_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("here", "secret", "folder"):
        (tmp_path / name).write_text("") if name != "folder" else (tmp_path / name).mkdir()
    read_text = files.read_text

    def denying(path: str) -> str:
        if path.endswith("secret"):  # root may read any file
            raise PermissionError(13, "whatever the words are")
        return read_text(path)

    monkeypatch.setattr(files, "read_text", denying)
    found = files.read_files([str(tmp_path / name) for name in ("here", "secret", "folder", "gone")])
    assert [file["path"] for file in found["files"]] == [str(tmp_path / "here")]
    assert {Path(file["path"]).name: file["kind"] for file in found["unread"]} == {
        "secret": "denied",
        "folder": "other",
        "gone": "missing",
    }
