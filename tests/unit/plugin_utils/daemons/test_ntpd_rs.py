"""ntpd-rs: its metrics, its own rule of who agrees, and ntp.toml."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import ntpd_rs
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.asking import synchronisation
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.first_correction import first_correction
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.ntp_toml import (
    MAX_TEXT,
    NtpToml,
    Source,
    parse_ntp_toml,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import ntp_server, record
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.daemons import recorded

SYNCHRONISED = recorded.sample("ntpd-rs_synchronised.status")


def asked(**sections):
    return synchronisation(Record(record(**sections)))


def states(**sections):
    return {peer.name: peer.state for peer in asked(**sections).peers}


# The metrics


def test_the_recorded_metrics_are_read():
    status = ntpd_rs.parse_status(SYNCHRONISED)
    assert (status.leap, status.stratum) == (0, 2)
    assert status.root_delay_s == pytest.approx(0.02, abs=0.001)
    assert status.root_dispersion_s == pytest.approx(9e-6, abs=1e-6)
    assert sorted(source.name for source in status.sources) == ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
    first = min(status.sources, key=lambda source: source.name)
    assert (first.address, first.poll_s, first.unanswered, first.works) == ("10.77.0.1", 2.0, 0, True)
    assert first.delay_s == pytest.approx(15e-6, abs=1e-6)


def test_a_node_that_was_600_s_ahead_has_a_positive_offset():
    """Recorded on a node whose clock had been set 600 s ahead."""
    status = ntpd_rs.parse_status(recorded.sample("ntpd-rs_ahead.status"))
    assert [source.offset_s for source in status.sources] == pytest.approx([600.0, 600.0], abs=0.1)


def test_names_keep_what_prometheus_escapes():
    text = SYNCHRONISED.replace('name="10.77.0.1:123"', 'name="/run/a\\"b,c=\\"d"')
    assert '/run/a\\"b,c=\\"d' in [source.name for source in ntpd_rs.parse_status(text).sources]


def test_a_warning_before_the_metrics_is_left_out():
    text = "Warning: Unable to load configuration file: io error\n" + SYNCHRONISED
    assert ntpd_rs.parse_status(text) == ntpd_rs.parse_status(SYNCHRONISED)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "leap_indicator", id="nothing"),
        pytest.param(SYNCHRONISED.replace("ntp_system_stratum 2", ""), "stratum", id="no stratum"),
        pytest.param(SYNCHRONISED.replace("ntp_source_offset", "ntp_source_other"), "offset", id="no offset"),
        pytest.param(SYNCHRONISED.replace("stratum 2", "stratum NaN"), "finite", id="not a number"),
        pytest.param(SYNCHRONISED.replace(',address="10.77.0.1:123"', ""), "address", id="no address"),
    ],
)
def test_metrics_that_lack_something_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        ntpd_rs.parse_status(text)


def test_a_source_that_was_never_measured_does_not_work():
    status = ntpd_rs.parse_status(recorded.sample("ntpd-rs_silent.status"))
    assert [source.works for source in status.sources] == [False] * 3


# Who agrees


def measured(offset_s, uncertainty_s=0.001, delay_s=0.0, unanswered=0):
    name = f"at {offset_s}"
    return ntpd_rs.Measured(name, name, offset_s, uncertainty_s, delay_s, 16.0, unanswered)


@pytest.mark.parametrize(
    ("offsets_s", "agreed"),
    [
        pytest.param([0.0, 0.001, 0.002], [0.0, 0.001, 0.002], id="all"),
        pytest.param([0.0, 0.001, 30.0], [0.0, 0.001], id="all but one"),
        pytest.param([0.0, 0.003, 0.006], [0.0, 0.003], id="not each with each"),
        pytest.param([0.0, 0.004], [0.0, 0.004], id="ranges that touch"),
        pytest.param([-20.0, 30.0, 30.001], [30.0, 30.001], id="the larger set"),
        pytest.param([], [], id="none"),
    ],
)
def test_the_largest_set_of_ranges_that_meet_agrees(offsets_s, agreed):
    found = ntpd_rs.agreeing([measured(offset_s) for offset_s in offsets_s], NtpToml(), 0.0)
    assert [source.offset_s for source in found] == agreed


def test_a_range_is_never_less_than_nothing():
    backwards = replace(measured(0.0), uncertainty_s=-1e308)
    assert backwards.range_s(NtpToml()) == 0.0
    text = re.sub(r"(ntp_source_uncertainty\w*\{.*\}) .*", r"\1 -1.0", SYNCHRONISED)
    assert set(states(**recorded.ntpd_rs(text, age_s=60.0)).values()) == {"candidate"}


def test_a_source_agrees_only_if_it_works_and_is_certain_enough():
    others = [measured(0.0), measured(0.001)]
    for useless in (measured(0.0, uncertainty_s=0.2), measured(0.0, delay_s=1.1), measured(0.0, unanswered=8)):
        assert ntpd_rs.agreeing([*others, useless], NtpToml(), 1.0) == others


def test_the_ranges_are_as_wide_as_ntp_toml_says():
    far = [measured(0.0, delay_s=0.01), measured(0.1, delay_s=0.01)]
    assert len(ntpd_rs.agreeing(far, NtpToml(), 0.0)) == 1
    assert len(ntpd_rs.agreeing(far, NtpToml(delays=6.0), 0.0)) == 2
    assert len(ntpd_rs.agreeing(far, NtpToml(deviations=60.0), 0.0)) == 2
    assert ntpd_rs.agreeing(far, NtpToml(delays=6.0, max_range_s=0.05), 0.0) == []


def test_the_best_of_those_that_agree_says_how_far_off_the_clock_is():
    sync = asked(**recorded.NTPD_RS)
    best = min(ntpd_rs.parse_status(SYNCHRONISED).sources, key=lambda source: source.uncertainty_s)
    assert sync.offset_s == best.offset_s


def test_as_long_as_it_updates_the_clock_its_sources_may_differ_by_less_than_it_steps():
    default = recorded.NTP_TOML.replace("range-delay-weight = 50.0", "")
    assert set(states(**recorded.ntpd_rs(SYNCHRONISED, toml=default)).values()) == {"selected"}
    stale = states(**recorded.ntpd_rs(SYNCHRONISED, age_s=60.0, toml=default))
    assert "selected" not in stale.values()


def test_too_few_that_answer_are_not_followed_even_if_the_last_update_is_recent():
    """Two of three have fallen silent since: no update comes, and its age does not show it yet."""
    text = SYNCHRONISED
    for name in ("10.77.0.1", "10.77.0.2"):
        text = text.replace(
            f'ntp_source_unanswered_polls{{name="{name}:123",address="{name}:123",id="{name[-1]}"}} 0',
            f'ntp_source_unanswered_polls{{name="{name}:123",address="{name}:123",id="{name[-1]}"}} 8',
        )
    found = states(**recorded.ntpd_rs(text))
    assert found == {"10.77.0.1": "unreachable", "10.77.0.2": "unreachable", "10.77.0.3": "candidate"}


def test_sources_that_are_not_certain_enough_have_no_vote():
    """It counts only those whose range is not too wide, as of a pool that it has just asked."""
    more = ""
    for number in "4567":
        at = f"10.77.0.{number}"
        lines = [line for line in SYNCHRONISED.splitlines() if "10.77.0.1:123" in line]
        more += "\n".join(lines).replace("10.77.0.1", at).replace('id="1"', f'id="{number}"') + "\n"
    more = re.sub(r"(ntp_source_uncertainty\w*\{.*\}) .*", r"\1 30.0", more)
    assert more.count("} 30.0") == 4
    found = states(**recorded.ntpd_rs(SYNCHRONISED + more))
    assert sorted(found.values()) == ["selected"] * 3 + ["unusable"] * 4


def test_a_source_that_is_not_certain_enough_is_unusable_and_says_why():
    sync = asked(**recorded.ntpd_rs(SYNCHRONISED, toml=recorded.NTP_TOML + "maximum-source-uncertainty = 0.00001\n"))
    assert {peer.state for peer in sync.peers} == {"unusable"}
    assert all("1e-05 s" in peer.reason.words for peer in sync.peers)


@pytest.mark.parametrize("name", ["ntp.example", "10.77.0.9", "2001:db8::9"])
def test_a_written_source_that_it_does_not_show_is_named(name):
    address = f"[{name}]" if name.count(":") > 1 else name
    toml = f'{recorded.NTP_TOML}[[source]]\nmode = "server"\naddress = "{address}:123"\n'
    expected = "unresolved" if name == "ntp.example" else "unreachable"
    assert states(**recorded.ntpd_rs(SYNCHRONISED, toml=toml))[name] == expected


def test_a_name_that_the_node_itself_resolves_is_not_called_unresolved():
    toml = recorded.of_servers("ntp.example")
    asked_too = {"ntp": {"servers": [{**ntp_server("192.0.2.1"), "server": "ntp.example"}]}}
    text = recorded.sample("ntpd-rs_unresolved.status")
    assert states(**recorded.ntpd_rs(text, toml=toml), **asked_too) == {"ntp.example": "unreachable"}


def test_nts_sources_without_keys_are_no_names_that_do_not_resolve():
    toml = '[[source]]\nmode = "nts"\naddress = "nts.example"\n'
    sections = recorded.ntpd_rs(recorded.sample("ntpd-rs_unresolved.status"), toml=toml)
    (peer,) = asked(**sections).peers
    assert peer.state == "unreachable"
    finding = finding_of(ntp_sources, record(**sections))
    assert finding.keys == (ntp_sources.Key.NONE_ANSWERS,)
    assert not unsaid(finding.summary, "nts.example: it has given no keys (NTS)")


def test_without_its_configuration_it_is_judged_by_the_defaults():
    sections = recorded.ntpd_rs(SYNCHRONISED)
    sections["ntpd_rs"]["config"] = {
        "path": "/etc/ntpd-rs/ntp.toml",
        "files": [],
        "unread": [{"path": "/etc/ntpd-rs/ntp.toml", "error": "permission denied", "kind": "denied"}],
    }
    assert set(states(**sections).values()) == {"selected"}
    sections["ntpd_rs"]["commands"] = recorded.NTPD_RS_NO_SOCKET["ntpd_rs"]["commands"]
    with pytest.raises(MissingEvidenceError, match="Could not open socket") as missing:
        asked(**sections)
    assert not missing.value.remedy  # that observation-path is missing is not known


# Age


def test_if_it_shows_no_source_the_shortest_interval_decides_what_is_stale():
    """A source without a route vanishes from what it shows."""
    text = recorded.sample("ntpd-rs_lost.status")
    gone = "".join(line for line in text.splitlines(keepends=True) if "address=" not in line)
    toml = recorded.of_servers("10.77.0.2") + "[source-defaults]\npoll-interval-limits = { min = 1, max = 10 }\n"
    assert asked(**recorded.ntpd_rs(gone, toml=toml)).stale_after_s == 16.0
    assert asked(**recorded.ntpd_rs(gone)).stale_after_s == 128.0


@pytest.mark.parametrize("age_s", [0.0, 4.0, 100.0, 20_000.0])
def test_the_age_of_the_last_update_is_the_kernels_since_the_root_delay_was_set(age_s):
    assert asked(**recorded.ntpd_rs(SYNCHRONISED, age_s=age_s)).last_update_age_s == pytest.approx(age_s, abs=0.1)


def test_the_age_is_not_known_if_the_kernel_counts_as_unsynchronised_or_it_claims_nothing():
    assert asked(**recorded.ntpd_rs(SYNCHRONISED, age_s=32_000.0)).last_update_age_s is None
    assert asked(**recorded.ntpd_rs(recorded.sample("ntpd-rs_starting.status"))).last_update_age_s is None


def test_a_root_delay_of_a_satellite_does_not_make_the_update_older():
    """maxerror begins at the whole root delay, of which half is no age."""
    far = SYNCHRONISED.replace("root_delay_seconds 0.020", "root_delay_seconds 0.620")
    assert far != SYNCHRONISED
    sync = asked(**recorded.ntpd_rs(far, age_s=2.0, root_delay_us=620_020.0))
    assert sync.last_update_age_s == pytest.approx(2.0, abs=0.1)
    assert sync.max_error_s + sync.to_slew_s == pytest.approx(0.62, abs=0.001)


# ntp.toml

DEBIANS = """\
[observability]
log-level = "info"
observation-path = "/var/run/ntpd-rs/observe"
[[source]]
mode = "pool"
address = "ntpd-rs.pool.ntp.org"
count = 4
[synchronization]
single-step-panic-threshold = 1800
startup-step-panic-threshold = { forward="inf", backward = 86400 }
"""


def test_debians_file_is_read():
    assert parse_ntp_toml(DEBIANS) == NtpToml(
        sources=(Source("pool", "ntpd-rs.pool.ntp.org"),), observation_path="/var/run/ntpd-rs/observe"
    )


@pytest.mark.parametrize(
    ("lines", "changes"),
    [
        ("", {}),
        ("startup-step-panic-threshold = 5", {"forward_s": 5.0, "backward_s": 5.0}),
        ('startup-step-panic-threshold = "inf"', {"forward_s": math.inf, "backward_s": math.inf}),
        ("startup-step-panic-threshold = { forward = 1800 }", {"forward_s": 1800.0, "backward_s": math.inf}),
        ("startup-step-panic-threshold.backward = 0.5", {"forward_s": math.inf, "backward_s": 0.5}),
        ("minimum-agreeing-sources = 1", {"agreeing": 1}),
        ("algorithm.step-threshold = 2", {"step_s": 2.0}),
        ("[source-defaults]\npoll-interval-limits = { min = 1, max = 10 }", {"least_poll_s": 2.0}),
        ("[source-defaults]\npoll-interval-limits = { min = 100000000000, max = 10 }", {"least_poll_s": 131072.0}),
        ("[synchronization.algorithm]\nrange-statistical-weight = 3", {"deviations": 3.0}),
    ],
)
def test_each_setting_has_the_daemons_default(lines, changes):
    assert parse_ntp_toml(f"[synchronization]\n{lines}\n") == replace(NtpToml(), **changes)


DEEP = "a." * 2000 + "a = 1"
"""The parser reads it without a recursion, and Python's repr does not."""


