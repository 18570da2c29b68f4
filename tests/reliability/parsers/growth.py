"""Whether a parser's work grows no faster than its input.

Work is counted, in lines of Python that run: the same for each run, on any machine. What is in C
(regular expressions, ``str.replace``, ``in`` of a list) runs no line. So an input of the boundary's
size is also measured in the processor's time.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from tests.reliability.mutants.fuzzing import places
from tests.reliability.parsers.holding import Fault, HangsError, ended_within
from tests.reliability.parsers.target import Target

TIMES = (1, 2, 4, 8)
LEAST_BYTES = 1500
"""The smallest text whose work is counted; the others are its multiples."""

DOUBLED = 2.6
"""By how much twice the text may take more work: 2 is linear, 4 is quadratic."""

LEAST_LINES = 2000
"""What runs fewer lines says nothing of growth."""

LEAST_S = 0.4
"""What takes less time at the boundary's limit is fast enough, whatever it grows like."""

LIMIT_S = 20.0

GENERIC = (
    *("\n", " ", "\t", ",", ";", ":", "=", "-", "_", "/", ".", "#", "9", "a", "A", "\\", "\0", "\ufeff", "é", "\r\n"),
    *("a=", "a=b ", "a=b,", "a=b\n", "a b\n", "{}\n", "{} ", "k{}=v\n", "k{}: v\n", "k{} ", "- {}\n", "a: \n"),
    *(
        "(",
        "[",
        "{",
        "<",
        '"',
        "'",
        "`",
        "()",
        "[]",
        "{ }",
        '""',
        "''",
        '"a" ',
        "\\\\",
        '\\"',
        "$(",
        "${",
        "&a [",
        "*a,",
    ),
    *("a" * 40 + " ", "9" * 40 + ",", "include /x{}*\n", "eyJ", "ghs_", "%20", "1e9,", "-----BEGIN ", "<a>"),
)
NESTED = (("[", "]"), ("{'a':", "}"), ('{"a":', "}"), ("(", ")"), ("$(", ")"), ('"$(', ')"'), ("{{ ", " }}"))

Shape = Callable[[int], bytes]
"""Makes an input of about so many bytes."""


def shapes(target: Target) -> Iterator[tuple[str, Shape]]:
    """All that a target's inputs are grown from, each with its name."""
    if target.is_json:
        yield from _json_shapes(target)
    seeds = sorted({seed.decode("utf-8", "surrogateescape") for seed in target.seeds}, key=len)
    pieces = [*GENERIC, *target.tokens, *(f"{token}\n" for token in target.tokens)]
    pieces += [f"{token} " for token in target.tokens]
    for piece in dict.fromkeys(pieces):
        yield f"{piece!r} again and again", lambda size, piece=piece: repeated(piece, size)
    for opens, closes in NESTED:
        yield f"{opens!r} nested", lambda size, o=opens, c=closes: nested(o, c, size)
    for seed in seeds:
        yield f"the seed {seed[:30]!r} again and again", lambda size, seed=seed: repeated(seed, size)
        lines = seed.splitlines(keepends=True)
        for line in dict.fromkeys(lines[:40]):
            yield f"{line[:40]!r} again and again in its seed", _within(seed, line)
    for seed in dict.fromkeys(seeds[:3] + seeds[-3:]):
        for piece in dict.fromkeys(pieces):
            for share in (0.25, 0.5, 0.75, 1.0):
                at = round(len(seed) * share)
                name = f"{piece!r} again and again at {at} of the seed {seed[:20]!r}"
                yield name, lambda size, s=seed, p=piece, at=at: _inserted(s, at, repeated(p, size))


