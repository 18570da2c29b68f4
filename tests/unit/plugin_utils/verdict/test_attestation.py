"""What the signature of a report says, and what is refused in its place."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import saved
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.dsse import (
    Refusal,
    SignatureRefusedError,
    envelope,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import Holder
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_FILE,
    MAX_SIGNATURE_BYTES,
    REPORT_FILE,
    SIGNATURE_FILE,
    SavedFileError,
    evidence_of,
    read_evidence,
    read_report,
    sha256_of,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now, read_time
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import begin, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.attestation import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    Signed,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import policy, record, unreached

KEY = Ed25519PrivateKey.generate()
RECORDS = {"a": record(), "b": record(-612.0, of_policy=policy(clients=["flux"])), "c": unreached()}
FILES = (EVIDENCE_FILE, REPORT_FILE, SIGNATURE_FILE)


def written(folder: Path, key: Ed25519PrivateKey | None = KEY, records: Mapping[str, Any] = RECORDS) -> Path:
    judged_at = now()
    report, evidence = judge_records(records, judged_at, "run 1"), evidence_of(records, judged_at, "run 1")
    write(folder, report, evidence, ["json"], signing_key=key)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(tmp_path: Path, whole: Path) -> Path:
    """A copy of a signed report, as on another machine."""
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def verified(folder: Path, key: Ed25519PrivateKey = KEY, max_age_s: float = 3600, after_s: float = 0) -> Signed:
    at = datetime.now(UTC) + timedelta(seconds=after_s)
    signed = Signed.verified(folder, key.public_key(), max_age_s, at)
    report = read_report(folder, signed.files[REPORT_FILE])
    signed.refuse_other(report, read_evidence(folder / EVIDENCE_FILE, copy=signed.files[EVIDENCE_FILE]))
    return signed


def refusal(folder: Path, **how: Any) -> SignatureRefusedError | None:
    try:
        verified(folder, **how)
    except SignatureRefusedError as error:
        return error
    return None


def refused(folder: Path, **how: Any) -> SignatureRefusedError:
    error = refusal(folder, **how)
    assert error is not None, "it is believed"
    return error


def payload(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / SIGNATURE_FILE).read_text())
    statement: dict[str, Any] = json.loads(base64.b64decode(content["payload"]))
    return statement


def resign(folder: Path, statement: Any) -> None:
    """What somebody with the key can sign."""
    (folder / SIGNATURE_FILE).write_text(envelope(PAYLOAD_TYPE, json.dumps(statement).encode(), KEY))


def test_the_statement_has_the_files_the_policies_and_the_verdicts(folder: Path) -> None:
    statement = payload(folder)
    signed_at = statement["predicate"].pop("signed_at")
    assert timedelta(0) <= datetime.now(UTC) - read_time(signed_at) < timedelta(minutes=5)
    report, evidence = read_report(folder), read_evidence(folder / EVIDENCE_FILE)
    policies = [evidence["nodes"][name]["policy"] for name in "ab"]
    assert policies[0] != policies[1]
    assert evidence["nodes"]["c"]["policy"] in policies
    number = policies.index(evidence["nodes"]["c"]["policy"])
    nodes = {
        name: {
            "verdict": verdict,
            "refused_because": why,
            "judged_at": evidence["nodes"][name]["collected_at"],
            "policy": which,
        }
        for name, verdict, why, which in (
            ("a", "admit", None, 0),
            ("b", "refuse", "failure", 1),
            ("c", "refuse", "not_judged", number),
        )
    }
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": {"sha256": sha256_of(folder / name)}} for name in (EVIDENCE_FILE, REPORT_FILE)
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "skewgate_version": VERSION,
            "run_id": "run 1",
            "judged_at": report["judged_at"],
            "verdict": "refuse",
            "policies": policies,
            "nodes": nodes,
        },
    }
    signed = verified(folder)
    assert (signed.at, signed.version) == (signed_at, VERSION)


def test_a_node_without_evidence_has_no_policy(tmp_path: Path) -> None:
    """As one of an inventory that `skewgate report -i` misses."""
    judged_at = now()
    report, evidence = judge_records(RECORDS, judged_at), evidence_of({"a": RECORDS["a"]}, judged_at)
    write(tmp_path, report, evidence, ["json"], signing_key=KEY)
    assert [payload(tmp_path)["predicate"]["nodes"][name]["policy"] for name in "abc"] == [0, None, None]
    verified(tmp_path)


def test_the_signature_goes_with_its_report(folder: Path) -> None:
    files = write(folder, read_report(folder), read_evidence(folder / EVIDENCE_FILE), ["json"], signing_key=KEY)
    assert [path.name for path in files] == [EVIDENCE_FILE, REPORT_FILE, SIGNATURE_FILE]
    verified(folder)
    written(folder, None)
    assert refused(folder).key is Refusal.MISSING
    written(folder)
    begin(folder, Holder.of())
    assert sorted(path.name for path in folder.glob("[a-z]*.json")) == [EVIDENCE_FILE, "in-use.json"]


def _replaced(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def _of_another_run(name: str) -> Callable[[Path], object]:
    def take(folder: Path) -> None:
        other = written(folder / "other", records={"a": record(0.001)})
        (other / name).replace(folder / name)

    return take


def _huge(folder: Path) -> None:
    with (folder / SIGNATURE_FILE).open("r+b") as file:
        file.truncate(MAX_SIGNATURE_BYTES + 1)


def _folder(folder: Path) -> None:
    (folder / SIGNATURE_FILE).unlink()
    (folder / SIGNATURE_FILE).mkdir()


TAMPERED: dict[str, tuple[Callable[[Path], object], Refusal, str]] = {
    "no signature": (lambda folder: (folder / SIGNATURE_FILE).unlink(), Refusal.MISSING, "there is no signature.json"),
    "a huge signature": (_huge, Refusal.UNREADABLE, "it has 67108865 bytes"),
    "a folder": (_folder, Refusal.UNREADABLE, "Is a directory"),
    "a blank more in the report": (
        _replaced(REPORT_FILE, lambda text: text + b" "),
        Refusal.REPORT_CHANGED,
        "report.json was changed after it was signed",
    ),
    "a digit of the evidence": (
        _replaced(EVIDENCE_FILE, lambda text: text.replace(b"1", b"2", 1)),
        Refusal.EVIDENCE_CHANGED,
        "evidence.json was changed after it was signed",
    ),
    "an empty report": (_replaced(REPORT_FILE, lambda _: b""), Refusal.REPORT_CHANGED, "found e3b0c44298fc1c14"),
    "another run's report": (_of_another_run(REPORT_FILE), Refusal.REPORT_CHANGED, "or belongs to another run"),
    "another run's evidence": (_of_another_run(EVIDENCE_FILE), Refusal.EVIDENCE_CHANGED, "or belongs to another run"),
    "another run's signature": (_of_another_run(SIGNATURE_FILE), Refusal.EVIDENCE_CHANGED, "or belongs to another run"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_not_as_it_was_signed_is_refused_with_its_reason(folder: Path, name: str) -> None:
    change, key, said = TAMPERED[name]
    verified(folder)
    change(folder)
    error = refused(folder)
    assert error.key is key
    assert said in str(error)


def test_another_key_is_refused(folder: Path) -> None:
    assert refused(folder, key=Ed25519PrivateKey.generate()).key is Refusal.OTHER_KEY


@pytest.mark.parametrize("name", [EVIDENCE_FILE, REPORT_FILE])
def test_a_report_that_can_not_be_read_is_no_matter_of_the_signature(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SavedFileError, match="No such file"):
        verified(folder)


def test_a_file_that_can_not_be_copied_is_not_said_to_be_a_wrong_signature(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(SavedFileError, match=r"evidence\.json to .*/none, to verify it: No such file.*TMPDIR"):
        verified(folder)


def test_a_file_that_grows_while_it_is_copied_is_not_copied_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is known when it is opened. What is there afterwards may be more."""
    monkeypatch.setattr(saved, "MAX_BYTES", (folder / EVIDENCE_FILE).stat().st_size - 1)
    with pytest.raises(SavedFileError, match=r"can't copy .*/evidence\.json .*: it grew to more than"):
        verified(folder)


