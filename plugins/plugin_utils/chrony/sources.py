"""Which of the written sources chronyd may select, and how many they are."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from ..boundary.once import once
from .config import ChronyConfig, Source


@once
def selectable(config: ChronyConfig) -> Sequence[Source]:
    """The sources that chronyd may select: without `noselect`, written or from
    `authselectmode` (chrony.conf(5)).

    A source is never selected if chronyd sends it nothing (`port 0`), or accepts no
    answer (`maxdelay 0`).
    """
    candidates = [source for source in config.sources if "noselect" not in source.options]
    mode, any_authenticated = config.authselectmode, any(source.authenticated for source in candidates)
    if mode == "require" or (mode == "prefer" and any_authenticated):
        candidates = [source for source in candidates if source.authenticated or source.kind == "refclock"]
    return [source for source in candidates if not _says_nothing(source)]


def _says_nothing(source: Source) -> bool:
    if source.options.get("port") == "0" and "nts" not in source.options:  # with NTS the key server may name another
        return True
    with suppress(ValueError):
        return float(source.options.get("maxdelay", "inf")) <= 0
    return False


def online(config: ChronyConfig) -> Sequence[Source]:
    """Those of the selectable sources that do not wait for `chronyc online`."""
    return [source for source in selectable(config) if "offline" not in source.options]


def source_count(config: ChronyConfig) -> int:
    """The largest number of sources that chronyd may have to choose from."""
    return most_of(selectable(config))


def most_of(sources: Sequence[Source]) -> int:
    """The largest number of sources that these lines may give.

    An address that is written twice counts once; for a name that is written twice, chronyd uses
    two of its addresses.
    """
    addresses = [host_key(s.name) for s in sources if is_address(s.name)]
    return sum(s.most for s in sources) - len(addresses) + len(set(addresses))


def is_address(name: str) -> bool:
    """Whether a source is written as an IPv4 or IPv6 address, so as one machine."""
    with suppress(ValueError, OSError):
        return bool(_address(name))
    return False


def host_key(name: str) -> str:
    """The same key for all ways to write a host: an address as the kernel prints it, else
    the name in lower case.

    chronyc prints an address as it was written (4.0: as the kernel does), and `-n` as the kernel
    does. If inet_pton(3) does not accept an address, chronyd gives it to the resolver, for which
    `010.0.0.1` is 8.0.0.1 and `10.1` is 10.0.0.1 (inet_aton(3)).

    >>> [host_key(name) for name in ("FD00:9:0::1", "::ffff:192.0.2.1", "010.0.0.1", "NTP.Ex.")]
    ['fd00:9::1', '192.0.2.1', '8.0.0.1', 'ntp.ex']
    """
    with suppress(ValueError, OSError):
        return str(_address(name))
    return name.lower().removesuffix(".")


_NUMBERS = re.compile(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}", re.IGNORECASE | re.ASCII)


def _address(name: str) -> IPv4Address | IPv6Address:
    """Raises ValueError or OSError if it is none, also for one with a zone (`fe80::1%eth0`;
    chronyd refuses it).
    """
    if _NUMBERS.fullmatch(name):
        return IPv4Address(socket.inet_aton(name))
    if "%" in name or ":" not in name:
        raise ValueError(name)
    address = IPv6Address(name)
    return address.ipv4_mapped or address
