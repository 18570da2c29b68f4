"""``skewgate verify``: whether a saved report still admits, and whether it is the signed one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.dsse import SignatureRefusedError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.libraries import Ed25519PublicKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_FILE,
    REPORT_FILE,
    SIGNATURE_FILE,
    Copy,
    SavedFileError,
    read_evidence,
    read_report,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import key_id, read_public_key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import stale_because
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.attestation import Signed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode, exit_code_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import outcome, reason
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_node
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.tokens import awaits_others
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from . import screen
from .errors import SkewgateError
from .reporting import Policies, folded, judged

NOT_ASKED = (
    "Not checked: whether a node has rebooted or its clock was set since then. No file can show it; the entry point "
    "admission of the role gate asks the node."
)
"""What ``verify`` cannot know."""

NOT_VERIFIED = f"Not checked: the signature, {SIGNATURE_FILE}. --key FILE checks it with the controller's public key."


def verify(args: argparse.Namespace) -> int:
    """``verify``: whether a report's evidence admits every node now, or the one of ``--node``.

    With ``--key``, nothing is believed that is not signed with this key.
    """
    directory = args.run if args.run.is_dir() or not args.run.exists() else args.run.parent
    try:
        return _verified(args, directory)
    except SignatureRefusedError as error:  # no node was seen to fail, so it is as if none was judged
        text = clean(f"{directory}: not admitted ({error.key}): {error}")
        raise SkewgateError(text, ExitCode.NOT_JUDGED) from None


def _verified(args: argparse.Namespace, directory: Path) -> int:
    key = _public_key(args.key) if args.key else None
    signed = Signed.verified(directory, key, args.max_age, datetime.now(UTC)) if key else None
    report, evidence = _of_one_run(directory, signed.files if signed else {})
    if signed and key:
        signed.refuse_other(report, evidence)
        screen.show([clean(f"signed at {signed.at} with the key {key_id(key)}")])
    reported, records = report["nodes"], evidence["nodes"]
    names = [args.node] if args.node else sorted({*reported, *records})
    codes, policies = [], Policies()
    together: Mapping[str, Any] = {}
    for name in names:
        if name in records:
            record = records[name]
            node = _judged_alone(name, record)
            if awaits_others(node):  # whose token other nodes of the run minted
                together = together or judged(records, now())["nodes"]
                node = together[name]
            code, text = _admission(node, reported.get(name), args.max_age, signed)
            policies.of_nodes[name] = Policies.lines_of(record)
        elif name in reported:
            code, text = (
                ExitCode.NOT_JUDGED,
                f"{REPORT_FILE} has this node, and {EVIDENCE_FILE} does not: check it again",
            )
        else:
            code, text = (
                ExitCode.NOT_JUDGED,
                f"the report does not have this node (it has: {listed(sorted(reported))})",
            )
        screen.show([clean(f"{name}: {text}")])
        codes.append(code)
    screen.show(map(clean, policies.lines()))
    if ExitCode.ADMITTED in codes:
        screen.show(folded(NOT_ASKED, screen.width()))
    if signed is None and (directory / SIGNATURE_FILE).exists():
        screen.show(folded(NOT_VERIFIED, screen.width()))
    return max(codes, default=ExitCode.NOT_JUDGED)


def _public_key(file: Path) -> Ed25519PublicKey:
    try:
        return read_public_key(str(file), "--key")
    except ValueError as error:
        raise SkewgateError(clean(error)) from None


def _judged_alone(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return judge_node(name, Record(parse_record(record)))
    except (ValueError, RecursionError) as error:
        raise SkewgateError(clean(error)) from error


def _of_one_run(directory: Path, copies: Mapping[str, Copy]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report and the evidence, of the copies that are there. Raises SavedFileError for two
    runs.
    """
    report = read_report(directory, copies.get(REPORT_FILE))
    evidence = read_evidence(directory / EVIDENCE_FILE, copy=copies.get(EVIDENCE_FILE))
    for key in ("run_id", "judged_at"):
        if report.get(key) != evidence.get(key):
            raise SavedFileError(
                f"{directory}: {REPORT_FILE} and {EVIDENCE_FILE} are not of one run: {key} is {report.get(key)!r} in one and "
                f"{evidence.get(key)!r} in the other; check the nodes again"
            )
    return report, evidence


def _admission(
    node: Mapping[str, Any], reported: Mapping[str, Any] | None, max_age_s: float, signed: Signed | None
) -> tuple[ExitCode, str]:
    """Whether a node's evidence and its entry of the report both admit it now, and if not, why."""
    said = reported and reported.get("verdict")
    if node["verdict"] != "admit":
        differs = f" ({_differs(signed)})" if said == "admit" else ""
        return exit_code_of([node["refused_because"]]), f"{outcome(node, reason(node))}{differs}"
    if reported is None or said != "admit" or reported["judged_at"] != node["judged_at"]:
        found = "does not have it" if reported is None else f"says {said!r} of {reported['judged_at']}"
        return ExitCode.NOT_JUDGED, (
            f"not admitted: its evidence of {node['judged_at']} would be, but {REPORT_FILE} {found}; check it again"
        )
    if stale := stale_because(node["judged_at"], max_age_s, datetime.now(UTC)):
        return ExitCode.NOT_JUDGED, stale
    return ExitCode.ADMITTED, f"admitted at {node['judged_at']}"


def _differs(signed: Signed | None) -> str:
    """Why the report may admit a node that its evidence does not."""
    if signed is None:
        return f"{REPORT_FILE} admits it: it was changed, or made by another version"
    if signed.version != VERSION:
        return (
            f"it was signed as admitted by version {signed.version}, and this is {VERSION}: verify it with that version"
        )
    return "it was signed as admitted, so whoever has the key signed what skewgate did not judge"
