"""Makes the node's file: finds what the check without a token imports, and packs it rewritten."""

from __future__ import annotations

import ast
import importlib.metadata
import io
import json
import re
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import ntplib
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import tables
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.tables import read_table
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from .rewrite import OLDER, for_older_python

ON_NODE = Path(__file__).with_name("on_node")
PACKAGE = "ansible_collections.skewgate.preflight.plugins"
PLUGINS = Path(tables.__file__).parents[2]

DISCOVERED = ("plugin_utils.checks", "plugin_utils.daemons")
"""Folders whose every file is found when the check runs, and not imported by name."""

NOT_DISCOVERED = ("plugin_utils.formats",)
"""A folder that could be searched too, and is not on a node: what it needs is imported by name."""

REPLACED = {
    "plugin_utils.boundary.libraries": ON_NODE / "libraries.py",
    "plugin_utils.boundary.tables": ON_NODE / "tables.py",
}
"""Modules that on a node are another file: there is no YAML and no cryptography in Python's
library.
"""

CARRIED = {"ntplib": Path(ntplib.__file__)}
"""Packages of PyPI that go with it, each one file for Python 3.8 too. NOTICE has the licence."""

OF_NEWER_PYTHON = {"tomllib": Path(sysconfig.get_path("stdlib"), "tomllib")}
"""Packages of Python's library that are newer than 3.8, and are Python themselves: from the Python
that makes the file, rewritten, if they are imported. On a node they come before its own.
"""

_SHEBANG = b"#!/usr/bin/python3 -IS\n"
_SAME_TIME = (1980, 1, 1, 0, 0, 0)


class NodeFileError(ValueError):
    """The code uses something that a node does not have."""


def node_file() -> bytes:
    """The whole file; the same bytes from the same code."""
    files = dict(_files())
    for name in list(files):
        for parent in Path(name).parents:
            if parent != Path() and f"{parent}/__init__.py" not in files and name.endswith(".py"):
                files[f"{parent}/__init__.py"] = ""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _SAME_TIME), text, zipfile.ZIP_DEFLATED)
    return _SHEBANG + packed.getvalue()


def _files() -> Iterator[tuple[str, str]]:
    """Each file's name in the archive, and its text."""
    yield "__main__.py", _source(ON_NODE / "start.py")
    yield f"{OLDER}.py", _source(ON_NODE / "older.py")
    main = _source(ON_NODE / "main.py")
    yield "skewgate_node.py", for_older_python(main, "main.py")
    sources = sources_for(main)
    for module, source in sorted(sources.items()):
        path = f"{PACKAGE}.{module}".replace(".", "/")
        is_package = (PLUGINS / module.replace(".", "/")).is_dir()
        yield f"{path}/__init__.py" if is_package else f"{path}.py", for_older_python(source, f"{module}.py")
        for table in tables_of(source, module):
            rows = read_table((PLUGINS / f"{table}.yml").read_text(encoding="utf-8"))
            yield f"{PACKAGE.replace('.', '/')}/{table}.json", json.dumps(rows, allow_nan=False, sort_keys=False)
    for name, carried in CARRIED.items():
        yield f"{name}.py", _source(carried)
    newer = {name for source in sources.values() for name in _tops(source) if name in OF_NEWER_PYTHON}
    for file in sorted(file for name in newer for file in OF_NEWER_PYTHON[name].glob("*.py")):
        yield f"{file.parent.name}/{file.name}", for_older_python(_source(file), file.name)
    yield "NOTICE", _notice(newer)


def sources_for(main: str) -> dict[str, str]:
    """The sources of all modules of the collection that ``main`` needs, by their names below
    PACKAGE; raises NodeFileError.
    """
    waiting = [*_imported(main, "main"), *(module for package in DISCOVERED for module in _members(package))]
    found: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        path = _path(module)
        if path is None or module in found:
            continue
        found[module] = source = _source(REPLACED.get(module, path))
        if "iter_modules" in source and module not in DISCOVERED + NOT_DISCOVERED:
            raise NodeFileError(f"{module} searches its folder: add it to DISCOVERED or NOT_DISCOVERED in {__name__}")
        waiting += _imported(source, module)
    return found


def _path(module: str) -> Path | None:
    """A module's file; None for a name within a module, or a folder alone."""
    path = PLUGINS / module.replace(".", "/")
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _members(package: str) -> list[str]:
    files = sorted((PLUGINS / package.replace(".", "/")).glob("*.py"))
    return [package, *(f"{package}.{file.stem}" for file in files if file.stem != "__init__")]


def _imported(source: str, module: str) -> Iterator[str]:
    """The modules of the collection that a source imports, with the packages that they are in.

    Some of the names are no modules, but names within one. Raises NodeFileError for a package that
    a node does not have.
    """
    is_package = (PLUGINS / module.replace(".", "/")).is_dir()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                _must_be_there(alias.name, module)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            if not node.level:
                if not (node.module or "").startswith(PACKAGE):
                    _must_be_there(node.module or "", module)
                    continue
                above = [part for part in (node.module or "").removeprefix(PACKAGE).split(".") if part]
            base = above if not node.level else [*above, *(node.module.split(".") if node.module else [])]
            _must_be_in_replacement(".".join(base), [alias.name for alias in node.names], module)
            for end in range(1, len(base) + 1):
                yield ".".join(base[:end])
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _tops(source: str) -> Iterator[str]:
    """The packages that a source imports by their full names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def _must_be_there(imported: str, module: str) -> None:
    top = imported.partition(".")[0]
    if top not in sys.stdlib_module_names and top not in (*CARRIED, OLDER, "ansible"):
        raise NodeFileError(f"{module} imports {imported}, which a node does not have")
    if top == "ansible" and not module.startswith("modules."):
        raise NodeFileError(f"{module} imports {imported}, which a node does not have")


def _must_be_in_replacement(imported: str, names: list[str], module: str) -> None:
    if imported in REPLACED:
        there = {each.name for each in ast.parse(_source(REPLACED[imported])).body if isinstance(each, ast.FunctionDef)}
        if "__getattr__" not in there and (lacking := sorted(set(names) - there)):
            raise NodeFileError(
                f"{module} imports {', '.join(lacking)} of {imported}, which on a node has only {', '.join(sorted(there))}"
            )


def tables_of(source: str, module: str) -> Iterator[str]:
    """The tables that a module reads with ``table_of``: paths below PLUGINS, without ``.yml``."""
    folder, _, own = module.replace(".", "/").rpartition("/")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "table_of":
            names = [ast.literal_eval(each) for each in node.args[1:]]
            yield f"{folder}/{names[0] if names else own}"


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _notice(newer: Iterable[str]) -> str:
    """Whose work it is, and under which licences."""
    parts = [
        f"skewgate {VERSION}, the check of a node without a token.\n"
        "Copyright (c) the skewgate developers. GNU General Public License v3.0 or later\n"
        "(https://www.gnu.org/licenses/gpl-3.0.txt). Made by `make node-file` from skewgate's source,\n"
        "without comments, and rewritten for Python 3.8."
    ]
    for name in CARRIED:
        [licence] = [file for file in importlib.metadata.files(name) or [] if re.search("LICENSE$", str(file))]
        parts.append(f"{name} {importlib.metadata.version(name)}, as it is on PyPI:\n\n{licence.read_text()}")
    parts += [
        f"{name}, of Python: Copyright (c) 2001 Python Software Foundation; All Rights Reserved. PSF License Agreement\n"
        "(https://docs.python.org/3/license.html). Rewritten for Python 3.8, without comments."
        for name in sorted(newer)
    ]
    return "\n\n".join(parts) + "\n"
