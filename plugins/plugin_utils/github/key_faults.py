"""Finds the mistake in a private key that Go clients refuse, and says what to do.

A key is often whole and only wrapped wrongly: by YAML, by a shell, or by base64 a second time. So
the wrappings are removed one by one until Go reads the rest. The removed wrappings are the faults.
If Go never reads it, the rest is classified. A fault is no judgement: only `go_pem` decides what Go
reads. No text here quotes the key.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ..boundary.values import is_placeholder
from .go_pem import LEAST_BITS, Block, GoRefusesError, Stage, decode, read_key

LONGEST = 24 * 1024
"""The bytes of text that are read. A key of 16384 bits has 13 KB."""
DEEPEST = 3
"""How many nested wrappings are removed."""


class KeyFault(StrEnum):
    """What is wrong with a private key."""

    EMPTY = "key_empty"
    PLACEHOLDER = "key_placeholder"
    PATH = "key_path"
    NOT_DECRYPTED = "key_not_decrypted_by_sops"
    VAULTED = "key_ansible_vault"
    FOLDED = "key_folded"
    ONE_LINE = "key_on_one_line"
    INDENTED = "key_indented"
    QUOTED = "key_quoted"
    LITERAL_NEWLINES = "key_literal_newlines"
    BASE64_TWICE = "key_base64_twice"
    BYTE_ORDER_MARK = "key_byte_order_mark"
    UTF16 = "key_utf16"
    INVISIBLE = "key_invisible_characters"
    OLD_LINE_ENDS = "key_old_line_ends"
    SHARED_LINE = "key_shared_line"
    BAD_MARKERS = "key_bad_markers"
    NO_BEGIN = "key_no_begin"
    NO_END = "key_no_end"
    NO_MARKERS = "key_no_markers"
    NOT_FIRST = "key_not_first"
    DER = "key_der"
    ENCRYPTED = "key_encrypted"
    PUBLIC = "key_public"
    CERTIFICATE = "key_certificate"
    NOT_RSA = "key_not_rsa"
    OPENSSH = "key_openssh"
    PUTTY = "key_putty"
    TOO_SHORT = "key_too_short"
    BAD_BASE64 = "key_bad_base64"
    TRUNCATED = "key_truncated"
    DAMAGED = "key_damaged"
    NOT_A_KEY = "key_none"
    NOT_LOADED = "key_not_loaded_here"


@dataclass(frozen=True)
class Fault:
    """A fault: ``found`` goes on after the name of the field with the key, ``remedy`` is what to
    do.
    """

    key: StrEnum
    found: str
    remedy: str


_LITERAL = "Write the key with YAML's literal block (`|` after the field's name, and the key's lines below it)"
_FROM_FILE = "make the Secret from the file: `kubectl create secret generic ... --from-file`"
_AGAIN = "Use the PEM file that GitHub gave for download, byte for byte, or generate a new key in the App's settings."
_APPS_KEY = "Use the private key of the GitHub App (App settings, Private keys): RSA in PEM."

_SAID: dict[KeyFault, tuple[str, str]] = {
    KeyFault.EMPTY: ("is empty", _APPS_KEY),
    KeyFault.PLACEHOLDER: ("is a placeholder", _APPS_KEY),
    KeyFault.PATH: (
        "is the path of a file, not a key",
        f"Use the content of the file, or {_FROM_FILE}.",
    ),
    KeyFault.NOT_DECRYPTED: (
        "is still encrypted by SOPS",
        "Decrypt the Secret before you apply it (with Flux: `spec.decryption`; otherwise: `sops --decrypt`).",
    ),
    KeyFault.VAULTED: (
        "is still encrypted by ansible-vault",
        "Use what `ansible-vault view` shows. In a playbook, private_key can be the lookup ansible.builtin.unvault.",
    ),
    KeyFault.FOLDED: (
        "has blanks instead of line ends, which comes from YAML's folded block (`>`, `>-`) or an unquoted shell variable",
        f"{_LITERAL}, or {_FROM_FILE}.",
    ),
    KeyFault.ONE_LINE: ("has lost its line ends", f"{_LITERAL}, or {_FROM_FILE}."),
    KeyFault.INDENTED: (
        "has blanks at the beginning of its lines",
        f"{_LITERAL}, with the same indentation for all lines, or {_FROM_FILE}.",
    ),
    KeyFault.QUOTED: ("has quotes around it", "Remove the quotes that are part of the value."),
    KeyFault.LITERAL_NEWLINES: (
        r"has the two characters \n instead of line ends",
        rf"{_LITERAL}, or in double quotes, in which YAML reads \n as a line's end; or {_FROM_FILE}.",
    ),
    KeyFault.BASE64_TWICE: (
        "is encoded in base64 once too often",
        "Put the PEM itself into the Secret's `stringData`, or encode it once for `data`.",
    ),
    KeyFault.BYTE_ORDER_MARK: (
        "begins with a byte order mark",
        "Save the file as UTF-8 without a byte order mark, and make the Secret again.",
    ),
    KeyFault.UTF16: ("is UTF-16 text", "Save the file as ASCII or UTF-8, and make the Secret again."),
    KeyFault.INVISIBLE: (
        "has characters that can't be seen (for example no-break spaces)",
        f"It was copied from a page or a document. {_AGAIN}",
    ),
    KeyFault.OLD_LINE_ENDS: (
        "has only carriage returns as line ends",
        "Save the file with line ends LF or CRLF, and make the Secret again.",
    ),
    KeyFault.SHARED_LINE: (
        "has other text on the line of -----BEGIN or -----END",
        "Put -----BEGIN ...----- and -----END ...----- on separate lines, with nothing before or after them.",
    ),
    KeyFault.BAD_MARKERS: (
        "has wrong BEGIN or END lines",
        "Write -----BEGIN RSA PRIVATE KEY----- and -----END RSA PRIVATE KEY-----, with five hyphens on each side.",
    ),
    KeyFault.NO_BEGIN: (
        "has no BEGIN line",
        "Add the first line, -----BEGIN RSA PRIVATE KEY-----.",
    ),
    KeyFault.NO_END: (
        "has no END line",
        "Add the last line, -----END RSA PRIVATE KEY-----.",
    ),
    KeyFault.NO_MARKERS: (
        "is the base64 of a key, without its BEGIN and END lines",
        "Use the whole PEM file, with its first and its last line.",
    ),
    KeyFault.NOT_FIRST: (
        "has another PEM block before the private key; clients read the first one only",
        "Leave only the private key in the value.",
    ),
    KeyFault.DER: (
        "is binary (DER), not PEM",
        "Convert it: `openssl rsa -inform DER -in KEY -out KEY.pem`.",
    ),
    KeyFault.ENCRYPTED: (
        "is encrypted with a passphrase, but clients have no field for one",
        "Decrypt it with `openssl rsa -in KEY -out KEY.pem`, and use KEY.pem.",
    ),
    KeyFault.PUBLIC: ("is a public key; the App's private key is needed", _APPS_KEY),
    KeyFault.CERTIFICATE: ("is a certificate, or a request for one, not a private key", _APPS_KEY),
    KeyFault.NOT_RSA: ("is not an RSA key; GitHub Apps sign with RS256", _APPS_KEY),
    KeyFault.OPENSSH: (
        "is a key in OpenSSH's format, which ssh-keygen writes and GitHub Apps do not use",
        f"{_APPS_KEY} If an RSA key of the App was converted, `ssh-keygen -p -m PEM -f KEY` converts it back.",
    ),
    KeyFault.PUTTY: (
        "is a key in PuTTY's format",
        f"{_APPS_KEY} If an RSA key of the App was converted, use `puttygen -O private-openssh`, then `ssh-keygen -p -m PEM`.",
    ),
    KeyFault.TOO_SHORT: (
        f"is an RSA key of fewer than {LEAST_BITS} bits, with which Go 1.24 and later refuse to sign",
        "Generate a new key in the App's settings; GitHub's have 2048 bits.",
    ),
    KeyFault.BAD_BASE64: ("has characters between BEGIN and END that are not base64, or lacks some", _AGAIN),
    KeyFault.TRUNCATED: ("is truncated", _AGAIN),
    KeyFault.DAMAGED: ("is damaged: its lines are PEM, but they do not hold a whole RSA key", _AGAIN),
    KeyFault.NOT_A_KEY: ("is not PEM: it has neither a BEGIN nor an END line", _APPS_KEY),
}


def faults_of(pem: bytes) -> list[Fault]:
    """What is wrong with a key that Go refuses, the outermost first; at least one."""
    return [Fault(key, *_SAID[key]) for key in _keys_of(pem[:LONGEST])]


def _keys_of(text: bytes) -> list[KeyFault]:
    if not text.strip(b" \t\r\n\0"):
        return [KeyFault.EMPTY]
    states: list[tuple[bytes, list[KeyFault]]] = [(text, [])]
    for state, taken_off in states:
        for fault, take_off in _WRAPPINGS:
            inner = take_off(state)
            if inner is None or inner in (known for known, _ in states):
                continue
            keys = [*taken_off, fault]
            if _go_reads(inner):
                return keys
            if len(keys) < DEEPEST:
                states.append((inner, keys))
    # No way leads to a key. What it is, if it is something known, may still be seen under its
    # wrappings.
    for state, taken_off in states:
        if (kind := _known_kind(state)) is not None:
            return [*taken_off, kind]
    return [_unknown_kind(text)]


def _go_reads(text: bytes) -> bool:
    try:
        read_key(text)
    except GoRefusesError:
        return False
    return True


# The wrappings: each function returns the content of its wrapping, or None if the text does not
# have it


def _utf16(text: bytes) -> bytes | None:
    if text[:2] not in (b"\xff\xfe", b"\xfe\xff") and b"\0" not in text[:4]:
        return None
    for encoding in ("utf-16",) if text[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-16-le", "utf-16-be"):
        inner = text[: len(text) // 2 * 2].decode(encoding, "replace").encode()
        if b"BEGIN" in inner:
            return inner
    return None


def _byte_order_mark(text: bytes) -> bytes | None:
    return text.removeprefix(b"\xef\xbb\xbf") if text.startswith(b"\xef\xbb\xbf") else None


def _invisible(text: bytes) -> bytes | None:
    # No-break and other wide blanks; then soft hyphens, characters without width, separators of
    # lines, and control characters.
    inner = re.sub(rb"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]", b" ", text)
    inner = re.sub(rb"\xc2\xad|\xe2\x80[\x8b-\x8f\xa8\xa9]|\xe2\x81\xa0|\xef\xbb\xbf|[\x00\x0b\x0c\x7f]", b"", inner)
    return inner if inner != text else None


def _quotes(text: bytes) -> bytes | None:
    stripped = text.strip()
    for quote in (b'"""', b"'''", b'"', b"'", b"`"):
        if stripped.startswith(quote) or (stripped.endswith(quote) and len(stripped) > 1):
            return stripped.removeprefix(quote).removesuffix(quote)
    return None


def _literal_newlines(text: bytes) -> bytes | None:
    # Each run of backslashes is looked at once.
    inner = re.sub(rb"(?<!\\)\\+(?:r\\+)?n|(?<!\\)\\+r", b"\n", text)
    return inner if inner != text else None


def _old_line_ends(text: bytes) -> bytes | None:
    return text.replace(b"\r", b"\n") if b"\r" in text and b"\n" not in text else None


def _base64(text: bytes) -> bytes | None:
    packed = b"".join(text.split()).translate(bytes.maketrans(b"-_", b"+/"))
    if len(packed) < 16 or not re.fullmatch(rb"[A-Za-z0-9+/]+=*", packed):
        return None
    packed = packed.rstrip(b"=")
    inner = base64.b64decode(packed[: len(packed) // 4 * 4] if len(packed) % 4 == 1 else packed + b"==")
    return inner if re.search(rb"BEGIN|PuTTY|^[A-Za-z0-9+/=\s]+$", inner) else None


def _indented(text: bytes) -> bytes | None:
    inner = re.sub(rb"(?m)^[ \t]+", b"", text)
    return inner if inner != text and b"\n" in inner.strip() else None


_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_BLOCKS_LOOKED_AT = 8


def _folded(text: bytes) -> bytes | None:
    return _rebuilt(text, lambda body: b"\n" not in body and len(body.split()) > 2)


def _one_line(text: bytes) -> bytes | None:
    return _rebuilt(text, lambda body: b"\n" not in body and len(body.split()) <= 2)


def _shared_line(text: bytes) -> bytes | None:
    return _rebuilt(text, lambda body: b"\n" in body)


def _rebuilt(text: bytes, fits: Callable[[bytes], bool]) -> bytes | None:
    """The first whole block with its markers on separate lines, if the text between them fits."""
    for begin in itertools.islice(_BEGIN.finditer(text), _BLOCKS_LOOKED_AT):
        end_at = text.find(b"-----END %s-----" % begin[1], begin.end())
        if end_at >= 0:
            body = text[begin.end() : end_at]
            return _block(begin[1], body) if fits(body.strip(b" \t")) else None
    return None


def _block(label: bytes, body: bytes) -> bytes:
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label, b"".join(body.split()), label)


_DASH = rb"(?:[-_=~]|\xe2\x80[\x90-\x95]|\xe2\x88\x92){0,12}"
_LOOSE = _DASH + rb"[ \t]{0,4}%s[ \t]{0,4}(?:[A-Z0-9]{1,9} )?PRIVATE[ _]?KEY[ \t]{0,4}" + _DASH
_LOOSE_BEGIN = re.compile(_LOOSE % b"BEGIN", re.IGNORECASE)
_LOOSE_END = re.compile(_LOOSE % b"END", re.IGNORECASE)


def _markers(text: bytes) -> tuple[bytes, bool, bool]:
    """The text between the markers, or similar ones; and whether there is a BEGIN, and an END."""
    begin = _LOOSE_BEGIN.search(text)
    end = _LOOSE_END.search(text, begin.end() if begin else 0)
    return text[begin.end() if begin else 0 : end.start() if end else len(text)], begin is not None, end is not None


def _bad_markers(text: bytes) -> bytes | None:
    body, begin, end = _markers(text)
    return _block(b"PRIVATE KEY", body) if begin and end else None


def _no_end(text: bytes) -> bytes | None:
    body, begin, end = _markers(text)
    return _block(b"PRIVATE KEY", re.sub(rb"-{1,9}(END)?[ -]{0,9}$", b"", body.strip())) if begin and not end else None


def _no_begin(text: bytes) -> bytes | None:
    body, begin, end = _markers(text)
    return _block(b"PRIVATE KEY", body) if end and not begin else None


def _no_markers(text: bytes) -> bytes | None:
    packed = b"".join(text.split())
    return _block(b"PRIVATE KEY", packed) if re.fullmatch(rb"MII[A-Za-z0-9+/]+=*", packed) else None


def _not_first(text: bytes) -> bytes | None:
    first = text.find(b"-----BEGIN ")
    second = text.find(b"\n-----BEGIN ", first + 1)
    return text[second + 1 :] if 0 <= first < second else None


def _der(text: bytes) -> bytes | None:
    return _block(b"PRIVATE KEY", base64.b64encode(text)) if text[:1] == b"\x30" and not text.isascii() else None


_WRAPPINGS: tuple[tuple[KeyFault, Callable[[bytes], bytes | None]], ...] = (
    (KeyFault.UTF16, _utf16),
    (KeyFault.DER, _der),
    (KeyFault.BYTE_ORDER_MARK, _byte_order_mark),
    (KeyFault.BASE64_TWICE, _base64),
    (KeyFault.QUOTED, _quotes),
    (KeyFault.LITERAL_NEWLINES, _literal_newlines),
    (KeyFault.OLD_LINE_ENDS, _old_line_ends),
    (KeyFault.INVISIBLE, _invisible),
    (KeyFault.INDENTED, _indented),
    (KeyFault.NOT_FIRST, _not_first),
    (KeyFault.FOLDED, _folded),
    (KeyFault.ONE_LINE, _one_line),
    (KeyFault.SHARED_LINE, _shared_line),
    (KeyFault.BAD_MARKERS, _bad_markers),
    (KeyFault.NO_END, _no_end),
    (KeyFault.NO_BEGIN, _no_begin),
    (KeyFault.NO_MARKERS, _no_markers),
)

# What is no RSA key, or none that is whole

_KINDS: tuple[tuple[bytes, KeyFault], ...] = (
    (rb"ENC\[AES256_GCM,", KeyFault.NOT_DECRYPTED),
    (rb"\$ANSIBLE_VAULT;", KeyFault.VAULTED),
    (rb"PuTTY-User-Key-File", KeyFault.PUTTY),
    (rb"BEGIN OPENSSH PRIVATE KEY", KeyFault.OPENSSH),
    (rb"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: *4, *ENCRYPTED|DEK-Info:", KeyFault.ENCRYPTED),
    (rb"BEGIN (?:EC|DSA) P|BEGIN ANY PRIVATE KEY", KeyFault.NOT_RSA),
    (rb"BEGIN (?:RSA |SSH2 )?PUBLIC KEY|^(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA", KeyFault.PUBLIC),
    (rb"BEGIN [A-Z0-9 ]*(?:CERTIFICATE|PKCS7)", KeyFault.CERTIFICATE),
)
_OF_ENCRYPTION = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))
"""How the object identifiers of PKCS#5 and of PKCS#12's password-based encryption begin."""


def _known_kind(text: bytes) -> KeyFault | None:
    for pattern, fault in _KINDS:
        if re.search(pattern, text):
            return fault
    try:
        read_key(text)
    except GoRefusesError as refused:
        if refused.stage is Stage.TOO_SHORT:
            return KeyFault.TOO_SHORT
        return _kind_of_content(refused.block) if refused.block else None
    return None


def _kind_of_content(block: Block) -> KeyFault | None:
    """The kind by the first fields of the DER, not by the label; None if unknown or a damaged RSA
    key.
    """
    fields = [*_elements(block.content)]
    if not fields or fields[0][0] != 0x30 or fields[0][2] > len(block.content):
        return None
    parts = [(tag, block.content[start:end]) for tag, start, end in _elements(block.content, fields[0][1])][:3]
    tags = [tag for tag, _ in parts]
    if tags == [0x02, 0x30, 0x04]:  # PKCS#8
        return KeyFault.NOT_RSA if not parts[1][1].startswith(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") else None
    if tags[:2] == [0x02, 0x04]:  # SEC 1, of elliptic curves
        return KeyFault.NOT_RSA
    if tags == [0x30, 0x04]:
        return KeyFault.ENCRYPTED if parts[0][1][2:].startswith(_OF_ENCRYPTION) else None
    if tags in ([0x30, 0x03], [0x02, 0x02]):
        return KeyFault.PUBLIC
    return KeyFault.CERTIFICATE if tags == [0x30, 0x30, 0x03] else None


def _elements(der: bytes, at: int = 0) -> Iterator[tuple[int, int, int]]:
    """Each element's first byte, and where its content begins and ends, which may be after the end
    of all.
    """
    while at + 2 <= len(der):
        size = der[at + 1]
        start = at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[at + 2 : start], "big")
        yield der[at], start, start + size
        at = start + size


def _unknown_kind(text: bytes) -> KeyFault:
    words = text.decode(errors="replace").strip()
    body, begin, end = _markers(text)
    if begin or end:
        if not begin or not end:
            return KeyFault.TRUNCATED
        if decode(text) is None:
            return KeyFault.BAD_BASE64
        block = decode(_block(b"PRIVATE KEY", body))
        whole = [*_elements(block.content)] if block else []
        return KeyFault.TRUNCATED if whole and whole[0][2] > len(block.content if block else b"") else KeyFault.DAMAGED
    if is_placeholder(words) and not re.match(r"<[!?]|<.*</", words, re.DOTALL):  # HTML and XML are none
        return KeyFault.PLACEHOLDER
    if re.fullmatch(r"(~|\.{0,2}/|[A-Za-z]:\\|file:)[^\n]*|[^\n ]*\.(pem|key|ppk|crt)", words):
        return KeyFault.PATH
    return KeyFault.BAD_BASE64 if decode(text) is None and b"-----BEGIN" in text else KeyFault.NOT_A_KEY
