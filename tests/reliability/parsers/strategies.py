"""Inputs for a target: its seeds with changes that keep their form, and its words put together."""

from __future__ import annotations

import copy
import json
import struct
from typing import Any

from hypothesis import strategies as st

from tests.reliability.mutants.fuzzing import INSERTED, STRANGE, places
from tests.reliability.parsers.target import PART, Target

NUMBERS = (
    "0",
    "-1",
    "9" * 25,
    "1e999",
    "nan",
    "inf",
    "-0",
    "0x10",
    "1.5",
    "٣",
    "2147483648",
    "18446744073709551616",
    "1_000",
)
SEPARATORS = (
    " ",
    "\t",
    "\n",
    "\r\n",
    ",",
    ";",
    ":",
    "=",
    "",
    "\n\n",
    PART,
    "\0",
    "#",
    '"',
    "'",
    "\\",
    "\u2028",
    "\ufeff",
)


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """All kinds of inputs; of JSON data mostly such as stays JSON."""
    text = changed(target) | composed(target) | st.text(max_size=60).map(_encoded) | st.binary(max_size=60)
    if target.name.endswith(("NTP packet", "NTP reply")):
        return packets(target) | text
    return json_data(target) | json_data(target) | text if target.is_json else text


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _words(target: Target) -> st.SearchStrategy[str]:
    return st.sampled_from((*target.tokens, *INSERTED, *NUMBERS, *SEPARATORS)) | st.text(max_size=8)


@st.composite
def changed(draw: st.DrawFn, target: Target) -> bytes:
    """A seed with up to four changes: a field, a line or some characters, left out, doubled,
    exchanged or replaced.
    """
    text = draw(st.sampled_from(target.seeds)).decode("utf-8", "surrogateescape")
    for _change in range(draw(st.integers(1, 4))):
        separator = draw(st.sampled_from(("\n", " ", ",", "=", ":", "")))
        fields = text.split(separator) if separator else list(text)
        at = draw(st.integers(0, max(0, len(fields) - 1)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            del fields[at : at + draw(st.integers(1, 3))]
        elif kind == 1:
            fields[at:at] = fields[at : at + 1] * draw(st.sampled_from((1, 2, 40)))
        elif kind == 2 and at:
            fields[at - 1 : at + 1] = fields[at - 1 : at + 1][::-1]
        elif kind == 3 and fields:
            fields[at] = draw(_words(target))
        else:
            fields.insert(at, draw(_words(target)))
        text = separator.join(fields)
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


@st.composite
def composed(draw: st.DrawFn, target: Target) -> bytes:
    """Words that mean something to the target, in any order."""
    count = draw(st.integers(1, 12))
    words = [draw(_words(target)) + draw(st.sampled_from(SEPARATORS)) for _word in range(count)]
    return _encoded("".join(words))


@st.composite
def json_data(draw: st.DrawFn, target: Target) -> bytes:
    """A seed with up to four values replaced, left out, or with text put into them."""
    data = json.loads(draw(st.sampled_from(target.seeds)))
    for _change in range(draw(st.integers(1, 4))):
        found = list(places(data))
        if not found:
            break
        *way, last = draw(st.sampled_from(found))
        inner: Any = data
        for step in way:
            inner = inner[step]
        kind = draw(st.integers(0, 3))
        if kind == 0:
            del inner[last]
        elif kind == 1 and isinstance(inner[last], str):
            at = draw(st.integers(0, len(inner[last])))
            inner[last] = inner[last][:at] + draw(_words(target)) + inner[last][at:]
        else:
            inner[last] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
    return json.dumps(data).encode()


@st.composite
def packets(draw: st.DrawFn, target: Target) -> bytes:
    """A reply with some of its fields changed, cut off or with more behind it."""
    packet = bytearray(draw(st.sampled_from(target.seeds))[:48])
    for _change in range(draw(st.integers(1, 4))):
        at, size = draw(st.sampled_from(((0, 1), (1, 1), (3, 1), (4, 4), (8, 4), (12, 4), (24, 8), (32, 8), (40, 8))))
        value = draw(st.integers(0, 256**size - 1) | st.sampled_from((0, 1, 256**size - 1, 256**size // 2)))
        packet[at : at + size] = struct.pack(">Q", value)[-size:]
    return bytes(packet[: draw(st.sampled_from((48, 48, 48, 47, 20, 0)))]) + draw(st.binary(max_size=30))
