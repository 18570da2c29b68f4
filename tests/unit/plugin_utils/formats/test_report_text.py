from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import (
    lines,
    reason,
    refusal,
    skew_of,
)

from tests.reports import admitted, finding, refused, report, text_of, unreachable


def blocks(content: dict[str, Any], width: int = 100) -> list[list[str]]:
    """The report's parts, between empty lines: the table, each group's refusal, all nodes together, the outcome."""
    parts: list[list[str]] = [[]]
    for line in lines(content, width=width):
        if line:
            parts[-1].append(line)
        else:
            parts.append([])
    return parts


def table(content: dict[str, Any]) -> list[str]:
    return blocks(content)[0][1:]


def told(content: dict[str, Any]) -> str:
    """What follows the table."""
    return "\n".join(line for part in blocks(content)[1:-1] for line in part) + "\n"


def flat(text: str) -> str:
    """The words in one line, as they read across wrapped lines."""
    return " ".join(text.split())


# --- the table


def test_each_node_has_a_row_with_verdict_skew_and_reason_one_below_the_other() -> None:
    assert lines(report(node1=admitted(), node2=refused(), other=unreachable()))[:5] == [
        "Node   Verdict     Skew                          Reason",
        "node1  admitted    0.000 s (± 0.005 s)",
        "node2  refused     612.004 s behind (± 0.012 s)  612.004 s behind, Argo CD stands 90 s (and 1 more)",
        "other  not judged  unknown                       the node could not be reached: No route to host",
        "",
    ]


def test_a_node_whose_clock_passed_and_whose_token_was_not_tried_says_just_that() -> None:
    untried = {**finding("github_app_token", "inconclusive"), "keys": ["no_app_given"]}
    node = {"verdict": "refuse", "refused_because": "not_judged"}
    time_alone = admitted(**node, findings=[finding("clock_skew"), untried])
    assert reason(time_alone) == "time admitted, token not tried"
    assert lines(report(a=time_alone, b=admitted(), c=unreachable()))[-1] == (
        "1 of 3 nodes admitted; time admitted, token not tried: a; not judged: c."
    )
    for findings in (
        [untried],
        [finding("clock_skew", "inconclusive"), untried],
        [finding("clock_skew", required=False), untried],
        [finding("clock_skew"), finding("github_app_token", "inconclusive")],
        [finding("clock_skew"), finding("sync_state", "fail"), untried],
    ):
        assert reason(admitted(**node, findings=findings)) != "time admitted, token not tried"


def test_a_node_says_its_skew_or_that_it_is_unknown() -> None:
    assert [skew_of(node) for node in (refused(), unreachable())] == ["612.004 s behind (± 0.012 s)", "unknown"]


def test_a_failure_is_the_reason_before_what_could_not_be_told() -> None:
    assert reason(refused()) == "612.004 s behind, Argo CD stands 90 s (and 1 more)"


def test_what_was_skipped_beside_an_answer_is_not_counted() -> None:
    assert reason(unreachable()) == "the node could not be reached: No route to host"


def test_a_node_of_which_nothing_was_judged_says_so() -> None:
    assert reason(unreachable(findings=[finding("reachable")])) == "no required check gave an answer"


def test_a_fixed_node_says_what_was_fixed() -> None:
    before = {key: refused()[key] for key in ("verdict", "judged_at", "refused_because", "skew_s", "findings")}
    assert reason(admitted(before=before)) == "fixed; the skew was 612.004 s behind (± 0.012 s)"
    changes = [{"what": "start chrony.service, so that it steps the clock", "answers": ["time_service: none"]}]
    fixed = admitted(before=before, remediation={"attempted": True, "succeeded": True, "changes": changes})
    assert reason(fixed) == "fixed (start chrony.service); the skew was 612.004 s behind (± 0.012 s)"


@pytest.mark.parametrize("width", [100, 80, 60])
def test_long_names_and_reasons_wrap_and_lose_nothing(width: int) -> None:
    words = [f"word{number}" for number in range(60)]
    node = refused(findings=[finding("clock_skew", "fail", " ".join(words))])
    name = "a-node-with-a-long-name.of-a-long-zone.example.net"
    rows, refusals, outcome = blocks(report(**{name: node}), width)
    assert max(map(len, [*rows, *refusals, *outcome])) <= width
    for part in (rows, refusals):
        assert all(f" {word} " in f" {flat(' '.join(part))} " for word in words)
    node_column = rows[0].index("Verdict")
    assert "".join(row[:node_column].strip() for row in rows[1:]) == name


