"""A node's record: its evidence, and what the controller noted about it, as checks read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from ..boundary.evidence import MALFORMED
from ..clock.ntp_packet import NS
from ..clock.skew import SkewEstimate, UnknownSkew, estimate_skew
from .finding import CommonKey
from .policy import Policy


class MissingEvidenceError(Exception):
    """A check needs evidence that the node could not show; the framework makes it *inconclusive*.

    ``section``: the section that lacks it. It decides what to do next, unless ``remedy`` says it.
    ``key``: the check's key for this, if it has one.
    """

    def __init__(self, message: str, section: str = "", key: StrEnum | None = None, remedy: str = "") -> None:
        """``message``: what is missing, as half a sentence."""
        super().__init__(message)
        self.section, self.key, self.remedy = section, key, remedy


def without_evidence(policy: Policy, collected_at: str, **why: Any) -> dict[str, Any]:
    """The record of a node from which nothing came; ``why``:
    ``unreachable``, ``module_error`` or ``settings_in_facts``.
    """
    return {
        "policy": policy.as_json(),
        "collected_at": collected_at,
        "evidence": {},
        "controller": None,
        "unreachable": None,
        "module_error": None,
        **why,
    }


@dataclass(frozen=True)
class Record:
    """Wraps the plain JSON of one node.

    Keys: evidence, controller, policy, unreachable, module_error, collected_at; settings_in_facts,
    no_answer, not_checked, missing and ssh_login if there are any; address and earlier if a report
    has them.
    """

    data: Mapping[str, Any]

    @property
    def unreachable(self) -> str | None:
        """Why the node could not be reached, if so."""
        return self.data.get("unreachable")

    @property
    def ssh_login(self) -> Mapping[str, Any] | None:
        """Which certificates ssh offers, if the node refused the login (boundary/ssh_login.py)."""
        return self.data.get("ssh_login")

    @property
    def settings_in_facts(self) -> list[str]:
        """The names of settings that the node's facts have; the node was not asked then."""
        found: list[str] = self.data.get("settings_in_facts") or []
        return found

    @property
    def module_error(self) -> str | None:
        """Why the module that takes the evidence failed, if so."""
        return self.data.get("module_error")

    @property
    def not_checked(self) -> bool:
        """Whether the node was part of a run and no check of it took place."""
        return self.data.get("not_checked") is True

    @property
    def missing(self) -> bool:
        """Whether the node is in the inventory, and the joined evidence has none of it."""
        return self.data.get("missing") is True

    @property
    def no_answer(self) -> str | None:
        """Why the wait for the node's answer was ended, if so."""
        return self.data.get("no_answer")

    @property
    def nothing_taken(self) -> bool:
        """Whether it says why nothing came from the node. The node then has no evidence at all."""
        if self.data.get("evidence"):
            return False
        why = (self.unreachable, self.module_error, self.no_answer, self.not_checked, self.missing)
        return any((*why, self.settings_in_facts))

    @cached_property
    def evidence(self) -> Mapping[str, Any]:
        """All that the node showed, without the sections that are malformed."""
        shown = self.data.get("evidence") or {}
        return {name: section for name, section in shown.items() if not _is_malformed(section)}

    @property
    def without_root(self) -> bool:
        """Whether another user than root took the evidence; what only root may see is not in it."""
        return bool((self.evidence.get("collected") or {}).get("euid"))

    def section(self, name: str) -> Any:
        """One section of the evidence; raises MissingEvidenceError if it was not taken,
        failed or is malformed.
        """
        section = (self.data.get("evidence") or {}).get(name)
        if section is None:
            raise MissingEvidenceError(f"the evidence has no section {name!r}", name)
        if _is_malformed(section):
            raise MissingEvidenceError(
                f"the node's answer is malformed: {section[MALFORMED]}", name, CommonKey.MALFORMED
            )
        if isinstance(section, dict) and "error" in section:
            raise MissingEvidenceError(f"taking {name!r} failed on the node: {section['error']}", name)
        return section

    def answer(self, section: str, command: str, called: str) -> str:
        """What a section's ``command`` printed;
        raises MissingEvidenceError, with the name ``called``, if it failed.
        """
        answer = (self.section(section).get("commands") or {}).get(command) or {"error": "not asked"}
        if answer.get("error") or answer["rc"] != 0:
            reason = answer.get("error") or (answer["stderr"] or answer["stdout"]).strip() or f"rc {answer['rc']}"
            raise MissingEvidenceError(f"{called} did not answer: {reason}", section)
        return str(answer["stdout"])

    def chronyc(self, command: str) -> str:
        """What chronyc printed, by the probe's name of the command;
        raises MissingEvidenceError if it failed.
        """
        called = {"sources_all": "-N sources -a", "sources_named": "-N sources"}.get(command, command)
        return self.answer("chrony", command, f"chronyc {called}")

    @property
    def took_s(self) -> float:
        """How long taking the evidence lasted, by the node's monotonic clock."""
        collected = self.section("collected")
        return float(collected["end_mono_ns"] - collected["mono_ns"]) / NS

    @cached_property
    def skew(self) -> SkewEstimate:
        """The node's skew from all references; unknown if the evidence cannot be read."""
        try:
            return estimate_skew(self.evidence, self.data.get("controller"))
        except Exception as error:  # noqa: BLE001 - evidence of an unknown form must not end the run
            why = f"the evidence cannot be read: {type(error).__name__}: {error}"
            return SkewEstimate(None, (), unknown=UnknownSkew.UNREADABLE, unknown_because=why)


def _is_malformed(section: Any) -> bool:
    return isinstance(section, dict) and MALFORMED in section
