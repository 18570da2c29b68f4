"""What has the form of a secret is kept out of the evidence."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.redaction import REDACTED, redact
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
    redacted = redact({"a": [text]}, [])["a"][0]
    assert REDACTED in redacted
    for part in ("16C7", "ab.cd", "gh.ij", "11ABC", "eyJ", "c2ln", "eDp5", "ghijkl"):
        assert part not in redacted


# Stateless, ghs_APPID_JWT: what each part of it says is made up.
HEADER, CLAIMS, SIGNATURE = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9",
    "eyJqdGkiOiJhYmMiLCJpc3MiOiJ4In0",
    "c2lnbmF0dXJl" * 7,
)
STATELESS = f"ghs_1001_{HEADER}.{CLAIMS}.{SIGNATURE}"


@pytest.mark.parametrize("end", [*range(12, len(STATELESS), 5), len(STATELESS)])
def test_a_stateless_token_is_redacted_whole_and_with_its_end_cut_off(end):
    assert redact(f"a {STATELESS[:end]} b", []) == f"a {REDACTED} b"


@pytest.mark.parametrize("begin", [1, 3, 4, 7, 8, 9])
def test_a_stateless_token_without_its_beginning_is_redacted_too(begin):
    redacted = redact(f"a {STATELESS[begin:]} b", [])
    for part in (HEADER, CLAIMS, SIGNATURE):
        assert part not in redacted


@pytest.mark.parametrize("begin", range(9, len(f"ghs_1001_{HEADER}"), 6))
def test_a_stateless_token_that_is_cut_within_its_head_shows_no_claim_and_no_signature(begin):
    redacted = redact(f"a {STATELESS[begin:]} b", [])
    assert CLAIMS not in redacted
    assert SIGNATURE not in redacted


def test_plain_words_are_left_as_they_are():
    said = "A JSON web token could not be decoded; basic authentication needs a bearer token"
    assert redact(said, ["sesame"]) == said
