from __future__ import annotations

import json

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode, exit_code_of

from tests.paths import ROOT


@pytest.mark.parametrize(
    ("refusals", "code"),
    [
        ([None, None], ExitCode.ADMITTED),
        ([None, "not_judged"], ExitCode.NOT_JUDGED),
        (["not_judged", "failure", None], ExitCode.REFUSED),
        ([], ExitCode.NOT_JUDGED),
    ],
    ids=["all admitted", "one not judged", "a failure outweighs what is not known", "no node"],
)
def test_the_worst_node_decides(refusals: list[str | None], code: ExitCode) -> None:
    assert exit_code_of(refusals) is code


def test_the_readme_and_the_schema_have_the_same_statuses() -> None:
    readme = (ROOT / "README.md").read_text()
    schema = json.loads((ROOT / "docs/reference/report.schema.json").read_text())["properties"]["exit_code"]
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |\n" in readme
    of_reports = [code for code in ExitCode if code not in (ExitCode.INTERNAL_ERROR, ExitCode.USAGE_ERROR)]
    assert schema["enum"] == [code.value for code in of_reports]
    assert schema["description"] == "; ".join(f"{code.value} {code.meaning}" for code in of_reports) + "."
