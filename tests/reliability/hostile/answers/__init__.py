"""What hostile nodes answer, by name.

In truth each is 612 s behind: its evidence says so unless the lie is about that.

To add one is to add a function with ``@answers("group")``: its name is the node's. The groups run
together, those of ``ALONE`` by themselves, as they may take time.
"""

from __future__ import annotations

from tests.reliability.hostile.answers import evidence, facts, forms, heavy, remediation, results, text
from tests.reliability.hostile.answers.registry import ALONE, ANSWERS, CHANGING, GROUPS

__all__ = [
    "ALONE",
    "ANSWERS",
    "CHANGING",
    "GROUPS",
    "evidence",
    "facts",
    "forms",
    "heavy",
    "remediation",
    "results",
    "text",
]
