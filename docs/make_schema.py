"""Makes docs/reference/evidence.schema.json from the shapes and forms that evidence is parsed by.

`make docs` runs it.

A shape is a function that another one made with what it was given: its kind is in its name, and the
rest is in its closure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from inspect import getclosurevars
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import forms, sections, shapes
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import MALFORMED, SCHEMAS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import EVIDENCE_SCHEMA
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.shapes import Shape

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs/reference/evidence.schema.json"

Schema = dict[str, Any]

_KINDS: Mapping[forms.Kind, Schema] = {
    forms.TEXT: {"type": "string"},
    forms.FLAG: {"type": "boolean"},
    forms.NUMBER: {"type": "number"},
    forms.WHOLE: {"type": "integer"},
    forms.ABOVE_ZERO: {"type": "number", "exclusiveMinimum": 0},
    forms.OBJECT: {"type": "object"},
    forms.TABLE: {"type": "object", "additionalProperties": {"type": "object"}},
}


def of_form(form: Any) -> Schema:
    """The schema of a form: keys that it does not name may be there,
    and those that may be null may be missing.
    """
    if isinstance(form, forms.Maybe):
        return _or_null(of_form(form.form))
    if isinstance(form, dict):
        required = [key for key, inner in form.items() if not isinstance(inner, forms.Maybe)]
        properties = {key: of_form(inner) for key, inner in form.items()}
        return {"type": "object", "required": required, "properties": properties}
    if isinstance(form, list):
        return {"type": "array", "items": of_form(form[0])}
    return _KINDS[form]


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, schema]}


_NAMED = {
    id(shape): name.strip("_").lower()
    for name, shape in [*vars(sections).items(), ("FAILED", shapes.FAILED)]
    if name.isupper() and callable(shape) and "<locals>" in shape.__qualname__
}
"""The shapes that have a name, which become definitions."""


class Maker:
    """Makes schemas of shapes, and keeps those that have a name."""

    def __init__(self) -> None:
        """No definition yet."""
        self.definitions: dict[str, Schema] = {}

    def of(self, shape: Shape) -> Schema:
        """The schema of a shape; raises KeyError if it is of no known kind."""
        if shape is sections.CONFIG:
            return self.of(sections._CONFIG)
        name = _NAMED.get(id(shape))
        if name is None:
            return self._made(shape)
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self._made(shape)
        return {"$ref": f"#/$defs/{name}"}

    def _made(self, shape: Shape) -> Schema:
        kind = shape.__qualname__.partition(".")[0]
        return _OF_KIND[kind](self, dict(getclosurevars(shape).nonlocals))


def _fields(maker: Maker, given: Mapping[str, Any]) -> Schema:
    required = [name for name, optional, _ in given["rows"] if not optional]
    properties = {name: maker.of(inner) for name, _, inner in given["rows"]}
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _text(_maker: Maker, given: Mapping[str, Any]) -> Schema:
    words = {"enum": sorted(given["one_of"])} if given["one_of"] else {}
    return {"type": "string", "maxLength": given["most"], **words}


def _by_name(maker: Maker, given: Mapping[str, Any]) -> Schema:
    return {"type": "object", "maxProperties": given["most"], "additionalProperties": maker.of(given["shape"])}


def _items(maker: Maker, given: Mapping[str, Any]) -> Schema:
    return {"type": "array", "maxItems": given["most"], "items": maker.of(given["shape"])}


def _range(kind: str) -> Callable[[Maker, Mapping[str, Any]], Schema]:
    return lambda _maker, given: {"type": kind, "minimum": given["low"], "maximum": given["high"]}


_OF_KIND: Mapping[str, Callable[[Maker, Mapping[str, Any]], Schema]] = {
    "text": _text,
    "lines": lambda _maker, _given: {"type": "string", "maxLength": shapes.MAX_TEXT},
    "octets": lambda _maker, _given: {"type": "string", "pattern": r"^[0-9A-Fa-f\s]*$"},
    "whole": _range("integer"),
    "number": _range("number"),
    "flag": lambda _maker, _given: {"type": "boolean"},
    "maybe": lambda maker, given: _or_null(maker.of(given["shape"])),
    "items": _items,
    "fields": _fields,
    "by_name": _by_name,
    "or_failed": lambda maker, given: {"anyOf": [maker.of(given["shape"]), maker.of(shapes.FAILED)]},
    "_either": lambda maker, given: {"anyOf": [maker.of(given["good"]), maker.of(given["without"])]},
}


def evidence_schema() -> Schema:
    """The JSON schema of evidence.json: its records by node, and their sections."""
    maker = Maker()
    found = {name: _section(maker, shape) for name, shape in sections.SECTIONS.items()}
    record = of_form(forms.RECORD)
    evidence = {
        "description": "What the node showed. A section without a row here may be any JSON data.",
        "type": "object",
        "properties": {"schema": {"enum": list(SCHEMAS)}, **found},
    }
    for each in (record, record["properties"]["before"]["anyOf"][1]):
        each["properties"]["evidence"] = {"$ref": "#/$defs/evidence"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by `make docs` from plugins/plugin_utils/boundary/",
        "title": EVIDENCE_SCHEMA,
        "description": "The content of evidence.json: what each node showed, and the policy that it is judged by.",
        "type": "object",
        "additionalProperties": False,
        "required": ["schema", "run_id", "judged_at", "nodes"],
        "properties": {
            "schema": {"const": EVIDENCE_SCHEMA},
            "run_id": {"type": ["string", "null"]},
            "judged_at": {"description": "When it was judged, RFC 3339, UTC.", "type": "string"},
            "nodes": {"description": "By inventory name.", "type": "object", "additionalProperties": record},
        },
        "$defs": {"evidence": evidence, **maker.definitions, "malformed": _malformed(maker)},
    }


def _section(maker: Maker, shape: Shape) -> Schema:
    """A section as it should be, or why it was not taken, or why it could not be read."""
    return {"anyOf": [maker.of(shape), maker.of(shapes.FAILED), {"$ref": "#/$defs/malformed"}]}


def _malformed(maker: Maker) -> Schema:
    return maker.of(shapes.fields({MALFORMED: shapes.text(shapes.MAX_TEXT)}))


def text() -> str:
    """The file's text."""
    return json.dumps(evidence_schema(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE.relative_to(ROOT))
