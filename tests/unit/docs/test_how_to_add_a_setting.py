"""The lists of docs/how-to/add-a-setting.md are the files that name the settings,
and its reader reports as it says.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.examples import blocks
from tests.paths import ROOT

PAGE = (ROOT / "docs/how-to/add-a-setting.md").read_text(encoding="utf-8")
#: Files below these folders use a setting, and are not a place where one is declared.
USERS = ("plugins/plugin_utils/checks", "plugins/plugin_utils/chrony")


def listed(setting: str) -> set[str]:
    """The files of the table below the heading that names a setting."""
    section = PAGE.partition(f": `{setting}`\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize("setting", ["gate_max_clock_error_s", "chrony_joined_slew_limit_s"])
def test_the_lists_are_the_files_that_name_the_setting(setting: str) -> None:
    name = setting.partition("_")[2]
    files = [
        path for folder in ("plugins", "roles") for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yml")
    ]
    naming = {str(path.relative_to(ROOT)) for path in files if name in path.read_text(encoding="utf-8")}
    assert listed(setting) == {path for path in naming if not path.startswith(USERS)}


def test_the_reader_reports_all_that_is_wrong_at_once() -> None:
    names: dict[str, Any] = {}
    exec(blocks("add-a-setting")["reader"], names)
    assert names["read"]({"checks": ["clock_skew"], "max_rtc_error_s": "2"}) == (2.0, [])
    value, problems = names["read"]({"checks": ["clock"], "max_rtc_error_s": -1})
    assert value is None
    assert problems == blocks("add-a-setting")["problems"].splitlines()
