"""The App's probe, against the lab's GitHub and against servers that misbehave."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any, ClassVar

import jwt as pyjwt
import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps as github_app

from tests.connect_proxy import running_proxy
from tests.lab import github_api

TOKEN = "ghs_" + "Secret0Token" * 3


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[github_api.RunningApi]:
    with github_api.running_api(tmp_path_factory.mktemp("github")) as api:
        yield api


@pytest.fixture
def api(running: github_api.RunningApi) -> github_api.RunningApi:
    running.control.reset()
    return running


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_app, "USE_SPACING_S", 0.05)


def sign(api: github_api.RunningApi, now_s: float) -> str:
    """A JWT as Argo CD signs it on a node whose clock reads ``now_s``."""
    claims = {"iss": str(github_api.APP_ID), "iat": int(now_s) - 30, "exp": int(now_s) + 90}
    return pyjwt.encode(claims, api.credentials.app_pem.read_text(), algorithm="RS256")


def app_for(api: github_api.RunningApi, *attempts: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "name": "argocd",
        "api_url": api.url,
        "git_url": api.url,
        "ca_pem": api.credentials.ca_pem.read_text(),
        "installation_id": str(github_api.INSTALLATION_ID),
        "depth": "repository",
        "repositories": ["acme/deploy-config"],
        "permissions": {"contents": "read"},
        "attempts": list(attempts) or [attempt(api)],
        **changed,
    }


def attempt(api: github_api.RunningApi, off_s: float = 0, **changed: Any) -> dict[str, Any]:
    signed_for_s = int(time.time() + off_s)
    return {
        "label": "now",
        "jwt": sign(api, signed_for_s),
        "signed_for_s": signed_for_s,
        "only_within_s": None,
        **changed,
    }


def steps_of(app: dict[str, Any], timeout_s: float = 5) -> list[dict[str, Any]]:
    (taken,) = github_app.collect([app], timeout_s)
    assert taken["name"] == "argocd"
    (one,) = taken["attempts"]
    assert one["sent"]
    return one["steps"]


def outline(steps: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(step["step"], step["status"]) for step in steps]


def test_a_good_app_on_a_good_clock_reaches_its_repositories_and_leaves_no_token(api):
    before_s = time.time()
    steps = steps_of(app_for(api, repositories=["acme/deploy-config", "acme/charts"]))

    assert outline(steps) == [("token", 201), ("repository", 200), ("repository", 200), ("revoke", 204)]
    token, repository, _charts, revoke = steps
    assert (token["method"], token["url"]) == ("POST", f"{api.url}/app/installations/2002/access_tokens")
    assert repository["url"] == f"{api.url}/acme/deploy-config.git/info/refs?service=git-upload-pack"
    assert repository["repository"] == "acme/deploy-config"
    assert repository["headers"]["content-type"] == "application/x-git-upload-pack-advertisement"
    assert (revoke["method"], revoke["url"]) == ("DELETE", f"{api.url}/installation/token")
    for step in steps:
        assert (step["message"], step["body"], step["error"]) == (None, None, None)
        assert "date" in step["headers"]
        assert before_s <= step["node_wall_s"] <= time.time()
        assert 0 < step["duration_s"] < 5
    tokens = api.control.tokens()
    assert (len(tokens["live"]), len(tokens["revoked"])) == (0, 1)


def test_the_token_is_narrowed_to_the_repositories_and_permissions(api):
    # The lab's API answers 422 to what is not granted: it has read what was asked for.
    steps = steps_of(app_for(api, permissions={"contents": "write"}))
    assert outline(steps) == [("token", 422)]
    steps = steps_of(app_for(api, repositories=["acme/none"]))
    assert outline(steps) == [("token", 422)]
    assert "at least one repository" in steps[0]["message"]


def test_depth_jwt_mints_nothing(api):
    steps = steps_of(app_for(api, depth="jwt"))
    assert outline(steps) == [("installation", 200)]
    assert api.control.tokens() == {"live": [], "revoked": [], "expired": []}


def test_depth_token_mints_and_revokes(api):
    steps = steps_of(app_for(api, depth="token", repositories=[], permissions={}))
    assert outline(steps) == [("token", 201), ("revoke", 204)]
    assert api.control.tokens()["live"] == []


@pytest.mark.parametrize(
    ("off_s", "says"), [(45, "'Issued at' claim ('iat')"), (-612, "'Expiration time' claim ('exp')")]
)
def test_a_jwt_of_a_wrong_clock_is_refused_and_githubs_words_are_kept(api, off_s, says):
    steps = steps_of(app_for(api, attempt(api, off_s)))
    assert outline(steps) == [("token", 401)]
    assert says in steps[0]["message"]
    assert steps[0]["documentation_url"].startswith("https://docs.github.com/")
    assert json.loads(steps[0]["body"])["message"] == steps[0]["message"]


def test_attempts_are_made_in_order_and_each_stands_alone(api):
    attempts = [attempt(api, -612, label="node"), attempt(api, label="true")]
    (taken,) = github_app.collect([app_for(api, *attempts)], 5)
    assert [(one["label"], outline(one["steps"])[0]) for one in taken["attempts"]] == [
        ("node", ("token", 401)),
        ("true", ("token", 201)),
    ]


def test_a_jwt_is_not_sent_where_the_nodes_clock_is_too_far_from_it(api):
    attempts = [attempt(api, -612, only_within_s=5.0), attempt(api, only_within_s=5.0)]
    (taken,) = github_app.collect([app_for(api, *attempts)], 5)
    far, near = taken["attempts"]

    assert (far["sent"], far["steps"]) == (False, [])
    assert "the node's clock is +61" in far["not_sent_because"]
    assert "more than 5 s" in far["not_sent_because"]
    assert abs(far["node_wall_s"] - time.time()) < 10
    assert (near["sent"], near["not_sent_because"]) == (True, None)
    assert len([request for request in api.control.requests() if request["method"] == "POST"]) == 1


def test_a_fresh_token_that_is_not_known_everywhere_yet_is_tried_again(api):
    api.control.script("GET", "/acme/*", status=401, message="Bad credentials", times=2)
    api.control.script("DELETE", "/installation/token", status=404, message="Not Found")
    steps = steps_of(app_for(api, repositories=["acme/deploy-config", "acme/charts"]))
    assert outline(steps) == [("token", 201), ("repository", 200), ("repository", 200), ("revoke", 204)]
    assert [step.get("tries") for step in steps] == [None, 3, 1, 2]
    assert api.control.tokens()["live"] == []


def test_a_repository_that_stays_out_of_reach_is_told_once_and_costs_the_tries_once(api):
    api.control.script("GET", "/acme/*", status=404, message="Not Found", times=9)
    steps = steps_of(app_for(api, repositories=["acme/deploy-config", "acme/charts"]))
    assert outline(steps) == [("token", 201), ("repository", 404), ("repository", 404), ("revoke", 204)]
    assert [step.get("tries") for step in steps] == [None, 3, 1, 1]


def test_the_token_is_revoked_though_a_repository_does_not_answer(api):
    api.control.script("GET", "/acme/*", delay_s=2)
    steps = steps_of(app_for(api), timeout_s=0.5)
    assert outline(steps) == [("token", 201), ("repository", None), ("revoke", 204)]
    assert steps[1]["error"] == {"phase": "reply", "message": "no answer within 0.5 s"}
    assert api.control.tokens()["live"] == []


def test_the_token_is_revoked_though_the_code_between_fails(api, monkeypatch):
    def fail(*_: object) -> None:
        raise LookupError("unforeseen")

    monkeypatch.setattr(github_app._Caller, "_reach_repositories", fail)
    (taken,) = github_app.collect([app_for(api)], 5)
    assert taken["error"] == "LookupError: unforeseen"
    assert api.control.tokens()["live"] == []
    assert len(api.control.tokens()["revoked"]) == 1


def test_a_git_host_that_cannot_be_reached_is_told_by_its_phase(api):
    steps = steps_of(app_for(api, git_url="https://no-such-host.invalid"))
    assert outline(steps) == [("token", 201), ("repository", None), ("revoke", 204)]
    assert steps[1]["error"]["phase"] == "dns"


def test_plain_http_is_refused_before_anything_is_sent(api):
    steps = steps_of(app_for(api, api_url=api.url.replace("https", "http")))
    assert steps[0]["error"]["phase"] == "url"
    assert api.control.requests() == []


def test_a_dead_api_does_not_cost_the_other_apps(api, serve_tcp):
    dead = app_for(api, name="dead", api_url=f"https://127.0.0.1:{serve_tcp(lambda _: time.sleep(5)).port}")
    begun_s = time.monotonic()
    taken = github_app.collect([dead, app_for(api)], 0.5)
    assert time.monotonic() - begun_s < 3
    assert taken[0]["attempts"][0]["steps"][0]["error"]["phase"] == "tls"
    assert outline(taken[1]["attempts"][0]["steps"])[-1] == ("revoke", 204)


def test_neither_jwt_nor_token_is_in_what_is_returned(api, monkeypatch):
    minted: list[str] = []
    mint = github_app._Caller._mint
    monkeypatch.setattr(github_app._Caller, "_mint", lambda *given: minted.append(mint(*given)) or minted[-1])
    for form in github_api.TOKEN_FORMS:
        api.control.set_token_form(form)
        app = app_for(api)
        returned = json.dumps(github_app.collect([app], 5))
        token = minted.pop()
        assert len(token) >= 36
        for secret in (app["attempts"][0]["jwt"], token, base64.b64encode(f"x-access-token:{token}".encode()).decode()):
            assert secret not in returned


class Echo(BaseHTTPRequestHandler):
    """Mints ``TOKEN``, and answers all else with 403 and every header that it was sent."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, json.dumps({"token": TOKEN}).encode())

    def do_GET(self) -> None:
        credentials = self.headers["Authorization"]
        long_enough_to_be_cut = "x" * (github_app.MAX_BODY_CHARS - 80)
        said = {"message": f"no: {credentials}", "documentation_url": credentials, "padding": long_enough_to_be_cut}
        self._answer(403, json.dumps({**said, "headers": dict(self.headers), "token": TOKEN}).encode())

    def do_DELETE(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: bytes) -> None:
        type(self).seen.append(f"{self.command} {self.path}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-GitHub-Request-Id", self.headers["Authorization"])
        self.send_header("Set-Cookie", "session=sesame")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def app_at(url: str, ca_pem: str, jwt: str, **changed: Any) -> dict[str, Any]:
    one = {"label": "now", "jwt": jwt, "signed_for_s": 1, "only_within_s": None}
    return {
        "name": "argocd",
        "api_url": url,
        "git_url": url,
        "ca_pem": ca_pem,
        "installation_id": "2002",
        "depth": "repository",
        "repositories": ["acme/a"],
        "permissions": {},
        "attempts": [one],
        **changed,
    }


