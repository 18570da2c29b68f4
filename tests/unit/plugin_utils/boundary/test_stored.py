"""Nodes that lie in a file: what is written is what is read,
and a file is read by its lines as any reader of JSON reads it.
"""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import saved, stored
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    SavedFileError,
    evidence_of,
    read_evidence,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.stored import (
    OtherFormError,
    Stored,
    TooLargeError,
    read_head,
    read_nodes,
    write_nodes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import record, unreached

AT = "2026-11-22T08:35:43Z"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NODES = st.dictionaries(st.text(), VALUES, max_size=4)
HEADS = st.dictionaries(st.text().filter(lambda key: key != "nodes"), VALUES, min_size=1, max_size=3)


def text_with(head: dict[str, Any], nodes: Any) -> str:
    file = io.StringIO()
    write_nodes({**head, "nodes": nodes}, file)
    return file.getvalue()


def read(text: str, check: Callable[[str, Any], object] = lambda _name, _value: None) -> dict[str, Any]:
    """The content of a file of nodes; raises OtherFormError."""
    file, decoder = io.BytesIO(text.encode()), json.JSONDecoder()
    return {**read_head(file, decoder), "nodes": read_nodes(file, check, decoder)}


@given(head=HEADS, nodes=NODES)
@settings(max_examples=30)
def test_what_is_written_is_what_is_read_and_what_json_finds_in_it(head: dict[str, Any], nodes: dict[str, Any]) -> None:
    text = text_with(head, nodes)
    seen: dict[str, Any] = {}
    found = read(text, seen.__setitem__)
    assert json.loads(text) == {**head, "nodes": nodes}
    assert {**found, "nodes": dict(found["nodes"])} == {**head, "nodes": nodes}
    assert seen == nodes
    assert text_with(head, found["nodes"]) == text


def test_each_node_has_a_line() -> None:
    lines = text_with({"schema": "x", "run_id": None}, {"node1": {"a": 1}, "nöde\n2": {}}).splitlines()
    assert lines == [
        '{"schema": "x",',
        '"run_id": null,',
        '"nodes": {',
        '"node1": {"a": 1},',
        '"n\\u00f6de\\n2": {}',
        "}}",
    ]


PIECES = (
    '{"a": 1,\n',
    '"nodes": {\n',
    '"n": {"b": 2}',
    '"m": {}',
    ",\n",
    ",",
    "\n",
    "}}\n",
    "}}",
    " ",
    '"nodes": {},\n',
    "é",
)


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
@settings(max_examples=200)
def test_no_text_is_read_by_lines_as_something_else_than_json_finds_in_it(text: str) -> None:
    try:
        found = read(text)
    except OtherFormError:
        return
    assert {**found, "nodes": dict(found["nodes"])} == json.loads(text)


WHOLE = text_with({"a": 1}, {"n": {"b": 2}, "m": {"c": [3]}})


@pytest.mark.parametrize("length", range(len(WHOLE) - 1))
def test_a_file_that_is_cut_off_anywhere_is_none(length: int) -> None:
    with pytest.raises(OtherFormError):
        read(WHOLE[:length])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1,\n"nodes": {\n"n": {},\n"n": {}\n}}\n', "node 'n' is there twice"),
        ('{"a": 1,\n"nodes": {\n"n": {}\n"m": {}\n}}\n', "line 2 of its nodes: expected a comma before it"),
        ('{"a": 1,\n"nodes": {\n"n": {}, "m": {}\n}}\n', "expected one node, found ', \"m\": {}' after it"),
        ('{"a": 1,\n"nodes": {\n1: {}\n}}\n', "expected a node's name and a colon"),
        ('{"a": 1,\n"nodes": {\n"n": {}\n}}\n{}', "after the nodes: "),
        (json.dumps({"a": 1, "nodes": {}}), '"nodes" alone'),
        (json.dumps({"a": 1, "nodes": {"n": {}}}, indent=2), '"nodes" alone'),
        ('["a",\n"nodes": {\n}}\n', "before the nodes: "),
        ('{"nodes": {},\n"nodes": {\n}}\n', "before the nodes: "),
        ('{"a": 1,\n"nodes": {\n"n": ' + "[" * 100_000 + "\n}}\n", "line 1 of its nodes: "),
    ],
)
def test_what_has_another_form_says_where(text: str, why: str) -> None:
    with pytest.raises(OtherFormError) as other:
        read(text)
    assert why in str(other.value)


