"""docs/reference/formats.md is what the formats' own docstrings say."""

from __future__ import annotations

import json

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import discover

from docs.format_pages import EXAMPLE, formats_page
from tests.schemas import REPORT, misfits


@pytest.mark.parametrize("name", discover())
def test_every_format_has_a_row_and_a_section(name: str) -> None:
    assert f"| [{name}](#{name}) | `{discover()[name].FILE}` | " in formats_page()
    assert f"\n## {name}\n" in formats_page()


def test_the_example_is_a_report() -> None:
    assert misfits(REPORT, json.loads(EXAMPLE.read_text(encoding="utf-8"))) == []


def test_a_docstring_that_does_not_begin_with_its_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover()["text"], "__doc__", "Lines for people.")
    with pytest.raises(ValueError, match=r"format text: .* 'Lines for people\.'"):
        formats_page()
