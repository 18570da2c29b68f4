from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import lines
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import Commands
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import (
    TOKEN_UNTRIED,
    reason,
    refusal,
)

from tests.reports import admitted, finding, refused, report, text_of, unreachable


def blocks(content: dict[str, Any], width: int = 100) -> list[list[str]]:
    """The report's parts between empty lines: verdict, table, causes, all nodes, next step."""
    parts: list[list[str]] = [[]]
    for line in lines(content, width=width):
        if line:
            parts[-1].append(line)
        else:
            parts.append([])
    return parts


def table(content: dict[str, Any], width: int = 100) -> list[str]:
    """The rows, without their header."""
    return blocks(content, width)[1][1:]


def printed(content: dict[str, Any]) -> str:
    """What stands between the table and the next step."""
    return "\n".join(line for part in blocks(content)[2:-1] for line in part) + "\n"


def flat(text: str) -> str:
    """The words in one line, as they read across wrapped lines."""
    return " ".join(text.split())


# --- the verdict

UNTRIED = {**finding("github_app_token", "inconclusive"), "keys": ["no_app_given"]}
TIME_ALONE = admitted(verdict="refuse", refused_because="not_judged", findings=[finding("clock_skew"), UNTRIED])


@pytest.mark.parametrize(
    ("nodes", "word", "numbers"),
    [
        ({"a": admitted()}, "ADMITTED", ["1"]),
        ({"a": admitted(), "b": admitted()}, "ADMITTED", ["2"]),
        ({"a": admitted(), "b": refused(), "c": refused()}, "REFUSED", ["2", "3", "1"]),
        ({"a": refused()}, "REFUSED", ["1", "1"]),
        ({"a": admitted(), "b": unreachable()}, "NOT JUDGED", ["1", "2", "1"]),
        ({"a": admitted(), "b": refused(), "c": unreachable(), "d": TIME_ALONE}, "REFUSED", ["3", "4", "1", "1", "1", "1"]),
        ({"a": TIME_ALONE}, "NOT JUDGED", ["1", "1"]),
    ],
)  # fmt: skip
def test_the_first_line_is_the_verdict_with_how_many_nodes(
    nodes: dict[str, Any], word: str, numbers: list[str]
) -> None:
    first = " ".join(blocks(report(**nodes))[0])
    assert first.startswith(f"{word}: ")
    assert re.findall(r"\d+", first) == numbers
    assert (TOKEN_UNTRIED in first) is (TIME_ALONE in nodes.values())


def test_a_text_that_is_longer_than_a_screen_has_the_verdict_once_more_before_the_next_step() -> None:
    short, long = lines(report(a=admitted())), lines(report(**{f"n{n:02}": refused() for n in range(20)}))
    assert short.count(short[0]) == 1
    again = [number for number, line in enumerate(long) if line == long[0]]
    assert len(again) == 2
    assert long[again[1] + 1].startswith("Next: ")


# --- the table


def test_each_node_has_a_row_with_verdict_skew_and_cause_one_below_the_other() -> None:
    assert blocks(report(node1=admitted(), node2=refused(), other=unreachable()))[1] == [
        "Node   Verdict     Skew                          Cause",
        "node1  admitted    0.000 s (± 0.005 s)",
        "node2  refused     612.004 s behind (± 0.012 s)  cause clock_skew (and 1 more)",
        "other  not judged  unknown                       cause reachable",
    ]


BEFORE = {key: refused()[key] for key in ("verdict", "judged_at", "refused_because", "skew_s", "findings")}


def test_a_fixed_node_shows_its_earlier_skew_and_below_the_table_what_was_changed() -> None:
    changes = [{"what": "start chrony.service, which then steps the clock", "answers": ["time_service: none"]}]
    done = {"attempted": True, "succeeded": True, "changes": [*changes, {"what": "x\x1b: because", "answers": []}]}
    content = report(good=admitted(), node=admitted(before=BEFORE, remediation=done))
    assert table(content)[1].endswith("fixed; the skew was 612.004 s behind (± 0.012 s)")
    assert blocks(content)[2] == ["Fixed:", r"  node: start chrony.service; x\x1b"]


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_a_node_has_one_line_whatever_its_name_and_cause_and_the_whole_of_both_is_below(width: int) -> None:
    words = [f"word{number}" for number in range(60)]
    failed = {**finding("clock_skew", "fail", " ".join(words)), "cause": "\n".join(words)}
    name = "a-node-with-a-long-name.of-a-long-zone.example.net"
    content = report(**{name: refused(findings=[failed]), "other": refused()})
    rows = table(content, width)
    assert len(rows) == 2
    assert max(map(len, rows)) <= max(width, 59)
    assert "612.004 s behind (± 0.012 s)" in rows[0]
    below = flat(" ".join(line for part in blocks(content, width)[2:] for line in part))
    assert all(f" {word} " in f"{below} " for word in [*words, name])


