"""What import-linter (`make lint`) does not see: which names of a module are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

ROOM = ROOT / "plugins/plugin_utils"


def names_of_checks(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """``CHECK.NAME`` for each name that a module of a package of plugin_utils uses of a module in `checks`."""
    tree = ast.parse(source)
    modules = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        from_ = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")] if node.level else []
        path = [part for part in from_ or (node.module or "").partition("plugin_utils.")[2].split(".") if part]
        for alias in node.names:
            if path == [] and alias.name == "checks":
                yield "checks"
            elif path == ["checks"]:
                modules[alias.asname or alias.name] = alias.name
            elif path[:1] == ["checks"]:
                yield f"{path[1]}.{alias.name}"
    whole = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in modules:
            yield f"{modules[node.id]}.{whole.get(id(node), '*')}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from ..checks.next_boot import Key", ["next_boot.Key"]),
        ("from ..checks.next_boot import Key as OfNextBoot, judge", ["next_boot.Key", "next_boot.judge"]),
        ("from ..checks import next_boot\nx = next_boot.Key.MASKED", ["next_boot.Key"]),
        ("from ..checks import next_boot as n\nx = n.judge(1)", ["next_boot.judge"]),
        ("from ..checks import next_boot\nx = vars(next_boot)", ["next_boot.*"]),
        ("from .. import checks", ["checks"]),
        ("from a.b.plugins.plugin_utils.checks.next_boot import TARGET", ["next_boot.TARGET"]),
        ("from .planned import Key\nfrom ..model.finding import Finding", []),
    ],
)
def test_every_way_to_use_a_name_of_a_check_is_seen(source: str, found: list[str]):
    assert list(names_of_checks(source, ("remediation",))) == found


@pytest.mark.parametrize("path", sorted((ROOM / "remediation").rglob("*.py")), ids=lambda path: path.name)
def test_remediation_uses_the_keys_of_checks_and_nothing_else_of_them(path: Path):
    package = path.relative_to(ROOM).parent.parts
    used = set(names_of_checks(path.read_text(encoding="utf-8"), package))
    assert {each for each in used if not each.endswith(".Key")} == set()
