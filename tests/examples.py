"""Code that is no file of the product, put where it would be:
that of the pages in docs/how-to, for example.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from tests.paths import ROOT


def blocks(page: str) -> dict[str, str]:
    """The code of docs/how-to/PAGE.md by the word after the block's language:
    ``check`` of a block that opens "python check".
    """
    text = (ROOT / f"docs/how-to/{page}.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```[a-z]+ (\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def texts_of(module: str) -> dict[str, str]:
    """The texts of a module of the collection by their names, such as EXAMPLES."""
    body = ast.parse((ROOT / f"plugins/modules/{module}.py").read_text(encoding="utf-8")).body
    return {
        node.targets[0].id: node.value.value
        for node in body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def filter_examples(name: str) -> list[Any]:
    """Each example of a filter, as YAML reads it."""
    text = yaml.safe_load((ROOT / f"plugins/filter/{name}.yml").read_text(encoding="utf-8"))["EXAMPLES"]
    return [yaml.safe_load(example) for example in re.split(r"\n\n(?=\S)", text)]


@contextmanager
def planted(package: ModuleType, name: str, code: str, folder: Path, *tables: Any) -> Iterator[ModuleType]:
    """The module NAME of ``package``, as if a file with this code were in the package's folder.

    ``tables``: the cached functions that read the package's folder; they see the module, and
    afterwards forget it.
    """
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    path = package.__path__
    package.__path__ = [str(folder), *path]  # an example may take the place of a module
    replaced = sys.modules.pop(f"{package.__name__}.{name}", None)
    _forget(tables)
    try:
        yield importlib.import_module(f"{package.__name__}.{name}")
    finally:
        package.__path__ = path
        _forget(tables)
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)
        if replaced is not None:
            sys.modules[f"{package.__name__}.{name}"] = replaced
            setattr(package, name, replaced)


def _forget(tables: tuple[Callable[[], object], ...]) -> None:
    for table in tables:
        table.cache_clear()  # type: ignore[attr-defined]