def test_an_address_stays_whole_to_be_copied() -> None:
    address = "https://api.example.net/" + "x-" * 60
    assert f" {address}\n" in printed(report(node=refused(findings=[finding("clock_skew", "fail", f"see {address}")])))


def test_control_characters_from_a_node_never_reach_the_terminal() -> None:
    evil = "body: \x1b]0;owned\x07 \x9b2J\rx"
    failed = {**finding("github_app_token", "fail", evil), "cause": evil}
    node = refused(
        findings=[failed],
        remediation={"attempted": True, "succeeded": False, "message": evil, "changes": [], "backup": None},
    )
    content = {**report(**{"no\x1bde": node, "other": node}), "fleet": {**FLEET, "findings": [said_of_all(evil)]}}
    for text in (text_of(report_text, content), refusal(node), reason(node)):
        assert r"\x1b]0;owned\x07 \x9b2J\rx" in text
        assert all(character.isprintable() for line in text.split("\n") for character in line)


# --- refusals


def test_each_finding_that_refuses_says_what_was_seen_why_and_what_next() -> None:
    text = printed(report(good=admitted(), bad=refused()))
    assert "  refused: bad\n" in text
    assert text.index("clock_skew: fail") < text.index("ntp_sources: inconclusive")
    for part in (
        "seen  612.004 s behind, Argo CD stands 90 s",
        "why   why clock_skew",
        "next  what to do for clock_skew",
    ):
        assert part in text
    assert "good" not in text
    assert "advice alone" not in text


def test_checks_skipped_for_a_reason_that_is_shown_are_named_in_one_line() -> None:
    text = printed(report(node=unreachable()))
    assert "skipped for that reason: clock_skew, time_service" in text
    assert "why clock_skew" not in text


def test_what_follows_from_a_root_cause_is_named_below_it_without_advice() -> None:
    token = {**finding("github_app_token", "fail", "GitHub answers 401"), "keys": ["clock"]}
    clock = {**finding("clock_skew", "fail", "612 s behind"), "keys": ["beyond"]}
    daemon = finding("time_service", "fail", "nothing runs")
    text = printed(report(node=refused(findings=[clock, token, daemon])))
    assert "  time_service: fail\n    seen  nothing runs\n" in text
    assert "    so    clock_skew: 612 s behind\n    so    github_app_token: GitHub answers 401\n" in text
    assert "what to do for time_service" in text
    assert "what to do for clock_skew" not in text
    assert [f"Cause{n}: " in text for n in ("", " 1 of 2")] == [True, False]


def test_a_node_where_everything_was_skipped_still_says_why() -> None:
    node = unreachable(findings=[finding("clock_skew", "skipped", "nobody asked")])
    assert "seen  nobody asked" in printed(report(node=node))


def test_what_became_of_the_remediation_stands_with_the_refusal() -> None:
    node = refused(remediation={"attempted": True, "succeeded": False, "message": "no server answers from there"})
    assert "remediation: no server answers from there" in printed(report(node=node))


# --- many nodes


def fleet(nodes: int, **finding_changes: Any) -> dict[str, Any]:
    """Nodes that are refused for one cause, each with another skew and another summary."""
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
    good, bad = table(content)
    assert good.split() == ["good", "admitted", "0.000", "s", "(±", "0.005", "s)"]
    assert bad.startswith("300 nodes: node000")
    for part in ("refused", "899.000 s behind to 599.500 s behind", "beyond argocd"):
        assert f"  {part}" in bad
    assert len(bad) <= 100


