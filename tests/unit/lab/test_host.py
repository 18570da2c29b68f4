"""What the lab needs of the machine it runs on."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.lab import Lab, LabError, host
from tests.lab.host import looking


def test_the_docstrings_example_holds() -> None:
    tested = doctest.testmod(host)
    assert tested.attempted > 0
    assert tested.failed == 0


class Node:
    """A guest that answers as listed, one answer for each time that it is looked at."""

    def __init__(self, *answers: str | LabError) -> None:
        self.answers = list(answers)

    def look(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, LabError):
            raise answer
        return answer


def test_what_only_looks_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        looking(Node(LabError("node1: no answer\nmore"), LabError("nothing"), "running").look, pause_s=0) == "running"
    )
    assert capsys.readouterr().out.splitlines() == [
        "lab: looking again in 0 s (attempt 1 of 4): node1: no answer",
        "lab: looking again in 0 s (attempt 2 of 4): nothing",
    ]


def test_looking_ends_with_the_last_error() -> None:
    node = Node(*(LabError(str(n)) for n in range(9)))
    with pytest.raises(LabError, match=r"^2$"):
        looking(node.look, tries=3, pause_s=0)
    assert len(node.answers) == 6


def test_a_mistake_of_the_tests_is_not_tried_again() -> None:
    def mistaken() -> str:
        raise KeyError("node7")

    with pytest.raises(KeyError):
        looking(mistaken, pause_s=0)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Lab]:
    """A lab whose node answers commands with (status, output), one after the other;
    no time passes between them.
    """

    def make(*answers: tuple[int, str]) -> Lab:
        lab, left = Lab(tmp_path), list(answers)
        monkeypatch.setattr(lab, "ssh_argv", lambda _name, command: [command])
        monkeypatch.setattr(lab, "run", lambda argv, **_: subprocess_answer(argv, *left.pop(0)))
        monkeypatch.setattr(host.time, "sleep", lambda _: None)
        return lab

    return make


def subprocess_answer(argv: list[str], status: int, output: str) -> SimpleNamespace:
    return SimpleNamespace(args=argv, returncode=status, stdout=output, stderr="")


@pytest.mark.parametrize(
    "first",
    [(1, ""), (0, ""), (255, "ssh: connect to host"), (1, "Failed to connect to bus: Connection timed out")],
    ids=["failed", "printed nothing", "ssh failed", "systemd did not answer"],
)
def test_a_look_at_a_busy_node_is_repeated(lab: Callable[..., Lab], first: tuple[int, str]) -> None:
    assert lab(first, (0, "enabled\n")).look("node1", "systemctl is-enabled chrony") == "enabled\n"


def test_without_check_any_status_with_an_answer_is_one(lab: Callable[..., Lab]) -> None:
    assert lab((3, "degraded\n")).look("node1", "systemctl is-system-running", check=False) == "degraded\n"
    with pytest.raises(LabError, match="ended with 3"):
        lab(*[(3, "degraded\n")] * 4).look("node1", "systemctl is-system-running")
