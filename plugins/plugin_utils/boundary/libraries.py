"""The Python packages that judging needs beside ansible-core: no other file here imports them.

Ansible answers an ImportError in an action with its traceback. So a package that is missing is no error of the import: what
Ansible and the command call asks `missing` first, and says that one line.
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
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError:
    x509 = load_pem_private_key = None  # type: ignore[assignment]
    RSAPrivateKey = RSAPrivateNumbers = RSAPublicNumbers = None  # type: ignore[assignment,misc]
    _lacking.append("cryptography")

__all__ = [
    "RSAPrivateKey",
    "RSAPrivateNumbers",
    "RSAPublicNumbers",
    "jwt",
    "load_pem_private_key",
    "missing",
    "ntplib",
    "x509",
]


def missing() -> str:
    """What to install into which Python; empty if nothing is missing."""
    if not _lacking:
        return ""
    python = sys.executable
    return (
        f"Failed to import the required Python library ({', '.join(_lacking)}) on the controller's Python {python}. No node was "
        f"contacted. Install it there: {python} -m pip install {' '.join(_lacking)} (an execution environment has it from the "
        "collection's requirements.txt, which ansible-builder reads)."
    )
