"""What a check finds of a record, and what a finding says, as tests ask for them.

A finding is distinguished by its state, its keys and what they are about. Its words may get
better at any time: a test holds only what the reader needs of them (figures with their units,
names, commands, file and line, and what is quoted from others).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import Check
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record


def finding_of(check: Check, data: Mapping[str, Any]) -> Finding:
    """The answer of one check, by the record's own policy;
    raises MissingEvidenceError as the check itself does.
    """
    return check.judge(Record(data), Policy.from_json(data["policy"]))


def unsaid(text: str, *parts: str) -> list[str]:
    """Those of the parts that are not in the text: none, if it says all that a reader needs.

    Refuses to look for nothing.

    A number by itself is looked for with a space on both sides: ``" 3 "``.
    """
    assert all(parts), "an empty part is in every text"
    return [part for part in parts if part not in f" {text} "]
