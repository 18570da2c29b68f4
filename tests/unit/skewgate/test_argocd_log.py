"""Argo CD's log read for the nodes that carry the 401s. The lines have the form of Argo CD's own, old and new."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skewgate import argocd_log, cli
from skewgate.argocd_log import Installation, parse_line, parse_pods, summarise, verdict

POD1, POD2, POD3 = (f"argocd-repo-server-7d4b9c6f8-{end}" for end in ("kx2p9", "m8vzt", "q4jwl"))
NODES = {POD1: "worker-1", POD2: "worker-2", POD3: "worker-3"}
GONE = "argocd-repo-server-5c798f66b5-c26cm"
GITHUB = Installation("30846581", "https://api.github.com")
GHES = Installation("7", "https://github.example.org/api/v3")


def message(installation: Installation = GITHUB, status: str = "401 Unauthorized") -> str:
    return (
        f"could not refresh installation id {installation.id}'s token: received non 2xx response status "
        f'"{status}" when fetching {installation.api_url}/app/installations/{installation.id}/access_tokens'
    )


def as_logfmt(fields: dict[str, str]) -> str:
    return " ".join(f"{key}={value if value.isidentifier() else json.dumps(value)}" for key, value in fields.items())


def as_argocd_3(fields: dict[str, str]) -> str:
    fields = {**fields, "msg": "finished call"}
    if "error" in fields:
        fields["grpc.error"] = fields.pop("error")
    return as_logfmt(fields)


FORMATS: dict[str, Callable[[dict[str, str]], str]] = {
    "logfmt": as_logfmt,
    "logfmt of Argo CD 3": as_argocd_3,
    "json": json.dumps,
}


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest) -> Callable[[dict[str, str]], str]:
    """Function that writes a line's fields as Argo CD does in one of its formats."""
    return FORMATS[request.param]


def call(error: str | None = None, at: str = "12:00:00", service: str = argocd_log.SERVICE) -> dict[str, str]:
    """The fields of the line that Argo CD writes at the end of a gRPC call."""
    code = "Unknown" if error else "OK"
    return {
        "time": f"2026-01-31T{at}Z",
        "level": "error" if error else "info",
        "msg": f"finished unary call with code {code}",
        **({"error": error} if error else {}),
        "grpc.code": code,
        "grpc.method": "GenerateManifest",
        "grpc.service": service,
        "grpc.time_ms": "65.446",
    }


def line(pod: str, text: str) -> str:
    return f"[pod/{pod}/argocd-repo-server] {text}\n"


def ok(pod: str) -> str:
    return line(pod, as_logfmt(call()))


def refused(pod: str, installation: Installation = GITHUB, at: str = "12:00:00") -> str:
    return line(pod, as_logfmt(call(message(installation), at)))


HEADER = ("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES")
CELLS = ("1/1", "Running", "2 (3d ago)", "4d", "10.42.0.7")


def as_table(nodes: dict[str, str], namespace: bool = False) -> str:
    rows: list[tuple[str, ...]] = [HEADER, *((pod, *CELLS, node, "<none>", "<none>") for pod, node in nodes.items())]
    if namespace:
        rows = [("NAMESPACE" if row is HEADER else "argocd", *row) for row in rows]
    widths = [max(map(len, column)) + 3 for column in zip(*rows, strict=True)]
    return "".join("".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def as_list(nodes: dict[str, str]) -> dict[str, Any]:
    pods = [{"kind": "Pod", "metadata": {"name": pod}, "spec": {"nodeName": node}} for pod, node in nodes.items()]
    return {"apiVersion": "v1", "items": pods, "kind": "List", "metadata": {"resourceVersion": ""}}


PODS: dict[str, Callable[[dict[str, str]], str]] = {
    "table": as_table,
    "table of all namespaces": lambda nodes: as_table(nodes, namespace=True),
    "json": lambda nodes: json.dumps(as_list(nodes), indent=4),
    "yaml": lambda nodes: yaml.safe_dump(as_list(nodes)),
}


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


# --- the command


def explain(tmp_path: Path, log: list[str], pods: str = as_table(NODES)) -> int:
    (tmp_path / "log").write_text("".join(log))
    (tmp_path / "pods").write_text(pods)
    return cli.main(["explain", "--argocd-log", str(tmp_path / "log"), "--pods", str(tmp_path / "pods")])


def test_the_nodes_with_401s_come_first_then_the_likely_cause_and_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [ok(POD1), refused(POD2, at="12:00:05"), refused(POD2, at="13:00:00"), ok(POD2), ok(POD3)]
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    order = [
        "| worker-2 |    1 |     3 |        1 |   2 | 2026-01-31T12:00:00Z | 2026-01-31T12:00:05Z |",
        "|          |      |       |          |     | 2026-01-31T13:00:00Z | 2026-01-31T13:00:00Z |",
        "| worker-1 |    1 |     1 |        1 |   0 | 2026-01-31T12:00:00Z | -                    |",
        "Installation 30846581 at https://api.github.com: 401 on worker-2 (2)",
        "  none, and calls that ended OK: worker-1, worker-3",
        "  Likely the clock of worker-2",
        "A likelihood, not a proof",
        "  skewgate check -i INVENTORY --limit worker-2\n",
        "  journalctl ",
    ]
    positions = [out.find(text) for text in order]
    assert -1 not in positions, out
    assert positions == sorted(positions)


def test_a_401_everywhere_is_likely_the_credential_and_every_node_is_to_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [refused(pod, GHES) for pod in NODES]) == 0
    out = capsys.readouterr().out
    assert "Installation 7 at https://github.example.org/api/v3: 401 on worker-1 (1), worker-2 (1), worker-3 (1)" in out
    assert "Likely the credential" in out
    assert "--limit worker-1,worker-2,worker-3\n" in out


