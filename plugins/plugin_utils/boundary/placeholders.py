"""The placeholders that ``skewgate init`` writes for the user to replace.

A run that still has one is refused before any node is contacted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .values import texts_in

PLACEHOLDER = re.compile(r"\bFILL_IN_[A-Z0-9_]+")


def to_fill_in(hosts: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """A problem for each placeholder among the names of hosts and in settings.

    >>> to_fill_in(["FILL_IN_NODE_1"], {"gate_github_apps": [{"app_id": "FILL_IN_APP_ID"}]})
    ['the inventory: FILL_IN_NODE_1 is still to be filled in', 'gate_github_apps: FILL_IN_APP_ID is still to be filled in']
    """  # noqa: W505 - an example or a table
    found = [("the inventory", word) for host in hosts for word in PLACEHOLDER.findall(host)]
    for name, value in settings.items():
        found += [(name, word) for text in texts_in(value) for word in PLACEHOLDER.findall(text)]
    return [f"{where}: {word} is still to be filled in" for where, word in dict.fromkeys(found)]
