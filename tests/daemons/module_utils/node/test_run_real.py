"""Commands with real processes: what they print is bounded while they run,
and what does not end is killed with its children.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.run import MAX_OUTPUT, run

from tests.findings import unsaid

SPEND_S = 10.0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def has_ended(pid: int) -> bool:
    deadline_s = time.monotonic() + SPEND_S
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return not is_alive(pid)


def test_an_answer_comes_whole_with_its_exit_code():
    assert run(["sh", "-c", "echo out; echo err >&2; exit 3"], SPEND_S) == {
        "rc": 3,
        "stdout": "out\n",
        "stderr": "err\n",
    }


@pytest.mark.parametrize("pipe", [1, 2])
def test_an_answer_as_large_as_the_limit_comes_whole(pipe: int):
    answer = run(["sh", "-c", f"head -c {MAX_OUTPUT} /dev/zero >&{pipe}"], SPEND_S)
    assert (answer["rc"], len(answer["stdout"]) + len(answer["stderr"])) == (0, MAX_OUTPUT)


@pytest.mark.parametrize("pipe", [1, 2])
def test_a_larger_answer_is_no_answer_and_does_not_look_whole(pipe: int):
    answer = run(["sh", "-c", f"head -c {MAX_OUTPUT + 1} /dev/zero >&{pipe}"], SPEND_S)
    assert answer.keys() == {"error"}
    assert not unsaid(answer["error"], "sh -c ", f" {MAX_OUTPUT} ")


@pytest.mark.parametrize("printed", ["seq 1 1000000", "yes"], ids=["much", "without end"])
def test_the_first_lines_can_be_enough(printed: str):
    answer = run(["sh", "-c", printed], SPEND_S, most_lines=3)
    assert (answer["rc"], answer["cut_off"], len(answer["stdout"].splitlines()[:3])) == (0, True, 3)


def test_lines_that_are_too_long_are_enough_before_their_number():
    answer = run(["sh", "-c", "yes $(head -c 50000 /dev/zero | tr '\\0' x)"], SPEND_S, most_lines=1000)
    assert MAX_OUTPUT < len(answer["stdout"]) < 2 * MAX_OUTPUT


def test_fewer_lines_than_enough_come_with_the_exit_code():
    assert run(["sh", "-c", "echo one; exit 3"], SPEND_S, most_lines=3) == {"rc": 3, "stdout": "one\n", "stderr": ""}


def test_output_without_end_costs_neither_memory_nor_time():
    before_kib, begun_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    answer = run(["yes", "x" * 1000], SPEND_S)
    assert answer.keys() == {"error"}
    assert not unsaid(answer["error"], "yes ", f" {MAX_OUTPUT} ")
    assert time.monotonic() - begun_s < SPEND_S / 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 16 * 1024


def test_what_does_not_end_is_killed_with_its_children(tmp_path: Path):
    children = tmp_path / "pid"
    begun_s = time.monotonic()
    answer = run(["sh", "-c", f"sleep 600 & echo $! > {children}; wait"], 1)
    assert answer.keys() == {"error"}
    assert not unsaid(answer["error"], "sh -c ", " 1 s")
    assert time.monotonic() - begun_s < SPEND_S / 2
    assert has_ended(int(children.read_text()))


def test_a_child_that_holds_the_output_open_is_not_waited_for_beyond_the_time(tmp_path: Path):
    children = tmp_path / "pid"
    answer = run(["sh", "-c", f"sleep 600 & echo $! > {children}; echo said"], 1)
    assert answer.keys() == {"error"}
    assert not unsaid(answer["error"], "sh -c ", " 1 s")
    assert has_ended(int(children.read_text()))


def test_a_command_that_closes_its_output_and_goes_on_is_killed_too():
    begun_s = time.monotonic()
    answer = run(["sh", "-c", "exec >&- 2>&-; sleep 600"], 1)
    assert answer.keys() == {"error"}
    assert not unsaid(answer["error"], "sh -c ", " 1 s")
    assert time.monotonic() - begun_s < SPEND_S / 2
