from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.skewgate.preflight.plugins.filter.admissions import FilterModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import MAX_AGE_S, stale_because

from tests.paths import ROOT

AT = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("judged_at", "max_age_s", "why"),
    [
        pytest.param("2026-01-31T12:00:00Z", 3600, "", id="fresh"),
        pytest.param("2026-01-31T12:00:00Z", 1800, "", id="just fresh"),
        pytest.param("2026-01-31T12:00:00Z", 1799, "1800 s ago, but at most 1799 s", id="stale"),
        pytest.param("2026-01-31T12:00:00Z", float("nan"), "at most nan s", id="no age"),
        pytest.param("2026-01-31T12:31:00Z", 3600, "", id="a minute in the future"),
        pytest.param("2026-01-31T12:31:01Z", 3600, "in the future", id="in the future"),
    ],
)
def test_an_admission_holds_only_while_it_is_fresh(judged_at: str, max_age_s: float, why: str) -> None:
    found = stale_because(judged_at, max_age_s, AT)
    assert why in found
    assert (found == "") == (why == "")


def test_the_filter_answers_for_now() -> None:
    stale = FilterModule().filters()["stale_because"]
    assert stale(now(), "3600") == ""
    assert "s ago" in stale("2026-01-31T12:00:00Z", 3600)
    with pytest.raises(AnsibleFilterError, match="expected RFC 3339"):
        stale("yesterday", 3600)


def test_the_role_has_the_same_age_by_default() -> None:
    defaults = yaml.safe_load((ROOT / "roles/gate/defaults/main.yml").read_text())
    assert defaults["gate_admission_max_age_s"] == MAX_AGE_S
