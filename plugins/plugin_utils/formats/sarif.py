"""``skewgate.sarif``: what ``chrony_config`` found, by file and line, as SARIF 2.1.0 for code
scanners and editors.

Other checks have no files and lines, and are not in it. A rule of severity ``error`` or ``unknown``
is an error, because it refuses a node, and any other is a warning. If the check is advisory, they
are a warning and a note. A rule in ``gate_accepted_rules`` is a suppressed result. If the
configuration of a node was not looked at, the run is not successful, and a notification says why.

The address of a file is ``NODE/PATH``, relative to the base ``NODES``: two nodes' files are two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO
from urllib.parse import quote

from ..model.wording import clean, one_line

NAME = "sarif"
FILE = "skewgate.sarif"

CHECK = "chrony_config"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BASE = "NODES"

_LEVELS = {True: ("error", "warning"), False: ("warning", "note")}
"""By whether the check is required: the level of what refuses a node, and that of a warning."""

Row = Mapping[str, Any]


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Write the results node by node, then the rules that they name,
    then the nodes that were not looked at.
    """
    rules: dict[str, Row] = {}
    file.write(f'{{"$schema": {json.dumps(SCHEMA)},\n"version": "2.1.0",\n"runs": [{{\n"results": ')
    _write_list(_results(report, rules), file)
    bases = {BASE: {"description": {"text": "One folder for each node, with the files of that node."}}}
    file.write(f',\n"tool": {json.dumps(_tool(report, rules))},\n"originalUriBaseIds": {json.dumps(bases)}')
    file.write(
        f',\n"columnKind": "unicodeCodePoints",\n"invocations": [{{"endTimeUtc": {json.dumps(report["judged_at"])}'
    )
    file.write(',\n"toolExecutionNotifications": ')
    unseen = _write_list(_notifications(report), file)
    file.write(f',\n"executionSuccessful": {json.dumps(not unseen)}}}]}}]}}\n')


def _write_list(items: Iterable[Mapping[str, Any]], file: TextIO) -> int:
    """Write a JSON list item by item; how many there were."""
    count = 0
    file.write("[")
    for count, item in enumerate(items, 1):
        file.write(f"{',' if count > 1 else ''}\n{json.dumps(item)}")
    file.write("]")
    return count


def _finding(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((finding for finding in node["findings"] if finding["check"] == CHECK), None)


def _results(report: Mapping[str, Any], rules: dict[str, Row]) -> Iterator[dict[str, Any]]:
    """Every place where a rule matches; ``rules`` gets each rule once."""
    for name, node in report["nodes"].items():
        finding = _finding(node)
        if finding is None:
            continue
        for row in finding["seen"].get("rules", ()):
            rules.setdefault(row["id"], row)
            yield _result(name, row, list(rules).index(row["id"]), required=finding["required"])


def _result(name: str, row: Row, index: int, *, required: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": row["id"],
        "ruleIndex": index,
        "level": _level(row, required=required),
        "message": _message(f"{row['name']} on {name}: {row['text']}. {row['why']} Next: {row['remedy']}"),
        "locations": [_location(name, row)],
    }
    if row["accepted"]:
        found["suppressions"] = [{"kind": "external", "justification": "gate_accepted_rules names this rule."}]
    return found


def _level(row: Row, *, required: bool) -> str:
    refusing, other = _LEVELS[required]
    return other if row["severity"] == "warning" else refusing


def _location(name: str, row: Row) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(name, row["file"]), "uriBaseId": BASE}}
    if row["line"]:
        place["region"] = {"startLine": row["line"], "snippet": {"text": clean(row["text"])}}
    return {"physicalLocation": place, "logicalLocations": [{"name": clean(name), "kind": "resource"}]}


def _uri(name: str, path: str) -> str:
    """The address of a node's file; no part of it leads out of the node's folder."""
    parts = [name, *(part for part in path.split("/") if part)]
    return "/".join("_" * len(part) if part in {".", ".."} else quote(clean(part), safe="") for part in parts)


def _tool(report: Mapping[str, Any], rules: Mapping[str, Row]) -> dict[str, Any]:
    driver = {
        "name": "skewgate",
        "semanticVersion": report["skewgate_version"],
        "rules": [_rule(row) for row in rules.values()],
    }
    return {"driver": driver}


def _rule(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "shortDescription": _message(row["name"].replace("-", " ")),
        "fullDescription": _message(row["why"]),
        "help": _message(f"{row['why']} Next: {row['remedy']} See also: skewgate explain {row['id']}"),
        "defaultConfiguration": {"level": _level(row, required=True)},
    }


def _notifications(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes whose configuration was not looked at."""
    for name, node in report["nodes"].items():
        finding = _finding(node)
        if finding is None:
            why = f"the check {CHECK} was not run"
        elif finding["state"] in {"inconclusive", "skipped"} and not finding["seen"].get("rules"):
            why = finding["summary"]
        else:
            continue
        yield {"level": "error", "message": _message(f"chrony's configuration on {name} was not looked at: {why}")}


_LITERAL = str.maketrans({"\\": "\\\\", "[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})
"""How SARIF's messages write what would begin a link or a placeholder (sections 3.11.5
and 3.11.6).
"""


def _message(text: str) -> dict[str, str]:
    return {"text": one_line(text).translate(_LITERAL)}
