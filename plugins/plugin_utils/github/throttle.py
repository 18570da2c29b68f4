"""Keeps the minting of installation tokens within GitHub's limits, over all nodes and all runs of
this user.

GitHub limits requests that create content to about 80 a minute and 500 an hour (its documentation,
"Rate limits for the REST API", secondary limits). Ansible checks many nodes at the same time, each
in a separate process. The processes share a file.

Only a node says that GitHub asked to wait, and a node may lie. Its claim delays the node itself. It
delays others only if a second node says the same. The file is read with bounds, and entries that
can't be from this hour are dropped.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..boundary.evidence import read_json
from ..boundary.forms import is_number

DEFAULT_PER_MINUTE = 60
DEFAULT_PER_HOUR = 400
MINUTE_S, HOUR_S = 60.0, 3600.0

MAX_NODE_WAIT_S = 60.0
"""How long a node waits at most for GitHub's rate limit. GitHub asks for a minute if it gives no
time (its documentation, "Exceeding the rate limit"). It is not more, because all nodes of a play
wait for the slowest one."""

SPREAD_S = 10.0
"""Nodes that waited for the same moment go on one by one within this time. All at once they would
meet the same limit again, or a server that has only just recovered."""

SAME_LIMIT_S = 120.0
"""Two nodes that met the rate limit within this time met the same one."""

MAX_STATE_BYTES = 1 << 20
"""A full hour of the largest sensible limit is a small part of this."""
MAX_CLAIMS = 100


def state_file(api_url: str, issuer: str) -> Path:
    """The file with the times of an App's mints, and nothing else."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    name = hashlib.sha256(f"{api_url} {issuer}".encode()).hexdigest()[:16]
    return cache / "skewgate" / f"mints-{name}.json"


class Claim(NamedTuple):
    """A node's claim of GitHub's rate limit: its end, and when the node said so (the throttle's
    seconds).
    """

    at_s: float
    until_s: float


class _Wait(NamedTuple):
    """A wait before the next try, and whether GitHub's rate limit is a reason for it."""

    seconds: float
    is_held: bool


@dataclass
class _State:
    """The file: when mints began, and each node's latest claim."""

    begun: list[float]
    claims: dict[str, Claim]


