"""Reads an RSA private key by Go's rules, as Argo CD, Flux, actions-runner-controller, git-sync and
other Go clients do.

They give the key's text unchanged to golang-jwt's ``ParseRSAPrivateKeyFromPEM`` (``rsa_utils.go``);
none of them trims it. That function reads the first block of Go's ``encoding/pem``, whatever its
label and headers say, as PKCS#1, or else as PKCS#8 (``crypto/x509``, ``encoding/asn1``). Then
``crypto/rsa`` checks the numbers, and refuses to sign with fewer than 1024 bits. Python's
cryptography has different rules in each of these steps. The rules here are those of Go 1.27. Before
1.24 Go ignored the numbers of the Chinese remainder theorem, and signed with short keys. This
module is pure, and `tests/integration/test_go_keys.py` compares it with Go.
"""

from __future__ import annotations

import base64
import itertools
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

from ..boundary.libraries import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers, jwt

LEAST_BITS = 1024
RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")
"""The content of the object identifier 1.2.840.113549.1.1.1."""
INTEGER, OCTET_STRING, OID, SEQUENCE = 2, 4, 6, 16

_BEGIN, _END, _DASHES = b"\n-----BEGIN ", b"\n-----END ", b"-----"
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Stage(StrEnum):
    """The step at which Go refuses a key."""

    NO_BLOCK = "no_block"
    NO_RSA_KEY = "no_rsa_key"
    WRONG_NUMBERS = "wrong_numbers"
    TOO_SHORT = "too_short"


class GoRefusesError(Exception):
    """Go does not accept it as an RSA private key, or does not sign with it."""

    def __init__(self, stage: Stage, block: Block | None = None, bits: int = 0) -> None:
        """``block``: the block that Go found; ``bits``: the size of a key that is too short."""
        super().__init__(stage.value)
        self.stage = stage
        self.block = block
        self.bits = bits


