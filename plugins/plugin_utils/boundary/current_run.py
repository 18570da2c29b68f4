"""The current run: the last answer of ``fleet_begin``, and each node's checks, for later actions.

All of it is in the folder for temporary files that Ansible creates when it starts and removes when
it ends. It is not in variables of hosts, because a host that left an earlier play still has the
variables of that run. A check's evidence is large, so it is not a task's result: Ansible would copy
it several times for each host, print it, and keep it until it ends.
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
    """The answer of ``work``. A play's first process runs it; the others wait and get the same."""
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
    """The last answer of ``begin_once``, with all hosts; empty without a run or with wrong
    settings.
    """
    if not _run().exists():
        return {}
    with shared_file(_run()) as file:
        found = file.read()
    answer: dict[str, Any] = found["answer"] if found else {}
    return {} if answer.get("failed") else answer


def current_id() -> str:
    """The ``id`` of that answer, or nothing.

    Each host's check asks for it, so it does not read the whole answer, which grows with the hosts.
    """
    with suppress(OSError):
        return _id().read_text(encoding="utf-8")
    return ""


def forget(hosts: Iterable[str]) -> None:
    """Drop the earlier checks of these hosts. The next check counts, even if it does not end."""
    for host in hosts:
        for path in (_of(host, again=False), _of(host, again=True)):
            path.unlink(missing_ok=True)


def keep(host: str, check: Mapping[str, Any]) -> None:
    """Keep a check for the run's report; ``follows`` says whether it is the host's first check."""
    path = _of(host, again=check["follows"] != current_id())
    path.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(path, json.dumps(check))


def kept(host: str, *, again: bool = False) -> dict[str, Any] | None:
    """The host's first check, or the one that repeats it; None if the host was not checked."""
    try:
        check: dict[str, Any] = json.loads(_of(host, again=again).read_bytes())
    except OSError:
        return None
    return check


class Standing(StrEnum):
    """What the run says of a host at its end."""

    ADMITTED = "admitted"
    ADMITTED_BY_REPORT = "admitted_by_report"
    """Its check could not admit it, and did not add it to the group. The report admits it."""
    REFUSED = "refused"


def note_standings(standings: Mapping[str, tuple[Standing, str]]) -> None:
    """Keep each host's standing and the reason, under the ``check_id`` of its first check.

    Only the host's own variables have that ID, so a name that a node claims does not count.
    """
    for check_id, (standing, refusal) in standings.items():
        path = _standing(check_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(path, f"{standing}\n{refusal}")


def standing_of(check_id: str) -> tuple[Standing, str]:
    """The standing of a host by its first check, and the reason. Without a report it is refused."""
    try:
        standing, _, refusal = _standing(check_id).read_text(encoding="utf-8").partition("\n")
        return Standing(standing), refusal
    except (OSError, ValueError):
        return (
            Standing.REFUSED,
            "Refused: no report has a check of this node. Read the run's report, then run the gate again.",
        )


def _run() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-run.json"


def _id() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-run-id"


def _standing(check_id: str) -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-standings" / file_name(check_id)


def _of(host: str, *, again: bool) -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / "skewgate-checks" / f"{file_name(host)}{'-again' if again else ''}.json"
