"""The role's settings, read and told what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..boundary.settings import SettingsError
from .servers import Wanted


@dataclass(frozen=True)
class Settings:
    """The role's settings (``chrony_*`` without the prefix); ``host`` is the node's name in the inventory."""

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
    def read(cls, given: Mapping[str, Any], known_problems: Sequence[str] = ()) -> Settings:
        """Raises SettingsError with all that is wrong with them, with what was found when their types were read."""
        problems = list(known_problems)
        words = str(given["makestep"]).split()
        if len(words) != 2 or not is_number(words[0]) or not words[1].lstrip("-").isdigit():
            problems.append(
                f"chrony_makestep: expected THRESHOLD_S UPDATES, for example '1 3', found {given['makestep']!r}"
            )
        wanted = Wanted(
            tuple(given.get("servers") or ()),
            tuple(given.get("pools") or ()),
            tuple(given.get("nts_servers") or ()),
            str(given["source_options"]),
            int(given["min_sources"] or 0),
        )
        if not (wanted.servers or wanted.pools or wanted.nts_servers):
            problems.append("chrony_servers: name the NTP servers of this node, for example [ntp1.example.net]")
        package = given.get("package_file")
        if package is not None and package.rpartition("/")[2] in ("", ".", ".."):
            problems.append(f"chrony_package_file: expected a package's file on the controller, found {package!r}")
        if problems:
            raise SettingsError(problems)
        return cls(
            host=given["host"],
            wanted=wanted,
            makestep=" ".join(words),
            extra_lines=tuple(given.get("extra_lines") or ()),
            order_units=tuple(given.get("order_units") or ()),
            step_joined=tuple(given.get("step_joined") or ()),
            joined_step_limit_s=float(given["joined_step_limit_s"]),
            joined_slew_limit_s=float(given["joined_slew_limit_s"]),
            overwrite_foreign_config=bool(given.get("overwrite_foreign_config")),
        )


def is_number(text: str) -> bool:
    """Whether chrony would read it as one."""
    try:
        float(text)
    except ValueError:
        return False
    return True
