"""chrony 3.5, which Ubuntu 20.04 has: no `chronyd -p`, no `chronyc -N`, `authdata` or `selectdata`;
it is judged by the rest.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import (
    chrony_config,
    config_in_use,
    ntp_sources,
    sync_state,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.config_in_use import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import answer, record, source, tracking
from tests.findings import finding_of, unsaid

MAIN = "/etc/chrony/chrony.conf"
UBUNTU = """\
pool ntp.ubuntu.com        iburst maxsources 4
pool 0.ubuntu.pool.ntp.org iburst maxsources 1
pool 1.ubuntu.pool.ntp.org iburst maxsources 1
pool 2.ubuntu.pool.ntp.org iburst maxsources 2
keyfile /etc/chrony/chrony.keys
driftfile /var/lib/chrony/chrony.drift
logdir /var/log/chrony
maxupdateskew 100.0
rtcsync
makestep 1 3
"""
"""Ubuntu 20.04's own, without its comments."""

USAGE = "Usage: chronyd [OPTION]... [DIRECTIVE]...\n\nOptions:\n  -4\t\tUse IPv4 addresses only\n"
NO_N = {"rc": 1, "stdout": "", "stderr": "chronyc: invalid option -- 'N'\n"}
UNKNOWN = {"rc": 1, "stdout": "Unrecognized command\n", "stderr": ""}
ADDRESSES = [source("91.189.94.4"), *(source(f"91.189.8{number}.157", "+") for number in range(1, 8))]


def node(
    text: str = UBUNTU, rows: list[str] = ADDRESSES, unresolved: int = 0, mtime_s: float = 0.0, **section: Any
) -> dict[str, Any]:
    """What the probe takes of a chrony 3.5 with these addresses,
    and this many names without one.
    """
    commands = {
        "tracking": answer(tracking()),
        "sources": answer("".join(rows)),
        "activity": answer(f"{len(rows)},0,0,0,{unresolved}\n"),
        "sources_all": NO_N,
        "sources_named": NO_N,
        "authdata": UNKNOWN,
        "selectdata": UNKNOWN,
    }
    return record(
        chrony={
            "present": True,
            "version": "3.5",
            "config": {"path": MAIN, "files": [{"path": MAIN, "text": text, "mtime_s": mtime_s}], "unread": []},
            "printed": {"rc": 1, "stdout": USAGE, "stderr": "chronyd: invalid option -- 'p'\n"},
            "started_s": 1000.0,
            "commands": commands,
            **section,
        }
    )


def in_use(*given: Any, **changes: Any) -> Finding:
    return finding_of(config_in_use, node(*given, **changes))


@pytest.mark.parametrize("check", [chrony_config, config_in_use, ntp_sources, sync_state])
@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="as Ubuntu ships it"),
        pytest.param(
            {"text": "server 10.0.0.1 iburst\nserver 10.0.0.2\nserver 10.0.0.3\nmakestep 1 3\nrtcsync\ndriftfile /d\n"}
            | {"rows": [source(f"10.0.0.{number}", "*+-"[number - 1]) for number in (1, 2, 3)]},
            id="with addresses",
        ),
        pytest.param(
            {"text": "server 10.0.0.1 key 1\nserver 10.0.0.2 key 1\nserver 10.0.0.3 key 1\nmakestep 1 3\n"}
            | {"rows": [source(f"10.0.0.{number}", "*+-"[number - 1]) for number in (1, 2, 3)]},
            id="with keys",
        ),
    ],
)
def test_a_good_node_is_admitted(check: ModuleType, given: dict[str, Any]):
    finding = finding_of(check, node(**given))
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary


@pytest.mark.parametrize(
    "line",
    [
        "sourcedir /etc/chrony/sources.d",
        "confdir /etc/chrony/conf.d",
        "authselectmode prefer",
        "ntstrustedcerts /etc/ca.pem",
        "server a nts",
        "server a certset 1",
        "server a ibrust",
        "servre a",
    ],
)
def test_a_line_that_it_refuses_is_an_error(line: str):
    finding = finding_of(chrony_config, node(UBUNTU + line + "\n"))
    assert (finding.state, finding.about) == ("fail", ("CHR001",))
    assert not unsaid(finding.summary, f"{MAIN}:11", line)


def test_it_reads_no_sources_directory():
    files = [
        {"path": MAIN, "text": UBUNTU + "sourcedir /etc/chrony/sources.d\n"},
        {"path": "/etc/chrony/sources.d/a.sources", "text": "server 10.0.0.9\n"},
    ]
    shown = finding_of(chrony_config, node(config={"path": MAIN, "files": files, "unread": []})).seen
    assert shown["files"] == [MAIN]


def test_an_address_that_does_not_run_is_named():
    finding = in_use(UBUNTU + "server 10.0.0.9\n")
    assert (finding.state, finding.keys) == ("fail", (Key.CHANGED_SINCE_START,))
    assert not unsaid(finding.summary, f"10.0.0.9 ({MAIN}:11)")


def test_an_address_that_runs_and_is_no_longer_written_is_named():
    finding = in_use("server 10.0.0.1\nmakestep 1 3\n", [source("10.0.0.1"), source("10.0.0.9", "+")], mtime_s=1001.0)
    assert (finding.state, finding.keys) == ("fail", (Key.CHANGED_SINCE_START,))
    assert not unsaid(finding.summary, "10.0.0.9")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"mtime_s": 1001.0}, id="changed since the start"),
        pytest.param({"started_s": None, "rows": ADDRESSES[:3]}, id="when it started is not known, and fewer run"),
    ],
)
def test_whether_names_run_as_they_are_written_now_is_unknown(given: dict[str, Any]):
    finding = in_use(**given)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NAMES_NOT_SHOWN,))
    assert not unsaid(finding.summary + finding.why + finding.remedy, "ntp.ubuntu.com", "3.5", "4.0", "restart")


def test_names_without_an_address_are_noted():
    finding = in_use(rows=ADDRESSES[:3], unresolved=1)
    assert finding.state == "pass"
    assert in_use(rows=ADDRESSES[:3]).summary != finding.summary
    assert not unsaid(in_use(rows=ADDRESSES[:3]).summary, "ntp.ubuntu.com")


def test_more_sources_than_the_names_can_be_were_added_at_run_time():
    assert not unsaid(in_use(rows=[*ADDRESSES, source("10.0.0.9", "+")]).summary, ": 1 of the sources")


def test_minsources_is_held_against_the_addresses_that_run():
    finding = in_use(UBUNTU + "minsources 5\n", ADDRESSES[:4])
    assert (finding.state, finding.keys) == ("fail", (Key.MINSOURCES,))
    assert in_use(UBUNTU + "minsources 5\n", ADDRESSES[:5]).state == "pass"


def test_names_that_do_not_resolve_are_reported_as_far_as_chronyc_shows_them():
    none = finding_of(ntp_sources, node(rows=[], unresolved=4))
    assert none.keys == (ntp_sources.Key.NONE_RESOLVES,)
    assert not unsaid(none.summary, "ntp.ubuntu.com", "2.ubuntu.pool.ntp.org")
    one = finding_of(ntp_sources, node(rows=ADDRESSES[:3], unresolved=1))
    assert not unsaid(one.summary, "one of ntp.ubuntu.com")
