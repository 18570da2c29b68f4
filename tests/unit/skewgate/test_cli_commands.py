"""The commands as a user calls them, but for what runs a playbook."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import discover, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from skewgate import cli
from tests.builders import policy, record, unreached

# --- report


def unreachable_in(path: Path, **nodes: tuple[str, str]) -> str:
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
    late = unreachable_in(
        tmp_path / "late.json", a=("2026-01-31T12:00:00Z", "late"), b=("2026-01-31T12:00:00Z", "only")
    )
    early = unreachable_in(tmp_path / "early.json", a=("2026-01-31T11:00:00Z", "early"))
    for files in ([late, early], [early, late]):
        assert cli.main(["report", *files]) == 3
        out = capsys.readouterr().out
        assert "late" in out
        assert "only" in out
        assert "early" not in out
        assert "Reports in" not in out


def test_report_takes_the_folder_of_a_run_or_any_file_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, a=fresh())
    for name in ("", "report.json", "evidence.json"):
        assert cli.main(["report", str(tmp_path / name)]) == 0
        assert "ADMITTED: 1 node " in capsys.readouterr().out


def test_a_report_that_is_wanted_on_standard_output_is_alone_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "run", a=fresh())
    again = ["report", str(tmp_path / "run"), "--report-dir", str(tmp_path / "again")]
    assert cli.main([*again, "--format", "json", "--output", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == json.loads((tmp_path / "again/report.json").read_text())
    assert "Evidence was taken:" in captured.err
    assert cli.main([*again, "--output", "-"]) == 0
    capsys.readouterr()
    assert cli.main(["report", str(tmp_path / "run"), "--output", "-"]) == 0
    assert capsys.readouterr().out == (tmp_path / "again/report.txt").read_text()


def test_a_report_that_is_piped_is_in_utf_8_whatever_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "run", a=fresh())
    again = ["report", str(tmp_path / "run"), "--report-dir", str(tmp_path / "again"), "--format", "junit"]
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    assert cli.main([*again, "--output", "-"]) == 0
    piped = stream.buffer.getvalue()  # type: ignore[attr-defined] # it is a BytesIO
    assert piped == (tmp_path / "again/junit.xml").read_bytes()
    assert "±".encode() in piped


def test_the_formats_that_are_named_are_written_beside_the_one_for_programs(tmp_path: Path) -> None:
    written(tmp_path / "run", a=fresh())
    again = ["report", str(tmp_path / "run"), "--report-dir", str(tmp_path / "again")]
    for formats, files in (["json"], {"report.json"}), (["json", "--format", "text"], {"report.json", "report.txt"}):
        assert cli.main([*again, "--format", *formats]) == 0
        assert {path.name for path in (tmp_path / "again").iterdir()} - {"evidence.json"} == files


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--format", "json"], "--format (or SKEWGATE_FORMAT): expected --report-dir DIR or --output FILE too"),
        (["--format", "json,text", "--output", "-"], "--output -: expected one --format, found json, text"),
    ],
)
def test_a_format_without_a_place_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], problem: str
) -> None:
    written(tmp_path / "run", a=fresh())
    assert cli.main(["report", str(tmp_path / "run"), *flags]) == 2
    assert problem in capsys.readouterr().err


def test_a_report_in_a_file_has_the_format_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "run", a=fresh())
    file = tmp_path / "mine.json"
    assert cli.main(["report", str(tmp_path / "run"), "--output", str(file)]) == 0
    assert json.loads(file.read_text())["verdict"] == "admit"
    assert f"Report (json) in {file}\n" in capsys.readouterr().out
    assert cli.main(["report", str(tmp_path / "run"), "--output", str(file), "--format", "text"]) == 0
    assert "ADMITTED: 1 node " in file.read_text()
    assert list(tmp_path.glob(".*")) == []


ENDINGS = ", ".join(f"{Path(each.FILE).suffix} ({name})" for name, each in discover().items())


@pytest.mark.parametrize(
    ("output", "text"),
    [("report.doc", f"its name does not say the format ({ENDINGS})"), ("no/such/folder.json", "can't")],
)
def test_an_output_that_can_not_be_written_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, text: str
) -> None:
    written(tmp_path / "run", a=fresh())
    assert cli.main(["report", str(tmp_path / "run"), "--output", str(tmp_path / output)]) == 2
    captured = capsys.readouterr()
    assert f"--output{' ' if output == 'report.doc' else ': '}" in captured.err
    assert text in captured.err
    assert captured.out == ""


def test_evidence_that_is_judged_again_does_not_become_younger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = unreachable_in(tmp_path / "evidence.json", a=("2026-01-31T12:00:00Z", "gone"))
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


def test_reports_that_can_not_be_written_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = unreachable_in(tmp_path / "evidence.json", a=("2026-01-31T12:00:00Z", "gone"))
    assert cli.main(["report", evidence, "--report-dir", f"{evidence}/below-a-file"]) == 2
    assert "can't write to" in capsys.readouterr().err


def test_report_shows_how_old_each_record_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = {"a": minutes_ago(1), "b": minutes_ago(90.5), "c": minutes_ago(90.5)}
    evidence = unreachable_in(tmp_path / "evidence.json", **{name: (at, "gone") for name, at in times.items()})
    assert cli.main(["report", evidence]) == 3
    lines = capsys.readouterr().out.splitlines()
    young, old = lines[lines.index("Evidence was taken:") + 1 :]
    assert young in [f"  {seconds} s ago: a" for seconds in range(60, 65)]
    assert old == "  90 min ago (too old to join by: more than 3600 s): b, c"


def test_many_ages_and_many_nodes_of_one_age_take_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = {f"n{minutes:03}": (minutes_ago(minutes + 0.5), "gone") for minutes in range(3, 110)}
    assert cli.main(["report", unreachable_in(tmp_path / "evidence.json", **times)]) == 3
    shown = " ".join(capsys.readouterr().out.rpartition("Evidence was taken:")[2].split())
    young, old = shown.split(" 60 min to 109 min ago (too old to join by: more than 3600 s): ")
    assert young.startswith("3 min to 59 min ago: n003, n004, ")
    assert (young[-12:], old[-12:]) == (" and 47 more", " and 40 more")


def test_a_nodes_reading_in_the_record_that_a_later_one_takes_the_place_of_shows_its_drift(tmp_path: Path) -> None:
    earlier, later = written(tmp_path / "1", a=aged(65, 0.0), b=fresh()), written(tmp_path / "2", a=aged(5, 0.001))
    assert cli.main(["report", str(earlier), str(later), "--report-dir", str(tmp_path / "3")]) == 0
    nodes = json.loads((tmp_path / "3/evidence.json").read_text())["nodes"]
    assert nodes["a"]["earlier"]["skew_s"] == json.loads((earlier / "report.json").read_text())["nodes"]["a"]["skew_s"]
    assert {name: node.get("earlier") for name, node in nodes.items() if name != "a"} == {"b": None}


@pytest.mark.parametrize("of", ["the node", "before the remediation"])
def test_report_refuses_a_record_from_the_future(tmp_path: Path, capsys: pytest.CaptureFixture[str], of: str) -> None:
    past, future = {**unreached(), "collected_at": minutes_ago(1)}, {**unreached(), "collected_at": minutes_ago(-60)}
    node = future if of == "the node" else {**past, "before": future}
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(evidence_of({"good": past, "a": node}, now())))
    assert cli.main(["report", str(path)]) == 2
    err = capsys.readouterr().err
    assert "node 'a' was checked at" in err
    assert "in the future: compare this machine's clock" in err


# --- explain


def test_explain_prints_a_checks_own_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "clock_skew"]) == 0
    assert capsys.readouterr().out.startswith("Is the node's clock right enough")


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
def test_explain_shows_a_rule_of_the_lint(name: str, capsys: pytest.CaptureFixture[str]) -> None:
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


def minutes_ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def fresh(skew_s: float = 0.0, **of_policy: Any) -> dict[str, Any]:
    """A record of five minutes ago."""
    return {**record(skew_s, of_policy=policy(**of_policy)), "collected_at": minutes_ago(5)}


def aged(minutes: float, skew_s: float) -> dict[str, Any]:
    """A record of so many minutes ago."""
    return {**fresh(skew_s), "collected_at": minutes_ago(minutes)}


def written(folder: Path, **records: dict[str, Any]) -> Path:
    """The folder of a run that found these records."""
    judged_at = now()
    write(folder, judge_records(records, judged_at, "run 1"), evidence_of(records, judged_at, "run 1"))
    return folder


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file by hand."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 4, "b: not judged, skew unknown: "),
        (["--node", "a"], 0, "a: admitted at 20"),
        (["--node", "a", "--max-age", "60"], 3, "s ago, but at most 60 s are allowed: run the check again"),
        (["--node", "a", "--max-age", "nan"], 3, "at most nan s"),
        (["--node", "b"], 3, "b: not judged, skew unknown: "),
        (["--node", "c"], 4, "c: refused, 612.000 s behind (± 0.002 s): "),
        (["--node", "x"], 3, "x: the report does not have this node (it has: a, b, c)"),
    ],
    ids=["every node", "a good one", "grown stale", "no age", "one not judged", "a refused one", "an unknown one"],
)
def test_verify_answers_for_all_nodes_or_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    written(tmp_path, a=fresh(), b={**unreached(), "collected_at": minutes_ago(5)}, c=fresh(-612.0))
    assert cli.main(["verify", str(tmp_path), *arguments]) == code
    assert text in capsys.readouterr().out


def test_verify_says_that_it_asked_no_node_if_it_admits_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, a=fresh(), c=fresh(-612.0))
    for node, admitted in (("a", True), ("c", False)):
        cli.main(["verify", str(tmp_path), "--node", node])
        assert ("whether a node has rebooted" in capsys.readouterr().out) is admitted


def test_verify_takes_the_folder_or_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, a=fresh())
    for name in ("", "report.json"):
        assert cli.main(["verify", str(tmp_path / name)]) == 0
        assert "a: admitted at" in capsys.readouterr().out


def admit(report: dict[str, Any]) -> None:
    report["nodes"]["a"].update(verdict="admit", refused_because=None)


EDITS: dict[str, tuple[float, str, Callable[[dict[str, Any]], object], int, str]] = {
    "a report that was made to admit": (-612.0, "report.json", admit, 4, "report.json admits it: it was changed"),
    "a report that refuses": (
        0.0,
        "report.json",
        lambda r: r["nodes"]["a"].update(verdict="refuse"),
        3,
        "says 'refuse'",
    ),
    "a younger report": (
        0.0,
        "report.json",
        lambda r: r["nodes"]["a"].update(judged_at=minutes_ago(0)),
        3,
        "says 'admit'",
    ),
    "a node that the report does not have": (0.0, "report.json", lambda r: r["nodes"].clear(), 3, "does not have it"),
    "a node without evidence": (0.0, "evidence.json", lambda e: e["nodes"].clear(), 3, "evidence.json does not"),
    "a verdict of another type": (0.0, "report.json", lambda r: r["nodes"]["a"].update(verdict=[1]), 3, "says [1]"),
    "an admission in the future": (
        0.0,
        "evidence.json",
        lambda e: e["nodes"]["a"].update(collected_at=minutes_ago(-99)),
        3,
        "not admitted",
    ),
    "another run's evidence": (
        0.0,
        "evidence.json",
        lambda e: e.update(run_id="run 2"),
        2,
        "are not of one run: run_id",
    ),
    "evidence of another time": (0.0, "evidence.json", lambda e: e.update(judged_at=minutes_ago(9)), 2, "judged_at"),
    "no policy": (
        0.0,
        "evidence.json",
        lambda e: e["nodes"]["a"].update(policy={}),
        2,
        "policy.checks: expected a list",
    ),
    "a policy without checks": (0.0, "evidence.json", lambda e: e["nodes"]["a"]["policy"].update(checks=[]), 3, "a: "),
    "evidence of another form": (
        0.0,
        "evidence.json",
        lambda e: e["nodes"]["a"].update(before=7),
        2,
        "before: expected",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_verify_never_admits_what_the_evidence_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    skew_s, file, change, code, text = EDITS[name]
    edited(written(tmp_path, a=fresh(skew_s)) / file, change)
    assert cli.main(["verify", str(tmp_path)]) == code
    assert text in "".join(capsys.readouterr())


def test_verify_shows_which_checks_the_policy_left_out_or_made_advisory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = fresh(checks=["clock_skew", "sync_state", "time_service"], advisory_checks=["time_service"])
    written(tmp_path, a=few)
    assert cli.main(["verify", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "checks left out: " in out
    assert "next_boot" in out
    assert "checks advisory, and refused no node: time_service\n" in out
    written(tmp_path, a=few, b=fresh())
    assert cli.main(["verify", str(tmp_path)]) == 0
    assert "time_service (1 of the nodes)" in capsys.readouterr().out
    assert cli.main(["verify", str(tmp_path), "--node", "b"]) == 0
    assert "advisory" not in capsys.readouterr().out


def test_verify_never_admits_what_it_can_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(tmp_path)]) == 2
    assert "expected what `skewgate check` wrote" in capsys.readouterr().err
    path = written(tmp_path, a=fresh()) / "report.json"
    good = path.read_text()
    for judged_at in ("yesterday", "2026-01-31T12:00:00", None):
        edited(path, lambda r, at=judged_at: r["nodes"]["a"].update(judged_at=at))  # type: ignore[misc]
        assert cli.main(["verify", str(tmp_path)]) == 2
        assert "expected RFC 3339" in capsys.readouterr().err
    path.write_text(good.replace("skewgate/report/1", "skewgate/report/2"))
    assert cli.main(["verify", str(tmp_path)]) == 2
    path.write_text(good)
    (tmp_path / "evidence.json").unlink()
    assert cli.main(["verify", str(tmp_path)]) == 2
    assert "evidence.json: No such file" in capsys.readouterr().err
