"""Reads an App's PEM files: its private key, and the CA of the API's certificate.

No message has any of their text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..boundary.libraries import RSAPrivateKey, load_pem_private_key
from ..boundary.settings import read_file
from ..boundary.values import is_whole, path_shown, shown
from . import go_pem
from .key_faults import KeyFault, faults_of


class LoadedKey(NamedTuple):
    """The App's key, and a remark on its text for the report; empty if Go clients read it too."""

    key: RSAPrivateKey
    note: str


def load_key(row: Mapping[str, Any]) -> LoadedKey:
    """The App's RSA key from ``private_key_file`` or ``private_key``; raises ValueError if it is
    wrong.

    Go's rules come first, because most clients use them. A key that only Python reads, or decrypts,
    is accepted too.
    """
    pem, where = _text_of_key(row)
    if _given(row, "private_key_passphrase"):
        key = _load_as_python(pem, where, _bytes("private_key_passphrase", row["private_key_passphrase"]))
        return LoadedKey(key, "")  # a client has it decrypted
    try:
        return LoadedKey(go_pem.read_key(pem).load(), "")
    except go_pem.GoRefusesError:
        key = _load_as_python(pem, where, None)
    except ValueError as error:  # it has more than two primes, or a wrong one
        raise ValueError(f"{where} can't be used: {error}. Use a key that GitHub generated") from None
    fault = faults_of(pem)[0]
    go_clients = "Argo CD, Flux, actions-runner-controller, git-sync and other clients written in Go"
    return LoadedKey(
        key, f"{where} {fault.found}. skewgate can read it, but {go_clients} refuse such a key. {fault.remedy}"
    )


def _load_as_python(pem: bytes, where: str, passphrase: bytes | None) -> RSAPrivateKey:
    try:
        loaded = load_pem_private_key(pem, passphrase)
    except TypeError:
        expected = (
            "is encrypted: private_key_passphrase is needed"
            if passphrase is None
            else "is not encrypted, but a passphrase is given"
        )
        raise ValueError(f"{where} {expected}") from None
    except Exception:  # noqa: BLE001 - the library's messages may quote what it read
        faults = faults_of(pem)
        unread = f"{where} can't be read as a private key"
        if passphrase is not None and faults[-1].key is KeyFault.ENCRYPTED:
            raise ValueError(f"{unread} (the passphrase is wrong, or it is truncated)") from None
        if faults[0].key in (KeyFault.PUBLIC, KeyFault.NOT_RSA):
            raise ValueError(f"{where} {faults[0].found} (PEM, as GitHub gives it for download)") from None
        said = "; ".join(f"it {fault.found}. {fault.remedy}" for fault in faults)
        raise ValueError(f"{unread} (expected an unbroken PEM, PKCS#1 or PKCS#8): {said}") from None
    if not isinstance(loaded, RSAPrivateKey):
        raise ValueError(f"{where} is not an RSA key; GitHub Apps sign with RS256")
    return loaded


def _text_of_key(row: Mapping[str, Any]) -> tuple[bytes, str]:
    """The key's PEM, and its place for a problem."""
    if _given(row, "private_key_file") == _given(row, "private_key"):
        raise ValueError("expected exactly one of private_key_file and private_key")
    if _given(row, "private_key"):
        return _bytes("private_key", row["private_key"]), "private_key"
    path = row["private_key_file"]
    if isinstance(path, str) and "PRIVATE KEY" in path:
        raise ValueError(
            "private_key_file: expected a file's path, found a key's text; write the text into private_key"
        )
    return read_file(path, "private_key_file"), f"private_key_file {path_shown(path)}"


def read_ca(row: Mapping[str, Any]) -> str | None:
    """The CA's certificates from ``ca_file`` or ``ca_pem``; None if the node's own store is to be
    used.
    """
    if _given(row, "ca_file") and _given(row, "ca_pem"):
        raise ValueError("expected at most one of ca_file and ca_pem, found both")
    if not _given(row, "ca_file") and not _given(row, "ca_pem"):
        return None
    if _given(row, "ca_file"):
        pem, where = read_file(row["ca_file"], "ca_file"), f"ca_file {path_shown(row['ca_file'])}"
    else:
        pem, where = _bytes("ca_pem", row["ca_pem"]), "ca_pem"
    if not pem.isascii() or b"CERTIFICATE-----" not in pem:
        raise ValueError(f"{where} is not PEM; expected certificates in ASCII, without other text")
    if b"PRIVATE KEY-----" in pem:
        raise ValueError(f"{where} has a private key, which would be sent to the node; expected only certificates")
    return pem.decode("ascii")


def _given(row: Mapping[str, Any], key: str) -> bool:
    return row.get(key) not in (None, "")


def _bytes(key: str, value: Any) -> bytes:
    """A text as bytes, with invalid characters replaced.

    A problem says only the type of other values.
    """
    if is_whole(value):
        value = str(value)[:100] if abs(value) < 10**30 else ""
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected a text, found {'a number' if isinstance(value, float) else shown(value)}")
    return value.encode(errors="replace")
