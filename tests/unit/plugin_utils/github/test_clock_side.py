"""Which side of GitHub's clock a JWT's signer is on, by the words of the refusal."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import clock_side

from tests.lab.github_api.answers import EXP_PAST, EXP_TOO_FAR, IAT_FUTURE


@pytest.mark.parametrize(
    ("message", "side"),
    [
        (EXP_PAST, "behind"),
        (EXP_TOO_FAR, "ahead"),
        (IAT_FUTURE, "ahead"),
        ("A JSON web token could not be decoded", None),
        ("'Issuer' claim ('iss') must be an Integer", None),
        ("", None),
    ],
)
def test_the_words_of_a_refusal_say_the_side(message: str, side: str | None) -> None:
    assert clock_side(message) == side
