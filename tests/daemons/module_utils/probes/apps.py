"""GitHub Apps as the probe gets them, at the lab's GitHub or at any server,
and what it makes of them.
"""

from __future__ import annotations

import time
from typing import Any

import jwt as pyjwt
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps

from tests.lab import github_api


def sign(api: github_api.RunningApi, now_s: float) -> str:
    """A JWT as Argo CD signs it on a node whose clock reads ``now_s``."""
    claims = {"iss": str(github_api.APP_ID), "iat": int(now_s) - 30, "exp": int(now_s) + 90}
    return pyjwt.encode(claims, api.credentials.app_pem.read_text(), algorithm="RS256")


def app_for(api: github_api.RunningApi, *attempts: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The parameters of the lab's App."""
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
    """A JWT to send, signed for this machine's clock and so much more."""
    signed_for_s = int(time.time() + off_s)
    return {
        "label": "now",
        "jwt": sign(api, signed_for_s),
        "signed_for_s": signed_for_s,
        "only_within_s": None,
        **changed,
    }


def steps_of(app: dict[str, Any], timeout_s: float = 5) -> list[dict[str, Any]]:
    """The steps of an App with one attempt that was sent."""
    (taken,) = github_apps.collect([app], timeout_s)
    assert taken["name"] == "argocd"
    (one,) = taken["attempts"]
    assert one["sent"]
    return one["steps"]


def outline(steps: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    """Each step's name and status."""
    return [(step["step"], step["status"]) for step in steps]


def app_at(url: str, ca_pem: str, jwt: str, **changed: Any) -> dict[str, Any]:
    """The parameters of an App at any server."""
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
