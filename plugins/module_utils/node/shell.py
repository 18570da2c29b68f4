# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A line of shell in its commands, as far as one line shows them."""

from __future__ import annotations

import re
import shlex

SEPARATORS = set(";&|()\n")
QUOTING = re.compile(r"\\.|[\"'()]|\$\(", re.DOTALL)
DUPLICATED = re.compile(r"\d?[<>]&[\d-]")  # 2>&1, whose & separates no commands


def with_parentheses(line: str) -> str:
    """A line with $(...) in place of backticks, and without what joins two outputs."""
    opened = DUPLICATED.sub(" ", line).split("`")
    return opened[0] + "".join(("$(" if number % 2 else ")") + part for number, part in enumerate(opened[1:], 1))


def in_double_quotes(line: str) -> list:
    """The command substitutions within double quotes, each without those that it holds.

    >>> in_double_quotes('x="$(date "$(a)")" z=$(c) w="$(d')
    ['date "$(a)"', 'd']
    """
    found = []
    open_: list = []  # the quotes and parentheses that are open
    begins = -1  # where the outermost of these substitutions begins, and within how many others
    depth = 0
    for token in QUOTING.finditer(line):
        mark, inner_most = token.group(), open_[-1] if open_ else ""
        if inner_most == "'":
            if mark == "'":
                open_.pop()
        elif mark == '"':
            open_.pop() if inner_most == mark else open_.append(mark)
        elif mark == "$(":
            if begins < 0 and inner_most == '"':
                begins, depth = token.end(), len(open_)
            open_.append("(")
        elif mark in "('" and inner_most != '"':
            open_.append(mark)
        elif mark == ")" and inner_most == "(":
            open_.pop()
            if begins >= 0 and len(open_) == depth:
                found.append(line[begins : token.start()])
                begins = -1
    return found if begins < 0 else [*found, line[begins:]]


def simple_commands(line: str):
    """The simple commands of a line, in words, and whether each one's output goes to the next.

    A command substitution is a command, and stands as ``$`` among the words of the one that it is
    part of.

    >>> list(simple_commands("docker exec $(docker ps -q) date | cat"))
    [(['docker', 'ps', '-q'], False), (['docker', 'exec', '$', 'date'], True), (['cat'], False)]
    """
    reader = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
    reader.whitespace_split = True
    try:
        words = list(reader)
    except ValueError:  # a quote that another line closes
        words = line.split()
    command: list = []
    outer: list = []
    for word in words:
        if not set(word) <= SEPARATORS:
            command.append(word)
            continue
        for character in word:
            if character == "(" and command and command[-1].endswith("$"):
                outer.append(command)
                command = []
                continue
            yield command, word == "|"
            command = []
            if character == "(":
                outer.append([])
            elif character == ")" and outer:
                command = outer.pop()
    yield command, False
    for command in outer:
        yield command, False
