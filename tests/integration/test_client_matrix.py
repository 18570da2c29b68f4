"""Real GitHub App clients, each with a wrong clock, get from the lab's API what their profiles foretell.

PyGithub, githubkit, gidgethub and octokit run unchanged as processes of their own, under libfaketime, at skews on both
sides of each edge of their profiles; the API keeps the true time. This proves the rows of ``client_profiles.yml`` and the
lab's API at once: neither was made with the other in view.

The clients have a venv and a npm folder of their own in ``build/clients``: in the project's venv their dependencies
would have a say in the versions that skewgate is tested with.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    ClientProfile,
    shipped_profiles,
)

from tests.lab.github_api import APP_ID, INSTALLATION_ID, RunningApi
from tests.lab.github_api.answers import EXP_PAST, EXP_TOO_FAR, IAT_FUTURE
from tests.lab.host import command
from tests.lab.lab import REPOSITORY

DRIVERS = Path(__file__).parent / "clients"
BUILD = REPOSITORY / "build/clients"
NODE_AT_LEAST = 20  # @octokit/auth-app 8
AT_MOST_S = 30  # for a client to start, or to make one attempt; they take half a second
DRIVEN = {
    "pygithub": ["drive_pygithub.py"],
    "githubkit": ["drive_githubkit.py"],
    "gidgethub": ["drive_gidgethub.py"],
    "octokit": ["drive_octokit.mjs", "strategy"],
}

GITHUBKIT = shipped_profiles()["githubkit"]
OCTOKIT = shipped_profiles()["octokit"]


def signed_anew(profile: ClientProfile) -> ClientProfile:
    """The profile of a client whose JWT is used at once."""
    return replace(profile, reuse_s=0)


def outcome(profile: ClientProfile, skew_s: int) -> str:
    return profile.outcome(Interval(skew_s, skew_s))


def skews(profile: ClientProfile) -> tuple[int, ...]:
    """No skew, and both sides of both edges, as near as the prediction is certain there on a busy machine."""
    ahead_s, behind_s = profile.ahead_limit_s, profile.behind_limit_s
    return 0, ahead_s, ahead_s + 3, -(behind_s - 4), -(behind_s + 1)


def in_words(skew_s: int) -> str:
    return f"{abs(skew_s)}-s-{'ahead' if skew_s > 0 else 'behind'}" if skew_s else "in-time"


RESULT = {"pass": "gets-a-token", "fail": "is-refused"}
PROFILES = {name: signed_anew(shipped_profiles()[name]) for name in DRIVEN}
MATRIX = [
    pytest.param(name, skew_s, id=f"{name}-{in_words(skew_s)}-{RESULT[outcome(profile, skew_s)]}")
    for name, profile in PROFILES.items()
    for skew_s in skews(profile)
]


@pytest.mark.parametrize(("name", "skew_s"), MATRIX)
def test_a_client_with_a_wrong_clock_fares_as_its_profile_says(
    api: RunningApi, drive: Drive, name: str, skew_s: int
) -> None:
    profile = PROFILES[name]

    with drive(DRIVEN[name], skew_s) as client:
        answer = client.attempt()

    (request,) = api.control.requests()
    # The claims are the profile's, at the skew that was meant; then nothing but GitHub's rules is left to explain the rest.
    signed_at_s = request["claims"]["iat"] - profile.iat_s - skew_s
    assert request["at_s"] - 3 < signed_at_s <= request["at_s"]
    assert request["claims"]["exp"] - request["claims"]["iat"] == profile.exp_s - profile.iat_s
    if outcome(profile, skew_s) == "pass":
        assert answer == {"token": True, "status": 201, "message": None}
        assert len(api.control.tokens()["live"]) == 1
    else:
        assert outcome(profile, skew_s) == "fail"
        assert_refused_for_the_clock(answer, skew_s)
        assert api.control.tokens()["live"] == []


@pytest.mark.parametrize("skew_s", [-(GITHUBKIT.behind_limit_s - 4), -(GITHUBKIT.behind_limit_s + 3)], ids=in_words)
def test_a_cached_jwt_breaks_near_the_end_of_its_reuse_where_a_new_one_would_not(
    api: RunningApi, drive: Drive, skew_s: int
) -> None:
    assert outcome(signed_anew(GITHUBKIT), skew_s) == "pass"

    with drive(DRIVEN["githubkit"], skew_s) as githubkit:
        assert githubkit.attempt()["token"]
        # Time goes by for both of them; 3 seconds are left for the two attempts to be made while the JWT is cached.
        api.control.set_clock_offset(GITHUBKIT.reuse_s - 3)
        githubkit.clock.set_offset(skew_s + GITHUBKIT.reuse_s - 3)
        again = githubkit.attempt()
        api.control.set_clock_offset(GITHUBKIT.reuse_s + 3)
        githubkit.clock.set_offset(skew_s + GITHUBKIT.reuse_s + 3)
        renewed = githubkit.attempt()

    first_claims, again_claims, renewed_claims = (request["claims"] for request in api.control.requests())
    assert first_claims == again_claims != renewed_claims
    if outcome(GITHUBKIT, skew_s) == "pass":
        assert again["token"]
    else:
        assert outcome(GITHUBKIT, skew_s) == "fail"
        assert_refused_for_the_clock(again, skew_s)
    assert renewed["token"]


@pytest.mark.parametrize("way", ["installation", "app"])
@pytest.mark.parametrize("skew_s", [OCTOKIT.ahead_limit_s + 3, -(OCTOKIT.behind_limit_s + 1)], ids=in_words)
def test_an_octokit_that_is_refused_for_its_clock_goes_by_the_apis_date_and_gets_a_token(
    api: RunningApi, drive: Drive, way: str, skew_s: int
) -> None:
    assert outcome(OCTOKIT, skew_s) == "fail"

    with drive(["drive_octokit.mjs", way], skew_s) as octokit:
        assert octokit.attempt()["token"]

    refused, corrected = api.control.requests()[:2]
    assert (refused["status"], corrected["status"]) == (401, 201)
    signed_at_s = corrected["claims"]["iat"] - OCTOKIT.iat_s
    assert abs(signed_at_s - corrected["at_s"]) < 3


def assert_refused_for_the_clock(answer: dict[str, Any], skew_s: int) -> None:
    assert (answer["token"], answer["status"]) == (False, 401)
    # Ahead, both rules can be broken, and which of the two GitHub names is not stable.
    assert answer["message"] in ([IAT_FUTURE, EXP_TOO_FAR] if skew_s > 0 else [EXP_PAST])


# --- clients with clocks of their own -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """What a process under libfaketime takes for the time, read by it at every look at the clock."""

    file: Path

    def set_offset(self, offset_s: int) -> None:
        """The process's clock minus this machine's, in whole seconds."""
        partial = self.file.with_suffix(".partial")
        partial.write_text(f"{offset_s:+d}")
        partial.rename(self.file)


@dataclass(frozen=True)
class Client:
    process: subprocess.Popen[str]
    clock: Clock

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
def drive(api: RunningApi, libfaketime: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Drive:
    """``drive([DRIVER, word ...], skew_s)``: that client as a process, with a clock that is ahead by the skew."""
    ca_pem = str(api.credentials.ca_pem)
    clock = Clock(tmp_path / "clock")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LD_PRELOAD": str(libfaketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock.file),
        "FAKETIME_NO_CACHE": "1",  # else the file is read every 10 seconds
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # else Python takes every .pyc in the venv for stale, and writes it anew
        # Each client's own way to a private CA: PyGithub's requests, githubkit's and gidgethub's httpx, node.
        "REQUESTS_CA_BUNDLE": ca_pem,
        "SSL_CERT_FILE": ca_pem,
        "NODE_EXTRA_CA_CERTS": ca_pem,
    }

    @contextmanager
    def started(words: list[str], skew_s: int) -> Iterator[Client]:
        driver, *more = words
        if driver.endswith(".mjs"):
            program = [request.getfixturevalue("node"), str(request.getfixturevalue("node_clients") / driver)]
        else:
            program = [str(request.getfixturevalue("python_clients")), str(DRIVERS / driver)]
        clock.set_offset(skew_s)
        with subprocess.Popen(
            [*program, *more, api.url, str(APP_ID), str(INSTALLATION_ID), str(api.credentials.app_pem)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Client(process, clock)
            finally:
                process.kill()

    return started


# --- installed, for this test alone ---------------------------------------------------------------------------------


def installed(folder: Path, recipe: str, install: Callable[[], object]) -> Path:
    """The folder, filled by ``install`` unless the same recipe filled it before."""
    marker = folder / ".recipe"
    if not marker.exists() or marker.read_text() != recipe:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install()
        marker.write_text(recipe)
    return folder


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """A Python with the clients of ``requirements.txt``."""
    requirements = DRIVERS / "requirements.txt"
    python = BUILD / "python/bin/python"

    def install() -> None:
        command([sys.executable, "-m", "venv", str(BUILD / "python")])
        command([str(python), "-m", "pip", "install", "-q", "-r", str(requirements)], timeout_s=300)

    installed(BUILD / "python", f"{sys.version}\n{requirements.read_text()}", install)
    return python


@pytest.fixture(scope="session")
def node() -> str:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("octokit needs node and npm, which are not here")
    version = command([node, "--version"]).strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_AT_LEAST:
        pytest.skip(f"octokit needs node {NODE_AT_LEAST} or later; here is {version}")
    return node


@pytest.fixture(scope="session")
def node_clients(node: str) -> Path:  # noqa: ARG001 - npm needs it
    """A folder with the packages of ``package.json``, and the driver, which node lets import them only from there."""
    folder = BUILD / "node"

    def install() -> None:
        shutil.copy(DRIVERS / "package.json", folder)
        quiet = ["--no-audit", "--no-fund", "--no-package-lock"]
        command(["npm", "install", "--prefix", str(folder), *quiet], timeout_s=300)

    installed(folder, (DRIVERS / "package.json").read_text(), install)
    shutil.copy(DRIVERS / "drive_octokit.mjs", folder)
    return folder
