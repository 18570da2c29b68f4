"""The run that goes on: what ``fleet_begin`` answered last, for the actions that come after it in the same ansible-playbook.

No variable of a host says this. A host that left an earlier play still has the variables of the run before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants

from .shared_file import shared_file


def begin_once(play_id: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` answers to the first process of a play that comes here; the others wait for it, and get the same."""
    with shared_file(_path()) as file:
        found = file.read()
        if found and found["play_id"] == play_id:
            answer: dict[str, Any] = found["answer"]
            return answer
        answer = work()
        file.write({"play_id": play_id, "answer": answer})
        return answer


def current_run() -> Mapping[str, Any]:
    """The last answer to ``begin_once``; empty if no run began, or its settings were wrong."""
    if not _path().exists():
        return {}
    with shared_file(_path()) as file:
        found = file.read()
    answer: dict[str, Any] = found["answer"] if found else {}
    return {} if answer.get("failed") else answer


def _path() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-run.json"
