"""The example of docs/how-to/add-a-format.md is written with the others by its file alone."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils import formats
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import record
from tests.examples import blocks, planted
from tests.reports import text_of

AT = "2026-11-22T08:35:43Z"


def test_the_file_alone_makes_it_a_format_that_is_written(tmp_path: Path) -> None:
    records = {"node1": record()}
    report = judge_records(records, AT)
    with planted(formats, "names", blocks("add-a-format")["format"], tmp_path, formats.discover):
        written = formats.write(tmp_path / "report", report, evidence_of(records, AT), ["names"])
        saved = json.loads((tmp_path / "report/report.json").read_text())
        assert text_of(formats.discover()["names"], saved) == (tmp_path / "report/admitted.list").read_text()
    assert tmp_path / "report/admitted.list" in written
    assert "names" not in formats.discover()
