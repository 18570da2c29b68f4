"""What a user without root sees of a node, beside what root sees: no more is missing than
docs/privilege_page.py says, and what is missing admits nobody.

The node is this machine with other mounts: a hardened /etc, users' crontabs, and a real chronyd
that cannot set the clock.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from docs.privilege_page import ROOT_ONLY
from tests.builders import record
from tests.lab.host import NO_CLOCK
from tests.paths import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts, and becoming another user, take root")

NOBODY = 65534

#: All is imported before root is given up: the checkout and Python may be root's alone.
TAKE = """
import encodings.idna, json, os, sys
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence
user = int(sys.argv[1])
if user:
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
print(json.dumps(node_evidence.answer({"timeout_s": 5})["evidence"]))
"""

NODE = """
set -e
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /mnt
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/spool
mkdir -p /var/spool/cron/crontabs /etc/cron.d /etc/chrony/conf.d
chmod 1730 /var/spool/cron/crontabs
echo '0 * * * * ntpdate a.example' > /var/spool/cron/crontabs/root
chmod 700 /etc/cron.d
printf 'server 192.0.2.1\\nconfdir /etc/chrony/conf.d\\n' > /etc/chrony/chrony.conf
echo 'local stratum 10' > /etc/chrony/conf.d/secret.conf
chmod 600 /etc/chrony/conf.d/secret.conf
chronyd -x -u root -f /etc/chrony/chrony.conf
chmod 750 /run/chrony
unshare --user --map-root-user setpriv --bounding-set=-all,+sys_time sleep 60 > /dev/null &
tries=0; until chronyc -n tracking >/dev/null 2>&1 || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
"""
HIDDEN = "mount -o remount,hidepid=2 /proc\n"


def taken(chrony_tree: Path, script: str) -> list[dict[str, Any]]:
    """The evidence as root takes it, and as nobody does."""
    take = " ".join(map(shlex.quote, (sys.executable, "-c", TAKE)))
    inside = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c"]
    path = f"{chrony_tree}/usr/sbin:{chrony_tree}/usr/bin:{os.environ['PATH']}"
    ended = subprocess.run(
        [*NO_CLOCK, *inside, f"{NODE}{script}{take} 0; {take} {NOBODY}"],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def differences(one: Any, other: Any, at: str = "") -> Iterator[str]:
    """Where two sections differ in what is there; readings of two moments differ in value alone.

    "": only one of them is there.
    """
    if (not at and ("error" in one) is not ("error" in other)) or type(one) is not type(other):
        yield at
    elif isinstance(one, dict):
        for name in sorted({*one, *other}):
            yield from differences(one.get(name), other.get(name), f"{at}.{name}".strip("."))
    elif isinstance(one, list):
        if len(one) != len(other):
            yield at
        for first, second in zip(one, other, strict=False):
            yield from differences(first, second, f"{at}[]")
    elif (isinstance(one, bool) or at.endswith(".rc")) and one != other:
        yield at


def missing(as_root: dict[str, Any], as_nobody: dict[str, Any]) -> dict[str, list[str]]:
    """By section, the fields of which nobody sees less, or something else."""
    return {
        section: found
        for section in SECTIONS
        if section != "collected"  # who took it, and how long that took
        and (found := list(dict.fromkeys(differences(as_root[section], as_nobody[section]))))
    }


def unsaid(found: dict[str, list[str]]) -> list[str]:
    """What is missing and is not in the table."""
    return [
        f"{section}: {field}"
        for section, fields in found.items()
        for field in fields
        if not any(fnmatchcase(field, pattern) for each in ROOT_ONLY[section] for pattern in each.fields)
    ]


@pytest.fixture(scope="module")
def both(chrony_tree: Path) -> list[dict[str, Any]]:
    return taken(chrony_tree, "")


def test_without_root_no_more_is_missing_than_the_page_says(both: list[dict[str, Any]]) -> None:
    found = missing(*both)
    assert unsaid(found) == []
    # What is hidden on this node is really missed, so it would be seen if the page did not say it.
    assert {"commands.authdata.rc", "config.unread", "started_s"} <= set(found["chrony"])
    assert found["time_services"] == ["may_set_clock.given", "processes[].exe"]
    assert found["clock_movers"] == ["cron", "unread"]
    assert unsaid({**found, "boot": ["uptime_s"]}) == ["boot: uptime_s"]


def test_what_was_not_seen_admits_nobody_and_is_named(both: list[dict[str, Any]]) -> None:
    sections = {name: both[1][name] for name in ("collected", "clock_movers", "chrony")}
    judgement = judge_record(record(**sections))
    findings = {finding["check"]: finding for finding in judgement["findings"]}
    assert judgement["verdict"] == "refuse"
    assert "not as root" in findings["reachable"]["summary"]
    assert findings["clock_movers"]["keys"] == ["cron_unread"]
    assert "/var/spool/cron/crontabs" in findings["clock_movers"]["summary"]
    assert "/etc/cron.d" in findings["clock_movers"]["summary"]
    assert findings["chrony_config"]["state"] == "inconclusive"
    assert "/etc/chrony/conf.d/secret.conf" in findings["chrony_config"]["summary"]
    for check in ("clock_movers", "chrony_config"):
        assert "become" in findings[check]["remedy"]


def test_if_processes_are_hidden_the_checks_of_daemons_are_inconclusive(chrony_tree: Path) -> None:
    as_root, as_nobody = taken(chrony_tree, HIDDEN)
    assert "error" not in as_root["time_services"]
    assert missing(as_root, as_nobody)["time_services"] == [""]
    sections = {name: as_nobody[name] for name in ("collected", "time_services", "chrony")}
    findings = {finding["check"]: finding for finding in judge_record(record(**sections))["findings"]}
    assert findings["time_service"]["state"] == "inconclusive"
    assert "hidepid" in findings["time_service"]["summary"]
    assert "`become: true`" in findings["time_service"]["remedy"]
