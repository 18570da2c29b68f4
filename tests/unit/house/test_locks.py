"""The locks fit what is required, on every Python that the project supports, and name no index."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.locked import IMAGE, entries
from tests.paths import LOCKS, ROOT

PYTHONS = ("3.11", "3.12", "3.13")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OF_PROJECT = PROJECT["project"]["dependencies"]
GROUPS = PROJECT["dependency-groups"]


def misfits(text: str, required: Iterable[str]) -> list[str]:
    """What is wrong with a lock: by the entry, or by the requirement and Python that it fails."""
    locked = entries(text)
    wrong = [
        f"{each.requirement.name} is not pinned and hashed"
        for each in locked
        if not re.fullmatch(r"==[^*,]+", str(each.requirement.specifier))
        or not each.hashes
        or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in each.hashes)
    ]
    for python in PYTHONS:
        environment = {
            "python_version": python,
            "python_full_version": f"{python}.9",
            "sys_platform": "linux",
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        }
        versions = {
            canonicalize_name(each.requirement.name): str(each.requirement.specifier).removeprefix("==")
            for each in locked
            if each.requirement.marker is None or each.requirement.marker.evaluate(environment)
        }
        for requirement in map(Requirement, required):
            version = versions.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                wrong.append(f"{requirement} on {python}: {version}")
    return wrong


def requirements(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


REQUIRED = {
    IMAGE: [*OF_PROJECT, *requirements(ROOT / "requirements.txt"), *GROUPS["image"]],
    LOCKS / "dev.txt": [
        *OF_PROJECT,
        *PROJECT["project"]["optional-dependencies"]["testinfra"],
        *GROUPS["dev"],
        *PROJECT["build-system"]["requires"],
    ],
    LOCKS / "recipes.txt": GROUPS["recipes"],
    LOCKS / "go.txt": GROUPS["go"],
    LOCKS / "fuzz.txt": GROUPS["fuzz"],
    LOCKS / "clients.txt": requirements(ROOT / "tests/integration/clients/requirements.txt"),
}
"""What each lock is for."""


def test_every_lock_is_held_to_what_it_is_for() -> None:
    assert {path for path in REQUIRED if path.parent == LOCKS} == set(LOCKS.glob("*.txt"))


@pytest.mark.parametrize("lock", REQUIRED, ids=lambda lock: f"{lock.parent.name}/{lock.name}")
def test_a_lock_fits_what_is_required_on_every_python_if_not_run_make_lock(lock: Path) -> None:
    assert misfits(lock.read_text(encoding="utf-8"), REQUIRED[lock]) == []


@pytest.mark.parametrize("lock", REQUIRED, ids=lambda lock: f"{lock.parent.name}/{lock.name}")
def test_a_lock_names_no_index_no_address_and_no_path_of_a_machine(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"^-.*|\S+://\S*|(?<=\s)[~/]\S+|@ \S+", text, re.MULTILINE) == []


def test_what_skewgate_depends_on_has_the_same_versions_in_ci_as_in_the_execution_environment() -> None:
    in_ci, in_image = (
        {(each.requirement.name, str(each.requirement.specifier)) for each in entries(path.read_text(encoding="utf-8"))}
        for path in (LOCKS / "dev.txt", IMAGE)
    )
    assert {name for name, _version in in_image - in_ci} == {"dumb-init"}


HASH = f"--hash=sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("lock", "wrong"),
    [
        (f"rich==13.1 \\\n    {HASH}\n    # via skewgate\n", []),
        (f"Rich==13.1 ; python_full_version >= '3.12' \\\n    {HASH}\n", ["rich>=13 on 3.11: None"]),
        (f"rich==12.9 \\\n    {HASH}\n", [f"rich>=13 on {python}: 12.9" for python in PYTHONS]),
        ("", [f"rich>=13 on {python}: None" for python in PYTHONS]),
        ("rich==13.1\n", ["rich is not pinned and hashed"]),
        ("rich==13.1 --hash=md5:00\n", ["rich is not pinned and hashed"]),
        (f"rich==13.* {HASH}\n", ["rich is not pinned and hashed"]),
    ],
)
def test_a_lock_that_does_not_fit_is_found(lock: str, wrong: list[str]) -> None:
    assert [each for each in misfits(lock, ["rich>=13"]) if "13.*" not in each] == wrong
