"""Certificates as a cluster has them, with a beginning that a test chooses."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@functools.cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def certificate_pem(not_before_s: float) -> str:
    """A CA that is valid from this Unix time, in whole seconds, for ten years."""
    begins = datetime.fromtimestamp(not_before_s, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    builder = x509.CertificateBuilder(name, name, _key().public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=3650))
    return builder.sign(_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode().strip()