def test_a_line_longer_than_a_node_may_be_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_NODE_BYTES", 100)
    fits, too_long = ({"n": "x" * length} for length in (100 - len('"n": ""'), 101 - len('"n": ""')))
    assert dict(read(text_with({"a": 1}, fits))["nodes"]) == fits
    with pytest.raises(OtherFormError, match="line 1 of its nodes has more than 100 bytes"):
        read(text_with({"a": 1}, too_long))
    with pytest.raises(TooLargeError, match="at most 100 bytes, found 101"):
        Stored().update(too_long)


@given(NODES, NODES)
@settings(max_examples=20)
def test_a_store_is_a_mapping(first: dict[str, Any], second: dict[str, Any]) -> None:
    kept, plain = Stored(), dict(first)
    for name, value in first.items():
        kept[name] = value
    assert kept == plain
    for name, value in second.items():
        kept[name] = plain[name] = value
        assert kept[name] == value
    assert (list(kept), len(kept)) == (list(plain), len(plain))
    for name in first:
        del kept[name], plain[name]
    assert kept == plain


def test_a_store_lies_in_the_folder_that_is_given_without_a_name_there(tmp_path: Path) -> None:
    kept = Stored(tmp_path)
    kept["a"] = 1
    assert (kept["a"], list(tmp_path.iterdir())) == (1, [])


# Saved evidence

RECORDS = {"node1": record(), "nöde 2": unreached()}


def evidence_in(folder: Path, text: str) -> Path:
    path = folder / "evidence.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize("indent", [None, 2], ids=["on one line", "as jq writes it"])
def test_evidence_that_a_tool_wrote_anew_is_read_too_if_it_is_small(
    tmp_path: Path, indent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = evidence_in(tmp_path, json.dumps(evidence_of(RECORDS, AT), indent=indent, ensure_ascii=False))
    assert read_evidence(path)["nodes"] == json.loads(json.dumps(RECORDS))
    monkeypatch.setattr(saved, "MAX_WHOLE_BYTES", path.stat().st_size - 1)
    with pytest.raises(
        SavedFileError, match=r'is not in the form in which skewgate writes it \(.*"nodes" alone'
    ) as refused:
        read_evidence(path)
    assert "the file that the run wrote" in str(refused.value)


@pytest.mark.parametrize("by_lines", [True, False])
def test_a_node_that_is_there_twice_is_refused_as_readers_differ_in_which_counts(
    tmp_path: Path, by_lines: bool
) -> None:
    text = text_with({"schema": saved.EVIDENCE_SCHEMA}, {"a": unreached(), "b": unreached()}).replace('"b": ', '"a": ')
    with pytest.raises(SavedFileError, match="'a' is there twice"):
        read_evidence(evidence_in(tmp_path, text if by_lines else text.replace("\n", " ")))


def test_evidence_is_read_from_the_file_that_was_opened_whatever_takes_its_place(tmp_path: Path) -> None:
    path = evidence_in(tmp_path, text_with({"schema": saved.EVIDENCE_SCHEMA}, RECORDS))
    nodes = read_evidence(path)["nodes"]
    assert isinstance(nodes, Stored)
    path.rename(tmp_path / "old")
    path.write_text("new")
    assert nodes == json.loads(json.dumps(RECORDS))


def test_evidence_that_is_changed_where_it_lies_is_no_other_nodes(tmp_path: Path) -> None:
    path = evidence_in(tmp_path, text_with({"schema": saved.EVIDENCE_SCHEMA}, {"a": unreached(), "b": unreached()}))
    nodes = read_evidence(path)["nodes"]
    with path.open("r+") as file:
        file.write(path.read_text().replace('"a": ', '"c": '))
    with pytest.raises(OtherFormError, match="the file was changed while it was read: expected node 'a', found 'c'"):
        nodes["a"]


def test_memory_does_not_grow_with_what_the_nodes_say(tmp_path: Path) -> None:
    def peak(nodes: int) -> int:
        """The most memory at a time while so many nodes are stored, written and read again."""
        text = json.dumps(unreached())
        tracemalloc.start()
        kept = Stored(tmp_path)
        for number in range(nodes):
            kept[f"node{number}"] = {**json.loads(text), "module_error": f"{number} " + "x" * 20_000}
        with (tmp_path / "evidence.json").open("w") as file:
            write_nodes(evidence_of(kept, AT), file)
        found = read_evidence(tmp_path / "evidence.json")["nodes"]
        assert sum(len(node["module_error"]) > 20_000 for node in found.values()) == nodes
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak(50), peak(350)
    assert (many - few) / 300 < 2_000  # of 20,000 that each of them has
