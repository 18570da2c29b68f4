"""Which of the written sources chronyd may select, and how many these are."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

from .config import ChronyConfig, Source


def selectable(config: ChronyConfig) -> list[Source]:
    """The sources that chronyd may select: without `noselect`, of one's own or by `authselectmode` (chrony.conf(5)).

    Nor is one ever that is sent nothing (`port 0`), or of which no answer counts (`maxdelay 0`).
    """
    candidates = [source for source in config.sources if "noselect" not in source.options]
    mode, any_authenticated = config.authselectmode, any(source.authenticated for source in candidates)
    if mode == "require" or (mode == "prefer" and any_authenticated):
        candidates = [source for source in candidates if source.authenticated or source.kind == "refclock"]
    return [source for source in candidates if not _says_nothing(source)]


def _says_nothing(source: Source) -> bool:
    if source.options.get("port") == "0" and "nts" not in source.options:  # with NTS the key server may tell another
        return True
    with suppress(ValueError):
        return float(source.options.get("maxdelay", "inf")) <= 0
    return False


def online(config: ChronyConfig) -> list[Source]:
    """Those of the selectable sources that do not wait for `chronyc online`."""
    return [source for source in selectable(config) if "offline" not in source.options]


def source_count(config: ChronyConfig) -> int:
    """How many sources chronyd may have to choose from at the most."""
    return most_of(selectable(config))


def most_of(sources: list[Source]) -> int:
    """How many sources chronyd may have of these at the most.

    An address that stands twice counts once; of a name that stands twice, chronyd takes two of its addresses.
    """
    addresses = [s.name.lower() for s in sources if is_address(s.name)]
    return sum(s.most for s in sources) - len(addresses) + len(set(addresses))


def is_address(name: str) -> bool:
    """Whether a source is written as an IPv4 or IPv6 address, and so as one machine."""
    with suppress(ValueError):
        return bool(ip_address(name))
    return False
