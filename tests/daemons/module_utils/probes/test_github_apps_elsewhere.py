"""The App's probe, against servers that are not GitHub, or misbehave."""

from __future__ import annotations

import base64
import json
import time
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import ClassVar

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.redaction import REDACTED
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps

from tests.daemons.module_utils.probes.apps import app_at, app_for, outline, sign, steps_of
from tests.findings import unsaid

TOKEN = "ghs_" + "Secret0Token" * 3


class Echo(BaseHTTPRequestHandler):
    """Mints ``TOKEN``, and answers all else with 403 and every header that it was sent."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, json.dumps({"token": TOKEN}).encode())

    def do_GET(self) -> None:
        credentials = self.headers["Authorization"]
        long_enough_to_be_cut = "x" * (github_apps.MAX_BODY_CHARS - 80)
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


@pytest.mark.parametrize("depth", ["jwt", "repository"])
def test_a_server_that_echoes_credentials_does_not_get_them_into_the_evidence(api, authority, serve_https, depth):
    jwt = sign(api, time.time())
    url = serve_https(Echo, authority.server_context())
    returned = github_apps.collect([app_at(url, authority.pem, jwt, depth=depth)], 5)

    text = json.dumps(returned)
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    for secret in (jwt, jwt[:40], TOKEN, TOKEN[:20], basic, basic[:20], "sesame"):
        assert secret not in text
    refused = [step for step in returned[0]["attempts"][0]["steps"] if step["status"] == 403]
    assert refused
    assert all(step["message"].endswith(f" {REDACTED}") for step in refused)
    assert all(len(step["body"]) <= github_apps.MAX_BODY_CHARS for step in refused)


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


def test_a_success_without_a_token_is_reported(authority, serve_https):
    class Empty(Elsewhere):
        def do_POST(self) -> None:
            # A socket that is closed with something unread is reset, and the answer
            # may be lost with it.
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

    steps = steps_of(app_at(serve_https(Empty, authority.server_context()), authority.pem, "eyJh.eyJi.c"))
    assert outline(steps) == [("token", 201)]
    error = steps[0]["error"]
    assert (error["phase"], error["kind"]) == ("reply", "not_github")
    assert not unsaid(error["message"], "201", "token")


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
    assert (step["error"]["phase"], step["error"]["kind"]) == ("reply", "not_github")
    assert not unsaid(step["error"]["message"], "200", "installation")
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
    returned = github_apps.collect([app_at(url, authority.pem, "open\nsesame", depth="jwt")], 5)
    assert returned[0]["attempts"][0]["steps"][0]["error"]["phase"] == "url"
    assert "sesame" not in json.dumps(returned)
