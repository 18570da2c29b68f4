"""The changes that are planned for a node so far, and the findings that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..model.policy import Policy
from ..model.record import Record


class RefusedError(Exception):
    """The node cannot be fixed, or only if the user allows it; the text says why and what to do."""


@dataclass(frozen=True)
class Change:
    """One change, and the checks whose findings it fixes; none if it only keeps them fixed."""

    what: str
    answers: tuple[str, ...]


class Planned:
    """``findings`` are those of the judgement, by their checks; ``to_remediate`` those that refuse
    the node and that remediation may fix.

    ``warnings`` and ``changes`` fill up while the plan is made.
    """

    def __init__(self, record: Record, judgement: Mapping[str, Any]) -> None:
        """From the node's record, and the entry that ``judge_record`` made of it."""
        self.record, self.judgement = record, judgement
        self.findings = {f["check"]: f for f in judgement["findings"]}
        self.to_remediate = {name: f for name, f in self.findings.items() if f["required"] and f["remediable"]}
        self.policy = Policy.from_json(record.data["policy"])
        self.warnings: list[str] = []
        self.changes: list[Change] = []

    def change(self, what: str, *checks: str) -> None:
        """Plan a change, and note which of these checks' findings it fixes."""
        self.changes.append(Change(what, tuple(dict.fromkeys(self.failing(*checks)))))

    def words(self, name: str) -> str:
        """A check's finding for people: its name and its cause."""
        return f"{name}: {self.to_remediate[name]['cause']}"

    def failing(self, *names: str) -> list[str]:
        """The findings to fix.

        An advisory one, or one beyond chrony, is no reason to touch a node.
        """
        return [name for name in names if name in self.to_remediate]

    def caused(self, name: str, *keys: StrEnum) -> list[str]:
        """The check's name, if its finding is to be fixed and has one of these keys."""
        return [n for n in self.failing(name) if {str(key) for key in keys} & set(self.to_remediate[n]["keys"])]

    def files(self, section: str) -> list[tuple[str, str]]:
        """The paths and texts of a daemon's configuration."""
        taken = self.record.evidence.get(section) or {}
        return [(file["path"], file["text"]) for file in (taken.get("config") or {}).get("files") or []]
