"""The App's probe, against the lab's GitHub."""

from __future__ import annotations

import base64
import json
import time

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps

from tests.connect_proxy import running_proxy
from tests.daemons.module_utils.probes.apps import app_for, attempt, outline, steps_of
from tests.findings import unsaid
from tests.lab import github_api


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
    (taken,) = github_apps.collect([app_for(api, *attempts)], 5)
    assert [(one["label"], outline(one["steps"])[0]) for one in taken["attempts"]] == [
        ("node", ("token", 401)),
        ("true", ("token", 201)),
    ]


def test_a_jwt_is_not_sent_if_the_nodes_clock_is_too_far_from_it(api):
    attempts = [attempt(api, -612, only_within_s=5.0), attempt(api, only_within_s=5.0)]
    (taken,) = github_apps.collect([app_for(api, *attempts)], 5)
    far, near = taken["attempts"]

    assert (far["sent"], far["steps"]) == (False, [])
    assert not unsaid(far["not_sent_because"], " +61", " 5 s")
    assert abs(far["node_wall_s"] - time.time()) < 10
    assert (near["sent"], near["not_sent_because"]) == (True, None)
    assert len([request for request in api.control.requests() if request["method"] == "POST"]) == 1


def test_the_token_is_revoked_though_a_repository_does_not_answer(api):
    api.control.script("GET", "/acme/*", delay_s=2)
    steps = steps_of(app_for(api), timeout_s=0.5)
    assert outline(steps) == [("token", 201), ("repository", None), ("revoke", 204)]
    assert steps[1]["error"].keys() == {"phase", "message"}
    assert (steps[1]["error"]["phase"], " 0.5 s" in steps[1]["error"]["message"]) == ("reply", True)
    assert api.control.tokens()["live"] == []


def test_the_token_is_revoked_though_the_code_between_fails(api, monkeypatch):
    def fail(*_: object) -> None:
        raise LookupError("unforeseen")

    monkeypatch.setattr(github_apps._Caller, "_reach_repositories", fail)
    (taken,) = github_apps.collect([app_for(api)], 5)
    assert taken["error"] == "LookupError: unforeseen"
    assert api.control.tokens()["live"] == []
    assert len(api.control.tokens()["revoked"]) == 1


def test_a_git_host_that_cannot_be_reached_is_reported_with_the_phase(api):
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
    taken = github_apps.collect([dead, app_for(api)], 0.5)
    assert time.monotonic() - begun_s < 3
    assert taken[0]["attempts"][0]["steps"][0]["error"]["phase"] == "tls"
    assert outline(taken[1]["attempts"][0]["steps"])[-1] == ("revoke", 204)


def test_neither_jwt_nor_token_is_in_what_is_returned(api, monkeypatch):
    minted: list[tuple[str, set[str]]] = []
    mint = github_apps._Caller._mint
    monkeypatch.setattr(github_apps._Caller, "_mint", lambda *given: minted.append(mint(*given)) or minted[-1])
    for form in github_api.TOKEN_FORMS:
        api.control.set_token_form(form)
        app = app_for(api)
        returned = json.dumps(github_apps.collect([app], 5))
        token, _repositories = minted.pop()
        assert len(token) >= 36
        for secret in (app["attempts"][0]["jwt"], token, base64.b64encode(f"x-access-token:{token}".encode()).decode()):
            assert secret not in returned


def test_the_whole_chain_goes_through_the_environments_proxy(api, monkeypatch):
    with running_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@127.0.0.1:{proxy.port}")
        steps = steps_of(app_for(api))
    assert outline(steps) == [("token", 201), ("repository", 200), ("revoke", 204)]
    assert [line.split()[:2] for line in proxy.lines] == [["CONNECT", api.url.removeprefix("https://")]] * 3
    assert {step["proxy"] for step in steps} == {f"127.0.0.1:{proxy.port}"}
    assert "sesame" not in json.dumps(steps)


def test_a_proxy_that_refuses_is_distinguished_from_the_api_and_nothing_of_its_credentials_is_kept(api, monkeypatch):
    basic = base64.b64encode(b"user:sesame").decode()
    with running_proxy(refusal=f"407 Who is {basic}?".encode()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@127.0.0.1:{proxy.port}")
        returned = github_apps.collect([app_for(api)], 5)
    (refused,) = returned[0]["attempts"][0]["steps"]
    assert refused["error"] == {
        "phase": "proxy",
        "message": f"127.0.0.1:{proxy.port}: Tunnel connection failed: 407 Who is [redacted]?",
    }
    # Of an earlier test's attempt, which its own bound cut off, the last request may arrive now.
    assert not [request for request in api.control.requests() if request["path"].startswith("/app/")]
    assert "sesame" not in json.dumps(returned)
