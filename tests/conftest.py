"""Fixtures on the lab: `lab` for all of a session, `trio` for the incident's nodes, `lab_node` for
any other; and `api`.

A test that uses one of them gets the marker `lab`. And ``--sample N``: of the tests that were
chosen, run N, which the commit picks; none that is skipped anyway.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from tests.lab import Lab, LabUnavailable, NodeSpec
from tests.lab.github_api import RunningApi, running_api

SAMPLE = pytest.StashKey[str]()

# How long an example takes says nothing here, and a busy machine would make it fail.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sample", type=int, metavar="N", help="run N of the tests, the same for each run of a commit")


def pytest_itemcollected(item: pytest.Item) -> None:
    if "lab" in getattr(item, "fixturenames", ()):
        item.add_marker("lab")


@pytest.hookimpl(trylast=True)  # of what -m and -k left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    count = config.getoption("--sample")
    if count is None:
        return
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=config.rootpath, capture_output=True, text=True, check=False
    ).stdout.strip()
    if not head:
        raise pytest.UsageError(f"--sample picks by the commit, and {config.rootpath} is no checkout of one")

    def drawn(item: pytest.Item) -> bytes:
        return hashlib.sha256(f"{head} {item.nodeid}".encode()).digest()

    runnable = [item for item in items if not item.get_closest_marker("skip")]
    picked = set(sorted(runnable, key=drawn)[:count])
    left = [item for item in items if item not in picked]
    config.stash[SAMPLE] = f"sample: {len(picked)} of {len(runnable)}, picked by the commit {head[:12]}"
    items[:] = [item for item in items if item in picked]
    config.hook.pytest_deselected(items=left)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    if SAMPLE not in config.stash:
        return []
    return [config.stash[SAMPLE], *(f"  {item.nodeid}" for item in items)]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab with its servers and TRIO; taken down at the end unless it was up before.

    Where the lab can't run, tests are skipped with the reason; but never in CI, and never
    where it should run.
    """
    lab = Lab()
    was_up = lab.namespace.exists()
    try:
        lab.up()
    except LabUnavailable as error:
        if os.environ.get("CI") or (platform.machine() == "x86_64" and os.geteuid() == 0):
            pytest.fail(f"the lab must run here: {error}")
        pytest.skip(str(error))
    yield lab
    if was_up:
        lab.up()  # what tests stopped
    else:
        lab.down()


@pytest.fixture
def trio(lab: Lab) -> Lab:
    """The lab with each node of TRIO running, booted anew if a test used `lab_node` on it.

    What a test does to these nodes stays: a test that changes a node takes `lab_node`.
    """
    lab.up()
    return lab


@pytest.fixture
def lab_node(lab: Lab) -> Iterator[Callable[[NodeSpec], NodeSpec]]:
    """Function that boots a node anew as its spec says (about 6 s);
    the node is stopped when the test ends.
    """
    names = set()

    def boot(spec: NodeSpec) -> NodeSpec:
        names.add(spec.name)
        lab.reset_node(spec)
        return spec

    yield boot
    for name in names:
        lab.stop_node(name)


@pytest.fixture(scope="session")
def own_github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """A GitHub API on this machine's loopback, beside the lab's."""
    with running_api(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture
def api(own_github: RunningApi) -> RunningApi:
    """`own_github` as at its start: the true time, nothing scripted, nothing asked of it yet."""
    own_github.control.reset()
    return own_github
