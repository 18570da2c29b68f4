"""What a test lets go wrong: answers in place of GitHub's own, delays, resets, and a rate limit."""

from __future__ import annotations

from dataclasses import dataclass, field

from .answers import Answer, refusal


@dataclass
class Scripted:
    """What happens to the next `times` requests that match; what is None is left to GitHub's rules.

    `delay_s` comes before the rules are applied, as latency on the way in does.
    """

    method: str
    path: str  # shell pattern, `*` matches `/` too
    times: int = 1
    status: int | None = None
    message: str | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    reset: bool = False

    def __post_init__(self) -> None:
        if (self.message is not None or self.body is not None) and self.status is None:
            raise ValueError("a scripted message or body needs the status that it comes with")

    def answer(self) -> Answer | None:
        """The answer in place of GitHub's own; None: GitHub's rules decide."""
        if self.status is None:
            return None
        if self.body is not None:
            return Answer(self.status, self.body.encode(), "text/html; charset=utf-8", message=self.message)
        return refusal(self.status, self.message or "")


@dataclass
class RateLimit:
    """A primary limit: `remaining` of `limit` requests until `resets_at_s` (epoch,
    by the API's clock).
    """

    limit: int
    remaining: int
    window_s: float
    resets_at_s: float

    def count(self, now_s: float) -> bool:
        """Counts a request; False where none was left."""
        if now_s >= self.resets_at_s:
            self.remaining = self.limit
            self.resets_at_s = now_s + self.window_s
        if self.remaining == 0:
            return False
        self.remaining -= 1
        return True

    def headers(self) -> dict[str, str]:
        """As GitHub says on each answer how many are left."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-used": str(self.limit - self.remaining),
            "x-ratelimit-reset": str(int(self.resets_at_s)),
            "x-ratelimit-resource": "core",
        }
