"""Forms in which private keys are written, and whether Go's GitHub App clients read them.

Go's answers were recorded from Go 1.27 and golang-jwt 4; `tests/integration/test_go_keys.py` asks
Go again. Each form is made of a real key by one change.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import random
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.key_faults import KeyFault
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

PKCS1, PKCS8, OPENSSH = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8, PrivateFormat.OpenSSH
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@dataclass(frozen=True)
class Form:
    """How a key is written, whether Go reads it, and if not, the faults that are found in it."""

    make: Callable[[], bytes]
    go_reads: bool
    faults: tuple[KeyFault, ...] = ()


@functools.cache
def app_key() -> rsa.RSAPrivateKey:
    """The key of all forms but those of other kinds."""
    return rsa.generate_private_key(65537, 2048)


def pem(form: PrivateFormat = PKCS1, key: object = None, passphrase: bytes = b"") -> bytes:
    """The App's key in this form, or another key; encrypted if there is a passphrase."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return (key or app_key()).private_bytes(Encoding.PEM, form, encryption)  # type: ignore[attr-defined]


def der(form: PrivateFormat = PKCS1) -> bytes:
    """What stands between the lines of its PEM."""
    return app_key().private_bytes(Encoding.DER, form, NoEncryption())


def public(form: PublicFormat) -> bytes:
    """Its public half as PEM."""
    return app_key().public_key().public_bytes(Encoding.PEM, form)


def wrapped(content: bytes, label: bytes = b"RSA PRIVATE KEY", *headers: bytes) -> bytes:
    """A PEM block."""
    head = b"".join(header + b"\n" for header in headers) + (b"\n" if headers else b"")
    return b"-----BEGIN %s-----\n%s%s-----END %s-----\n" % (label, head, base64.encodebytes(content), label)


def element(tag: int, content: bytes) -> bytes:
    """One tag with its length and what is in it."""
    size = len(content)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8)
    )
    return bytes([tag]) + length + content


def integers(*numbers: int) -> bytes:
    """These whole numbers one after the other, each an element."""
    return b"".join(element(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True)) for n in numbers)


def numbers() -> tuple[int, ...]:
    """What PKCS#1 holds of the key: version, n, e, d, p,
    q, and the numbers of the Chinese remainder theorem.
    """
    private = app_key().private_numbers()
    of_crt = private.dmp1, private.dmq1, private.iqmp
    return (0, private.public_numbers.n, private.public_numbers.e, private.d, private.p, private.q, *of_crt)


def changed(changes: dict[int, int], more: bytes = b"", fields: int = 9) -> bytes:
    """The key in PKCS#1 with some of its first numbers changed, and with more after them."""
    found = list(numbers())[:fields]
    for field, number in changes.items():
        found[field] = number
    return wrapped(element(0x30, integers(*found) + more))


def in_pkcs8(
    key: bytes, oid: bytes = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", more: bytes = b"", version: int = 0
) -> bytes:
    """PKCS#8 around a key's DER."""
    algorithm = element(0x30, element(6, oid) + b"\x05\x00")
    return element(0x30, integers(version) + algorithm + element(4, key) + more)


