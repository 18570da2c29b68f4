"""docs/monitoring/check_skewgate: skewgate as a plugin of Nagios and Icinga,
with real reports and with a stand-in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import record, unreached
from tests.paths import ROOT

PLUGIN = ROOT / "docs/monitoring/check_skewgate"
#: By the Monitoring Plugins' guidelines.
OK, CRITICAL, UNKNOWN = 0, 2, 3
STATUS = {
    ExitCode.ADMITTED: OK,
    ExitCode.INTERNAL_ERROR: UNKNOWN,
    ExitCode.USAGE_ERROR: UNKNOWN,
    ExitCode.NOT_JUDGED: UNKNOWN,
    ExitCode.REFUSED: CRITICAL,
}


def plugin(folder: Path, *words: str | Path) -> tuple[int, str]:
    """The plugin's exit status and its one line."""
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        [PLUGIN, *words], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stderr == ""
    assert ended.stdout.count("\n") == 1
    return ended.returncode, ended.stdout


def saved(folder: Path, skew_s: float) -> Path:
    records = {"node1": record(), "node2": record(skew_s)}
    write(folder, judge_records(records, now()), evidence_of(records, now()))
    return folder


@pytest.mark.parametrize(("skew_s", "status", "word"), [(0.0, OK, "OK"), (-612.0, CRITICAL, "CRITICAL")])
def test_a_saved_report_is_read(tmp_path: Path, skew_s: float, status: int, word: str) -> None:
    found, line = plugin(tmp_path, "--saved", saved(tmp_path / "report", skew_s))
    assert (found, line.split()[1]) == (status, word)
    assert " | admitted=" in line


def test_a_report_of_nodes_that_were_not_judged_is_unknown(tmp_path: Path) -> None:
    records = {"node1": unreached()}
    write(tmp_path / "report", judge_records(records, now()), evidence_of(records, now()))
    found, line = plugin(tmp_path, "--saved", tmp_path / "report")
    assert (found, line.split()[1]) == (UNKNOWN, "UNKNOWN")
    assert "node1" in line


def test_an_old_report_and_none_at_all_are_unknown(tmp_path: Path) -> None:
    report = saved(tmp_path / "report", 0.0)
    os.utime(report / "report.json", (1, 1))
    for words in (["--saved", report, "30"], ["--saved", tmp_path / "none"], ["--saved"]):
        status, line = plugin(tmp_path, *words)
        assert (status, line.split()[1]) == (UNKNOWN, "UNKNOWN")


WORDS = {OK: "OK", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}


def put(folder: Path, script: str) -> None:
    """A stand-in for skewgate."""
    stand_in = folder / "skewgate"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)


@pytest.mark.parametrize("ended", ExitCode)
def test_each_exit_status_of_a_check_has_its_own_of_the_plugin(tmp_path: Path, ended: ExitCode) -> None:
    line = f"SKEWGATE {WORDS[STATUS[ended]]} - the | line"
    put(tmp_path, f'echo "$@" >{tmp_path}/words\necho "{line}"\necho "a | fault" >&2\nexit {int(ended)}')
    status, shown = plugin(tmp_path, "-i", "hosts", "--", "-u", "root")
    assert status == STATUS[ended]
    assert (tmp_path / "words").read_text() == "check --format nagios --output - -i hosts -- -u root\n"
    judged = ended not in {ExitCode.INTERNAL_ERROR, ExitCode.USAGE_ERROR}
    assert (line in shown) is judged
    assert ("a  fault" in shown and "|" not in shown) is not judged


@pytest.mark.parametrize("said", ["usage: skewgate check", "SKEWGATE CRITICAL - 1 of 1 node refused", ""])
def test_a_success_without_the_line_of_a_good_report_is_unknown(tmp_path: Path, said: str) -> None:
    put(tmp_path, f'echo "{said}"')
    status, line = plugin(tmp_path, "--help")
    assert (status, line.split()[1]) == (UNKNOWN, "UNKNOWN")
