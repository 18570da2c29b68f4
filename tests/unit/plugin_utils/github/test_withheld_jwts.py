"""No JWT is signed that would be valid too long after the controller's time,
whatever it is to be signed for.
"""

from __future__ import annotations

import math
from typing import Any

import jwt
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import Moment
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import GithubApp, WithheldError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import ClientProfile
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ARGOCD = ClientProfile("argocd", -30, 90)


def at(own_s: float, skew_s: Interval | None) -> Moment:
    return Moment(own_s, skew_s)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


NOW_S = 1_795_336_536.25


@pytest.fixture(scope="session")
def app() -> GithubApp:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return GithubApp.from_settings({"app_id": 1001, "installation_id": 2002, "private_key": pem}, 0)


anything = st.floats(-1e6, 1e6) | st.floats() | st.sampled_from([509.0, 510.0, 511.0, 570.0, 600.0, 601.0])
profiles = st.builds(ClientProfile, st.just("any"), st.integers(-700, 700), st.integers(-700, 100_000))
lives = st.none() | st.integers(-10, 10_000)
skews = st.tuples(st.floats(-1e6, 1e6), st.floats(0, 10)).map(lambda pair: Interval(pair[0], pair[0] + pair[1]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=profiles, ahead_s=anything, skew_s=skews, life_s=lives)
def test_no_jwt_is_valid_for_longer_than_600_s_from_the_true_time(app, profile, ahead_s, skew_s, life_s):
    true_s = [NOW_S - skew_s.low, NOW_S - skew_s.high]
    try:
        found = claims(app.sign(profile, true_s[1] + ahead_s, at(NOW_S, skew_s), life_s))
    except WithheldError:
        return
    assert all(found["exp"] <= each + (600 if life_s is None else min(600, life_s)) for each in true_s)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=profiles, ahead_s=anything, life_s=lives)
def test_without_a_checked_clock_no_jwt_is_issued_after_it_either(app, profile, ahead_s, life_s):
    try:
        found = claims(app.sign(profile, NOW_S + ahead_s, at(NOW_S, None), life_s))
    except WithheldError:
        return
    assert found["iat"] <= NOW_S + 2
    assert found["exp"] <= NOW_S + 600


@pytest.mark.parametrize(
    ("skew_s", "ahead_s", "refused"),
    [
        pytest.param(Interval(0, 0), 509, None, id="as far ahead as it may be"),
        pytest.param(Interval(0, 0), 511, AnswerKey.TOO_FAR_AHEAD, id="further"),
        pytest.param(Interval(-0.5, 2.5), 509, AnswerKey.TOO_FAR_AHEAD, id="further, if it is as early as it may be"),
        pytest.param(Interval(3600, 3600), -3600, None, id="the controller is ahead, and knows"),
        pytest.param(
            Interval(3600, 3600), 0, AnswerKey.TOO_FAR_AHEAD, id="the controller is ahead, and so is the node"
        ),
        pytest.param(Interval(-3600, -3600), 3600, None, id="the controller is behind, and knows"),
        pytest.param(None, -3600, None, id="not checked, and the JWT is of the past"),
        pytest.param(None, 31, None, id="not checked, and the iat is about now"),
        pytest.param(None, 33, AnswerKey.CONTROLLER_TIME_UNKNOWN, id="not checked, and the iat is later"),
        pytest.param(None, 365 * 86400, AnswerKey.CONTROLLER_TIME_UNKNOWN, id="not checked, and a year ahead"),
        pytest.param(Interval(0, 0), math.inf, AnswerKey.TOO_FAR_AHEAD, id="no time at all"),
        pytest.param(None, math.nan, AnswerKey.TOO_FAR_AHEAD, id="not a number"),
    ],
)
def test_a_jwt_that_would_be_valid_too_late_is_withheld(app, skew_s, ahead_s, refused):
    signed: AnswerKey | None = None
    try:
        app.sign(ARGOCD, NOW_S + ahead_s, at(NOW_S, skew_s))
    except WithheldError as error:
        signed = error.key
    assert signed is refused
