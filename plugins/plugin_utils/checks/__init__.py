"""The checks, one file each: its docstring is what ``skewgate explain`` prints.

A check's file has ``NEEDS`` (the sections of the evidence that it reads), ``REMEDIABLE`` (whether
the role can help if it does not pass) and ``judge(record, policy) -> Finding``, a pure function. A
new file here is a new check.

Some checks read a section only if the node runs a certain daemon. They name these sections in
``READS``. These sections are taken too, and the check is judged without those that are missing.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import Record


class Check(Protocol):
    """What each module in this folder provides."""

    __doc__: str | None
    NEEDS: tuple[str, ...]
    REMEDIABLE: bool

    def judge(self, record: Record, policy: Policy) -> Finding:
        """Answer the check's question from the evidence alone."""


@cache
def discover() -> dict[str, Check]:
    """All checks by name, ``reachable`` first:
    the others cannot judge a node that was not reached.
    """
    names = sorted((m.name for m in pkgutil.iter_modules(__path__)), key=lambda name: (name != "reachable", name))
    return {name: cast(Check, importlib.import_module(f"{__name__}.{name}")) for name in names}


def sections_of(check: Check) -> set[str]:
    """The sections of the evidence that are to be taken for a check."""
    return {*check.NEEDS, *getattr(check, "READS", ())}
