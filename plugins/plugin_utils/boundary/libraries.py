"""The Python packages that judging needs beside ansible-core. Only this file imports them.

Ansible shows the traceback of an ImportError in an action. So importing this file never fails. The
actions and the command call `missing` first, and show its one line.
"""

from __future__ import annotations

import sys

_lacking: list[str] = []

try:
    import ntplib
except ImportError:
    ntplib = None
    _lacking.append("ntplib")

try:
    import jwt
except ImportError:
    jwt = None  # type: ignore[assignment]
    _lacking.append("PyJWT")

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        load_pem_private_key,
        load_pem_public_key,
        load_ssh_public_identity,
    )
except ImportError:
    x509 = serialization = load_pem_private_key = load_pem_public_key = None  # type: ignore[assignment]
    load_ssh_public_identity = SSHCertificate = None  # type: ignore[assignment,misc]
    RSAPrivateKey = RSAPrivateNumbers = RSAPublicNumbers = None  # type: ignore[assignment,misc]
    Ed25519PrivateKey = Ed25519PublicKey = InvalidSignature = None  # type: ignore[assignment,misc]
    _lacking.append("cryptography")

__all__ = [
    "Ed25519PrivateKey",
    "Ed25519PublicKey",
    "InvalidSignature",
    "RSAPrivateKey",
    "RSAPrivateNumbers",
    "RSAPublicNumbers",
    "SSHCertificate",
    "jwt",
    "load_pem_private_key",
    "load_pem_public_key",
    "load_ssh_public_identity",
    "missing",
    "ntplib",
    "serialization",
    "x509",
]


def missing() -> str:
    """What to install in which Python; empty if nothing is missing."""
    if not _lacking:
        return ""
    python = sys.executable
    return (
        f"Failed to import the required Python library ({', '.join(_lacking)}) on the controller's Python {python}. No node was "
        f"contacted. Install it there: {python} -m pip install {' '.join(_lacking)} (in an execution environment, "
        "ansible-builder installs it from the collection's requirements.txt)."
    )