@given(name=st.sampled_from(FILES), where=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
@settings(max_examples=60)
def test_whatever_byte_is_changed_only_what_was_signed_is_believed(
    tmp_path_factory: pytest.TempPathFactory, whole: Path, name: str, where: float, bits: int
) -> None:
    """Of the envelope a byte may change that means nothing (the name of ``keyid``, the last bits of
    base64): DSSE has its readers ignore these. Then the statement is the one that was signed.
    """
    text = bytearray((whole / name).read_bytes())
    text[int(where * len(text))] ^= bits
    folder = tmp_path_factory.mktemp("changed")
    for each in FILES:
        (folder / each).write_bytes(bytes(text) if each == name else (whole / each).read_bytes())
    if (error := refusal(folder)) is None:
        assert name == SIGNATURE_FILE
        assert verified(folder).statement == payload(whole)
    else:
        changed = {EVIDENCE_FILE: {Refusal.EVIDENCE_CHANGED}, REPORT_FILE: {Refusal.REPORT_CHANGED}}
        assert error.key in changed.get(name, {Refusal.WRONG, Refusal.OTHER_KEY, Refusal.MALFORMED})


def test_every_byte_of_the_signature_counts_but_those_that_mean_nothing(folder: Path) -> None:
    """Each byte of the envelope, one after the other, made another one."""
    path, statement = folder / SIGNATURE_FILE, payload(folder)
    text = path.read_bytes()
    begin_of, end_of = text.index(b'"payload": "') + 12, text.index(b'", "payloadType"')
    sampled = [*range(begin_of), *range(begin_of, end_of, 97), *range(end_of, len(text))]
    believed = []
    for place in sampled:
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        if refusal(folder) is None:
            assert verified(folder).statement == statement
            believed.append(place)
    key_id_begins = text.index(b'"keyid"')
    meaningless = range(key_id_begins, text.index(b'"sig"'))
    assert {place for place in believed if place not in meaningless} <= set(_last_of_base64(text))


def _last_of_base64(text: bytes) -> Iterator[int]:
    """Where base64 ends: the last character has bits that no byte has."""
    for end in (b'", "payloadType"', b'"}]}'):
        place = text.index(end) - 1
        while text[place : place + 1] == b"=":
            place -= 1
        yield place


AGES: dict[str, tuple[dict[str, float], Refusal | None]] = {
    "at once": ({}, None),
    "before its end": ({"after_s": 3590}, None),
    "an old one": ({"after_s": 3610}, Refusal.TOO_OLD),
    "an old one that is allowed": ({"after_s": 86400, "max_age_s": 90000}, None),
    "any age": ({"after_s": 1e9, "max_age_s": float("inf")}, None),
    "no age": ({"max_age_s": float("nan")}, Refusal.TOO_OLD),
    "a clock that is a little behind": ({"after_s": -50}, None),
    "from the future": ({"after_s": -120}, Refusal.FUTURE),
    "from the future, of any age": ({"after_s": -120, "max_age_s": float("inf")}, Refusal.FUTURE),
}


@pytest.mark.parametrize("name", AGES)
def test_an_old_signature_and_one_from_the_future_are_refused(folder: Path, name: str) -> None:
    how, key = AGES[name]
    if key is None:
        verified(folder, **how)
    else:
        assert refused(folder, **how).key is key


def _set(*path: Any) -> Callable[[dict[str, Any]], object]:
    """Replace what is there; the last of the path is the new value."""
    *way, last, value = path

    def change(statement: dict[str, Any]) -> None:
        inner: Any = statement
        for step in way:
            inner = inner[step]
        inner[last] = value

    return change


def _a(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda statement: statement["predicate"]["nodes"]["a"].update(changes)


SIGNED: dict[str, tuple[Callable[[dict[str, Any]], object], Refusal, str]] = {
    "another statement": (
        _set("_type", "https://in-toto.io/Statement/v0.1"),
        Refusal.OTHER_TYPE,
        "found https://in-toto.io/Statement/v0.1 with skewgate:admission/1",
    ),
    "another predicate": (_set("predicateType", "https://slsa.dev/provenance/v1"), Refusal.OTHER_TYPE, "slsa.dev"),
    "a later predicate": (_set("predicateType", "skewgate:admission/2"), Refusal.OTHER_TYPE, "the version of skewgate"),
    "no predicate": (_set("predicate", None), Refusal.MALFORMED, "predicate: expected an object"),
    "one subject": (lambda s: s["subject"].pop(), Refusal.MALFORMED, "expected evidence.json and report.json"),
    "a subject twice": (lambda s: s["subject"].append(s["subject"][0]), Refusal.MALFORMED, "subject: expected"),
    "a file elsewhere": (_set("subject", 0, "name", "../evidence.json"), Refusal.MALFORMED, "subject: expected"),
    "another hash": (_set("subject", 0, "digest", {"sha512": "00"}), Refusal.MALFORMED, "digest.sha256: expected"),
    "no hash of it": (_set("subject", 0, "digest", "sha256", ""), Refusal.EVIDENCE_CHANGED, "evidence.json"),
    "no time": (_set("predicate", "signed_at", "yesterday"), Refusal.MALFORMED, "predicate.signed_at: found the time"),
    "a time without a zone": (
        _set("predicate", "signed_at", "2026-01-31T12:00:00"),
        Refusal.MALFORMED,
        "predicate.signed_at: found the time",
    ),
    "an old time": (_set("predicate", "signed_at", "2026-01-31T12:00:00Z"), Refusal.TOO_OLD, "signed at 2026-01-31"),
    "a node of another form": (_set("predicate", "nodes", "a", {}), Refusal.MALFORMED, "a.verdict: expected a text"),
    "a true policy": (_a(policy=True), Refusal.MALFORMED, "a.policy: expected a whole number"),
    "a node more": (
        lambda s: s["predicate"]["nodes"].update(z=s["predicate"]["nodes"]["a"]),
        Refusal.DIFFERS,
        "node 'z'",
    ),
    "a node less": (lambda s: s["predicate"]["nodes"].pop("b"), Refusal.DIFFERS, "node 'b'"),
    "another verdict": (
        lambda s: s["predicate"]["nodes"]["b"].update(verdict="admit"),
        Refusal.DIFFERS,
        "node 'b'",
    ),
    "another reason": (
        lambda s: s["predicate"]["nodes"]["b"].update(refused_because="not_judged"),
        Refusal.DIFFERS,
        "node 'b'",
    ),
    "another time of a node": (_a(judged_at="2026-01-31T12:00:01Z"), Refusal.DIFFERS, "node 'a'"),
    "another's policy": (_a(policy=1), Refusal.DIFFERS, "node 'a'"),
    "no policy": (_a(policy=None), Refusal.DIFFERS, "node 'a'"),
    "no such policy": (_a(policy=9), Refusal.DIFFERS, "node 'a'"),
    "a policy from behind": (_a(policy=-2), Refusal.DIFFERS, "node 'a'"),
    "a policy that allows more": (
        _set("predicate", "policies", 0, "max_skew_s", 9999),
        Refusal.DIFFERS,
        "node 'a'",
    ),
    "another verdict of all": (_set("predicate", "verdict", "admit"), Refusal.DIFFERS, "have: verdict"),
    "another run": (_set("predicate", "run_id", "run 2"), Refusal.DIFFERS, "have: run_id"),
    "another version": (_set("predicate", "skewgate_version", "9"), Refusal.DIFFERS, "have: skewgate_version"),
}


@pytest.mark.parametrize("name", SIGNED)
def test_what_the_key_signed_is_refused_unless_it_is_about_this_report(folder: Path, name: str) -> None:
    change, key, said = SIGNED[name]
    statement = payload(folder)
    resign(folder, statement)
    verified(folder)
    change(statement)
    resign(folder, statement)
    error = refused(folder)
    assert error.key is key
    assert said in str(error)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"_type": 1, "_type": 2}', b'{"_type": NaN}'])
def test_a_payload_that_is_no_object_of_json_is_refused(folder: Path, text: bytes) -> None:
    (folder / SIGNATURE_FILE).write_text(envelope(PAYLOAD_TYPE, text, KEY))
    assert refused(folder).key is Refusal.MALFORMED


def test_what_is_not_known_in_the_statement_is_ignored(folder: Path) -> None:
    statement = payload(folder)
    statement["more"] = statement["predicate"]["more"] = statement["predicate"]["nodes"]["a"]["more"] = {"x": 1}
    resign(folder, statement)
    verified(folder)
