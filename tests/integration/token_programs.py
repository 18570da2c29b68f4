"""Real programs that compare a token's times with their clock, each on loopback, and how each is
had: Debian's packages, unpacked and not installed.

A program in Go does not ask libfaketime for the time. It keeps the true time, and the token is
dated as by a machine whose clock is off: only the difference counts.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests import toolchains
from tests.integration.real_clients import BUILD, go_program
from tests.lab.host import unpack_package

AT_MOST_S = 15
"""For a program to start, or to answer."""

GO_PACKAGES = (
    "golang-github-coreos-go-oidc-v3-dev",
    "golang-github-go-jose-go-jose-dev",
    "golang-github-golang-jwt-jwt-v5-dev",
    "golang-golang-x-crypto-dev",
    "golang-golang-x-oauth2-dev",
    "golang-gopkg-square-go-jose.v2-dev",
)
KERBEROS_PACKAGES = (
    "krb5-kdc",
    "krb5-admin-server",
    "krb5-user",
    "krb5-gss-samples",
    "libkadm5srv-mit12",
    "libkdb5-10",
    "libgssrpc4",
    "libverto1",
    "libverto-libev1",
    "libev4",
)


def free_port() -> int:
    """A TCP port of loopback that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(argv: Iterable[str | Path], port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A program, as soon as it listens on the port; what it says is in the log."""
    with (
        log.open("w") as said,
        subprocess.Popen([*map(str, argv)], stdout=said, stderr=subprocess.STDOUT, env=env) as process,
    ):
        try:
            wait_for(port, process, log)
            yield
        finally:
            process.kill()


def wait_for(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    """Wait until it listens, without connecting: a server may take one client only."""
    listens = f"0100007F:{port:04X} 00000000:0000 0A"
    anywhere = f"00000000:{port:04X} 00000000:0000 0A"
    end_s = time.monotonic() + AT_MOST_S
    while not any(each in Path("/proc/net/tcp").read_text() for each in (listens, anywhere)):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.01)


def early_in_a_second() -> int:
    """The time in whole seconds, when the second has just begun: what comes next is within it."""
    while time.time() % 1 > 0.4:
        time.sleep(0.02)
    return int(time.time())


# A container registry


class Registry:
    """Distribution's registry, with tokens of a server whose key it trusts."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.port = free_port()
        bundle = folder / "tokens.pem"
        bundle.write_bytes(self._certificate.public_bytes(Encoding.PEM))
        self.configuration = folder / "registry.yml"
        token = {"realm": "http://127.0.0.1/", "service": "registry", "issuer": "tokens", "rootcertbundle": str(bundle)}
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
            "auth": {"token": token},
        }
        self.configuration.write_text(json.dumps(settings))

    def accepts(self, skew_s: int) -> bool:
        """Whether it takes a new token if its clock is ``skew_s`` ahead of the token server's."""
        issued_s = early_in_a_second() - skew_s
        claims = {
            "iss": "tokens",
            "aud": "registry",
            "sub": "",
            "nbf": issued_s,
            "iat": issued_s,
            "exp": issued_s + 300,
        }
        chain = [base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()]
        token = jwt.encode({**claims, "jti": "1", "access": []}, self._key, algorithm="ES256", headers={"x5c": chain})
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v2/", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=AT_MOST_S) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                raise
            return False


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """One that runs."""
    program = unpack_package("docker-registry", BUILD / "docker-registry") / "usr/bin/docker-registry"
    made = Registry(folder)
    with running([program, "serve", made.configuration], made.port, folder / "registry.log"):
        yield made


# AWX's mesh


class Receptor:
    """An execution node: work for it must have a token of the control node."""

    NODE = "node"
    TOKEN_LIVES_S = 60
    """As AWX configures it (tokenexpiration: 1m)."""

    def __init__(self, folder: Path) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "work.pem").write_bytes(public)
        self.port = free_port()
        self.words = [
            *("--node", f"id={self.NODE}", f"datadir={folder / 'receptor'}", "--local-only"),
            *("--work-verification", f"publickey={folder / 'work.pem'}"),
            *("--control-service", f"filename={folder / 'control'}", f"tcplisten=127.0.0.1:{self.port}"),
            *("--work-command", "worktype=cat", "command=cat", "verifysignature=true"),
        ]

    def accepts(self, skew_s: int) -> bool:
        """Whether it takes work while its clock is ``skew_s`` ahead of the control node's."""
        claims = {"aud": self.NODE, "exp": early_in_a_second() - skew_s + self.TOKEN_LIVES_S}
        submit = {"command": "work", "subcommand": "submit", "node": self.NODE, "worktype": "cat"}
        signed = {**submit, "signature": jwt.encode(claims, self._key, algorithm="RS512")}
        with socket.create_connection(("127.0.0.1", self.port), AT_MOST_S) as control, control.makefile("rw") as lines:
            lines.readline()  # its greeting
            print(json.dumps(signed), file=lines, flush=True)
            answer = lines.readline()
        assert "Work unit created" in answer or "token is expired" in answer, answer
        return "Work unit created" in answer


