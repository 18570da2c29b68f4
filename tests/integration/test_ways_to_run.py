"""How the suite is run: a sample that the commit picks, and the two halves
of it beside each other.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.paths import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run(folder: Path, *argv: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with twenty tests that are nightly, one that is skipped too,
    and one that is not nightly.
    """
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = nightly\n")
    (tmp_path / "test_many.py").write_text(
        "import pytest\n"
        "@pytest.mark.nightly\n@pytest.mark.parametrize('n', range(20))\ndef test_it(n): pass\n"
        "@pytest.mark.nightly\n@pytest.mark.skip\ndef test_without_its_python(): pass\n"
        "def test_always(): pass\n"
    )
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")


def sampled(folder: Path, count: int) -> list[str]:
    words = ["-p", "tests.conftest", "-m", "nightly", "--sample", str(count)]
    status, printed = run(folder, "pytest", "-q", *words)
    assert status == 0, printed
    assert f"sample: {min(count, 20)} of 20, picked by the commit" in printed
    assert f"{min(count, 20)} passed" in printed
    return re.findall(r"^  (test_many\S+)$", printed, re.MULTILINE)


def test_a_sample_is_of_the_chosen_tests_the_same_for_a_commit_and_another_for_the_next(checkout: Path) -> None:
    picked = sampled(checkout, 3)
    assert len(picked) == 3
    assert all("test_it" in test for test in picked)
    assert sampled(checkout, 3) == picked

    others = []
    for _ in range(3):
        commit(checkout)
        others.append(sampled(checkout, 3))
    assert [other for other in others if other != picked]


def test_a_sample_of_more_than_there_are_is_all_and_without_a_commit_there_is_none(checkout: Path) -> None:
    assert len(sampled(checkout, 99)) == 20
    (checkout / ".git/HEAD").unlink()
    status, printed = run(checkout, "pytest", "-p", "tests.conftest", "--sample", "3")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "--sample picks by the commit" in printed


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A checkout whose tests with and without the lab wait for each other,
    and note their teardown.
    """
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    lab\n    slow\n")
    for half, other, mark in (("on_lab", "others", "pytestmark = pytest.mark.lab"), ("others", "on_lab", "")):
        (tmp_path / f"test_{half}.py").write_text(
            f"""
import pathlib, time, pytest
{mark}
@pytest.fixture
def other():
    pathlib.Path("{half}.begun").touch()
    while not pathlib.Path("{other}.begun").exists():
        time.sleep(0.02)
    yield
    time.sleep(0.2)
    pathlib.Path("{half}.torn-down").touch()
def test_with_the_other(other): pass
def test_fails_in_{half}(): assert not pathlib.Path("fail.{half}").exists()
@pytest.mark.slow
def test_slow(): assert False
def test_long(other):
    while pathlib.Path("long").exists():
        time.sleep(0.02)
"""
        )
    return tmp_path


@pytest.mark.parametrize("failing", [None, "on_lab", "others"])
def test_both_halves_run_at_once_and_the_failure_of_either_counts(halves: Path, failing: str | None) -> None:
    if failing:
        (halves / f"fail.{failing}").touch()
    status, printed = run(halves, "tests.both", "not slow")
    assert status == (1 if failing else 0), printed
    assert (f"test_fails_in_{failing} " in printed) is bool(failing)
    on_lab, others = printed.split("== the tests without the lab")
    assert "test_on_lab.py " in on_lab
    assert "test_others.py " in others


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_both_and_lets_them_clean_up(halves: Path, number: signal.Signals) -> None:
    (halves / "long").touch()
    # As a job in the background, which a shell starts with SIGINT ignored.
    argv = ["env", "--ignore-signal=INT", sys.executable, "-m", "tests.both", "not slow"]
    torn_down = [halves / "on_lab.torn-down", halves / "others.torn-down"]
    with subprocess.Popen(argv, cwd=halves, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as both:
        try:
            deadline_s = time.monotonic() + 60
            while not all(path.exists() for path in torn_down):
                assert time.monotonic() < deadline_s, "the tests before the long ones did not end"
                time.sleep(0.05)
            time.sleep(0.5)  # into the long ones
            for path in torn_down:
                path.unlink()
            both.send_signal(number)
            assert both.wait(60) == 130
        finally:
            (halves / "long").unlink()  # it ends what has not ended
    assert all(path.exists() for path in torn_down)


def test_a_test_that_uses_the_lab_is_marked_as_one(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = lab\n")
    (tmp_path / "test_few.py").write_text("def test_on_nodes(trio): pass\ndef test_alone(): pass\n")
    _, printed = run(tmp_path, "pytest", "-q", "-p", "tests.conftest", "--collect-only", "-m", "lab")
    assert "test_on_nodes" in printed
    assert "test_alone" not in printed