def test_a_name_is_shown_without_what_a_terminal_obeys():
    (source,) = parse_ntp_toml('[[source]]\nmode = "server"\naddress = "a\\u001b[31m\\u202eb\\nc"\n').sources
    assert source.name.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[synchronization", id="not TOML"),
        pytest.param("synchronization = 1", id="no table"),
        pytest.param("source = [1]", id="a source that is none"),
        pytest.param("source = 1", id="sources that are none"),
        pytest.param("[synchronization]\nminimum-agreeing-sources = true", id="no number"),
        pytest.param("[synchronization]\nstartup-step-panic-threshold = -1", id="negative"),
        pytest.param("[synchronization]\nstartup-step-panic-threshold = inf", id="infinite, and no text"),
        pytest.param("[synchronization]\nstartup-step-panic-threshold = nan", id="not a number"),
        pytest.param('[synchronization]\nstartup-step-panic-threshold = "no"', id="another text"),
        pytest.param("[synchronization]\nminimum-agreeing-sources = " + "9" * 4000, id="a number of 4000 digits"),
        pytest.param("[synchronization]\nminimum-agreeing-sources = 0x" + "f" * 9000, id="a number of 9000 digits"),
        pytest.param("[observability]\nobservation-path = 1", id="a path that is no text"),
        pytest.param("[[source]]\naddress = 1", id="an address that is no text"),
        pytest.param("x = " + "[" * 3000, id="nested too deeply"),
        pytest.param(f"[[source]]\nmode.{DEEP}", id="a mode that is nested deeply"),
        pytest.param(f"[[source]]\naddress.{DEEP}", id="an address that is nested deeply"),
        pytest.param(f"[observability]\nobservation-path.{DEEP}", id="a path that is nested deeply"),
        pytest.param(f"[synchronization]\nminimum-agreeing-sources.{DEEP}", id="a number that is nested deeply"),
        pytest.param("#" * (MAX_TEXT + 1), id="too long"),
    ],
)
def test_what_the_daemon_would_refuse_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_ntp_toml(text)