@pytest.mark.parametrize("depth", ["jwt", "repository"])
def test_a_server_that_echoes_credentials_does_not_get_them_into_the_evidence(api, authority, serve_https, depth):
    jwt = sign(api, time.time())
    url = serve_https(Echo, authority.server_context())
    returned = github_app.collect([app_at(url, authority.pem, jwt, depth=depth)], 5)

    text = json.dumps(returned)
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    for secret in (jwt, jwt[:40], TOKEN, TOKEN[:20], basic, basic[:20], "sesame"):
        assert secret not in text
    refused = [step for step in returned[0]["attempts"][0]["steps"] if step["status"] == 403]
    assert refused
    assert all(step["message"].endswith(f" {github_app.REDACTED}") for step in refused)
    assert all(len(step["body"]) <= github_app.MAX_BODY_CHARS for step in refused)


class Elsewhere(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []
    target = ""

    def do_GET(self) -> None:
        type(self).seen.append(self.path)
        self.send_response(302)
        self.send_header("Location", f"{self.target}/stolen")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_redirect_is_an_answer_and_not_followed(authority, serve_https):
    url = Elsewhere.target = serve_https(Elsewhere, authority.server_context())
    steps = steps_of(app_at(url, authority.pem, "eyJh.eyJi.c", depth="jwt"))
    assert outline(steps) == [("installation", 302)]
    assert Elsewhere.seen == ["/app/installations/2002"]


def test_a_success_without_a_token_is_told(authority, serve_https):
    class Empty(Elsewhere):
        def do_POST(self) -> None:
            self.send_response(201)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

    steps = steps_of(app_at(serve_https(Empty, authority.server_context()), authority.pem, "eyJh.eyJi.c"))
    assert outline(steps) == [("token", 201)]
    assert steps[0]["error"] == {
        "phase": "reply",
        "message": "201, but the answer has no token",
        "kind": "not_github",
    }


@pytest.mark.parametrize(
    ("days", "host", "kind"),
    [((-30, -1), "localhost", "certificate_time"), ((-30, 30), "other.example", "wrong_name")],
)
def test_certificates_are_judged_as_a_real_client_does_and_no_jwt_is_sent(authority, serve_https, days, host, kind):
    url = serve_https(Elsewhere, authority.server_context(days=days, host=host))
    Elsewhere.seen.clear()
    steps = steps_of(app_at(url, authority.pem, "eyJh.eyJi.c", depth="jwt"))
    assert (steps[0]["error"]["phase"], steps[0]["error"]["kind"]) == ("tls", kind)
    assert Elsewhere.seen == []


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["expired", "not yet valid"])
def test_a_certificate_that_is_refused_for_its_times_is_recorded_with_them(authority, serve_https, days):
    url = serve_https(Elsewhere, authority.server_context(days=days))
    steps = steps_of(app_at(url, authority.pem, "eyJh.eyJi.c", depth="jwt"))
    validity = steps[0]["error"]["certificate"]
    assert [round((validity[key] - time.time()) / 86400, 2) for key in ("not_before_s", "not_after_s")] == list(days)


