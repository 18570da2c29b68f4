"""Every fenced block of the documentation is run, checked,
or in a table with the reason why not.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

from docs.make_settings import table
from skewgate.arguments import commands_of, parser
from tests.documentation import tables
from tests.documentation.outputs import differs, renewed, words
from tests.documentation.pages import PAGES, Block, all_blocks, blocks, commands, name_of
from tests.paths import ROOT

BLOCKS = list(all_blocks())
SETTINGS = table()
DATA = ("yaml", "json", "ini", "toml")
DATA_BLOCKS = [block for block in BLOCKS if block.language in DATA and not tables.why_not_run(block)]
#: Variables that are no settings: results, and names of checks.
KNOWN = {"gate_report", "gate_hosts", "gate_serial"} | set(discover())


def accounts(block: Block) -> list[str]:
    """Where a block is accounted for."""
    found = [
        name for name, there in (("MADE", block.page in tables.MADE), ("NOT_RUN", tables.why_not_run(block))) if there
    ]
    holding = "".join((ROOT / test).read_text(encoding="utf-8") for test in tables.HELD.get(block.page, ()))
    if block.info and not block.title and f'"{block.info}"' in holding:
        found.append("HELD")
    if block.language == "console" and block.page in {**tables.WORLDS, **tables.RUN_ELSEWHERE}:
        found.append("run")
    if block.language in DATA or block.title:
        found.append("data")
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_is_run_or_checked_or_a_table_says_why_not(block: Block) -> None:
    assert accounts(block), f"{block.name}: a block {block.language!r} is in no table of tests/documentation/tables.py"


def test_the_tables_name_what_is_there() -> None:
    assert [begin for begin in tables.NOT_RUN if not any(block.name.startswith(begin) for block in BLOCKS)] == []
    assert [reason for reason in tables.NOT_RUN.values() if len(reason.split()) < 4] == []
    consoles = {block.page for block in BLOCKS if block.language == "console"}
    assert [page for page in (*tables.WORLDS, *tables.RUN_ELSEWHERE) if page not in consoles] == []
    tests = [
        *tables.MADE.values(),
        *tables.RUN_ELSEWHERE.values(),
        *(test for each in tables.HELD.values() for test in each),
    ]
    pages = [*tables.MADE, *tables.RUN_ELSEWHERE, *tables.HELD]
    assert [path for path in (*tests, *pages) if not (ROOT / path).is_file()] == []


# What is data


def parsed(block: Block) -> Any:
    """The data of a block; raises ValueError or yaml.YAMLError
    if it is not what its first line says.
    """
    match block.language:
        case "yaml":
            return yaml.safe_load(block.text)
        case "json":
            return json.loads(block.text)
        case "toml":
            return tomllib.loads(block.text)
        case "ini":
            reader = configparser.ConfigParser()
            reader.read_string(block.text)
            return {name: dict(section) for name, section in reader.items()}
    return None


def unknown(value: Any) -> Iterator[str]:
    """The variables in data, at any depth, that look like settings and are none."""
    if isinstance(value, list):
        for each in value:
            yield from unknown(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str) and re.match(r"(gate|chrony)_", key) and key not in {*SETTINGS, *KNOWN}:
                yield key
            yield from unknown(inner)


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language in DATA and b.name not in tables.NOT_RUN], ids=lambda block: block.name
)
def test_data_can_be_read_and_its_variables_are_settings(block: Block) -> None:
    assert list(unknown(parsed(block))) == []


def test_a_setting_that_is_not_known_is_seen() -> None:
    assert list(unknown([{"vars": {"gate_client": "argocd", "gate_clients": [], "chrony_servers": []}}])) == [
        "gate_client"
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_setting_that_a_page_names_is_known(page: Path) -> None:
    named = set(re.findall(r"`((?:gate|chrony)_[a-z_]+)`", page.read_text(encoding="utf-8")))
    assert sorted(named - {*SETTINGS, *KNOWN}) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_names_of_make_and_of_the_command_is_there(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert sorted(set(re.findall(r"`make ([a-z-]+)", text)) - targets) == []
    known = commands_of(parser())
    for name, flags in re.findall(r"`skewgate ([a-z]+)([^`]*)`", text):
        forms = {form for action in known[name]._actions for form in action.option_strings}
        assert sorted(set(re.findall(r"(?<!\S)--?[a-zA-Z-]+", flags.partition(" -- ")[0])) - forms) == [], (name, flags)


# How commands and outputs are read, compared and renewed


def test_a_console_block_is_read_by_its_commands() -> None:
    [block] = blocks(ROOT / "README.md", "a\n\n```console\n$ one\n1\n\n2\n$ cat > f <<E\n> x\n> E\n$ a |\n  b\n```\n")
    read = commands(block.text)
    assert [(each.command, each.output) for each in read] == [
        ("one", "1\n\n2"),
        ("cat > f <<E\nx\nE", None),
        ("a |\n  b", None),
    ]
    with pytest.raises(ValueError, match="begins with a command"):
        commands("no command\n")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a\nb", True),
        ("a b", "a\nb", True),
        ("a\nb", "a\nc", False),
        ("a", "a\nb", False),
        ("a\n...", "a\nb", True),
        ("...\nb", "a\nb", True),
        ("...\na", "a\nb", False),
        ("a\n...\nc", "a\nb\nc", True),
        ("a\n...\nc\n...", "a\nb\nd", False),
        ("612.000 s behind (± 0.016 s)", "612.124 s behind (± 0.003 s)", True),
        ("0.000 s (± 0.016 s)", "0.001 s ahead (± 0.003 s)", True),
        ("612.000 s behind", "612.000 s ahead", False),
        ("at 2026-01-31T09:12:04Z", "at 2026-11-29T03:00:00Z", True),
    ],
)
def test_an_output_is_compared_without_what_varies(shown: str, printed: str, same: bool) -> None:
    assert (differs(shown, printed) is None) is same


def test_a_renewed_output_leaves_out_what_the_page_left_out() -> None:
    printed = "the first line\nmore\nnode: refused now\n  seen this\n  why that\nthe end of it"
    shown = "the first line\n...\nnode: refused\n  seen that\n...\nthe end"
    assert renewed(shown, printed) == "the first line\n...\nnode: refused now\n  seen this\n...\nthe end of it"
    assert differs(renewed(shown, printed), printed) is None
    assert renewed("nothing like it\n...", printed) == printed
    assert renewed("a\n...\nwholly different words here\n...", printed) == printed
    assert words("12 of 40 done; waiting for a, b\nrest") == ["rest"]
