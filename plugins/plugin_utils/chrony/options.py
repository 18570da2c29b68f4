"""The directives of chrony's configuration and the options of its sources that are known here.

A chronyd may know more: these tables are of chrony 4.9, and those of 4.0, 4.3, 4.6 and 4.9
were tried with `chronyd -p`. If a chronyd accepts a word that is in no table, the word is
accepted (see ``reader``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...module_utils.node.names import CHRONY_DIRECTIVES
from .config import Directive

TABLES_OF = (4, 9)
"""The newest chrony that these tables are complete for."""

SOURCES = ("server", "pool", "peer")
"""The directives that name NTP sources."""

# As sscanf reads a number (%d, %lf, %x): the text after it begins the next word
# ("minpoll 4iburst").
_INTEGER = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(
    r"[+-]?(0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]+)?|([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf(inity)?|nan)",
    re.IGNORECASE,
)
_HEXADECIMAL = re.compile(r"[+-]?(0x)?[0-9a-f]+", re.IGNORECASE)

_FLAGS = "auto_offline burst copy iburst ipv4 ipv6 noselect nts offline prefer require trust xleave"
_INTEGERS = (
    "certset filter key maxntsretry maxpoll maxsamples maxsources maxunreach minpoll minsamples minstratum ntsport polltarget "
    "port presend version"
)
_REALS = "asymmetry maxdelay maxdelaydevratio maxdelayquant maxdelayratio mindelay offset"

SOURCE_OPTIONS: Mapping[str, re.Pattern[str] | None] = {
    **dict.fromkeys(_FLAGS.split()),
    **dict.fromkeys(_INTEGERS.split(), _INTEGER),
    **dict.fromkeys(_REALS.split(), _REAL),
    "extfield": _HEXADECIMAL,
}
"""The options of server, pool and peer,
with the form of their value (CPS_ParseNTPSourceAdd in chrony 4.9).
"""

OPTION_SINCE = {
    "nts": (4, 0),
    "ntsport": (4, 0),
    "certset": (4, 1),
    "copy": (4, 1),
    "extfield": (4, 2),
    "maxdelayquant": (4, 3),
    "ipv4": (4, 6),
    "ipv6": (4, 6),
    "maxunreach": (4, 8),
    "maxntsretry": (4, 9),
}
"""The chrony that brought an option, if later than 3.5,
the oldest that is judged (chrony's NEWS).
"""

RANGES_SINCE = (4, 7)
"""The first chrony that refuses a value out of its range (chrony's NEWS)."""

_MOST = 2**31 - 1
OPTION_RANGES: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("filter", "maxsamples", "maxunreach", "minsamples"), (0, _MOST)),
    **dict.fromkeys(("maxntsretry", "maxpoll", "minpoll", "presend"), (-32, 32)),
    **dict.fromkeys(("maxsources", "polltarget"), (1, _MOST)),
    **dict.fromkeys(("ntsport", "port"), (0, 65535)),
    "minstratum": (0, 16),
    "version": (1, 4),
}
"""The least and the greatest value of an option; both are valid (tried with 4.9;
4.6 accepts any).
"""

DIRECTIVES = CHRONY_DIRECTIVES
"""All directives of chrony.conf (CNF_ParseLine in chrony 4.9), also those that it now ignores."""

_OF_4_0 = """
    authselectmode bindacqdevice bindcmddevice binddevice clockprecision confdir dscp maxntsconnections nocerttimecheck
    nosystemcert ntscachedir ntsdumpdir ntsntpserver ntsport ntsprocesses ntsratelimit ntsrefresh ntsrotate ntsservercert
    ntsserverkey ntstrustedcerts sourcedir
"""
DIRECTIVE_SINCE = {
    **dict.fromkeys(_OF_4_0.split(), (4, 0)),
    "ptpport": (4, 2),
    **dict.fromkeys(("hwtstimeout", "leapseclist", "ntsaeads", "ptpdomain", "refresh"), (4, 4)),
    "opencommands": (4, 7),
    **dict.fromkeys(("maxstratum", "maxtxbuffers", "minstratum"), (4, 9)),
}
"""The earliest chrony with a directive, if later than 3.5:
from chrony's NEWS, and from trials of 4.0 to 4.9.
"""


