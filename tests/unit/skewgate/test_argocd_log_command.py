"""`skewgate explain --argocd-log`: what it prints of a log, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skewgate import cli
from skewgate.argocd_log import lines as argocd_log
from skewgate.argocd_log.lines import Installation
from skewgate.argocd_log.pods import LOG_COMMAND, PODS_COMMAND
from tests.lab.github_api.answers import EXP_PAST, EXP_TOO_FAR, IAT_FUTURE
from tests.unit.skewgate.argocd_lines import (
    GHES,
    GONE,
    NODES,
    POD1,
    POD2,
    POD3,
    as_list,
    as_logfmt,
    as_table,
    call,
    expired,
    failed,
    line,
    lookup,
    message,
    ok,
    refused,
    repeated,
)


def explain(tmp_path: Path, log: list[str], pods: str = as_table(NODES)) -> int:
    (tmp_path / "log").write_text("".join(log))
    (tmp_path / "pods").write_text(pods)
    return cli.main(["explain", "--argocd-log", str(tmp_path / "log"), "--pods", str(tmp_path / "pods")])


def test_the_nodes_with_401s_come_first_then_the_likely_cause_and_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [
        *[ok(POD1)] * 20,
        refused(POD2, at="12:00:05"),
        *[refused(POD2, at="13:00:00")] * 2,
        ok(POD2),
        *[ok(POD3)] * 20,
    ]
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    order = [
        "| worker-2 |    1 |     4 |     4 |  1 |        3 | 2026-01-31T12:00:00Z | 2026-01-31T12:00:05Z |",
        "|          |      |       |       |    |          | 2026-01-31T13:00:00Z | 2026-01-31T13:00:00Z |",
        "| worker-1 |    1 |    20 |    20 | 20 |        0 | 2026-01-31T12:00:00Z | -                    |",
        "Installation 30846581 at https://api.github.com: 401, without GitHub's words",
        "  on worker-2 (3 of 4 calls)",
        "  none, and calls that ended OK: worker-1 (20), worker-3 (20)",
        "  Likely the clock of worker-2: 3 of 4 calls on worker-2, 0 of 40 on the others.",
        "  A likelihood, not a proof",
        "  skewgate check -i INVENTORY --limit worker-2\n",
        "  journalctl ",
    ]
    positions = [out.find(text) for text in order]
    assert -1 not in positions, out
    assert positions == sorted(positions)


def test_a_401_everywhere_is_likely_the_credential_and_every_node_is_to_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [refused(pod, GHES) for pod in NODES] * 3) == 0
    out = capsys.readouterr().out
    assert "Installation 7 at https://github.example.org/api/v3: 401, without GitHub's words" in out
    assert "on worker-1 (3 of 3 calls), worker-2 (3 of 3 calls), worker-3 (3 of 3 calls)" in out
    assert "Likely the credential: 9 of 9 calls on worker-1, worker-2, worker-3." in out
    assert "--limit worker-1,worker-2,worker-3\n" in out


def test_a_single_line_is_a_hint_and_says_how_to_get_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [refused(POD2), *[ok(POD1)] * 40]) == 0
    out = capsys.readouterr().out
    assert "A hint, no more, at the clock of worker-2: 1 of 1 call on worker-2, 0 of 40 on the others." in out
    assert "press Refresh" in out
    assert "Likely" not in out
    assert "--limit worker-2\n" in out


def test_the_node_whose_component_repeats_an_error_is_not_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [*[repeated(GONE, message())] * 50, *[refused(POD2)] * 4, *[ok(POD1)] * 20]
    assert explain(tmp_path, log, as_table({**NODES, GONE: "innocent"})) == 0
    out = capsys.readouterr().out
    assert "Likely the clock of worker-2: 4 of 4 calls on worker-2, 0 of 20 on the others." in out
    assert "50 more lines of components that repeat a repo-server's error" in out
    assert "--limit worker-2\n" in out
    assert out.index("| worker-2") < out.index("| innocent")


def test_an_error_that_is_only_repeated_names_no_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [repeated(GONE, message())] * 9, as_table({**NODES, GONE: "innocent"})) == 0
    out = capsys.readouterr().out
    assert "No conclusion: no known node got this error itself." in out


@pytest.mark.parametrize(("words", "side"), [(EXP_PAST, "behind"), (EXP_TOO_FAR, "ahead"), (IAT_FUTURE, "ahead")])
def test_githubs_words_of_the_clock_are_a_proof_with_the_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, side: str
) -> None:
    log = [failed(POD2, lookup(words)), *[refused(POD2)] * 2, *[ok(POD1)] * 20]
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    assert f"  GitHub's words: 401 {words}\n" in out
    assert "Proof that GitHub refused the times of the JWT: 1 of 3 calls on worker-2, 0 of 20 on the others." in out
    assert f"So the clock of worker-2 is {side}, compared with the API's." in out
    assert (
        "The clock: 2 of 3 calls on worker-2, 0 of 20 on the others; GitHub's words above are of the same nodes." in out
    )
    assert "Enterprise" not in out


def test_a_github_enterprise_server_may_have_the_wrong_clock_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [failed(pod, lookup(EXP_PAST, api_url=GHES.api_url)) for pod in NODES]) == 0
    assert "A GitHub Enterprise Server may itself have the wrong clock" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "meaning", "remedy"),
    [
        (lookup("A JSON web token could not be decoded"), "not the private key of this App", "App's settings page"),
        (lookup("Integration not found", 404), "o App has this", "App's settings page"),
        (lookup("This installation has been suspended", 403), "is suspended", "unsuspend it"),
        ("installation not found for org: acme", "the App is installed", ""),
        (message(status="404 Not Found"), "no such installation", "installation_id"),
        (message(status="503 Service Unavailable"), "GitHub could not answer", "githubstatus"),
    ],
)
def test_any_other_answer_is_no_clock_and_has_its_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: str, meaning: str, remedy: str
) -> None:
    assert explain(tmp_path, [*[failed(POD2, error)] * 4, *[ok(POD1)] * 20]) == 0
    out = capsys.readouterr().out
    assert "  No clock: 4 of 4 calls on worker-2, 0 of 20 on the others. " in out
    assert meaning in out
    assert remedy in out
    assert "Likely" not in out
    assert "Proof" not in out


OLD, OLDER = "2026-01-10T00:00:00Z", "2026-01-08T12:00:00Z"


def behind(pod: str, now: str = OLDER) -> str:
    """A call on a node that is weeks behind, and so before the certificate's first day."""
    return line(pod, as_logfmt({**call(expired(now, "before", OLD)), "time": now}))