def test_the_times_of_a_certificate_that_is_not_believed_are_not_recorded(authority, another_authority, serve_https):
    """The server changes its certificate between the two connections."""
    contexts = [authority.server_context(days=(-30, -1)), another_authority.server_context(days=(-30, -1))]
    url = serve_https(Elsewhere, SimpleNamespace(wrap_socket=lambda *a, **k: contexts.pop(0).wrap_socket(*a, **k)))
    steps = steps_of(app_at(url, authority.pem, "eyJh.eyJi.c", depth="jwt"))
    assert (steps[0]["error"]["kind"], steps[0]["error"]["certificate"]) == ("certificate_time", None)
    assert contexts == []


def test_the_whole_chain_goes_through_the_environments_proxy(api, monkeypatch):
    with running_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@127.0.0.1:{proxy.port}")
        steps = steps_of(app_for(api))
    assert outline(steps) == [("token", 201), ("repository", 200), ("revoke", 204)]
    assert [line.split()[:2] for line in proxy.lines] == [["CONNECT", api.url.removeprefix("https://")]] * 3
    assert {step["proxy"] for step in steps} == {f"127.0.0.1:{proxy.port}"}
    assert "sesame" not in json.dumps(steps)


def test_a_proxy_that_refuses_is_told_from_the_api_and_nothing_of_its_credentials_is_kept(api, monkeypatch):
    basic = base64.b64encode(b"user:sesame").decode()
    with running_proxy(refusal=f"407 Who is {basic}?".encode()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@127.0.0.1:{proxy.port}")
        returned = github_app.collect([app_for(api)], 5)
    (refused,) = returned[0]["attempts"][0]["steps"]
    assert refused["error"] == {
        "phase": "proxy",
        "message": f"127.0.0.1:{proxy.port}: Tunnel connection failed: 407 Who is [redacted]?",
    }
    assert api.control.requests() == []
    assert "sesame" not in json.dumps(returned)


class LoginPage(Elsewhere):
    """What a portal gives for any request: a page, and success."""

    def do_GET(self) -> None:
        page = b"<html>Please sign in, bearer " + b"a" * 40 + b"</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


def test_a_login_page_is_not_taken_for_the_installation_and_is_shown(authority, serve_https):
    url = serve_https(LoginPage, authority.server_context())
    (step,) = steps_of(app_at(url, authority.pem, "eyJh.eyJi.c", depth="jwt"))
    assert step["error"] == {
        "phase": "reply",
        "message": "200, but the answer is not the installation",
        "kind": "not_github",
    }
    assert step["body"] == "<html>Please sign in, [redacted]</html>"


def test_a_login_page_in_place_of_a_repository_is_shown(api, authority, serve_https):
    git_url = serve_https(LoginPage, authority.server_context())
    ca_pem = authority.pem + api.credentials.ca_pem.read_text()
    steps = steps_of(app_for(api, git_url=git_url, ca_pem=ca_pem))
    assert outline(steps) == [("token", 201), ("repository", 200), ("revoke", 204)]
    assert "Please sign in" in steps[1]["body"]
    assert [step["body"] for step in (steps[0], steps[2])] == [None, None]


def test_a_jwt_that_http_does_not_allow_is_not_shown(authority, serve_https):
    url = serve_https(Elsewhere, authority.server_context())
    returned = github_app.collect([app_at(url, authority.pem, "open\nsesame", depth="jwt")], 5)
    assert returned[0]["attempts"][0]["steps"][0]["error"]["phase"] == "url"
    assert "sesame" not in json.dumps(returned)
