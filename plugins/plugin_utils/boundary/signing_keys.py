"""The key pair that signs reports: Ed25519, in PEM, without a passphrase.

A gate runs unattended. A passphrase would have to be in a file beside the key, so it would protect
nothing. The file's permissions protect the key. No message has any of its text.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from .libraries import Ed25519PrivateKey, Ed25519PublicKey, load_pem_private_key, load_pem_public_key, serialization
from .settings import open_file
from .values import path_shown

PUBLIC_SUFFIX = ".pub"
"""What the name of the public key's file has after that of the private key."""

_LONGEST = 16 * 1024
_MAKE = "make one with `skewgate init --signing-key FILE`"
_PRIVATE, _PUBLIC = b"PRIVATE KEY-----", b"PUBLIC KEY-----"


def key_id(key: Ed25519PublicKey) -> str:
    """The SHA-256 of the public key (SubjectPublicKeyInfo in DER), in hexadecimal.

    ``openssl pkey -pubin -in FILE -outform DER | sha256sum`` shows the same.
    """
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def write_pair(path: Path) -> tuple[Path, str]:
    """Make a key pair, and write it into two new files.

    Returns the public key's file and its ID. No file is ever overwritten. Raises OSError; then
    nothing is left.
    """
    key = Ed25519PrivateKey.generate()
    public = Path(f"{path}{PUBLIC_SUFFIX}")
    private_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if os.path.lexists(public):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(public))
    _write_new(path, private_pem, 0o600)
    try:
        _write_new(public, public_pem, 0o644)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return public, key_id(key.public_key())


def _write_new(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise


def read_signing_key(path: str, setting: str, report_dir: Path) -> Ed25519PrivateKey:
    """The private key in a file that only its owner can read, outside of the report's folder.

    Raises ValueError; its text begins with ``setting`` and never has any of the file.
    """
    where = f"{setting} {path_shown(path)}"
    pem = _content(path, where, secret=True)
    if Path(path).expanduser().resolve().is_relative_to(report_dir.resolve()):
        raise ValueError(f"{where} is in the report's folder, which is copied to others; move the key elsewhere")
    if _PRIVATE not in pem and _PUBLIC in pem:
        raise ValueError(f"{where} is a public key; give the private key, which is in the file without {PUBLIC_SUFFIX}")
    if pem.count(b"-----BEGIN ") != 1:
        raise ValueError(f"{where}: expected one private key in PEM, found {_count(pem)}; {_MAKE}")
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError(
            f"{where} has a passphrase, which nobody could type in a run. Use a key without one (`openssl pkey -in OLD -out "
            f"NEW` removes it), or {_MAKE}"
        ) from None
    except Exception:  # noqa: BLE001 - the library's messages may quote what it read
        raise ValueError(f"{where} can't be read: expected an Ed25519 key in PEM (PKCS#8); {_MAKE}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{where}: expected an Ed25519 key, found another kind (an App's key is RSA); {_MAKE}")
    return key


def read_public_key(path: str, option: str) -> Ed25519PublicKey:
    """The public key in a file; raises ValueError, which begins with ``option``.

    A private key is refused, although it holds the public one: it should not be on a machine that
    only verifies.
    """
    where = f"{option} {path_shown(path)}"
    pem = _content(path, where, secret=False)
    if _PRIVATE in pem:
        raise ValueError(
            f"{where} is a private key, which belongs on the controller alone. Give the public key, which is in the file "
            f"with {PUBLIC_SUFFIX}, and remove the private key from this machine if it is not the controller"
        )
    if pem.startswith(b"ssh-"):
        raise ValueError(f"{where} is a key of ssh; expected PEM, as `skewgate init --signing-key` writes it")
    if pem.count(b"-----BEGIN ") != 1:
        raise ValueError(f"{where}: expected one public key in PEM, found {_count(pem)}")
    try:
        key = load_pem_public_key(pem)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it can't be used
        raise ValueError(
            f"{where} can't be read: expected an Ed25519 public key in PEM, as `skewgate init --signing-key` writes it"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(
            f"{where}: expected an Ed25519 key, found another kind. Give the public key that `skewgate init --signing-key` wrote"
        )
    return key


def _count(pem: bytes) -> str:
    count = pem.count(b"-----BEGIN ")
    return f"{count} keys or certificates" if count else "no PEM"


def _content(path: str, where: str, *, secret: bool) -> bytes:
    """The content of an ordinary file. A pipe or a device is not waited for."""
    if "PRIVATE KEY" in path:
        raise ValueError(f"{where}: expected a file's path, found a key's text; write it into a file, and name that")
    with open_file(path, where, lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise ValueError(f"{where}: expected a file, found a pipe or a device")
        if secret:
            _refuse_readable(about, where)
        try:
            content = file.read(_LONGEST + 1)
        except OSError as error:
            raise ValueError(f"{where}: {error.strerror}") from None
    if len(content) > _LONGEST:
        raise ValueError(f"{where}: the file is larger than {_LONGEST} bytes, so it is not a key")
    return content


def _refuse_readable(about: os.stat_result, where: str) -> None:
    """As ssh does: a key of this user must not be readable by its group or others. A key that
    another user provides (a mounted secret) may be readable by a group, but never by everybody.
    """
    too_open = 0o077 if about.st_uid == os.geteuid() else 0o007
    if about.st_mode & too_open:
        raise ValueError(
            f"{where}: others can read or change it (mode {stat.S_IMODE(about.st_mode):04o}), so they could sign. "
            "Run chmod 600 on it; if somebody may have read it, make another key"
        )
