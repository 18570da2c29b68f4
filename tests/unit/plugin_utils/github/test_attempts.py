from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import Moment
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import WithheldError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.attempts import (
    agreement_s,
    attempt_for_now,
    attempts_for_both_clocks,
    last_attempt,
    not_signed,
    to_send,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import ClientProfile

ARGOCD = ClientProfile("argocd", -30, 90)


def at(own_s: float, skew_s: Interval | None = Interval(0, 0)) -> Moment:  # noqa: B008 - it can't be changed
    return Moment(own_s, skew_s)


class App:
    """A GithubApp whose JWT shows how it was signed."""

    def sign(self, profile: ClientProfile, now_s: float, moment: Moment, life_s: int | None = None) -> str:
        if now_s > moment.now_s + 700:
            raise WithheldError(AnswerKey.TOO_FAR_AHEAD, "too late")
        return f"{profile.name} at {now_s} for {life_s}"


@pytest.mark.parametrize(
    ("profile", "expected_s"),
    [
        pytest.param(ClientProfile("generous", -60, 540), 10, id="no more than ten seconds"),
        pytest.param(ClientProfile("strict", 0, 600), 2, id="no less than two, which the way there takes"),
        pytest.param(ClientProfile("between", -15, 90), 5, id="a third of what the client can be ahead"),
    ],
)
def test_the_clocks_agree_within_a_part_of_the_clients_budget(profile, expected_s):
    assert agreement_s(profile) == expected_s
    assert attempt_for_now(App(), profile, at(1000.0))["only_within_s"] == expected_s


def test_the_first_one_is_signed_for_the_earliest_that_it_can_be():
    assert attempt_for_now(App(), ARGOCD, at(1612.0, Interval(612.5, 613.0)))["jwt"] == "argocd at 999.0 for None"


def test_the_counterfactual_has_one_for_either_clock_and_the_true_times_is_short_lived():
    assert attempts_for_both_clocks(App(), ARGOCD, 1000.75, None, at(1612.25)) == [
        {"label": "node_clock", "signed_for_s": 1000, "only_within_s": None, "jwt": "argocd at 1000.75 for None"},
        {"label": "true_time", "signed_for_s": 1612, "only_within_s": None, "jwt": "argocd at 1612.25 for 30"},
    ]


@pytest.mark.parametrize("estimated_s", [None, 0.0, 999.0, 1e9])
def test_what_a_node_says_of_the_true_time_does_not_count_if_the_controller_knows_it(estimated_s):
    _, true_time = attempts_for_both_clocks(App(), ARGOCD, 1000.0, estimated_s, at(2000.0, Interval(999, 1000)))
    assert true_time["jwt"] == "argocd at 1000.0 for 30"


@pytest.mark.parametrize(
    ("estimated_s", "signed_for"),
    [
        pytest.param(400.0, ["400.0"], id="the past"),
        pytest.param(1010.0, ["1000.0"], id="hardly later than the controller's clock"),
        pytest.param(1016.0, [], id="so much later that the JWT would be over"),
        pytest.param(1e9, [], id="another year"),
        pytest.param(None, [], id="not known"),
    ],
)
def test_if_the_controller_does_not_know_the_time_the_nodes_estimate_counts_up_to_the_controllers_clock(
    estimated_s, signed_for
):
    _, *true_time = attempts_for_both_clocks(App(), ARGOCD, 1000.0, estimated_s, at(1000.0, None))
    assert [each["jwt"] for each in true_time] == [f"argocd at {each} for 30" for each in signed_for]


def test_a_jwt_that_is_not_signed_leaves_an_attempt_that_says_why():
    attempts = attempts_for_both_clocks(App(), ARGOCD, 1e300, None, at(1000.0))
    assert [each["label"] for each in to_send(attempts)] == ["true_time"]
    (attempt,) = not_signed(attempts)
    assert (attempt["label"], attempt["sent"], attempt["steps"]) == ("node_clock", False, [])
    assert (attempt["withheld"], attempt["not_sent_because"]) == ("too_far_ahead", "too late")


def test_the_last_attempt_decides_and_none_counts_as_one_that_was_not_sent():
    assert last_attempt({"attempts": [{"label": "now"}, {"label": "node_clock"}]}) == {"label": "node_clock"}
    assert not last_attempt({"attempts": []}).get("sent")


def test_if_the_apis_clock_is_known_to_be_wrong_one_more_is_dated_by_it():
    *_, of_api = attempts_for_both_clocks(App(), ARGOCD, 1000.0, None, at(1000.0), api_s=880.25)
    assert (of_api["label"], of_api["jwt"]) == ("api_clock", "argocd at 880.25 for None")


def test_a_jwt_of_an_apis_clock_is_withheld_like_any_other_that_would_be_valid_too_long():
    attempts = attempts_for_both_clocks(App(), ARGOCD, 1000.0, None, at(1000.0), api_s=1701.0)
    assert [each["label"] for each in not_signed(attempts)] == ["api_clock"]
