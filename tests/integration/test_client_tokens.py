"""Real GitHub App clients that run for long renew their installation token in time, or not, as
their profiles foretell.

The API's tokens live for some seconds here, so the clients come to the end of one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import shipped_profiles

from tests.integration import real_clients
from tests.integration.real_clients import Drive
from tests.lab.github_api import RunningApi
from tests.lab.github_api.answers import BAD_CREDENTIALS

drive = real_clients.drive

PROFILES = shipped_profiles()
OCTOKIT = PROFILES["octokit"]
USING = {
    "pygithub": ["drive_pygithub.py", "use"],
    "githubkit": ["drive_githubkit.py", "use"],
    "ghinstallation": ["drive_ghinstallation", "use"],
}
TOKEN_LIFE_S = 6
"""Short, because ghinstallation has to wait for it;
how long it is makes no difference to what is beside its end.
"""


def tokens_minted(api: RunningApi) -> int:
    return sum(request["method"] == "POST" and request["status"] == 201 for request in api.control.requests())


def renewals(*names: str) -> pytest.MarkDecorator:
    nightly = {"ghinstallation": [pytest.mark.nightly]}
    marks = [pytest.param(name, marks=nightly.get(name, [])) for name in names]
    return pytest.mark.parametrize("name", marks)


@renewals(*USING)
def test_a_client_behind_by_more_than_its_margin_uses_an_expired_token_until_it_renews(
    api: RunningApi, drive: Drive, name: str
) -> None:
    profile, over_s = PROFILES[name], 3
    assert profile.renew_before_s is not None
    skew_s = -(profile.renew_before_s + over_s)
    assert replace(profile, reuse_s=0).jwt_outcome(Interval(skew_s, skew_s)) == "pass"
    assert profile.client_outcome(Interval(skew_s, skew_s)) == "fail"
    api.control.set_token_life(TOKEN_LIFE_S)

    with drive(USING[name], skew_s) as client:
        assert client.attempt()["token"]
        expires_s = int(api.control.requests()[0]["at_s"]) + TOKEN_LIFE_S
        client.let_pass_until(expires_s + 0.1)
        expired = client.attempt()
        minted = tokens_minted(api)
        client.let_pass_until(expires_s + over_s + 0.5)
        renewed = client.attempt()

    assert (expired, minted) == ({"token": False, "status": 401, "message": BAD_CREDENTIALS}, 1)
    assert (renewed["token"], tokens_minted(api)) == (True, 2)


@renewals(*USING)
def test_a_client_behind_by_less_than_its_margin_renews_its_token_in_time(
    api: RunningApi, drive: Drive, name: str
) -> None:
    profile, left_s = PROFILES[name], 2
    assert profile.renew_before_s is not None
    skew_s = -(profile.renew_before_s - left_s)
    assert profile.token_outcome(Interval(skew_s, skew_s)) == "pass"
    api.control.set_token_life(TOKEN_LIFE_S)

    with drive(USING[name], skew_s) as client:
        assert client.attempt()["token"]
        assert client.attempt()["token"]
        minted = tokens_minted(api)
        expires_s = int(api.control.requests()[0]["at_s"]) + TOKEN_LIFE_S
        client.let_pass_until(expires_s - left_s + 0.5)
        renewed = client.attempt()

    # It used its token twice, and had a new one when there were less than two
    # seconds left of the first.
    assert (minted, renewed["token"], tokens_minted(api)) == (1, True, 2)


def test_a_client_that_goes_by_no_clock_renews_its_token_in_time_however_far_behind_it_is(
    api: RunningApi, drive: Drive
) -> None:
    skew_s = -(OCTOKIT.behind_limit_s - 4)
    assert OCTOKIT.client_outcome(Interval(skew_s, skew_s)) == "pass"

    with drive(["drive_octokit.mjs", "installation"], skew_s) as octokit:
        assert octokit.attempt()["token"]
        octokit.let_pass(59 * 60 - 10)
        assert (octokit.attempt()["token"], tokens_minted(api)) == (True, 1)
        octokit.let_pass(20)
        assert (octokit.attempt()["token"], tokens_minted(api)) == (True, 2)
