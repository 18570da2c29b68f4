# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scripts: the commands that one in Python, Perl, Ruby, PHP or JavaScript runs, and variables that
hold a program's name.
"""

from __future__ import annotations

import os
import re

INTERPRETER = re.compile(r"(python|perl|ruby|php|node)[\d.]*")
# What runs a command, before the text that names it: subprocess.call(["ntpdate", os.system('ntpdate
RUNS = re.compile(
    r"\b(?:system|exec\w*|spawn\w*|popen[23]?|Popen|call|check_call|check_output|run|getoutput|getstatusoutput|shell_exec"
    r"|passthru)[\s(\[{]{0,8}[a-z]?(?=[\"'])"
)
TEXT = re.compile(r"\\.|'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
BACKTICKS = re.compile(r"`([^`]*)`|\bqx\s*[({\[/|!]([^)}\]/|!]*)")
ASSIGNED = re.compile(
    r"^[ \t]*(?:(?:export|readonly|local)[ \t]+)?(\w+)=(?:\"((?:[^\"$`\n]|\$(?!\())*)\"|'([^'\n]*)'|([\w./-]+))",
    re.MULTILINE,
)
MAX_VALUE = 100
MAX_NAMES = 20
MAX_REPLACED = 1000


def language(first_line: str) -> str:
    """What a script is written in, by its first line; "" for a shell, and for what is not known.

    >>> language("#!/usr/bin/env -S python3 -u"), language("#!/usr/bin/perl -w"), language("#!/bin/sh")
    ('python', 'perl', '')
    """  # noqa: W505 - an example or a table
    words = first_line[2:].split() if first_line.startswith("#!") else []
    names = [INTERPRETER.fullmatch(os.path.basename(word)) for word in words]
    return next((name[1] for name in names if name), "")


def calls(line: str, of_language: str) -> list:
    """The commands that a line of such a script runs: each is a list of its words, or a text of
    shell.

    >>> calls('subprocess.call(["ntpdate", "-u", server]); os.system("hwclock -s")', "python")
    [['ntpdate', '-u'], 'hwclock -s']
    >>> calls("my $said = `ntpdate a.example`; # system('true')", "perl"), calls("print('date -s')", "python")
    (['ntpdate a.example', ['true']], [])
    """  # noqa: W505 - an example or a table
    if line.lstrip().startswith(("#", "//")):
        return []
    found: list = []
    if of_language in ("perl", "ruby", "php"):
        found += ["".join(text) for text in BACKTICKS.findall(line)]
    begins = [match.end() for match in RUNS.finditer(line)]
    for begin, end in zip(begins, [*begins[1:], len(line)]):
        texts = [single or double for single, double in TEXT.findall(line[begin:end]) if single or double]
        if texts:
            found.append(texts[0] if " " in texts[0].strip() else [text.strip() for text in texts])
    return found


def program_text(words: list) -> list:
    """The commands that ``python -c TEXT`` and ``perl -e TEXT`` run, as `calls` has them."""
    for option, text in zip(words[1:], words[2:]):
        if re.fullmatch(r"-\w*[ceEr]", option):
            return calls(text, INTERPRETER.fullmatch(os.path.basename(words[0]))[1])
    return []


def with_programs(text: str, programs) -> str:
    """A script, or a crontab, with the value in place of each variable that holds one of these
    programs.

    >>> with_programs('N=/usr/sbin/ntpdate\\nC="$N -u $S"\\n$C ${S} $PATH', {"ntpdate"}).splitlines()[2]
    '/usr/sbin/ntpdate -u $S ${S} $PATH'
    """  # noqa: W505 - an example or a table
    for _time in range(2):  # a variable may hold another
        values = {}
        for name, *forms in ASSIGNED.findall(text):
            value = "".join(forms)
            if os.path.basename((value.split(None, 1) or [""])[0]) in programs and len(value) <= MAX_VALUE:
                values[name] = value
        if values:
            names = "|".join(list(values)[:MAX_NAMES])
            pattern = rf"\$(?:\{{({names})\}}|({names})\b)"
            text = re.sub(pattern, lambda found, of=values: of[found[1] or found[2]], text, count=MAX_REPLACED)
    return text
