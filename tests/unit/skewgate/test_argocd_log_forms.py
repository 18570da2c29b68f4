"""Argo CD's log and the list of pods in the forms that tools give them, and in none."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skewgate.argocd_log.counting import MAX_CAUSES, summarise
from skewgate.argocd_log.lines import MAX_CHARS, Installation, parse_line, read_lines
from skewgate.argocd_log.meaning import explanation
from skewgate.argocd_log.pods import parse_pods
from tests.lab.github_api.answers import EXP_PAST
from tests.unit.skewgate.argocd_lines import (
    FORMATS,
    GONE,
    NODES,
    POD1,
    POD2,
    POD3,
    PODS,
    STERN,
    as_list,
    as_logcli,
    as_stern,
    as_table,
    call,
    failed,
    line,
    lookup,
    message,
    ok,
    refused,
    repeated,
)

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
        ("---\na: 2026-13-45\n", "cut off or broken (ValueError)"),
        ("---\na: !!bool x\n", "cut off or broken (KeyError)"),
        ("---\n!!timestamp x\n", "cut off or broken (AttributeError)"),
        ("---\n" + "[" * 3000, "cut off or broken (RecursionError)"),
        ("---\na: &a [x, x]\nb: &b [*a, *a]\n", "cut off or broken (AliasError)"),
    ],
)
def test_what_is_not_a_list_of_pods_is_refused_with_what_was_found(text: str, found: str) -> None:
    with pytest.raises(ValueError, match="found") as caught:
        parse_pods(text)
    assert found in str(caught.value)


# --- other tools' output

LOG = [
    refused(POD1),
    failed(POD2, lookup(EXP_PAST)),
    ok(POD3),
    repeated(GONE, message()),
    line(POD1, json.dumps(call(message()))),
]


@pytest.mark.parametrize("output", STERN)
def test_sterns_output_says_the_same_as_kubectls(output: str) -> None:
    written = as_stern(LOG, output)
    summary = summarise((each + "\n" for each in "".join(written).split("\n")), NODES)
    assert summary == summarise(LOG, NODES)


@pytest.mark.parametrize("output", ["default", "jsonl"])
def test_logclis_output_says_the_same_too(output: str) -> None:
    assert summarise(as_logcli(LOG, output), NODES) == summarise(LOG, NODES)


def test_a_line_of_stern_names_its_node_itself() -> None:
    [event] = [parse_line(each) for each in as_stern([refused(POD2)], "json")]
    assert event is not None
    assert event.node == "worker-2"


def test_a_record_of_stern_that_is_cut_by_another_line_loses_only_itself() -> None:
    [record] = as_stern([refused(POD1)], "ppextjson")
    head, rest = record.split("\n", 2)[0] + "\n", record.split("\n", 1)[1]
    lines = [head, ok(POD2), *(f"{each}\n" for each in rest.splitlines()), ok(POD3)]
    summary = summarise(lines, NODES)
    assert [summary.nodes[name].answered for name in ("worker-2", "worker-3")] == [1, 1]
    assert summary.lines == 7 == summary.unprefixed + 2


def test_lines_that_name_no_pod_are_those_of_the_pod_that_was_named() -> None:
    bare = [each.split("] ", 1)[1] for each in (refused(POD1), ok(POD1))]
    timed = [f"2026-01-31T12:00:00.123456789Z {each}" for each in bare]
    for lines in (bare, timed):
        assert summarise(lines, NODES).unprefixed == 2
        tally = summarise(lines, NODES, POD1).nodes["worker-1"]
        assert (tally.failed.total(), tally.answered) == (1, 1)
    assert summarise([ok(POD2)], NODES, POD1).nodes["worker-2"].answered == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda text: f"2026-01-31T13:00:00.123456789+01:00 stderr F {text}\n", id="containerd and CRI-O"),
        pytest.param(
            lambda text: json.dumps({"log": f"{text}\n", "stream": "stderr", "time": "2026-01-31T12:00:00.1Z"}) + "\n",
            id="Docker",
        ),
    ],
)
def test_the_files_of_a_node_say_the_same_too(form: str, written: Callable[[str], str]) -> None:
    lines = [FORMATS[form](call()), FORMATS[form](call(message()))]
    assert summarise(map(written, lines), NODES, POD2) == summarise([line(POD2, text) for text in lines], NODES)


def test_of_a_long_line_the_beginning_is_read_and_the_next_line_whole() -> None:
    file = io.StringIO("x" * (3 * MAX_CHARS) + "\n" + ok(POD1) + "y" * MAX_CHARS)
    lines = list(read_lines(file))
    assert list(map(len, lines)) == [MAX_CHARS, len(ok(POD1)), MAX_CHARS]


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([each.encode() for each in LOG]))))
def test_whatever_the_bytes_are_the_counts_add_up(chunks: list[bytes]) -> None:
    text = b"".join(chunks).decode(errors="replace")
    summary = summarise(read_lines(io.StringIO(text, newline="\n")), NODES, "")
    tallies = [*summary.nodes.values(), *summary.gone.values()]
    assert summary.lines == sum(tally.lines for tally in tallies) + summary.unprefixed
    assert all(tally.failed_calls.total() <= tally.calls <= tally.lines for tally in tallies)
    assert all(character.isprintable() or character == "\n" for each in explanation(summary) for character in each)


@pytest.mark.parametrize(
    "text",
    [
        "failed to list installations: GET https://" * 20000,
        "failed to list installations: GET https://" + "a" * 900000,
        "failed to list installations: GET https://" + "a@" * 400000,
        "failed to list installations: GET https://a" + "/app/installations?" * 50000,
        'could not refresh installation id 1\'s token: received non 2xx response status "401 U" when fetching https://'
        + "a/" * 400000,
        "https://a:" * 90000 + " x509: certificate has expired or is not yet valid",
        "x509: certificate has expired or is not yet valid: current time " * 14000,
        'a="' + "\\\\" * 400000,
        'a="b' * 200000,
        "[" * 900000,
        "2026-01-31T12:00:00Z {" + 'a="b", ' * 140000,
        "2026-01-31T12:00:00Z {" + "a" * 900000,
        '{"a":' * 200000,
        "installation not found for org: " * 28000,
        "GET https://a" + "/repos/" * 120000,
        "remote: " * 110000 + "unable to access 'https://",
    ],
    ids=[f"line {number}" for number in range(16)],
)
def test_no_line_takes_long(text: str) -> None:
    before = time.process_time()
    parse_line(line(POD1, text), NODES)
    parse_line(text, NODES)
    assert time.process_time() - before < 2


def test_a_log_of_ever_new_causes_is_counted_in_bounded_space() -> None:
    log = (refused(POD1, Installation(str(number), "https://api.github.com")) for number in range(500))
    summary = summarise(log, NODES)
    assert len(summary.causes) == MAX_CAUSES + 1
    assert summary.nodes["worker-1"].failed.total() == 500
    assert sum(1 for _ in explanation(summary)) < 100
