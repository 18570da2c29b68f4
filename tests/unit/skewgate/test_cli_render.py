from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from skewgate import render
from tests.unit.skewgate.samples import admitted, finding, refused, report, unreachable


def shown(*tables: Table) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False, markup=False)
    console.print(*tables)
    return console.file.getvalue()  # type: ignore[attr-defined]


def told(content: dict[str, Any]) -> str:
    return "\n".join(render.refusals(content, 100)) + "\n"


def joined(text: str) -> str:
    """The words in one line, as they read across the lines of a cell that is alone in its column."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("skew_s", "text"),
    [
        ({"low": -612.016, "high": -611.992}, "-612.004 s ± 0.012"),
        ({"low": 44.9, "high": 45.1}, "+45.000 s ± 0.100"),
        ({"low": -0.0004, "high": 0.0002}, "+0.000 s ± 0.001"),
        (None, "unknown"),
    ],
    ids=["behind", "ahead", "zero has no minus", "unknown"],
)
def test_the_skew_is_shown_with_sign_and_bound(skew_s: dict[str, float] | None, text: str) -> None:
    assert render.skew_text(skew_s) == text


@given(st.floats(-1e6, 1e6), st.floats(0, 1e4))
def test_the_interval_shown_contains_the_one_measured(low: float, length: float) -> None:
    middle, bound = render.skew_text({"low": low, "high": low + length}).split(" s ± ")
    assert float(middle) - float(bound) <= low + 2e-6
    assert float(middle) + float(bound) >= low + length - 2e-6


def test_the_table_has_one_row_a_node_with_verdict_skew_and_reason() -> None:
    text = shown(render.table(report(node1=admitted(), node2=refused(), node3=unreachable())))
    rows = [joined(line.replace("|", " ")) for line in text.splitlines() if "node" in line]
    assert rows[0].startswith("node1 admitted +0.000 s ± 0.005")
    assert rows[1].startswith("node2 refused -612.004 s ± 0.012 612.004 s behind, Argo CD stands 90 s")
    assert rows[2].startswith("node3 not judged unknown the node could not be reached")


def test_a_failure_is_the_reason_before_what_could_not_be_told() -> None:
    assert render.reason(refused()) == "612.004 s behind, Argo CD stands 90 s (and 1 more)"


def test_what_was_skipped_beside_an_answer_is_not_counted() -> None:
    assert render.reason(unreachable()) == "the node could not be reached: No route to host"


def test_a_fixed_node_says_what_was_fixed() -> None:
    before = {key: refused()[key] for key in ("verdict", "judged_at", "refused_because", "skew_s", "findings")}
    assert render.reason(admitted(before=before)) == "fixed; the skew was -612.004 s ± 0.012"
    changes = [{"what": "start chrony.service, so that it steps the clock", "answers": ["time_service: none"]}]
    fixed = admitted(before=before, remediation={"attempted": True, "succeeded": True, "changes": changes})
    assert render.reason(fixed) == "fixed (start chrony.service); the skew was -612.004 s ± 0.012"


def test_a_long_reason_wraps_and_loses_nothing_in_100_columns() -> None:
    words = [f"word{number}" for number in range(60)]
    node = refused(findings=[finding("clock_skew", "fail", " ".join(words))])
    text = shown(render.table(report(**{"a-node-with-a-long-name.example.net": node}))) + told(report(node=node))
    assert max(map(len, text.splitlines())) <= 100
    for word in words:
        assert text.count(f"{word} ") + text.count(f"{word}\n") == 2


def test_an_address_stays_whole_to_be_copied() -> None:
    address = "https://api.example.net/" + "x" * 120
    assert f" {address}\n" in told(report(node=refused(findings=[finding("clock_skew", "fail", f"see {address}")])))


def test_without_a_terminal_there_is_not_one_escape() -> None:
    assert "\x1b" not in shown(render.table(report(node=refused())))


def test_control_characters_from_a_node_never_reach_the_terminal() -> None:
    node = refused(findings=[finding("github_app_token", "fail", "body: \x1b]0;owned\x07 \x9b2J")])
    text = shown(render.table(report(node=node))) + told(report(node=node))
    assert r"\x1b]0;owned\x07 \x9b2J" in text
    assert all(character.isprintable() for line in text.split("\n") for character in line)


def test_each_finding_that_refuses_says_what_was_seen_why_and_what_next() -> None:
    text = told(report(good=admitted(), bad=refused()))
    assert text.index("clock_skew: fail") < text.index("ntp_sources: inconclusive")
    for part in (
        "seen  612.004 s behind, Argo CD stands 90 s",
        "why   why clock_skew",
        "next  what to do for clock_skew",
    ):
        assert part in text
    assert "good" not in text
    assert "advice alone" not in text


def test_checks_skipped_for_a_reason_that_is_told_are_named_in_one_line() -> None:
    text = told(report(node=unreachable()))
    assert "skipped for that reason: clock_skew, time_service" in text
    assert "why clock_skew" not in text


def test_a_node_where_everything_was_skipped_still_says_why() -> None:
    node = unreachable(findings=[finding("clock_skew", "skipped", "nobody asked")])
    assert "seen  nobody asked" in told(report(node=node))


def test_what_became_of_the_remediation_stands_with_the_refusal() -> None:
    node = refused(remediation={"attempted": True, "succeeded": False, "message": "no server answers from there"})
    assert "remediation: no server answers from there" in told(report(node=node))


# --- many nodes


def fleet(nodes: int, **finding_changes: Any) -> dict[str, Any]:
    """Nodes that are refused for one cause, each with a skew and a summary of its own."""
    return {
        f"node{n:03}": refused(
            skew_s={"low": -600.0 - n, "high": -599.5 - n},
            findings=[
                finding("reachable"),
                {**finding("clock_skew", "fail", f"{600 + n} s behind"), **finding_changes},
            ],
        )
        for n in range(nodes)
    }


def test_nodes_that_are_refused_for_one_cause_share_one_row_with_their_number_and_range() -> None:
    content = report(good=admitted(), **fleet(300, cause="beyond argocd, behind"))
    text = shown(render.table(content))
    assert text.count("refused") == 1
    assert "| 300 nodes: " in text
    assert "-899.000 s to -599.500 s" in text
    assert render.group_reason(content, content["groups"][0]) == "clock_skew: beyond argocd, behind"


def test_what_one_cause_asks_for_is_said_once_for_all_its_nodes() -> None:
    text = told(report(good=admitted(), **fleet(300, cause="beyond argocd, behind"), other=unreachable()))
    assert text.count("what to do for clock_skew") == 1
    assert "300 nodes refused: node000, node001" in text
    assert "and 290 more" in text
    assert "  skew: -899.000 s to -599.500 s\n" in text
    assert "seen  on node000: 600 s behind\n" in text
    assert "why   why clock_skew\n" in text
    assert "other: not judged" in text


def test_the_largest_group_is_told_first() -> None:
    text = told(report(a=unreachable(), **fleet(2)))
    assert text.index("2 nodes refused: node000, node001") < text.index("a: not judged")


def test_nodes_with_different_causes_are_told_apart() -> None:
    nodes = {**fleet(1, cause="beyond argocd, behind"), "other": fleet(1, about=["argocd", "ahead"])["node000"]}
    text = told(report(**nodes))
    assert "node000: refused\n" in text
    assert "other: refused\n" in text


def test_the_same_words_on_every_node_are_no_nodes_own() -> None:
    text = told(report(a=unreachable(), b=unreachable()))
    assert "2 nodes not judged: a, b\n  skew: unknown\n" in text
    assert "seen  the node could not be reached: No route to host\n" in text


def test_what_became_of_the_remediation_is_counted_over_a_group() -> None:
    failed = {"attempted": True, "succeeded": False, "message": "no server answers"}
    nodes = fleet(3)
    nodes["node001"]["remediation"] = nodes["node002"]["remediation"] = failed
    assert "remediation: no server answers (2 of them)" in told(report(**nodes))


@pytest.mark.parametrize(("number", "rows"), [(20, 20), (21, 1)])
def test_many_admitted_nodes_share_a_row(number: int, rows: int) -> None:
    text = shown(render.table(report(**{f"node{n:03}": admitted() for n in range(number)})))
    assert text.count("admitted") == rows
    assert ("21 nodes: node000," in text) is (rows == 1)


FLEET = {
    "spread_s": {"low": 657.0004, "high": 657.0009, "ahead": "node3", "behind": "node2"},
    "controller_skew_s": {"low": 1.0, "high": 2.25},
    "findings": [
        {"id": "controller_clock", "summary": "it is off", "why": "why so", "remedy": "fix it", "nodes": ["a", "b"]}
    ],
}


def test_what_all_nodes_tell_together_is_told_once() -> None:
    lines = list(render.fleet({**report(a=admitted(), b=refused()), "fleet": FLEET}, 100))
    assert lines == [
        "",
        "All nodes together:",
        "  largest difference between two nodes: 657.000 s to 657.001 s (node3 ahead of node2)",
        "  the controller's own clock, by the nodes' references: +1.000 s to +2.250 s",
        "  controller_clock",
        "    seen  it is off",
        "    why   why so",
        "    next  fix it",
    ]


def test_a_controller_whose_clock_may_be_right_is_not_mentioned() -> None:
    fleet = {**FLEET, "controller_skew_s": {"low": -1.4, "high": 0.1}}
    lines = render.fleet({**report(a=admitted(), b=refused()), "fleet": fleet}, 100)
    assert not any("controller's own clock" in line for line in lines)


@pytest.mark.parametrize(
    "content",
    [report(a=admitted(), b=refused()), {**report(a=admitted()), "fleet": FLEET}],
    ids=["nothing to tell", "a single node"],
)
def test_where_all_nodes_tell_nothing_more_there_is_no_line(content: dict[str, Any]) -> None:
    assert list(render.fleet(content, 100)) == []


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ({"a": admitted()}, "1 of 1 node admitted."),
        ({"a": admitted(), "b": refused(), "c": refused()}, "1 of 3 nodes admitted; refused: b, c."),
        ({"a": unreachable(), "b": refused()}, "0 of 2 nodes admitted; refused: b; not judged: a."),
        (
            {f"n{n:02}": refused() for n in range(12)},
            "0 of 12 nodes admitted; refused: n00, n01, n02, n03, n04, n05, n06, n07, n08, n09 and 2 more.",
        ),
    ],
    ids=["all admitted", "some refused", "some not judged", "many refused"],
)
def test_one_sentence_tells_the_outcome(nodes: dict[str, Any], sentence: str) -> None:
    assert render.outcome(report(**nodes)) == sentence
