"""The JSON schemas of what is saved, and what does not fit them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from tests.paths import ROOT

REPORT = "report.schema.json"
EVIDENCE = "evidence.schema.json"


@cache
def schema_of(file: str) -> dict[str, Any]:
    """A schema of docs/reference."""
    found: dict[str, Any] = json.loads((ROOT / "docs/reference" / file).read_text(encoding="utf-8"))
    return found


def misfits(file: str, content: Any) -> list[str]:
    """What does not fit the schema: where, and why."""
    validator = jsonschema.Draft202012Validator(schema_of(file))
    return [f"{error.json_path}: {error.message[:500]}" for error in validator.iter_errors(content)]
