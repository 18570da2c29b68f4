"""When certificates are valid, as a node reads it without cryptography."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from skewgate.node_file.on_node import libraries

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])


def pem(before: datetime, days: int = 3650) -> bytes:
    builder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 1, before, before + timedelta(days=days))
    extended = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return extended.sign(KEY, None).public_bytes(Encoding.PEM)


OF_KEY = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
FILES = {
    "of now": pem(datetime(2026, 11, 22, 8, 40, 36)),
    "of the last century": pem(datetime(1999, 12, 31, 23, 59, 59)),
    "until after 2050": pem(datetime(2049, 12, 31, 23, 59, 59)),
    "after 2050": pem(datetime(2051, 1, 1)),
    "a chain": pem(datetime(2026, 1, 1)) + pem(datetime(2025, 1, 1)),
    "beside a key and text": b"# the CA\n" + OF_KEY + pem(datetime(2026, 1, 1)).replace(b"\n", b"\r\n") + b"end\n",
}


def dates(certificates: list[x509.Certificate]) -> list[tuple[datetime, datetime]]:
    return [(each.not_valid_before_utc, each.not_valid_after_utc) for each in certificates]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_certificates_has_the_dates_that_cryptography_reads(name: str) -> None:
    found = libraries.x509.load_pem_x509_certificates(FILES[name])
    assert dates(found) == dates(x509.load_pem_x509_certificates(FILES[name]))
    assert found[0].not_valid_before_utc.tzinfo is UTC


@pytest.mark.parametrize("data", [b"", OF_KEY, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_is_refused_by_both(data: bytes) -> None:
    for library in (libraries.x509, x509):
        with pytest.raises(Exception):  # noqa: B017, PT011 - cryptography has no list of what it raises
            library.load_pem_x509_certificates(data)


def damaged() -> Iterator[bytes]:
    choose = random.Random(18)
    for _ in range(3000):
        data = bytearray(FILES["a chain"])
        data[choose.randrange(len(data))] = choose.choice(b"ABCabc019+/=\n-")
        yield bytes(data)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_damage_makes_it_read_other_dates_than_cryptography() -> None:
    read = 0
    for data in damaged():
        try:
            expected = dates(x509.load_pem_x509_certificates(data))
        except Exception:  # noqa: BLE001 - whatever is refused
            continue
        assert dates(libraries.x509.load_pem_x509_certificates(data)) == expected
        read += 1
    assert read > 1000


def test_what_only_credentials_need_is_none_as_without_the_packages() -> None:
    assert libraries.jwt is None
    assert libraries.load_pem_private_key is None