def _json_shapes(target: Target) -> Iterator[tuple[str, Shape]]:
    """Of each list of a seed its first item again and again, of each mapping its first value under
    ever new names, and each text again and again.
    """
    for number, seed in enumerate(target.seeds):
        for path in ((), *places(json.loads(seed))):
            value = _at(json.loads(seed), path)
            if value and isinstance(value, list | dict | str):
                yield f"seed {number}, grown at {path}", lambda size, s=seed, p=path: _grown(json.loads(s), p, size)


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def _grown(data: Any, path: tuple[Any, ...], size: int) -> bytes:
    value = _at(data, path)
    if isinstance(value, str):
        grown: Any = value * max(1, size // len(value))
    else:
        first = next(iter(value.values())) if isinstance(value, dict) else value[0]
        count = max(1, size // (len(json.dumps(first)) + 10))
        grown = [first] * count
        if isinstance(value, dict):
            grown = {**value, **{f"k{number}": first for number in range(count)}}
    if not path:
        return json.dumps(grown).encode()
    _at(data, path[:-1])[path[-1]] = grown
    return json.dumps(data).encode()


def _within(seed: str, line: str) -> Shape:
    at = seed.index(line)
    return lambda size: _inserted(seed, at, repeated(line, size))


def _inserted(seed: str, at: int, middle: bytes) -> bytes:
    return seed[:at].encode("utf-8", "surrogateescape") + middle + seed[at:].encode("utf-8", "surrogateescape")


def repeated(piece: str, size: int) -> bytes:
    """The piece again and again; ``{}`` in it is another number each time."""
    count = max(1, size // len(piece.encode("utf-8", "surrogateescape")))
    texts = (piece.replace("{}", str(number)) for number in range(count)) if "{}" in piece else [piece * count]
    return "".join(texts).encode("utf-8", "surrogateescape")


def nested(opens: str, closes: str, size: int) -> bytes:
    """One within the other."""
    count = max(1, size // len(opens + closes))
    return (opens * count + closes * count).encode()


def lines_run(target: Target, data: bytes) -> int:
    """How many lines of Python a parser runs, in whichever file they are."""
    count = 0

    def local(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(lambda *_arguments: local)
    try:
        with suppress(Exception):
            target.parse(data)
    finally:
        sys.settrace(before)
    return count


def seconds(target: Target, data: bytes) -> float:
    """The processor's time that a parser takes."""
    begun_s = time.process_time()
    with suppress(Exception):
        target.parse(data)
    return time.process_time() - begun_s


def fault_of(target: Target, name: str, shape: Shape, *, at_limit: bool = True) -> Fault | None:
    """How a target's work grows too fast with inputs of this shape, if so."""
    try:
        with ended_within(LIMIT_S):
            if too_fast := _counted(target, shape):
                return Fault(f"growth {name}", f"{name}: {too_fast}")
            if at_limit and (too_fast := _timed(target, shape)):
                return Fault(f"growth {name}", f"{name}: {too_fast}")
    except HangsError:
        return Fault(f"growth {name}", f"{name}: it took more than {LIMIT_S:g} s at most {target.most} bytes")
    return None


def _counted(target: Target, shape: Shape) -> str:
    first, last = lines_run(target, shape(LEAST_BYTES)), lines_run(target, shape(TIMES[-1] * LEAST_BYTES))
    if last < LEAST_LINES or last <= first * TIMES[-1] * DOUBLED / 2:
        return ""
    counts = [lines_run(target, shape(times * LEAST_BYTES)) for times in TIMES]
    return f"{counts} lines of Python ran for {TIMES} times the text" if _too_fast(counts) else ""


def _timed(target: Target, shape: Shape) -> str:
    least = target.most // TIMES[-1]
    whole_s = seconds(target, shape(target.most))
    if whole_s < LEAST_S or whole_s <= seconds(target, shape(least)) * TIMES[-1] * DOUBLED / 2:
        return ""
    took_s = [min(seconds(target, shape(times * least)) for _attempt in range(3)) for times in TIMES]
    shown = ", ".join(f"{each:.3f}" for each in took_s)
    return f"it took {shown} s for {TIMES} times {least} bytes" if _too_fast(took_s) else ""


def _too_fast(work: list[int] | list[float]) -> bool:
    """Whether each of the last two doublings of the text took far more than twice the work.

    One alone says nothing: a limit may lie between.
    """
    return all(after > DOUBLED * before for before, after in itertools.pairwise(work[1:]))


def sample(target: Target, seed: int, count: int) -> list[tuple[str, Shape]]:
    """A target's own shapes, and so many others by the seed; the next seed takes the following."""
    every = list(shapes(target))
    random.Random(target.name).shuffle(every)
    begin = (seed * count) % len(every)
    return [*target.grown, *(every + every)[begin : begin + min(count, len(every))]]
