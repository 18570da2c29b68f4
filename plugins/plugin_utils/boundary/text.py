"""Text that comes from elsewhere: made printable, and without the tokens that a node was sent.

A terminal obeys control characters, and a reader believes what bidirectional overrides and invisible characters show. A node may
give back the JWT that it was sent, in its own words or encoded; it has ten minutes to live, and what is stored is read by others.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator, Sequence

REDACTED = "[redacted]"

LEAST_ENCODED = 40
"""Fewer characters, without anything between them that is no code, have no encoded token in them."""


class _Shown(dict[int, str]):
    """What ``str.translate`` shows for a character: itself if it is printable, else its escape."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shown = character if character.isprintable() else character.encode("unicode_escape").decode()
        if len(self) < 4096:  # a node may send all million of them
            self[code] = shown
        return shown


_OF_A_LINE = _Shown({ord("\n"): "\n"})
_OF_A_FILE = _Shown({ord("\n"): "\n", ord("\t"): "\t", **dict.fromkeys(map(ord, "\r\v\f"), " ")})


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names on one line; of many, the first ones and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def printable(text: str) -> str:
    r"""Control, format and other invisible characters (Unicode's Cc, Cf, Cs, Co, Cn, Zl, Zp, Zs but the space) as escapes.

    Newlines are kept.

    >>> printable("a\x1b[31m\u202eb\n")
    'a\\x1b[31m\\u202eb\n'
    """
    return text if text.isprintable() else text.translate(_OF_A_LINE)


def printable_file(text: str) -> str:
    r"""The same for text that may be a configuration: tabs are kept, and what else is white space to a daemon stays that.

    >>> printable_file("server\ta\r\nserver b\rserver c\x00")
    'server\ta\nserver b server c\\x00'
    """
    return text if text.isprintable() else text.replace("\r\n", "\n").translate(_OF_A_FILE)


def finite(text: str) -> float:
    """A number in text. Raises ValueError where it is none, ``nan`` or infinite: no comparison with these tells anything."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {text[:40]!r}")
    return number


# GitHub's tokens and JWTs by their form (GitHub's "About authentication", token formats; RFC 7519: base64url of {" begins so),
# each with what it can't be without. No part of a match can begin another one, so that the time is linear.
_FORMS = (
    *((f"gh{kind}_", re.compile(rf"(?<![A-Za-z0-9])gh{kind}_[\w.\-]{{6,}}")) for kind in "opsur"),
    ("github_pat_", re.compile(r"github_pat_\w{6,}")),
    # Of a stateless token, ghs_APPID_JWT, the beginning may be cut off.
    ("eyJ", re.compile(r"(?<![\w.\-])(?:\d{1,20}_)?eyJ[\w\-]{5,}\.[\w.\-]+")),
)
# What was decoded begins anywhere, so these are of one length. One by one, as each begins with letters that are found fast.
_ENCODED_FORMS = [
    re.compile(form) for form in (rb"gh[opsur]_[A-Za-z0-9]{16}", rb"github_pat_\w{16}", rb"eyJ[\w\-]{16}")
]

_BETWEEN = b" \t\r\n\v\f:"
"""What splits a code into lines or pairs."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_HEX = b"0123456789ABCDEFabcdef"
_STANDARD = bytes.maketrans(b"-_", b"+/")
# What is no code becomes noise in it.
_AS_BASE64 = bytes(byte if byte in _BASE64 else ord("A") for byte in range(256))
_AS_WORDS = bytes(byte if byte in _BASE64 else ord(" ") for byte in range(256))
_AS_HEX = bytes(byte if byte in _HEX else ord("0") for byte in range(256))
_PIECE = 64


class Tokens:
    """The JWTs that one node was sent. They are recognised by the two ends of their signatures; without one, no JWT is of use."""

    def __init__(self, jwts: Iterable[str] = ()) -> None:
        """Knows these, and whatever ``add`` adds."""
        self._pieces: set[bytes] = set()
        self.add(jwts)

    def add(self, jwts: Iterable[str]) -> None:
        """Recognise these too."""
        for jwt in jwts:
            signature = jwt.rpartition(".")[2].encode().translate(_STANDARD)
            try:
                of_bytes = base64.b64decode(signature + b"=" * (-len(signature) % 4))
            except ValueError:
                of_bytes = b""
            for whole, length in ((signature, _PIECE), (of_bytes.translate(_STANDARD), _PIECE // 2)):
                self._pieces |= {whole[:length], whole[-length:]} if len(whole) >= _PIECE // 4 else set()

    def redacted(self, text: str) -> str:
        """The text without tokens: of one in plain form nothing else is lost; a text with an encoded one is lost whole.

        Encoded: in base64 (either alphabet, at any position, with or without padding) or in hex, also where white space
        splits it.

        >>> Tokens().redacted("Bearer ghs_16C7e42F292c6912E7710c838347Ae178B4a failed")
        'Bearer [redacted] failed'
        """
        if len(text) < LEAST_ENCODED and "_" not in text and "eyJ" not in text:
            return text
        if "_" in text or "eyJ" in text:  # no form is without
            for needed, form in _FORMS:
                if needed in text:
                    text = form.sub(REDACTED, text)
        return REDACTED if len(text) >= LEAST_ENCODED and self._has_encoded_token(text) else text

    def _has_encoded_token(self, text: str) -> bool:
        squeezed = text.encode("utf-8", "replace").translate(_STANDARD, _BETWEEN)
        if max(map(len, squeezed.translate(_AS_WORDS).split()), default=0) < LEAST_ENCODED:
            return False  # the usual: no word of it is a code
        decoded = _APART.join(_decoded(squeezed))
        if any(form.search(decoded) for form in _ENCODED_FORMS):
            return True
        # Of base64's two alphabets one is enough.
        content = _APART.join((squeezed, decoded)).translate(_STANDARD)
        return any(piece in content for piece in self._pieces)


_APART = b"\n"
"""Between what was decoded from several positions, which is searched as one: no form of a token has it."""


def _decoded(squeezed: bytes) -> Iterator[bytes]:
    """A text without white space, decoded from each position at which base64 or hex may begin."""
    for code, size, decode in (
        (squeezed.translate(_AS_BASE64), 4, binascii.a2b_base64),
        (squeezed.translate(_AS_HEX), 2, binascii.unhexlify),
    ):
        for start in range(size):
            yield decode(code[start : len(code) - (len(code) - start) % size])
