from __future__ import annotations

import os
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


def test_all_files_together_are_bounded_and_none_is_cut(tmp_path: Path):
    size = files.MAX_FILE_BYTES
    fitting = files.MAX_CONFIGURATION_BYTES // size
    for number in range(fitting + 1):
        (tmp_path / f"{number}.conf").write_text("#" * size)
    (tmp_path / "9.conf").write_text("")
    found = files.read_files([str(path) for path in sorted(tmp_path.iterdir())])
    assert [len(file["text"]) for file in found["files"]] == [size] * fitting + [0]
    assert found["unread"] == [
        {
            "path": str(tmp_path / f"{fitting}.conf"),
            "error": f"the configuration is larger than {files.MAX_CONFIGURATION_BYTES} bytes",
            "kind": "other",
        }
    ]


def test_what_is_not_utf_8_counts_as_it_is_handed_out(tmp_path: Path):
    """Each byte that is none becomes three."""
    (tmp_path / "one.conf").write_bytes(b"\xff" * files.MAX_FILE_BYTES)
    (tmp_path / "two.conf").write_bytes(b"\xff" * files.MAX_FILE_BYTES)
    found = files.read_files([str(tmp_path / "one.conf"), str(tmp_path / "two.conf")])
    assert [len(found["files"]), len(found["unread"])] == [1, 1]


def test_files_that_are_not_there_are_not_listed_without_end(tmp_path: Path):
    found = files.read_files([str(tmp_path / str(number)) for number in range(10_000)])
    assert len(found["unread"]) == files.MAX_UNREAD


def test_a_pipe_that_nobody_writes_to_and_a_device_without_end_are_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    found = files.read_files([str(tmp_path / "pipe"), "/dev/zero"])
    assert [file["error"] for file in found["unread"]] == ["it is not a regular file"] * 2
    assert files.text_or_none(str(tmp_path / "pipe")) is None


def test_a_file_that_is_not_small_is_not_shown_in_part(tmp_path: Path):
    (tmp_path / "small").write_text("#" * files.MAX_SMALL_BYTES)
    (tmp_path / "large").write_text("#" * (files.MAX_SMALL_BYTES + 1))
    assert files.text_or_none(str(tmp_path / "small")) == "#" * files.MAX_SMALL_BYTES
    assert files.text_or_none(str(tmp_path / "large")) is None
