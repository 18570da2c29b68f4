from __future__ import annotations

import time

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.near import near_names

KNOWN = ["argo-events", "argocd-2.1", "argocd", "flux", "kargo", "tool-v2.0.0", "zuul"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        pytest.param("ARGOCD", ["argocd", "argocd-2.1"], id="case"),
        pytest.param("argo_events", ["argo-events"], id="what stands between words"),
        pytest.param("argocd 2.1", ["argocd-2.1", "argocd"], id="a version that is known"),
        pytest.param("tool@v3", ["tool-v2.0.0"], id="a version that is not"),
        pytest.param("flux-2.x", ["flux"], id="a version's series"),
        pytest.param("my-kargo-fork", ["kargo"], id="a known name in it"),
        pytest.param("argo", ["argocd", "argocd-2.1", "argo-events", "kargo"], id="a part of known names"),
        pytest.param("zull", ["zuul"], id="misspelt"),
        pytest.param("ar", [], id="a part that is too short"),
        pytest.param("merge-bot", [], id="like none"),
        pytest.param("2.1", [], id="a version alone"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_the_names_that_a_name_may_mean(name: str, near: list[str]):
    assert near_names(name, KNOWN) == near


@pytest.mark.parametrize("name", ["1" * 2000 + "a", "argocd" * 500, "-" * 2000, "2." * 1000 + "y"])
def test_a_long_name_is_answered_at_once(name: str):
    started = time.monotonic()
    near_names(name, KNOWN)
    assert time.monotonic() - started < 1


def test_there_are_no_more_of_them_than_asked_for():
    assert near_names("argo", KNOWN, at_most=2) == ["argocd", "argocd-2.1"]
