"""skewgate.nagios, by the Monitoring Plugins' guidelines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import nagios
from hypothesis import example, given

from tests.hostile import hostile_report, texts
from tests.reports import admitted, refused, report, text_of, unreachable

NUMBER = r"-?\d+(?:\.\d+)?"
#: 'label'=value[UOM];[warn];[crit];[min];[max]
DATUM = re.compile(rf"(?P<label>[a-z_]+)=(?P<value>{NUMBER})s?(?:;(?:{NUMBER})?){{0,4}}")


def read(content: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """The text and the performance data of the one line."""
    line = text_of(nagios, content)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    text, bar, data = line.rstrip("\n").partition(" | ")
    assert bar
    assert "|" not in text + data
    matches = [DATUM.fullmatch(datum) for datum in data.split(" ")]
    assert all(matches), data
    return text, {match["label"]: float(match["value"]) for match in matches if match}


@pytest.mark.parametrize(
    ("nodes", "status"),
    [
        ({"a": admitted()}, "OK"),
        ({"a": admitted(), "b": refused(), "c": unreachable()}, "CRITICAL"),
        ({"a": admitted(), "c": unreachable()}, "UNKNOWN"),
    ],
)
def test_the_status_is_the_second_word(nodes: dict[str, Any], status: str) -> None:
    text, _ = read(report(**nodes))
    assert text.startswith(f"SKEWGATE {status} - ")


def test_the_refused_nodes_are_named_with_what_refuses_them() -> None:
    text, _ = read(report(a=admitted(), b=refused(), c=unreachable()))
    assert "1 of 3 nodes refused: b (clock_skew)" in text
    assert "1 of 3 nodes not judged: c (reachable)" in text
    assert "1 of 1 node admitted" in read(report(a=admitted()))[0]


def test_of_many_nodes_the_first_are_named_and_the_others_counted() -> None:
    text, _ = read(report(**{f"node{number:03}": refused() for number in range(300)}))
    assert "node004 (clock_skew) and 295 more" in text
    assert "node005" not in text


def test_the_performance_data_counts_nodes_and_has_the_skews() -> None:
    _, data = read(report(a=admitted(), b=refused(), c=unreachable()))
    assert data == {"admitted": 1, "refused": 1, "not_judged": 1, "skew_low": -612.016, "skew_high": 0.0035}
    assert set(read(report(c=unreachable()))[1]) == {"admitted", "refused", "not_judged"}


@given(texts)
@example("漢" * 400)
def test_no_string_of_a_node_reaches_the_data_or_a_shell(text: str) -> None:
    content = hostile_report(text)
    line = text_of(nagios, content)
    shown, data = read(content)
    assert len(line.encode()) <= nagios.MOST_BYTES
    assert set(data) == {"admitted", "refused", "not_judged", "skew_low", "skew_high"}
    assert not set(shown) & set("`~$&'\"<>;")
    assert shown.isprintable()
