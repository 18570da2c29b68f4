"""What docs/how-to/read-argo-cds-log.md shows of a log is what the command says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from skewgate import cli
from tests.examples import blocks

PAGE = blocks("read-argo-cds-log")
EXAMPLES = [name for name in PAGE if f"{name}_says" in PAGE]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_lines_of_the_page_are_explained_as_it_shows(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "repo-server.log").write_text(PAGE[name], encoding="utf-8")
    (tmp_path / "pods.txt").write_text(PAGE["pods"], encoding="utf-8")
    files = ["--argocd-log", f"{tmp_path}/repo-server.log", "--pods", f"{tmp_path}/pods.txt"]
    assert cli.main(["explain", *files]) == 0
    assert capsys.readouterr().out == PAGE[f"{name}_says"]


def test_the_incident_is_told_with_both_versions_of_argo_cd() -> None:
    assert {"argocd_2", "argocd_3"} <= set(EXAMPLES)
    assert "Likely the clock of worker-2" in PAGE["argocd_2_says"]
    assert "Proof that GitHub refused the times" in PAGE["argocd_3_says"]
