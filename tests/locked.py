"""The lock files, read."""

from __future__ import annotations

import re
from typing import NamedTuple

from packaging.requirements import Requirement

from tests.paths import ROOT

IMAGE = ROOT / "docs/recipes/execution-environment/requirements.txt"
"""What skewgate depends on, and what is in the execution environment."""


class Locked(NamedTuple):
    """One entry of a lock."""

    requirement: Requirement
    hashes: list[str]


def entries(text: str) -> list[Locked]:
    """All entries of a lock."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = []
    for line in lines.replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s--hash=", line)
        found.append(Locked(Requirement(requirement.strip()), [each.strip() for each in hashes]))
    return found
