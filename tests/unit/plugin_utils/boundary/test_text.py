"""Text of a node's: what a terminal would obey is shown as an escape,
and a token that it gives back is recognised.
"""

from __future__ import annotations

import base64
import random

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import (
    REDACTED,
    Tokens,
    printable,
    printable_file,
)

BYTES = random.Random(1).randbytes(256)
SIGNATURE = base64.urlsafe_b64encode(BYTES).decode().rstrip("=")
JWT = f"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUzMzY1MDYsImV4cCI6MTc5NTMzNjYyNn0.{SIGNATURE}"
SENT = Tokens([JWT])
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t\r\v\f"]
INVISIBLE = ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\xad", "\ud800", "\U000e0041", "\u2028", "\u2029"]


def in_base64(text: str, *, urlsafe: bool = False, padded: bool = True) -> str:
    code = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(text.encode()).decode()
    return code if padded else code.rstrip("=")


def in_lines(text: str, width: int) -> str:
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


ENCODED = {
    "base64": in_base64(JWT),
    "base64 of the URL": in_base64(JWT, urlsafe=True),
    "base64 without padding": in_base64(JWT, padded=False),
    "base64 in lines": base64.encodebytes(JWT.encode()).decode(),
    "base64 of a header, one off": in_base64(f"x{JWT}y"),
    "base64 of a header, two off": in_base64(f"Authorization: Bearer {JWT}\r\n"),
    "hex": JWT.encode().hex(),
    "HEX": JWT.encode().hex().upper(),
    "hex in lines": in_lines(JWT.encode().hex(), 61),
    "hex with colons": JWT.encode().hex(":"),
    "plain, in lines": in_lines(JWT, 76),
    "the signature alone": SIGNATURE,
    "the signature in the other alphabet": SIGNATURE.translate(str.maketrans("-_", "+/")),
    "the signature's bytes in hex": BYTES.hex(),
    "a minted token in base64": in_base64("x-access-token:ghs_16C7e42F292c6912E7710c838347Ae178B4a"),
}


@pytest.mark.parametrize("character", [*CONTROLS, *INVISIBLE], ids=ascii)
@pytest.mark.parametrize("show", [printable, printable_file])
def test_what_a_terminal_obeys_or_does_not_show_becomes_an_escape(show, character):
    shown = show(f"before{character}after\n")
    assert shown == f"before{character.encode('unicode_escape').decode()}after\n"
    assert show(shown) == shown


def test_a_configuration_keeps_its_lines_its_tabs_and_its_words():
    assert printable_file("# Zeit für Jürgen 時間\nserver\ta iburst\r\nserver b\n") == (
        "# Zeit für Jürgen 時間\nserver\ta iburst\nserver b\n"
    )


@pytest.mark.parametrize("code", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "seen: ", "x" * 5000 + " "], ids=len)
def test_a_jwt_that_was_sent_is_recognised_in_every_code(code, before):
    shown = SENT.redacted(before + code)
    assert REDACTED in shown
    assert not [part for part in (code[:40], code[-40:], SIGNATURE[:20], SIGNATURE[-20:]) if part in shown]


@pytest.mark.parametrize(
    "token",
    [
        JWT,
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "ghs_1234567_eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2ln",
        "1234567_eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2ln",
        "github_pat_11ABCDEFG0abcdefghij_klmnop",
    ],
)
def test_of_a_text_with_a_plain_token_only_the_token_is_lost(token):
    assert Tokens().redacted(f"GET /app: Bearer {token}, refused") in (
        f"GET /app: Bearer {REDACTED}, refused",
        f"GET /app: Bearer {REDACTED}",
    )


@pytest.mark.parametrize(
    "text",
    [
        "server monkeyjungle.example.net iburst nts\n" * 50,
        "driftfile /var/lib/chrony/chrony.drift # ghs and gho, not tokens\n",
        "d15cb8f294cd3503" * 6,
        base64.b64encode(random.Random(2).randbytes(3000)).decode(),
        "Fetch https://github.com/acme/deploy-config.git/info/refs?service=git-upload-pack with a token",
    ],
)
def test_what_has_no_token_is_left_as_it_is(text):
    assert SENT.redacted(text) == text


def test_a_jwt_of_a_further_call_is_recognised_from_then_on():
    sent = Tokens()
    assert sent.redacted(SIGNATURE) == SIGNATURE
    sent.add([JWT])
    assert sent.redacted(SIGNATURE) == REDACTED