def test_an_address_stays_whole_to_be_copied() -> None:
    address = "https://api.example.net/" + "x-" * 60
    assert f" {address}\n" in told(report(node=refused(findings=[finding("clock_skew", "fail", f"see {address}")])))


def test_control_characters_from_a_node_never_reach_the_terminal() -> None:
    evil = "body: \x1b]0;owned\x07 \x9b2J\rx"
    node = refused(
        findings=[finding("github_app_token", "fail", evil)],
        remediation={"attempted": True, "succeeded": False, "message": evil, "changes": [], "backup": None},
    )
    content = {**report(**{"no\x1bde": node, "other": node}), "fleet": {**FLEET, "findings": [told_by_all(evil)]}}
    for text in (text_of(report_text, content), refusal(node)):
        assert r"\x1b]0;owned\x07 \x9b2J\rx" in text
        assert all(character.isprintable() for line in text.split("\n") for character in line)


# --- refusals


def test_each_finding_that_refuses_says_what_was_seen_why_and_what_next() -> None:
    text = told(report(good=admitted(), bad=refused()))
    assert text.startswith("bad: refused\n")
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
    assert table(content) == [
        "good                          admitted  0.000 s (± 0.005 s)",
        "300 nodes: node000, node001,  refused   899.000 s behind to 599.500   clock_skew: beyond argocd,",
        "node002 and 297 more                    s behind                      behind",
    ]


def test_what_one_cause_asks_for_is_said_once_for_all_its_nodes() -> None:
    text = told(report(good=admitted(), **fleet(300, cause="beyond argocd, behind"), other=unreachable()))
    assert text.count("what to do for clock_skew") == 1
    assert "300 nodes refused: node000, node001" in text
    assert "and 290 more" in text
    assert "  skew: 899.000 s behind to 599.500 s behind\n" in text
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


def test_up_to_20_admitted_nodes_have_a_row_each() -> None:
    assert len(table(report(**{f"node{n:02}": admitted() for n in range(20)}))) == 20


def test_more_admitted_nodes_share_one_with_their_names_their_range_and_how_many_were_fixed() -> None:
    nodes = {f"node{n:02}": admitted(skew_s={"low": -0.001 * n, "high": 0.002}) for n in range(21)}
    nodes["node03"]["before"] = {**refused(), "remediation": None}
    row = " ".join(table(report(**nodes)))
    assert row.count("admitted") == 1
    for part in ("21 nodes:", "node00, ", " node09 and 11 more", "0.020 s behind to 0.002 s", "1 of them fixed"):
        assert part in flat(row)
    assert "node10" not in row


# --- one page


def many(admitted_nodes: int, *causes: int, **changes: Any) -> dict[str, Any]:
    """So many admitted nodes, and so many refused ones for each cause."""
    nodes = {f"good{n:05}": admitted() for n in range(admitted_nodes)}
    for cause, count in enumerate(causes):
        found = {**finding("clock_skew", "fail", "off"), "about": [str(cause)], "cause": f"cause {cause}", **changes}
        nodes |= {f"bad{cause:03}-{n}": refused(findings=[finding("reachable"), found]) for n in range(count)}
    return report(**nodes)


def test_ten_thousand_nodes_refused_for_hundreds_of_causes_are_told_on_a_page() -> None:
    content = many(1000, 3000, 1500, 700, 35, *[15] * 250, *[1] * 15)
    shown = lines(content, [Path("/var/report/evidence.json"), Path("/var/report/report.txt")])
    assert len(shown) <= 100
    assert max(map(len, shown)) <= 100
    text = "\n".join(shown)
    for count in (3000, 1500, 700):
        assert f"{count} nodes refused: " in text
    full = text_of(report_text, content)
    assert all(f"bad{cause:03}-0" in full for cause in range(269))
    told_of = [int(line.split()[0]) for line in shown if " nodes refused: " in line]
    others = f"{9000 - sum(told_of)} more nodes refused, for {269 - len(told_of)} other causes: /var/report/report.txt"
    assert others in shown
    assert "1000 of 10000 nodes admitted" in text


def test_where_no_file_was_written_the_page_says_how_to_get_the_rest() -> None:
    shown = lines(many(0, *[2] * 30))
    assert flat(" ".join(shown)).count("other causes: `skewgate report --output FILE.txt` writes them") == 1


def test_what_fits_on_a_page_is_shown_as_it_is_in_the_file() -> None:
    content = many(30, 40, 2)
    assert lines(content) == text_of(report_text, content).splitlines()


def test_of_a_few_nodes_everything_is_shown() -> None:
    content = many(0, *[1] * report_text.FOLDED_FROM)
    assert lines(content) == text_of(report_text, content).splitlines()


