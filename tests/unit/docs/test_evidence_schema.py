"""docs/reference/evidence.schema.json is made from the shapes by which evidence is parsed,
and describes what is saved.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS

from docs.make_schema import FILE, text
from tests.builders import record, unreached
from tests.every_finding import every_record
from tests.hostile import AT
from tests.schemas import EVIDENCE, misfits, schema_of


def test_the_file_is_there_and_says_what_the_shapes_say() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `make docs`"
    jsonschema.Draft202012Validator.check_schema(schema_of(EVIDENCE))
    assert set(schema_of(EVIDENCE)["$defs"]["evidence"]["properties"]) == {"schema", *SECTIONS}


def saved(**records: dict[str, Any]) -> Any:
    """The content of evidence.json, as it is read."""
    return json.loads(json.dumps(evidence_of(records, AT, "run")))


def test_the_evidence_of_every_finding_fits() -> None:
    assert misfits(EVIDENCE, saved(**every_record())) == []


def test_what_was_not_taken_or_could_not_be_read_fits() -> None:
    odd = parse_record(record(ntp={"servers": 5}, chrony={"error": "no permission"}, of_tomorrow={"a": [1, None]}))
    assert odd["evidence"]["ntp"].keys() == {"malformed"}
    assert misfits(EVIDENCE, saved(a=odd, b=unreached(), c={**record(), "before": record()})) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "skewgate/evidence-set/2"),
        (("more",), 1),
        (("nodes", "a", "policy"), None),
        (("nodes", "a", "before"), {"evidence": {}}),
        (("nodes", "a", "evidence", "ntp", "servers"), 5),
        (("nodes", "a", "evidence", "ntp", "more"), 1),
        (("nodes", "a", "evidence", "collected", "euid"), -1),
        (("nodes", "a", "evidence", "ntp", "servers", 0, "samples", 0, "reply_hex"), "zz"),
        (("nodes", "a", "evidence", "ntp"), {"error": 1}),
    ],
)
def test_what_is_no_evidence_does_not_fit(path: tuple[Any, ...], value: Any) -> None:
    content = copy.deepcopy(saved(a=record()))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert misfits(EVIDENCE, content)
