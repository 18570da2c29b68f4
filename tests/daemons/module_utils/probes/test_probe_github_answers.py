"""The probe keeps enough of GitHub's refusals to distinguish them; which redirects it follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import Answer, AnswerKey, classify

from tests.daemons.module_utils.probes.apps import app_for, outline
from tests.findings import unsaid
from tests.lab import github_api

INFO_REFS = "/acme/{}.git/info/refs?service=git-upload-pack"
HTML = "<html><body><h1>Hello</h1></body></html>"
SAMPLED = (403, 422)


def taken(app: dict[str, Any]) -> dict[str, Any]:
    """The App's one attempt as the controller has it, after the node's border."""
    evidence = parse_evidence({"github_apps": github_apps.collect([app], 5)})
    ((one,),) = [entry["attempts"] for entry in evidence["github_apps"]]
    return one


def answer_of(app: dict[str, Any], issuer: str | None = None) -> Answer:
    return classify(taken(app), issuer)


REASONS = {
    "ip_allow_list": AnswerKey.IP_ALLOW_LIST,
    "no_public_key": AnswerKey.NO_PUBLIC_KEY,
    "saml": AnswerKey.SAML,
    "account_suspended": AnswerKey.ACCOUNT_SUSPENDED,
    "terms_of_service": AnswerKey.TERMS_OF_SERVICE,
    "abuse_detection": AnswerKey.RATE_LIMIT,
}


@pytest.mark.parametrize("reason", github_api.REASONS)
def test_each_of_githubs_reasons_is_known(api, reason):
    api.control.refuse(reason)
    assert answer_of(app_for(api)).key is REASONS[reason]
    assert api.control.tokens()["live"] == []


def test_an_ip_allow_list_at_git_gives_the_address_that_github_saw(api):
    api.control.script(
        "GET",
        "/acme/*",
        status=403,
        message="The repository owner has an IP allow list enabled, and 203.0.113.7 is not",
    )
    answer = answer_of(app_for(api))
    assert (answer.key, "203.0.113.7" in answer.remedy) == (AnswerKey.IP_ALLOW_LIST, True)


def test_an_ip_allow_list_that_gives_no_address_is_answered_with_how_the_node_goes_out(api):
    api.control.refuse("ip_allow_list")
    answer = answer_of(app_for(api))
    assert not unsaid(answer.remedy, "IPv4", "without a proxy")
    assert answer.step is not None
    assert (answer.step["sent_from"], answer.step["sent_to"]) == ("127.0.0.1", "127.0.0.1")


def test_a_ghes_asked_without_its_path_is_a_web_address(api):
    api.control.set_server("ghes")
    for depth in ("jwt", "token"):
        answer = answer_of(app_for(api, depth=depth))
        assert (answer.key, answer.kind) == (AnswerKey.WEB_ADDRESS, "unclear")
        assert f"Set api_url to {api.url}/api/v3, " in answer.remedy
    assert answer_of(app_for(api, api_url=f"{api.url}/api/v3")).key is AnswerKey.ACCEPTED


def test_an_old_ghes_is_distinguished_from_a_wrong_client_id(api):
    api.control.script("POST", "/app/*", status=401, message="'Issuer' claim ('iss') must be an Integer", times=2)
    assert answer_of(app_for(api), github_api.CLIENT_ID).key is AnswerKey.NEEDS_APP_ID
    assert answer_of(app_for(api), str(github_api.APP_ID)).key is AnswerKey.UNUSABLE_ISSUER


IN_PLACE = [
    pytest.param(method, path, status, id=f"{status} {where}", marks=() if status in SAMPLED else pytest.mark.nightly)
    for method, path, where in (("POST", "/app/*", "at the mint"), ("GET", "/acme/*", "at git"))
    for status in (400, 401, 403, 404, 407, 413, 421, 422, 429, 451, 502, 503)
]


@pytest.mark.parametrize(("method", "path", "status"), IN_PLACE)
def test_a_page_in_place_of_an_answer_accuses_nobody(api, method, path, status):
    api.control.script(method, path, status=status, body=HTML, times=9)
    answer = answer_of(app_for(api))
    assert answer.kind == "unclear"
    assert answer.key not in (AnswerKey.UNKNOWN_ANSWER, AnswerKey.NO_REPLY)


def test_a_success_that_is_a_page_is_none_of_githubs(api):
    api.control.script("POST", "/app/*", status=200, body=HTML)
    assert answer_of(app_for(api, api_url=f"{api.url}/api/v3")).key is AnswerKey.NOT_GITHUB
    api.control.script("POST", "/app/*", status=200, body=HTML)
    assert answer_of(app_for(api)).key is AnswerKey.WEB_ADDRESS
    api.control.script("GET", "/app/*", status=200, body=HTML)
    assert answer_of(app_for(api, api_url=f"{api.url}/api/v3", depth="jwt")).key is AnswerKey.NOT_GITHUB


# Redirects at git


def test_a_renamed_repository_is_followed_as_git_does_and_its_new_name_is_kept(api):
    api.control.rename("acme/deploy-config", "acme/config")
    api.control.rename("acme/config", "acme/settings")
    one = taken(app_for(api))
    assert outline(one["steps"]) == [("token", 201), ("repository", 200), ("revoke", 204)]
    assert one["steps"][1]["repository"] == "acme/deploy-config"
    assert one["steps"][1]["url"] == api.url + INFO_REFS.format("settings")
    assert one["steps"][1]["moved_to"] == f"{api.url}/acme/settings.git"
    answer = classify(one)
    assert (answer.kind, "acme/deploy-config is now acme/settings" in answer.note) == ("accepted", True)


def test_a_repository_that_stays_where_it_is_has_no_new_name(api):
    one = taken(app_for(api))
    assert "moved_to" not in one["steps"][1]
    assert classify(one).note == ""


def test_a_renamed_repository_that_can_not_be_read_is_named_by_both_names(api):
    api.control.script(
        "GET",
        "/acme/deploy-config*",
        status=301,
        message="Moved",
        headers={"Location": INFO_REFS.format("none")},
        times=9,
    )
    answer = answer_of(app_for(api))
    assert answer.key is AnswerKey.UNREADABLE_REPOSITORY
    assert "acme/deploy-config (now acme/none)" in answer.remedy


def test_a_circle_of_redirects_ends(api):
    api.control.script(
        "GET", "/acme/*", status=301, message="Moved", headers={"Location": INFO_REFS.format("deploy-config")}, times=99
    )
    one = taken(app_for(api))
    assert outline(one["steps"]) == [("token", 201), ("repository", 301), ("revoke", 204)]
    assert classify(one).key is AnswerKey.REDIRECT
    assert len([r for r in api.control.requests() if r["path"].startswith("/acme/")]) == 1 + github_apps.GIT_REDIRECTS


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[github_api.RunningApi]:
    """Another server, which must not get a credential."""
    with github_api.running_api(tmp_path_factory.mktemp("elsewhere")) as other:
        yield other


REDIRECTS = {  # where to, with the place of the other server, and the key
    "another port": ("https://127.0.0.1:{port}" + INFO_REFS.format("config"), AnswerKey.REDIRECT_TO_ANOTHER_HOST),
    "another name": ("https://localhost:{port}" + INFO_REFS.format("config"), AnswerKey.REDIRECT_TO_ANOTHER_HOST),
    "a host behind a user": (
        "https://127.0.0.1@127.0.0.1:{port}" + INFO_REFS.format("x"),
        AnswerKey.REDIRECT_TO_ANOTHER_HOST,
    ),
    "two slashes": ("//127.0.0.1:{port}" + INFO_REFS.format("config"), AnswerKey.REDIRECT_TO_ANOTHER_HOST),
    "http": ("http://127.0.0.1:{port}" + INFO_REFS.format("config"), AnswerKey.REDIRECT_TO_HTTP),
    "a login page there": ("https://127.0.0.1:{port}/login", AnswerKey.REDIRECT_TO_LOGIN),
    "a login page here": ("/login?return_to=%2Facme", AnswerKey.REDIRECT_TO_LOGIN),
    "another page here": ("/acme/config", AnswerKey.REDIRECT),
    "another service here": ("/acme/config.git/info/refs?service=git-receive-pack", AnswerKey.REDIRECT),
    # They name no host that could be asked.
    "no address": ("https://[", AnswerKey.REDIRECT),
    "no port": ("https://127.0.0.1:99999" + INFO_REFS.format("config"), AnswerKey.REDIRECT),
}


@pytest.mark.parametrize(("location", "key"), REDIRECTS.values(), ids=REDIRECTS)
def test_no_credential_follows_a_redirect_to_elsewhere(api, elsewhere, location, key):
    elsewhere.control.reset()
    location = location.format(port=elsewhere.url.rpartition(":")[2])
    api.control.script("GET", "/acme/*", status=302, message="Found", headers={"Location": location})
    one = taken(app_for(api))
    assert outline(one["steps"]) == [("token", 201), ("repository", 302), ("revoke", 204)]
    assert classify(one).key is key
    assert elsewhere.control.requests() == []
    assert [r["path"] for r in api.control.requests()][1:-1] == ["/acme/deploy-config.git/info/refs"]


def test_a_redirect_of_the_api_is_not_followed(api, elsewhere):
    elsewhere.control.reset()
    api.control.script(
        "POST",
        "/app/*",
        status=307,
        message="Moved",
        headers={"Location": f"{elsewhere.url}/app/installations/2002/access_tokens"},
    )
    one = taken(app_for(api))
    assert outline(one["steps"]) == [("token", 307)]
    assert classify(one).key is AnswerKey.REDIRECT_TO_ANOTHER_HOST
    assert elsewhere.control.requests() == []


def test_headers_are_kept_short_and_without_secrets(api):
    token = "ghs_1001_eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJ4In0.c2ln"
    api.control.script(
        "GET",
        "/acme/*",
        status=302,
        message="Found",
        headers={"Location": f"/x?t={token}&{'y' * 9000}", "Via": "1.1 squid"},
    )
    one = taken(app_for(api))
    headers = one["steps"][1]["headers"]
    assert (headers["via"], headers["server"]) == ("1.1 squid", "github.com")
    assert len(headers["location"]) <= github_apps.MAX_BODY_CHARS
    assert "eyJ" not in json.dumps(one)
