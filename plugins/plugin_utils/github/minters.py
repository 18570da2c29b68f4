"""Chooses the nodes of a run that mint an installation token; the others only send their JWT.

The choice is pure: the same inventory gives the same choice. Every node sends its JWT, which proves
the node's clock, its way to the API and the App's key. Only a token shows what the installation
grants, and from which addresses the organisation admits it. That is the same for all nodes of a
network. So if GitHub's limits do not let all nodes mint, some mint for the others. The report
combines the results (verdict/tokens.py).
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
"""The values of ``gate_mint_nodes`` beside a number."""

_IDENTITY = ("api_url", "git_url", "issuer", "installation_id", "owner", "repositories", "permissions", "depth")
"""What an App's token asks of GitHub, without the key, which the JWT already proves."""


class Minting(StrEnum):
    """How an App's token is tried on a node."""

    WAITS = "waits"
    """It mints, however long it has to wait."""
    IF_ROOM = "if_room"
    """It mints, unless the hour's limit is reached."""
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
    """The hosts that mint an App's token, by the App's identity, and notes for the start of the
    run.
    """

    minters: Mapping[str, Mapping[str, Minting]]
    notes: Sequence[str] = ()


def identity_of(app: Mapping[str, Any]) -> str:
    """A short text of what an App asks of GitHub. Tokens with the same identity prove the same."""
    asked = json.dumps({key: app.get(key) or None for key in _IDENTITY}, sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def network_of(name: str, address: str | None) -> str:
    """A node's assumed network: its address's /24 or /64, or without an address its name without
    digits.

    >>> network_of("node7", "10.0.3.17"), network_of("node7", "fd00:1:2:3::17"), network_of("node07.rack2.example.net", None)
    ('10.0.3.0/24', 'fd00:1:2:3::/64', 'node#.rack2.example.net')
    """  # noqa: W505 - an example or a table
    text = (address or name).strip("[]")
    try:
        known = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        first, dot, domain = text.lower().partition(".")
        return f"{re.sub('[0-9]+', '#', first)}{dot}{domain}"
    return str(ipaddress.ip_network((known, 24 if known.version == 4 else 64), strict=False))


def spread(keys_of: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """Choose this many hosts. Every key (a network, a group) gets one before any gets a second.

    A host's first key counts before its others: no network has two hosts while another has none.
    Within a key the hosts are as far apart in the inventory as possible. The first host of all is
    among them.
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
    """All hosts in an order whose every beginning is evenly spread: first, middle, quarters, and so
    on.
    """
    bits = max(1, (len(hosts) - 1).bit_length())
    order = sorted(range(len(hosts)), key=lambda number: f"{number:0{bits}b}"[::-1])
    return [hosts[number] for number in order]


@dataclass
class _App:
    """One identity: the hosts that have it, in the order of the inventory, and the limits of its
    App.
    """

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

    ``room``: how many more tokens may be minted in this hour, by the App's API, its issuer and the
    limit.
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
    """The Apps that mint, by identity."""
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
    """How many of each may mint: all if they fit, else equal shares of the room, at least one
    each.
    """
    counts: dict[str, int] = {}
    for left, (identity, size) in enumerate(sorted(sizes.items(), key=lambda each: each[1])):
        counts[identity] = max(1, min(size, room // (len(sizes) - left)))
        room -= counts[identity]
    return counts


def _notes(
    apps: Mapping[str, _App], counts: Mapping[str, int], setting: str, rooms: Mapping[tuple[str, str], int]
) -> Iterable[str]:
    """A note for each App if not all nodes mint, or if minting takes more than a minute."""
    for identity, app in apps.items():
        count, size = counts.get(identity, len(app.hosts)), len(app.hosts)
        minutes = max((count - 1) // app.per_minute, (count - 1) // app.per_hour * 60)
        if count == size and not minutes:
            continue
        why = f"gate_mint_nodes is {setting}"
        if app.budget in rooms:
            why += f", and {max(rooms[app.budget], 0)} of gate_mints_per_hour ({app.per_hour}) are left in this hour"
        whom = (
            f"all {size} nodes mint a token"
            if count == size
            else f"{count} of {size} nodes mint{'s' if count == 1 else ''} a token, the others send only the JWT and rely on it"
        )
        takes = (
            f". That takes {minutes} minutes or more, {app.per_minute} a minute and {app.per_hour} an hour"
            if minutes
            else ""
        )
        fewer = f". With gate_mint_nodes: {app.per_minute} no node waits" if minutes else ""
        yield f"GitHub App {app.name}: {whom}: {why}{takes}{fewer}"
