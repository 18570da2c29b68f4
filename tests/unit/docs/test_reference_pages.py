"""The pages of docs/reference/ that docs/make_pages.py makes say what the code says."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answer_table import ROWS, AnswerKey, Kind
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import known_clients
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import GROUPS as GROUPS_OF_LIMITS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import shipped_limits
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from docs.github_pages import CLASSES, answers_page, clients_page
from docs.make_pages import GROUPS, REFERENCE, files, limits_page, rules_page
from docs.report_pages import evidence_page, exit_codes_page, report_page

MADE = files()


def headings(page: str, level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", page, re.MULTILINE)


def cells(page: str) -> list[list[str]]:
    """The rows of a page's tables, without their heads."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line[:1] == "|"]
    return [row for row, after in zip(rows, [*rows[1:], [""]], strict=True) if "---" not in (*row, *after)]


@pytest.mark.parametrize("path", MADE)
def test_the_page_is_there_as_it_is_made(path: str) -> None:
    assert (REFERENCE / path).read_text(encoding="utf-8") == MADE[path], "run `make docs`"


def test_no_page_of_a_check_is_left_over() -> None:
    there = {f"checks/{path.name}" for path in (REFERENCE / "checks").glob("*")}
    assert there == {path for path in MADE if path.startswith("checks/")}


def test_every_line_of_prose_has_at_most_100_columns() -> None:
    long = [
        f"{path}: {line}"
        for path, page in MADE.items()
        for line in page.splitlines()
        if len(line) > 100 and not line.startswith("|")
    ]
    assert long == []


def test_every_key_of_an_answer_is_a_heading_with_each_answer_its_next_step_and_its_source() -> None:
    page = answers_page()
    assert sorted(headings(page, 3)) == sorted(AnswerKey)
    assert len(re.findall(r"^- Next step: \S", page, re.MULTILINE)) == len(ROWS)
    assert len(re.findall(r"^- Source: \S", page, re.MULTILINE)) == len(ROWS)
    numbers = [int(number) for number in re.findall(r"^- Answer (\d+)", page, re.MULTILINE)]
    assert sorted(numbers) == list(range(1, len(ROWS) + 1))
    assert "{" not in page


def test_every_class_of_answers_is_explained() -> None:
    assert set(CLASSES) == set(get_args(Kind))


def test_the_page_of_the_clients_says_what_the_profiles_say() -> None:
    rows = cells(clients_page())
    assert {len(row) for row in rows} == {8}
    assert sorted({row[0] for row in rows}) == known_clients()
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["keda"] == ["ghinstallation", "-30", "+90", "30", "60", "installation token", "60"]
    assert by_name["argocd"] == ["", "-30", "+90", "30", "90", "JWT", ""]
    assert by_name["githubkit"] == ["", "-60", "+540", "60", "60", "reused JWT", "60"]
    sources = re.findall(r"^- `(\S+)`: ", clients_page().partition("\n## Sources")[2], re.MULTILINE)
    assert {row[0] for row in rows if not row[1]} <= set(sources)


def test_every_rule_is_on_the_page_of_rules_and_in_a_group() -> None:
    assert sorted(headings(rules_page(), 3)) == sorted(f"{rule.id} {rule.name}" for rule in RULES.values())
    assert headings(rules_page(), 2) == list(GROUPS.values())


def test_every_limit_is_in_the_table_and_has_its_source() -> None:
    page = limits_page()
    assert [row[0] for row in cells(page)] == [f"`{name}`" for name in shipped_limits()]
    assert headings(page, 3) == list(shipped_limits())
    assert page.count("\n- Source: ") == len(shipped_limits())
    assert headings(page, 2)[: len(GROUPS_OF_LIMITS)] == list(GROUPS_OF_LIMITS.values())
    assert "| `kubernetes-node-lease` | no limit | 40 s |" in page
    assert "| `cert-manager` | 0 s, shown only | no limit |" in page


def test_every_exit_code_has_its_meaning() -> None:
    assert cells(exit_codes_page()) == [[str(int(code)), code.meaning] for code in ExitCode]


def test_every_section_of_the_evidence_is_on_its_page() -> None:
    assert sorted(headings(evidence_page(), 2)) == sorted(SECTIONS)
    assert "`time.time_ns()`" in evidence_page()


@pytest.mark.parametrize(
    "line",
    [
        '- `verdict` (`"admit"` or `"refuse"`): ',
        "- `settings` (mapping, not always there): ",
        "- `settings.NAME.source` (text): ",
        "- `nodes` (mapping, each [a node](#a-node)): ",
        "- `skew_s` (interval `low`, `high`, or null): ",
        "- `findings` (list of [a finding](#a-finding))",
        "- `remediation.changes[].what` (text)",
        "- `before.judged_at` (time): ",
    ],
)
def test_the_fields_of_the_report_are_listed_with_their_kinds(line: str) -> None:
    assert f"\n{line}" in report_page()


def test_a_part_of_the_report_with_a_section_is_listed_there_alone() -> None:
    assert "`fleet." not in report_page()
    assert headings(report_page(), 2) == ["The report", "All nodes together", "A group", "A node", "A finding"]
