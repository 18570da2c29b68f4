"""The App's probe, against the lab's GitHub:
fresh tokens, how far a token can be narrowed, and many repositories.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import installation_token
from ansible_collections.skewgate.preflight.plugins.module_utils.node.git_answer import ADVERTISEMENT
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import read_time
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey, classify

from tests.daemons.module_utils.probes.apps import app_for, attempt, outline, steps_of
from tests.lab.github_api import OWNER, PUBLIC_REPOSITORIES, RunningApi
from tests.unit.plugin_utils.github.test_answer_table import SEEN

IN_REACH = ["acme/deploy-config", "acme/charts"]
WAITED_S = 0.35


def many(count: int) -> list[str]:
    return [f"{OWNER}/repo-{number:04}" for number in range(1, count + 1)]


def narrowed(steps):
    """Each mint's status, and what its token was to be narrowed to."""
    return [(step["status"], step["narrowed"]) for step in steps if step["step"] == "token"]


def reached(steps):
    """The status that each repository was answered with."""
    return {
        name: step["status"]
        for step in steps
        if step["step"] == "repository"
        for name in (step["repository"], *step.get("also", ()))
    }


@pytest.fixture(autouse=True)
def _nothing_is_left(api: RunningApi):
    yield
    assert api.control.tokens()["live"] == []


# A fresh token


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_that_is_not_known_everywhere_yet_is_tried_again(api, status):
    api.control.set_replication(0.3, status)
    steps = steps_of(app_for(api, repositories=IN_REACH))
    assert outline(steps) == [("token", 201), ("repository", 200), ("repository", 200), ("revoke", 204)]
    for repository in steps[1:3]:
        assert repository["tries"] > 1
        assert repository["waited_s"] == pytest.approx(sum(installation_token.WAITS_S[: repository["tries"] - 1]))
    assert (steps[3]["tries"], steps[3]["waited_s"]) == (1, 0)


def test_it_waits_longer_each_time(api):
    api.control.script("GET", "/acme/*", status=401, message="Bad credentials", times=2)
    api.control.script("DELETE", "/installation/token", status=404, message="Not Found")
    steps = steps_of(app_for(api))
    assert outline(steps) == [("token", 201), ("repository", 200), ("revoke", 204)]
    # The token's third wait is the longest, for whatever it is.
    assert [(step["tries"], step["waited_s"]) for step in steps[1:]] == [(3, 0.15), (2, 0.2)]


@pytest.mark.parametrize(
    ("status", "headers", "waited_s"),
    [
        pytest.param(429, {"Retry-After": "1"}, 1, id="secondary limit"),
        pytest.param(403, {"Retry-After": "1"}, 1, id="secondary limit as 403"),
        pytest.param(429, {"Retry-After": "inf"}, 0.1, id="a wait that is none"),
        pytest.param(429, {"Retry-After": "\N{SUPERSCRIPT TWO}"}, 0.1, id="a digit that is no number"),
        pytest.param(503, {}, 0.1, id="down"),
    ],
)
def test_a_token_that_the_api_does_not_revoke_now_is_revoked_later(api, monkeypatch, status, headers, waited_s):
    monkeypatch.setattr(installation_token, "WAITS_S", (0.1, 2))
    api.control.script("DELETE", "/installation/token", status=status, message="Later.", headers=headers)
    steps = steps_of(app_for(api, depth="token", repositories=[]))
    assert outline(steps) == [("token", 201), ("revoke", 204)]
    assert (steps[-1]["tries"], steps[-1]["waited_s"]) == (2, waited_s)
    assert api.control.tokens()["live"] == []


def test_a_revocation_is_not_tried_again_after_the_apps_time(api, monkeypatch):
    monkeypatch.setattr(github_apps, "_limit_s", lambda _app, _timeout_s: 2.0)
    monkeypatch.setattr(installation_token, "WAITS_S", (0.1, 0.1, 0.1))
    api.control.script("DELETE", "/installation/token", status=503, message="Down.", delay_s=1.2, times=3)
    steps = steps_of(app_for(api, depth="token", repositories=[]))
    assert outline(steps) == [("token", 201), ("revoke", 503)]
    assert (steps[-1]["tries"], steps[-1]["waited_s"]) == (2, 0.1)
    api.control.reset()  # of the token that is left


