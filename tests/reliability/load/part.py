"""1,000 nodes ask one API and one NTP server; only 400 in the cases that would find the same with
more. A seed is the number of a case (``cases.py``).

One run of the playbook ``check`` has all nodes, 100 at a time, as ``skewgate check`` does at most.

Real: the playbook, its processes and everything that they decide; the JWTs and GitHub's rules for
them; each node's NTP packets, its requests for the API's Date, its JWTs, mints and revocations. The
product's own probes send them, in the process of the connection and not on another machine. Both
servers count, each in another process. All requests come from one address, as from behind NAT.

Replayed: the connection (no ssh), and what a node reads on itself: chronyc, files, units. The API
is the lab's, and its secondary limits are those of GitHub's documentation, by windows of 10 s in
place of a minute, so the same rate is met sooner. The NTP server limits as chronyd's ``ratelimit``
does by default, and sends the kiss-o'-death RATE where chronyd sends nothing (by default) or sends
it for half of the requests at most (with ``kod``).

Among the nodes are ten whose clock is 612 s behind, and ten whose App has another installation.
They must be refused for that. The other nodes are healthy. None may be refused for a failure.

Nodes are *inconclusive* in the second case if they meet GitHub's limit again after they waited for
it: 15 of 980 healthy ones (``rate_limit``). In the third case, the NTP server answers one request
in eight seconds and a quarter of the others, so a quarter to a third of the nodes get no answer to
four requests. Their finding says so (``kiss_rate``). No case has a server that limits and stays
silent:
[what happens then](../how-to/check-many-nodes.md#if-github-or-an-ntp-server-has-too-much-to-do).

Figures: requests of all kinds and those to NTP, the most in one second (``peak``) and the mean;
connections and requests at once; ``again``, the JWTs and mints beyond one for each node;
``limited`` and ``down``, the shares of them that were answered with 429 and 503; ``late``, the
share that was sent in the second half of a limit, when all know of it; ``after``, the most in the
second after a limit's end; ``kissed``, the share of NTP requests that got RATE; ``mints_a_minute``,
the most mints that began in a minute.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reliability.load.cases import CASES, Case
from tests.reliability.load.fleet import FORKS, Fleet, Ran, most_within, rate
from tests.reliability.load.fleet import run as run_fleet
from tests.reliability.results import Row

BAD = 10
REASONS = {"behind": "clock_skew: beyond", "wrong": "github_app_token: unknown_installation"}
CREATING_A_MINUTE = 80
"""GitHub's documentation, "About secondary rate limits"."""
LATE_AT_MOST = 0.1
"""If more of the JWTs are sent in the second half of a limit, the nodes do not wait for its end."""
AFTER_AT_MOST = 0.5
"""If more of the nodes that run at once go on within one second, they do not spread."""


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for each case."""
    for seed in seeds:
        case = CASES[seed - 1]
        with tempfile.TemporaryDirectory(prefix="skewgate-load-") as folder:
            began_s = time.monotonic()
            ran = run_fleet(Path(folder), seed, Fleet(case.nodes - 2 * BAD, BAD))
            yield row(ran, seed, case, time.monotonic() - began_s)


def row(ran: Ran, seed: int, case: Case, took_s: float = 0.0) -> Row:
    """What a run of a case found; raises RuntimeError if no node met what the case is about."""
    counted = figures(ran)
    if unmet := [name for name in case.met_by if not counted[name]]:
        raise RuntimeError(f"case {seed} ({case.name}) was not met: {unmet} of {counted}")
    healthy = ran.verdicts("healthy")
    bad = [ran.verdicts(kind) for kind in REASONS]
    return Row(
        "load",
        len(ran.kinds),
        (seed, seed),
        admitted_wrongly=sum(verdicts["admit"] for verdicts in bad),
        refused_wrongly=healthy["failure"],
        inconclusive=healthy["not_judged"],
        exceptions=ran.output.count("Traceback"),
        lost=sum(verdicts["lost"] for verdicts in (healthy, *bad)),
        took_s=took_s,
        faults=[f"case {seed} ({case.name}): {fault}" for fault in (*wrong_reasons(ran, case), *stampedes(ran))],
        figures=counted,
    )


def wrong_reasons(ran: Ran, case: Case) -> Iterator[str]:
    """Nodes that were refused for something else than what is wrong with them, or with the
    servers.
    """
    for kind, key in REASONS.items():
        nodes = sum(its == kind for its in ran.kinds.values())
        refused, verdicts = ran.keys(kind, "fail")[key], ran.verdicts(kind)
        left = nodes - min(refused, verdicts["failure"])
        if left > min(verdicts["not_judged"], math.ceil(case.inconclusive * nodes)):
            yield f"{refused} of {nodes} nodes of the kind {kind} are refused for {key}: {dict(verdicts)}"
    healthy = ran.verdicts("healthy")
    if healthy["failure"]:
        yield f"{healthy['failure']} healthy nodes are refused: {dict(ran.keys('healthy', 'fail'))}"
    found = ran.keys("healthy", "inconclusive")
    if healthy["not_judged"] > case.inconclusive * healthy.total() or set(found) - case.keys:
        yield f"{healthy['not_judged']} healthy nodes are not judged: {dict(found)}"
    if ran.api["live_tokens"]:
        yield f"{ran.api['live_tokens']} tokens were not revoked"


def stampedes(ran: Ran) -> Iterator[str]:
    """Where the fleet asked more of GitHub than GitHub's limits allow, or did not wait for the end
    of a limit.
    """
    found = figures(ran)
    if found["mints_a_minute"] > CREATING_A_MINUTE:
        yield f"{found['mints_a_minute']:.0f} mints within a minute"
    if found["late"] > LATE_AT_MOST:
        yield f"{found['late']:.0%} of the JWTs were sent while all knew of a limit"
    if found["after"] > AFTER_AT_MOST * FORKS:
        yield f"{found['after']:.0f} JWTs in the second after a limit"


def figures(ran: Ran) -> dict[str, float]:
    """The counts of the servers."""
    api, ntp = ran.api["requests"], ran.ntp["requests"]
    sent = [(at_s, status) for at_s, kind, status in api if kind in ("jwt", "mint")]
    of_api, of_ntp = rate(at_s for at_s, *_ in api), rate(at_s for at_s, *_ in ntp)
    blocked_s = ran.api["blocked_s"]
    late = sum((begin_s + end_s) / 2 <= at_s < end_s for at_s, _ in sent for begin_s, end_s in blocked_s)
    mints = [at_s for at_s, kind, _ in api if kind == "mint"]
    return {
        "api_requests": of_api.requests,
        "api_peak": of_api.peak,
        "api_mean": round(of_api.mean, 1),
        "api_connections": ran.api["most_open"],
        "api_at_once": ran.api["most_in_flight"],
        "jwt_peak": rate(at_s for at_s, _ in sent).peak,
        "again": len(sent) - len(ran.kinds),
        "limited": round(sum(status == 429 for _, status in sent) / max(1, len(sent)), 3),
        "down": round(sum(status == 503 for _, status in sent) / max(1, len(sent)), 3),
        "late": round(late / max(1, len(sent)), 3),
        "after": max((sum(0 <= at_s - end_s < 1 for at_s, _ in sent) for _, end_s in blocked_s), default=0),
        "mints": len(mints),
        "mints_a_minute": most_within(mints, 60.0),
        "ntp_requests": of_ntp.requests,
        "ntp_peak": of_ntp.peak,
        "ntp_mean": round(of_ntp.mean, 1),
        "kissed": round(sum(what == "kiss" for _, what, _ in ntp) / max(1, len(ntp)), 3),
    }
