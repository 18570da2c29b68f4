"""Real GitHub App clients as processes with their own clocks, and how each is installed.

All but ghinstallation run under libfaketime, and the API keeps the true time. Go does not ask
the library for the time, so ghinstallation keeps the true time and the API's clock is off: only
the difference counts.

The clients have their own folders in ``build/clients``: in the project's venv their dependencies
would have a say in the versions that skewgate is tested with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests import toolchains
from tests.lab.github_api import APP_ID, INSTALLATION_ID, RunningApi
from tests.lab.host import LabError, command
from tests.lab.lab import REPOSITORY
from tests.paths import LOCKS

DRIVERS = Path(__file__).parent / "clients"
BUILD = REPOSITORY / "build/clients"
NODE_AT_LEAST = 20  # @octokit/auth-app 8
AT_MOST_S = 30  # for a client to start, or to make one attempt; they take half a second
ANSIBLE = "12.3.0"
"""The package that has community.general."""
GO_PACKAGES = (
    "golang-github-bradleyfalzon-ghinstallation-dev",
    "golang-github-golang-jwt-jwt-dev",
    "golang-github-google-go-github-dev",
    "golang-github-google-go-querystring-dev",
)


@dataclass
class Clocks:
    """The API's clock and a client's, both as seconds from this machine's; ``file`` is what
    libfaketime reads the client's from.

    Without a file the client has this machine's clock. Then time passes for it as for everybody,
    and for the API as well.
    """

    api: RunningApi
    file: Path | None
    skew_s: float
    passed_s: float = 0.0

    def set(self) -> None:
        """Put both clocks where they are to be now."""
        if self.file is None:
            self.api.control.set_clock_offset(-self.skew_s)
            return
        self.api.control.set_clock_offset(self.passed_s)
        partial = self.file.with_suffix(".partial")
        partial.write_text(f"{self.skew_s + self.passed_s:+.3f}")
        partial.rename(self.file)

    def let_pass(self, seconds: float) -> None:
        """Move both clocks on; wait where the client's cannot be moved."""
        if self.file is None:
            time.sleep(max(0.0, seconds))
        else:
            self.passed_s += seconds
            self.set()

    def api_now_s(self) -> float:
        """Seconds since the epoch by the API's clock."""
        return time.time() + (-self.skew_s if self.file is None else self.passed_s)


