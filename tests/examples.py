"""Code that is no file of the product, put where it would be: that of the pages in docs/how-to, for example."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.paths import ROOT


def blocks(page: str) -> dict[str, str]:
    """The code of docs/how-to/PAGE.md by the word after the block's language: ``check`` of a block that opens "python check"."""
    text = (ROOT / f"docs/how-to/{page}.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```[a-z]+ (\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


@contextmanager
def planted(package: ModuleType, name: str, code: str, folder: Path, *tables: Any) -> Iterator[ModuleType]:
    """The module NAME of ``package``, as if a file with this code were in the package's folder.

    ``tables``: the cached functions that read the package's folder; they see the module, and afterwards forget it.
    """
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    path = package.__path__
    package.__path__ = [*path, str(folder)]
    _forget(tables)
    try:
        yield importlib.import_module(f"{package.__name__}.{name}")
    finally:
        package.__path__ = path
        _forget(tables)
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)


def _forget(tables: tuple[Callable[[], object], ...]) -> None:
    for table in tables:
        table.cache_clear()  # type: ignore[attr-defined]
