"""What finds a secret finds it in every form and place; and some flows leave none."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import quopri
import secrets
import subprocess
import sys
import tarfile
import time
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.integration.conftest import BIN
from tests.lab.github_api import CLIENT_ID
from tests.reliability.parts import PARTS
from tests.reliability.secrets import forms, part, world
from tests.reliability.secrets.search import LARGE, Search
from tests.reliability.secrets.watching import Watch

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
DER = KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
NUMBERS = KEY.private_numbers()
JWT = pyjwt.encode({"iss": "x", "jti": secrets.token_hex()}, KEY, algorithm="RS256")
TOKEN = "ghs_" + secrets.token_hex(18)
SIGNING_KEY = Ed25519PrivateKey.generate()
SIGNING_PEM = SIGNING_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
KEYS = (*forms.of_key("key", PEM.decode()), *forms.of_key("signing key", SIGNING_PEM.decode()))
SEARCH = Search([*KEYS, forms.of_jwt("JWT", JWT), forms.text("token", TOKEN)])

SECRETS = {
    "key in PEM": PEM,
    "key in PKCS#8": PKCS8,
    "key in DER": DER,
    "d in decimal": str(NUMBERS.d).encode(),
    "p in decimal": str(NUMBERS.p).encode(),
    "q in hex": f"{NUMBERS.q:x}".encode(),
    "d in upper-case hex": f"{NUMBERS.d:X}".encode(),
    "JWT": JWT.encode(),
    "signature": JWT.rpartition(".")[2].encode(),
    "token": TOKEN.encode(),
    "signing key in PEM": SIGNING_PEM,
    "signing key's seed": SIGNING_KEY.private_bytes_raw(),
}
WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "reversed": lambda value: value[::-1],
    "lower case": bytes.lower,
    "hex": lambda value: value.hex().encode(),
    "HEX": lambda value: value.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64, one on": lambda value: base64.b64encode(b"x" + value),
    "base64, two on": lambda value: base64.b64encode(b"xy" + value),
    "urlsafe base64": base64.urlsafe_b64encode,
    "urlsafe base64, one on": lambda value: base64.urlsafe_b64encode(b"x" + value),
    "base64 in lines": base64.encodebytes,
    "URL": lambda value: urllib.parse.quote_from_bytes(value).encode(),
    "URL of all": lambda value: b"".join(b"%%%02x" % byte for byte in value),
    "JSON": lambda value: json.dumps(value.decode("latin-1")).encode(),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value.decode("latin-1"))).encode(),
    "Python": lambda value: repr(value).encode(),
    "quoted-printable": quopri.encodestring,
    "UTF-16": lambda value: value.decode("latin-1").encode("utf-16"),
    "in lines of 40": lambda value: b"\n".join(value[at : at + 40] for at in range(0, len(value), 40)),
}
#: Binary data has no cases, and what JSON twice makes of it is no form that we look for.
BINARY = ("key in DER", "signing key's seed")
NO_FORM = {(secret, form) for secret in BINARY for form in ("lower case", "JSON in JSON")}


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_in_each_form(secret: str) -> None:
    contents = {form: b"before " + write(SECRETS[secret]) + b" behind" for form, write in WRITTEN.items()}
    missed = {(secret, form) for form, content in contents.items() if not SEARCH.in_bytes("here", content)}
    assert missed <= NO_FORM


@pytest.mark.parametrize("line", PEM.splitlines()[10:-2])
def test_one_line_of_the_keys_file_is_found(line: bytes) -> None:
    for form in ("plain", "reversed", "hex", "base64", "base64, one on", "base64, two on"):
        assert SEARCH.in_bytes("here", b"before " + WRITTEN[form](line) + b" behind"), form


def test_nothing_is_found_where_nothing_is() -> None:
    other = rsa.generate_private_key(65537, 2048)
    signing = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = KEY.public_key().public_numbers().n
    for content in (pem, signing, secrets.token_bytes(1 << 16), str(public).encode(), f"{public:x}".encode(), b""):
        assert not SEARCH.in_bytes("here", content)


def _tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("inner")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", content)
    return file.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib, level 1": lambda content: zlib.compress(content, 1),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "tar": _tar,
    "zip": _zip,
    "gzip amid a file": lambda content: bytes(5000) + gzip.compress(content) + bytes(5000),
    "zip in gzip": lambda content: gzip.compress(_zip(content)),
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_secret_is_found_in_what_is_packed(packing: str) -> None:
    assert SEARCH.in_bytes("here", PACKED[packing](b"some words before it, " * 9 + TOKEN.encode()))


def _in_a_file(folder: Path) -> None:
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file").write_text(f"x{TOKEN}")


def _in_a_disk(folder: Path) -> None:
    """A large file with holes."""
    with (folder / "disk").open("wb") as file:
        file.truncate(4 * LARGE)
        os.pwrite(file.fileno(), TOKEN.encode(), 3 * LARGE)


PLACES: dict[str, Callable[[Path], object]] = {
    "a file": _in_a_file,
    "a hidden file": lambda folder: (folder / ".hidden").write_text(TOKEN),
    "a file's name": lambda folder: (folder / TOKEN).touch(),
    "a folder's name": lambda folder: (folder / TOKEN).mkdir(),
    "where a link leads": lambda folder: (folder / "link").symlink_to(TOKEN),
    "a disk": _in_a_disk,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found_in_each_place_of_a_folder(tmp_path: Path, place: str) -> None:
    assert not SEARCH.below(tmp_path)
    PLACES[place](tmp_path)
    leaks = SEARCH.below(tmp_path)
    assert {leak.secret for leak in leaks} == {"token"}
    assert place.endswith("name") or TOKEN not in "".join(map(str, leaks))


@pytest.mark.parametrize("how", ["argument", "environment", "program that it becomes"])
def test_a_secret_that_a_process_shows_for_a_moment_is_seen(how: str) -> None:
    argv, environment = [sys.executable, "-c", "import time; time.sleep(0.3)"], {}
    if how == "argument":
        argv.append(TOKEN)
    elif how == "environment":
        environment["SECRET"] = TOKEN
    else:
        argv[2] = f"import os, time; time.sleep(0.3); os.execv('/bin/sh', ['sh', '-c', 'sleep 0.5; : {TOKEN[4:]}'])"
        argv[2] = argv[2].replace(TOKEN[4:], "'+'".join((TOKEN[4:20], TOKEN[20:])))
    with Watch() as watch:
        subprocess.run(argv, env=environment, check=True)
    found = {leak.place for place, shown in watch.shown for leak in SEARCH.in_bytes(place, shown)}
    assert found == {"the environment of a process" if how == "environment" else "a command line"}


def test_a_secret_in_a_core_dump_is_found(tmp_path: Path) -> None:
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core":
        pytest.skip("this machine gives core dumps to a program")
    code = "import os, sys; secret = sys.stdin.read(); os.abort()"
    argv = ["prlimit", "--core=unlimited", sys.executable, "-c", code]
    subprocess.run(argv, input=TOKEN.encode(), cwd=tmp_path, check=False)
    assert SEARCH.below(tmp_path)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.World]:
    """An API and nodes on loopback."""
    if os.geteuid() != 0:
        pytest.skip("sshd's nodes take root")
    with world.running(tmp_path_factory.mktemp("world"), 1) as made:
        yield made


def test_the_jwts_of_a_run_are_known_from_the_apis_log(here: world.World) -> None:
    """The product's own process and this test sign the same claims in the same way."""
    claims = {"iss": CLIENT_ID, "iat": int(time.time()) - 30, "exp": int(time.time()) + 90, "jti": secrets.token_hex()}
    signed = pyjwt.encode(claims, here.pem, algorithm="RS256")
    logged = {name: claims[name] for name in ("iat", "exp", "jti")}
    (found,) = forms.of_log(here.api.credentials.app_pem, [{"claims": logged}], (CLIENT_ID,))
    assert Search([found]).in_bytes("here", signed.encode())


