"""An ID that YAML reads as octal is found in the file that it was written in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import written
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.written import ids_as_written

pytestmark = pytest.mark.skipif(
    written.Origin is None, reason="ansible-core 2.18 does not know where a value was written"
)


def app_of(folder: Path, text: str) -> Any:
    """The first App of an inventory's file with this text, as Ansible reads it."""
    path = folder / "all.yml"
    path.write_text(text, encoding="utf-8")
    return ids_as_written(DataLoader().load_from_file(str(path)))["gate_github_apps"][0]


@pytest.mark.parametrize(
    ("app", "app_id"),
    [
        ("{app_id: 0123456}", "0123456"),
        ("{ installation_id: 010, app_id:  0017 }", "0017"),
        ("{app_id: 123456}", 123456),
        ("{app_id: 0}", 0),
        ("{app_id: 0123489}", "0123489"),
        ("{app_id: '0123456'}", "0123456"),
    ],
)
def test_the_text_is_shown_if_the_number_differs(tmp_path: Path, app: str, app_id: Any) -> None:
    assert app_of(tmp_path, f"gate_github_apps:\n  - {app}\n")["app_id"] == app_id


def test_other_numbers_are_left_as_they_are(tmp_path: Path) -> None:
    assert app_of(tmp_path, "gate_github_apps: [{mode: 010, app_id: 1}]")["mode"] == 8


def test_a_value_of_no_file_is_left_as_it_is() -> None:
    assert ids_as_written({"app_id": 42798, "more": [{"installation_id": 8}, None]}) == {
        "app_id": 42798,
        "more": [{"installation_id": 8}, None],
    }


def test_a_file_that_is_gone_shows_no_time(tmp_path: Path) -> None:
    path = tmp_path / "gone.yml"
    path.write_text("app_id: 0123456\n")
    read = DataLoader().load_from_file(str(path))
    path.unlink()
    assert ids_as_written(read)["app_id"] == 0o123456