@dataclass(frozen=True)
class Block:
    """A PEM block; its content is a secret."""

    label: bytes
    headers: dict[bytes, bytes]
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class RsaKey:
    """The numbers of an RSA private key."""

    n: int
    e: int
    d: int = field(repr=False)
    primes: tuple[int, ...] = field(repr=False)

    def load(self) -> RSAPrivateKey:
        """The key as Python signs with it; raises ValueError for one that it has no form for."""
        _, n, e, d, p, q, d_p, d_q, q_inverse = self._numbers()
        public = RSAPublicNumbers(e, n)
        numbers = RSAPrivateNumbers(p=p, q=q, d=d, dmp1=d_p, dmq1=d_q, iqmp=q_inverse, public_numbers=public)
        # Each host's process loads the key. The library would look for 50 ms whether p and q are
        # primes; that they fit, Go's rules have shown, and a signature, which takes 1 ms, shows the
        # rest.
        key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        if not _signs(key):
            raise ValueError("its public half does not verify its signature")
        return key

    def pem(self) -> str:
        """The key in PKCS#1, which every client reads; raises ValueError as ``load``."""
        content = b"".join(_element(INTEGER, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in self._numbers())
        text = base64.b64encode(_element(0x20 | SEQUENCE, content)).decode("ascii")
        lines = (text[at : at + 64] for at in range(0, len(text), 64))
        return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----", ""])

    def _numbers(self) -> tuple[int, ...]:
        """All of PKCS#1, of a key with two primes."""
        if len(self.primes) != 2:
            raise ValueError("it has more than two primes, for which Python's cryptography has no form")
        p, q = self.primes
        return (0, self.n, self.e, self.d, p, q, self.d % (p - 1), self.d % (q - 1), pow(q, -1, p))


def _signs(key: RSAPrivateKey) -> bool:
    rs256 = jwt.get_algorithm_by_name("RS256")
    try:
        return rs256.verify(b"", key.public_key(), rs256.sign(b"", key))
    except Exception:  # noqa: BLE001 - the library's words for numbers that are no key
        return False


def _element(tag: int, content: bytes) -> bytes:
    """An element of DER."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def read_key(pem: bytes) -> RsaKey:
    """The key that Go clients would sign with; raises GoRefusesError."""
    block = decode(pem)
    if block is None:
        raise GoRefusesError(Stage.NO_BLOCK)
    try:
        key = _pkcs1(block.content)
    except _DerError as of_pkcs1:
        try:
            key = _pkcs8(block.content)
        except _DerError as of_pkcs8:
            numbers = of_pkcs1.numbers or of_pkcs8.numbers
            raise GoRefusesError(Stage.WRONG_NUMBERS if numbers else Stage.NO_RSA_KEY, block) from None
    if key.n.bit_length() < LEAST_BITS:
        raise GoRefusesError(Stage.TOO_SHORT, block, key.n.bit_length())
    if len(key.primes) > 2 and pow(pow(2, key.d, key.n), key.e, key.n) != 2:  # Go looks at the signature that it made
        raise GoRefusesError(Stage.WRONG_NUMBERS, block)
    return key


# encoding/pem, Decode


def decode(data: bytes) -> Block | None:
    """The first block, as Go finds it; None if it finds none."""
    at = trailer_at = 0
    while True:
        if not at <= trailer_at <= len(data):
            return None
        at = trailer_at
        # The first END line, and the last BEGIN before it.
        end_at = data.find(_END, at)
        if end_at < 0:
            return None
        trailer_at = end_at + len(_END)
        begin_at = data.rfind(_BEGIN[1:], at, end_at)
        if begin_at < 0 or (begin_at > at and data[begin_at - 1 : begin_at] != b"\n"):
            continue
        label, at = _line(data, begin_at + len(_BEGIN) - 1)
        if not label.endswith(_DASHES):
            continue
        label = label.removesuffix(_DASHES)
        headers: dict[bytes, bytes] = {}
        while True:
            if at == len(data):
                return None
            line, after = _line(data, at)
            key, colon, value = line.partition(b":")
            if not colon:
                break
            headers[key.strip()] = value.strip()
            at = after
        if headers and end_at < at:
            continue
        if not _ends(data, trailer_at, label):
            continue
        text = data[at:end_at].translate(None, b" \t\r\n")
        if not _BASE64.fullmatch(text):
            continue
        return Block(label, headers, base64.b64decode(text))


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """The line from ``at`` on, without the blanks at its end, and where the next one begins."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:].rstrip(b" \t"), len(data)
    return data[at:end].removesuffix(b"\r").rstrip(b" \t"), end + 1


def _ends(data: bytes, at: int, label: bytes) -> bool:
    """Whether an END line has the block's label from ``at`` on, five dashes, and blanks at most
    after them.
    """
    after = at + len(label) + len(_DASHES)
    return data[at:after] == label + _DASHES and not _line(data, after)[0]


# crypto/x509, encoding/asn1: ParsePKCS1PrivateKey, ParsePKCS8PrivateKey


class _DerError(Exception):
    """Not the DER of this kind of key; ``numbers``: an RSA key whose numbers don't fit each
    other.
    """

    def __init__(self, *, numbers: bool = False) -> None:
        super().__init__()
        self.numbers = numbers


class Der:
    """Reads elements in order, as Go's ``asn1.Unmarshal`` reads a struct's fields; more may
    follow.
    """

    def __init__(self, data: bytes) -> None:
        """Before the first element of ``data``."""
        self.data = data
        self.at = 0
        self.end = len(data)

    def take(self, tag: int, *, compound: bool = False) -> bytes | None:
        """The content of the next element if it has this kind; else None, and it stays the next
        one.
        """
        if self.at == self.end:
            return None
        found, start, end = self._next()
        if found != (tag, compound, True):
            return None
        if end > self.end:
            raise _DerError
        self.at = end
        return self.data[start:end]

    def skip_any(self) -> None:
        """Skip an element of any kind, if there is one."""
        if self.at < self.end:
            end = self._next()[2]
            if end > self.end:
                raise _DerError
            self.at = end

    def must(self, tag: int, *, compound: bool = False) -> bytes:
        """As ``take``, but the element must be there."""
        content = self.take(tag, compound=compound)
        if content is None:
            raise _DerError
        return content

    def optional_integer(self) -> int | None:
        """The next element as a whole number, if it is one."""
        content = self.take(INTEGER)
        if content is None:
            return None
        if not content or (len(content) > 1 and (content[0], content[1] >> 7) in ((0x00, 0), (0xFF, 1))):
            raise _DerError  # not in the shortest form
        return int.from_bytes(content, "big", signed=True)

    def integer(self) -> int:
        """The next element as a whole number."""
        number = self.optional_integer()
        if number is None:
            raise _DerError
        return number

    def int64(self) -> int:
        """As ``integer``, of at most 64 bits."""
        number = self.integer()
        if not -(2**63) <= number < 2**63:
            raise _DerError
        return number

    def _next(self) -> tuple[tuple[int, bool, bool], int, int]:
        """``parseTagAndLength``: tag, whether compound and universal, and where its content begins
        and ends.

        Only the shortest form of a length is DER.
        """
        data, at = self.data, self.at
        first, at = data[at], at + 1
        tag = first & 0x1F
        if tag == 0x1F:
            tag, at = self._long_tag(at)
        if at >= self.end:
            raise _DerError
        length, at = data[at], at + 1
        if length & 0x80:
            size, length = length & 0x7F, 0
            if size == 0 or at + size > self.end or data[at] == 0:
                raise _DerError
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
            if length < 0x80 or length >= 2**31:
                raise _DerError
        return (tag, bool(first & 0x20), first >> 6 == 0), at, at + length

    def _long_tag(self, at: int) -> tuple[int, int]:
        """``parseBase128Int``."""
        tag, start = 0, at
        while at < self.end:
            if at - start == 5 or (at == start and self.data[at] == 0x80):
                raise _DerError
            tag = tag << 7 | self.data[at] & 0x7F
            at += 1
            if not self.data[at - 1] & 0x80:
                if 0x1F <= tag < 2**31:
                    return tag, at
                raise _DerError
        raise _DerError


def _pkcs1(der: bytes) -> RsaKey:
    outer = Der(der)
    fields = Der(outer.must(SEQUENCE, compound=True))
    version, n, e, d, p, q = (
        fields.int64(),
        fields.integer(),
        fields.int64(),
        fields.integer(),
        fields.integer(),
        fields.integer(),
    )
    remainders = [fields.optional_integer() for _ in range(3)]
    more = fields.take(SEQUENCE, compound=True)
    others = _more_primes(more) if more is not None else []
    if outer.at != outer.end or version > 1:
        raise _DerError
    if min(n, d, p, q, *others, *(number for number in remainders if number is not None)) <= 0:
        raise _DerError(numbers=True)
    key = RsaKey(n, e, d, (p, q, *others))
    if not (_fit_each_other(key) if others else _are_rsa(key, remainders)):
        raise _DerError(numbers=True)
    return key


def _more_primes(content: bytes) -> list[int]:
    primes = []
    rows = Der(content)
    while rows.at < rows.end:
        row = Der(rows.must(SEQUENCE, compound=True))
        primes.append(row.integer())
        row.integer(), row.integer()
    return primes


def _pkcs8(der: bytes) -> RsaKey:
    fields = Der(Der(der).must(SEQUENCE, compound=True))
    fields.int64()
    algorithm = Der(fields.must(SEQUENCE, compound=True))
    identifier = algorithm.must(OID)
    algorithm.skip_any()
    key = fields.must(OCTET_STRING)
    if identifier != RSA_ENCRYPTION:
        raise _DerError
    return _pkcs1(key)


# crypto/rsa, Validate


def _public_fits(n: int, e: int) -> bool:
    return n > 1 and n % 2 == 1 and e % 2 == 1 and 2 <= e < 2**31


def _are_rsa(key: RsaKey, remainders: list[int | None]) -> bool:
    """``checkPrivateKey``. Whether p and q are primes Go does not ask."""
    n, e, d, (p, q) = key.n, key.e, key.d, key.primes
    if not (_public_fits(n, e) and d < n and 2 < p < n and 2 < q < n and p * q % n == 0):
        return False
    d_p, d_q, q_inverse = remainders
    if d_p is None or d_q is None or q_inverse is None:
        if p % 2 == 0:
            return False
        d_p, d_q, q_inverse = d % (p - 1), d % (q - 1), pow(q % p, p - 2, p)
    return (
        d_p < p - 1
        and d_q < q - 1
        and q_inverse < p
        and e * d_p % (p - 1) == 1
        and e * d_q % (q - 1) == 1
        and q * q_inverse % p == 1
        and (d % (p - 1), d % (q - 1)) == (d_p, d_q)
        and p != q
        and abs(p - q).bit_length() > n.bit_length() // 2 - 100
        and d.bit_length() > n.bit_length() // 2
    )


def _fit_each_other(key: RsaKey) -> bool:
    """``precomputeLegacy``, for three primes and more: no two of these may have a divisor in
    common.
    """
    fit = _public_fits(key.n, key.e) and key.d < key.n and min(key.primes) > 1
    return fit and all(math.gcd(*pair) == 1 for pair in itertools.combinations(key.primes, 2))
