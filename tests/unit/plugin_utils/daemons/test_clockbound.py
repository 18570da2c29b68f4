"""ClockBound 3, asked by its shared memory. The segments are made after its documentation: no
ClockBound wrote them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.ntp_sources import Key as Sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.sync_state import Key as Sync
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.time_service import Key as Service
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.clockbound import (
    MAGIC,
    Segment,
    Status,
    parse_segment,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import leaves_clock_alone
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHRONY_UNIT, MONO_NS, NS, boot_unit, evidence, record, time_services, unit
from tests.findings import finding_of, unsaid
from tests.shared_memory import DISRUPTED, FREE_RUNNING, SIZES, UNKNOWN, segment
from tests.unit.plugin_utils.daemons import recorded

LATEST_NS = MONO_NS - NS
"""When the daemon wrote last: a second before it was read."""


def shm1(**fields: Any) -> bytes:
    return segment(3, as_of_ns=LATEST_NS, **fields)


# The parser


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("layout", [2, 3])
def test_a_segment_is_read_in_the_byte_order_of_its_machine(layout, order):
    octets = segment(layout, order=order, as_of_ns=290_250_000_000, lasts_s=100, disruption_marker=2**64 - 1)
    assert parse_segment(octets) == Segment(
        layout, 290.25, 390.25, 0.00041, 5e-05, Status.SYNCHRONIZED, marker=2**64 - 1
    )


@pytest.mark.parametrize(
    ("layout", "version"), [(2, 2), (2, 0x0202), (3, 3), (3, 0x0303), (3, 0x0302), (3, 0x0203), (3, 0x0300)]
)
def test_the_version_is_one_number_or_the_lowest_and_the_highest_one(layout, version):
    assert parse_segment(segment(layout, version=version)).layout == layout


def test_what_follows_a_segment_in_its_file_does_not_matter():
    assert parse_segment(segment(2) + bytes(176)) == parse_segment(segment(2))


def test_without_support_for_disruptions_the_marker_says_nothing():
    assert parse_segment(segment(disruption_marker=5, disruption_support=0)).marker is None


BROKEN = {
    "empty": (b"", "magic number"),
    "another file": (b"#!/bin/sh\necho Synchronized\n" * 8, "magic number"),
    "the magic number alone": (segment()[:8], "cut off after 8"),
    "cut off": (segment()[:-1], "cut off: 103 octets"),
    "layout 3 cut off to the size of layout 2": (segment()[:80], "cut off: 80"),
    "larger than its file": (segment(size=800), "800 according to itself"),
    "smaller than its layout": (segment(size=80), "80 according to itself"),
    "layout 2 that claims to be 3": (segment(2, version=3), "cut off: 80"),
    "wiped": (segment(version=0, generation=0), "not written"),
    "not written since it was made": (segment(generation=0), "not written"),
    "half written": (segment(generation=4243), "was writing"),
    "layout 1": (segment(2, version=1), "not known: version 0x0001"),
    "a layout to come": (segment(version=4), "not known: version 0x0004"),
    "a layout to come that 3 can read": (segment(version=0x0403), "not known: version 0x0403"),
    "another status": (segment(clock_status=4), "4 is not a valid Status"),
    "a status below all": (segment(clock_status=-1), "-1 is not a valid Status"),
    "a negative bound": (segment(bound_nsec=-1), "-1 ns"),
    "a drift that no clock has": (segment(max_drift_ppb=1_000_000_000), "1000000000 ppb"),
    "a time before the boot": (segment(as_of_sec=-1), "as_of is no time"),
    "more than a second of nanoseconds": (segment(void_after_nsec=1_000_000_000), "void_after is no time"),
}


@pytest.mark.parametrize(("octets", "said"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_segment_is_refused(octets, said):
    with pytest.raises(ValueError, match=said):
        parse_segment(octets)


MOST = 2**63 - 1


@given(
    layout=st.sampled_from([2, 3]),
    order=st.sampled_from("<>"),
    fields=st.fixed_dictionaries(
        {
            **dict.fromkeys(("as_of_sec", "void_after_sec", "bound_nsec"), st.integers(0, MOST)),
            **dict.fromkeys(("as_of_nsec", "void_after_nsec", "max_drift_ppb"), st.integers(0, NS - 1)),
            "clock_status": st.integers(0, 3),
            "disruption_marker": st.integers(0, 2**64 - 1),
        }
    ),
)
def test_what_was_written_is_read(layout, order, fields):
    assert parse_segment(segment(layout, order=order, **fields)) == Segment(
        layout,
        as_of_s=fields["as_of_sec"] + fields["as_of_nsec"] / NS,
        void_after_s=fields["void_after_sec"] + fields["void_after_nsec"] / NS,
        bound_s=fields["bound_nsec"] / NS,
        drift=fields["max_drift_ppb"] / NS,
        status=Status(fields["clock_status"]),
        marker=fields["disruption_marker"],
    )


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: segment()[:16] + rest)))
def test_any_octets_are_a_segment_or_a_value_error(octets):
    try:
        read = parse_segment(octets)
    except ValueError:
        return
    assert isinstance(read.status, Status)
    assert len(octets) >= SIZES[read.layout]


def test_the_writer_of_the_tests_and_the_parser_have_the_magic_number_of_the_protocol():
    assert segment(order="<")[:8] == bytes.fromhex("4e5a4d41 00024243")
    assert segment(order=">")[:8] == bytes.fromhex("414d5a4e 43420200")
    assert f"{MAGIC[0]:08x}{MAGIC[1]:08x}" == "414d5a4e43420200"


# Judged


WITHOUT_CHRONY = {
    "present": False,
    "version": None,
    "config": {"path": None, "files": [], "unread": []},
    "commands": {},
}


def judged(data: dict[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """The verdict on a node and all findings, by check, of what the boundary lets through."""
    found = judge_record(parse_record(json.loads(json.dumps(data))))
    return found["verdict"], {finding["check"]: finding for finding in found["findings"]}


def whole(**sections: Any) -> dict[str, dict[str, Any]]:
    """All findings of a node."""
    return judged(record(**sections))[1]


def test_a_node_that_a_good_clockbound_steers_is_admitted():
    boots = {"units": [boot_unit("clockbound.service")], "uptime_s": 290.0, "fake_hwclock": None}
    rtc = {"present": True, "since_epoch_s": 1_795_336_536, "wall_s_at_read": 1_795_336_536.25, "local_time": False}
    clock = {**recorded.CLOCKBOUND["clock"], "rtc": rtc}
    shown = {**recorded.CLOCKBOUND, "chrony": WITHOUT_CHRONY, "boot": boots, "clock": clock}
    verdict, findings = judged(record(**shown))
    assert verdict == "admit"
    states = {check: findings[check]["state"] for check in ("time_service", "ntp_sources", "sync_state", "next_boot")}
    assert set(states.values()) == {"pass"}


def test_its_bound_is_what_it_wrote_and_the_drift_since_then():
    finding = finding_of(sync_state, record(**recorded.clockbound(shm1(), age_s=1.0)))
    assert finding.state == "pass"
    assert finding.seen["claim"] == "Synchronized in shm1, Synchronized in shm0"
    assert (finding.seen["last_update_age_s"], finding.seen["max_error_s"]) == (1.0, 0.00046)
    assert not unsaid(finding.summary, "clockbound", "1 s ago", "0.000460 s")


def test_the_larger_bound_of_the_two_segments_counts():
    of_system = segment(2, as_of_ns=LATEST_NS, bound_nsec=30_000_000)
    assert finding_of(sync_state, record(**recorded.clockbound(shm0=of_system))).seen["max_error_s"] == 0.03005


@pytest.mark.parametrize(("shm0", "state"), [(None, "pass"), ("gone", "skipped")])
def test_without_the_kernels_word_only_shm0_shows_how_far_the_systems_clock_is(shm0, state):
    """shm1 is of the clock that ClockBound keeps for its readers."""
    shown = {**recorded.clockbound(shm0=shm0), "clock": {"adjtimex": {"error": "OSError: EPERM"}}}
    findings = whole(**shown)
    assert findings["sync_state"]["state"] == state
    assert findings["ntp_sources"]["state"] == ("pass" if state == "pass" else "inconclusive")


FAULTS = {  # the shared memory, the keys of ntp_sources and sync_state (None: skipped), and what is said
    "just started": ({"shm1": shm1(clock_status=UNKNOWN)}, Sources.NONE_SELECTED, None, ["Unknown", "not measured"]),
    "its sources are lost": ({"shm1": shm1(clock_status=FREE_RUNNING)}, Sources.NONE_ANSWERS, None, ["FreeRunning"]),
    "the hypervisor disrupted the clock": (
        {"shm1": shm1(clock_status=DISRUPTED)},
        Sources.NONE_SELECTED,
        None,
        ["Disrupted", "hypervisor"],
    ),
    "the system's clock is not there yet": (
        {"shm0": segment(2, as_of_ns=LATEST_NS, clock_status=UNKNOWN)},
        Sources.NONE_SELECTED,
        None,
        ["Unknown in shm0", "not yet set the system's clock"],
    ),
    "it hangs": ({"age_s": 61.0}, Sources.NONE_SELECTED, Sync.UPDATE_TOO_OLD, ["61 s", "Synchronized"]),
    "void, and it still says Synchronized": (
        {"shm1": segment(as_of_ns=MONO_NS - 30 * NS, lasts_s=29)},
        Sources.NONE_SELECTED,
        Sync.UPDATE_TOO_OLD,
        ["30 s", "Synchronized"],
    ),
    "void before it was written": (
        {"shm1": shm1(void_after_sec=0)},
        Sources.NONE_SELECTED,
        Sync.UPDATE_TOO_OLD,
        ["1 s", "Synchronized"],
    ),
    "only the segment of the system's clock is old": (
        {"shm0": segment(2, as_of_ns=MONO_NS - 90 * NS)},
        Sources.NONE_SELECTED,
        Sync.UPDATE_TOO_OLD,
        ["90 s", "shm0"],
    ),
    "written in the future": (
        {"shm1": segment(as_of_ns=MONO_NS + 100 * NS), "shm0": "gone"},
        Sources.NONE_SELECTED,
        Sync.UPDATE_IN_THE_FUTURE,
        ["100 s"],
    ),
    "one of them written a little in the future, which its readers refuse": (
        {"shm1": segment(as_of_ns=MONO_NS + NS // 2)},
        Sources.NONE_SELECTED,
        "pass",
        ["wrote shm1 0.500 s in the future"],
    ),
    "void before it was written, and not a tick old": (
        {"shm1": segment(as_of_ns=MONO_NS + NS // 200, lasts_s=-1), "shm0": "gone"},
        Sources.NONE_SELECTED,
        Sync.UPDATE_TOO_OLD,
        ["Synchronized"],
    ),
    "the end of time": (
        {"shm1": segment(as_of_sec=MOST, void_after_sec=MOST), "shm0": "gone"},
        Sources.NONE_SELECTED,
        Sync.UPDATE_IN_THE_FUTURE,
        ["Synchronized"],
    ),
    "a bound of two seconds": ({"shm1": shm1(bound_nsec=2 * NS)}, None, Sync.ROOT_DISTANCE, ["2.000 s", "the bound"]),
    "a bound of 292 years": ({"shm1": shm1(bound_nsec=MOST)}, None, Sync.ROOT_DISTANCE, ["9223372036.855 s"]),
    "it slews two seconds": ({"offset_us": 2_000_000.0}, None, Sync.LARGE_CORRECTION, ["2.000 s"]),
}


@pytest.mark.parametrize(("shown", "of_sources", "of_state", "said"), FAULTS.values(), ids=FAULTS)
def test_a_clockbound_that_is_not_good_is_refused_with_the_reason(shown, of_sources, of_state, said):
    findings = whole(**recorded.clockbound(**shown))
    sources, state = findings["ntp_sources"], findings["sync_state"]
    assert (sources["state"], sources["keys"]) == (("fail", [of_sources]) if of_sources else ("pass", []))
    if of_state == "pass":
        assert state["state"] == "pass"
    elif of_state:
        assert (state["state"], state["keys"]) == ("fail", [of_state])
    else:
        assert (state["state"], state["keys"]) == ("skipped", [Sync.NOT_SYNCHRONISED])
    assert not unsaid(f"{sources['summary']} {state['summary']}", *said)


def test_a_clockbound_that_contradicts_the_references_is_refused():
    _verdict, findings = judged(record(5.0, **recorded.CLOCKBOUND))
    assert findings["sync_state"]["keys"] == [Sync.REFERENCES_CONTRADICT]


@pytest.mark.parametrize(("octets", "said"), BROKEN.values(), ids=BROKEN)
def test_a_segment_that_cannot_be_read_is_not_known_to_be_good(octets, said):
    findings = whole(**recorded.clockbound(octets))
    assert (findings["ntp_sources"]["state"], findings["ntp_sources"]["keys"]) == (
        "inconclusive",
        [CommonKey.MISSING_EVIDENCE],
    )
    assert findings["sync_state"]["state"] != "pass"
    assert not unsaid(findings["ntp_sources"]["summary"], "/var/run/clockbound/shm1", said)


@pytest.mark.parametrize(
    "error", ["FileNotFoundError: [Errno 2] No such file", "ValueError: it is not a regular file", "OSError: ELOOP"]
)
def test_a_segment_that_was_not_read_is_not_known_to_be_good(error):
    findings = whole(**recorded.clockbound(error))
    assert findings["ntp_sources"]["state"] == "inconclusive"
    assert findings["sync_state"]["state"] != "pass"
    assert not unsaid(findings["ntp_sources"]["summary"], "shm1", error)


def with_pids(**pids: list[int]) -> dict[str, Any]:
    """ClockBound's shared memory with the processes that write it, by the file's name."""
    shown = recorded.clockbound()
    segments = [
        {**each, "pids": pids.get(each["path"].rpartition("/")[2], each["pids"])}
        for each in shown["clockbound"]["segments"]
    ]
    return {**shown, "clockbound": {**shown["clockbound"], "segments": segments}}


def test_a_segment_that_no_clockbound_is_known_to_write_proves_nothing():
    finding = whole(**with_pids(shm0=[], shm1=[]))["ntp_sources"]
    assert finding["state"] == "inconclusive"
    assert not unsaid(f"{finding['summary']} {finding['remedy']}", "/var/run/clockbound/shm1", "become: true")


@pytest.mark.parametrize(("pids", "claim"), [([], "Synchronized in shm1"), ([99], "Synchronized in shm1")])
def test_what_an_earlier_or_another_clockbound_left_in_shm0_does_not_count(pids, claim):
    shown = with_pids(shm0=pids)
    shown["clockbound"]["segments"][0]["hex"] = segment(2, clock_status=UNKNOWN).hex()
    finding = whole(**shown)["sync_state"]
    assert (finding["state"], finding["seen"]["claim"]) == ("pass", claim)


@pytest.mark.parametrize(
    ("marker", "device", "support", "status"),
    [
        ("0000000000000007", "/dev/vmclock0", 1, "Synchronized"),
        ("0000000000000008", "/dev/vmclock0", 1, "Unknown"),
        ("0000000000000008", "/dev/vmclock0", 0, "Synchronized"),
        ("0000000000000008", "/dev/vmclock1", 1, "Synchronized"),
    ],
)
def test_a_disruption_that_the_daemon_has_not_seen_yet_makes_the_status_unknown(marker, device, support, status):
    clock = {"device": device, "disruption_marker": marker, "vm_generation_counter": None}
    collected = {**evidence()["collected"], "vmclocks": [clock]}
    shown = recorded.clockbound(shm1(disruption_support=support), "gone")
    finding = whole(**{**shown, "collected": collected})["sync_state"]
    assert finding["seen"]["claim"].startswith(f"{status} in shm1")
    assert (finding["state"] == "pass") == (status == "Synchronized")


def test_a_vmclock_that_could_not_be_read_is_none():
    collected = {**evidence()["collected"], "vmclocks": [{"device": "/dev/vmclock0", "error": "OSError: busy"}]}
    assert whole(**{**recorded.CLOCKBOUND, "collected": collected})["sync_state"]["state"] == "pass"


@pytest.mark.parametrize(
    "section",
    [
        {"processes": 7},
        {"processes": [{"pid": "7", "writes": []}]},
        {"processes": [{"pid": 7, "writes": "shm1"}]},
        {"segments": [{"path": "/shm1", "pids": [7], "mono_ns": 1, "hex": "0g"}]},
        {"segments": [{"path": "/shm1", "pids": [7], "mono_ns": 1, "hex": "00" * 257}]},
        {"segments": [{"path": "/shm1", "pids": ["7"], "mono_ns": 1, "hex": ""}]},
        {"segments": [{"path": "/shm1", "pids": [7], "mono_ns": -1, "hex": ""}]},
        {"segments": [{"path": "/shm1", "error": ""}]},
    ],
)
def test_a_section_of_another_form_is_malformed(section):
    whole_section = {**recorded.CLOCKBOUND["clockbound"], **section}
    finding = whole(**{**recorded.CLOCKBOUND, "clockbound": whole_section})["ntp_sources"]
    assert (finding["state"], finding["keys"]) == ("inconclusive", [CommonKey.MALFORMED])


def test_one_in_a_container_cannot_be_asked():
    section = {"present": False, "processes": [], "segments": []}
    finding = whole(**{**recorded.CLOCKBOUND, "clockbound": section})["ntp_sources"]
    assert finding["state"] == "inconclusive"
    assert not unsaid(finding["summary"], "outside containers")


def test_evidence_of_an_earlier_version_has_no_such_section():
    finding = whole(**{**recorded.CLOCKBOUND, "clockbound": None})["ntp_sources"]
    assert (finding["state"], finding["about"]) == ("inconclusive", ["clockbound"])


# Which version runs


def beside_chronyd(*argv: str, pids_of: dict[str, list[int]] | None = None, **of_process: Any) -> dict[str, Any]:
    """Chronyd with a ClockBound beside it, each in its unit, and with the segments that it
    writes.
    """
    command = {"pid": 812, "comm": "clockbound", "argv": ["/usr/bin/clockbound", *argv], "may_set_clock": True}
    chronyd = {"pid": 731, "comm": "chronyd", "argv": ["/usr/sbin/chronyd"], "may_set_clock": True}
    processes = [{"pid": pid, "writes": [name]} for name, pids in (pids_of or {}).items() for pid in pids]
    return {
        "time_services": time_services(
            CHRONY_UNIT,
            unit("clockbound.service", main_pid=812),
            processes=[chronyd, {**command, **of_process}],
        ),
        "clockbound": {"present": True, "processes": processes, "segments": []},
    }


READS_ONLY = {
    "it writes shm0 alone": beside_chronyd(pids_of={"shm0": [812]}),
    "another writes shm1": beside_chronyd(pids_of={"shm0": [812], "shm1": [99]}),
    "an option of 2": beside_chronyd("--max-drift-rate", "50"),
    "an option of 2 with its value": beside_chronyd("--max-drift-rate=50"),
    "the short one": beside_chronyd("-m50"),
    "it has no CAP_SYS_TIME": beside_chronyd(may_set_clock=False),
}


@pytest.mark.parametrize("shown", READS_ONLY.values(), ids=READS_ONLY)
def test_a_healthy_node_with_clockbound_2_beside_chronyd_is_admitted(shown):
    verdict, findings = judged(record(**shown))
    assert verdict == "admit"
    assert (findings["time_service"]["state"], findings["sync_state"]["seen"]["daemon"]) == ("pass", "chronyd")


STEERS = {
    "it writes shm1": beside_chronyd(pids_of={"shm1": [812]}),
    "it writes both": beside_chronyd(pids_of={"shm0": [812], "shm1": [812]}),
    "it writes shm1, whatever its options": beside_chronyd("-m", "50", pids_of={"shm1": [812]}),
    "an option of 3": beside_chronyd("-c", "/etc/clockbound.toml"),
    "a long option of 3": beside_chronyd("--configuration=/etc/clockbound.toml"),
}


@pytest.mark.parametrize("shown", STEERS.values(), ids=STEERS)
def test_clockbound_3_beside_chronyd_is_one_daemon_too_many(shown):
    finding = whole(**shown)["time_service"]
    assert (finding["state"], finding["keys"]) == ("fail", [Service.SEVERAL])
    assert not unsaid(finding["remedy"], "Keep chrony.service", "systemctl disable --now clockbound.service")


OPEN = {
    "no options and no segments": beside_chronyd(),
    "segments of another process": beside_chronyd(pids_of={"shm0": [99], "shm1": [99]}),
    "an option of neither": beside_chronyd("--no-such-option"),
    "the section failed": {**beside_chronyd(), "clockbound": {"error": "PermissionError: no"}},
    "the section is malformed": {**beside_chronyd(), "clockbound": {"segments": 7}},
    "the section is missing": {**beside_chronyd(), "clockbound": None},
}


@pytest.mark.parametrize("shown", OPEN.values(), ids=OPEN)
def test_a_clockbound_of_which_the_version_is_not_known_leaves_it_open(shown):
    finding = whole(**shown)["time_service"]
    assert finding["state"] == "inconclusive"
    assert not unsaid(finding["summary"], "clockbound (pid 812)")


def test_a_clockbound_2_alone_steers_nothing_and_chronyd_is_what_lacks():
    services = time_services(
        unit("clockbound.service"), processes=[{"pid": 731, "comm": "clockbound", "argv": ["clockbound", "-m", "50"]}]
    )
    finding = whole(chrony=None, time_services=services)["time_service"]
    assert finding["keys"] == [Service.LEAVES_CLOCK_ALONE]
    assert not unsaid(f"{finding['summary']} {finding['remedy']}", "ClockBound 2", "Run chronyd")


def test_a_clockbound_in_a_container_is_not_known_by_the_nodes_files():
    process = {"pid": 5, "comm": "clockbound", "argv": ["clockbound"], "contained": True}
    shown = recorded.CLOCKBOUND
    assert leaves_clock_alone(process, Record(record(**shown))) == ""
    chronyd = {"pid": 7, "comm": "chronyd", "argv": ["chronyd"]}
    beside = Record(record(**{**shown, "time_services": time_services(processes=[process, chronyd])}))
    with pytest.raises(MissingEvidenceError, match="not known whether clockbound"):
        leaves_clock_alone(process, beside)


def test_the_finding_shows_that_it_names_no_source():
    finding = finding_of(ntp_sources, record(**recorded.CLOCKBOUND))
    assert [(shown["name"], shown["state"]) for shown in finding.seen["sources"]] == [
        ("a source that it does not name", "selected")
    ]
