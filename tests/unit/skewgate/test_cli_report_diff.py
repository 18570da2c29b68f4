"""`skewgate report A B --diff`: what changed from one run to a later one, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from skewgate import cli, comparing
from tests.builders import policy, record, time_services, unreached


@pytest.fixture(autouse=True)
def user_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name: str, minutes_ago: float, settings: Any = None, **records: dict[str, Any]) -> str:
    """The folder of a run, so many minutes ago."""
    at = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    dated = {node: {**each, "collected_at": at} for node, each in records.items()}
    report = judge_records(dated, at, name)
    write(Path(name), {**report, **({"settings": settings} if settings else {})}, evidence_of(dated, at, name))
    return name


def compared(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[list[str]]]:
    """The exit status, and the parts of what is shown, between empty lines."""
    status = cli.main(["report", *argv, "--diff"])
    return status, [part.splitlines() for part in capsys.readouterr().out.split("\n\n")]


def change(parts: list[list[str]], beginning: str) -> list[str]:
    """The lines of the change that begins so."""
    [found] = [part for part in parts if part[0].startswith(beginning)]
    return found


OFF = record(-612.0, time_services=time_services())


def test_a_node_that_was_fixed_has_both_verdicts_both_skews_and_the_findings_that_ended(capsys: Any) -> None:
    one, other = run("a", 9, good=record(), bad=OFF), run("b", 5, good=record(), bad=record())
    status, parts = compared(capsys, one, other)
    assert status == 0
    assert parts[0][0].startswith("ADMITTED: ")
    assert "1 of 2 nodes changed." in parts[1]
    found = change(parts, "became admitted: bad")
    assert [line.split()[0] for line in found[1:]] == ["was", "now", *["ended"] * (len(found) - 3)]
    assert found[1].endswith("refused, 612.000 s behind (± 0.002 s)")
    assert found[2].endswith("admitted, 0.000 s (± 0.002 s)")
    assert {line.split()[1] for line in found[3:]} == {"clock_skew:", "time_service:"}
    assert not any("good" in line for part in parts for line in part)


def test_a_node_that_broke_has_the_findings_that_began_and_comes_first(capsys: Any) -> None:
    one = run("a", 9, x=record(), y=OFF, z=record())
    other = run("b", 5, x=OFF, y=record(), new=unreached("no route"))
    status, parts = compared(capsys, one, other)
    assert status == 4
    order = [part[0] for part in parts[2:]]
    assert order == ["became refused: x", "became admitted: y", "gone: z", "new: new"]
    assert {line.split()[0] for line in change(parts, "became refused")[3:]} == {"began"}
    assert [line.split()[0] for line in change(parts, "gone")[1:]] == ["was"]
    assert [line.split()[0] for line in change(parts, "new")[1:]] == ["now", "began"]


def test_if_nothing_changed_that_is_said_and_the_status_is_still_the_later_runs(capsys: Any) -> None:
    one, other = run("a", 9, x=OFF, y=record()), run("b", 5, x=OFF, y=record())
    status, parts = compared(capsys, one, other)
    assert status == 4
    assert len(parts) == 2
    assert any(line.startswith("Nothing changed: 2 nodes") for line in parts[1])
    assert "settings" in " ".join(parts[1])


@pytest.mark.parametrize(("skew_s", "moved"), [(0.001, False), (0.02, True)])
def test_a_skew_counts_if_the_two_measurements_exclude_each_other(capsys: Any, skew_s: float, moved: bool) -> None:
    _, parts = compared(capsys, run("a", 9, x=record()), run("b", 5, x=record(skew_s)))
    assert any(part[0] == "still admitted: x" for part in parts) is moved


def test_the_same_finding_with_another_key_ended_and_began(capsys: Any) -> None:
    ahead, behind = record(-612.0), record(612.0)
    _, parts = compared(capsys, run("a", 9, x=ahead), run("b", 5, x=behind))
    found = change(parts, "still refused: x")
    assert {tuple(line.split()[:2]) for line in found[3:]} >= {("ended", "clock_skew:"), ("began", "clock_skew:")}


def test_nodes_that_changed_in_the_same_way_are_one_change_with_their_range(capsys: Any) -> None:
    bad = {f"n{n}": record(-600.0 - n, time_services=time_services()) for n in range(30)}
    one, other = run("a", 9, **bad), run("b", 5, **{name: record() for name in bad})
    _, parts = compared(capsys, one, other)
    found = change(parts, "became admitted: 30 nodes: n0")
    assert found[0].endswith("and 20 more")
    assert "629.002 s behind to 599.998 s behind" in found[1]


def test_on_a_terminal_only_the_first_changes_are_shown(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MOST_CHANGES", 1)
    one, other = run("a", 9, x=record(), y=OFF), run("b", 5, x=OFF, y=record())
    assert len(compared(capsys, one, other)[1]) == 4
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    parts = compared(capsys, one, other)[1]
    assert parts[2][0] == "became refused: x"
    assert parts[3][0].startswith("1 more changed, in 1 other way:")


def test_settings_policies_and_versions_that_differ_are_shown(capsys: Any) -> None:
    one = run("a", 9, {"gate_mints_per_hour": {"source": "default"}}, x=record(), y=record())
    other = run(
        "b",
        5,
        {"gate_mints_per_hour": {"source": "inventory", "value": 7}},
        x=record(of_policy=policy(max_skew_s=3.0)),
        y=record(),
    )
    path = Path("b/report.json")
    path.write_text(path.read_text().replace('"skewgate_version": "', '"skewgate_version": "9.'))
    _, parts = compared(capsys, one, other)
    text = " ".join(change(parts, "Settings:"))
    assert "max_skew_s of 1 node: null, now 3.0" in text
    assert "gate_mints_per_hour: (default), now 7 (inventory)" in text
    assert 'now "9.' in text


def test_without_a_report_the_evidence_is_compared_and_the_rest_is_said_to_be_unknown(capsys: Any) -> None:
    one, other = run("a", 9, x=record()), run("b", 5, x=record())
    Path("a/report.json").unlink()
    _, parts = compared(capsys, one, other)
    assert any(line.startswith("not compared: ") for line in parts[1])
    [same] = [line for line in parts[1] if line.startswith("Nothing changed")]
    assert "settings" not in same
    assert parts[1][-1] == same


@pytest.mark.parametrize("settings", [["gate_clients"], "gate_clients", 5])
def test_settings_of_another_form_are_not_compared(capsys: Any, settings: Any) -> None:
    one, other = run("a", 9, x=record()), run("b", 5, x=record())
    edited = Path(other, "report.json")
    edited.write_text(json.dumps({**json.loads(edited.read_text()), "settings": settings}))
    status, parts = compared(capsys, one, other)
    assert status == 0
    assert any(line.startswith("not compared: ") for line in parts[1])


def test_runs_in_the_wrong_order_are_compared_with_a_warning(capsys: Any) -> None:
    run("a", 9, x=record())
    run("b", 5, x=OFF)
    assert not any(line.startswith("warning: ") for line in compared(capsys, "a", "b")[1][1])
    assert any(line.startswith("warning: ") for line in compared(capsys, "b", "a")[1][1])


@pytest.mark.parametrize("runs", [["a"], ["a", "a", "a"]])
def test_anything_but_two_runs_is_a_usage_error(capsys: Any, runs: list[str]) -> None:
    run("a", 9, x=record())
    assert cli.main(["report", *runs, "--diff"]) == 2
    assert f"--diff: expected two runs, the earlier one first, found {len(runs)}" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--report-dir=x", "--format=json", "--output=x.json", "-ihosts", "--limit=x"])
def test_what_has_no_meaning_with_it_is_a_usage_error(capsys: Any, flag: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "a", "b", "--diff", flag])
    assert ended.value.code == 2
    assert "expected one of two, found flag --diff and flag --" in capsys.readouterr().err


def test_a_variable_of_the_environment_that_has_no_meaning_with_it_is_not_read(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKEWGATE_REPORT_DIR", "elsewhere")
    run("a", 9, x=record())
    assert compared(capsys, "a", "a")[0] == 0
    assert not Path("elsewhere").exists()


def test_what_a_node_or_a_file_says_can_not_control_the_terminal(capsys: Any) -> None:
    evil = "x\x1b[2J"
    one, other = run("a", 9, x=record()), run("b", 5, **{evil: unreached(evil)})
    path = Path("b/evidence.json")
    content = json.loads(path.read_text())
    content["nodes"][evil]["policy"]["clients"] = [evil]
    path.write_text(json.dumps(content))
    cli.main(["report", one, other, "--diff"])
    out = capsys.readouterr().out
    assert r"x\x1b[2J" in out
    assert all(character.isprintable() for line in out.split("\n") for character in line)