@pytest.mark.parametrize("status", [401, 403, 404])
def test_revoking_waits_for_a_installation_token_too(api, status):
    api.control.set_replication(0.3, status)
    steps = steps_of(app_for(api, depth="token", repositories=[]))
    assert outline(steps) == [("token", 201), ("revoke", 204)]
    assert steps[-1]["tries"] > 1


def test_a_healthy_token_is_not_waited_for(api, monkeypatch):
    monkeypatch.setattr(installation_token, "WAITS_S", (60,))
    steps = steps_of(app_for(api, repositories=IN_REACH))
    assert [(step["tries"], step["waited_s"]) for step in steps[1:]] == [(1, 0)] * 3


def test_waiting_is_shared_by_all_repositories_and_attempts_of_an_app(api):
    api.control.script("GET", "/acme/*", status=404, message="Not Found", times=999)
    begun_s = time.monotonic()
    app = app_for(api, attempt(api), attempt(api), repositories=IN_REACH)
    (taken,) = github_apps.collect([app], 5)
    assert time.monotonic() - begun_s < WAITED_S + 2
    first, second = (one["steps"] for one in taken["attempts"])
    assert [(s["tries"], s["waited_s"]) for s in first if s["step"] == "repository"] == [(4, WAITED_S)] * 2
    assert [(s["tries"], s["waited_s"]) for s in second if s["step"] == "repository"] == [(1, 0)] * 2


def test_only_what_was_refused_is_tried_again(api):
    api.control.script("GET", "/acme/charts*", status=403, message="Resource not accessible by integration")
    steps = steps_of(app_for(api, repositories=IN_REACH))
    assert [step["tries"] for step in steps if step["step"] == "repository"] == [1, 2]


OTHER_REASONS = (
    *(AnswerKey.IP_ALLOW_LIST, AnswerKey.SAML, AnswerKey.SUSPENDED, AnswerKey.ACCOUNT_SUSPENDED),
    *(AnswerKey.TERMS_OF_SERVICE, AnswerKey.REPOSITORY_BLOCKED, AnswerKey.NO_USER_AGENT),
)
NOT_REPLICATION = {
    "rate limit by its header": {"status": 403, "headers": {"retry-after": "30"}},
    "rate limit by what is left": {"status": 403, "headers": {"x-ratelimit-remaining": "0"}},
    "rate limit": {"status": 403, "message": "You have exceeded a secondary rate limit"},
    "an older GHES' rate limit": {"status": 403, "message": "You have triggered an abuse detection mechanism."},
    "IP allow list": {"status": 403, "message": "`acme` has an IP allow list enabled, and 1.2.3.4 is not permitted"},
    "SAML": {"status": 403, "body": "The 'acme' organization has enabled or enforced SAML SSO."},
    "suspended account": {"status": 403, "body": "Your account is suspended. Please visit https://support.github.com"},
    "no User-Agent": {"status": 403, "body": "Request forbidden by administrative rules."},
    "a proxy's page": {"status": 403, "body": "<html>This site is not allowed here</html>"},
    "server error": {"status": 502, "body": "Unicorn"},
    **{
        f"of the table: {name}": {"status": asked["status"], "body": asked["message"] or asked["body"]}
        for name, (asked, key) in SEEN.items()
        if asked["step"] == "repository" and key in OTHER_REASONS
    },
}


@pytest.mark.parametrize("said", NOT_REPLICATION.values(), ids=NOT_REPLICATION)
def test_a_refusal_that_gives_another_reason_is_not_waited_for(api, said):
    api.control.script("GET", "/acme/*", **said)
    steps = steps_of(app_for(api))
    assert outline(steps) == [("token", 201), ("repository", said["status"]), ("revoke", 204)]
    assert (steps[1]["tries"], steps[1]["waited_s"]) == (1, 0)


