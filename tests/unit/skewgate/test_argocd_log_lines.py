"""Lines of Argo CD's log: whose they are, and how the call failed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skewgate.argocd_log import lines as argocd_log
from skewgate.argocd_log.lines import Cause, Failure, Installation, parse_line
from tests.lab.github_api.answers import EXP_PAST, EXP_TOO_FAR, IAT_FUTURE
from tests.unit.skewgate.argocd_lines import (
    FORMATS,
    GHES,
    GITHUB,
    POD1,
    as_logfmt,
    call,
    expired,
    failed,
    line,
    lookup,
    message,
    repeated,
    unexplained,
)


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest) -> Callable[[dict[str, str]], str]:
    """Function that writes a line's fields as Argo CD does in one of its formats."""
    return FORMATS[request.param]


# --- a line


def test_a_401_is_read_in_every_log_format(written: Callable[[dict[str, str]], str]) -> None:
    event = parse_line(line(POD1, written(call(message(GHES)))))
    assert event is not None
    assert event.failure == Failure(unexplained(GHES))
    assert (event.pod, str(event.time), event.call, event.answered, event.known_format) == (
        POD1,
        "2026-01-31 12:00:00+00:00",
        True,
        False,
        True,
    )


def test_the_401_is_found_where_argo_cd_quotes_it_within_another_error(
    written: Callable[[dict[str, str]], str],
) -> None:
    error = f"failed to list refs: Get {json.dumps('https://github.com/acme/x.git')}: {json.dumps(message())}"
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure == Failure(unexplained(GITHUB))


def test_an_error_from_the_cache_is_distinguished(written: Callable[[dict[str, str]], str]) -> None:
    event = parse_line(line(POD1, written(call(f"{argocd_log.CACHED}: {message()}"))))
    assert event is not None
    assert event.failure == Failure(unexplained(GITHUB), cached=True)


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
    assert event.failure.cause.installation.api_url == "https://ghe.example.org/api/v3"


@pytest.mark.parametrize("text", ["", as_logfmt(call(message())), "[pod/x] y", "error: you must be logged in"])
def test_a_line_that_names_no_pod_is_no_event(text: str) -> None:
    assert parse_line(text) is None


@given(st.text(alphabet=st.sampled_from('{}[]"\\=: azT0-9\x00é')))
def test_no_text_of_a_line_ends_the_reading(text: str) -> None:
    event = parse_line(f"[pod/{POD1}/argocd-repo-server] {text}")
    assert event is None or event.pod == POD1


# --- whose failure it is


def test_what_another_component_repeats_is_not_its_own_nodes(written: Callable[[dict[str, str]], str]) -> None:
    shown = {
        **call(f"rpc error: code = Unknown desc = {message()}", service="application.ApplicationService"),
        "level": "info",
    }
    events = [
        parse_line(repeated("argocd-application-controller-0", message())),
        parse_line(repeated("argocd-application-controller-0", lookup(EXP_PAST))),
        parse_line(line("argocd-server-5c798f66b5-c26cm", written(shown), "argocd-server")),
        parse_line(line(POD1, written(shown), "argocd-repo-server")),  # the line decides, whatever the pod is called
        parse_line(line("argocd-server-5c798f66b5-c26cm", written({"level": "error", "msg": message()}), "server")),
    ]
    assert [event and event.failure and event.failure.repeated for event in events] == [True] * 5
    assert [event and event.call for event in events] == [False] * 5


def test_what_a_repo_server_wraps_in_a_status_is_its_own(written: Callable[[dict[str, str]], str]) -> None:
    error = f"rpc error: code = Internal desc = Failed to fetch default: {message()}"
    event = parse_line(line("any-name", written(call(error)), "any-container"))
    assert event is not None
    assert event.failure == Failure(unexplained(GITHUB))
    assert event.call


def test_a_tls_connection_of_a_controller_shows_that_pods_clock() -> None:
    error = expired("2026-01-31T12:00:00Z", "before", "2026-03-05T00:00:00Z", "https://10.0.0.1/api/v1")
    event = parse_line(
        line("argocd-application-controller-0", as_logfmt({"level": "error", "msg": error}), "application-controller")
    )
    assert event is not None
    assert event.failure is not None
    assert not event.failure.repeated


def test_a_client_of_a_repo_server_is_none(written: Callable[[dict[str, str]], str]) -> None:
    event = parse_line(line(POD1, written({**call(message()), "grpc.component": "client"})))
    assert event is not None
    assert event.failure is not None
    assert (event.call, event.failure.repeated) == (False, True)


def test_an_applicationset_controller_goes_to_github_itself(written: Callable[[dict[str, str]], str]) -> None:
    event = parse_line(
        line(
            "argocd-applicationset-controller-5c7",
            written({"level": "error", "msg": lookup(IAT_FUTURE)}),
            "applicationset",
        )
    )
    assert event is not None
    assert event.failure is not None
    assert (event.failure.repeated, event.failure.cause.side) == (False, "ahead")


# --- how a call failed


