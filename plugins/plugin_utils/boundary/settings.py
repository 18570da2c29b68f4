"""Reads an operator's settings, and reports all of their problems at once.

A reader of one value raises ValueError or adds to the caller's list of problems. The reader of all
settings raises SettingsError once, before any node is contacted.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from .values import is_whole, label_problem, name_problem, number_of, path_shown, shown

ROLES = "gate_"
"""The beginning of the names of the roles' settings. A task's options have the rest of the name."""

_LONGEST_FILE = 1 << 20
"""The most bytes of a file. A key or a bundle of certificates has fewer, and /dev/zero has more."""


class SettingsError(ValueError):
    """All problems of the settings, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        """``problems``: what was found, what was expected, and the valid choices."""
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


def unknown_names(beginning: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    """A problem for each unknown name, with the known ones; ``beginning`` is the line up to the
    name.

    >>> unknown_names("gate_checks: no check is called", ["clock"], ["clock_skew", "sync_state"])
    ["gate_checks: no check is called 'clock'; known: clock_skew, sync_state"]
    """
    choices = list(known)
    return [f"{beginning} {shown(name)}; known: {', '.join(choices)}" for name in names if name not in choices]


def nearest(name: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """The known name that is most like this one, if any; ``alike``: from 0 (anything) to 1 (the
    same).
    """
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=alike)), None)


def meant(name: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The end of a problem about an unknown name: the nearest known name, or all of them.

    >>> meant("max_skew", ["limits", "max_skew_s"])
    'did you mean max_skew_s?'
    """
    near = nearest(name, known, alike)
    return f"did you mean {near}?" if near else f"known: {', '.join(known)}."


def texts_of(value: Any) -> list[Any]:
    """A list as it is, or the parts of a text with commas; raises TypeError for anything else.

    Ansible's modules read a list in the same way.
    """
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def names_of(
    settings: Mapping[str, Any],
    key: str,
    problems: list[str],
    wrong: Callable[[Any], str | None] = name_problem,
    *,
    prefix: str = ROLES,
) -> tuple[str, ...]:
    """The texts of a list, or of a text with commas.

    ``wrong`` returns what is wrong with a text, and that is added to ``problems``. A number is read
    as its text, because a node's name may be a number.
    """
    given = settings.get(key)
    try:
        texts = [str(t) if is_whole(t) and abs(t) < 10**30 else t for t in texts_of([] if given is None else given)]
    except TypeError:
        problems.append(f"{prefix}{key}: expected a list, found {shown(given)}")
        return ()
    faults = {position: wrong(text) for position, text in enumerate(texts)}
    problems += [f"{prefix}{key}: {shown(texts[position])}: {fault}" for position, fault in faults.items() if fault]
    return tuple(text for position, text in enumerate(texts) if not faults[position])


def rows_of(settings: Mapping[str, Any], key: str, problems: list[str], *, prefix: str = ROLES) -> dict[str, Any]:
    """A mapping whose keys are names; its faults are added to ``problems``."""
    given = settings.get(key)
    if given in (None, ""):
        return {}
    if not isinstance(given, Mapping):
        problems.append(f"{prefix}{key}: expected a mapping of names, found {shown(given)}")
        return {}
    faults = {name: label_problem(name) for name in given}
    problems += [f"{prefix}{key}: the name {shown(name)}: {fault}" for name, fault in faults.items() if fault]
    return {name: row for name, row in given.items() if not faults[name]}


def limit_of(settings: Mapping[str, Any], key: str, problems: list[str], *, prefix: str = ROLES) -> float | None:
    """A limit in seconds, or None if it is empty or wrong; a fault is added to ``problems``."""
    given = settings.get(key)
    if given is None or given == "":
        return None
    with contextlib.suppress(ValueError):
        if (limit_s := number_of(given)) > 0:
            return limit_s
    problems.append(f"{prefix}{key}: expected a number of seconds above 0, found {shown(given)}")
    return None


def count_of(
    settings: Mapping[str, Any], key: str, default: int, problems: list[str], *, least: int, prefix: str = ROLES
) -> int:
    """A whole number of at least ``least``; ``default`` if it is not set or wrong.

    A fault is added to ``problems``.
    """
    given = settings.get(key)
    if given is None:
        return default
    text = str(given) if is_whole(given) and abs(given) < 10**9 else given
    if isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text) and int(text) >= least:
        return int(text)
    problems.append(f"{prefix}{key}: expected a whole number, at least {least}, found {shown(given)}")
    return default


def read_file(path: Any, setting: str) -> bytes:
    """The content of the file that ``setting`` names; raises ValueError with the reason if it
    can't.
    """
    if not isinstance(path, str) or not path:
        raise ValueError(f"{setting}: expected a file's path, found {shown(path)}")
    where = f"{setting} {path_shown(path)}"
    with open_file(path, where) as file:
        try:
            content = file.read(_LONGEST_FILE + 1)
        except OSError as error:
            raise ValueError(f"{where}: {error.strerror}") from None
    if len(content) > _LONGEST_FILE:
        raise ValueError(f"{where}: the file is larger than {_LONGEST_FILE} bytes")
    return content


def open_file(path: str, where: str, opener: Callable[[str, int], int] | None = None) -> IO[bytes]:
    """Open a file for reading; raises ValueError, which begins with ``where`` and has the
    reason.
    """
    try:
        return open(Path(path).expanduser(), "rb", opener=opener)
    except OSError as error:
        raise ValueError(f"{where}: {error.strerror}") from None
    except RuntimeError:  # of expanduser
        raise ValueError(f"{where}: the home folder of this user is not known") from None
    except ValueError:  # a character that no path has; the message may quote it
        raise ValueError(f"{where}: expected a file's path") from None