# Narrowing


def test_a_token_is_narrowed_to_the_repositories_and_permissions(api):
    steps = steps_of(app_for(api, repositories=["acme/deploy-config"]))
    assert narrowed(steps) == [(201, ["permissions", "repositories"])]
    # The lab's API answers 422 to what is not granted: it has read what was asked for.
    assert narrowed(steps_of(app_for(api, permissions={"contents": "write"}))) == [
        (422, ["permissions", "repositories"])
    ]


@pytest.mark.parametrize("repository", PUBLIC_REPOSITORIES[:2])
def test_a_public_repository_outside_the_installation_is_reached_with_a_wider_token(api, repository):
    steps = steps_of(app_for(api, repositories=["acme/charts", repository]))
    assert narrowed(steps) == [(422, ["permissions", "repositories"]), (201, ["permissions"])]
    assert reached(steps) == {"acme/charts": 200, repository: 200}
    assert outline(steps)[-1] == ("revoke", 204)


def test_repositories_of_one_name_and_two_owners_are_both_reached(api):
    steps = steps_of(app_for(api, repositories=["acme/charts", "upstream/charts"]))
    assert reached(steps) == {"acme/charts": 200, "upstream/charts": 200}


@pytest.mark.parametrize("depth", ["token", "repository"])
def test_every_repository_is_tried_and_each_one_out_of_reach_is_known(api, depth):
    wanted = ["acme/secret", "acme/charts", "other/deploy-config", "acme/website"]
    steps = steps_of(app_for(api, depth=depth, repositories=wanted))
    assert reached(steps) == {
        "acme/secret": 404,
        "acme/charts": 200,
        "other/deploy-config": 404,
        "acme/website": 200,
    }


@pytest.mark.parametrize(("stranger", "status"), [("other/deploy-config", 404), ("upstream/charts", 200)])
def test_a_repository_of_another_owner_is_not_taken_for_the_installations_of_the_same_name(api, stranger, status):
    steps = steps_of(app_for(api, depth="token", repositories=["acme/charts", stranger]))
    assert reached(steps)[stranger] == status
    assert outline(steps)[-1] == ("revoke", 204)


def test_a_permission_that_the_token_does_not_have_is_named_though_the_mint_was_accepted(api):
    body = '{"token": "ghs_of_a_lab", "permissions": {"metadata": "read"}}'
    api.control.script("POST", "/app/installations/*", status=201, body=body)
    steps = steps_of(app_for(api, depth="token", repositories=[]))
    assert steps[0]["lacking"] == {"contents": "read"}
    assert [step["step"] for step in steps] == ["token", "revoke"]


@pytest.mark.parametrize(
    ("permissions", "lacking"),
    [
        ({"contents": "write"}, {"contents": "write"}),
        ({"contents": "read", "issues": "read"}, {"issues": "read"}),
        ({"metadata": "admin", "contents": "admin"}, {"metadata": "admin", "contents": "admin"}),
    ],
)
@pytest.mark.parametrize("repositories", [["acme/charts"], ["acme/secret"], []])
def test_a_permission_that_is_not_granted_is_named_and_no_token_is_minted(api, permissions, lacking, repositories):
    steps = steps_of(app_for(api, depth="token", permissions=permissions, repositories=repositories))
    assert outline(steps) == [("token", 422), ("granted", 200)]
    assert steps[0]["lacking"] == lacking
    assert api.control.tokens() == {"live": [], "revoked": [], "expired": []}


def test_a_permission_that_is_not_granted_is_seen_at_the_token_if_the_installation_is_not_shown(api):
    api.control.script("GET", "/app/installations/*", status=500, message="no")
    steps = steps_of(app_for(api, permissions={"contents": "write"}))
    assert outline(steps) == [
        ("token", 422),
        ("granted", 500),
        ("token", 422),
        ("token", 201),
        ("revoke", 204),
    ]
    assert steps[3]["lacking"] == {"contents": "write"}