@pytest.mark.parametrize(
    ("words", "status", "key", "side"),
    [
        (EXP_PAST, 401, "clock", "behind"),
        (EXP_TOO_FAR, 401, "clock", "ahead"),
        (IAT_FUTURE, 401, "clock", "ahead"),
        ("A JSON web token could not be decoded", 401, "wrong_key", ""),
        ("Integration not found", 404, "unknown_app", ""),
        ("This installation has been suspended", 403, "suspended", ""),
        ("API rate limit exceeded for 203.0.113.7.", 403, "rate_limit", ""),
        ("'Issuer' claim ('iss') must be an Integer", 401, "unusable_issuer", ""),
    ],
)
def test_githubs_words_are_classified_where_argo_cd_logs_them(
    written: Callable[[dict[str, str]], str], words: str, status: int, key: str, side: str
) -> None:
    api_url = "https://github.example.org/api/v3"
    event = parse_line(line(POD1, written(call(f"failed to get git client: {lookup(words, status, api_url)}"))))
    assert event is not None
    assert event.failure is not None
    assert event.failure.cause == ("answer", ("", api_url), status, key, side)
    assert event.failure.answer is not None
    assert event.failure.answer.quote() == f"{status} {words}"


@pytest.mark.parametrize(
    ("error", "installation"),
    [
        (
            f"failed to get app info: GET https://api.github.com/app: 401 {IAT_FUTURE} []",
            ("", "https://api.github.com"),
        ),
        (
            f"POST https://ghe.example.org/api/v3/app/installations/7/access_tokens: 401 {IAT_FUTURE} []",
            ("7", "https://ghe.example.org/api/v3"),
        ),
        (f"GitHub said: {IAT_FUTURE}", ("", "")),
    ],
)
def test_the_words_of_the_clock_are_found_whatever_was_asked(
    written: Callable[[dict[str, str]], str], error: str, installation: tuple[str, str]
) -> None:
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure is not None
    assert event.failure.cause == ("answer", installation, 401, "clock", "ahead")
    assert event.failure.answer is not None
    assert event.failure.answer.quote() == f"401 {IAT_FUTURE}"


def test_a_token_in_githubs_words_is_not_kept() -> None:
    for token in (
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln",
        "github_pat_11A",
    ):
        event = parse_line(failed(POD1, lookup(f"{EXP_PAST} {token}")))
        assert event is not None
        assert token not in repr(event)


@pytest.mark.parametrize(("side", "clock"), [("before", "behind"), ("after", "ahead")])
def test_tls_says_the_nodes_own_time(written: Callable[[dict[str, str]], str], side: str, clock: str) -> None:
    error = expired(
        "2026-01-31T12:00:00+01:00", side, "2026-03-05T00:00:00Z", "https://me:hunter2@github.com/acme/x.git"
    )
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure is not None
    assert event.failure.cause == ("certificate", ("", "https://github.com"), 0, "", clock)
    assert [str(each) for each in event.failure.times or ()] == [
        "2026-01-31 11:00:00+00:00",
        "2026-03-05 00:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("error", "side"),
    [
        ("SSL certificate problem: certificate is not yet valid", "behind"),
        ("SSL certificate problem: certificate has expired", "ahead"),
        ("x509: certificate has expired or is not yet valid", ""),
        (
            "x509: certificate has expired or is not yet valid: current time 99999-01-01T00:00:00Z is after 2026-01-01T00:00:00Z",
            "ahead",
        ),
    ],
)
def test_tls_without_times_is_read_too(error: str, side: str) -> None:
    event = parse_line(failed(POD1, error))
    assert event is not None
    assert event.failure == Failure(Cause("certificate", side=side))


@pytest.mark.parametrize(
    "error",
    [
        "authentication required",
        "authentication required: Repository not found.",
        "`git fetch origin --tags` failed exit status 128: remote: Invalid username or token. Password authentication is not "
        "supported for Git operations.\\nfatal: Authentication failed for 'https://github.com/acme/x.git/'",
        "failed to list refs: GET https://api.github.com/repos/acme/x: 401 Bad credentials []",
    ],
)
def test_gits_refusals_of_a_login_are_one_kind(written: Callable[[dict[str, str]], str], error: str) -> None:
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure == Failure(Cause("git"))


def test_the_words_of_git_in_a_line_that_is_no_error_are_none_of_gits() -> None:
    event = parse_line(
        line(POD1, as_logfmt({"level": "info", "msg": "helm template: authentication required for registry"}))
    )
    assert event is not None
    assert event.failure is None


@pytest.mark.parametrize(
    ("error", "installation"),
    [
        (  # ghinstallation names no address here: argoproj/applicationset #480
            "failed to list refs: could not refresh installation id 7's token: could not get access_tokens from GitHub API for "
            "installation ID 7: context deadline exceeded",
            ("7", ""),
        ),
        (
            "could not refresh installation id 7's token: could not get access_tokens from GitHub API for installation ID 7: "
            "dial tcp: lookup api.github.com on 10.96.0.10:53: no such host",
            ("7", ""),
        ),
        (
            "could not refresh installation id 7's token: could not get access_tokens from GitHub API for installation ID 7: "
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ("7", ""),
        ),
        (
            "could not refresh installation id 7's token: invalid character '<' looking for beginning of value",
            ("7", ""),
        ),
        (
            "could not refresh installation id 7's token: could not get access_tokens from GitHub API for installation ID 7: "
            'Post "https://api.github.com/app/installations/7/access_tokens": dial tcp: lookup api.github.com: i/o timeout',
            ("7", "https://api.github.com"),
        ),
        (
            'failed to list installations: Get "https://api.github.com/app/installations?per_page=100": proxyconnect tcp: EOF',
            ("", "https://api.github.com"),
        ),
    ],
)
def test_no_answer_is_no_refusal(
    written: Callable[[dict[str, str]], str], error: str, installation: tuple[str, str]
) -> None:
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure == Failure(Cause("no answer", Installation(*installation)))
