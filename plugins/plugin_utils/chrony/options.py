"""The directives of chrony's configuration and the options of its sources, as far as they are known here.

A chronyd may know more: these tables are of chrony 4.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .config import Directive

SOURCES = ("server", "pool", "peer")
"""The directives that name NTP sources."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_REAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"(0x)?[0-9a-f]+", re.IGNORECASE)

_FLAGS = "auto_offline burst copy iburst ipv4 ipv6 noselect nts offline prefer require trust xleave"
_INTEGERS = (
    "certset filter key maxpoll maxsamples maxsources maxunreach minpoll minsamples minstratum ntsport polltarget port presend "
    "version"
)
_REALS = "asymmetry maxdelay maxdelaydevratio maxdelayquant maxdelayratio mindelay offset"

SOURCE_OPTIONS: Mapping[str, re.Pattern[str] | None] = {
    **dict.fromkeys(_FLAGS.split()),
    **dict.fromkeys(_INTEGERS.split(), _INTEGER),
    **dict.fromkeys(_REALS.split(), _REAL),
    "extfield": _HEXADECIMAL,
}
"""The options of server, pool and peer, with the form of their value (CPS_ParseNTPSourceAdd in chrony 4.8)."""

OPTION_SINCE = {
    "certset": (4, 1),
    "copy": (4, 1),
    "extfield": (4, 2),
    "maxdelayquant": (4, 3),
    "ipv4": (4, 6),
    "ipv6": (4, 6),
    "maxunreach": (4, 8),
}
"""The chrony that brought an option, where that is later than `sourcedir`, which came with 4.0 (chrony's NEWS)."""

_DIRECTIVES = """
    acquisitionport allow authselectmode bindacqaddress bindacqdevice bindaddress bindcmdaddress bindcmddevice binddevice
    broadcast clientloglimit clockprecision cmdallow cmddeny cmdport cmdratelimit combinelimit commandkey confdir
    corrtimeratio deny driftfile dscp dumpdir dumponexit fallbackdrift generatecommandkey hwclockfile hwtimestamp hwtstimeout
    include initstepslew keyfile leapseclist leapsecmode leapsectz linux_freq_scale linux_hz local lock_all log logbanner
    logchange logdir mailonchange makestep manual maxchange maxclockerror maxdistance maxdrift maxjitter maxntsconnections
    maxsamples maxslewrate maxupdateskew minsamples minsources nocerttimecheck noclientlog nosystemcert ntpsigndsocket
    ntsaeads ntscachedir ntsdumpdir ntsntpserver ntsport ntsprocesses ntsratelimit ntsrefresh ntsrotate ntsservercert
    ntsserverkey ntstrustedcerts opencommands peer pidfile pool port ptpdomain ptpport ratelimit refclock refresh
    reselectdist rtcautotrim rtcdevice rtcfile rtconutc rtcsync sched_priority server smoothtime sourcedir stratumweight
    tempcomp user
"""
DIRECTIVES = frozenset(_DIRECTIVES.split())
"""All that chrony.conf may name (CNF_ParseLine in chrony 4.8), those that are ignored by now among them."""


def parse_version(text: str | None) -> tuple[int, ...] | None:
    """``"4.6.1"`` to ``(4, 6, 1)``; None where it can't be read."""
    found = re.match(r"\d+(\.\d+)*", text or "")
    return tuple(map(int, found.group().split("."))) if found else None


def source_problem(directive: Directive, version: tuple[int, ...] | None) -> str | None:
    """Why chronyd cannot use a server, pool or peer line; None where it can."""
    if not directive.arguments:
        return "it names no host"
    words = list(directive.arguments[1:])
    while words:
        option = words.pop(0)
        if option.lower() not in SOURCE_OPTIONS:
            return f"{option!r} is no option of {directive.name}"
        form = SOURCE_OPTIONS[option.lower()]
        if form and not (words and form.fullmatch(words.pop(0))):
            return f"the option {option} lacks a value that it can use"
        since = OPTION_SINCE.get(option.lower())
        if since and version and version < since:
            have, need = (".".join(map(str, numbers)) for numbers in (version, since))
            return f"the option {option} came with chrony {need}, and this is {have}"
    return None


def options_of(words: Iterable[str]) -> dict[str, str]:
    """The options of a server, pool or peer line that ``source_problem`` takes: each with its value, or "" without one."""
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        options[word.lower()] = next(rest, "") if SOURCE_OPTIONS[word.lower()] else ""
    return options