def test_what_a_flow_would_leak_is_found(here: world.World) -> None:
    """The node writes what it is sent into a file and shows it in an argument, and the user prints
    the key.
    """
    here.anew()
    node = here.run_folder / "node"
    program = here.run_folder / "python"
    script = f'#!/bin/sh\ncat >{node}/sent\n{BIN}/python -c "import time; time.sleep(0.5)" "$(grep -ao eyJ[^,]* {node}/sent)"\n'
    program.write_text(f'{script}exec {BIN}/python "$@" <{node}/sent\n')
    program.chmod(0o755)
    inventory = here.inventory(here.app(), ansible_python_interpreter=str(program))
    play = f"ansible-playbook -vvvv -i {inventory} skewgate.preflight.check; cat {here.api.credentials.app_pem}"
    run = here.run(["sh", "-c", play])
    leaks = here.leaks(run)
    assert f"{node}/sent" in {leak.place for leak in leaks if leak.secret.startswith(("a JWT", "the JWT"))}
    assert "a command line" in {leak.place for leak in leaks}
    assert f"{here.run_folder}/output" in {leak.place for leak in leaks if leak.secret.startswith("key")}


SAMPLE = (
    "a check by the command, the key in a variable",
    "the revocation fails",
    "a worker gets SIGABRT with a token",
)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_flow_leaves_no_secret_anywhere(here: world.World, name: str) -> None:
    here.anew()
    (flow,) = (each for each in part.FLOWS if each.name == name)
    assert here.leaks(flow.run(here)) == []


def test_every_flow_has_a_name_and_a_number_of_the_parts_table() -> None:
    assert len({flow.name for flow in part.FLOWS}) == len(part.FLOWS)
    assert PARTS["secrets"].seeds == part.OF_LAB
