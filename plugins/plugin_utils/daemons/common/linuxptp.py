"""The settings of a linuxptp program that runs: from its arguments, and from the file that they
name.

Source: linuxptp's ptp4l.c, phc2sys.c and config.c of 3.1 to 4.4: every setting of a file is a long
option too, and the arguments win. Without ``-f`` no file is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...model.record import MissingEvidenceError, Record

FEEDS = ("ntpshm", "refclock_sock")
"""Servos that hand the readings to another daemon and steer nothing (ptp4l(8), clock_servo)."""


def given(read: Sequence[tuple[str, str]], name: str, *shorts: str) -> str | None:
    """The last value that the arguments give a setting, by its long name (or the start of it) or by
    its short options.
    """
    values = [
        value for option, value in read if option in shorts or (len(option) > 2 and f"--{name}".startswith(option))
    ]
    return values[-1].lower() if values else None


def settings(process: Mapping[str, Any], read: Sequence[tuple[str, str]], record: Record) -> Mapping[str, str]:
    """The settings in the section ``global`` of a process's file; raises MissingEvidenceError as
    ``file_text`` does.
    """
    return global_settings(file_text(process, read, record))


def file_text(process: Mapping[str, Any], read: Sequence[tuple[str, str]], record: Record) -> str:
    """The text of a process's file; empty if it was started without one.

    Raises MissingEvidenceError if it has a file that the evidence does not show.
    """
    path = next((value for option, value in reversed(read) if option == "-f"), None)
    if path is None:
        return ""
    called = f"{process['comm']} (pid {process['pid']})"
    if process.get("contained"):
        why = f"it runs in a container, whose {path} was not read"
        raise _not_known(called, why)
    config = record.section("ptp").get("config") or {}
    texts = [str(file["text"]) for file in config.get("files") or [] if _is(file["path"], path)]
    if len(texts) != 1:
        unread = next((file["error"] for file in config.get("unread") or [] if _is(file["path"], path)), "")
        why = f"{path} was not read{f': {unread}' if unread else ''}"
        raise _not_known(called, why)
    return texts[0]


def _not_known(called: str, why: str) -> MissingEvidenceError:
    return MissingEvidenceError(
        f"it is not known whether {called} steers the system clock: {why}",
        "ptp",
        remedy="Check that its file exists and that root can read it. If that is not possible, find by hand what the program "
        "steers, and make the inconclusive checks advisory for this node (gate_advisory_checks).",
    )


def _is(found: str, path: str) -> bool:
    """A relative path starts from the program's working directory, which the node has put before
    it.
    """
    return found == path if path.startswith("/") else found.endswith(f"/{path}")


def global_settings(text: str) -> dict[str, str]:
    """The settings of a file's section ``global``; of two lines the last one counts (config.c,
    config_read).

    >>> global_settings("# x\\n[global]\\nclock_servo\\tNTPSHM \\n[eth0]\\nserverOnly 1\\n")
    {'clock_servo': 'ntpshm'}
    """
    found: dict[str, str] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.lower()
        elif section == "[global]" and line and not line.startswith("#"):
            name, _blank, value = line.replace("\t", " ").partition(" ")
            found[name] = value.strip().lower()
    return found


def is_on(value: str | None) -> bool:
    """Whether a setting of 0 or 1 is on; its number is read as C's strtol does, with any base."""
    try:
        return int(value or "0", 0) != 0
    except ValueError:  # linuxptp does not start with it
        return False
