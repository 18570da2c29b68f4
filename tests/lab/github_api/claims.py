"""A JWT's claims, and GitHub's rules for them."""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard

import jwt
from jwt.api_jws import PyJWS

from .answers import (
    EXP_PAST,
    EXP_TOO_FAR,
    IAT_FUTURE,
    ISS_MISSING,
    ISS_UNUSABLE,
    NOT_DECODED,
    UNKNOWN_APP,
    RefusedError,
    refusal,
)
from .app import APP_ID, CLIENT_ID

JWT_LONGEST_S = 600


def unverified_claims(assertion: str) -> dict[str, Any] | None:
    """The claims of what has the form of a JWT signed with RS256; None for anything else."""
    try:
        decoded = PyJWS().decode_complete(assertion, options={"verify_signature": False})
        claims = json.loads(decoded["payload"])
    except (jwt.InvalidTokenError, ValueError):
        return None
    return claims if isinstance(claims, dict) and decoded["header"]["alg"] == "RS256" else None


def is_integer(value: object) -> TypeGuard[int]:
    """Whether JSON had a whole number here: true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def claims_for_the_log(claims: dict[str, Any]) -> dict[str, Any]:
    """iat and exp if they are numbers, a jti of reasonable length:
    nothing that could hold a secret by mistake.
    """
    logged = {name: claims[name] for name in ("iat", "exp") if isinstance(claims.get(name), int | float)}
    if isinstance(claims.get("jti"), str):
        logged["jti"] = claims["jti"][:64]
    return logged


def check_jwt(authorization: str, app_public_pem: str, now_s: float, *, takes_client_id: bool = True) -> None:
    """RefusedError for a header `Authorization` that is not the App's at this second
    of the API's clock.
    """
    scheme, _, assertion = authorization.partition(" ")
    claims = unverified_claims(assertion) if scheme.lower() == "bearer" else None
    if claims is None:
        raise RefusedError(refusal(401, NOT_DECODED))

    _check_issuer(claims.get("iss"), takes_client_id=takes_client_id)
    try:
        PyJWS().decode(assertion, app_public_pem, algorithms=["RS256"])
    except jwt.InvalidTokenError:
        raise RefusedError(refusal(401, NOT_DECODED)) from None
    check_times(claims, int(now_s))


def check_times(claims: dict[str, Any], now_s: int) -> None:
    """RefusedError for claims whose times GitHub refuses when its clock shows this second."""
    exp, iat = claims.get("exp"), claims.get("iat")
    if not is_integer(exp) or exp <= now_s:
        raise RefusedError(refusal(401, EXP_PAST))
    if exp > now_s + JWT_LONGEST_S:
        raise RefusedError(refusal(401, EXP_TOO_FAR))
    if not is_integer(iat) or iat > now_s:
        raise RefusedError(refusal(401, IAT_FUTURE))


def _check_issuer(iss: object, *, takes_client_id: bool) -> None:
    if iss is None or iss == "":
        raise RefusedError(refusal(401, ISS_MISSING))
    if iss == CLIENT_ID and takes_client_id:
        return
    if not (is_integer(iss) or (isinstance(iss, str) and re.fullmatch("[0-9]+", iss))):
        raise RefusedError(refusal(401, ISS_UNUSABLE))
    if int(iss) != APP_ID:
        raise RefusedError(refusal(404, UNKNOWN_APP))