@functools.cache
def of_primes(bits: int, count: int = 2) -> bytes:
    """A key of primes of so many bits each, which no library here makes so short or of so many."""
    rnd = random.Random(bits * count)
    primes: list[int] = []
    while len(primes) < count:
        candidate = rnd.getrandbits(bits) | 3 << (bits - 2) | 1
        fermat = all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7))
        if fermat and candidate % 65537 != 1 and candidate not in primes:
            primes.append(candidate)
    n, e = math.prod(primes), 65537
    d = pow(e, -1, math.lcm(*(prime - 1 for prime in primes)))
    p, q, *others = primes
    more = [element(0x30, integers(r, d % (r - 1), pow(n // r, -1, r))) for r in others]
    known = integers(1 if others else 0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    return wrapped(element(0x30, known + (element(0x30, b"".join(more)) if more else b"")))


def lines() -> list[bytes]:
    """The key's lines."""
    return pem().splitlines()


def body(texts: Iterable[str]) -> bytes:
    """The key with other lines between its markers."""
    return b"\n".join([lines()[0], *(text.encode() for text in texts), lines()[-1]])


def without_line_ends(by: bytes) -> bytes:
    """The key with something in the place of its line ends."""
    return pem().replace(b"\n", by)


_READ = {
    "PKCS#1": pem,
    "PKCS#8": lambda: pem(PKCS8),
    "PKCS#1 labelled as PKCS#8": lambda: wrapped(der(PKCS1), b"PRIVATE KEY"),
    "PKCS#8 labelled as PKCS#1": lambda: wrapped(der(PKCS8), b"RSA PRIVATE KEY"),
    "any label": lambda: wrapped(der(), b"MY KEY"),
    "labelled as a certificate": lambda: wrapped(der(), b"CERTIFICATE"),
    "labelled as encrypted": lambda: wrapped(der(PKCS8), b"ENCRYPTED PRIVATE KEY"),
    "no label": lambda: wrapped(der(), b""),
    "CRLF": lambda: without_line_ends(b"\r\n"),
    "no line end at the end": lambda: pem().strip(),
    "empty lines before": lambda: b"\n\n" + pem(),
    "empty lines after": lambda: pem() + b"\n\n",
    "empty lines within": lambda: b"\n\n".join(lines()),
    "text before": lambda: b"# the key of the App\n" + pem(),
    "text before that is not UTF-8": lambda: b"cl\xe9\n" + pem(),
    "text after": lambda: pem() + b"# end\n",
    "a comment with a colon before": lambda: b"Subject: App\n" + pem(),
    "blanks at the ends of lines": lambda: without_line_ends(b"  \n"),
    "tabs at the ends of lines": lambda: without_line_ends(b"\t\n"),
    "blanks within the base64": lambda: body(f"{line[:9].decode()} {line[9:].decode()}" for line in lines()[1:-1]),
    "base64 indented, not its markers": lambda: body(f"  {line.decode()}" for line in lines()[1:-1]),
    "base64 in one line": lambda: body([b"".join(lines()[1:-1]).decode()]),
    "base64 in short lines": lambda: body(textwrap.wrap(b"".join(lines()[1:-1]).decode(), 7)),
    "headers": lambda: wrapped(der(), b"RSA PRIVATE KEY", b"Comment: App"),
    "headers of encryption around a key that is plain": lambda: wrapped(
        der(), b"RSA PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"
    ),
    "the key twice": lambda: pem() + pem(),
    "the key before a certificate": lambda: pem() + CERTIFICATE,
    "a broken block before": lambda: b"-----BEGIN X-----\n*\n-----END X-----\n" + pem(),
    "a block without an end before": lambda: b"-----BEGIN X-----\n" + pem(),
    "an end without a block before": lambda: b"-----END X-----\n" + pem(),
    "PKCS#8 with attributes": lambda: wrapped(in_pkcs8(der(), more=element(0xA0, b"")), b"PRIVATE KEY"),
    "PKCS#8 of version 1": lambda: wrapped(in_pkcs8(der(), version=1), b"PRIVATE KEY"),
    "bytes after PKCS#8": lambda: wrapped(in_pkcs8(der()) + b"more", b"PRIVATE KEY"),
    "PKCS#1 without the numbers of the remainders": lambda: changed({}, fields=6),
    "PKCS#1 with something after its numbers": lambda: changed({}, more=element(4, b"x")),
    "PKCS#1 of version 1 with two primes": lambda: changed({0: 1}),
    "primes the other way round, without their remainders": lambda: changed(
        {4: numbers()[5], 5: numbers()[4]}, fields=6
    ),
    "1024 bits": lambda: of_primes(512),
    "three primes": lambda: of_primes(352, 3),
}

_REFUSED = {
    "folded": (lambda: without_line_ends(b" "), KeyFault.FOLDED),
    "folded and stripped": (lambda: without_line_ends(b" ").strip(), KeyFault.FOLDED),
    "PKCS#8 folded": (lambda: pem(PKCS8).replace(b"\n", b" "), KeyFault.FOLDED),
    "folded by tabs": (lambda: without_line_ends(b"\t"), KeyFault.FOLDED),
    "on one line": (lambda: without_line_ends(b""), KeyFault.ONE_LINE),
    "indented": (lambda: textwrap.indent(pem().decode(), "  ").encode(), KeyFault.INDENTED),
    "indented by tabs": (lambda: textwrap.indent(pem().decode(), "\t").encode(), KeyFault.INDENTED),
    "indented from the second line on": (lambda: without_line_ends(b"\n    ").rstrip(b" "), KeyFault.INDENTED),
    "a blank before BEGIN": (lambda: b" " + pem(), KeyFault.INDENTED),
    "quoted": (lambda: b'"' + pem() + b'"', KeyFault.QUOTED),
    "quoted once more": (lambda: b"'" + pem().strip() + b"'", KeyFault.QUOTED),
    "a quote at the beginning": (lambda: b'"' + pem(), KeyFault.QUOTED),
    "literal line ends": (lambda: without_line_ends(rb"\n"), KeyFault.LITERAL_NEWLINES),
    "literal line ends of Windows": (lambda: without_line_ends(rb"\r\n"), KeyFault.LITERAL_NEWLINES),
    "literal line ends, escaped twice": (lambda: without_line_ends(rb"\\n"), KeyFault.LITERAL_NEWLINES),
    "literal line ends in quotes": (
        lambda: b'"' + without_line_ends(rb"\n") + b'"',
        KeyFault.QUOTED,
        KeyFault.LITERAL_NEWLINES,
    ),
    "in JSON": (lambda: json.dumps({"key": pem().decode()}).encode(), KeyFault.LITERAL_NEWLINES, KeyFault.SHARED_LINE),
    "base64 twice": (lambda: base64.b64encode(pem()), KeyFault.BASE64_TWICE),
    "base64 twice, in lines": (lambda: base64.encodebytes(pem()), KeyFault.BASE64_TWICE),
    "base64 three times": (
        lambda: base64.b64encode(base64.b64encode(pem())),
        KeyFault.BASE64_TWICE,
        KeyFault.BASE64_TWICE,
    ),
    "base64 twice of a folded key": (
        lambda: base64.b64encode(without_line_ends(b" ")),
        KeyFault.BASE64_TWICE,
        KeyFault.FOLDED,
    ),
    "byte order mark": (lambda: b"\xef\xbb\xbf" + pem(), KeyFault.BYTE_ORDER_MARK),
    "UTF-16": (lambda: pem().decode().encode("utf-16"), KeyFault.UTF16),
    "UTF-16 without a mark": (lambda: pem().decode().encode("utf-16-le"), KeyFault.UTF16),
    "a blank without width": (lambda: b"\xe2\x80\x8b" + pem(), KeyFault.INVISIBLE),
    "no-break spaces at the ends of lines": (lambda: without_line_ends(b"\xc2\xa0\n"), KeyFault.INVISIBLE),
    "line ends of old Macs": (lambda: without_line_ends(b"\r"), KeyFault.OLD_LINE_ENDS),
    "text before BEGIN": (lambda: b"key: " + pem(), KeyFault.SHARED_LINE),
    "text after END": (lambda: pem().strip() + b" # end", KeyFault.SHARED_LINE),
    "four hyphens": (lambda: pem().replace(b"-----BEGIN", b"----BEGIN"), KeyFault.BAD_MARKERS),
    "four hyphens at the end": (lambda: pem().strip()[:-1], KeyFault.BAD_MARKERS),
    "other words at END": (lambda: pem().replace(b"END RSA ", b"END "), KeyFault.BAD_MARKERS),
    "markers in lower case": (
        lambda: pem().replace(b"BEGIN RSA PRIVATE KEY", b"begin rsa private key"),
        KeyFault.BAD_MARKERS,
    ),
    "long dashes": (lambda: pem().replace(b"-----", "\u2014\u2014".encode()), KeyFault.BAD_MARKERS),
    "no END": (lambda: b"\n".join(lines()[:-1]), KeyFault.NO_END),
    "no BEGIN": (lambda: b"\n".join(lines()[1:]), KeyFault.NO_BEGIN),
    "no markers": (lambda: b"\n".join(lines()[1:-1]), KeyFault.NO_MARKERS),
    "a certificate before": (lambda: CERTIFICATE + pem(), KeyFault.NOT_FIRST),
    "the public key before": (lambda: public(PublicFormat.SubjectPublicKeyInfo) + pem(), KeyFault.NOT_FIRST),
    "DER": (der, KeyFault.DER),
    "DER of PKCS#8": (lambda: der(PKCS8), KeyFault.DER),
    "encrypted PKCS#1": (lambda: pem(PKCS1, passphrase=b"staple"), KeyFault.ENCRYPTED),
    "encrypted PKCS#8": (lambda: pem(PKCS8, passphrase=b"staple"), KeyFault.ENCRYPTED),
    "encrypted and folded": (lambda: pem(PKCS8, passphrase=b"staple").replace(b"\n", b" "), KeyFault.ENCRYPTED),
    "encrypted by SOPS": (lambda: b"ENC[AES256_GCM,data:Zm9v,iv:Zm9v,tag:Zm9v,type:str]", KeyFault.NOT_DECRYPTED),
    "public key": (lambda: public(PublicFormat.SubjectPublicKeyInfo), KeyFault.PUBLIC),
    "public key of PKCS#1": (lambda: public(PublicFormat.PKCS1), KeyFault.PUBLIC),
    "public key labelled as private": (
        lambda: public(PublicFormat.SubjectPublicKeyInfo).replace(b"PUBLIC", b"PRIVATE"),
        KeyFault.PUBLIC,
    ),
    "public key of ssh": (
        lambda: app_key().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        KeyFault.PUBLIC,
    ),
    "certificate": (lambda: CERTIFICATE, KeyFault.CERTIFICATE),
    "EC": (lambda: pem(PKCS8, ec.generate_private_key(ec.SECP256R1())), KeyFault.NOT_RSA),
    "EC of SEC 1": (lambda: pem(PKCS1, ec.generate_private_key(ec.SECP256R1())), KeyFault.NOT_RSA),
    "ed25519": (lambda: pem(PKCS8, ed25519.Ed25519PrivateKey.generate()), KeyFault.NOT_RSA),
    "ed25519, base64 twice": (
        lambda: base64.b64encode(pem(PKCS8, ed25519.Ed25519PrivateKey.generate())),
        KeyFault.BASE64_TWICE,
        KeyFault.NOT_RSA,
    ),
    "RSA for PSS alone": (lambda: wrapped(in_pkcs8(der(), b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a")), KeyFault.NOT_RSA),
    "OpenSSH": (lambda: pem(OPENSSH), KeyFault.OPENSSH),
    "PuTTY": (lambda: b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPublic-Lines: 6\nAAAA\n", KeyFault.PUTTY),
    "512 bits": (lambda: of_primes(256), KeyFault.TOO_SHORT),
    "1022 bits": (lambda: of_primes(511), KeyFault.TOO_SHORT),
    "truncated": (lambda: pem()[:800], KeyFault.TRUNCATED),
    "truncated, with END": (lambda: b"\n".join([*lines()[:12], lines()[-1]]), KeyFault.TRUNCATED),
    "cut within a line": (lambda: pem()[:400] + pem()[700:], KeyFault.BAD_BASE64),
    "a character that is not base64": (lambda: pem().replace(lines()[5], b"*" + lines()[5][1:]), KeyFault.BAD_BASE64),
    "a line twice": (lambda: pem().replace(lines()[6], lines()[6] + b"\n" + lines()[6]), KeyFault.DAMAGED),
    "a line in another's place": (lambda: pem().replace(lines()[6], lines()[7]), KeyFault.DAMAGED),
    "bytes after PKCS#1": (lambda: wrapped(der() + b"more"), KeyFault.DAMAGED),
    "numbers of another key": (lambda: changed({4: numbers()[4] + 2}), KeyFault.DAMAGED),
    "an exponent that does not fit": (lambda: changed({3: numbers()[3] + 2}), KeyFault.DAMAGED),
    "an even exponent": (lambda: changed({2: 65536}), KeyFault.DAMAGED),
    "a remainder that does not fit": (lambda: changed({6: numbers()[6] + 2}), KeyFault.DAMAGED),
    "a negative number": (lambda: changed({3: -numbers()[3]}), KeyFault.DAMAGED),
    "PKCS#1 of version 2": (lambda: changed({0: 2}), KeyFault.DAMAGED),
    "primes the other way round": (lambda: changed({4: numbers()[5], 5: numbers()[4]}), KeyFault.DAMAGED),
    "an empty block": (lambda: b"-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n", KeyFault.DAMAGED),
    "dots": (lambda: b"-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----\n", KeyFault.BAD_BASE64),
    "empty": (lambda: b"", KeyFault.EMPTY),
    "blanks": (lambda: b" \n", KeyFault.EMPTY),
    "a path": (lambda: b"/etc/app/private-key.pem", KeyFault.PATH),
    "a file's name": (lambda: b"app.private-key.pem\n", KeyFault.PATH),
    "a placeholder": (lambda: b"<path:secret/data/app#key>", KeyFault.PLACEHOLDER),
    "encrypted by ansible-vault": (lambda: b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", KeyFault.VAULTED),
    "a page of the web": (lambda: b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", KeyFault.NOT_A_KEY),
    "XML": (lambda: b"<RSAKeyValue><Modulus>sK9d</Modulus></RSAKeyValue>", KeyFault.NOT_A_KEY),
    "a word": (lambda: b"sk-1234567890abcdef", KeyFault.NOT_A_KEY),
}

FORMS = {
    **{name: Form(make, True) for name, make in _READ.items()},
    **{name: Form(make, False, tuple(faults)) for name, (make, *faults) in _REFUSED.items()},
}
