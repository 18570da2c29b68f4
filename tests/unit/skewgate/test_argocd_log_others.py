"""Lines of Argo CD's log about git, registries,
keys and the components that have a GitHub App themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from skewgate.argocd_log import lines as argocd_log
from skewgate.argocd_log.lines import Cause, Failure, Installation, parse_line
from tests.unit.skewgate.argocd_lines import FORMATS, GITHUB, POD1, call, line, message, unexplained


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest) -> Callable[[dict[str, str]], str]:
    """Function that writes a line's fields as Argo CD does in one of its formats."""
    return FORMATS[request.param]


@pytest.mark.parametrize(
    "reason",
    [
        "dial tcp: lookup github.com on 10.96.0.10:53: server misbehaving",
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "Forbidden",  # of a proxy: argoproj/argo-cd #6510
    ],
)
def test_no_answer_at_git_is_none_of_the_apis(written: Callable[[dict[str, str]], str], reason: str) -> None:
    url = "https://me:hunter2@git.example.org:8443/acme/x.git/info/refs?service=git-upload-pack"
    event = parse_line(line(POD1, written(call(f"failed to list refs: Get {json.dumps(url)}: {reason}"))))
    assert event is not None
    assert event.failure == Failure(Cause("no answer", Installation("", "https://git.example.org:8443"), key="git"))


@pytest.mark.parametrize(
    "reason", ["Could not resolve host: github.com", "Received HTTP code 407 from proxy after CONNECT"]
)
def test_no_answer_to_gits_own_command_is_one_too(written: Callable[[dict[str, str]], str], reason: str) -> None:
    error = f"`git fetch origin` failed exit status 128: fatal: unable to access 'https://github.com/acme/x/': {reason}"
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure == Failure(Cause("no answer", Installation("", "https://github.com"), key="git"))


ALLOW_LIST = (
    "The repository owner has an IP allow list enabled, and 203.0.113.7 is not permitted to access this repository."
)
FETCH = "Failed to fetch default: `git fetch origin --tags --force --prune` failed exit status 128: "
UNABLE = "fatal: unable to access 'https://github.com/acme/x/': The requested URL returned error: 403"


@pytest.mark.parametrize(
    ("error", "host", "status", "key"),
    [
        ("failed to list refs: authorization failed", "", 403, ""),
        (f"failed to list refs: authorization failed: {ALLOW_LIST}", "", 403, "ip_allow_list"),
        (
            f"{FETCH}remote: {ALLOW_LIST}\n{UNABLE}",
            "https://github.com",
            403,
            "ip_allow_list",
        ),
        (
            f"{FETCH}{UNABLE}",
            "https://github.com",
            403,
            "",
        ),
        (
            'unexpected client error: unexpected requesting "https://github.com/acme/x.git/info/refs?service=git-upload-pack" '
            "status code: 429",
            "https://github.com",
            429,
            "rate_limit",
        ),
    ],
)
def test_what_git_answers_is_read_too(
    written: Callable[[dict[str, str]], str], error: str, host: str, status: int, key: str
) -> None:
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure is not None
    assert event.failure.cause == ("git answer", ("", host), status, key, "")
    words = event.failure.answer.quote() if event.failure.answer else ""
    assert words == (f"403 {ALLOW_LIST}" if key == "ip_allow_list" else str(status) if key else "")


def test_who_fails_to_log_in_to_argo_cd_is_no_failure_of_gits(written: Callable[[dict[str, str]], str]) -> None:
    error = "rpc error: code = Unauthenticated desc = Invalid username or password"
    event = parse_line(line("argocd-server-5c7", written(call(error, service="session.SessionService")), "server"))
    assert event is not None
    assert event.failure is None


@pytest.mark.parametrize(
    "error",
    [
        "`helm pull oci://ghcr.io/acme/x --version 1` failed exit status 1: Error: unauthorized: authentication required",
        'HEAD "https://ghcr.io/v2/acme/x": response status code 401: UNAUTHORIZED: authentication required',
        "403 Forbidden: server message: insufficient_scope: authorization failed",
        "NOAUTH Authentication required.",
    ],
)
def test_a_registrys_refusal_is_none_of_gits(written: Callable[[dict[str, str]], str], error: str) -> None:
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert (event.call, event.answered, event.failure) == (True, False, None)


@pytest.mark.parametrize("status", ["404 Not Found", "422 Unprocessable Entity"])
@pytest.mark.parametrize("api_url", ["https://ghe.example.org", "https://github.com", "https://acme.ghe.com"])
def test_an_address_without_an_api_is_no_missing_installation(
    written: Callable[[dict[str, str]], str], status: str, api_url: str
) -> None:
    event = parse_line(line(POD1, written(call(message(Installation("7", api_url), status)))))
    assert event is not None
    assert event.failure is not None
    assert event.failure.cause.key == "web_address"


def test_a_key_that_argo_cd_cannot_read_is_said(written: Callable[[dict[str, str]], str]) -> None:
    error = (
        "failed to initialize GitHub installation transport: could not parse private key: invalid key: Key must be a PEM encoded "
        "PKCS1 or PKCS8 key"
    )
    event = parse_line(line(POD1, written(call(error))))
    assert event is not None
    assert event.failure == Failure(Cause("answer", key=argocd_log.UNREADABLE_KEY))


def test_a_limit_on_what_an_applicationset_asks_is_githubs(written: Callable[[dict[str, str]], str]) -> None:
    words = "403 API rate limit exceeded for installation ID 7. [rate reset in 33m02s]"
    error = f"error listing repos: GET https://api.github.com/orgs/acme/repos?per_page=100: {words}"
    event = parse_line(line("argocd-applicationset-controller-5c7", written({"level": "error", "msg": error}), "x"))
    assert event is not None
    assert event.failure is not None
    assert event.failure.cause == ("answer", ("", "https://api.github.com"), 403, "rate_limit", "")


def test_the_app_of_the_notifications_controller_shows_the_node_of_that_pod(
    written: Callable[[dict[str, str]], str],
) -> None:
    fields = {"level": "error", "msg": f"Failed to notify recipient: {message()}"}
    event = parse_line(
        line("argocd-notifications-controller-567f4c469", written(fields), "argocd-notifications-controller")
    )
    assert event is not None
    assert event.failure == Failure(unexplained(GITHUB))
