"""Argo CD's log counted by node, and what the counts mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skewgate.argocd_log import lines as argocd_log
from skewgate.argocd_log.counting import summarise, verdict
from skewgate.argocd_log.lines import Installation
from skewgate.argocd_log.meaning import explanation
from tests.lab.github_api.answers import EXP_PAST
from tests.unit.skewgate.argocd_lines import (
    FORMATS,
    GHES,
    GITHUB,
    GONE,
    NODES,
    POD1,
    POD2,
    POD3,
    as_logfmt,
    call,
    failed,
    line,
    lookup,
    message,
    ok,
    refused,
    repeated,
    unexplained,
)

# --- the counts

EVENTS = st.tuples(
    st.sampled_from([*NODES, GONE]),
    st.sampled_from(
        [
            call(),
            call(message()),
            call(message(GHES), at="12:30:00"),
            call(f"{argocd_log.CACHED}: {message()}"),
            call(f"rpc error: code = Unknown desc = {message()}", service="application.ApplicationService"),
            call(message(status="404 Not Found")),
        ]
    ),
    st.sampled_from(list(FORMATS)),
).map(lambda event: line(event[0], FORMATS[event[2]](event[1])))
LINES = st.lists(st.one_of(EVENTS, st.just("error: unable to retrieve container logs\n"), st.just("\n")))


@given(LINES, st.randoms())
def test_the_counts_add_up_in_whatever_order_the_lines_come(lines: list[str], random: Any) -> None:
    summary = summarise(lines, NODES)
    tallies = [*summary.nodes.values(), *summary.gone.values()]
    text = "".join(lines)
    assert summary.lines == sum(1 for each in lines if each.strip())
    assert summary.lines == sum(tally.lines for tally in tallies) + summary.unprefixed
    failures = sum(tally.failed.total() for tally in tallies) + summary.cached.total() + summary.repeated.total()
    assert failures == text.count("401 Unauthorized") + text.count("404 Not Found")
    assert sum(tally.answered for tally in tallies) == text.count("=OK") + text.count('"grpc.code": "OK"')
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert summarise(shuffled, NODES) == summary


def test_a_log_is_read_line_by_line_and_never_held() -> None:
    held = 0

    class Line(str):
        def __init__(self, _: str) -> None:
            nonlocal held
            held += 1
            assert held <= 2, "the former line is still held"

        def __del__(self) -> None:
            nonlocal held
            held -= 1

    def lines() -> Iterator[str]:
        for _ in range(100):
            yield Line(refused(POD1))

    assert summarise(lines(), NODES).nodes["worker-1"].failed[unexplained(GITHUB)] == 100


# --- what they mean


@pytest.mark.parametrize(
    ("lines", "pattern", "failing"),
    [
        ([ok(POD1), refused(POD2), ok(POD3)], "some nodes", ["worker-2"]),
        ([ok(POD1), refused(POD2), line(POD3, "starting")], "some nodes", ["worker-2"]),
        ([refused(POD1), refused(POD2), refused(POD3)], "every node", ["worker-1", "worker-2", "worker-3"]),
        ([ok(POD1), refused(POD1), refused(POD2)], "every node", ["worker-1", "worker-2"]),
        ([refused(POD2)], "one node", ["worker-2"]),
        ([refused(POD2), refused(GONE)], "one node", ["worker-2"]),
        ([refused(POD2), repeated(POD1, message())], "one node", ["worker-2"]),
        (
            [refused(POD2), line(POD1, as_logfmt(call(service="grpc.health.v1.Health")))],
            "nothing to compare",
            ["worker-2"],
        ),
        ([ok(POD1), refused(GONE)], "not placed", []),
        ([ok(POD1), line(POD2, as_logfmt(call(f"{argocd_log.CACHED}: {message()}")))], "not placed", []),
        ([ok(POD1), repeated(POD2, message())], "not placed", []),
        ([ok(POD1), refused(POD1, GHES), refused(POD2)], "some nodes", ["worker-2"]),
    ],
)
def test_how_the_401s_lie_over_the_nodes_says_what_they_likely_are(
    lines: list[str], pattern: str, failing: list[str]
) -> None:
    seen = verdict(summarise(lines, NODES), unexplained(GITHUB))
    assert (seen.pattern, seen.failing) == (pattern, failing)


@pytest.mark.parametrize(
    ("lines", "enough"),
    [
        ([refused(POD2)] + [ok(POD1)] * 40, False),  # one line may be anything
        ([refused(POD2)] * 2 + [ok(POD1)] * 40, False),
        ([refused(POD2)] * 3 + [ok(POD1)] * 40, True),
        ([refused(POD2)] * 12 + [ok(POD1)], False),  # chance spares a single call of 13 more often than once in 20
        ([refused(POD2)] * 3 + [ok(POD1)] * 3, True),
        ([refused(POD2)] * 3 + [ok(POD1)], False),  # chance spares a single call in one case of four
        ([refused(POD2)] * 3 + [ok(POD2)] * 300 + [ok(POD1)] * 3, False),  # three calls would rarely meet it
        ([refused(POD2)] * 12 + [ok(POD2)] * 12 + [ok(POD1)] * 12, True),
        ([refused(POD1)] * 3 + [refused(POD2)] * 3, True),
    ],
)
def test_only_what_chance_rarely_gives_counts_as_likely(lines: list[str], enough: bool) -> None:
    seen = verdict(summarise(lines, NODES), unexplained(GITHUB))
    assert seen.backed == (seen.failing if enough else [])


def test_one_line_of_another_node_takes_nothing_from_the_many_of_one() -> None:
    seen = verdict(summarise([refused(POD2)] * 12 + [refused(POD3)] + [ok(POD1)] * 40, NODES), unexplained(GITHUB))
    assert (seen.failing, seen.backed) == (["worker-2", "worker-3"], ["worker-2"])


def test_a_single_proof_is_shown_first_whatever_else_fails_more_often() -> None:
    others = [refused(POD1, Installation(str(number), "https://api.github.com")) for number in range(40)] * 2
    said = list(explanation(summarise([*others, failed(POD2, lookup(EXP_PAST))], NODES)))
    [first, *_] = [text for text in said if ": 401" in text]
    assert first == "GitHub App at https://api.github.com: 401"
    assert any("other ways to fail are less frequent" in text for text in said)


def test_a_node_whose_calls_work_is_not_suspected_for_the_failures_of_another() -> None:
    lines = [*[refused(POD1)] * 3, *[ok(POD1)] * 300, *[refused(POD2)] * 100, *[ok(POD3)] * 200]
    seen = verdict(summarise(lines, NODES), unexplained(GITHUB))
    assert (seen.failing, seen.backed) == (["worker-1", "worker-2"], ["worker-2"])
