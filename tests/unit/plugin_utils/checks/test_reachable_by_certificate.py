"""A login with an OpenSSH certificate that the node refused: its clock may be why."""

from __future__ import annotations

import json

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.forms import RECORD, misfit
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.no_evidence import Cause
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import reachable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.reachable import Key

from tests.builders import refused_with_certificates, unreached
from tests.findings import finding_of, unsaid


@pytest.mark.parametrize(
    ("valid_s", "key", "words"),
    [
        pytest.param(
            [(-60, 240)],
            Key.SSH_CERTIFICATE_BY_NODE,
            [
                "valid from 2026-11-22T08:34:36Z to 2026-11-22T08:39:36Z",
                "whose clock, compared with this machine's, is more than 60 s behind or 240 s or more ahead",
                "`Certificate invalid: not yet valid`",
            ],
            id="valid for five minutes",
        ),
        pytest.param([(-60, None)], Key.SSH_CERTIFICATE_BY_NODE, ["is more than 60 s behind"], id="without an end"),
        pytest.param([(0, 7200)], Key.SSH_CERTIFICATE_BY_NODE, ["is 2.0 h or more ahead"], id="since ever"),
        pytest.param(
            [(-900, -300)],
            Key.SSH_CERTIFICATE_NOT_VALID,
            ["is not valid at this machine's time", "08:30:36Z", "Have it signed anew"],
            id="expired here",
        ),
        pytest.param([(30, 300)], Key.SSH_CERTIFICATE_NOT_VALID, ["is not valid at this machine's"], id="later here"),
        pytest.param(
            [(-900, -300), (-60, 240)], Key.SSH_CERTIFICATE_BY_NODE, ["more than 60 s behind"], id="one of two"
        ),
    ],
)
def test_a_refused_login_names_the_clocks_that_refuse_the_certificate(
    valid_s: list[tuple[int, int | None]], key: Key, words: list[str]
):
    finding = finding_of(reachable, refused_with_certificates(*valid_s))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNREACHABLE, Cause.LOGIN_REFUSED, key))
    assert not unsaid(f"{finding.summary} {finding.remedy}", *words)
    assert "ssh-copy-id" in finding.remedy  # it may have another cause
    shown = finding.seen["ssh_certificates"]
    assert [row["valid_here"] for row in shown].count(True) == (1 if key is Key.SSH_CERTIFICATE_BY_NODE else 0)


def test_each_certificate_that_is_valid_here_has_its_clocks_and_no_other_is_said_to_be_offered():
    summary = finding_of(reachable, refused_with_certificates((-900, -300), (-60, 240), (-30, 7000))).summary
    _before, first, second = summary.split("('ops', ")
    assert "08:30:36Z" not in summary
    assert "is more than 60 s behind or 240 s or more ahead" in first
    assert "is more than 30 s behind or 1.9 h or more ahead" in second


@pytest.mark.parametrize("record", [refused_with_certificates(), refused_with_certificates((0, None))])
def test_without_a_certificate_that_a_clock_refuses_nothing_is_said_of_one(record):
    finding = finding_of(reachable, record)
    assert finding.keys == (Key.UNREACHABLE, Cause.LOGIN_REFUSED)
    assert "certificate" not in finding.summary


def test_a_saved_record_gives_the_same_finding_again():
    record = refused_with_certificates((-60, 240))
    saved = json.loads(json.dumps(record))
    assert misfit(saved, RECORD) is None
    assert finding_of(reachable, parse_record(saved)) == finding_of(reachable, record)


def test_a_saved_record_of_another_form_is_refused():
    record = refused_with_certificates((-60, 240))
    record["ssh_login"]["certificates"][0]["valid_after_s"] = "soon"
    assert misfit(record, RECORD) == "ssh_login.certificates[0].valid_after_s: expected a whole number, found 'soon'"


def test_a_hosts_certificate_is_judged_by_this_machines_clock():
    finding = finding_of(reachable, unreached("Certificate invalid: expired\r\nHost key verification failed."))
    assert finding.keys == (Key.UNREACHABLE, Cause.HOST_CERTIFICATE_DATED)
    assert not unsaid(finding.remedy, "this machine's clock", "ssh_host_ed25519_key-cert.pub")
