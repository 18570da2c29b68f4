"""Configured features that never work, because this chronyd was built without them
(`chronyd -v`: `-NTS`).

Tried with chrony 4.9, built without each of them. `chronyd -p` accepts all of it. If SCFILTER or
PRIVDROP is used and not built in, chronyd ends at its start. It ignores the others. Without NTS,
SECHASH or RTC it logs a line, without IPV6 `Invalid host`, for a refclock nothing. A feature that
is not listed at all is built in (4.9 no longer lists NTP).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address

from .config import ChronyConfig, Source
from .faults import Place, at
from .sources import selectable

_FLAGS = r"(?:^|[\s\"'=])-[46dmnpqQrRsUx]*"
_FILTER = re.compile(_FLAGS + r"F\s*-?[1-9]", re.MULTILINE)
_USER = re.compile(_FLAGS + r"u\s*(?!root\b)\w", re.MULTILINE)


def _lacks(source: Source, config: ChronyConfig) -> bool:
    """Whether a source never works with the built-in features.

    No chronyd accepts an address with a zone (`fe80::1%eth0`), or a name with letters beyond ASCII.
    For letters that an editor does not show, CHR007 is reported.
    """
    if source.kind == "refclock":
        return "REFCLOCK" in config.not_built_in
    if "nts" in source.options and "NTS" in config.not_built_in:
        return True
    if not source.name.isascii() and source.name.isprintable():
        return True
    return _is_ipv6(source.name) and ("IPV6" in config.not_built_in or "%" in source.name)


def _is_ipv6(name: str) -> bool:
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True


def _of(sources: Sequence[Source]) -> list[Place]:
    return at(*(source.directive for source in sources))


def starving_nts(config: ChronyConfig) -> list[Place]:
    """NTS sources without NTS. The others wait for them for ever,
    unless authselectmode is `ignore`.
    """
    if "NTS" not in config.not_built_in or config.authselectmode == "ignore":
        return []
    return _of([source for source in selectable(config) if "nts" in source.options])


def only_dead(config: ChronyConfig) -> list[Place]:
    """All sources that chronyd may select, if none of them can work."""
    sources = [] if starving_nts(config) else selectable(config)
    return _of(sources) if all(_lacks(source, config) for source in sources) else []


def dead_beside_others(config: ChronyConfig) -> list[Place]:
    """Sources that cannot work, if others can."""
    dead = _of([source for source in selectable(config) if _lacks(source, config)])
    said = [*starving_nts(config), *only_dead(config)]
    return [place for place in dead if place not in said]


def keys(config: ChronyConfig) -> list[Place]:
    """Sources with a key, if only MD5 is built in."""
    return _of([s for s in config.sources if "key" in s.options]) if "SECHASH" in config.not_built_in else []


def cannot_be_asked(config: ChronyConfig) -> list[Place]:
    """The file, if chronyc cannot ask this chronyd."""
    if "CMDMON" not in config.not_built_in:
        return []
    return [Place(config.path or "chrony.conf", None, "chronyd -v: -CMDMON")]


def rtcfile(config: ChronyConfig) -> list[Place]:
    """`rtcfile`, if the RTC is not supported."""
    if "RTC" not in config.not_built_in:
        return []
    return at(*config.all("rtcfile"))


def fatal(config: ChronyConfig) -> Iterator[Place]:
    """Options and lines with which chronyd does not start:
    a system call filter, or a user other than root.
    """
    for feature, option in (("SCFILTER", _FILTER), ("PRIVDROP", _USER)):
        if feature in config.not_built_in:
            for path, text in config.defaults.items():
                if option.search(text):
                    yield Place(path, None, text.strip())
    user = config.last("user")
    if "PRIVDROP" in config.not_built_in and user and user.arguments[:1] != ("root",):
        yield Place(user.file, user.line, user.text)
