"""The pages of the report, the evidence and the exit codes. docs/make_pages.py writes them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover, sections_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from docs.writing import ROOT, ended, head, of_ansible, page, table, wrapped

SCHEMA = "docs/reference/report.schema.json"
PROBE = "plugins/modules/node_evidence.py"

Schema = Mapping[str, Any]

_TITLES = {
    "": "The report",
    "fleet": "All nodes together",
    "group": "A group",
    "node": "A node",
    "finding": "A finding",
}
"""The parts of the schema that are sections of the page: at the top, or among its definitions."""


def exit_codes_page() -> str:
    """docs/reference/exit-codes.md."""
    return page(
        head("Exit codes", "plugins/plugin_utils/verdict/exit_code.py"),
        wrapped(
            "The exit status of the commands of `skewgate`, and `exit_code` in `report.json`. If nodes differ, the highest code "
            "counts. If an error ends the command, the code is the error's."
        ),
        table(("code", "meaning"), [(str(code.value), code.meaning) for code in ExitCode]),
        wrapped(
            "`ansible-playbook` has its own codes: when it runs a playbook of the collection, a refused node is a failed host. "
            "The code of the gate is in `report.json` then."
        ),
    )


def report_page() -> str:
    """docs/reference/report.md: the fields of report.json."""
    schema = json.loads((ROOT / SCHEMA).read_text(encoding="utf-8"))
    parts = {"": schema, "fleet": schema["properties"]["fleet"]}
    parts |= {name: schema["$defs"][name] for name in _TITLES if name in schema["$defs"]}
    return page(
        head("The report", SCHEMA).replace("# The report", "# report.json"),
        wrapped(
            "`report.json` holds the verdict of every node and the reasons. This page lists its fields; "
            "[report.schema.json](report.schema.json) is the JSON Schema, for programs. `skewgate report DIR` shows the report "
            "again, and makes it again from `evidence.json`, which is in the same folder: [the evidence](evidence.md). A "
            "signed report has `signature.json` beside it: [prove an admission later](../how-to/prove-an-admission-later.md)."
        ),
        wrapped("A program decides by `verdict`, `state` and `keys`, never by the texts for people: these may change."),
        *(_part(name, part, schema) for name, part in parts.items()),
    )


def _part(name: str, part: Schema, schema: Schema) -> str:
    text = "" if not name else part.get("description", "")
    return "\n\n".join(
        filter(None, [f"## {_TITLES[name]}", wrapped(text), wrapped("\n".join(_fields(part, schema, name)))])
    )


def _fields(part: Schema, schema: Schema, section: str, path: str = "") -> Iterator[str]:
    """A line for each field, and for the fields in it, unless these have a section of the page."""
    for name, field in part.get("properties", {}).items():
        here = f"{path}{name}"
        kind, inner, text = _described(field, schema, section)
        optional = "" if name in part.get("required", ()) else ", not always there"
        yield f"- `{here}` ({kind}{optional}){': ' + ended(text) if text else ''}"
        if inner is not None:
            item, step = inner
            yield from _fields(item, schema, section, f"{here}{step}.")


def _described(field: Schema, schema: Schema, section: str) -> tuple[str, tuple[Schema, str] | None, str]:
    """A field's kind for people, the object whose fields are listed next, and what it means."""
    text = field.get("description", "")
    name = field["$ref"].rpartition("/")[2] if "$ref" in field else ""
    if name:
        target = schema["$defs"][name]
        text = text or target.get("description", "")
        if name in _TITLES:
            return f"[{_TITLES[name].lower()}](#{_anchor(name)})", None, text
        return _kind_of(name, target), None if name == "skew_s" else _inner(target), text
    if not section and _resolved_title(field, schema):
        return f"[{_resolved_title(field, schema)}](#all-nodes-together)", None, text
    for word, item in (("list of", "items"), ("mapping, each", "additionalProperties")):
        target = field[item]["$ref"].rpartition("/")[2] if "$ref" in (field.get(item) or {}) else ""
        if target and target in _TITLES:
            return f"{word} [{_TITLES[target].lower()}](#{_anchor(target)})", None, text
    return _kind_of("", field), _inner(field), text


def _resolved_title(field: Schema, schema: Schema) -> str:
    return _TITLES["fleet"].lower() if field is schema["properties"]["fleet"] else ""


def _anchor(name: str) -> str:
    return _TITLES[name].lower().replace(" ", "-")


def _inner(field: Schema) -> tuple[Schema, str] | None:
    """The object in a field, and how its fields are reached from it."""
    for option in field.get("oneOf", [field]):
        more = option.get("additionalProperties")
        if "properties" in option:
            return option, ""
        if option.get("type") == "array" and "properties" in option["items"]:
            return option["items"], "[]"
        if isinstance(more, Mapping) and "properties" in more:
            return more, ".NAME"
    return None


def _kind_of(name: str, field: Schema) -> str:
    named = {"time": "time", "skew_s": "interval `low`, `high`, or null", "findings": "list of [a finding](#a-finding)"}
    if name in named:
        return named[name]
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " or ".join("null" if value is None else f"`{json.dumps(value)}`" for value in field["enum"])
    if "oneOf" in field:
        return " or ".join(_kind_of("", option) for option in reversed(field["oneOf"]))
    kinds = field.get("type", "any JSON")
    if kinds == "array":
        return f"list of {_kind_of('', field['items'])}"
    words = {"string": "text", "integer": "whole number", "object": "mapping", "boolean": "true or false"}
    return " or ".join(words.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def evidence_page() -> str:
    """docs/reference/evidence.md: each section of the evidence, and the checks that read it."""
    documented = _documentation()["evidence"]
    sections = {name: row for name, row in documented["contains"].items() if name in SECTIONS}
    return page(
        head("The evidence", PROBE),
        wrapped(
            "What a node showed, without any judgement. `evidence.json` holds it for every node, beside `report.json`, and "
            "`skewgate report` makes the same findings from it again. The evidence of a node has sections; a check reads some. "
            "Each section has a fixed form (`boundary/sections.py`): if a node's answer does not fit it, the section is "
            "*malformed*, and the checks that need it are inconclusive for that node. "
            "[evidence.schema.json](evidence.schema.json) is the JSON Schema of the file, for programs."
        ),
        _bullets(documented["description"]),
        *(_section(name, row) for name, row in sections.items()),
    )


def _section(name: str, row: Mapping[str, Any]) -> str:
    readers = [check for check, module in discover().items() if name in sections_of(module)]
    read_by = f"Read by {', '.join(f'[{check}](checks/{check}.md)' for check in readers)}." if readers else ""
    return "\n\n".join(filter(None, [f"## {name}", wrapped(read_by), _bullets(row["description"])]))


def _bullets(description: str | list[str]) -> str:
    texts = [description] if isinstance(description, str) else description
    return wrapped("\n".join(f"- {of_ansible(text)}" for text in texts))


def _documentation() -> dict[str, Any]:
    for node in ast.parse((ROOT / PROBE).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RETURN":
            found: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return found
    raise ValueError(f"{PROBE}: expected RETURN, found none")
