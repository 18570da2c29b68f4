"""The lab's own CA, the certificate of its GitHub, and the key of its App.

Files in the folder, private ones with mode 0600:

==================  =====================================================================================
ca.pem, ca_key.pem  the CA that clients of the lab trust
server.pem          the server's certificate; server_key.pem is its key
app.pem             the App's private key, in the form in which GitHub hands one out (PKCS#1)
app_public.pem      its public key, all that the API needs of it
==================  =====================================================================================
"""  # noqa: W505 - an example or a table

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IN_DOCUMENTATION = ("api.github.com", "github.com", "github.example.com")
"""In the place of these the API answers the commands of the documentation (tests/documentation)."""
SERVER_NAMES = ("api.github.lab", "github.lab", "ghes.github.lab", "localhost", *IN_DOCUMENTATION)
SERVER_ADDRESSES = ("10.77.0.1", "127.0.0.1")
# Nodes of the lab are behind by minutes: TLS must still work there, as it does with
# GitHub's certificate.
BACKDATED = datetime.timedelta(days=30)
VALID_FOR = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Credentials:
    """Where the credentials of one folder are."""

    directory: Path

    @property
    def ca_pem(self) -> Path:
        """The CA's certificate, which clients are given."""
        return self.directory / "ca.pem"

    @property
    def ca_key_pem(self) -> Path:
        """Its private key, with which the server's certificate is signed."""
        return self.directory / "ca_key.pem"

    @property
    def server_pem(self) -> Path:
        """The certificate of the API and of git's host, for all their names and addresses."""
        return self.directory / "server.pem"

    @property
    def server_key_pem(self) -> Path:
        """The private key of the HTTPS server."""
        return self.directory / "server_key.pem"

    @property
    def app_pem(self) -> Path:
        """The App's private key (PKCS#1, as GitHub hands it out)."""
        return self.directory / "app.pem"

    @property
    def app_public_pem(self) -> Path:
        """The half of the App's key that GitHub keeps."""
        return self.directory / "app_public.pem"


def ensure_credentials(directory: Path) -> Credentials:
    """Makes what is missing in the folder, which is created too; what is there stays as it is."""
    directory.mkdir(parents=True, exist_ok=True)
    credentials = Credentials(directory)
    if not (credentials.ca_pem.exists() and credentials.ca_key_pem.exists()):
        _make_ca(credentials)
        # A certificate of the CA that was there before is of no use.
        credentials.server_pem.unlink(missing_ok=True)
    if not (credentials.server_pem.exists() and credentials.server_key_pem.exists()):
        _make_server_certificate(credentials)
    if not credentials.app_pem.exists():
        _write_private(credentials.app_pem, rsa.generate_private_key(public_exponent=65537, key_size=2048))
        credentials.app_public_pem.unlink(missing_ok=True)
    if not credentials.app_public_pem.exists():
        app_key = serialization.load_pem_private_key(credentials.app_pem.read_bytes(), password=None)
        public_pem = app_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _write(credentials.app_public_pem, public_pem, mode=0o644)
    return credentials


def _make_ca(credentials: Credentials) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("skewgate lab CA")
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_private(credentials.ca_key_pem, key)
    _write(credentials.ca_pem, certificate.public_bytes(Encoding.PEM), mode=0o644)


def _make_server_certificate(credentials: Credentials) -> None:
    ca = x509.load_pem_x509_certificate(credentials.ca_pem.read_bytes())
    ca_key = serialization.load_pem_private_key(credentials.ca_key_pem.read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    alternative_names = [x509.DNSName(name) for name in SERVER_NAMES] + [
        x509.IPAddress(ipaddress.ip_address(address)) for address in SERVER_ADDRESSES
    ]
    certificate = (
        _builder(_name(SERVER_NAMES[0]), ca.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_private(credentials.server_key_pem, key)
    _write(credentials.server_pem, certificate.public_bytes(Encoding.PEM), mode=0o644)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    not_before = datetime.datetime.now(datetime.UTC) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + VALID_FOR)
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), mode=0o600)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Writes a file that is never seen half written or with a wider mode."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    partial.rename(path)
