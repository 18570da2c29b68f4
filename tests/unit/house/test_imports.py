"""What import-linter (`make lint`) does not see: which names of a module are used."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

ROOM = ROOT / "plugins/plugin_utils"


def names_of_checks(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """``CHECK.NAME`` for each name that a module of a package of plugin_utils uses of a module
    in `checks`.
    """
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


OF_ANSIBLE_CORE = {"ansible", "ansible_collections", "jinja2", "yaml"}
"""What every Python has that runs Ansible."""
IMPORTED_AS = {"jwt": "PyJWT"}


def libraries_of(path: Path) -> set[str]:
    """What a file imports that neither Python nor ansible-core has, as pip calls it."""
    tops: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add((node.module or "").partition(".")[0])
    return {IMPORTED_AS.get(top, top) for top in tops - OF_ANSIBLE_CORE - sys.stdlib_module_names}


def test_one_file_of_the_collection_imports_the_libraries_that_it_requires():
    importing = {path: libraries for path in (ROOT / "plugins").rglob("*.py") if (libraries := libraries_of(path))}
    [(path, libraries)] = importing.items()
    assert path == ROOM / "boundary/libraries.py"
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {line for line in lines if not line.startswith("#")}
    of_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert required == {line for line in of_project if line.partition(">")[0] in libraries}
    assert len(required) == len(libraries)
