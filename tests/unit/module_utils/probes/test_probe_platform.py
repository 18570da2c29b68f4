from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import platform

from tests.node_parts import OF_DPKG, debian


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return debian(tmp_path)


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(platform)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_an_ordinary_node(node: Path):
    section = platform.collect(str(node))
    assert section["os_release"] == {
        "ID": "debian",
        "VERSION_ID": "12",
        "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
    }
    assert (section["selinux"], section["read_only"]) == (None, None)


def test_the_vendors_file_counts_if_etc_has_none(node: Path):
    (node / "etc/os-release").unlink()
    (node / "usr/lib/os-release").write_text("ID=fedora\nVARIANT_ID=coreos\n")
    assert platform.collect(str(node))["os_release"] == {"ID": "fedora"}


def test_a_node_without_the_file_is_unknown_and_no_error(node: Path):
    (node / "etc/os-release").unlink()
    assert platform.collect(str(node))["os_release"] == {}


@pytest.mark.parametrize(("enforce", "expected"), [("1", "enforcing"), ("0", "permissive"), (None, None)])
def test_selinux_is_read_from_the_kernel(node: Path, enforce: str | None, expected: str | None):
    if enforce:
        (node / "sys/fs/selinux").mkdir()
        (node / "sys/fs/selinux/enforce").write_text(enforce)
    assert platform.collect(str(node))["selinux"] == expected


def test_an_image_based_node_is_seen(node: Path):
    (node / "run/ostree-booted").touch()
    assert platform.read_only(str(node)) == "ostree"


def test_the_package_managers_are_those_that_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("zypper", "transactional-update", "pacman"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(run, "PATH", str(tmp_path))
    assert platform.collect()["package_managers"] == ["zypper", "transactional-update"]


@pytest.mark.parametrize(
    ("status", "updates", "expected"),
    [
        (None, [], None),
        ("", [], {"chrony": None, "interrupted": False}),
        (OF_DPKG.format("install ok installed"), [], {"chrony": "installed", "interrupted": False}),
        (OF_DPKG.format("deinstall ok config-files"), [], {"chrony": "config-files", "interrupted": False}),
        (OF_DPKG.format("install ok unpacked"), [], {"chrony": "unpacked", "interrupted": False}),
        # Cut off while it unpacked, and while it configured: as dpkg 1.21 left it.
        (
            "",
            [OF_DPKG.format("install reinstreq half-installed")],
            {"chrony": "half-installed", "interrupted": True},
        ),
        (
            OF_DPKG.format("install ok unpacked"),
            ["Package: adduser\nStatus: install ok installed\n", OF_DPKG.format("install ok half-configured")],
            {"chrony": "half-configured", "interrupted": True},
        ),
    ],
)
def test_how_far_dpkg_has_come_with_chrony(node: Path, status: str | None, updates: list[str], expected: dict | None):
    if status is not None:
        (node / "var/lib/dpkg/updates").mkdir(parents=True)
        (node / "var/lib/dpkg/status").write_text(status)
        (node / "var/lib/dpkg/updates/tmp.i").write_text("#" * 80)  # dpkg keeps it ready to be written over
    for number, text in enumerate(updates):
        (node / f"var/lib/dpkg/updates/{number:04}").write_text(text)
    assert platform.dpkg(str(node)) == (expected and {**expected, "held_by": None})
