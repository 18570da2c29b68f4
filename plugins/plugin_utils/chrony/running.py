"""The sources of the running chronyd, to compare with its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .chronyc import Activity, Source, parse_sources
from .config import ChronyConfig, Directive
from .config import Source as ConfiguredSource
from .options import as_int
from .sources import host_key, most_of, selectable

NAMES_SINCE = (4, 0)
"""The first chrony whose chronyc shows the names of sources as they are configured (`-N`)."""

INITSTEPSLEW_WITHIN_S = 60.0
"""How long `initstepslew` may take: about 15 s if its servers are silent,
and 15 s more if their names do not resolve.
"""


@dataclass(frozen=True)
class Running:
    """chronyd's sources.

    ``name_of``: the configured name of each address; ``unresolved``: names without an address.

    ``named``: the name of each source that has an address, without reference clocks. ``selected``:
    whether one is selected.
    ``by_name``: False before chrony 4.0, whose chronyc shows only addresses: then
    ``names`` are these.
    """

    names: tuple[str, ...]
    refclocks: int
    unresolved: tuple[str, ...]
    name_of: dict[str, str]
    named: tuple[str, ...]
    selected: bool
    by_name: bool = True

    def label(self, address: str) -> str:
        """The name in the files, with the address if that differs: a pool has several."""
        name = self.name_of.get(address, address)
        return name if name == address else f"{name} at {address}"

    def lacks_address(self, source: ConfiguredSource) -> bool:
        """Whether it is a name without an address."""
        return host_key(source.name) in map(host_key, self.unresolved)

    @classmethod
    def of(cls, every: Sequence[Source], named: Sequence[Source], addressed: Sequence[Source]) -> Running:
        """From the rows of `-N sources -a`, `-N sources` and `-n sources`."""
        names = dict.fromkeys(row.name for row in every if row.mode != "#")
        return cls(
            tuple(names),
            sum(row.mode == "#" for row in every),
            tuple(name for name in names if name not in {row.name for row in named}),
            {address.name: name.name for address, name in zip(addressed, named, strict=False) if address.mode != "#"},
            tuple(row.name for row in named if row.mode != "#"),
            any(row.state == "*" for row in addressed),
        )

    @classmethod
    def by_address(cls, rows: Sequence[Source]) -> Running:
        """From the rows of `-n sources` alone."""
        addresses = tuple(row.name for row in rows if row.mode != "#")
        own = {address: address for address in addresses}
        selected = any(row.state == "*" for row in rows)
        return cls(addresses, len(rows) - len(addresses), (), own, addresses, selected, by_name=False)


def asks_first(config: ChronyConfig, since_start_s: float) -> Directive | None:
    """The `initstepslew` whose servers chronyd may still ask:
    it adds its sources only after that (main.c).
    """
    directive = config.last("initstepslew")
    if directive is None or not directive.arguments[1:] or not 0 <= since_start_s < INITSTEPSLEW_WITHIN_S:
        return None
    return directive


def shortage(config: ChronyConfig, running: Running, activity: Activity) -> str | None:
    """Why chronyd can never select as many sources as `minsources`; None if it can, or
    without the directive.

    A name may have fewer addresses than its pool has slots: these slots stay empty for ever. Only
    names that have no address yet may still get one.
    """
    directive = config.last("minsources")
    wanted = as_int(directive.arguments[0]) if directive and directive.arguments else 1
    if directive is None or wanted <= 1:  # without any source, other findings show why
        return None
    may, written = ({host_key(s.name) for s in sources} for sources in (selectable(config), config.sources))
    watched = sum(host_key(source.name) not in may for source in config.sources if source.kind == "refclock")
    names = [host_key(name) for name in running.named]
    have = sum(name in may or name not in written for name in names) + max(0, running.refclocks - watched)
    to_come = activity.unresolved
    if running.by_name:
        to_come = most_of([source for source in selectable(config) if running.lacks_address(source)])
    online = activity.online + activity.burst_online + running.refclocks
    place = f"({directive.file}:{directive.line})"
    if wanted > have + to_come:
        return f"minsources needs {wanted} sources, and chronyd has {have} that it may select {place}"
    if wanted > online + to_come and activity.offline and not running.selected:
        return f"minsources needs {wanted} sources, and {activity.offline} of chronyd's sources are offline {place}"
    return None


def running_names(section: Mapping[str, Any]) -> frozenset[str] | None:
    """The names and addresses of all of chronyd's sources, as ``host_key``;
    None if it could not be asked for the names.
    """
    names = _names(section, "sources_all")
    if names is None or "?" in names:
        return None
    return frozenset(map(host_key, names | (_names(section, "sources") or frozenset())))


def _names(section: Mapping[str, Any], command: str) -> frozenset[str] | None:
    answer = (section.get("commands") or {}).get(command) or {}
    if answer.get("error") or answer.get("rc") != 0:
        return None
    try:
        return frozenset(row.name for row in parse_sources(answer["stdout"]))
    except ValueError:
        return None