def test_many_repositories_together_with_permissions_are_reached_with_a_wider_token(api):
    api.control.set_repositories(60)
    api.control.set_scope_limit(70)
    permissions = {"contents": "read", "metadata": "read"}
    steps = steps_of(app_for(api, repositories=many(60), permissions=permissions))
    # Of this installation, permissions alone are too many too.
    assert narrowed(steps) == [(422, ["permissions", "repositories"]), (422, ["permissions"]), (201, [])]
    assert reached(steps) == dict.fromkeys(many(60), 200)


def test_a_token_that_is_not_narrowed_is_not_kept_for_permissions_that_might_come(api):
    api.control.set_repositories(60)
    api.control.set_scope_limit(0)
    steps = steps_of(app_for(api, repositories=["acme/charts", "acme/secret"]))
    assert narrowed(steps)[-1] == (201, [])
    assert reached(steps) == {"acme/charts": 200, "acme/secret": 404}
    assert [step["tries"] for step in steps if step["step"] == "repository"] == [1, 1]


def test_a_refusal_without_end_is_the_answer(api):
    api.control.script("POST", "/app/installations/*", status=422, message="Invalid request.", times=99)
    assert outline(steps_of(app_for(api))) == [("token", 422), ("granted", 200), ("token", 422), ("token", 422)]


def test_more_than_500_repositories_are_reached_without_asking_for_them_first(api):
    api.control.set_repositories(501)
    begun_s = time.monotonic()
    steps = steps_of(app_for(api, repositories=[*many(501), "acme/secret"]))
    assert time.monotonic() - begun_s < 30
    assert narrowed(steps) == [(201, ["permissions"])]
    assert reached(steps) == {**dict.fromkeys(many(501), 200), "acme/secret": 404}
    assert len(steps) < 30


@pytest.mark.parametrize("before", ["", "001e# service=git-upload-pack\n0000"])
@pytest.mark.parametrize("count", [1, 30])
def test_an_error_in_gits_own_form_is_no_repository_that_was_reached(api, before, count):
    api.control.set_repositories(count)
    said = "ERR Storage server temporarily offline.\n"
    headers = {"content-type": ADVERTISEMENT}
    last = many(count)[-1]
    body = f"{before}{len(said) + 4:04x}{said}0000"
    api.control.script("GET", f"/{last}.git/*", status=200, body=body, headers=headers)
    answer = classify({"sent": True, "steps": steps_of(app_for(api, repositories=many(count)))})
    assert (answer.kind, answer.key, answer.repositories) == ("unclear", AnswerKey.SERVER_ERROR, (last,))
    assert answer.quote() == "200 Storage server temporarily offline."


def test_a_proxy_that_adds_a_charset_to_gits_media_type_is_no_reason_to_refuse(api):
    api.control.script("GET", "/acme/*", headers={"content-type": f"{ADVERTISEMENT.title()}; charset=utf-8"})
    assert classify({"sent": True, "steps": steps_of(app_for(api))}).kind == "accepted"


# How long it lasts


def phases(steps):
    """Where the repositories that had no answer failed."""
    return {step["error"]["phase"] for step in steps if step["step"] == "repository" and step["error"]}


@pytest.mark.nightly
def test_slow_repositories_do_not_keep_a_node_and_the_token_is_revoked(api, monkeypatch):
    monkeypatch.setattr(github_apps, "REPOSITORY_S", 0)
    api.control.set_repositories(200)
    api.control.script("GET", "/acme/*", times=999, delay_s=0.3)
    app = app_for(api, repositories=many(200))
    begun_s = time.monotonic()
    steps = steps_of(app, timeout_s=0.5)
    assert time.monotonic() - begun_s < github_apps.bound_s([app], 0.5)
    assert set(reached(steps)) == set(many(200))
    assert set(reached(steps).values()) == {200, None}
    assert phases(steps) == {"time"}
    assert outline(steps)[-1] == ("revoke", 204)


