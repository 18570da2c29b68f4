"""Secrets, and every form in which one could be written somewhere.

A fragment of a secret is looked for, never the whole: it may have been cut or broken into lines.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

FRAGMENT = 24
"""Bytes, or characters, that nothing has by chance."""

JWT_HEADER = b"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"
"""That of every JWT of the product: it finds one that no API was sent, too."""


@dataclass(frozen=True)
class Secret:
    """What must be nowhere; the name may be printed, and ``fragments`` never."""

    name: str
    fragments: tuple[bytes, ...] = field(repr=False)
    forms: tuple[str, ...] = ()
    """All, if none is named."""

    def needles(self) -> Iterator[tuple[bytes, str]]:
        """What to look for, each with the name of its form."""
        for fragment in self.fragments:
            for form in self.forms or FORMS:
                yield FORMS[form](fragment), form


def _base64(at: int, altchars: bytes | None = None) -> Callable[[bytes], bytes]:
    """The part of an encoding that does not depend on what stands before and behind, if the secret
    begins at ``at`` of three bytes.
    """

    def encode(fragment: bytes) -> bytes:
        whole = base64.b64encode(b"\0" * at + fragment, altchars)
        return whole[4 if at else 0 : (at + len(fragment)) // 3 * 4]

    return encode


def _percent(fragment: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in fragment)


def _quoted_printable(fragment: bytes) -> bytes:
    """With each byte that may be written as one escape (RFC 2045, section 6.7)."""
    return b"".join(bytes([byte]) if 33 <= byte <= 126 and byte != 61 else b"=%02X" % byte for byte in fragment)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "reversed": lambda fragment: fragment[::-1],
    "lower case": bytes.lower,
    "upper case": bytes.upper,
    "hex": lambda fragment: fragment.hex().encode(),
    "upper-case hex": lambda fragment: fragment.hex().upper().encode(),
    "hex with colons": lambda fragment: fragment.hex(":").encode(),
    "base64, first": _base64(0),
    "base64, second": _base64(1),
    "base64, third": _base64(2),
    "urlsafe base64, first": _base64(0, b"-_"),
    "urlsafe base64, second": _base64(1, b"-_"),
    "urlsafe base64, third": _base64(2, b"-_"),
    "URL encoding": lambda fragment: urllib.parse.quote_from_bytes(fragment, safe="").encode(),
    "URL encoding of all": _percent,
    "lower-case URL encoding": lambda fragment: _percent(fragment).lower(),
    "JSON": lambda fragment: json.dumps(fragment.decode("latin-1"))[1:-1].encode(),
    "JSON with \\/": lambda fragment: json.dumps(fragment.decode("latin-1"))[1:-1].replace("/", "\\/").encode(),
    "JSON of all": lambda fragment: b"".join(b"\\u%04x" % byte for byte in fragment),
    "Python": lambda fragment: repr(fragment)[2:-1].encode(),
    "quoted-printable": _quoted_printable,
    "UTF-16": lambda fragment: fragment.decode("latin-1").encode("utf-16-le"),
}


OF_LINES = ("plain", "reversed", "hex", "base64, first", "base64, second", "base64, third")
"""There are many, and they are in other secrets' fragments as well."""


def _fragments(value: bytes) -> tuple[bytes, ...]:
    """From its begin, its middle and its end."""
    middle = (len(value) - FRAGMENT) // 2
    return tuple(dict.fromkeys((value[:FRAGMENT], value[middle : middle + FRAGMENT], value[-FRAGMENT:])))


def text(name: str, value: str) -> Secret:
    """A secret that is a text of at least FRAGMENT characters."""
    if len(value) < FRAGMENT:
        raise ValueError(f"{name} is too short to be looked for")
    return Secret(name, _fragments(value.encode()))


def of_key(name: str, pem: str) -> list[Secret]:
    """An RSA private key: its secret numbers as bytes (so DER too), in decimal, in hex and, as a
    file has them, in base64.
    """
    key = load_pem_private_key(pem.encode(), None)
    if isinstance(key, Ed25519PrivateKey):
        return of_signing_key(name, key, pem)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{name} is no RSA key")
    numbers = key.private_numbers()
    lines = [line.encode() for line in pem.splitlines() if len(line) >= FRAGMENT and not line.startswith("-")]
    found = [Secret(f"{name}: a line", tuple(line[:FRAGMENT] for line in lines[len(lines) // 3 + 1 :]), OF_LINES)]
    for letter, number in (("d", numbers.d), ("p", numbers.p), ("q", numbers.q)):
        value = number.to_bytes((number.bit_length() + 7) // 8)
        found.append(Secret(f"{name}: {letter}", _fragments(value)))
        found.append(Secret(f"{name}: {letter} in decimal", _fragments(str(number).encode())[1:]))
        in_base64 = tuple(_base64(at)(part) for part in _fragments(value)[1:] for at in range(3))
        found.append(Secret(f"{name}: {letter} in base64", in_base64))
        in_hex = value[32 : 32 + FRAGMENT // 2].hex()
        found.append(Secret(f"{name}: {letter} in hex", (in_hex.encode(), in_hex.upper().encode())))
    return found


def of_signing_key(name: str, key: Ed25519PrivateKey, pem: str) -> list[Secret]:
    """The key that signs reports: its 32 bytes, and the line of its file, which begins as that of
    every such key.
    """
    line = pem.splitlines()[1].encode()
    return [
        Secret(f"{name}: a line", _fragments(line)[1:]),
        Secret(f"{name}: the seed", _fragments(key.private_bytes_raw())),
    ]


def of_jwt(name: str, jwt: str) -> Secret:
    """A JWT's signature, without which it is worth nothing."""
    return text(name, jwt.rpartition(".")[2])


def of_log(pem: Path, requests: list[dict], issuers: tuple[str, ...]) -> list[Secret]:
    """The JWTs that an API was sent, from its log: RS256 signs the same claims in the same way."""
    logged = {tuple(sorted(each["claims"].items())) for each in requests if "jti" in (each.get("claims") or {})}
    key = pem.read_text()
    return [
        of_jwt(f"the JWT {dict(claims)['jti'][:6]} of {issuer}", signed_again(key, issuer, dict(claims)))
        for claims in sorted(logged)
        for issuer in issuers
    ]


def signed_again(key: str, issuer: str, claims: dict) -> str:
    """The JWT of these claims, as the product signs it."""
    ordered = {"iss": issuer, **{name: claims[name] for name in ("iat", "exp", "jti")}}
    return pyjwt.encode(ordered, key, algorithm="RS256")


ANY_JWT = Secret("a JWT", (JWT_HEADER[:FRAGMENT], JWT_HEADER[-FRAGMENT:]))
