"""Parsers with a known fault each: what finds faults is proved on them."""

from __future__ import annotations

import re

from tests.reliability.parsers.target import Target

SEED = b"server ntp.example iburst\nmakestep 1 3\n"


def lines(size: int) -> bytes:
    """Many lines: the shape with which the quadratic parsers below take too long."""
    return b"aaaaaaaaa\n" * (size // 10)


def raises(data: bytes) -> object:
    """Fails behind four branches, none of which any seed takes."""
    if data[:1] == b"#":  # noqa: SIM102 - one branch each, as coverage sees them
        if b"pool" in data:  # noqa: SIM102
            if data.count(b"\n") > 2:  # noqa: SIM102
                if data.endswith(b"!"):
                    return {}["no such key"]  # type: ignore[index]
    return None


def hangs(data: bytes) -> object:
    """A regular expression with two ways for each character."""
    return re.fullmatch(rb"(?:[a-z ]+)*\n", data.replace(b"\n", b"") + b"1") if b"pool" in data else None


def refuses(data: bytes) -> object:
    """Declares what it raises."""
    raise ValueError(data)


def says_odd(data: bytes) -> object:
    """Its result cannot be printed."""
    return data.decode("latin-1")


def quadratic_in_python(data: bytes) -> object:
    """Looks at all earlier lines for each line."""
    found = 0
    for number in range(data.count(b"\n") + 1):
        for earlier in range(number):
            found += earlier == number
    return found


def quadratic_in_c(data: bytes) -> object:
    """Looks for each line in a list of the earlier ones, which is one line of Python."""
    seen: list[bytes] = []
    for number, line in enumerate(data.split(b"\n")):
        named = b"%s %d" % (line[:9], number)
        if named not in seen:
            seen.append(named)
    return seen


def linear(data: bytes) -> object:
    """Looks at each line once."""
    return [line for line in data.split(b"\n") if line]


def _planted(parse: object, **more: object) -> Target:
    return Target(parse.__name__, parse, (SEED,), ("pool", "#", "!", "\n"), **more)  # type: ignore[attr-defined,arg-type]


PLANTED = {
    target.name: target
    for target in (
        _planted(raises),
        _planted(hangs),
        _planted(refuses, declared=(ValueError,)),
        _planted(says_odd, promise=lambda text: "" if text.replace("\n", "").isprintable() else "odd"),
        _planted(quadratic_in_python),
        _planted(quadratic_in_c, most=1 << 18),
        _planted(linear),
    )
}
