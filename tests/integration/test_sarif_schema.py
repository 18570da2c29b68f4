"""skewgate.sarif fits the JSON schema of SARIF 2.1.0, which comes from npm,
in a package of Microsoft's (MIT).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import sarif
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import chrony, record, unreached
from tests.every_finding import every_finding
from tests.hostile import AT, PIECES, hostile_report
from tests.lab.host import command, locked
from tests.paths import BUILD
from tests.reports import text_of

pytestmark = pytest.mark.nightly

PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"


@pytest.fixture(scope="module")
def validator() -> Any:
    folder = BUILD / "sarif"
    if shutil.which("npm") is None:
        pytest.skip(f"{PACKAGE} comes from npm, which is not here")
    with locked(BUILD / "sarif.lock"):
        if not (folder / SCHEMA).exists():
            fetch(folder)
    schema = json.loads((folder / SCHEMA).read_text(encoding="utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


def fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command(["npm", "pack", PACKAGE, "--pack-destination", str(folder)], timeout_s=120)
    [archive] = folder.glob("*.tgz")
    command(["tar", "-xzf", str(archive), "-C", str(folder)])


def errors(validator: Any, content: dict[str, Any]) -> list[str]:
    return [error.message for error in validator.iter_errors(json.loads(text_of(sarif, content)))]


def test_every_finding_of_every_check_fits(validator: Any) -> None:
    assert errors(validator, every_finding()) == []


CONFIGS = ("minsources 5\n", "server\n", "server 10.77.0.1 iburst\nnonsense\n", "server a\nserver a\nallow\n", "")


def test_what_the_lint_finds_fits(validator: Any) -> None:
    records = {f"n{number}": record(chrony=chrony(config=text)) for number, text in enumerate(CONFIGS)}
    content = judge_records({**records, "gone": unreached()}, AT)
    assert errors(validator, content) == []
    rules = json.loads(text_of(sarif, content))["runs"][0]["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} < set(RULES)
    assert len(rules) > 5


def test_whatever_a_node_says_fits(validator: Any) -> None:
    for piece in (*PIECES, "".join(PIECES)):
        assert errors(validator, hostile_report(piece)) == []


def test_the_schema_refuses_what_is_no_sarif(validator: Any) -> None:
    assert list(validator.iter_errors({"version": "2.1.0", "runs": [{"results": []}]}))
