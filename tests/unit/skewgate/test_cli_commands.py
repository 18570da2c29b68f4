"""The commands as a user calls them, but for what runs a playbook."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy

from skewgate import cli
from skewgate.arguments import parser
from skewgate.checking import ansible_options
from tests.reports import admitted, refused, report, unreachable


@pytest.mark.parametrize("option", ["-K", "--ask-pass", "-J"])
def test_a_question_that_nobody_could_answer_is_refused_at_once(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", "-i", "hosts.yml", "--", option])
    assert ended.value.code == 2
    assert "--become-password-file" in capsys.readouterr().err


def test_what_minus_e_names_is_handed_on_unread() -> None:
    arguments = [
        "check",
        "-i",
        "a",
        "-i",
        "b",
        "-l",
        "x:!y",
        "-e",
        "@/no/such/file",
        "-e",
        "k=v w",
        "--forks",
        "3",
        "-vvv",
    ]
    assert ansible_options(parser().parse_args(arguments), ["--diff"]) == [
        "--inventory=a",
        "--inventory=b",
        "--limit=x:!y",
        "--extra-vars=@/no/such/file",
        "--extra-vars=k=v w",
        "--forks=3",
        "-vvv",
        "--diff",
    ]


# --- report


def evidence_of(path: Path, **nodes: tuple[str, str]) -> str:
    """An evidence file of unreachable nodes: name, (when, what ansible said)."""
    records = {
        name: {
            "policy": Policy(("clock_skew",), (), ("argocd",)).as_json(),
            "collected_at": collected_at,
            "evidence": {},
            "controller": None,
            "unreachable": message,
            "module_error": None,
        }
        for name, (collected_at, message) in nodes.items()
    }
    path.write_text(
        json.dumps({"schema": "skewgate/evidence-set/1", "judged_at": "2026-01-31T12:00:05Z", "nodes": records})
    )
    return str(path)


def test_report_merges_runs_and_the_latest_record_of_a_node_wins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = evidence_of(tmp_path / "late.json", a=("2026-01-31T12:00:00Z", "late"), b=("2026-01-31T12:00:00Z", "only"))
    early = evidence_of(tmp_path / "early.json", a=("2026-01-31T11:00:00Z", "early"))
    for files in ([late, early], [early, late]):
        assert cli.main(["report", *files]) == 3
        out = capsys.readouterr().out
        assert "late" in out
        assert "only" in out
        assert "early" not in out
        assert "Reports in" not in out


def test_evidence_that_is_judged_again_does_not_become_younger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = evidence_of(tmp_path / "evidence.json", a=("2026-01-31T12:00:00Z", "gone"))
    assert cli.main(["report", evidence, "--report-dir", str(tmp_path / "new/dir")]) == 3
    out = capsys.readouterr().out
    assert f"\nReports in {tmp_path}/new/dir: evidence.json, " in out
    assert (tmp_path / "new/dir/report.txt").read_text() in out
    written = json.loads((tmp_path / "new/dir/report.json").read_text())
    assert written["nodes"]["a"]["judged_at"] == "2026-01-31T12:00:00Z"
    assert cli.main(["report", str(tmp_path / "new/dir/evidence.json")]) == 3


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ("[]", "found schema None"),
        ('{"schema": "skewgate/report/1", "nodes": {}}', "found schema 'skewgate/report/1'"),
        ('{"schema": "skewgate/evidence-set/1", "nodes": {}}', "no node was checked"),
    ],
    ids=["missing", "broken", "a list", "a report", "no nodes"],
)
def test_a_file_that_is_no_evidence_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, text: str
) -> None:
    path = tmp_path / "evidence.json"
    if content is not None:
        path.write_text(content)
    assert cli.main(["report", str(path)]) == 2
    assert text in capsys.readouterr().err


def test_reports_that_can_not_be_written_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = evidence_of(tmp_path / "evidence.json", a=("2026-01-31T12:00:00Z", "gone"))
    assert cli.main(["report", evidence, "--report-dir", f"{evidence}/below-a-file"]) == 2
    assert "can't write to" in capsys.readouterr().err


# --- explain


def test_explain_prints_a_checks_own_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "clock_skew"]) == 0
    assert capsys.readouterr().out.startswith("Is the node's clock within")


def test_explain_without_a_name_lists_all_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"reachable", "clock_skew", "github_app_token"} <= {line.split()[0] for line in lines}


def test_an_unknown_check_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "clock"]) == 2
    err = capsys.readouterr().err
    assert "no check is called 'clock'" in err
    assert "clock_skew" in err


@pytest.mark.parametrize("name", ["CHR101", "chr101"])
def test_explain_tells_a_rule_of_the_lint(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", name]) == 0
    out = capsys.readouterr().out
    rule = RULES["CHR101"]
    assert out.startswith(f"CHR101 {rule.name} ({rule.severity})\n\n{rule.why}\n")
    assert f"What to do: {rule.remedy}\n\nSource: {rule.source}\n" in out


def test_an_unknown_rule_is_answered_with_where_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "CHR999"]) == 2
    assert (
        f"rules {min(RULES)} to {max(RULES)}, which `skewgate explain chrony_config` lists" in capsys.readouterr().err
    )


# --- verify


def fresh() -> dict[str, Any]:
    return admitted(judged_at=(datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 4, "b: not judged: the node could not be reached"),
        (["--node", "a"], 0, "a: admitted at 20"),
        (["--node", "a", "--max-age", "60"], 3, "s ago, but at most 60 s are allowed: check it again"),
        (["--node", "a", "--max-age", "nan"], 3, "at most nan s"),
        (["--node", "b"], 3, "b: not judged: the node could not be reached"),
        (["--node", "c"], 4, "c: refused: 612.004 s behind"),
        (["--node", "x"], 3, "x: the report does not have this node (it has: a, b, c)"),
    ],
    ids=["every node", "a good one", "grown stale", "no age", "one not judged", "a refused one", "an unknown one"],
)
def test_verify_answers_for_all_nodes_or_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    content = report(a=fresh(), b=unreachable(), c=refused())
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert cli.main(["verify", str(tmp_path), *arguments]) == code
    assert text in capsys.readouterr().out


def test_verify_never_admits_what_it_can_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(tmp_path)]) == 2
    assert "expected what `skewgate check` wrote" in capsys.readouterr().err
    for judged_at in ("yesterday", "2026-01-31T12:00:00", None):
        (tmp_path / "report.json").write_text(json.dumps(report(a=admitted(judged_at=judged_at))))
        assert cli.main(["verify", str(tmp_path)]) == 2
        assert "expected RFC 3339" in capsys.readouterr().err
    (tmp_path / "report.json").write_text(json.dumps({**report(a=fresh()), "schema": "skewgate/report/2"}))
    assert cli.main(["verify", str(tmp_path)]) == 2
    (tmp_path / "report.json").write_text(json.dumps(report()))
    assert cli.main(["verify", str(tmp_path)]) == 3
