"""Settings come from an operator: how a value is read, and how all that is wrong with the settings is reported at once.

A reader of one value raises ValueError or adds to the caller's list of problems; whoever reads all of them raises
SettingsError once, before any node is contacted.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """Everything that is wrong with the settings, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        """``problems``: what was found, what was expected, which choices there are."""
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


def unknown_names(beginning: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    """A problem for each name that is not known, with those that are; ``beginning`` is the line up to the name.

    >>> unknown_names("gate_checks: no check is called", ["clock"], ["clock_skew", "sync_state"])
    ["gate_checks: no check is called 'clock'; known: clock_skew, sync_state"]
    """
    choices = list(known)
    return [f"{beginning} {name!r}; known: {', '.join(choices)}" for name in names if name not in choices]


def nearest(name: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """The known name that is most like this one, if one is; ``alike``: from 0 (anything) to 1 (the same)."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=alike)), None)


def meant(name: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The end of a problem about a name that is not known: the nearest one, or all of them.

    >>> meant("max_skew", ["limits", "max_skew_s"])
    'did you mean max_skew_s?'
    """
    near = nearest(name, known, alike)
    return f"did you mean {near}?" if near else f"known: {', '.join(known)}."


def texts_of(value: Any) -> list[Any]:
    """A list as it is, or the parts of a text with commas, as Ansible's modules read it; raises TypeError for anything else."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def limit_of(settings: Mapping[str, Any], key: str, problems: list[str]) -> float | None:
    """``gate_KEY``, a limit in seconds, or None if it is left empty or wrong; what is wrong is added to ``problems``."""
    given = settings.get(key)
    if given in (None, ""):
        return None
    with contextlib.suppress(TypeError, ValueError):
        if 0 < float(given) < math.inf:  # nan is not
            return float(given)
    problems.append(f"gate_{key}: expected a number of seconds above 0, found {given!r}")
    return None


def count_of(settings: Mapping[str, Any], key: str, default: int, problems: list[str], *, least: int) -> int:
    """``gate_KEY``, a whole number of at least ``least``; ``default`` if it is not set or wrong, which ``problems`` then has."""
    given = settings.get(key)
    if given is None:
        return default
    if str(given).isdigit() and int(given) >= least:
        return int(given)
    problems.append(f"gate_{key}: expected a whole number, at least {least}, found {given!r}")
    return default


def read_file(path: Any, setting: str) -> bytes:
    """The content of the file that ``setting`` names; raises ValueError that says why it can't be read."""
    try:
        return Path(str(path)).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"{setting} {path}: {error.strerror}") from None
    except RuntimeError:  # of expanduser
        raise ValueError(f"{setting} {path}: no such user's home folder is known") from None
