"""A node in miniature for the tests of what runs on nodes:
its files, its commands and its processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony, nts

#: Names of daemons as /proc/PID/comm cuts them.
COMM_CHARACTERS = 15


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    """A file, with the folders above it; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def add_command(folder: Path, name: str, script: str) -> Path:
    """A command of ``sh`` in a folder that the test puts before PATH."""
    return write(folder / name, f"#!/bin/sh\n{script}\n", 0o755)


def own_chronyd(folder: Path, chronyd: Path, config: Path) -> None:
    """The node's chronyd: the real one, in a folder that the test puts before PATH,
    which calls ``config`` its own file.
    """
    default = f"{chronyd} -h | sed 's|(/etc/chrony/chrony.conf)|({config})|'"
    add_command(folder, "chronyd", f'case "$1" in -h) {default};; *) exec {chronyd} "$@";; esac')


def names(configuration: dict[str, Any], below: Path) -> list[str]:
    """Which files a daemon's configuration has, in order, relative to a folder."""
    return [os.path.relpath(file["path"], below) for file in configuration["files"]]


def process(*argv: str, comm: str = "", exe: str | None = None, pid: int = 0) -> dict[str, Any]:
    """A time daemon as ``processes.scan`` gives it;
    by default it has the pid and the working directory of the test.
    """
    return {
        "pid": pid or os.getpid(),
        "comm": comm or Path(argv[0]).name[:COMM_CHARACTERS],
        "argv": list(argv),
        "exe": exe,
        "cgroup": None,
        "contained": False,
        "may_set_clock": None,
    }


# Debian 12, package base-files 12.4.
OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"""


# dpkg(1) on "Status"; a test puts in how far it has come with chrony.
OF_DPKG = """\
Package: adduser
Status: install ok installed
Priority: important

Package: chrony
Status: {}
Priority: optional

Package: chrony-doc
Status: install ok installed
"""


def debian(root: Path) -> Path:
    """The folders of a Debian node, as far as the probe of the platform looks at them."""
    for folder in ("usr/lib", "run", "sys/fs"):
        (root / folder).mkdir(parents=True)
    write(root / "etc/os-release", OS_RELEASE)
    return root


def nts_probe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """``collect("server ... nts", ..., candidates=[])``:
    the servers' entries with these lines as chrony's configuration.
    """
    start = chrony.Start("chronyd", str(folder / "chrony.conf"), str(folder))
    monkeypatch.setattr(nts, "configuration", lambda *_asked: start)

    def collect(*lines: str, candidates: Sequence[str] = (), timeout_s: float = 2) -> list[dict[str, Any]]:
        write(folder / "chrony.conf", "\n".join(lines) + "\n")
        found: list[dict[str, Any]] = nts.collect(timeout_s, list(candidates), [])["servers"]
        return found

    return collect
