"""Evidence of a form that no probe gives: it refuses its own node, and no other node's entry of the report is touched."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import read_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import render
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import record
from tests.unit.plugin_utils.checks.test_every_key import EXAMPLES

JUDGED_AT = "2026-11-22T08:40:00Z"
GOOD = {"good1": record(), "good2": record(0.001)}
BAD = [record(-612.0), *(data for each in EXAMPLES.values() for data in each.values() if isinstance(data, dict))]
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**70,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "1e999",
    "\x1b[31m",
    [],
    {},
    [None],
    [[]],
]


@pytest.fixture(scope="module")
def entries() -> dict[str, Any]:
    """The good nodes' entries of a report on them alone."""
    nodes: dict[str, Any] = judge_records(GOOD, JUDGED_AT)["nodes"]
    return nodes


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value within JSON data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, within in inner:
        yield (*path, key)
        yield from places(within, (*path, key))


def changed(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of a record with another value at this path of its evidence, as it is read from a node."""
    strange = copy.deepcopy(data)
    target = strange["evidence"]
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    read: dict[str, Any] = read_json(json.dumps(strange))
    return read


def assert_touches_no_other(strange: dict[str, Any], entries: dict[str, Any]) -> dict[str, Any]:
    report = judge_records({**GOOD, "strange": strange}, JUDGED_AT)
    assert {name: report["nodes"][name] for name in GOOD} == entries
    json.dumps(report, allow_nan=False)
    assert not [c for c in render(report) if not c.isprintable() and c != "\n"]
    entry: dict[str, Any] = report["nodes"]["strange"]
    return entry


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("ntp", "servers", 0, "addresses"), None),
        (("ntp", "servers", 0, "addresses"), -1),
        (("ntp", "servers", 0, "addresses"), [[]]),
        (("ntp", "servers", 0, "server"), {"error": "x"}),
        (("ntp", "servers"), {}),
        (("clock",), []),
        (("chrony", "commands"), 7),
        (("github_apps", 0, "attempts", 0, "steps", 0, "method"), float("inf")),
    ],
)
def test_a_value_of_another_type_ends_no_report(path: tuple[Any, ...], value: Any, entries: dict[str, Any]) -> None:
    assert_touches_no_other(changed(record(-612.0), path, value), entries)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_changed_anywhere_in_a_bad_nodes_evidence_ends_no_report(seed: int, entries: dict[str, Any]) -> None:
    choose = random.Random(seed)
    data = choose.choice([data for data in BAD if data["evidence"]])
    path = choose.choice(list(places(data["evidence"])))
    assert_touches_no_other(changed(data, path, choose.choice(STRANGE)), entries)


def test_numbers_that_json_does_not_have_are_null() -> None:
    assert read_json("[NaN, Infinity, -Infinity, 1e999, 1.5, 2]") == [None, None, None, None, 1.5, 2]