@dataclass
class MintThrottle:
    """At most ``per_minute`` and ``per_hour`` mints, counted over every process that uses the same
    file.

    ``clock`` counts seconds for all processes of the machine. ``sleep`` waits. ``chance`` gives a
    number from 0 to 1. ``on_wait`` is called once when a wait begins, with its seconds. ``node`` is
    the name of the node that will mint.
    """

    path: Path
    per_minute: int = DEFAULT_PER_MINUTE
    per_hour: int = DEFAULT_PER_HOUR
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    on_wait: Callable[[float], None] = lambda _: None
    node: str = ""

    def room(self) -> int:
        """How many more mints may begin before the hour's limit is reached."""
        with self._state() as state:
            return self.per_hour - len(state.begun)

    def wait(self, count: int, *, gives_up: bool = False) -> bool:
        """Return when ``count`` more mints may begin, and count them; ValueError if that is never
        possible.

        With ``gives_up`` it waits only for the minute's limit, and returns False if the hour's is
        reached. It waits for GitHub's rate limit once: if it also waited for what nodes meet that
        went on before it, its turn might never come.
        """
        if count > min(self.per_minute, self.per_hour):
            raise ValueError(
                f"{count} tokens at once are more than gate_mints_per_minute ({self.per_minute}) or gate_mints_per_hour "
                f"({self.per_hour}) allow. Raise these limits or use depth jwt"
            )
        first = heeds_limit = True
        while (wait := self._try(count, heeds_limit=heeds_limit)).seconds > 0:
            if gives_up and self.room() < count:
                return False
            if first:
                self.on_wait(wait.seconds)
            first = False
            heeds_limit = heeds_limit and not wait.is_held
            self.sleep(wait.seconds)
        return True

    def count(self, count: int) -> None:
        """Add mints that were not waited for; a negative number removes mints that were not
        made.
        """
        with self._state() as state:
            state.begun = state.begun[:count] if count < 0 else state.begun + [self.clock()] * count

    def wait_while_held(self) -> None:
        """Return when no rate limit of GitHub's holds for this node, without a mint; it takes about
        a minute at most. If the file can't be read, nothing is known of a limit.
        """
        with contextlib.suppress(OSError):
            if (left_s := self._held_s()) > 0:
                self.pause(left_s)

    def pause(self, seconds: float) -> None:
        """Wait for so long and up to SPREAD_S more, as other nodes wait for the same moment."""
        self.sleep(seconds + SPREAD_S * self.chance())

    def hold(self, seconds: float) -> None:
        """Note that GitHub asked this node to wait for so long: the next wait lasts until then, and
        for a minute at most.

        If a second node says the same, all nodes wait.
        """
        with self._state() as state:
            now = self.clock()
            state.claims[self.node] = Claim(now, now + min(max(seconds, 0.0), HOUR_S))

    def _try(self, count: int, *, heeds_limit: bool) -> _Wait:
        """Count the mints and return no wait, or return the wait before the next try."""
        with self._state() as state:
            now = self.clock()
            held_s = max(_own_wait_until(state.claims.get(self.node)), _shared_until(state.claims)) - now
            is_held = heeds_limit and held_s > 0
            wait_s = held_s + SPREAD_S * self.chance() if is_held else 0.0
            for span_s, limit in ((MINUTE_S, self.per_minute), (HOUR_S, self.per_hour)):
                within = [t for t in state.begun if t > now - span_s]
                if len(within) + count > limit:
                    wait_s = max(wait_s, within[len(within) + count - limit - 1] + span_s - now)
            if wait_s <= 0:
                state.begun += [now] * count
            return _Wait(wait_s, is_held)

    def _held_s(self) -> float:
        """For how many seconds GitHub's rate limit still holds for this node, a minute at most."""
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            claims = self._read(file).claims
        bounded = {
            node: Claim(each.at_s, min(each.until_s, each.at_s + MAX_NODE_WAIT_S)) for node, each in claims.items()
        }
        return max(_own_wait_until(bounded.get(self.node)), _shared_until(bounded)) - self.clock()

    @contextlib.contextmanager
    def _state(self) -> Iterator[_State]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            state = self._read(file)
            yield state
            newest = sorted(state.claims.items(), key=lambda claim: claim[1].at_s)[-MAX_CLAIMS:]
            text = json.dumps({"begun": state.begun, "claims": dict(newest)}, allow_nan=False)
            file.seek(0)
            file.truncate()
            file.write(text.encode())

    def _read(self, file: BinaryIO) -> _State:
        """The file's entries of the last hour.

        If it can't be read, the last minute counts as full.
        """
        file.seek(0)
        content = file.read(MAX_STATE_BYTES + 1)
        now = self.clock()
        try:
            if len(content) > MAX_STATE_BYTES:
                raise ValueError("too large")
            found = read_json(content.decode() or "{}")
            begun, claims = found.get("begun", []), found.get("claims", {})
            return _State(
                # A time in the future is from before the machine's last boot.
                sorted(t for t in begun if is_number(t) and now - HOUR_S < t <= now),
                {node: claim for node, pair in claims.items() if (claim := _read_claim(pair, now))},
            )
        except (ValueError, TypeError, AttributeError, RecursionError):  # a full disk cut it off, or somebody edited it
            return _State([now] * self.per_minute, {})


def _read_claim(pair: Any, now: float) -> Claim | None:
    """A claim that still holds; None for anything else."""
    if not (isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair))):
        return None
    at_s, until_s = pair
    return Claim(at_s, until_s) if at_s <= now < until_s <= at_s + HOUR_S else None


def _own_wait_until(claim: Claim | None) -> float:
    """The end of a node's own wait, for a claim that no other node supports."""
    return -math.inf if claim is None else min(claim.until_s, claim.at_s + MAX_NODE_WAIT_S)


def _shared_until(claims: Mapping[str, Claim]) -> float:
    """The end of the wait of all nodes: the latest time that two nodes support, not only one."""
    latest_first = sorted(claims.values(), key=lambda claim: -claim.until_s)
    for number, claim in enumerate(latest_first):
        if any(abs(other.at_s - claim.at_s) <= SAME_LIMIT_S for other in latest_first[:number]):
            return claim.until_s
    return -math.inf
