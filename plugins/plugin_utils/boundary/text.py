"""Makes text from elsewhere printable, and removes the tokens that a node was sent.

A terminal obeys control characters. Bidirectional overrides and invisible characters mislead a
reader. A node may return the JWT that it was sent, plain or encoded. That JWT is valid for ten
minutes, and other people read what is stored.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator, Sequence

REDACTED = "[redacted]"

LEAST_ENCODED = 40
"""An encoded token has at least this many characters of code without a break."""


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
    """Names on one line. If there are many, the first ones and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def printable(text: str) -> str:
    r"""Control, format and other invisible characters (Unicode's Cc, Cf, Cs, Co, Cn, Zl, Zp, Zs but
    the space) as escapes.

    Newlines are kept.

    >>> printable("a\x1b[31m\u202eb\n")
    'a\\x1b[31m\\u202eb\n'
    """
    return text if text.isprintable() else text.translate(_OF_A_LINE)


def printable_file(text: str) -> str:
    r"""The same for a configuration.

    Tabs are kept, and a daemon's other white space becomes blanks.

    >>> printable_file("server\ta\r\nserver b\rserver c\x00")
    'server\ta\nserver b server c\\x00'
    """
    return text if text.isprintable() else text.replace("\r\n", "\n").translate(_OF_A_FILE)


def finite(text: str) -> float:
    """A finite number in a text.

    Raises ValueError for anything else, also for ``nan`` and infinity.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {text[:40]!r}")
    return number


# GitHub's tokens and JWTs by their form (GitHub's "About authentication", token formats; RFC 7519:
# base64url of {" begins so), each with what it can't be without. No part of a match can begin
# another one, so the time is linear.
_FORMS = (
    *((f"gh{kind}_", re.compile(rf"(?<![A-Za-z0-9])gh{kind}_[\w.\-]{{6,}}")) for kind in "opsur"),
    ("github_pat_", re.compile(r"github_pat_\w{6,}")),
    # The beginning of a stateless token, ghs_APPID_JWT, may be cut off.
    ("eyJ", re.compile(r"(?<![\w.\-])(?:\d{1,20}_)?eyJ[\w\-]{5,}\.[\w.\-]+")),
)
# Decoded text begins anywhere, so these have a fixed length. They are searched one by one, because
# a search for a fixed beginning is fast.
_ENCODED_FORMS = [
    re.compile(form) for form in (rb"gh[opsur]_[A-Za-z0-9]{16}", rb"github_pat_\w{16}", rb"eyJ[\w\-]{16}")
]

_BETWEEN = b" \t\r\n\v\f:"
"""Characters that split a code into lines or pairs."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_HEX = b"0123456789ABCDEFabcdef"
_STANDARD = bytes.maketrans(b"-_", b"+/")
# Characters that are no code become noise.
_AS_BASE64 = bytes(byte if byte in _BASE64 else ord("A") for byte in range(256))
_AS_WORDS = bytes(byte if byte in _BASE64 else ord(" ") for byte in range(256))
_AS_HEX = bytes(byte if byte in _HEX else ord("0") for byte in range(256))
_PIECE = 64


class Tokens:
    """The JWTs that one node was sent.

    They are recognised by the two ends of their signatures. A JWT without its signature is useless.
    """

    def __init__(self, jwts: Iterable[str] = ()) -> None:
        """Recognises these, and those that ``add`` adds."""
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
        """The text without tokens.

        A plain token is cut out; a text with an encoded one is replaced whole.

        Encoded means in base64 (either alphabet, at any position, with or without padding) or in
        hex, also if white space splits it.

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
        # One of base64's two alphabets is enough.
        content = _APART.join((squeezed, decoded)).translate(_STANDARD)
        return any(piece in content for piece in self._pieces)


_APART = b"\n"
"""Separates the texts that were decoded from several positions. No form of a token has it."""


def _decoded(squeezed: bytes) -> Iterator[bytes]:
    """A text without white space, decoded from each position at which base64 or hex may begin."""
    for code, size, decode in (
        (squeezed.translate(_AS_BASE64), 4, binascii.a2b_base64),
        (squeezed.translate(_AS_HEX), 2, binascii.unhexlify),
    ):
        for start in range(size):
            yield decode(code[start : len(code) - (len(code) - start) % size])
