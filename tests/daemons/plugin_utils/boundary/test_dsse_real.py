"""The signature of a report and OpenSSL, which is another implementation: each verifies what the
other signed.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.dsse import envelope, opened
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import (
    key_id,
    read_public_key,
    read_signing_key,
    write_pair,
)

REPORTS = Path("/var/lib/skewgate/report")
TYPE = "application/vnd.in-toto+json"
PAYLOAD = '{"a": "ü"}'.encode()


def openssl(folder: Path, words: str) -> int:
    """A command in this folder: its exit status."""
    return subprocess.run(["openssl", *words.split()], cwd=folder, check=False, capture_output=True).returncode


def encoded(body: bytes) -> bytes:
    """DSSE's encoding, written by hand."""
    return f"DSSEv1 {len(TYPE)} {TYPE} {len(body)} ".encode() + body


def test_openssl_verifies_what_skewgate_signs_and_nothing_else(tmp_path: Path) -> None:
    _public, of = write_pair(tmp_path / "key")
    content = json.loads(envelope(TYPE, PAYLOAD, read_signing_key(str(tmp_path / "key"), "key", REPORTS)))
    [signature] = content["signatures"]
    (tmp_path / "sig").write_bytes(base64.b64decode(signature["sig"]))
    for body, status in ((base64.b64decode(content["payload"]), 0), (PAYLOAD + b" ", 1)):
        (tmp_path / "text").write_bytes(encoded(body))
        assert openssl(tmp_path, "pkeyutl -verify -rawin -pubin -inkey key.pub -sigfile sig -in text") == status
    assert openssl(tmp_path, "pkey -pubin -in key.pub -outform DER -out der") == 0
    digest = subprocess.run(["sha256sum", "der"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert digest.split()[0] == signature["keyid"] == of


def test_skewgate_believes_what_openssl_signed_with_a_key_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(encoded(PAYLOAD))
    assert openssl(tmp_path, "genpkey -algorithm ed25519 -out key") == 0
    assert openssl(tmp_path, "pkey -in key -pubout -out public") == 0
    assert openssl(tmp_path, "pkeyutl -sign -rawin -inkey key -in text -out sig") == 0
    (tmp_path / "key").chmod(0o600)
    key = read_public_key(str(tmp_path / "public"), "key")
    assert key_id(key) == key_id(read_signing_key(str(tmp_path / "key"), "key", REPORTS).public_key())
    signature = base64.b64encode((tmp_path / "sig").read_bytes()).decode()
    text = {"payload": base64.b64encode(PAYLOAD).decode(), "payloadType": TYPE, "signatures": [{"sig": signature}]}
    assert opened(json.dumps(text).encode(), key, TYPE) == PAYLOAD