@dataclass(frozen=True)
class Client:
    """A driver that runs, one attempt for each line that it is given."""

    process: subprocess.Popen[str]
    clocks: Clocks

    def let_pass(self, seconds: float) -> None:
        """Time goes by, for the client and the API alike."""
        self.clocks.let_pass(seconds)

    def let_pass_until(self, api_s: float) -> None:
        """Time goes by until the API's clock shows so many seconds since the epoch."""
        self.clocks.let_pass(api_s - self.clocks.api_now_s())

    def attempt(self) -> dict[str, Any]:
        """Let the client get a token: token (whether it did), status, message."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        giving_up = threading.Timer(AT_MOST_S, self.process.kill)
        giving_up.start()
        try:
            print(file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        finally:
            giving_up.cancel()
        assert line, f"the client ended without an answer, with {self.process.wait(AT_MOST_S)}; its errors are above"
        answer: dict[str, Any] = json.loads(line)
        return answer


Drive = Callable[[list[str], int], AbstractContextManager[Client]]


@pytest.fixture
def drive(api: RunningApi, libfaketime: Path, tmp_path: Path) -> Drive:
    """``drive([DRIVER, word ...], skew_s)``:
    that client as a process, whose clock is ahead of the API's by the skew.
    """
    ca_pem = str(api.credentials.ca_pem)
    clock_file = tmp_path / "clock"
    # Each client's own way to a private CA: PyGithub's requests, githubkit's and
    # gidgethub's httpx and Go, node.
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "REQUESTS_CA_BUNDLE": ca_pem,
        "SSL_CERT_FILE": ca_pem,
        "NODE_EXTRA_CA_CERTS": ca_pem,
    }
    own_clock = {
        "LD_PRELOAD": str(libfaketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock_file),
        "FAKETIME_NO_CACHE": "1",  # else the file is read every 10 seconds
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # else Python takes every .pyc in the venv for stale, and writes it anew
    }

    @contextmanager
    def started(words: list[str], skew_s: int) -> Iterator[Client]:
        driver, *more = words
        clocks = Clocks(api, clock_file, skew_s)
        if driver == "drive_ghinstallation":
            program = [str(ghinstallation())]
            clocks = Clocks(api, None, skew_s)
        elif driver == "drive_community_general.py":
            program = [sys.executable, str(DRIVERS / driver)]
            environment["PYTHONPATH"] = str(community_general())
        elif driver.endswith(".mjs"):
            program = [node(), str(node_clients() / driver)]
        else:
            program = [str(python_clients()), str(DRIVERS / driver)]
        clocks.set()
        with subprocess.Popen(
            [*program, *more, api.url, str(APP_ID), str(INSTALLATION_ID), str(api.credentials.app_pem)],
            env=environment if clocks.file is None else {**environment, **own_clock},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Client(process, clocks)
            finally:
                process.kill()

    return started


def installed(folder: Path, recipe: str, install: Callable[[], object]) -> Path:
    """The folder, filled by ``install`` unless the same recipe filled it before."""
    marker = folder / ".recipe"
    if not marker.exists() or marker.read_text() != recipe:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install()
        marker.write_text(recipe)
    return folder


@cache
def python_clients() -> Path:
    """A Python with the clients of ``requirements.txt``, each file by its hash."""
    lock = LOCKS / "clients.txt"
    python = BUILD / "python/bin/python"

    def install() -> None:
        command([sys.executable, "-m", "venv", str(BUILD / "python")])
        command([str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(lock)], timeout_s=300)

    installed(BUILD / "python", f"{sys.version}\n{lock.read_text()}", install)
    return python


@cache
def community_general() -> Path:
    """The folder with the lookup: the package ansible has the collection,
    and of it this one file is unpacked.
    """
    lookups = Path("ansible_collections/community/general/plugins/lookup")
    folder = BUILD / "community.general"

    def install() -> None:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"ansible=={ANSIBLE}"]
        command(pip, timeout_s=300)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extract(str(lookups / "github_app_access_token.py"), folder)
        wheel.unlink()

    return installed(folder, ANSIBLE, install) / lookups


@cache
def node() -> str:
    """The program ``node``, where it is new enough for octokit."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("octokit needs node and npm, which are not here")
    version = command([node, "--version"]).strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_AT_LEAST:
        pytest.skip(f"octokit needs node {NODE_AT_LEAST} or later; here is {version}")
    return node


@cache
def node_clients() -> Path:
    """A folder with the packages of ``package.json``, and the driver,
    which node lets import them only from there.
    """
    folder = BUILD / "node"

    def install() -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(DRIVERS / name, folder)
        # Not with --prefix, with which npm ci fails if a folder of the path is a symlink.
        command(["env", f"--chdir={folder}", "npm", "ci", "--no-audit", "--no-fund"], timeout_s=300)

    installed(folder, (DRIVERS / "package-lock.json").read_text(), install)
    shutil.copy(DRIVERS / "drive_octokit.mjs", folder)
    return folder


@cache
def ghinstallation() -> Path:
    """The driver, built with ghinstallation as Debian has it."""
    return go_program("drive_ghinstallation", GO_PACKAGES, BUILD / "go-packages")


def go_program(name: str, packages: Sequence[str], unpacked: Path) -> Path:
    """The driver of that name, built with the libraries of Debian's packages, which are unpacked
    into ``unpacked``.
    """
    if shutil.which("apt-get") is None:
        pytest.skip(f"{name} needs Debian's packages; this machine has no apt-get")
    source = DRIVERS / name
    folder = BUILD / name.removeprefix("drive_")
    program = folder / name

    def install() -> None:
        go = toolchains.go(REPOSITORY / "build")
        try:
            libraries = toolchains.debian_packages(packages, unpacked)
        except LabError as error:
            pytest.skip(f"{name} cannot be built: {error}")
        shutil.copytree(source, folder / "src" / name)
        # Debian's packages are for Go's way before modules.
        environment = {
            "PATH": os.environ["PATH"],
            "GO111MODULE": "off",
            "GOTOOLCHAIN": "local",
            "GOPATH": f"{folder}:{libraries}/usr/share/gocode",
            "GOCACHE": str(folder / "cache"),
        }
        env = [f"{key}={value}" for key, value in environment.items()]
        command(["env", "-i", *env, str(go), "build", "-o", str(program), name], timeout_s=600)
        shutil.rmtree(folder / "cache")

    recipe = f"{toolchains.GO_LOCK.read_text()}\n{(source / 'main.go').read_text()}"
    installed(folder, recipe, install)
    return program
