from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import chrony_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.chrony_config import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey, Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import CHRONY_UNIT, chrony, policy, record, time_services, unit
from tests.findings import finding_of, unsaid

MAIN = "/etc/chrony/chrony.conf"
GOOD = "server a iburst\nserver b iburst\nserver c iburst\ndriftfile /d\nmakestep 1 3\nrtcsync\n"


def judge(config: dict[str, Any] | str, *units: dict[str, Any], accepted: tuple[str, ...] = ()) -> Finding:
    section = chrony(config=config) if isinstance(config, str) else {**chrony(), "config": config}
    sections = {"time_services": time_services(*(units or (CHRONY_UNIT,))), "chrony": section}
    return finding_of(chrony_config, record(of_policy=policy(accepted_rules=accepted), **sections))


def files(path: str | None, *texts: tuple[str, str], **unread: str) -> dict[str, Any]:
    return {
        "path": path,
        "files": [{"path": name, "text": text} for name, text in texts],
        "unread": [{"path": path, "error": error} for error in unread.values()],
    }


def test_a_good_configuration_passes_with_nothing_to_say():
    finding = judge(GOOD)
    assert (finding.state, finding.keys, finding.about) == ("pass", (), ())
    assert "CHR" not in finding.summary
    assert finding.seen == {"files": [MAIN], "unread": {}, "rules": []}


def test_a_weak_one_passes_and_names_what_is_weak():
    finding = judge("pool a\nallow\nmakestep 1 3\nrtcsync\n")
    assert (finding.state, finding.keys) == ("pass", ())
    assert not unsaid(finding.summary, "CHR204 no-driftfile", "CHR302 allow")
    assert [row["id"] for row in finding.seen["rules"]] == ["CHR204", "CHR302"]
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
    assert (finding.state, finding.keys, finding.about) == ("inconclusive", (Key.UNKNOWN,), ("CHR002",))
    assert not unsaid(finding.summary, "CHR002 unread-file", "[Errno 13] Permission denied")
    assert judge(config, accepted=("CHR002",)).state == "pass"


def test_a_wrong_one_fails_with_the_place_and_the_remedy_of_each_error_first():
    sources = "/etc/chrony/sources.d/ntp.sources"
    config = files(MAIN, (MAIN, f"{GOOD}local\nminsources 7\nsourcedir /etc/chrony/sources.d\n"), (sources, "server d"))

    finding = judge(config)

    assert (finding.state, finding.keys, finding.about) == ("fail", (Key.ERROR,), ("CHR004", "CHR108"))
    places = [
        finding.summary.index(part)
        for part in (
            "CHR004 dropped-source",
            f"{sources}:1 (server d: ",
            "CHR108 minsources-out-of-reach",
            f"{MAIN}:8 (minsources 7)",
            "CHR208 local",
        )
    ]
    assert places == sorted(places)
    assert not unsaid(finding.remedy, f"CHR004: {RULES['CHR004'].remedy}", f"CHR108: {RULES['CHR108'].remedy}")
    assert "CHR208" not in finding.remedy
    assert [row["severity"] for row in finding.seen["rules"]] == ["error", "error", "warning"]


def test_an_accepted_rule_is_shown_and_refuses_nothing():
    finding = judge("noclientlog\ndriftfile /d\nrtcsync\nmakestep 1 3\n", accepted=("CHR101", "CHR302"))
    assert (finding.state, finding.keys) == ("pass", ())
    assert not unsaid(finding.summary, "CHR101 no-source")
    assert "CHR302" not in finding.summary
    assert [(row["id"], row["accepted"]) for row in finding.seen["rules"]] == [("CHR101", True)]


def test_there_is_nothing_to_lint_if_another_daemon_steers_the_clock():
    finding = judge("server a", unit("systemd-timesyncd.service"))
    assert (finding.state, finding.keys, finding.seen) == ("pass", (), {})
    assert "systemd-timesyncd.service" in finding.summary


def test_if_no_daemon_runs_it_follows_from_what_time_service_found():
    finding = judge("server a", unit("chrony.service", active="inactive"))
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,))
    assert "time_service" in finding.why


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        pytest.param(files(None), "chronyd", id="none found"),
        pytest.param(files(MAIN, error="[Errno 13] Permission denied"), "Permission denied", id="not to be read"),
    ],
)
def test_a_configuration_that_was_not_read_is_not_judged(config, reason):
    with pytest.raises(MissingEvidenceError, match=reason):
        judge(config)


def test_the_explanation_lists_every_rule():
    assert all(f"{rule.id}  {rule.severity}" in (chrony_config.__doc__ or "") for rule in RULES.values())