def test_what_a_node_says_at_length_takes_no_page_of_the_others() -> None:
    content = many(0, 50, 20, summary=" ".join(["word"] * 5000))
    shown = lines(content, [Path("/var/report/report.txt")])
    assert len(shown) <= 100
    assert "  ... All of it: /var/report/report.txt" in shown
    assert text_of(report_text, content).count("word") >= 10_000
    together = {**many(30), "fleet": {**FLEET, "findings": [told_by_all("words " * 40) for _ in range(30)]}}
    shown = lines(together, [Path("/var/report/report.txt")])
    assert len(shown) <= 100
    told_of = shown.count("  controller_clock")
    assert f"  {30 - told_of} more: /var/report/report.txt" in shown
    assert text_of(report_text, together).count("  controller_clock\n") == 30


FLEET = {
    "spread_s": {"low": 657.0004, "high": 657.0009, "ahead": "node3", "behind": "node2"},
    "controller_skew_s": {"low": 1.0, "high": 2.25},
    "findings": [
        {"id": "controller_clock", "summary": "it is off", "why": "why so", "remedy": "fix it", "nodes": ["a", "b"]}
    ],
}


def told_by_all(summary: str) -> dict[str, Any]:
    return {"id": "controller_clock", "summary": summary, "why": "why so", "remedy": "fix it", "nodes": ["a", "b"]}


@pytest.mark.parametrize("nodes", [{"a": admitted(), "b": admitted()}, {"a": admitted()}], ids=["two", "one"])
def test_what_all_nodes_tell_together_is_told_once(nodes: dict[str, Any]) -> None:
    assert blocks({**report(**nodes), "fleet": FLEET})[1] == [
        "All nodes together:",
        "  largest difference between two nodes: 657.000 s to 657.001 s (node3 ahead of node2)",
        "  the controller's own clock, according to the nodes' references: 1.625 s ahead (± 0.625 s)",
        "  controller_clock",
        "    seen  it is off",
        "    why   why so",
        "    next  fix it",
    ]


def test_a_controller_whose_clock_may_be_right_is_not_mentioned() -> None:
    fleet = {**FLEET, "controller_skew_s": {"low": -1.4, "high": 0.1}}
    text = text_of(report_text, {**report(a=admitted(), b=refused()), "fleet": fleet})
    assert "largest difference" in text
    assert "controller's own clock" not in text


@pytest.mark.parametrize(("high_s", "shown"), [(-1.5, True), (-0.5, False)])
def test_a_clock_that_the_controller_measured_to_be_wrong_is_shown_with_what_came_of_it(
    high_s: float, shown: bool
) -> None:
    fleet = {**FLEET, "controller_skew_s": None, "controller_measured_s": {"low": -2.0, "high": high_s}}
    text = flat(text_of(report_text, {**report(a=admitted(), b=refused()), "fleet": fleet}))
    assert ("the controller's own clock, as it measured it, was corrected for JWTs: 1.750 s behind" in text) is shown


def test_where_all_nodes_tell_nothing_more_there_is_no_line() -> None:
    assert "All nodes together" not in text_of(report_text, report(a=admitted(), b=refused()))


# --- the outcome


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
    assert blocks(report(**nodes))[-1] == [sentence]


def test_the_files_that_were_written_are_named_at_the_end() -> None:
    files = [Path("/var/report/evidence.json"), Path("/var/report/report.txt")]
    assert lines(report(a=admitted()), files)[-2:] == [
        "1 of 1 node admitted.",
        "Reports in /var/report: evidence.json, report.txt",
    ]


def test_the_file_is_the_lines_in_100_columns() -> None:
    content = report(a=admitted(), b=refused(), c=unreachable())
    assert text_of(report_text, content) == "\n".join(lines(content)) + "\n"
    assert report_text.WIDTH == 100


# --- one node on one line


def test_a_refusal_gives_the_reasons_the_remediation_and_each_remedy_once() -> None:
    same = {"why": "w", "remedy": "Fix it."}
    findings = [
        {**finding("clock_skew", "fail", "612 s behind"), **same},
        {**finding("time_service", "inconclusive", "no answer"), **same},
        finding("ntp_sources", "skipped", "it follows"),
        finding("sync_state", "fail", "advice alone", required=False),
    ]
    remediation = {"attempted": True, "succeeded": False, "message": "Nothing was changed."}
    assert refusal(refused(findings=findings)) == (
        "Refused. clock_skew: 612 s behind; time_service: no answer. Next: Fix it."
    )
    assert refusal(refused(findings=findings, remediation=remediation)) == (
        "Refused. clock_skew: 612 s behind; time_service: no answer. Remediation: Nothing was changed. Next: Fix it."
    )
