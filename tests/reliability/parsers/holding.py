"""Whether a parser holds: what it does with one input that it must not."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.paths import ROOT
from tests.reliability.parsers.target import Target

LIMIT_S = 5.0
"""The processor's time for one input. The largest take a tenth of it."""


class HangsError(BaseException):
    """An input took longer than it may; no ``except Exception`` catches it."""


@dataclass(frozen=True)
class Fault:
    """``kind``: the same for all inputs that show one fault: the exception, and where it began."""

    kind: str
    words: str


@contextmanager
def ended_within(limit_s: float) -> Iterator[None]:
    """Raise HangsError after so much of this process's time on the processor.

    Python calls the handler between two bytecodes, and within a search of a regular expression.
    """

    def end(_signal: int, _frame: Any) -> None:
        raise HangsError

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fault_of(target: Target, data: bytes, limit_s: float = LIMIT_S) -> Fault | None:
    """What does not hold of this input, if so."""
    try:
        with ended_within(limit_s):
            wrong = target.promise(target.parse(data))
    except target.declared:
        return None
    except HangsError as error:
        return Fault(f"hangs {_place(error)}", f"it took more than {limit_s:g} s, {_place(error)}")
    except Exception as error:  # noqa: BLE001 - it is what is asked for
        kind = f"{type(error).__name__} {_place(error)}"
        return Fault(kind, f"{kind}: {str(error)[:200]!r}")
    return Fault(f"promise: {wrong[:60]}", wrong) if wrong else None


_OWN = ("/plugins/", "/src/skewgate/", "/parsers/planted.py")


def _place(error: BaseException) -> str:
    """The innermost function of the product in which it was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if any(place in frame.filename for place in _OWN)]
    frame = (own or frames)[-1]
    return f"at {frame.filename.removeprefix(f'{ROOT}/').rpartition('/preflight/')[2]}, {frame.name}"
