"""Argo CD's log read for the nodes that carry the 401s: its lines, the pods, the counts and what they mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skewgate import argocd_log
from skewgate.argocd_log import Installation, parse_line, parse_pods, summarise, verdict
from tests.unit.skewgate.argocd_lines import (
    FORMATS,
    GHES,
    GITHUB,
    GONE,
    NODES,
    POD1,
    POD2,
    POD3,
    PODS,
    as_list,
    as_logfmt,
    as_table,
    call,
    line,
    message,
    ok,
    refused,
)


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest) -> Callable[[dict[str, str]], str]:
    """Function that writes a line's fields as Argo CD does in one of its formats."""
    return FORMATS[request.param]


# --- a line


def test_a_401_is_read_in_every_log_format(written: Callable[[dict[str, str]], str]) -> None:
    event = parse_line(line(POD1, written(call(message(GHES)))))
    assert event is not None
    assert event.failure == (GHES, 401, False)
    assert (event.pod, str(event.time), event.answered, event.known_format) == (
        POD1,
        "2026-01-31 12:00:00+00:00",
        False,
        True,
    )


def test_the_401_is_found_where_argo_cd_quotes_it_within_another_error(
    written: Callable[[dict[str, str]], str],
) -> None:
    error = f"failed to list refs: Get {json.dumps('https://github.com/acme/x.git')}: {json.dumps(message())}"
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure == (GITHUB, 401, False)


def test_an_error_from_the_cache_is_told_apart(written: Callable[[dict[str, str]], str]) -> None:
    event = parse_line(line(POD1, written(call(f"{argocd_log.CACHED}: {message()}"))))
    assert event is not None
    assert event.failure == (GITHUB, 401, True)


def test_only_calls_of_the_repo_server_count_as_answered(written: Callable[[dict[str, str]], str]) -> None:
    events = [
        parse_line(line(POD1, written(call(service=each)))) for each in (argocd_log.SERVICE, "grpc.health.v1.Health")
    ]
    assert [event and event.answered for event in events] == [True, False]


def test_what_a_message_quotes_is_not_taken_for_the_lines_own_fields() -> None:
    quoted = as_logfmt({"level": "info", "msg": f'a "b" grpc.code=OK grpc.service={argocd_log.SERVICE} '})
    event = parse_line(line(POD1, quoted))
    assert event is not None
    assert not event.answered


def test_the_timestamp_of_kubectl_stands_in_where_the_line_has_no_time() -> None:
    klog = parse_line(line(POD1, "2026-01-31T13:00:00.123456789+01:00 I0131 12:00:00.1 1 trace.go:219] slow"))
    logged = parse_line(line(POD1, f"2026-01-31T13:00:00.123456789+01:00 {as_logfmt(call(at='11:50:00'))}"))
    assert klog is not None
    assert logged is not None
    assert (str(klog.time), klog.known_format) == ("2026-01-31 12:00:00.123456+00:00", False)
    assert (str(logged.time), logged.known_format) == ("2026-01-31 11:50:00+00:00", True)


def test_a_password_in_the_apis_address_is_not_kept() -> None:
    event = parse_line(
        line(POD1, as_logfmt(call(message(Installation("7", "https://me:hunter2@ghe.example.org/api/v3")))))
    )
    assert event is not None
    assert event.failure is not None
    assert event.failure.installation.api_url == "https://ghe.example.org/api/v3"


@pytest.mark.parametrize("text", ["", as_logfmt(call(message())), "[pod/x] y", "error: you must be logged in"])
def test_a_line_that_names_no_pod_is_no_event(text: str) -> None:
    assert parse_line(text) is None


@given(st.text(alphabet=st.sampled_from('{}[]"\\=: azT0-9\x00é')))
def test_no_text_of_a_line_ends_the_reading(text: str) -> None:
    event = parse_line(f"[pod/{POD1}/argocd-repo-server] {text}")
    assert event is None or event.pod == POD1


# --- the pods


@pytest.mark.parametrize("form", PODS)
def test_each_pods_node_is_read_from_every_output_of_kubectl(form: str) -> None:
    assert parse_pods(PODS[form](NODES)) == NODES


def test_a_single_pod_is_read_too() -> None:
    assert parse_pods(json.dumps(as_list(NODES)["items"][0])) == {POD1: "worker-1"}


def test_a_pod_that_waits_for_a_node_is_left_out() -> None:
    waiting = as_list(NODES)
    waiting["items"].append({"metadata": {"name": GONE}, "spec": {}})
    assert parse_pods(json.dumps(waiting)) == NODES
    assert parse_pods(as_table({**NODES, GONE: "<none>"})) == NODES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no table with the columns NAME and NODE"),
        (
            "NAME   READY   STATUS   RESTARTS   AGE\nx      1/1     Running   0   4d\n",
            "no table with the columns NAME and NODE",
        ),
        (as_table(NODES) + "argocd-repo-ser", "rows of fewer columns than its header (1)"),
        (as_table({}), "no pod that has a node"),
        ('{"items": []}', "no pod that has a node"),
        (json.dumps(as_list(NODES))[:-20], "cut off or broken (JSONDecodeError)"),
        ("apiVersion: v1\nitems: [", "cut off or broken (ParserError)"),
        ('{"items": [{"metadata": {}}]}', "not of pods"),
        ('{"items": null}', "not of pods"),
        ("---\n- 1\n", "not of pods"),
    ],
)
def test_what_is_not_a_list_of_pods_is_refused_with_what_was_found(text: str, found: str) -> None:
    with pytest.raises(ValueError, match="found") as caught:
        parse_pods(text)
    assert found in str(caught.value)


# --- the counts

EVENTS = st.tuples(
    st.sampled_from([*NODES, GONE]),
    st.sampled_from(
        [
            call(),
            call(message()),
            call(message(GHES), at="12:30:00"),
            call(f"{argocd_log.CACHED}: {message()}"),
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
    assert sum(tally.refused.total() for tally in tallies) + summary.cached.total() == text.count("401 Unauthorized")
    assert summary.other.total() == text.count("404 Not Found")
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

    assert summarise(lines(), NODES).nodes["worker-1"].refused[GITHUB] == 100


# --- what they mean


@pytest.mark.parametrize(
    ("lines", "pattern", "refusing"),
    [
        ([ok(POD1), refused(POD2), ok(POD3)], "clock", ["worker-2"]),
        ([ok(POD1), refused(POD2), line(POD3, "starting")], "clock", ["worker-2"]),
        ([refused(POD1), refused(POD2), refused(POD3)], "credential", ["worker-1", "worker-2", "worker-3"]),
        ([ok(POD1), refused(POD1), refused(POD2)], "credential", ["worker-1", "worker-2"]),
        ([refused(POD2)], "one node", ["worker-2"]),
        ([refused(POD2), refused(GONE)], "one node", ["worker-2"]),
        (
            [refused(POD2), line(POD1, as_logfmt(call(service="grpc.health.v1.Health")))],
            "nothing to compare",
            ["worker-2"],
        ),
        ([ok(POD1), refused(GONE)], "not placed", []),
        ([ok(POD1), line(POD2, as_logfmt(call(f"{argocd_log.CACHED}: {message()}")))], "not placed", []),
        ([ok(POD1), refused(POD1, GHES), refused(POD2)], "clock", ["worker-2"]),
    ],
)
def test_how_the_401s_lie_over_the_nodes_says_what_they_likely_are(
    lines: list[str], pattern: str, refusing: list[str]
) -> None:
    seen = verdict(summarise(lines, NODES), GITHUB)
    assert (seen.pattern, seen.refused) == (pattern, refusing)
