"""Which of chronyd's authenticated sources lack their key, and which of the others wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .chronyc import Authentication, Selection
from .config import ChronyConfig, Source
from .running import Running


def is_keyless(row: Authentication) -> bool:
    """Whether a source can't authenticate: it is out of NTS cookies and failed to get new ones, or its symmetric key is absent.

    Before the first try an NTS source merely waits for its turn. Of a key that chronyd does not have, it tells neither type nor
    length.
    """
    if row.mode == "SK":
        return not row.key_type and not row.key_length
    return row.mode == "NTS" and not row.cookies and bool(row.attempts or row.nak)


def keyless(running: Running, rows: Iterable[Authentication]) -> dict[str, str]:
    """Of each such source why."""
    return {running.label(row.name): _why(row) for row in rows if is_keyless(row)}


def _why(row: Authentication) -> str:
    if row.mode == "SK":
        return f"chronyd found no key {row.key_id} in its key file"
    if row.nak:
        return "its cookies were refused (NAK), and new ones not got"
    return (
        "no key was ever established"
        if row.last_ke_s is None
        else f"out of cookies, the last got {row.last_ke_s} s ago"
    )


def held_back(
    config: ChronyConfig,
    running: Running,
    needed: Iterable[Source],
    selection: Sequence[Selection],
    without: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    """Where chronyd follows no source: those that would do, and those that it waits for; of these that lack a key, why.

    ``needed``: the written sources that are authenticated or required; ``without``: those of them that lack their key.
    """
    # Of the states in selectdata, W is what waits for required sources; under `prefer`, a plain source gets noselect.
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