def test_a_few_nodes_that_are_refused_for_one_cause_have_a_row_each() -> None:
    few = [row.split()[0] for row in table(report(good=admitted(), **fleet(3)))]
    assert few == ["good", "node000", "node001", "node002"]
    good = {f"good{n}": admitted() for n in range(21)}
    assert [row.split()[:2] for row in table(report(**good, **fleet(2)))] == [
        ["21", "nodes:"],
        ["node000", "refused"],
        ["node001", "refused"],
    ]
    assert len(table(report(**good, **fleet(report_text.MOST_GROUPS)))) == 1 + report_text.MOST_GROUPS
    assert len(table(report(**good, **fleet(report_text.MOST_GROUPS + 1)))) == 2


def test_what_one_cause_asks_for_is_said_once_for_all_its_nodes() -> None:
    text = printed(report(good=admitted(), **fleet(300, cause="beyond argocd, behind"), other=unreachable()))
    assert text.count("what to do for clock_skew") == 1
    assert "  refused: 300 nodes: node000, node001" in text
    assert "and 290 more" in text
    assert "  skew: 899.000 s behind to 599.500 s behind\n" in text
    assert "seen  on node000: 600 s behind\n" in text
    assert "why   why clock_skew\n" in text
    assert "  not judged: other\n" in text


def test_the_cause_that_refuses_the_most_nodes_is_the_first() -> None:
    text = printed(report(a=unreachable(), **fleet(2)))
    order = ["Cause 1 of 2: ", "  refused: 2 nodes: node000, node001", "Cause 2 of 2: ", "  not judged: a"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)


def test_nodes_with_different_causes_are_distinguished() -> None:
    nodes = {**fleet(1, cause="beyond argocd, behind"), "other": fleet(1, about=["argocd", "ahead"])["node000"]}
    text = printed(report(**nodes))
    assert "  refused: node000\n" in text
    assert "  refused: other\n" in text


def test_the_same_words_on_every_node_are_no_nodes_own() -> None:
    text = printed(report(a=unreachable(), b=unreachable()))
    assert "  not judged: 2 nodes: a, b\n  skew: unknown\n" in text
    assert "seen  the node could not be reached: No route to host\n" in text


def test_what_became_of_the_remediation_is_counted_over_a_group() -> None:
    failed = {"attempted": True, "succeeded": False, "message": "no server answers"}
    nodes = fleet(3)
    nodes["node001"]["remediation"] = nodes["node002"]["remediation"] = failed
    assert "remediation: no server answers (2 of them)" in printed(report(**nodes))


def test_up_to_20_admitted_nodes_have_a_row_each() -> None:
    assert len(table(report(**{f"node{n:02}": admitted() for n in range(20)}))) == 20


def test_more_admitted_nodes_share_one_with_their_number_their_range_and_how_many_were_fixed() -> None:
    nodes = {f"node{n:02}": admitted(skew_s={"low": -0.001 * n, "high": 0.002}) for n in range(21)}
    nodes["node03"]["before"] = {**refused(), "remediation": None}
    [row] = table(report(**nodes))
    for part in ("21 nodes: node00", "admitted", "0.020 s behind to 0.002 s ahead", "1 of them fixed"):
        assert part in row


# --- one page


def many(admitted_nodes: int, *causes: int, **changes: Any) -> dict[str, Any]:
    """So many admitted nodes, and so many refused ones for each cause."""
    nodes = {f"good{n:05}": admitted() for n in range(admitted_nodes)}
    for cause, count in enumerate(causes):
        found = {**finding("clock_skew", "fail", "off"), "about": [str(cause)], "cause": f"cause {cause}", **changes}
        nodes |= {f"bad{cause:03}-{n}": refused(findings=[finding("reachable"), found]) for n in range(count)}
    return report(**nodes)


def test_ten_thousand_nodes_refused_for_hundreds_of_causes_are_on_a_page() -> None:
    content = many(1000, 3000, 1500, 700, 35, *[15] * 250, *[1] * 15)
    shown = lines(content, [Path("/var/report/evidence.json"), Path("/var/report/report.txt")])
    assert len(shown) <= 100
    assert [line for line in shown if len(line) > 100 and not line.startswith("  jq ")] == []
    text = "\n".join(shown)
    for count in (3000, 1500, 700):
        assert f"  refused: {count} nodes: " in text
    full = text_of(report_text, content)
    assert all(f"bad{cause:03}-0" in full for cause in range(269))
    shown_of = [int(line.split()[1]) for line in shown if line.startswith("  refused: ")]
    others = (
        f"{9000 - sum(shown_of)} more nodes refused, for {269 - len(shown_of)} other causes: /var/report/report.txt"
    )
    assert others in shown
    assert shown.count(shown[0]) == 2
    assert "--limit @" in text


