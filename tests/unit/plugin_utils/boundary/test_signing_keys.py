"""The key pair that signs reports: how it is made, and which files are no such key."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import (
    key_id,
    read_public_key,
    read_signing_key,
    write_pair,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

REPORTS = Path("/var/lib/skewgate/report")
PrivateKey = Ed25519PrivateKey | Ed448PrivateKey | RSAPrivateKey
ED25519, ED448 = Ed25519PrivateKey.generate(), Ed448PrivateKey.generate()
RSA = generate_private_key(65537, 2048)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    path = tmp_path / "key"
    beside, _of = write_pair(path)
    return path, beside


def private(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


def public(key: PrivateKey, encoding: Encoding, form: PublicFormat) -> bytes:
    return key.public_key().public_bytes(encoding, form)


def test_a_new_pair_belongs_together_and_only_its_owner_reads_the_private_key(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        file, of = write_pair(tmp_path / "key")
    finally:
        os.umask(old)
    assert file == tmp_path / "key.pub"
    assert ((tmp_path / "key").stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o600, 0o644)
    signing, read = read_signing_key(str(tmp_path / "key"), "k", REPORTS), read_public_key(str(file), "k")
    read.verify(signing.sign(b"x"), b"x")
    assert of == key_id(read) == key_id(signing.public_key())
    assert write_pair(tmp_path / "other")[1] != of


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_no_file_is_overwritten_and_nothing_is_left(tmp_path: Path, there: str) -> None:
    (tmp_path / there).symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_pair(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == [there]


def _written(text: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "written"
        path.write_bytes(text)
        path.chmod(0o600)
        return path

    return write


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo", 0o600)
    return folder / "fifo"


def _mode(mode: int) -> Callable[[Path], Path]:
    def change(folder: Path) -> Path:
        (folder / "key").chmod(mode)
        return folder / "key"

    return change


def _twice(name: str) -> Callable[[Path], Path]:
    return lambda folder: _written((folder / name).read_bytes() * 2)(folder)


NOT_PRIVATE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file": (lambda folder: folder / "none", "No such file"),
    "a folder": (lambda folder: folder, "Is a directory"),
    "a pipe": (_fifo, "expected a file, found a pipe"),
    "no file's path": (lambda folder: folder / "a\0b", "expected a file's path"),
    "nothing": (_written(b""), "expected one private key in PEM, found no PEM"),
    "a large file": (_written(b"x" * 20_000), "larger than 16384 bytes"),
    "its group reads it": (_mode(0o640), "others can read or change it (mode 0640)"),
    "everybody reads it": (_mode(0o604), "others can read or change it (mode 0604)"),
    "its group changes it": (_mode(0o620), "others can read or change it (mode 0620)"),
    "the public key": (lambda folder: folder / "key.pub", "others can read"),
    "the public key, closed": (
        lambda folder: _written((folder / "key.pub").read_bytes())(folder),
        "is a public key; give the private key",
    ),
    "two keys": (_twice("key"), "expected one private key in PEM, found 2 keys"),
    "RSA": (_written(private(RSA)), "found another kind (an App's key is RSA)"),
    "Ed448": (_written(private(ED448)), "found another kind"),
    "a passphrase": (_written(private(ED25519, passphrase=b"secret")), "has a passphrase"),
    "a key of ssh": (
        _written(private(ED25519, PrivateFormat.OpenSSH)),
        "can't be read: expected an Ed25519 key in PEM",
    ),
    "damaged": (
        _written(b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"),
        "can't be read: expected an Ed25519 key in PEM",
    ),
}


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("name", NOT_PRIVATE)
def test_what_can_not_sign_is_refused_and_none_of_it_is_shown(tmp_path: Path, name: str) -> None:
    file, said = NOT_PRIVATE[name]
    path = file(tmp_path)
    with pytest.raises(ValueError, match=r"^gate_x ") as error:
        read_signing_key(str(path), "gate_x", REPORTS)
    assert said in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    if path.is_file():
        lines = [line for line in path.read_bytes().split(b"\n") if len(line) > 10 and not line.startswith(b"-----")]
        assert not [line for line in lines if line in str(error.value).encode()]


def test_a_key_in_place_of_its_path_is_not_shown(pair: tuple[Path, Path]) -> None:
    pem = pair[0].read_text()
    for text in (pem, pem.replace("\n", " "), pem.splitlines()[1]):
        with pytest.raises(ValueError, match="not shown") as error:
            read_signing_key(text, "gate_x", REPORTS)
        assert pem.splitlines()[1] not in str(error.value)


def test_a_key_in_the_reports_folder_which_others_get_is_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "link"):
        with pytest.raises(ValueError, match="is in the report's folder, which is copied to others"):
            read_signing_key(str(pair[0]), "k", folder)
    read_signing_key(str(pair[0]), "k", tmp_path / "report")


def test_another_users_key_may_be_shared_with_a_group_but_not_with_everybody(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a secret that is mounted into a pod."""
    monkeypatch.setattr(os, "geteuid", lambda: pair[0].stat().st_uid + 1)
    pair[0].chmod(0o440)
    read_signing_key(str(pair[0]), "k", REPORTS)
    pair[0].chmod(0o444)
    with pytest.raises(ValueError, match="mode 0444"):
        read_signing_key(str(pair[0]), "k", REPORTS)


NOT_PUBLIC: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file": (lambda folder: folder / "none", "No such file"),
    "a pipe": (_fifo, "expected a file, found a pipe"),
    "nothing": (_written(b""), "expected one public key in PEM, found no PEM"),
    "the private key": (lambda folder: folder / "key", "is a private key, which belongs on the controller alone"),
    "two keys": (_twice("key.pub"), "expected one public key in PEM, found 2 keys"),
    "RSA": (_written(public(RSA, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)), "found another kind"),
    "a key of ssh": (
        _written(public(ED25519, Encoding.OpenSSH, PublicFormat.OpenSSH)),
        "is a key of ssh; expected PEM",
    ),
    "damaged": (_written(b"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"), "can't be read"),
}


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("name", NOT_PUBLIC)
def test_what_can_not_verify_is_refused(tmp_path: Path, name: str) -> None:
    file, said = NOT_PUBLIC[name]
    with pytest.raises(ValueError, match=r"^--key ") as error:
        read_public_key(str(file(tmp_path)), "--key")
    assert said in str(error.value)
