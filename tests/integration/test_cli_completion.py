"""Completion, as real bash does it; zsh and fish where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import discover

from skewgate import cli
from skewgate.arguments import commands_of, parser
from skewgate.completion import SHELLS, words_of


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "completion"
    path.write_text(SHELLS["bash"](words_of(parser())))
    return path


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    lines = f"""source {script}
[[ $(complete -p skewgate) == "complete -o default -F _skewgate skewgate" ]] || exit 9
COMP_WORDS=(skewgate "$@") COMP_CWORD=$#
_skewgate
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    command = ["bash", "--norc", "-c", lines, "bash", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert ended.stderr == ""
    return set(ended.stdout.split())


def test_the_first_word_is_a_command(script: Path) -> None:
    assert completed(script, "") == set(commands_of(parser()))
    assert completed(script, "ver") == {"verify"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["check", "--on"], {"--only"}),
        (["check", "--he"], {"--help", "--here"}),
        (["gate", "--he"], {"--help"}),
        (["check", "-i", "x", "--only", "clock_s"], {"clock_skew"}),
        (["gate", "--only", "=", "clock_s"], {"clock_skew"}),
        (["check", "--format", "="], set(discover())),
        (["check", "--format", ""], set(discover())),
        (["check", "--inventory", ""], set()),
        (["check", ""], set()),
        (["explain", "clock_m"], {"clock_movers"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["nothing", "--x"], set()),
    ],
)
def test_flags_and_their_values_are_completed_as_the_command_has_them(
    script: Path, words: list[str], found: set[str]
) -> None:
    assert completed(script, *words) == found


def test_every_flag_of_every_command_is_offered(script: Path) -> None:
    for name, command in commands_of(parser()).items():
        assert completed(script, name, "-") == {form for flag in command._actions for form in flag.option_strings}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_text_is_printed_and_the_shell_can_read_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert "clock_skew" in text
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=text, text=True, check=True, timeout=20)


def test_a_shell_that_is_not_known_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["completion", "tcsh"])
    assert "choose from" in capsys.readouterr().err
