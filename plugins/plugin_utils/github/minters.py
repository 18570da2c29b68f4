"""Which nodes of a run mint an installation token, and which send their JWT alone. Pure: the same inventory, the same choice.

The JWT proves a node's clock, its way to the API and the App's key; every node sends it. What only a token shows is the same for
all nodes of a network (what the installation grants, and from which addresses the organisation admits it), so where GitHub's
limits do not let all nodes mint, some mint for the others. What came of it is put together by the report (verdict/tokens.py).
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .apps import GithubApp

AUTO, ALL = "auto", "all"
"""What ``gate_mint_nodes`` may be, beside a number."""

_IDENTITY = ("api_url", "git_url", "issuer", "installation_id", "owner", "repositories", "permissions", "depth")
"""What is asked of GitHub with an App's token, beside the key, which the JWT alone proves."""


class Minting(StrEnum):
    """How an App's token is tried on a node."""

    WAITS = "waits"
    """It mints, however long it has to wait for its turn."""
    IF_ROOM = "if_room"
    """It mints unless the hour's limit is reached by then."""
    JWT_ALONE = "jwt_alone"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Hosts whose settings are equal, their Apps, and this run's share of GitHub's limits."""

    hosts: Sequence[str]
    apps: Sequence[GithubApp]
    per_minute: int
    per_hour: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The hosts that mint an App's token, by the App's identity; and what is to be said of it before the run."""

    minters: Mapping[str, Mapping[str, Minting]]
    notes: Sequence[str] = ()


