"""Keeps the minting of installation tokens within GitHub's limits, over all nodes and all runs of this user.

GitHub limits requests that create content to about 80 a minute and 500 an hour (its documentation, "Rate limits for the REST
API", secondary limits). Ansible checks many nodes at a time, each in a process of its own: what they share is a file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_PER_MINUTE = 60
DEFAULT_PER_HOUR = 400
MINUTE_S, HOUR_S = 60.0, 3600.0


def state_file(api_url: str, issuer: str) -> Path:
    """Where the times of an App's mints are kept; nothing else is in it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    name = hashlib.sha256(f"{api_url} {issuer}".encode()).hexdigest()[:16]
    return cache / "skewgate" / f"mints-{name}.json"


@dataclass
class MintThrottle:
    """At most ``per_minute`` and ``per_hour`` mints, counted over every process that uses the same file.

    ``clock`` counts seconds for all processes of the machine; ``sleep`` waits; ``on_wait`` is called once as a wait begins, with
    its seconds.
    """

    path: Path
    per_minute: int = DEFAULT_PER_MINUTE
    per_hour: int = DEFAULT_PER_HOUR
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    on_wait: Callable[[float], None] = lambda _: None

    def wait(self, count: int) -> None:
        """Return when ``count`` more mints may begin, and count them; raises ValueError if so many can never begin at once."""
        if count > min(self.per_minute, self.per_hour):
            raise ValueError(
                f"{count} tokens at once are more than gate_mints_per_minute ({self.per_minute}) or gate_mints_per_hour "
                f"({self.per_hour}) allow; raise these or use depth jwt"
            )
        first = True
        while (wait_s := self._try(count)) > 0:
            if first:
                self.on_wait(wait_s)
            first = False
            self.sleep(wait_s)

    def hold(self, seconds: float) -> None:
        """Nobody mints for so long: GitHub said so (Retry-After)."""
        with self._state() as state:
            state["not_before"] = max(state["not_before"], self.clock() + seconds)

    def _try(self, count: int) -> float:
        """Count the mints and return 0, or return for how many seconds to wait before trying again."""
        with self._state() as state:
            now = self.clock()
            # A time in the future is one of before the machine's last boot.
            begun = sorted(t for t in state["begun"] if now - HOUR_S < t <= now)
            wait_s = max(0.0, state["not_before"] - now if state["not_before"] <= now + HOUR_S else 0.0)
            for span_s, limit in ((MINUTE_S, self.per_minute), (HOUR_S, self.per_hour)):
                within = [t for t in begun if t > now - span_s]
                if len(within) + count > limit:
                    wait_s = max(wait_s, within[len(within) + count - limit - 1] + span_s - now)
            if wait_s <= 0:
                begun += [now] * count
            state["begun"] = begun
            return wait_s

    @contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            try:
                state = {"begun": [], "not_before": 0.0, **json.loads(file.read() or "{}")}
            except ValueError:  # cut off by a full disk: the mints of the last hour are not known
                state = {"begun": [self.clock()] * self.per_minute, "not_before": 0.0}
            yield state
            file.seek(0)
            file.truncate()
            json.dump(state, file)