def test_what_could_not_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = [
        ok(POD1),
        refused(GONE),
        line(POD2, "Failed to obtain reader"),
        "error: unable to retrieve container logs\n",
        line(POD2, as_logfmt(call(f"{argocd_log.CACHED}: {message()}"))),
        line(POD2, as_logfmt(call(message(GHES, "404 Not Found")))),
    ]
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    assert f"Pods that are not in the list of pods (rescheduled since?): {GONE}" in out
    assert f"Pods without a line in the log: {POD3}" in out
    assert "1 of 6 lines name no pod" in out
    assert "1 of 6 lines are neither logfmt nor JSON" in out
    assert f"on pods whose node is not known: {GONE} (1)" in out
    assert "1 more told from Argo CD's cache" in out
    assert "Installation 7 at https://github.example.org/api/v3: 1 x 404" in out
    assert "no known node got this 401 itself" in out
    assert "--limit worker-1,worker-2\n" in out


def test_a_log_without_a_401_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [ok(POD1)]) == 0
    out = capsys.readouterr().out
    assert "No 401 for an installation token in this log." in out
    assert "skewgate check" not in out


def test_of_a_line_nothing_is_shown_but_installation_address_and_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = message(Installation("7", "https://me:hunter2@ghe.example.org/api/v3")) + " ghs_16C7e42F292c6912E7"
    assert explain(tmp_path, [line(POD1, as_logfmt(call(secret))), "hunter2\n", line(POD2, "hunter2")]) == 0
    out = capsys.readouterr().out
    assert "ghe.example.org" in out
    assert "hunter2" not in out
    assert "ghs_" not in out


def test_names_from_the_files_reach_neither_the_terminal_nor_a_shell_as_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [refused(POD1)], json.dumps(as_list({POD1: "a\x1b[2J;reboot"}))) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "--limit 'a\\x1b[2J;reboot'" in out


def test_a_log_of_other_pods_could_not_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [refused(GONE)]) == 2
    captured = capsys.readouterr()
    assert "could not tell: no pod of the log is in the list of pods" in captured.err
    assert GONE in captured.err
    assert POD1 in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("log", "pods", "expected"),
    [
        (
            as_logfmt(call(message())),
            as_table(NODES),
            ("none of its 1 lines begins with [pod/", argocd_log.LOG_COMMAND),
        ),
        ("", as_table(NODES), ("none of its 0 lines begins with [pod/", argocd_log.LOG_COMMAND)),
        (ok(POD1), "No resources found\n", ("found no table with the columns", argocd_log.PODS_COMMAND)),
    ],
)
def test_a_file_of_another_kind_is_told_with_the_command_that_makes_the_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: str, pods: str, expected: tuple[str, str]
) -> None:
    assert explain(tmp_path, [log], pods) == 2
    err = capsys.readouterr().err
    assert all(text in err for text in expected)


@pytest.mark.parametrize(
    "argv",
    [
        ["--argocd-log", "log"],
        ["--pods", "pods"],
        ["clock_skew", "--argocd-log", "log", "--pods", "pods"],
        ["--argocd-log", "-", "--pods", "-"],
    ],
)
def test_both_files_are_needed_without_a_check_and_one_of_them_at_most_from_standard_input(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    assert cli.main(["explain", *argv]) == 2
    assert "expected --argocd-log FILE with --pods FILE" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["log", "pods"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    (tmp_path / "log").write_text(ok(POD1))
    (tmp_path / "pods").write_text(as_table(NODES))
    (tmp_path / missing).unlink()
    assert cli.main(["explain", "--argocd-log", f"{tmp_path}/log", "--pods", f"{tmp_path}/pods"]) == 2
    assert f"can't read {tmp_path}/{missing}: No such file" in capsys.readouterr().err
