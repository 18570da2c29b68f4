"""What chronyd reads at its next start, addresses in several forms,
and what a chronyd can't do at all.
"""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.names import COMMAND_LINE
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import config_in_use
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.config_in_use import Key

from tests.builders import NS, TRUE_NS, source
from tests.findings import finding_of
from tests.unit.plugin_utils.checks.test_check_config_in_use import (
    MAIN,
    RUNNING,
    THREE,
    assert_fails,
    node,
    of,
)


@pytest.mark.parametrize(
    ("written", "shown"), [("FD00:9:0::1", "fd00:9::1"), ("NTP.Example.", "ntp.example"), ("10.1", "10.0.0.1")]
)
def test_a_source_is_the_one_that_is_written_however_chronyc_shows_it(written, shown):
    for text, name in ((written, shown), (shown, written)):
        finding = of(f"server {text}\nmakestep 1 3\n", source(name), started_s=100.0, mtime_s=200.0)
        assert (finding.state, finding.keys) == ("pass", ())
        assert name not in finding.summary
    assert_fails(of(f"server {written}\n", source("fd00:9::2")), Key.CHANGED_SINCE_START, written)


def starting(path, text="", config=None):
    """A chronyd whose unit starts it with another configuration than it runs with."""
    node_ = node(THREE, *RUNNING)
    section = node_["evidence"]["chrony"]
    if config:
        section["config"]["path"] = section["config"]["files"][0]["path"] = config
    section["next_start"] = {"unit": "chrony.service", "path": path, "text": text}
    return node_


@pytest.mark.parametrize(
    ("path", "text", "config", "shown"),
    [
        ("/srv/other.conf", "", None, (MAIN, "/srv/other.conf")),
        (MAIN, "", COMMAND_LINE, (COMMAND_LINE, MAIN)),
        (COMMAND_LINE, "server d.example iburst\nrtcsync\n", None, (MAIN, "`server d.example iburst`, `rtcsync`")),
        (COMMAND_LINE, "server d.example\n", COMMAND_LINE, (COMMAND_LINE, "`server d.example`")),
    ],
)
def test_a_chronyd_whose_next_start_reads_something_else_fails(path, text, config, shown):
    finding = finding_of(config_in_use, starting(path, text, config))
    assert_fails(finding, Key.NEXT_START_DIFFERS, "chrony.service", *shown)
    assert "`systemctl restart chrony.service`" in finding.remedy


@pytest.mark.parametrize(
    ("path", "text", "config"), [(MAIN, "", None), (COMMAND_LINE, THREE, COMMAND_LINE), (None, "", None)]
)
def test_a_chronyd_whose_next_start_reads_the_same_passes(path, text, config):
    assert finding_of(config_in_use, starting(path, text, config)).state == "pass"


def test_a_chronyd_whose_next_start_leaves_the_clock_alone_fails():
    evidence = starting(MAIN)
    evidence["evidence"]["chrony"]["next_start"]["unfit"] = "-x"
    finding = finding_of(config_in_use, evidence)
    assert_fails(finding, Key.NEXT_START_DIFFERS, "chrony.service", "-x")
    assert "restart" not in finding.remedy


def test_a_refclock_that_was_not_built_in_is_no_matter_of_a_restart():
    """chronyd takes the line and has no such source; the rules say so (CHR406, CHR407)."""
    with_refclock = node(THREE + "refclock SHM 0\n", *RUNNING)
    assert finding_of(config_in_use, with_refclock).keys == (Key.CHANGED_SINCE_START,)
    with_refclock["evidence"]["chrony"]["features"] = ["-REFCLOCK"]
    assert finding_of(config_in_use, with_refclock).state == "pass"


@pytest.mark.parametrize(
    ("line", "since_s", "state", "key"),
    [
        ("initstepslew 30 10.0.0.9", 5, "inconclusive", Key.INITSTEPSLEW),
        ("initstepslew 30 10.0.0.9", 300, "fail", Key.CHANGED_SINCE_START),
        ("initstepslew 30", 5, "fail", Key.CHANGED_SINCE_START),
        ("rtcsync", 5, "fail", Key.CHANGED_SINCE_START),
    ],
)
def test_as_long_as_chronyd_asks_the_servers_of_initstepslew_it_lacks_its_own(line, since_s, state, key):
    text = f"{THREE}refclock SHM 0\n{line}\n"
    finding = of(text, source("10.0.0.9", "?"), started_s=TRUE_NS / NS - since_s)
    assert (finding.state, finding.keys) == (state, (key,)), finding.summary
    assert ("restart" in finding.remedy) is (state == "fail")


def test_a_chronyd_that_has_its_own_sources_is_past_initstepslew():
    assert of(f"{THREE}initstepslew 30 10.0.0.9\n", *RUNNING, started_s=TRUE_NS / NS - 5).state == "pass"
