"""The API and the NTP server of a case, which count what they are asked.

    python -m tests.reliability.load.servers api FOLDER CASE NODES
    python -m tests.reliability.load.servers ntp FOLDER CASE NODES ADDRESS

serves until standard input ends, and leaves what it counted in FOLDER/api.json or FOLDER/ntp.json.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from tests.lab.github_api.answers import Answer, Request, refusal
from tests.lab.github_api.github import GitHub
from tests.lab.github_api.https import HttpsServer
from tests.lab.github_credentials import Credentials, ensure_credentials
from tests.lab.liar import NTP_PORT, ScriptedServer, lie
from tests.reliability.load.cases import CASES, ApiRules, NtpRules

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
KINDS = {"HEAD": "date", "GET": "jwt", "POST": "mint", "DELETE": "revoke"}
POINTS = {"HEAD": 1, "GET": 1, "POST": 5, "DELETE": 5}
"""GitHub's documentation, "Calculating points for the secondary rate limit"."""


class LoadedGitHub(GitHub):
    """The lab's GitHub with the rules of a case; ``requests_seen``: when, what, status."""

    def __init__(self, app_public_pem: str, rules: ApiRules, nodes: int) -> None:
        super().__init__(app_public_pem)
        self.rules = rules
        self.nodes = nodes
        self.requests_seen: list[tuple[float, str, int]] = []
        self.in_flight = self.most_in_flight = 0
        self.down_from_s: float | None = None
        self.answered_jwts = 0
        self.blocked_until_s: list[float] = []
        self._counting = threading.Lock()
        self._spent: dict[str, deque[float]] = {}

    def answer(self, request: Request) -> Answer:
        """GitHub's answer, or that of the case."""
        now_s = time.time()
        with self._counting:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            answer = self._down(now_s) or self._limited(request, now_s)
        if answer is None:
            time.sleep(self.rules.slow_s)
            answer = super().answer(request)
        with self._counting:
            self.in_flight -= 1
            self.answered_jwts += request.method == "GET" and answer.status < 429
            self.requests_seen.append((now_s, KINDS.get(request.method, "other"), answer.status))
        return answer

    def _down(self, now_s: float) -> Answer | None:
        if not self.rules.down_s:
            return None
        if self.down_from_s is None and self.answered_jwts >= self.rules.down_after * self.nodes:
            self.down_from_s = now_s
        if self.down_from_s is None or now_s > self.down_from_s + self.rules.down_s:
            return None
        return refusal(503, "Service Unavailable")

    def _limited(self, request: Request, now_s: float) -> Answer | None:
        rules = self.rules
        if rules.concurrent is not None and self.in_flight > rules.concurrent:
            return _wait(rules.window_s)
        if request.headers.get("Authorization") and (left_s := self._blocked_s(now_s)) > 0:
            return _wait(left_s)
        whose = "App" if request.headers.get("Authorization") else request.address
        asked = [(f"points of {whose}", rules.points, POINTS.get(request.method, 5))]
        if request.method == "POST":
            asked.append(("creating", rules.creating, 1))
        for what, limit, _cost in asked:
            spent = self._spent.setdefault(what, deque())
            while spent and spent[0] <= now_s - rules.window_s:
                spent.popleft()
            if limit is not None and len(spent) >= limit:
                return _wait(spent[0] + rules.window_s - now_s)
        for what, _limit, cost in asked:
            self._spent[what].extend([now_s] * cost)
        return None

    def _blocked_s(self, now_s: float) -> float:
        """For how long the App is still limited."""
        every = min(self.rules.block_every, self.nodes)
        if every and self.answered_jwts >= (len(self.blocked_until_s) + 0.4) * every:
            self.blocked_until_s.append(now_s + self.rules.window_s)
        return self.blocked_until_s[-1] - now_s if self.blocked_until_s else 0.0


def _wait(seconds: float) -> Answer:
    """429 with ``retry-after``, which has whole seconds."""
    answer = refusal(429, SECONDARY)
    return Answer(answer.status, answer.body, headers={"Retry-After": str(int(seconds) + 1)}, message=answer.message)


class CountingServer(HttpsServer):
    """The lab's server; it counts connections, and drops none because many come at once."""

    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], github: GitHub, credentials: Credentials) -> None:
        self.open = self.most_open = 0
        self._counting = threading.Lock()
        super().__init__(address, github, credentials)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """One connection."""
        with self._counting:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._counting:
                self.open -= 1


class RateLimitedTime:
    """The NTP server of a case. All requests come from one address, as from behind NAT."""

    def __init__(self, rules: NtpRules) -> None:
        self.rules = rules
        self.requests_seen: list[tuple[float, str, int]] = []
        self._tokens, self._at_s = float(rules.burst), time.monotonic()
        self._chance = random.Random(16)

    def answer(self, request: bytes) -> list[bytes]:
        """What is sent back."""
        if len(request) < 48:
            return []
        outcome = self._outcome()
        self.requests_seen.append((time.time(), outcome, 0))
        if outcome == "dropped":
            return []
        reply = lie(request, 0.0)
        return [reply] if outcome == "answered" else [bytes([reply[0] | 0xC0, 0]) + reply[2:12] + b"RATE" + reply[16:]]

    def _outcome(self) -> str:
        rules, now_s = self.rules, time.monotonic()
        if rules.per_s is None:
            return "answered"
        self._tokens = min(rules.burst, self._tokens + (now_s - self._at_s) * rules.per_s)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return "answered"
        if self._chance.random() < rules.leak:
            return "answered"
        return "kiss" if self._chance.random() < rules.kiss else "dropped"


def serve_api(folder: Path, rules: ApiRules, nodes: int) -> dict[str, Any]:
    """Serve until standard input ends; what was counted."""
    credentials = ensure_credentials(folder / "github")
    github = LoadedGitHub(credentials.app_public_pem.read_text(), rules, nodes)
    with CountingServer(("127.0.0.1", 0), github, credentials) as server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        print(f"https://127.0.0.1:{server.server_port}", flush=True)
        sys.stdin.read()
        server.shutdown()
    live = len(github.tokens()["live"])
    return {
        "requests": github.requests_seen,
        "most_open": server.most_open,
        "most_in_flight": github.most_in_flight,
        "down_from_s": github.down_from_s,
        "blocked_s": [(end_s - rules.window_s, end_s) for end_s in github.blocked_until_s],
        "live_tokens": live,
    }


def serve_ntp(rules: NtpRules, address: str) -> dict[str, Any]:
    """Serve until standard input ends; what was counted."""
    counting = RateLimitedTime(rules)
    server = ScriptedServer(counting.answer, address, NTP_PORT)
    print(address, flush=True)
    sys.stdin.read()
    server.udp.close()
    return {"requests": counting.requests_seen}


def main(what: str, folder: Path, case: int, nodes: int, address: str = "") -> None:
    """Serve, and write what was counted."""
    rules = CASES[case - 1]
    counted = serve_api(folder, rules.api, nodes) if what == "api" else serve_ntp(rules.ntp, address)
    (folder / f"{what}.json").write_text(json.dumps(counted))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
