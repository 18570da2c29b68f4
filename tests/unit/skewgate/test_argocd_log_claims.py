"""`skewgate explain --argocd-log`: how much it says, and what it does not claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from skewgate import cli
from tests.unit.skewgate.argocd_lines import (
    NODES,
    POD1,
    POD2,
    as_logfmt,
    as_table,
    failed,
    line,
    lookup,
    message,
    ok,
    refused,
)


def explain(tmp_path: Path, log: list[str]) -> int:
    (tmp_path / "log").write_text("".join(log))
    (tmp_path / "pods").write_text(as_table(NODES))
    return cli.main(["explain", "--argocd-log", str(tmp_path / "log"), "--pods", str(tmp_path / "pods")])


def test_several_lines_about_one_call_are_one_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = line(POD2, as_logfmt({"level": "error", "msg": message()}))
    assert explain(tmp_path, [*[ok(POD1)] * 20, about, about, refused(POD2)]) == 0
    out = capsys.readouterr().out
    assert "A hint, no more, at the clock of worker-2: 1 of 1 call and 2 other lines on worker-2" in out
    assert "Likely" not in out


def test_a_log_without_a_call_that_works_names_the_log_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "set reposerver.log.level to info in the ConfigMap argocd-cmd-params-cm"
    assert explain(tmp_path, [refused(POD2)]) == 0
    assert said in capsys.readouterr().out
    assert explain(tmp_path, [refused(POD2), ok(POD1)]) == 0
    assert said not in capsys.readouterr().out


def test_calls_that_failed_for_a_reason_that_is_not_known_are_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        explain(tmp_path, [ok(POD1), failed(POD2, "helm template failed"), failed(POD2, "helm template failed")]) == 0
    )
    out = capsys.readouterr().out
    assert "2 of 3 calls failed in ways that are not known here" in out
    assert "no error of TLS or git either" not in out


def test_a_401_in_words_that_nobody_knows_does_not_acquit_the_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [ok(POD1), failed(POD2, lookup("Something new about your JWT"))]) == 0
    out = capsys.readouterr().out
    assert "GitHub's words: 401 Something new about your JWT" in out
    assert "Clock or credential, not decided: 1 of 1 call on worker-2, 0 of 1 on the others." in out
    assert "`skewgate check` shows it whole." in out
    assert "report.json" not in out


def test_a_proxy_is_neither_claimed_nor_ruled_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."
    assert explain(tmp_path, [ok(POD1), failed(POD2, lookup(words, 403))]) == 0
    out = capsys.readouterr().out
    assert "The IP allow list of acme" in out
    assert "without a proxy" not in out


def test_what_powershell_redirects_to_a_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"log": ok(POD1) + refused(POD2), "pods": as_table(NODES)}
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    assert cli.main(["explain", "--argocd-log", str(tmp_path / "log"), "--pods", str(tmp_path / "pods")]) == 0
    assert "1 of 1 call on worker-2, 0 of 1 on the others" in capsys.readouterr().out
