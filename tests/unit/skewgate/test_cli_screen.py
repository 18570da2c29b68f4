"""Colour on a terminal, never elsewhere; the words are the same."""

from __future__ import annotations

import io
import re

import pytest

from skewgate import screen

LINES = [
    "node1: admitted, 0.000 s (± 0.005 s)",
    "node2: refused, 612.004 s behind [not markup] :smile:",
    "node3: not judged, skew unknown: " + "a long reason " * 20,
    "  clock_skew: fail",
    "  ntp_sources: inconclusive",
    "node4  not judged  unknown",
    "REFUSED: 2 of 3 nodes must not join (1 admitted).",
    "  refused: 3 nodes: node1, node2, node3",
    "became refused: node1",
    "still not judged: node2",
    "Cause 1 of 2: no time daemon installed",
    "  skewgate gate -i hosts --limit node2",
    "  skewgate report evidence.json",
    "node1: admitted at 2026-01-31T12:00:00Z",
    "    seen  ntp 127.0.0.1: connection refused; not admitted",
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO) -> list[str]:
    screen.show(LINES, stream)
    return stream.getvalue().splitlines()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_on_a_terminal_the_words_of_verdicts_have_a_colour_and_are_the_same_words() -> None:
    lines = shown(Terminal())
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines] == LINES
    assert [line.count("\x1b[0m") for line in lines] == [1] * 14 + [0]
    assert "\x1b[32madmitted\x1b[0m" in lines[0]


def test_in_a_pipe_there_is_none_whatever_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(io.StringIO()) == LINES


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_none_gets_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert shown(Terminal()) == LINES
