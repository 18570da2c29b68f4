"""The report's forms, one file each: a module with ``NAME`` (the file's name) and ``render(report, evidence) -> str``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_reports(directory: Path, report: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
    """Write every form into ``directory``; each file is replaced whole, so that a reader never sees half of one.

    Raises OSError where the directory can't be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        form = importlib.import_module(f"{__name__}.{found.name}")
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{form.NAME}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(form.render(report, evidence))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(directory / form.NAME)
