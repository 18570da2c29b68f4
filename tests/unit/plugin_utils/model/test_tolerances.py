"""Findings of clock_skew where a run names many limits, or one that tolerates nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_skew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import shipped_limits

from tests.builders import policy, record
from tests.findings import finding_of


def judge(skew_s: float, settings: dict[str, Any] | None = None) -> Finding:
    return finding_of(clock_skew, record(skew_s, of_policy=policy(**(settings or {}))))


def test_a_finding_shows_which_limits_that_were_not_named_would_be_broken():
    assert judge(0.3, {"limits": ["tidb"]}).seen["other_limits_that_would_fail"] == {
        "ceph": "0.025 s behind, 0.025 s ahead",
        "cockroachdb": "0.2 s behind, 0.2 s ahead",
        "yugabytedb": "0.25 s behind, 0.25 s ahead",
    }


def test_limits_that_nobody_named_take_no_room_in_a_right_clocks_finding():
    assert [key for key, value in judge(0.0).seen.items() if "limits" in key and value] == []


@pytest.mark.parametrize("skew_s", [-80.0, -0.001, 0.0, 0.001, 25.0])
def test_a_limit_that_tolerates_nothing_is_shown_and_decides_nothing(skew_s: float):
    finding = judge(skew_s, {"limits": ["cert-manager", "wireguard"]})
    assert (finding.state, finding.keys, finding.about) == ("pass", (), ())
    assert [row["name"] for row in finding.seen["budget"]] == ["argocd"]
    assert finding.seen["without_tolerance"] == {
        "cert-manager": "0 s behind, no limit ahead",
        "wireguard": "no limit behind, 0 s ahead",
    }
    shown = (
        "not judged without a tolerance in gate_limit_profiles: cert-manager (0 s behind, no limit ahead), wireguard ("
    )
    assert shown in finding.summary


@pytest.mark.parametrize(("skew_s", "state"), [(-3.0, "fail"), (-1.0, "pass"), (25.0, "pass")])
def test_it_counts_with_a_tolerance_of_the_users(skew_s: float, state: str):
    settings = {"limits": ["cert-manager"], "limit_profiles": {"cert-manager": {"behind_s": 2}}}
    finding = judge(skew_s, settings)
    assert finding.state == state
    assert "without_tolerance" not in finding.seen
    assert [row["name"] for row in finding.seen["budget"]] == ["argocd", "cert-manager"]


def test_a_figure_of_the_users_does_not_take_away_what_breaks_beyond_the_limit():
    settings = {"limits": ["cert-manager"], "limit_profiles": {"cert-manager": {"behind_s": 2}}}
    assert "cert-manager: the node does not trust a certificate that" in judge(-3.0, settings).why
    settings["limit_profiles"]["cert-manager"]["breaks"] = "our pipeline waits"
    assert "cert-manager: our pipeline waits." in judge(-3.0, settings).why


def test_limits_that_nobody_named_are_not_said_to_fail_for_want_of_a_tolerance():
    for skew_s in (-80.0, 25.0):
        seen = judge(skew_s).seen
        assert not {"cert-manager", "wireguard"} & {*seen["other_limits_that_would_fail"]}


def test_with_every_limit_a_right_clocks_finding_is_no_longer_than_without():
    decide = [name for name, limit in shipped_limits().items() if not limit.without_tolerance]
    finding = judge(0.0, {"limits": decide})
    assert (finding.state, finding.summary) == ("pass", judge(0.0).summary)
    assert len(finding.seen["budget"]) == 1 + len(decide)


def test_a_wrong_clocks_finding_names_the_first_limits_and_counts_the_others():
    names = list(shipped_limits())
    finding = judge(-25.0, {"clients": ["argocd"], "limits": names})
    assert "beyond etcd (0.5 s behind), k0sctl (15 s behind), sealos (2.5 s behind), " in finding.summary
    assert len(finding.summary) < 700
    assert len(finding.why) < 1500
    assert len(finding.cause) < 150
    broken = {row["name"] for row in finding.seen["budget"] if row["outcome"] == "fail"}
    assert broken == {*finding.about} - {"behind"}
    assert f"and {len(broken) - 6} more; within " in finding.summary