@pytest.mark.parametrize(
    ("log", "said", "unsaid"),
    [
        (
            [behind(POD2), *[ok(POD1)] * 20],
            (
                "TLS at https://github.com: the certificate is not yet valid",
                f"worker-2 had {OLDER}: 1 d 12 h before the certificate begins, {OLD}.",
                "Proof that the clock of worker-2 is behind, unless the certificate was made with a date in the future: 1 of 1",
                "By the clocks of the other nodes (2026-01-31T12:00:00Z in their last line) its validity has begun",
            ),
            (),
        ),
        ([behind(POD2)], ("Proof that the clock of worker-2 is behind, unless",), ("By the clocks",)),
        # worker-2 has gone past that date since: then the log is of weeks, and the others'
        # last line says nothing
        (
            [behind(POD2), ok(POD2), *[ok(POD1)] * 20],
            ("Proof that the clock of worker-2 is behind, unless",),
            ("By the clocks",),
        ),
        (
            [failed(POD2, expired("2026-12-01T00:00:00Z", "after", "2026-03-05T00:00:00Z")), ok(POD1)],
            (
                "TLS at https://github.com: the certificate has expired",
                "worker-2 had 2026-12-01T00:00:00Z: 271 d after the certificate ends, 2026-03-05T00:00:00Z.",
                "The certificate has expired, or the clock of worker-2 is ahead: 1 of 1 call on worker-2, 0 of 1 on the others.",
                "By the clocks of the other nodes (2026-01-31T12:00:00Z in their last line) it has not expired",
            ),
            (),
        ),
        (
            [failed(pod, expired("2026-01-31T12:00:00Z", "after", OLD)) for pod in NODES],
            ("As every node says so, it is likely the certificate.",),
            ("By the clocks",),
        ),
    ],
)
def test_what_tls_says_of_a_nodes_time_is_compared_with_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: list[str], said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    assert [text for text in said if text not in out] == []
    assert [text for text in unsaid if text in out] == []


@pytest.mark.parametrize(
    ("at", "now", "said"),
    [
        ("2026-01-31T12:00:00Z", OLDER, "was up to 23 d behind."),
        ("2026-01-31T12:00:00Z", "2026-01-31T11:48:10Z", "was up to 11 min 50 s behind."),
        ("2026-01-31T12:00:00Z", "2026-01-31T11:59:30Z", "30 s apart from the one that failed: these clocks agree."),
        ("2026-01-31T12:00:00Z", "2026-02-02T12:00:00Z", "was at least 2 d ahead."),
    ],
)
def test_who_repeats_what_tls_says_shows_how_far_the_two_clocks_are_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str, now: str, said: str
) -> None:
    shown = f"rpc error: code = Unknown desc = {expired(now, 'before', '2027-01-01T00:00:00Z')}"
    late = line(GONE, as_logfmt({"time": "2026-02-01T12:00:00Z", "level": "error", "msg": shown}))
    soon = line(GONE, as_logfmt({"time": at, "level": "error", "msg": shown}))
    assert explain(tmp_path, [late, soon, late], as_table({**NODES, GONE: "innocent"})) == 0
    out = capsys.readouterr().out
    assert f"innocent repeated it at {at} by its clock" in out
    assert said in out
    assert "No conclusion: no known node got this error itself." in out


