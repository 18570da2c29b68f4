"""The run that goes on: what ``fleet_begin`` answered last, and each node's checks, for the actions that come after them.

All of it lies in the folder for temporary files that Ansible makes when it starts and removes when it ends. No variable of a
host says any of it: a host that left an earlier play still has the variables of the run before. And a check's evidence, which is
large, is no task's result: Ansible would copy it several times for each host, print it, and keep it to its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from ansible import constants

from .shared_file import file_name, replace_file, shared_file


def begin_once(play_id: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` answers to the first process of a play that comes here; the others wait for it, and get the same."""
    with shared_file(_run()) as file:
        found = file.read()
        if found and found["play_id"] == play_id:
            answer: dict[str, Any] = found["answer"]
            return answer
        answer = work()
        file.write({"play_id": play_id, "answer": answer})
        replace_file(_id(), "" if answer.get("failed") else str(answer.get("id", "")))
        return answer


def current_run() -> Mapping[str, Any]:
    """The last answer to ``begin_once``, with all hosts; empty if no run began, or its settings were wrong."""
    if not _run().exists():
        return {}
    with shared_file(_run()) as file:
        found = file.read()
    answer: dict[str, Any] = found["answer"] if found else {}
    return {} if answer.get("failed") else answer


def current_id() -> str:
    """The ``id`` of that answer, or nothing. Each host's check asks for it, and the answer grows with their number."""
    with suppress(OSError):
        return _id().read_text(encoding="utf-8")
    return ""


def forget(hosts: Iterable[str]) -> None:
    """Drop what was kept of these hosts before: what comes next counts, also if it comes to no end."""
    for host in hosts:
        for path in (_of(host, again=False), _of(host, again=True)):
            path.unlink(missing_ok=True)


def keep(host: str, check: Mapping[str, Any]) -> None:
    """Keep a check of the run for its report; ``follows`` says whether it is the host's first one or repeats that."""
    path = _of(host, again=check["follows"] != current_id())
    path.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(path, json.dumps(check))


def kept(host: str, *, again: bool = False) -> dict[str, Any] | None:
    """The host's check that was kept last, its first one or the one that repeats it; none if it was not checked."""
    try:
        check: dict[str, Any] = json.loads(_of(host, again=again).read_bytes())
    except OSError:
        return None
    return check


class Standing(StrEnum):
    """What the run says of a host at its end."""

    ADMITTED = "admitted"
    ADMITTED_BY_REPORT = "admitted_by_report"
    """Its own check could not admit it, and did not put it into the group."""
    REFUSED = "refused"


def note_standings(standings: Mapping[str, tuple[Standing, str]]) -> None:
    """Keep what a report says of the host of each of these first checks, by ``check_id``, and why it refuses it.

    By the check, as nobody but the host's own variables has its ID: what a node says of its name does not count.
    """
    for check_id, (standing, refusal) in standings.items():
        path = _standing(check_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(path, f"{standing}\n{refusal}")


def standing_of(check_id: str) -> tuple[Standing, str]:
    """What the report on a host's first check says of it, and why it refuses it. Without one it is refused."""
    try:
        standing, _, refusal = _standing(check_id).read_text(encoding="utf-8").partition("\n")
        return Standing(standing), refusal
    except (OSError, ValueError):
        return Standing.REFUSED, "Refused: no report has a check of it. If there is a report, it says why."


def _run() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-run.json"


def _id() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-run-id"


def _standing(check_id: str) -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-standings" / file_name(check_id)


def _of(host: str, *, again: bool) -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-checks" / f"{file_name(host)}{'-again' if again else ''}.json"
