"""The authenticated sources of chronyd that lack their key,
and the other sources that wait for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .chronyc import Authentication, Selection
from .config import ChronyConfig, Source
from .running import Running


def is_keyless(row: Authentication) -> bool:
    """Whether a source cannot authenticate: it has no NTS cookies and could not get new
    ones, or lacks its key.

    Before the first try an NTS source only waits for its turn. If chronyd does not have a key, it
    shows neither its type nor its length.
    """
    if row.mode == "SK":
        return not row.key_type and not row.key_length
    return row.mode == "NTS" and not row.cookies and bool(row.attempts or row.nak)


def keyless(running: Running, rows: Iterable[Authentication]) -> dict[str, str]:
    """Each such source, with the reason."""
    return {running.label(row.name): _why(row) for row in rows if is_keyless(row)}


def _why(row: Authentication) -> str:
    if row.mode == "SK":
        return f"chronyd found no key {row.key_id} in its key file"
    if row.nak:
        return "its cookies were refused (NAK), and it got no new ones"
    return (
        "no key was ever established"
        if row.last_ke_s is None
        else f"no cookies left, the last ones came {row.last_ke_s} s ago"
    )


def held_back(
    config: ChronyConfig,
    running: Running,
    needed: Iterable[Source],
    selection: Sequence[Selection],
    without: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    """If chronyd follows no source: the usable ones, and those that it waits for, with the reason
    if a key is missing.

    ``needed``: the written sources that are authenticated or required; ``without``: those of them
    that lack their key.
    """
    # In selectdata, state W means: waits for required sources. Under `prefer`, a plain
    # source gets noselect.
    shut_out = [
        running.label(row.name)
        for row in selection
        if "R" not in row.effective
        and (row.state == "W" or (row.last_rx_s is not None and "N" in set(row.effective) - set(row.configured)))
    ]
    prefers = config.authselectmode == "prefer"
    required = [
        running.label(row.name)
        for row in selection
        if row.state != "W" and ("R" in row.effective or (prefers and row.authenticated))
    ]
    absent = [source.name for source in needed if running.lacks_address(source)]
    waited_for = dict.fromkeys([*required, *without, *absent])
    return shut_out, [f"{label} ({without[label]})" if label in without else label for label in waited_for]
