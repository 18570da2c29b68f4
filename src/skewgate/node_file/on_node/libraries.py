"""What stands on a node for the packages of plugin_utils/boundary/libraries.py.

ntplib goes with the file. Of cryptography, judging needs when certificates are valid, which is read
here; one that is damaged elsewhere than in its dates has them too, where cryptography refuses it.
All else is for credentials, and is None, as where these packages are not installed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import ntplib

__all__ = ["ntplib", "x509"]


def __getattr__(name: str) -> Any:
    """Any other name that the controller has there."""
    if name.startswith("__"):
        raise AttributeError(name)


@dataclass(frozen=True)
class Certificate:
    """The validity of an X.509 certificate, with cryptography's names."""

    not_valid_before_utc: datetime
    not_valid_after_utc: datetime


def load_pem_x509_certificates(data: bytes) -> list[Certificate]:
    """The certificates of a PEM file (RFC 7468, RFC 5280); raises ValueError if there is none, or
    one cannot be read.
    """
    found = [_certificate(base64.b64decode(b"".join(body.split()), validate=True)) for body in _BLOCK.findall(data)]
    if not found:
        raise ValueError("no certificate is there")
    return found


x509 = SimpleNamespace(load_pem_x509_certificates=load_pem_x509_certificates)

_BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----\s(.*?)-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)

INTEGER, BIT_STRING, SEQUENCE, UTC_TIME, GENERALIZED_TIME, VERSION = 0x02, 0x03, 0x30, 0x17, 0x18, 0xA0


def _certificate(der: bytes) -> Certificate:
    [(tag, whole)] = _items(der)
    (tbs_tag, tbs), (algorithm, _), (signature, _) = _items(whole)
    if (tag, tbs_tag, algorithm, signature) != (SEQUENCE, SEQUENCE, SEQUENCE, BIT_STRING):
        raise ValueError("it is no certificate")
    fields = [item for item in _items(tbs) if item[0] != VERSION]
    if [tag for tag, _ in fields[:6]] != [INTEGER, *[SEQUENCE] * 5]:
        raise ValueError("it is no certificate")
    before, after = _items(fields[3][1])
    return Certificate(_time(*before), _time(*after))


def _items(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of what stands side by side (X.690, section 8.1)."""
    while der:
        tag, length, at = der[0], der[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(der[2:at], "big")
        if at + length > len(der):
            raise ValueError("it ends too early")
        yield tag, der[at : at + length]
        der = der[at + length :]


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == UTC_TIME:  # RFC 5280, section 4.1.2.5.1
        text = ("19" if text >= "50" else "20") + text
    elif tag != GENERALIZED_TIME:
        raise ValueError("it is no time")
    if not re.fullmatch("[0-9]{14}Z", text):
        raise ValueError("it is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
