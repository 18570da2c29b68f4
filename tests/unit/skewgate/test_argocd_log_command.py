"""`skewgate explain --argocd-log`: what it prints of a log, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skewgate import argocd_log, cli
from skewgate.argocd_log import Installation
from tests.unit.skewgate.argocd_lines import (
    GHES,
    GONE,
    NODES,
    POD1,
    POD2,
    POD3,
    as_list,
    as_logfmt,
    as_table,
    call,
    line,
    message,
    ok,
    refused,
)


def explain(tmp_path: Path, log: list[str], pods: str = as_table(NODES)) -> int:
    (tmp_path / "log").write_text("".join(log))
    (tmp_path / "pods").write_text(pods)
    return cli.main(["explain", "--argocd-log", str(tmp_path / "log"), "--pods", str(tmp_path / "pods")])


def test_the_nodes_with_401s_come_first_then_the_likely_cause_and_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [ok(POD1), refused(POD2, at="12:00:05"), refused(POD2, at="13:00:00"), ok(POD2), ok(POD3)]
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    order = [
        "| worker-2 |    1 |     3 |        1 |   2 | 2026-01-31T12:00:00Z | 2026-01-31T12:00:05Z |",
        "|          |      |       |          |     | 2026-01-31T13:00:00Z | 2026-01-31T13:00:00Z |",
        "| worker-1 |    1 |     1 |        1 |   0 | 2026-01-31T12:00:00Z | -                    |",
        "Installation 30846581 at https://api.github.com: 401 on worker-2 (2)",
        "  none, and calls that ended OK: worker-1, worker-3",
        "  Likely the clock of worker-2",
        "A likelihood, not a proof",
        "  skewgate check -i INVENTORY --limit worker-2\n",
        "  journalctl ",
    ]
    positions = [out.find(text) for text in order]
    assert -1 not in positions, out
    assert positions == sorted(positions)


def test_a_401_everywhere_is_likely_the_credential_and_every_node_is_to_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [refused(pod, GHES) for pod in NODES]) == 0
    out = capsys.readouterr().out
    assert "Installation 7 at https://github.example.org/api/v3: 401 on worker-1 (1), worker-2 (1), worker-3 (1)" in out
    assert "Likely the credential" in out
    assert "--limit worker-1,worker-2,worker-3\n" in out


def test_what_could_not_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = [
        ok(POD1),
        refused(GONE),
        line(POD2, "Failed to obtain reader"),
        "error: unable to retrieve container logs\n",
        line(POD2, as_logfmt(call(f"{argocd_log.CACHED}: {message()}"))),
        line(POD2, as_logfmt(call(message(GHES, "404 Not Found")))),
    ]
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    assert f"Pods that are not in the list of pods (rescheduled since?): {GONE}" in out
    assert f"Pods without a line in the log: {POD3}" in out
    assert "1 of 6 lines name no pod" in out
    assert "1 of 6 lines are neither logfmt nor JSON" in out
    assert f"on pods whose node is not known: {GONE} (1)" in out
    assert "1 more told from Argo CD's cache" in out
    assert "Installation 7 at https://github.example.org/api/v3: 1 x 404" in out
    assert "no known node got this 401 itself" in out
    assert "--limit worker-1,worker-2\n" in out


def test_a_log_without_a_401_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [ok(POD1)]) == 0
    out = capsys.readouterr().out
    assert "No 401 for an installation token in this log." in out
    assert "skewgate check" not in out


def test_of_a_line_nothing_is_shown_but_installation_address_and_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = message(Installation("7", "https://me:hunter2@ghe.example.org/api/v3")) + " ghs_16C7e42F292c6912E7"
    assert explain(tmp_path, [line(POD1, as_logfmt(call(secret))), "hunter2\n", line(POD2, "hunter2")]) == 0
    out = capsys.readouterr().out
    assert "ghe.example.org" in out
    assert "hunter2" not in out
    assert "ghs_" not in out


def test_names_from_the_files_reach_neither_the_terminal_nor_a_shell_as_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [refused(POD1)], json.dumps(as_list({POD1: "a\x1b[2J;reboot"}))) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "--limit 'a\\x1b[2J;reboot'" in out


def test_a_log_of_other_pods_could_not_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [refused(GONE)]) == 2
    captured = capsys.readouterr()
    assert "could not tell: no pod of the log is in the list of pods" in captured.err
    assert GONE in captured.err
    assert POD1 in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("log", "pods", "expected"),
    [
        (
            as_logfmt(call(message())),
            as_table(NODES),
            ("none of its 1 lines begins with [pod/", argocd_log.LOG_COMMAND),
        ),
        ("", as_table(NODES), ("none of its 0 lines begins with [pod/", argocd_log.LOG_COMMAND)),
        (ok(POD1), "No resources found\n", ("found no table with the columns", argocd_log.PODS_COMMAND)),
    ],
)
def test_a_file_of_another_kind_is_told_with_the_command_that_makes_the_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: str, pods: str, expected: tuple[str, str]
) -> None:
    assert explain(tmp_path, [log], pods) == 2
    err = capsys.readouterr().err
    assert all(text in err for text in expected)


@pytest.mark.parametrize(
    "argv",
    [
        ["--argocd-log", "log"],
        ["--pods", "pods"],
        ["clock_skew", "--argocd-log", "log", "--pods", "pods"],
        ["--argocd-log", "-", "--pods", "-"],
    ],
)
def test_both_files_are_needed_without_a_check_and_one_of_them_at_most_from_standard_input(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    assert cli.main(["explain", *argv]) == 2
    assert "expected --argocd-log FILE with --pods FILE" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["log", "pods"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    (tmp_path / "log").write_text(ok(POD1))
    (tmp_path / "pods").write_text(as_table(NODES))
    (tmp_path / missing).unlink()
    assert cli.main(["explain", "--argocd-log", f"{tmp_path}/log", "--pods", f"{tmp_path}/pods"]) == 2
    assert f"can't read {tmp_path}/{missing}: No such file" in capsys.readouterr().err