@pytest.mark.parametrize(
    ("files", "run"), [([], "RUN"), ([Path("/var/the report/evidence.json")], "'/var/the report'")]
)
def test_if_no_text_was_written_the_page_has_the_command_for_the_rest(files: list[Path], run: str) -> None:
    shown = lines(many(0, *[2] * 30), files)
    assert flat(" ".join(shown)).count(f"other causes: `skewgate report {run} --output report.txt`") == 1


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
    together = {**many(30), "fleet": {**FLEET, "findings": [said_of_all("words " * 40) for _ in range(30)]}}
    shown = lines(together, [Path("/var/report/report.txt")])
    assert len(shown) <= 100
    shown_of = shown.count("  controller_clock")
    assert f"  {30 - shown_of} more: /var/report/report.txt" in shown
    assert text_of(report_text, together).count("  controller_clock\n") == 30


FLEET = {
    "spread_s": {"low": 657.0004, "high": 657.0009, "ahead": "node3", "behind": "node2"},
    "controller_skew_s": {"low": 1.0, "high": 2.25},
    "findings": [
        {"id": "controller_clock", "summary": "it is off", "why": "why so", "remedy": "fix it", "nodes": ["a", "b"]}
    ],
}


def said_of_all(summary: str) -> dict[str, Any]:
    return {"id": "controller_clock", "summary": summary, "why": "why so", "remedy": "fix it", "nodes": ["a", "b"]}


@pytest.mark.parametrize("nodes", [{"a": admitted(), "b": admitted()}, {"a": admitted()}], ids=["two", "one"])
def test_what_all_nodes_show_together_is_said_once(nodes: dict[str, Any]) -> None:
    assert blocks({**report(**nodes), "fleet": FLEET})[2] == [
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


def test_if_all_nodes_show_nothing_more_there_is_no_line() -> None:
    assert "All nodes together" not in text_of(report_text, report(a=admitted(), b=refused()))


# --- the next step


def test_the_next_step_is_a_command_on_a_line_for_itself_after_everything_else() -> None:
    helped = [{**finding("clock_skew", "fail"), "remediable": True}]
    content = report(a=admitted(), b=refused(findings=helped), c=refused(findings=helped), d=unreachable())
    commands = Commands(gate="skewgate gate -i hosts", check="skewgate check -i hosts", note="add -e")
    step = lines(content, commands=commands)[-5:]
    assert [line[:6] for line in step[::2]] == ["Next: ", "Next: ", "  add "]
    assert step[1::2] == ["  skewgate gate -i hosts --limit b,c", "  skewgate check -i hosts --limit d"]


def test_a_command_is_never_wrapped() -> None:
    nodes = {f"node{n}.a-long-zone.example.net": refused() for n in range(10)}
    assert lines(report(**nodes), width=60)[-1].endswith(f" {','.join(sorted(nodes))}")


@pytest.mark.parametrize(("verify", "last"), [("skewgate verify", "  skewgate verify /r"), ("", "Next: ")])
def test_nodes_that_are_admitted_join_next(verify: str, last: str) -> None:
    assert lines(report(a=admitted()), commands=Commands(verify=verify, directory="/r"))[-1].startswith(last)


def test_the_files_that_were_written_are_named_at_the_end() -> None:
    files = [Path("/var/report/evidence.json"), Path("/var/report/report.txt")]
    shown = lines(report(a=admitted()), files)
    assert shown[-1] == "Reports in /var/report: evidence.json, report.txt"
    assert shown[:-2] == lines(report(a=admitted()))


def test_the_file_is_the_lines_in_100_columns() -> None:
    content = report(a=admitted(), b=refused(), c=unreachable())
    assert text_of(report_text, content) == "\n".join(lines(content)) + "\n"
    assert report_text.WIDTH == 100
