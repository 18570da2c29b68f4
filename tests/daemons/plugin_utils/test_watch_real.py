"""The end of a wait for real processes: all children of a Python end, so each test has its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.paths import ROOT

BEGINNING = """
    import subprocess, sys
    sys.path.insert(0, "collections")
    from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.watch import CutOffError, ended_within
    sleeping = ["sh", "-c", "trap '' TERM; sleep 1000 & wait"]
"""


def run(script: str) -> str:
    """What a script prints that begins so; it must end by itself."""
    text = textwrap.dedent(BEGINNING) + textwrap.dedent(script)
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr == ""
    return ended.stdout.strip()


def test_a_process_that_never_ends_is_ended_with_all_that_it_started():
    # What holds the pipe open is the inner sleep.
    script = """
        try:
            with ended_within(0.5):
                subprocess.run(sleeping, stdout=subprocess.PIPE)
        except CutOffError as error:
            print(error)
    """
    assert run(script) == "it did not answer within 0 s"


def test_output_without_an_end_is_ended_before_it_fills_the_memory():
    script = """
        import resource
        read = []
        try:
            with ended_within(50):
                with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as zeros:
                    while chunk := zeros.stdout.read(1 << 20):
                        read.append(bytes(bytearray(chunk)))
        except CutOffError as error:
            print(error)
        assert len(read) < 8000, len(read)
    """
    assert run(script) == "its answer does not end: it filled the memory"


def test_a_process_that_ends_in_time_is_left_alone():
    script = """
        with ended_within(30):
            print(subprocess.run(["echo", "answer"], capture_output=True, text=True).stdout)
    """
    assert run(script) == "answer"


@pytest.mark.parametrize("stop", ["KeyboardInterrupt", "Timeout"])
def test_a_wait_that_is_ended_from_outside_leaves_no_process(stop):
    script = f"""
        import signal
        class Timeout(BaseException):
            pass
        def on_alarm(*_):
            raise {stop}
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(1)
        child = subprocess.Popen(sleeping)
        try:
            with ended_within(30):
                child.wait()
        except {stop}:
            print(child.wait())
    """
    assert run(script) == "-9"
