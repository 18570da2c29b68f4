"""The signature of a report: an in-toto statement about its files, in a DSSE envelope.

The statement is that of https://github.com/in-toto/attestation (spec/v1, 1.1)::

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "evidence.json", "digest": {"sha256": "..."}},
                 {"name": "report.json", "digest": {"sha256": "..."}}],
     "predicateType": "skewgate:admission/1",
     "predicate": {"skewgate_version": "0.1.0", "run_id": null, "judged_at": "2026-01-31T12:00:00Z",
                   "signed_at": "2026-01-31T12:00:00Z", "verdict": "admit", "policies": [{...}],
                   "nodes": {"node1": {"verdict": "admit", "refused_because": null,
                                       "judged_at": "2026-01-31T12:00:00Z", "policy": 0}}}}

A node's ``policy`` is the number of its policy in ``policies``; null if it has no evidence. The
type of the predicate is a URI without a host, because it names a form and not a page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..boundary.dsse import Refusal, SignatureRefusedError, envelope, opened, read_object
from ..boundary.forms import OBJECT, TABLE, TEXT, WHOLE, Maybe, misfit
from ..boundary.libraries import Ed25519PrivateKey, Ed25519PublicKey
from ..boundary.saved import (
    EVIDENCE_FILE,
    REPORT_FILE,
    SIGNATURE_FILE,
    Copy,
    SavedFileError,
    copied,
    read_signature,
    sha256_of,
)
from ..boundary.times import now, read_time
from ..model.wording import listed
from .admission import FUTURE_TOLERANCE

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "skewgate:admission/1"

_CHANGED = {EVIDENCE_FILE: Refusal.EVIDENCE_CHANGED, REPORT_FILE: Refusal.REPORT_CHANGED}
"""The files that are signed, and what it is if one of them is another."""

_OF_REPORT = ("skewgate_version", "run_id", "judged_at", "verdict")
_OF_NODE = ("verdict", "refused_because", "judged_at")
"""What is signed of the report, and of each of its nodes."""

_STATEMENT = {
    "_type": TEXT,
    "subject": [{"name": TEXT, "digest": {"sha256": TEXT}}],
    "predicateType": TEXT,
    "predicate": {
        "skewgate_version": TEXT,
        "run_id": Maybe(TEXT),
        "judged_at": TEXT,
        "signed_at": TEXT,
        "verdict": TEXT,
        "policies": [OBJECT],
        "nodes": TABLE,
    },
}
_NODE = {"verdict": TEXT, "refused_because": Maybe(TEXT), "judged_at": TEXT, "policy": Maybe(WHOLE)}


def signature_of(
    report: Mapping[str, Any], evidence: Mapping[str, Any], key: Ed25519PrivateKey, directory: Path
) -> str:
    """The text of ``signature.json`` for a report and its evidence, whose files are in the folder.

    Raises SavedFileError.
    """
    numbers: dict[str, int] = {}
    number_of = {
        name: numbers.setdefault(json.dumps(record["policy"], sort_keys=True), len(numbers))
        for name, record in evidence["nodes"].items()
    }
    nodes = {
        name: {**{of: node[of] for of in _OF_NODE}, "policy": number_of.get(name)}
        for name, node in report["nodes"].items()
    }
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256_of(directory / name)}} for name in _CHANGED],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            **{of: report[of] for of in _OF_REPORT},
            "signed_at": now(),
            "policies": [json.loads(policy) for policy in numbers],
            "nodes": nodes,
        },
    }
    return envelope(PAYLOAD_TYPE, json.dumps(statement).encode(), key)


@dataclass(frozen=True)
class Signed:
    """What somebody signed about a report.

    ``files``: copies of the report and of the evidence, which are what was signed.
    """

    statement: Mapping[str, Any]
    files: Mapping[str, Copy]

    @classmethod
    def verified(cls, directory: Path, key: Ed25519PublicKey, max_age_s: float, at: datetime) -> Signed:
        """The statement of the folder's signature, if it is of this key and about these files.

        It must not be older than ``max_age_s`` at the time ``at``. Raises SignatureRefusedError,
        and SavedFileError if the report or the evidence can't be read.
        """
        statement = _statement(opened(_read(directory), key, PAYLOAD_TYPE))
        signed = cls(statement, {name: copied(directory / name) for name in _CHANGED})
        for subject in statement["subject"]:
            found, expected = signed.files[subject["name"]].sha256, subject["digest"]["sha256"]
            if found != expected:
                raise SignatureRefusedError(
                    _CHANGED[subject["name"]],
                    f"{subject['name']} was changed after it was signed, or belongs to another run: expected the SHA-256 "
                    f"{expected[:100]}, found {found}. Use the files that the run wrote, or check the nodes again",
                )
        signed._refuse_age(max_age_s, at)
        return signed

    @property
    def at(self) -> str:
        """When it was signed, according to the clock of the machine that signed."""
        return str(self.statement["predicate"]["signed_at"])

    @property
    def version(self) -> str:
        """The version of skewgate that judged the nodes."""
        return str(self.statement["predicate"]["skewgate_version"])

    def refuse_other(self, report: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        """Raise SignatureRefusedError if the statement says anything else than the report does, or
        has another policy than the evidence. The one who signed made it so.
        """
        if found := list(self._differing(report, evidence)):
            raise SignatureRefusedError(
                Refusal.DIFFERS,
                f"what was signed is not what {REPORT_FILE} and {EVIDENCE_FILE} have: {listed(found, 5)}. Whoever has the key "
                "signed a statement that skewgate did not make; check the nodes again",
            )

    def _differing(self, report: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[str]:
        predicate = self.statement["predicate"]
        yield from (of for of in _OF_REPORT if predicate.get(of) != report.get(of))
        nodes, records = report["nodes"], evidence["nodes"]
        yield from (f"node {name!r}" for name in sorted({*predicate["nodes"]} ^ {*nodes}))
        for name in nodes:
            said, node = predicate["nodes"].get(name), nodes[name]
            if said is None:
                continue
            policy = records[name]["policy"] if name in records else None
            if any(said[of] != node.get(of) for of in _OF_NODE) or self._policy(said["policy"]) != policy:
                yield f"node {name!r}"

    def _policy(self, number: int | None) -> Any:
        policies = self.statement["predicate"]["policies"]
        return policies[number] if number is not None and 0 <= number < len(policies) else None

    def _refuse_age(self, max_age_s: float, at: datetime) -> None:
        age = at - read_time(self.at)
        if age < -FUTURE_TOLERANCE:
            raise SignatureRefusedError(
                Refusal.FUTURE,
                f"it was signed at {self.at}, which is {-age.total_seconds():.0f} s in the future: compare the clock of this "
                "machine with that of the machine that signed it",
            )
        if not age.total_seconds() <= max_age_s:  # nor is any age within a limit that is not a number
            raise SignatureRefusedError(
                Refusal.TOO_OLD,
                f"it was signed at {self.at}, {age.total_seconds():.0f} s ago, but at most {max_age_s:g} s are allowed: run the "
                "check again, or give --max-age",
            )


def _read(directory: Path) -> bytes:
    try:
        return read_signature(directory)
    except FileNotFoundError:
        if not directory.is_dir():
            raise SavedFileError(f"there is no folder {directory}; expected that of a run's report") from None
        raise SignatureRefusedError(
            Refusal.MISSING,
            f"there is no {SIGNATURE_FILE} in {directory}. The report was not signed, or its run has not ended. Run the check "
            "with --signing-key (gate_signing_key_file), or copy the whole folder",
        ) from None
    except OSError as error:
        raise SignatureRefusedError(
            Refusal.UNREADABLE,
            f"can't read {directory / SIGNATURE_FILE}: {error.strerror}. Copy the whole folder again",
        ) from None


def _statement(payload: bytes) -> dict[str, Any]:
    """The statement in a payload that the key signed; raises SignatureRefusedError."""
    found = read_object(payload, "the statement")
    kinds = found.get("_type"), found.get("predicateType")
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise SignatureRefusedError(
            Refusal.OTHER_TYPE,
            f"the key signed something else: expected {STATEMENT_TYPE} with {PREDICATE_TYPE}, found "
            f"{' with '.join(str(kind)[:100] for kind in kinds)}. Use the {SIGNATURE_FILE} that the run wrote, and the version "
            "of skewgate that made it",
        )
    if wrong := _misfit(found):
        raise SignatureRefusedError(
            Refusal.MALFORMED, f"the statement, {wrong}. Use the {SIGNATURE_FILE} that the run wrote"
        )
    return found


def _misfit(statement: Mapping[str, Any]) -> str | None:
    """What is wrong with the form of a statement, if anything is."""
    if wrong := misfit(statement, _STATEMENT):
        return wrong
    if sorted(each["name"] for each in statement["subject"]) != sorted(_CHANGED):
        return f"subject: expected {' and '.join(_CHANGED)}"
    predicate = statement["predicate"]
    try:
        read_time(predicate["signed_at"])
    except ValueError as error:
        return f"predicate.signed_at: {error}"
    return next((wrong for name, node in predicate["nodes"].items() if (wrong := misfit(node, _NODE, name))), None)
