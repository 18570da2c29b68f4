"""The options among a program's arguments."""

from __future__ import annotations

from collections.abc import Sequence


def options(arguments: Sequence[str], letters: str) -> list[tuple[str, str]]:
    """The options among a program's arguments, as getopt_long(3) reads them: ``("-s", "eth0")``,
    ``("--clock_servo", "pi")``.

    ``letters`` is the program's own option string. Each long option takes a value (config.c,
    config_long_options).

    >>> options(["-arm", "-feth0.conf", "--clock_servo", "ntpshm", "--free_running=1"], "armf:")
    [('-a', ''), ('-r', ''), ('-m', ''), ('-f', 'eth0.conf'), ('--clock_servo', 'ntpshm'), ('--free_running', '1')]
    """  # noqa: W505 - an example or a table
    found: list[tuple[str, str]] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found.append((name, value if equals or not waiting else waiting.pop(0)))
        elif word.startswith("-"):
            for position, letter in enumerate(word[1:], 2):
                if f"{letter}:" not in letters:
                    found.append((f"-{letter}", ""))
                    continue
                attached = word[position:]
                found.append((f"-{letter}", attached if attached or not waiting else waiting.pop(0)))
                break
    return found