# What it does at its start


def first(toml):
    taken = Record(record(**recorded.ntpd_rs(SYNCHRONISED, toml=toml)))
    (daemon,) = time_daemons(taken)
    return first_correction(daemon, taken)


def test_by_default_it_steps_and_exits_only_if_the_clock_is_a_day_ahead():
    correction = first("")
    assert (correction.steps_beyond_s, correction.gives_up_beyond_s) == (0.01, math.inf)
    assert correction.gives_up(90_000.0, ahead=True)
    assert not correction.gives_up(86_000.0, ahead=True)
    assert not correction.gives_up(math.inf, ahead=False)
    assert "86400 s backward" in correction.words
    assert "forward" not in correction.words


def test_a_threshold_for_each_direction_counts_for_it():
    correction = first("[synchronization]\nstartup-step-panic-threshold = { forward = 1800, backward = 300 }\n")
    assert [correction.gives_up(off_s, ahead=True) for off_s in (200.0, 600.0)] == [False, True]
    assert [correction.gives_up(off_s, ahead=False) for off_s in (600.0, 3600.0)] == [False, True]
    assert "1800 s forward or 300 s backward" in correction.words


def test_a_file_that_cannot_be_read_leaves_its_start_unknown():
    with pytest.raises(MissingEvidenceError, match="its configuration can't be read") as missing:
        first("[synchronization")
    assert missing.value.remedy.startswith("Fix /etc/ntpd-rs/ntp.toml (`ntp-ctl validate")
