"""Keys that the operator gives: Go's rules decide whether there is a note,
Python's whether it is taken all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import GithubApp

from tests.unit.plugin_utils.github.key_forms import PKCS8, app_key, pem

APP = {"name": "deploy", "app_id": 1001, "installation_id": 2002}
FOLDED = pem().decode().replace("\n", " ")


def read(**key: Any) -> GithubApp:
    return GithubApp.from_settings({**APP, **key}, 0)


def is_the_key(app: GithubApp) -> bool:
    return app.key.private_numbers() == app_key().private_numbers()


@pytest.mark.parametrize("given_as", ["private_key", "private_key_file"])
def test_a_key_that_only_python_reads_is_taken_and_noted(tmp_path: Path, given_as: str) -> None:
    path = tmp_path / "app.pem"
    path.write_text(FOLDED)
    where, value = ("private_key", FOLDED) if given_as == "private_key" else (f"private_key_file {path}", str(path))
    app = read(**{given_as: value})
    assert is_the_key(app)
    (note,) = app.notes
    assert note.startswith(f"{where} has blanks")
    assert "clients written in Go refuse such a key" in note
    assert app.public()["notes"] == [note]
    assert pem().decode().splitlines()[1] not in note


def test_a_key_that_only_go_reads_is_taken_without_a_note() -> None:
    app = read(private_key=f"# the key of the App\n{pem().decode()}".replace("RSA PRIVATE KEY", "ANY KEY"))
    assert is_the_key(app)
    assert app.notes == ()


def test_a_key_that_was_decrypted_here_is_not_noted_since_clients_have_it_decrypted() -> None:
    app = read(private_key=pem(PKCS8, passphrase=b"staple").decode(), private_key_passphrase="staple")
    assert is_the_key(app)
    assert app.notes == ()


def test_a_key_that_neither_reads_is_reported_with_its_fault_and_what_to_do() -> None:
    with pytest.raises(ValueError, match="can't be read as a private key") as error:
        read(private_key=pem().decode().replace("\n", r"\n"))
    assert r"it has the two characters \n instead of line ends. Write the key with YAML's" in str(error.value)
