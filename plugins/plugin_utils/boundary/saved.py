"""A report's folder: ``report.json`` and ``evidence.json``, written whole and read only in the form that is expected.

``evidence.json`` holds what every node showed, and ``skewgate report`` makes the same findings from it again. It is no format
of a report: a report is made from it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .evidence import read_json
from .times import read_time

REPORT_FILE = "report.json"
REPORT_SCHEMA = "skewgate/report/1"
EVIDENCE_FILE = "evidence.json"
EVIDENCE_SCHEMA = "skewgate/evidence-set/1"


class SavedFileError(ValueError):
    """A saved file can't be used: its path, what was found and what was expected."""


def read_report(directory: Path) -> dict[str, Any]:
    """The content of the folder's ``report.json``: verdicts under ``nodes``, each with its time; raises SavedFileError."""
    return _read(directory / REPORT_FILE, REPORT_SCHEMA, "judged_at")


def read_evidence(path: Path) -> dict[str, Any]:
    """The content of an evidence file: records under ``nodes``, each with its time; raises SavedFileError."""
    return _read(path, EVIDENCE_SCHEMA, "collected_at")


def evidence_of(records: Mapping[str, Any], judged_at: str, run_id: str | None = None) -> dict[str, Any]:
    """The content of ``evidence.json`` for the nodes' records by name."""
    return {"schema": EVIDENCE_SCHEMA, "run_id": run_id, "judged_at": judged_at, "nodes": dict(records)}


def evidence_text(evidence: Mapping[str, Any]) -> str:
    """``evidence.json`` as text: one node a line, so a large fleet's file can still be searched with grep."""
    head = {key: value for key, value in evidence.items() if key != "nodes"}
    nodes = ",\n".join(f"{json.dumps(name)}: {json.dumps(record)}" for name, record in evidence["nodes"].items())
    return json.dumps(head)[:-1] + ',\n"nodes": {\n' + nodes + "\n}}\n"


def replace_file(path: Path, text: str) -> Path:
    """Write a file whole, so a reader never sees half of one, and return its path; everybody may read it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _read(path: Path, schema: str, time_key: str) -> dict[str, Any]:
    try:
        content: Any = read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SavedFileError(f"can't read {path}: {error.strerror}; expected what `skewgate check` wrote") from error
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{path} is not JSON: {error}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(content, dict) or found != schema or not isinstance(content.get("nodes"), dict):
        raise SavedFileError(f"{path}: expected schema {schema!r} with nodes, found schema {found!r}")
    for name, node in content["nodes"].items():
        try:
            read_time(node.get(time_key) if isinstance(node, dict) else None)
        except ValueError as error:
            raise SavedFileError(f"{path}: node {name!r}, {time_key}: {error}") from error
    return content