_EXTENSION_FIELDS = {0xF323, 0xF324}


class Options(NamedTuple):
    """A source's options.

    ``known``: each with its value or "", in lower case. ``unknown``: other words, and the values
    that follow these. ``problem``: why a chrony of that version cannot use the line, according to
    the tables; None if it can.
    """

    known: dict[str, str]
    unknown: tuple[str, ...]
    problem: str | None


_VERSION = re.compile(r"\d+(\.\d+)*")


def parse_version(text: str | None) -> tuple[int, ...] | None:
    """``"4.6.1"`` to ``(4, 6, 1)``; None if it cannot be read."""
    found = _VERSION.match(text or "")
    return tuple(map(int, found.group().split("."))) if found else None


def directive_problem(directive: Directive, version: tuple[int, ...] | None) -> str | None:
    """Why a chrony of that version refuses a line of chrony.conf, according to the tables;
    None if it does not.
    """
    if directive.name not in DIRECTIVES:
        return f"chrony has no directive {directive.name!r}"
    if too_old := _too_old(f"the directive {directive.name}", DIRECTIVE_SINCE.get(directive.name), version):
        return too_old
    return source_problem(directive, version) if directive.name in SOURCES else None


def source_problem(directive: Directive, version: tuple[int, ...] | None) -> str | None:
    """Why chronyd cannot use a server, pool or peer line; None if it can."""
    if not directive.arguments:
        return "it names no host"
    return read_options(directive.arguments[1:], version, directive.name).problem


def read_options(words: Iterable[str], version: tuple[int, ...] | None, kind: str = "server") -> Options:
    """Read the words after a source's name; a word that is no option is skipped, and
    only that word.

    So an unknown option does not hide the options after it, with or without a value.
    """
    known: dict[str, str] = {}
    unknown: list[str] = []
    problems: list[str] = []
    rest = [*words][::-1]  # reversed, so pop() gives the next: a line may have 100,000 words
    while rest:
        word = rest.pop()
        option = word.lower()
        if option not in SOURCE_OPTIONS:
            unknown.append(word)
            problems.append(f"{word!r} is no option of {kind}")
            continue
        form, value = SOURCE_OPTIONS[option], None
        if form:
            value = form.match(rest[-1]) if rest else None
            if value is None:
                problems.append(f"the option {word} has no valid value")
                continue
            rest[-1:] = [rest[-1][value.end() :]] if value.end() < len(rest[-1]) else []
            problems += _value_problems(word, value.group(), version)
        known[option] = "" if value is None else str(as_int(value.group())) if form is _INTEGER else value.group()
        if too_old := _too_old(f"the option {word}", OPTION_SINCE.get(option), version):
            problems.append(too_old)
    return Options(known, tuple(unknown), problems[0] if problems else None)


def as_int(text: str) -> int:
    """The whole number at the beginning of a text, as sscanf's %d reads it on 64
    bits; 0 if there is none.

    If it is too large for a long, it is the largest long, and 32 bits of it count.
    """
    found = _INTEGER.match(text)
    digits = (found.group() if found else "").lstrip("+-0") or "0"
    size = min(int(digits) if len(digits) < 20 else 2**63, 2**63)  # Python does not convert thousands of digits
    number = -size if text.startswith("-") else min(size, 2**63 - 1)
    return (number + 2**31) % 2**32 - 2**31


def _value_problems(word: str, value: str, version: tuple[int, ...] | None) -> list[str]:
    option = word.lower()
    if option == "key":
        return [] if as_int(value) else [f"the value of {word} cannot be 0"]
    if option == "extfield":
        return [] if int(value, 16) in _EXTENSION_FIELDS else [f"{value} is no extension field of {word}"]
    if option not in OPTION_RANGES or version is None or version < RANGES_SINCE:
        return []
    least, most = OPTION_RANGES[option]
    return [] if least <= as_int(value) <= most else [f"the value of {word} must be from {least} to {most}"]


def _too_old(what: str, since: tuple[int, ...] | None, version: tuple[int, ...] | None) -> str | None:
    if since is None or version is None or version >= since:
        return None
    have, need = (".".join(map(str, numbers)) for numbers in (version, since))
    return f"{what} came with chrony {need}, and this is {have}"
