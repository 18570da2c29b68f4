"""What has the form of a secret is kept out of the evidence."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import github_apps


def test_no_apps_no_requests():
    assert github_apps.collect([], 5) == []


@pytest.mark.parametrize(
    "text",
    [
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "token ghs_ab.cd-ef_gh.ij is unknown",
        "github_pat_11ABCDE_xyz",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln",
        "Authorization: Basic eDp5",
        '{"authorization": "Basic eDp5"}',
        "Bearer abcdefghijklmnopqrstuvwxyz",
    ],
)
def test_what_has_the_form_of_a_secret_is_redacted(text):
    redacted = github_apps.redact({"a": [text]}, [])["a"][0]
    assert github_apps.REDACTED in redacted
    for part in ("16C7", "ab.cd", "gh.ij", "11ABC", "eyJ", "c2ln", "eDp5", "ghijkl"):
        assert part not in redacted


def test_plain_words_are_left_as_they_are():
    said = "A JSON web token could not be decoded; basic authentication needs a bearer token"
    assert github_apps.redact(said, ["sesame"]) == said
