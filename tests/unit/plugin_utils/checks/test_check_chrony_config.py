from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import chrony_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import CHRONY_UNIT, chrony, policy, time_services, unit

MAIN = "/etc/chrony/chrony.conf"
GOOD = "server a iburst\nserver b iburst\nserver c iburst\ndriftfile /d\nmakestep 1 3\nrtcsync\n"


def judge(config: dict[str, Any] | str, *units: dict[str, Any], accepted: tuple[str, ...] = ()) -> Finding:
    section = chrony(config=config) if isinstance(config, str) else {**chrony(), "config": config}
    evidence = {"time_services": time_services(*(units or (CHRONY_UNIT,))), "chrony": section}
    return chrony_config.judge(
        Record({"evidence": evidence}), Policy.from_json({**policy(), "accepted_rules": accepted})
    )


def files(path: str | None, *texts: tuple[str, str], **unread: str) -> dict[str, Any]:
    return {
        "path": path,
        "files": [{"path": name, "text": text} for name, text in texts],
        "unread": [{"path": path, "error": error} for error in unread.values()],
    }


def test_a_good_configuration_passes_with_nothing_to_say():
    finding = judge(GOOD)
    assert (finding.state, finding.summary) == ("pass", "nothing wrong in 1 file(s) that chronyd reads")
    assert finding.seen == {"files": [MAIN], "unread": {}, "rules": []}


def test_a_weak_one_passes_and_names_what_is_weak():
    finding = judge("pool a\nallow\nmakestep 1 3\nrtcsync\n")
    assert finding.state == "pass"
    assert finding.summary.endswith("; warnings: CHR204 no-driftfile, CHR302 allow")
    assert finding.seen["rules"][1] == {
        "id": "CHR302",
        "name": "allow",
        "severity": "warning",
        "accepted": False,
        "file": MAIN,
        "line": 2,
        "text": "allow",
        "why": RULES["CHR302"].why,
        "remedy": RULES["CHR302"].remedy,
    }


def test_a_file_that_could_not_be_read_is_no_pass_and_no_failure_unless_it_is_accepted():
    config = files(MAIN, (MAIN, GOOD), unread="[Errno 13] Permission denied")
    finding = judge(config)
    assert (finding.state, finding.cause) == ("inconclusive", "CHR002 unread-file")
    assert judge(config, accepted=("CHR002",)).state == "pass"


def test_a_wrong_one_fails_with_the_place_and_the_remedy_of_each_error_first():
    sources = "/etc/chrony/sources.d/ntp.sources"
    config = files(MAIN, (MAIN, f"{GOOD}local\nminsources 7\nsourcedir /etc/chrony/sources.d\n"), (sources, "server d"))

    finding = judge(config)

    assert finding.state == "fail"
    assert finding.summary == (
        f"CHR004 dropped-source at {sources}:1 (server d: no newline ends it); "
        f"CHR108 minsources-out-of-reach at {MAIN}:8 (minsources 7); warnings: CHR208 local"
    )
    assert finding.remedy == f"CHR004: {RULES['CHR004'].remedy}; CHR108: {RULES['CHR108'].remedy}"
    assert finding.cause == "CHR004 dropped-source, CHR108 minsources-out-of-reach"
    assert [row["severity"] for row in finding.seen["rules"]] == ["error", "error", "warning"]


def test_an_accepted_rule_is_shown_and_refuses_nothing():
    finding = judge("noclientlog\ndriftfile /d\nrtcsync\nmakestep 1 3\n", accepted=("CHR101", "CHR302"))
    assert finding.state == "pass"
    assert finding.summary.endswith("; accepted: CHR101 no-source")
    assert [(row["id"], row["accepted"]) for row in finding.seen["rules"]] == [("CHR101", True)]


def test_there_is_nothing_to_lint_where_another_daemon_steers_the_clock():
    finding = judge("server a", unit("systemd-timesyncd.service"))
    assert finding.state == "pass"
    assert finding.summary == "chrony does not steer this clock (systemd-timesyncd.service runs): nothing to lint"


def test_where_no_daemon_runs_it_follows_from_what_time_service_found():
    finding = judge("server a", unit("chrony.service", active="inactive"))
    assert finding.state == "skipped"
    assert "time_service" in finding.why


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        pytest.param(files(None), "no configuration file of chronyd was found", id="none found"),
        pytest.param(files(MAIN, error="[Errno 13] Permission denied"), "Permission denied", id="not to be read"),
    ],
)
def test_a_configuration_that_was_not_read_is_not_judged(config, reason):
    with pytest.raises(MissingEvidenceError, match=reason):
        judge(config)


def test_the_explanation_lists_every_rule():
    assert all(f"{rule.id}  {rule.severity}" in (chrony_config.__doc__ or "") for rule in RULES.values())
