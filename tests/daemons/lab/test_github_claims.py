"""The lab's GitHub and a JWT: each of its refusals by example, and the edges of its clock."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.daemons.lab.asking import MINT, ask, bearer, mint
from tests.lab.github_api import (
    APP_ID,
    CLIENT_ID,
    INSTALLATION_ID,
    RunningApi,
    answers,
)

Authorize = Callable[[RunningApi], str | None]
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

JWT_REFUSALS: dict[str, tuple[Authorize, int, str]] = {
    "iat in the future": (lambda api: bearer(api, iat=int(time.time()) + 60), 401, answers.IAT_FUTURE),
    "iat fractional": (lambda api: bearer(api, iat=time.time() - 30.5), 401, answers.IAT_FUTURE),
    "iat missing": (lambda api: bearer(api, iat=None), 401, answers.IAT_FUTURE),
    "exp in the past": (lambda api: bearer(api, exp=int(time.time()) - 1), 401, answers.EXP_PAST),
    "exp fractional": (lambda api: bearer(api, exp=time.time() + 60.5), 401, answers.EXP_PAST),
    "exp a string": (lambda api: bearer(api, exp=str(int(time.time()) + 60)), 401, answers.EXP_PAST),
    "exp missing": (lambda api: bearer(api, exp=None), 401, answers.EXP_PAST),
    "exp too far": (lambda api: bearer(api, exp=int(time.time()) + 660), 401, answers.EXP_TOO_FAR),
    "both times broken": (
        lambda api: bearer(api, iat=int(time.time()) + 60, exp=int(time.time()) + 660),
        401,
        answers.EXP_TOO_FAR,
    ),
    "wrong key": (lambda api: bearer(api, key=OTHER_KEY), 401, answers.NOT_DECODED),
    "wrong key and expired": (lambda api: bearer(api, key=OTHER_KEY, exp=1), 401, answers.NOT_DECODED),
    "RS512": (lambda api: bearer(api, alg="RS512"), 401, answers.NOT_DECODED),
    "HS256": (lambda api: bearer(api, key="k" * 32, alg="HS256"), 401, answers.NOT_DECODED),
    "alg none": (lambda api: bearer(api, key="", alg="none"), 401, answers.NOT_DECODED),
    "no Authorization": (lambda _: None, 401, answers.NOT_DECODED),
    "token for Bearer": (lambda api: bearer(api).replace("Bearer", "token"), 401, answers.NOT_DECODED),
    "not a JWT": (lambda _: "Bearer abc.def.ghi", 401, answers.NOT_DECODED),
    "an installation token": (lambda api: "Bearer " + mint(api), 401, answers.NOT_DECODED),
    "unknown app ID": (lambda api: bearer(api, iss=4711), 404, answers.UNKNOWN_APP),
    "unknown app ID, a string": (lambda api: bearer(api, iss="4711"), 404, answers.UNKNOWN_APP),
    "iss a name": (lambda api: bearer(api, iss="my-app"), 401, answers.ISS_UNUSABLE),
    "iss with a line end": (lambda api: bearer(api, iss=f"{APP_ID}\n"), 401, answers.ISS_UNUSABLE),
    "iss true": (lambda api: bearer(api, iss=True), 401, answers.ISS_UNUSABLE),
    "iss missing": (lambda api: bearer(api, iss=None), 401, answers.ISS_MISSING),
}


@pytest.mark.parametrize("case", JWT_REFUSALS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/app"), ("GET", f"/app/installations/{INSTALLATION_ID}"), ("POST", MINT)]
)
def test_a_jwt_that_breaks_a_rule_gets_githubs_message(api: RunningApi, case: str, method: str, path: str) -> None:
    authorize, status, message = JWT_REFUSALS[case]
    reply = ask(api, method, path, authorize(api))
    assert (reply.status, reply.json["message"]) == (status, message)
    assert reply.json["status"] == str(status)
    assert reply.json["documentation_url"].startswith("https://docs.github.com/rest")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-github-request-id"]
    assert email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp() == pytest.approx(time.time(), abs=3)


@pytest.mark.parametrize("iss", [CLIENT_ID, APP_ID, str(APP_ID)])
def test_the_app_is_known_by_client_id_and_by_app_id(api: RunningApi, iss: object) -> None:
    reply = ask(api, "GET", "/app", bearer(api, iss=iss))
    assert reply.status == 200
    assert (reply.json["id"], reply.json["client_id"]) == (APP_ID, CLIENT_ID)


def test_the_clock_offset_moves_the_rules_and_the_date(api: RunningApi) -> None:
    api.control.set_clock_offset(612)
    reply = ask(api, "GET", "/app", bearer(api))
    assert reply.json["message"] == answers.EXP_PAST
    date = email.utils.parsedate_to_datetime(reply.headers["date"])
    assert date.timestamp() == pytest.approx(time.time() + 612, abs=3)

    api.control.set_clock_offset(-45)
    assert ask(api, "GET", "/app", bearer(api)).json["message"] == answers.IAT_FUTURE
    assert ask(api, "GET", "/app", bearer(api, iat=int(time.time()) - 60)).status == 200
