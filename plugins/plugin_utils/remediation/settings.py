"""The role's settings: read, and checked with all problems reported."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..boundary.settings import SettingsError, count_of, names_of
from ..boundary.values import number_of, path_shown, server_problem, shown, unit_problem
from .servers import Wanted

_ROLE = "chrony_"
"""How the names of the role's settings begin."""


@dataclass(frozen=True)
class Settings:
    """The role's settings (``chrony_*`` without the prefix);
    ``host`` is the node's name in the inventory.
    """

    host: str
    wanted: Wanted
    makestep: str = "1 3"
    extra_lines: tuple[str, ...] = ()
    order_units: tuple[str, ...] = ()
    step_joined: tuple[str, ...] = ()
    joined_step_limit_s: float = 5.0
    joined_slew_limit_s: float = 60.0
    overwrite_foreign_config: bool = False

    @property
    def threshold_s(self) -> float:
        """The offset beyond which chronyd steps."""
        return float(self.makestep.split()[0])

    @classmethod
    def read(cls, given: Mapping[str, Any], known_problems: Sequence[str] = (), *, prefix: str = _ROLE) -> Settings:
        """Raises SettingsError with all problems,
        also those that were found when the types were read.
        """
        problems = list(known_problems)
        names = functools.partial(names_of, given, problems=problems, prefix=prefix)
        makestep = _makestep(given.get("makestep"), problems, prefix)
        wanted = Wanted(
            names("servers", wrong=server_problem),
            names("pools", wrong=server_problem),
            names("nts_servers", wrong=server_problem),
            _line(given, "source_options", problems, prefix),
            count_of(given, "min_sources", 0, problems, least=0, prefix=prefix),
        )
        if not any(given.get(key) for key in ("servers", "pools", "nts_servers")):
            problems.append(f"{prefix}servers: name the NTP servers of this node, for example [ntp1.example.net]")
        package = given.get("package_file")
        if package is not None and (not isinstance(package, str) or package.rpartition("/")[2] in ("", ".", "..")):
            problems.append(
                f"{prefix}package_file: expected a package's file on the controller, found {path_shown(package)!r}"
            )
        step_limit_s, slew_limit_s = (
            _seconds(given, key, problems, prefix) for key in ("joined_step_limit_s", "joined_slew_limit_s")
        )
        read = cls(
            host=given["host"],
            wanted=wanted,
            makestep=makestep,
            extra_lines=names("extra_lines", wrong=_line_problem),
            order_units=names("order_units", wrong=unit_problem),
            step_joined=names("step_joined"),
            joined_step_limit_s=step_limit_s,
            joined_slew_limit_s=slew_limit_s,
            overwrite_foreign_config=given.get("overwrite_foreign_config") is True,
        )
        if problems:
            raise SettingsError(problems)
        return read


def _makestep(given: Any, problems: list[str], prefix: str) -> str:
    """The threshold and the number of updates, with one space between;
    the default if it is wrong.
    """
    words = given.split() if isinstance(given, str) else []
    if len(words) == 2 and is_number(words[0]) and re.fullmatch("-?[0-9]{1,9}", words[1]):
        return " ".join(words)
    problems.append(f"{prefix}makestep: expected THRESHOLD_S UPDATES, for example '1 3', found {shown(given)}")
    return "1 3"


def _line(given: Mapping[str, Any], key: str, problems: list[str], prefix: str) -> str:
    """A text that is part of one line of chrony.conf."""
    text = given.get(key)
    problem = None if text in (None, "") else _line_problem(text)
    if problem:
        problems.append(f"{prefix}{key}: {shown(text)}: {problem}")
    return "" if problem or text is None else str(text)


def _line_problem(value: Any) -> str | None:
    """The problem of a line of chrony.conf; chronyd's check finds the others."""
    if not isinstance(value, str):
        return "it is not a text"
    if "\n" in value or "\r" in value:
        return "it has a line break; give each line as one item"
    return None if value.replace("\t", " ").isprintable() else "it has a character that cannot be seen"


def _seconds(given: Mapping[str, Any], key: str, problems: list[str], prefix: str) -> float:
    """A number of seconds, 0 or more."""
    with contextlib.suppress(ValueError):
        if (seconds := number_of(given.get(key))) >= 0:
            return seconds
    problems.append(f"{prefix}{key}: expected a number of seconds, 0 or more, found {shown(given.get(key))}")
    return 0.0


def is_number(text: str) -> bool:
    """Whether chrony would read it as one."""
    try:
        number_of(text)
    except ValueError:
        return False
    return True