def identity_of(app: Mapping[str, Any]) -> str:
    """What an App's public part asks of GitHub, as a short text: tokens of one identity prove the same."""
    asked = json.dumps({key: app.get(key) or None for key in _IDENTITY}, sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def network_of(name: str, address: str | None) -> str:
    """The network that a node is taken to be in: its address's /24 or /64; without an address, its name without the digits.

    >>> network_of("node7", "10.0.3.17"), network_of("node7", "fd00:1:2:3::17"), network_of("node07.rack2.example.net", None)
    ('10.0.3.0/24', 'fd00:1:2:3::/64', 'node#.rack2.example.net')
    """
    text = (address or name).strip("[]")
    try:
        known = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        first, dot, domain = text.lower().partition(".")
        return f"{re.sub('[0-9]+', '#', first)}{dot}{domain}"
    return str(ipaddress.ip_network((known, 24 if known.version == 4 else 64), strict=False))


def spread(keys_of: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """So many of the hosts: every key (a network, a group) has one before any other is given its second.

    A host's first key goes before its others: no network has two while another one has none. Within a key they are as far apart
    in the inventory as may be, the first host of all among them.
    """
    waiting: dict[str, deque[str]] = {}
    first_keys: dict[str, None] = {}
    for host in _far_apart(list(keys_of)):
        first_keys.setdefault(keys_of[host][0])
        for key in keys_of[host]:
            waiting.setdefault(key, deque()).append(host)
    queues = [*first_keys, *(key for key in waiting if key not in first_keys)]
    taken: dict[str, None] = {}
    having: dict[str, int] = defaultdict(int)
    level = 0
    while len(taken) < count and queues:
        for key in queues:
            hosts = waiting[key]
            while hosts and hosts[0] in taken:
                hosts.popleft()
            if having[key] <= level and hosts and len(taken) < count:
                taken.setdefault(hosts[0])
                for each in keys_of[hosts[0]]:
                    having[each] += 1
        queues = [key for key in queues if waiting[key]]
        level += 1
    return list(taken)


def _far_apart(hosts: Sequence[str]) -> list[str]:
    """All of them, so that those of any beginning are about evenly apart: the first, the middle, the quarters, and so on."""
    bits = max(1, (len(hosts) - 1).bit_length())
    order = sorted(range(len(hosts)), key=lambda number: f"{number:0{bits}b}"[::-1])
    return [hosts[number] for number in order]


@dataclass
class _App:
    """One identity: the hosts that have it, in the order of the inventory, and the limits of its App."""

    name: str
    budget: tuple[str, str]
    hosts: dict[str, None]
    per_minute: int
    per_hour: int


def choose(
    wanted: Iterable[Wanted],
    setting: str,
    keys_of: Callable[[str], Sequence[str]],
    room: Callable[[str, str, int], int],
) -> Choice:
    """Who mints, by ``gate_mint_nodes``. ``keys_of``: a host's network and groups.

    ``room``: how many more tokens may be minted in this hour, by the App's API, its issuer and the limit.
    """
    apps = _apps_of(wanted)
    rooms: dict[tuple[str, str], int] = {}
    counts: dict[str, int] = {}
    if setting == AUTO:
        for budget in dict.fromkeys(app.budget for app in apps.values()):
            sharing = {identity: app for identity, app in apps.items() if app.budget == budget}
            rooms[budget] = room(*budget, min(app.per_hour for app in sharing.values()))
            counts |= _shared({identity: len(app.hosts) for identity, app in sharing.items()}, rooms[budget])
    elif setting != ALL:
        counts = {identity: min(int(setting), len(app.hosts)) for identity, app in apps.items()}
    minters: dict[str, dict[str, Minting]] = {}
    for identity, count in counts.items():
        chosen = spread({host: keys_of(host) for host in apps[identity].hosts}, count)
        # One at least has to mint, or nothing is proved: it waits for the hour's end if it must.
        others = Minting.IF_ROOM if setting == AUTO else Minting.WAITS
        minters[identity] = {host: others if number else Minting.WAITS for number, host in enumerate(chosen)}
    return Choice(minters=minters, notes=list(_notes(apps, counts, setting, rooms)))


def _apps_of(wanted: Iterable[Wanted]) -> dict[str, _App]:
    """By identity, the Apps that mint at all."""
    apps: dict[str, _App] = {}
    for group in wanted:
        for app in group.apps:
            if app.depth == "jwt":
                continue
            budget = (app.api_url, app.issuer)
            of_app = _App(app.name, budget, {}, group.per_minute, group.per_hour)
            found = apps.setdefault(identity_of(app.public()), of_app)
            found.hosts |= dict.fromkeys(group.hosts)
            found.per_minute = min(found.per_minute, group.per_minute)
            found.per_hour = min(found.per_hour, group.per_hour)
    return apps


def _shared(sizes: Mapping[str, int], room: int) -> dict[str, int]:
    """How many of each may mint: all if they fit, else about equal shares of what there is room for, one at least."""
    counts: dict[str, int] = {}
    for left, (identity, size) in enumerate(sorted(sizes.items(), key=lambda each: each[1])):
        counts[identity] = max(1, min(size, room // (len(sizes) - left)))
        room -= counts[identity]
    return counts


def _notes(
    apps: Mapping[str, _App], counts: Mapping[str, int], setting: str, rooms: Mapping[tuple[str, str], int]
) -> Iterable[str]:
    """Of each App of which not all nodes mint, or which takes more than a minute: how many mint, why, and how long it takes."""
    for identity, app in apps.items():
        count, size = counts.get(identity, len(app.hosts)), len(app.hosts)
        minutes = max((count - 1) // app.per_minute, (count - 1) // app.per_hour * 60)
        if count == size and not minutes:
            continue
        why = f"gate_mint_nodes is {setting}"
        if app.budget in rooms:
            why += f", and in this hour there is room for {max(rooms[app.budget], 0)} of gate_mints_per_hour ({app.per_hour})"
        whom = (
            f"all {size} nodes mint a token"
            if count == size
            else f"{count} of {size} nodes mint{'s' if count == 1 else ''} a token, others send the JWT alone and rely on that"
        )
        takes = (
            f". That takes {minutes} minutes or more, {app.per_minute} a minute and {app.per_hour} an hour"
            if minutes
            else ""
        )
        fewer = f"; gate_mint_nodes: {app.per_minute} waits for none" if minutes else ""
        yield f"GitHub App {app.name}: {whom}: {why}{takes}{fewer}"