@contextmanager
def receptor(folder: Path) -> Iterator[Receptor]:
    """One that runs."""
    program = toolchains.debian_packages(["receptor"], BUILD / "receptor") / "usr/bin/receptor"
    made = Receptor(folder)
    with running([program, *made.words], made.port, folder / "receptor.log"):
        yield made


# Libraries in Go


@cache
def _verifiers() -> Path:
    return go_program("drive_verifiers", GO_PACKAGES, BUILD / "verifiers-packages")


def verifier_accepts(library: str, skew_s: int) -> bool:
    """Whether a library accepts a new token at a time ``skew_s`` after the issuer's; that time is
    what it is given as now.
    """
    issued_s = int(time.time())
    asked = {"library": library, "now": issued_s + skew_s, "nbf": issued_s, "exp": issued_s + 3600}
    done = subprocess.run(
        [_verifiers()], input=json.dumps(asked), capture_output=True, text=True, timeout=AT_MOST_S, check=True
    )
    error: str = json.loads(done.stdout)
    assert not error or "not valid yet" in error or "not before" in error, error
    return not error


# Kerberos


class Kerberos:
    """MIT's KDC with the true time, and its programs with clocks that are off."""

    REFUSED = re.compile("Clock skew too great|Ticket not yet valid")

    def __init__(self, folder: Path, faketime: Path) -> None:
        self._folder, self._faketime = folder, faketime
        self._packages = [unpack_package(name, BUILD / "kerberos" / name) for name in KERBEROS_PACKAGES]
        self.port = free_port()
        libraries = folder / "lib"
        libraries.mkdir()
        # In one folder: libverto looks for its modules beside itself.
        for path in [path for each in self._packages for path in each.glob("usr/lib/*-linux-gnu/*.so.*")]:
            (libraries / path.name).symlink_to(path)
        database = f"database_name = {folder}/principal"
        plugins = next(path for each in self._packages for path in each.glob("usr/lib/*-linux-gnu/krb5/plugins/kdb"))
        (folder / "krb5.conf").write_text(
            "[libdefaults]\ndefault_realm = LAB\ndns_lookup_kdc = false\n"
            "dns_canonicalize_hostname = false\nrdns = false\n"
            f"[realms]\nLAB = {{\nkdc = 127.0.0.1:{self.port}\n}}\n"
            f"[dbmodules]\nLAB = {{\ndb_library = db2\n{database}\n}}\ndb_module_dir = {plugins}\n"
        )
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{self.port}\nkdc_tcp_listen = 127.0.0.1:{self.port}\n"
            f"[realms]\nLAB = {{\n{database}\nkey_stash_file = {folder}/stash\ndefault_principal_flags = +preauth\n}}\n"
            f"[logging]\nkdc = FILE:{folder}/kdc.log\n"
        )
        self.env = {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": str(libraries),
            "KRB5_CONFIG": f"{folder}/krb5.conf",
            "KRB5_KDC_PROFILE": f"{folder}/kdc.conf",
            "KRB5CCNAME": f"{folder}/tickets",
            "KRB5_KTNAME": f"{folder}/keytab",
        }

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(next(path for each in self._packages for path in each.glob(f"usr/*bin/{name}")))

    def create(self) -> None:
        """A realm with a user and a service."""
        self._run("kdb5_util", "create", "-r", "LAB", "-s", "-P", "master")
        for query in (
            "addprinc -pw secret user",
            "addprinc -randkey host/localhost",
            f"ktadd -k {self._folder}/keytab host/localhost",
        ):
            self._run("kadmin.local", "-r", "LAB", "-q", query)

    def _run(self, name: str, *words: str, skew_s: int = 0, text: str = "") -> str:
        done = subprocess.run(
            [self.program(name), *words],
            env=self._with_clock(skew_s),
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=AT_MOST_S,
            check=False,
        )
        assert done.returncode == 0 or self.REFUSED.search(done.stdout), done.stdout
        return done.stdout

    def _with_clock(self, skew_s: int) -> dict[str, str]:
        clock = {"LD_PRELOAD": str(self._faketime), "FAKETIME": f"{skew_s:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        return {**self.env, **clock} if skew_s else self.env

    def client_gets_a_ticket(self, skew_s: int) -> bool:
        """Whether a user's ``kinit`` gets a ticket with a clock that is off."""
        return not self.REFUSED.search(self._run("kinit", "user", skew_s=skew_s, text="secret\n"))

    def accepts(self, skew_s: int) -> bool:
        """Whether a service whose clock is off accepts a user's ticket."""
        assert self.client_gets_a_ticket(0)
        port, log = free_port(), self._folder / "service.log"
        service = [self.program("gss-server"), "-port", str(port), "host@localhost"]
        with running(service, port, log, self._with_clock(skew_s)):
            said = self._run("gss-client", "-port", str(port), "localhost", "host@localhost", "hello")
        assert bool(self.REFUSED.search(said)) != ("Signature verified" in said), said
        return "Signature verified" in said


@contextmanager
def kerberos(folder: Path, faketime: Path) -> Iterator[Kerberos]:
    """A realm whose KDC runs."""
    made = Kerberos(folder, faketime)
    made.create()
    with running([made.program("krb5kdc"), "-n", "-r", "LAB"], made.port, folder / "kdc.out", made.env):
        yield made
