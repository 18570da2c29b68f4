"""What a time daemon does, right after its start, with a clock that is off: whether it steps it,
slews it, or gives up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...model.record import MissingEvidenceError, Record
from .. import discover
from .daemon import FirstCorrection, FirstCorrectionUnknownError, TimeDaemon


def first_correction(daemon: TimeDaemon, record: Record) -> FirstCorrection:
    """By the daemon's descriptor, and by its configuration and command line if these decide.

    Raises MissingEvidenceError if the node did not show them, and FirstCorrectionUnknownError for a
    daemon of which it is not known what it does.
    """
    known = discover()[daemon.daemon].first_correction
    if known is None:
        raise FirstCorrectionUnknownError(f"it is not known whether {daemon.daemon} steps the clock at its start")
    return known if isinstance(known, FirstCorrection) else known(record, daemon)


def has_option(argv: Sequence[str], letter: str, long: str) -> bool:
    """Whether ``-x`` (alone or among other letters) or its long form is among the arguments."""
    return any(word == long or re.match(rf"-[a-zA-Z46]*{letter}", word) for word in argv)


def arguments(record: Record, daemon: TimeDaemon) -> list[str]:
    """The daemon's arguments, from the process that runs; raises MissingEvidenceError if none shows
    them.
    """
    processes = record.section("time_services").get("processes") or []
    own = [p["argv"] for p in processes if discover()[daemon.daemon].may_be(p)]
    # OpenNTPD renames its processes ("ntpd: ntp engine"), so they show no arguments.
    shown = [argv for argv in own if any(argv) and ": " not in argv[0]]
    if not shown:
        raise MissingEvidenceError(f"the command line of {daemon.unit} was not found among the processes")
    return list(shown[0][1:])


def configuration_lines(record: Record, section: str) -> list[list[str]]:
    """The words of each line of a daemon's files, without comments and empty lines.

    Raises MissingEvidenceError if the section was not taken, or a file was not read.
    """
    texts = configuration_texts(record, section)
    lines = [line.partition("#")[0].split() for text in texts for line in text.splitlines()]
    return [words for words in lines if words]


def configuration_texts(record: Record, section: str) -> list[str]:
    """The texts of a daemon's files; raises MissingEvidenceError if one is there and was not read:
    it may say otherwise.
    """
    config: Mapping[str, Any] = record.section(section).get("config") or {}
    for file in config.get("unread") or []:
        if file.get("kind") != "missing":
            raise MissingEvidenceError(f"{file['path']} was not read: {file['error']}", section)
    return [str(file["text"]) for file in config.get("files") or []]
