"""report.csv, as the module csv reads it."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_csv
from hypothesis import example, given

from tests.hostile import PIECES, hostile_report, judged, texts
from tests.reports import admitted, refused, report, text_of, unreachable


def rows(content: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(report_csv, content), newline=""), strict=True))


def test_each_node_has_a_line_with_its_verdict_and_why() -> None:
    content = report(a=admitted(), b=refused(), c=unreachable())
    assert [[row[key] for key in ("node", "verdict", "refused_because", "keys")] for row in rows(content)] == [
        ["a", "admit", "", ""],
        ["b", "refuse", "failure", "ntp_sources.key_ntp_sources clock_skew.key_clock_skew"],
        ["c", "refuse", "not_judged", "reachable.key_reachable"],
    ]
    assert set(rows(content)[0]) == set(report_csv.COLUMNS)


def test_what_refuses_a_node_is_said_with_what_to_do() -> None:
    [row] = rows(report(b=refused()))
    assert row["cause"] == "ntp_sources: cause ntp_sources; clock_skew: cause clock_skew"
    assert row["seen"] == "chronyc is not installed; 612.004 s behind, Argo CD stands 90 s"
    assert row["next"] == "what to do for ntp_sources what to do for clock_skew"


@pytest.mark.parametrize(
    ("low", "high", "side"), [(-612.016, -611.992, "behind"), (44.9, 45.0, "ahead"), (-0.1, 0.2, "")]
)
def test_the_skew_is_a_number_and_its_side_a_word(low: float, high: float, side: str) -> None:
    content = report(a=admitted(skew_s={"low": low, "high": high}))
    [row] = rows(content)
    assert (float(row["skew_low_s"]), float(row["skew_high_s"]), row["side"]) == (low, high, side)
    assert f",{low},{high}," in text_of(report_csv, content), "numbers are not quoted"


def test_lines_end_as_rfc_4180_asks_and_each_has_as_many_cells() -> None:
    text = text_of(report_csv, judged())
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert "\n" not in "".join(lines)
    assert {len(cells) for cells in csv.reader(lines, strict=True)} == {len(report_csv.COLUMNS)}


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula,
    also if it splits cells at semicolons.
    """
    try:
        float(cell)
    except ValueError:
        return any(re.match(r"[\s\"]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]", part) for part in cell.split(";"))
    return False


@given(texts)
@example(";=1")
@example(" \t=1")
def test_no_cell_begins_a_formula_or_ends_a_line(text: str) -> None:
    content = hostile_report(text)
    found = rows(content)
    assert len(found) == len(content["nodes"])
    assert [cell for row in found for cell in row.values() if is_formula(cell)] == []
    assert all(line.isprintable() for line in text_of(report_csv, content).split("\r\n"))


def test_the_test_knows_formulas() -> None:
    assert {"=1+1", "@SUM(A1)", "\t=1", ";=1"} <= {piece for piece in PIECES if is_formula(piece)}
