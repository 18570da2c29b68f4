"""Makes docs/reference/network-faults.md from the cases of tests/reliability/network.

`make docs` runs it.
"""

from __future__ import annotations

import sys

from docs.writing import ROOT, head, page, table, wrapped

sys.path.insert(0, str(ROOT / "collections"))

from tests.reliability.network.case import TIMEOUT_S, Case, Expected
from tests.reliability.network.matrix import GROUPS

FILE = ROOT / "docs/reference/network-faults.md"
HEADS = ("fault", "what is wrong", "finding and keys", "at most")
HOW = f"""
What the [checks](checks/README.md) find on a node if something between it and its servers is wrong. Each row is a test:
`make reliability PARTS=network` makes the fault, runs the check through Ansible, and compares every
finding that does not pass. The node has three NTP servers and one GitHub App; servers with NTS and
a proxy where a row names them. `gate_timeout_s` is {TIMEOUT_S:g} there. *At most* is how long all
that the check runs on the node may take. *And the wait* means that the controller may also wait,
after GitHub's rate limit or an answer of 500 or more, [for 90 s at
most](../how-to/check-many-nodes.md#if-github-or-an-ntp-server-has-too-much-to-do). Then the node
asks again.

A node without a finding is admitted. No row refuses a node that can work.
"""


def text() -> str:
    """All groups of cases, each as a table."""
    parts = []
    for title, cases in GROUPS.items():
        parts += [f"## {title}", table(HEADS, map(cells, cases))]
    return page(head("Network faults", "tests/reliability/network"), wrapped(HOW), *parts)


def cells(case: Case) -> list[str]:
    """A case as the table has it."""
    found = "<br>".join(map(shown, case.expected)) or "admitted"
    limit = f"{case.within_s:g} s" + (", and the wait" if case.waits else "")
    return [case.name, case.wrong, found, limit]


def shown(expected: Expected) -> str:
    """A finding: its check, its state and its keys."""
    return f"{expected.check} {expected.state}: " + ", ".join(f"`{key}`" for key in expected.keys)


if __name__ == "__main__":
    FILE.write_text(text())
