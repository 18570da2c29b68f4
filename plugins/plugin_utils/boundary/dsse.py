"""The envelope of a signed text: DSSE 1.0 with Ed25519.

The format is that of https://github.com/secure-systems-lab/dsse (protocol.md and envelope.md, both
1.0.0). It is so short that a library for it would be one more package in every execution
environment for one line: what is signed is ``pae``, and cryptography signs it.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from enum import StrEnum
from typing import Any

from .forms import TEXT, Maybe, misfit
from .libraries import Ed25519PrivateKey, Ed25519PublicKey, InvalidSignature
from .signing_keys import key_id

MOST_SIGNATURES = 16
"""So many signatures are tried. Each costs as much as hashing the whole payload."""

_ENVELOPE = {"payload": TEXT, "payloadType": TEXT, "signatures": [{"keyid": Maybe(TEXT), "sig": TEXT}]}


class Refusal(StrEnum):
    """Why a signature proves nothing."""

    MISSING = "signature_missing"
    UNREADABLE = "signature_unreadable"
    MALFORMED = "signature_malformed"
    OTHER_KEY = "signature_of_another_key"
    WRONG = "signature_wrong"
    OTHER_TYPE = "signature_of_something_else"
    EVIDENCE_CHANGED = "evidence_changed"
    REPORT_CHANGED = "report_changed"
    DIFFERS = "signed_verdicts_differ"
    TOO_OLD = "signature_too_old"
    FUTURE = "signature_from_the_future"


class SignatureRefusedError(ValueError):
    """A signature proves nothing.

    The text has what was found, what was expected, and what to do next.
    """

    def __init__(self, key: Refusal, why: str) -> None:
        """``key``: what code decides by."""
        super().__init__(why)
        self.key = key


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, which also binds the type.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode(errors="surrogatepass")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload_type: str, payload: bytes, key: Ed25519PrivateKey) -> str:
    """The text of an envelope with one signature."""
    signature = {
        "keyid": key_id(key.public_key()),
        "sig": base64.b64encode(key.sign(pae(payload_type, payload))).decode(),
    }
    content = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [signature],
    }
    return json.dumps(content) + "\n"


def opened(text: bytes, key: Ed25519PublicKey, payload_type: str) -> bytes:
    """The payload, if one of the envelope's signatures is of this key.

    Signatures of other keys do not matter. ``keyid`` decides nothing, because nobody signs it. It
    is used only to say why no signature fits. Raises SignatureRefusedError.
    """
    content = read_object(text, "the envelope")
    if wrong := misfit(content, _ENVELOPE):
        raise _malformed(f"the envelope: {wrong}")
    signatures = content["signatures"]
    if len(signatures) > MOST_SIGNATURES:
        raise _malformed(f"the envelope: expected at most {MOST_SIGNATURES} signatures, found {len(signatures)}")
    payload = _decoded(content["payload"], "payload")
    signed = pae(content["payloadType"], payload)
    found = [_decoded(each["sig"], f"signatures[{number}].sig") for number, each in enumerate(signatures)]
    if not any(_fits(key, each, signed) for each in found):
        raise _of_another([each.get("keyid") or "" for each in signatures], key_id(key))
    if content["payloadType"] != payload_type:
        raise SignatureRefusedError(
            Refusal.OTHER_TYPE,
            f"the key signed something else: expected the type {payload_type!r}, found {content['payloadType'][:100]!r}. "
            "Use the signature.json that the run wrote",
        )
    return payload


def read_object(text: bytes, what: str) -> dict[str, Any]:
    """An object of JSON in which each key is there once and each number is finite.

    Readers of JSON differ in what they make of other texts. Raises SignatureRefusedError.
    """
    try:
        found = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"{what} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _malformed(f"{what}: expected an object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _value in pairs)
        raise ValueError(f"{next(name for name, count in names.items() if count > 1)[:100]!r} is there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected finite numbers, found {text[:100]}")
    return number


def _decoded(text: str, where: str) -> bytes:
    """The bytes of standard or URL-safe base64: a reader of DSSE must accept either."""
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except ValueError as error:
        raise _malformed(f"the envelope, {where}: expected base64 ({error})") from None


_STANDARD = str.maketrans("-_", "+/")


def _fits(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _of_another(key_ids: list[str], wanted: str) -> SignatureRefusedError:
    if wanted in key_ids:
        return SignatureRefusedError(
            Refusal.WRONG,
            f"a signature names the key {wanted}, but it does not fit what it signs: the envelope was changed. "
            "Use the signature.json that the run wrote, or check the nodes again",
        )
    found = ", ".join(each[:100] or "a key that it does not name" for each in key_ids) or "no key at all"
    return SignatureRefusedError(
        Refusal.OTHER_KEY,
        f"it is not signed by this key: expected the key {wanted}, found {found}. Give the public key of the controller that "
        "made the report; if that is this key, the report was signed by somebody else",
    )


def _malformed(found: str) -> SignatureRefusedError:
    return SignatureRefusedError(Refusal.MALFORMED, f"{found}. Use the signature.json that the run wrote")