def test_a_git_host_that_answers_nothing_is_not_waited_for_by_each_repository(api):
    api.control.script("GET", "/acme/*", times=999, delay_s=3)
    begun_s = time.monotonic()
    steps = steps_of(app_for(api, repositories=[f"acme/{n}" for n in range(400)], permissions={}), timeout_s=0.2)
    assert time.monotonic() - begun_s < 4
    assert reached(steps) == {f"acme/{n}": None for n in range(400)}
    assert phases(steps) == {"reply", "time"}
    assert outline(steps)[-1] == ("revoke", 204)


def test_a_connection_that_the_server_closes_between_two_repositories_is_made_anew(api, monkeypatch):
    monkeypatch.setattr(github_apps, "CONNECTIONS", 1)
    api.control.script("GET", "/acme/charts*", reset=True)
    assert reached(steps_of(app_for(api, repositories=IN_REACH))) == dict.fromkeys(IN_REACH, 200)


# An App without an installation ID


@pytest.mark.parametrize("others", [0, 100, 250])
def test_an_installation_is_looked_up_by_its_owner_in_any_case(api, others):
    api.control.set_other_owners(others)
    steps = steps_of(app_for(api, owner="ACME", installation_id=None))
    pages = others // 100 + 1
    assert outline(steps) == [*[("installations", 200)] * pages, ("token", 201), ("repository", 200), ("revoke", 204)]
    assert steps[pages - 1]["installation_id"] == "2002"
    assert steps[pages]["url"] == f"{api.url}/app/installations/2002/access_tokens"


def test_depth_jwt_looks_the_installation_up_too(api):
    steps = steps_of(app_for(api, depth="jwt", owner=OWNER, installation_id=None))
    assert outline(steps) == [("installations", 200), ("installation", 200)]


def test_an_owner_without_an_installation_is_reported_with_those_who_have_one(api):
    api.control.set_other_owners(150)
    steps = steps_of(app_for(api, owner="nobody", installation_id=None))
    assert outline(steps) == [("installations", 200)] * 2
    assert steps[-1]["owners"] == [f"org-{n:04}" for n in range(1, 31)]
    assert steps[-1]["owners_in_all"] == 151
    assert "cut_off" not in steps[-1]


def test_a_list_that_is_too_long_is_left(api, monkeypatch):
    monkeypatch.setattr(github_apps, "MAX_PAGES", 2)
    api.control.set_other_owners(200)
    steps = steps_of(app_for(api, owner=OWNER, installation_id=None))
    assert outline(steps) == [("installations", 200)] * 2
    assert (steps[-1]["cut_off"], steps[-1]["owners_in_all"]) == (True, 200)


@pytest.mark.parametrize(
    ("off_s", "says"), [(45, "'Issued at' claim ('iat')"), (-612, "'Expiration time' claim ('exp')")]
)
def test_a_jwt_of_a_wrong_clock_is_refused_where_the_installation_is_looked_up(api, off_s, says):
    steps = steps_of(app_for(api, attempt(api, off_s), owner=OWNER, installation_id=None))
    assert outline(steps) == [("installations", 401)]
    assert says in steps[0]["message"]


@pytest.mark.parametrize(
    "body", ["<html>", "{}", '[1, {}, {"account": null, "id": 1}, {"account": {"login": 5}, "id": "x"}]']
)
def test_a_list_that_is_none_finds_nothing(api, body):
    api.control.script("GET", "/app/installations", status=200, body=body)
    steps = steps_of(app_for(api, owner=OWNER, installation_id=None))
    assert outline(steps) == [("installations", 200)]
    assert "installation_id" not in steps[0]
    assert bool(steps[0]["error"]) == (not body.startswith("["))


def test_a_minted_tokens_end_is_recorded(api):
    api.control.set_token_life(1800)
    minted = steps_of(app_for(api, depth="token"))[0]
    ends_s = read_time(minted["expires_at"]).timestamp()
    assert ends_s - parsedate_to_datetime(minted["headers"]["date"]).timestamp() == pytest.approx(1800, abs=1)
