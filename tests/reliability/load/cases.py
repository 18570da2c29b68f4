"""The cases: how the API and the NTP server treat a fleet, and what is allowed to come of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiRules:
    """What the API does beside GitHub's own rules.

    GitHub's secondary limits (its documentation, "Rate limits for the REST API"): ``concurrent``
    requests; ``points`` in ``window_s`` of an App, or of an address without a credential, where
    POST and DELETE cost five and the others one; ``creating`` requests in ``window_s``. None: no
    such limit. A request beyond one is answered with 429 and ``retry-after``, the rest of the
    window. ``block_every``: once in so many nodes, whatever the machine's speed, the App is limited
    for a whole window. ``down_s``: for so long all is answered with 503, from the moment when
    ``down_after`` of the nodes have been answered. ``slow_s`` comes before each answer.
    """

    concurrent: int | None = None
    points: int | None = None
    creating: int | None = None
    window_s: float = 60.0
    block_every: int = 0
    down_s: float = 0.0
    down_after: float = 0.4
    slow_s: float = 0.0


@dataclass(frozen=True)
class NtpRules:
    """What the NTP server does: chronyd's ``ratelimit`` (chrony.conf(5)) for each client address.

    ``per_s`` answers a second after a ``burst``. Beyond that, ``leak`` of the requests are answered
    all the same, ``kiss`` of the others get a kiss-o'-death RATE, and the rest get nothing. None:
    no limit.
    """

    per_s: float | None = None
    burst: int = 8
    leak: float = 0.25
    kiss: float = 0.0


@dataclass(frozen=True)
class Case:
    """One case. ``inconclusive``: the share of nodes that may be left without a judgement.

    ``keys`` are the only ones that their findings may have. ``nodes``: all, the bad ones too.
    """

    name: str
    api: ApiRules = ApiRules()
    ntp: NtpRules = NtpRules()
    inconclusive: float = 0.0
    keys: frozenset[str] = frozenset()
    nodes: int = 1000

    @property
    def met_by(self) -> list[str]:
        """The figures (``part.py``) that are 0 if no node met what the case is about."""
        limits = self.api.concurrent, self.api.points, self.api.creating, self.api.block_every
        about = {"limited": any(limits), "down": self.api.down_s, "kissed": self.ntp.per_s and self.ntp.kiss}
        return [name for name, is_so in about.items() if is_so]


FEWER = 400
"""Of the cases in which only the nodes that run at the same time matter: that is 100 at most."""

CASES = (
    Case("calm servers", nodes=FEWER),
    Case(
        "the API answers 429",
        ApiRules(concurrent=100, points=150, creating=13, window_s=10, block_every=250),
        # A node waits for GitHub's limit once; few meet another one then.
        inconclusive=0.05,
        keys=frozenset({"github_app_token: not_judged", "github_app_token: rate_limit"}),
    ),
    Case(
        "the NTP server limits the rate",
        ntp=NtpRules(per_s=0.125, kiss=1.0),
        inconclusive=0.45,
        keys=frozenset({"ntp_servers: kiss_rate"}),
    ),
    Case("the API answers 503 for 20 s", ApiRules(down_s=20), nodes=FEWER),
    Case("the API takes 2 s for an answer", ApiRules(slow_s=2), nodes=FEWER),
)
"""Seed 1 is the first one."""
