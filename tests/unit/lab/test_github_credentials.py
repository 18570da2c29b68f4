"""The lab's credentials: made once, trusted by a strict client, private where they are secret."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.lab.github_credentials import SERVER_ADDRESSES, SERVER_NAMES, ensure_credentials


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    ensure_credentials(tmp_path / "github")
    first = contents(tmp_path / "github")
    ensure_credentials(tmp_path / "github")
    assert contents(tmp_path / "github") == first
    assert sorted(first) == ["app.pem", "app_public.pem", "ca.pem", "ca_key.pem", "server.pem", "server_key.pem"]


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    credentials = ensure_credentials(tmp_path)
    for private in (credentials.app_pem, credentials.ca_key_pem, credentials.server_key_pem):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"BEGIN RSA PRIVATE KEY" in credentials.app_pem.read_bytes()


def test_the_certificate_is_of_the_ca_for_every_name_and_backdated(tmp_path: Path) -> None:
    credentials = ensure_credentials(tmp_path)
    ca = x509.load_pem_x509_certificate(credentials.ca_pem.read_bytes())
    server = x509.load_pem_x509_certificate(credentials.server_pem.read_bytes())
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(names.get_values_for_type(x509.DNSName)) == SERVER_NAMES
    assert tuple(map(str, names.get_values_for_type(x509.IPAddress))) == SERVER_ADDRESSES
    age = datetime.datetime.now(datetime.UTC) - server.not_valid_before_utc
    assert datetime.timedelta(days=30) <= age < datetime.timedelta(days=30, minutes=5)


def test_a_lost_ca_is_made_again_together_with_the_certificate_and_the_app_key_stays(tmp_path: Path) -> None:
    credentials = ensure_credentials(tmp_path)
    before = contents(tmp_path)
    credentials.ca_pem.unlink()
    ensure_credentials(tmp_path)
    after = contents(tmp_path)
    assert after["ca.pem"] != before["ca.pem"]
    assert after["app.pem"] == before["app.pem"]
    x509.load_pem_x509_certificate(after["server.pem"]).verify_directly_issued_by(
        x509.load_pem_x509_certificate(after["ca.pem"])
    )


def test_a_key_put_in_place_of_the_apps_gets_its_own_public_key(tmp_path: Path) -> None:
    other = ensure_credentials(tmp_path / "other")
    credentials = ensure_credentials(tmp_path / "github")
    credentials.app_pem.write_bytes(other.app_pem.read_bytes())
    credentials.app_public_pem.unlink()
    ensure_credentials(tmp_path / "github")
    public_key = serialization.load_pem_public_key(credentials.app_public_pem.read_bytes())
    assert public_key == serialization.load_pem_public_key(other.app_public_pem.read_bytes())