def test_a_node_with_few_lines_is_a_hint_beside_one_with_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, [refused(POD2)] * 12 + [refused(POD3)] + [ok(POD1)] * 40) == 0
    out = capsys.readouterr().out
    assert "Likely the clock of worker-2: 12 of 12 calls on worker-2, 0 of 40 on the others." in out
    assert "A hint, no more, at the clock of worker-3: 1 of 1 call on worker-3, 0 of 40 on the others." in out


def test_no_answer_is_no_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = 'failed to list installations: Get "https://api.github.com/app/installations?per_page=100": dial tcp: i/o timeout'
    assert explain(tmp_path, [failed(POD2, error), ok(POD1)]) == 0
    out = capsys.readouterr().out
    assert "No clock: no answer from the API in 1 of 1 call on worker-2, 0 of 1 on the others." in out
    assert "firewall" in out


def test_a_403_without_words_has_other_reasons_than_a_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [failed(POD2, message(status="403 Forbidden")), ok(POD1)]) == 0
    out = capsys.readouterr().out
    assert "No clock: 1 of 1 call on worker-2, 0 of 1 on the others." in out
    assert "IP allow list" in out


@pytest.mark.parametrize(
    ("log", "weight"),
    [
        ([*[failed(POD2, "authentication required")] * 4, *[ok(POD1)] * 20], "Perhaps the clock of worker-2: 4 of 4"),
        ([failed(POD2, "authentication required"), ok(POD1)], "A hint, no more, at the clock of worker-2: 1 of 1 call"),
        ([failed(pod, "authentication required") for pod in NODES] * 3, "Likely the credential: 9 of 9 calls"),
    ],
)
def test_a_login_that_git_is_refused_may_be_a_token_past_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: list[str], weight: str
) -> None:
    assert explain(tmp_path, log) == 0
    out = capsys.readouterr().out
    assert weight in out
    assert "Proof" not in out


def test_a_log_without_prefix_is_that_of_the_pod_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {pod: as_logfmt(call(message() if pod == POD2 else None)) + "\n" for pod in NODES}
    (tmp_path / "pods").write_text(as_table(NODES))
    for pod, text in bare.items():
        (tmp_path / f"{pod}.log").write_text(text * 5)
    files = [word for pod in NODES for word in ("--argocd-log", f"{tmp_path}/{pod}.log")]
    assert cli.main(["explain", *files, "--pods", f"{tmp_path}/pods"]) == 0
    assert "Likely the clock of worker-2: 5 of 5 calls on worker-2, 0 of 10 on the others." in capsys.readouterr().out
    (tmp_path / "log").write_text(bare[POD2])
    named = ["explain", "--argocd-log", f"{tmp_path}/log", "--pods", f"{tmp_path}/pods"]
    assert cli.main(named) == 2
    assert "--pod NAME" in capsys.readouterr().err
    assert cli.main([*named, "--pod", POD2]) == 0
    assert "1 of 1 call" in capsys.readouterr().out


def test_what_could_not_be_used_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert "1 more line from Argo CD's cache" in out
    assert "Installation 7 at https://github.example.org/api/v3: 404" in out
    assert "no known node got this error itself" in out
    assert "--limit worker-2\n" in out


def test_a_log_without_a_401_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [ok(POD1)]) == 0
    out = capsys.readouterr().out
    assert "No 401 for an installation token in this log." in out
    assert "no error of TLS or git either" in out
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
    assert explain(tmp_path, [refused(POD1)], json.dumps(as_list({POD1: "a\x1b[2J;reboot\nLikely"}))) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\nLikely" not in out
    assert "--limit 'a\\x1b[2J;reboot\\nLikely'" in out


def test_a_log_of_other_pods_gives_no_conclusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, [refused(GONE)]) == 2
    captured = capsys.readouterr()
    assert "no pod of the log is in the list of pods" in captured.err
    assert GONE in captured.err
    assert POD1 in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("log", "pods", "expected"),
    [
        (
            as_logfmt(call(message())),
            as_table(NODES),
            ("none of its 1 lines begins with [pod/", LOG_COMMAND),
        ),
        ("", as_table(NODES), ("none of its 0 lines begins with [pod/", LOG_COMMAND)),
        (ok(POD1), "No resources found\n", ("found no table with the columns", PODS_COMMAND)),
    ],
)
def test_a_file_of_another_kind_is_reported_with_the_command_that_makes_the_right_one(
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
        ["--argocd-log", "-", "--argocd-log", "-", "--pods", "pods"],
        ["--argocd", "--pods", "pods"],
        ["--argocd", "--pod", "x"],
        ["clock_skew", "--argocd"],
        ["--pod", "x"],
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
