"""What an envelope proves, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.dsse import (
    MOST_SIGNATURES,
    Refusal,
    SignatureRefusedError,
    envelope,
    opened,
    pae,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "application/vnd.in-toto+json"
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PAYLOAD = '{"a": "ü", "?": ">>>???"}'.encode()
TEXT = envelope(TYPE, PAYLOAD, KEY)
CONTENT: dict[str, Any] = json.loads(TEXT)
[SIGNATURE] = CONTENT["signatures"]
OF_OTHER = json.loads(envelope(TYPE, PAYLOAD, OTHER))["signatures"][0]


def changed(**changes: Any) -> bytes:
    return json.dumps({**CONTENT, **changes}).encode()


def refused(text: bytes) -> SignatureRefusedError:
    with pytest.raises(SignatureRefusedError) as error:
        opened(text, KEY.public_key(), TYPE)
    return error.value


def test_the_payload_is_that_which_was_signed() -> None:
    assert opened(TEXT.encode(), KEY.public_key(), TYPE) == PAYLOAD


@pytest.mark.parametrize(
    "signatures",
    [
        [OF_OTHER, SIGNATURE],
        [SIGNATURE, {"keyid": "x", "sig": ""}],
        [{"sig": SIGNATURE["sig"]}],
        [{"keyid": None, "sig": SIGNATURE["sig"]}],
        [{"keyid": OF_OTHER["keyid"], "sig": SIGNATURE["sig"], "more": 1}],
        [{**SIGNATURE, "sig": SIGNATURE["sig"].replace("+", "-").replace("/", "_")}],
    ],
    ids=[
        "the second",
        "beside an empty one",
        "no key ID",
        "null",
        "another key ID, which nobody signs",
        "URL-safe base64",
    ],
)
def test_one_signature_of_the_key_is_enough_whatever_is_beside_it(signatures: list[Any]) -> None:
    assert opened(changed(signatures=signatures, more="ignored"), KEY.public_key(), TYPE) == PAYLOAD


DEEP = b"[" * 100_000

REFUSED: dict[str, tuple[bytes, Refusal, str]] = {
    "no signature": (changed(signatures=[]), Refusal.OTHER_KEY, "found no key at all"),
    "another key": (changed(signatures=[OF_OTHER]), Refusal.OTHER_KEY, f"found {OF_OTHER['keyid']}"),
    "no key ID": (changed(signatures=[{"sig": OF_OTHER["sig"]}]), Refusal.OTHER_KEY, "a key that it does not name"),
    "another payload": (changed(payload="e30="), Refusal.WRONG, "the envelope was changed"),
    "another type": (changed(payloadType="text/plain"), Refusal.WRONG, "the envelope was changed"),
    "half a surrogate": (changed(payloadType="\ud800"), Refusal.WRONG, "the envelope was changed"),
    "another signature": (
        changed(signatures=[{**SIGNATURE, "sig": OF_OTHER["sig"]}]),
        Refusal.WRONG,
        "the envelope was changed",
    ),
    "a short signature": (
        changed(signatures=[{**SIGNATURE, "sig": "AAAA"}]),
        Refusal.WRONG,
        "the envelope was changed",
    ),
    "a type that was signed": (
        envelope("application/vnd.example+json", PAYLOAD, KEY).encode(),
        Refusal.OTHER_TYPE,
        "found 'application/vnd.example+json'",
    ),
    "no base64": (changed(payload="e30=!"), Refusal.MALFORMED, "payload: expected base64"),
    "no base64 in a signature": (
        changed(signatures=[SIGNATURE, {"sig": "ü"}]),
        Refusal.MALFORMED,
        "signatures[1].sig: expected base64",
    ),
    "padding left out": (changed(payload="e30"), Refusal.MALFORMED, "payload: expected base64"),
    "many signatures": (
        changed(signatures=[SIGNATURE] * (MOST_SIGNATURES + 1)),
        Refusal.MALFORMED,
        f"at most {MOST_SIGNATURES} signatures",
    ),
    "no payload": (changed(payload=None), Refusal.MALFORMED, "payload: expected a text"),
    "signatures of another form": (changed(signatures={"sig": ""}), Refusal.MALFORMED, "signatures: expected a list"),
    "a signature of another form": (changed(signatures=[7]), Refusal.MALFORMED, "signatures[0]: expected an object"),
    "not JSON": (b"{", Refusal.MALFORMED, "is not JSON"),
    "nothing": (b"", Refusal.MALFORMED, "is not JSON"),
    "not UTF-8": (b"\xff{}", Refusal.MALFORMED, "is not JSON"),
    "a list": (b"[]", Refusal.MALFORMED, "expected an object"),
    "a deep list": (DEEP, Refusal.MALFORMED, "is not JSON"),
    "NaN": (changed(more=float("nan")), Refusal.MALFORMED, "expected finite numbers, found NaN"),
    "a huge number": (b'{"more": 1e999}', Refusal.MALFORMED, "expected finite numbers, found 1e999"),
    "a key twice": (b'{"payload": "", ' + TEXT.encode()[1:], Refusal.MALFORMED, "'payload' is there twice"),
    "a key twice within": (
        b'{"signatures": [{"sig": "", "sig": ""}]}',
        Refusal.MALFORMED,
        "'sig' is there twice",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_envelope_is_refused_with_what_was_found(name: str) -> None:
    text, key, said = REFUSED[name]
    error = refused(text)
    assert error.key is key
    assert said in str(error)
    assert "se the " in str(error) or "Give the public key" in str(error), "it says what to do next"


def test_the_type_is_bound_to_what_is_signed() -> None:
    assert pae("ab", b"c") == b"DSSEv1 2 ab 1 c"
    assert pae("a", b"b 1 c") != pae("a 1 b", b"c")
    assert pae("ü", b"") == b"DSSEv1 2 \xc3\xbc 0 "
