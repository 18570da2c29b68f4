"""Every rule has a configuration in which it matches and one in which it does not;
a real chronyd shows what it can.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.names import COMMAND_LINE
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.config import ChronyConfig
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.sources import source_count

MAIN = "/etc/chrony/chrony.conf"
SOURCES = "/etc/chrony/sources.d/ntp.sources"
GOOD = (
    "server a.example iburst\nserver b.example iburst\nserver c.example iburst\ndriftfile /d\nmakestep 1 3\nrtcsync\n"
)


def without(*words: str) -> str:
    return "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(words))


NO_SERVERS = without("server")


def read(text: str, **section: Any) -> ChronyConfig:
    sources = section.pop("sources", None)
    files = [{"path": MAIN, "text": text}]
    if sources is not None:
        files.append({"path": SOURCES, "text": sources})
    unread = [{"path": path, "error": error} for path, error in section.pop("unread", {}).items()]
    return read_config(
        {
            "config": {"path": MAIN, "files": files, "unread": unread},
            "printed": {"rc": 0, "stdout": "", "stderr": ""},
            "version": "4.3",
            **section,
        }
    )


def matched(config: ChronyConfig) -> list[str]:
    return [rule.id for rule in RULES.values() if list(rule.find(config))]


def runs(*names: str) -> dict[str, Any]:
    """A chronyd that runs these sources."""
    rows = "".join(f"^,+,{name},2,6,377,12,0.000001,0.000002,0.000100\n" for name in names)
    return {"commands": {"sources_all": {"rc": 0, "stdout": rows, "stderr": ""}}}


REFUSED = {"rc": 1, "stdout": "", "stderr": f"2026Z Fatal error : Invalid directive at line 7 in file {MAIN}\n"}
WITH_DIRECTORY = GOOD + "sourcedir /etc/chrony/sources.d\n"
OPTIONS = [{"path": "/etc/default/chrony", "text": 'DAEMON_OPTS="-F 1"\n'}]
FIPS_OFF = [{"path": "/etc/sysconfig/chronyd", "text": "OPTIONS=-F 2\nGNUTLS_FORCE_FIPS_MODE=0\n"}]


def named(**found: dict[str, Any]) -> dict[str, Any]:
    return {"named": {"paths": {}, "interfaces": {}, "users": {}, "options": {}, **found}}


# rule: (failing text, what else the evidence has), (passing text, what else)
EXAMPLES: dict[str, tuple[tuple[str, dict], tuple[str, dict]]] = {
    "CHR001": ((GOOD + "servre d\n", {"printed": REFUSED}), (GOOD, {})),
    "CHR002": ((GOOD, {"unread": {"/etc/x.conf": "[Errno 13] Permission denied"}}), (GOOD, {})),
    "CHR003": (
        (GOOD + "include /etc/*.conf2\n", {"unread": {"/etc/*.conf2": "[Errno 2] No such file"}}),
        (GOOD + f"include {MAIN}\n", {}),
    ),
    "CHR004": ((WITH_DIRECTORY, {"sources": "server d.example"}), (WITH_DIRECTORY, {"sources": "server d.example\n"})),
    "CHR005": ((WITH_DIRECTORY, {"sources": "server d.example newest 3\n", **runs("d.example")}), (WITH_DIRECTORY, {})),
    "CHR006": (
        (WITH_DIRECTORY, {"sources": "server d.example newest 3\n", "version": "4.11"}),
        (WITH_DIRECTORY, {"sources": "server d.example newest 3\n", "version": "4.11", **runs("d.example")}),
    ),
    "CHR007": (
        (WITH_DIRECTORY, {"sources": "\ufeffserver d.example\n"}),
        (WITH_DIRECTORY, {"sources": "# n\u00e4chster\u00a0Server\nserver d.example\n"}),
    ),
    "CHR008": (
        (WITH_DIRECTORY, {"sources": "\ufeff# Servers\nserver d.example\n"}),
        (WITH_DIRECTORY, {"sources": "# Servers\nserver d.example\n"}),
    ),
    "CHR010": (
        (GOOD, {"config": {"path": COMMAND_LINE, "files": [{"path": COMMAND_LINE, "text": GOOD}]}}),
        (GOOD, {}),
    ),
    "CHR101": ((NO_SERVERS, {}), (NO_SERVERS + "refclock PHC /dev/ptp0\n", {})),
    "CHR102": ((NO_SERVERS + "pool p noselect\n", {}), (NO_SERVERS + "pool p\nserver q noselect\n", {})),
    "CHR103": ((NO_SERVERS + "pool p offline\n", {}), (NO_SERVERS + "pool p offline\nserver q\n", {})),
    "CHR104": ((NO_SERVERS + "server a\nserver b noselect\n", {}), (NO_SERVERS + "pool p\n", {})),
    "CHR105": ((NO_SERVERS + "pool p maxsources 2\n", {}), (NO_SERVERS + "pool p maxsources 3\n", {})),
    "CHR106": ((GOOD + "server A.example\n", {}), (GOOD + "server d.example\n", {})),
    "CHR107": (
        (GOOD + "server 169.254.169.123\nserver fd00:ec2::123\n", {}),
        (GOOD + "server time1.google.com\nserver time2.google.com\n", {}),
    ),
    "CHR108": ((GOOD + "minsources 4\n", {}), (GOOD + "minsources 3\n", {})),
    "CHR109": (
        (GOOD + "server time.google.com\n", {}),
        (NO_SERVERS + "pool time.aws.com\nserver 169.254.169.123\n", {}),
    ),
    "CHR110": ((NO_SERVERS + "pool time.aws.com\nleapsectz right/UTC\n", {}), (GOOD + "leapsectz right/UTC\n", {})),
    "CHR111": (
        (GOOD + "server d offline\nserver e offline\nminsources 4\n", {}),
        (GOOD + "server d offline\nserver e offline\nminsources 3\n", {}),
    ),
    "CHR112": (
        (GOOD + "server d noselect require\n", {}),
        (GOOD + "server d noselect require\nserver e require\n", {}),
    ),
    "CHR113": ((GOOD + "maxdistance 0\n", {}), (GOOD + "maxdistance 0.1\nmaxjitter 0.1\n", {})),
    "CHR201": ((without("makestep"), {}), (GOOD, {})),
    "CHR202": ((without("rtcsync"), {}), (without("rtcsync") + "rtcfile /var/lib/chrony/rtc\n", {})),
    "CHR203": (
        (GOOD + "rtcfile /var/lib/chrony/rtc\n", {}),
        (without("rtcsync") + "rtcfile /var/lib/chrony/rtc\n", {}),
    ),
    "CHR204": ((without("driftfile"), {}), (GOOD, {})),
    "CHR205": ((GOOD + "maxchange 1000 1 2\n", {}), (GOOD, {})),
    "CHR206": ((GOOD + "maxdistance 16\n", {}), (GOOD + "maxdistance 1.5\n", {})),
    "CHR207": ((GOOD + "maxupdateskew 2000\n", {}), (GOOD + "maxupdateskew 100.0\n", {})),
    "CHR208": ((GOOD + "local stratum 10\n", {}), (GOOD + "# local stratum 10\n", {})),
    "CHR209": ((GOOD + "initstepslew 30\n", {}), (GOOD, {})),
    "CHR210": ((GOOD + "manual\n", {}), (GOOD, {})),
    "CHR301": ((GOOD + "cmdport 0\n", {}), (GOOD + "cmdport 0\ncmdport 323\n", {})),
    "CHR302": ((GOOD + "allow 10.0.0.0/8\n", {}), (GOOD + "allow\nport 0\n", {})),
    "CHR303": ((GOOD + "cmdallow all\n", {}), (GOOD + "cmdallow 127/8\ncmdallow ::1\n", {})),
    "CHR304": (
        (GOOD + "keyfile /etc/chrony/chrony.keys\n", {"keyfile": {"path": "/etc/chrony/chrony.keys", "mode": "0644"}}),
        (GOOD + "keyfile /etc/chrony/chrony.keys\n", {"keyfile": {"path": "/etc/chrony/chrony.keys", "mode": "0640"}}),
    ),
    "CHR401": ((GOOD + "server n nts\n", {}), (GOOD + "server n nts\nauthselectmode prefer\n", {})),
    "CHR402": (
        (GOOD + "server n nts\n", {"fips": True}),
        (GOOD + "server n nts\n", {"fips": True, "defaults": FIPS_OFF}),
    ),
    "CHR403": (
        (GOOD + "server n nts\n", {"features": ["-NTS"]}),
        (GOOD + "server n nts\nserver o nts noselect\n", {"features": ["+NTS", "-SECHASH"]}),
    ),
    "CHR404": (
        (GOOD + "server n key 1\n", {"features": ["-SECHASH"]}),
        (GOOD + "server n key 1\n", {"features": ["+SECHASH", "-NTS"]}),
    ),
    "CHR405": ((GOOD, {"features": ["-CMDMON"]}), (GOOD, {"features": ["+CMDMON", "+REFCLOCK"]})),
    "CHR406": (
        (GOOD + "refclock SHM 0\nserver fd00::1\n", {"features": ["-REFCLOCK", "-IPV6"]}),
        (GOOD + "refclock SHM 0\nserver fd00::1\n", {"features": ["+REFCLOCK", "-NTS"]}),
    ),
    "CHR407": (
        (NO_SERVERS + "server fd00::1\nserver fd00::2\nserver fd00::3\n", {"features": ["-IPV6"]}),
        (NO_SERVERS + "server 192.0.2.1\nserver fd00::2\nserver fd00::3\n", {"features": ["-IPV6"]}),
    ),
    "CHR408": (
        (without("rtcsync") + "rtcfile /r\n", {"features": ["-RTC"]}),
        (without("rtcsync") + "rtcfile /r\n", {"features": ["+RTC"]}),
    ),
    "CHR409": (
        (GOOD, {"features": ["-SCFILTER"], "defaults": OPTIONS}),
        (GOOD + "user chrony\n", {"features": ["+SCFILTER", "+PRIVDROP"], "defaults": OPTIONS}),
    ),
    "CHR501": (
        (GOOD + "user ntp\n", named(users={"ntp": "absent"})),
        (GOOD + "user ntp\n", named(users={"ntp": "present"})),
    ),
    "CHR502": (
        (GOOD + "pidfile /srv/chronyd.pid\n", named(paths={"/srv": "missing"})),
        (GOOD + "pidfile /srv/chronyd.pid\n", named(paths={"/srv": "folder", "/srv/chronyd.pid": "file"})),
    ),
    "CHR503": (
        (GOOD + "hwtimestamp eth0\n", named(interfaces={"eth0": "plain"})),
        (GOOD + "hwtimestamp eth0\n", named(interfaces={"eth0": "hardware"})),
    ),
    "CHR504": (
        (GOOD + "refclock PHC /dev/ptp0\n", named(paths={"/dev/ptp0": "missing"})),
        (GOOD + "refclock PHC /dev/ptp0\n", named(paths={"/dev/ptp0": "ptp"})),
    ),
    "CHR505": ((GOOD + "noclientlog\nratelimit interval 3\n", {}), (GOOD + "noclientlog\n", {})),
    "CHR506": ((GOOD + "sched_priority 100\n", {}), (GOOD + "sched_priority 99\n", {})),
    "CHR507": (
        (GOOD + "user ntp\n", named(users={"ntp": "unknown"})),
        (GOOD + "user ntp\n", named(users={"ntp": "present"})),
    ),
    "CHR508": (
        (GOOD, named(options={"q": {"value": "", "from": "/etc/default/chrony"}})),
        (GOOD, named(options={"F": {"value": "1", "from": "/etc/default/chrony"}})),
    ),
    "CHR509": (
        (GOOD + "keyfile /etc/keys\nserver n key 1\n", named(paths={"/etc/keys": "missing"})),
        (GOOD + "keyfile /etc/keys\n", named(paths={"/etc/keys": "missing"})),
    ),
}


def test_every_rule_has_its_examples_and_says_why_what_to_do_and_from_where():
    assert list(EXAMPLES) == list(RULES)
    assert all(rule.why and rule.remedy and rule.source for rule in RULES.values())
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


def test_a_good_configuration_matches_no_rule():
    assert matched(read(GOOD)) == []


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_rule_matches_what_it_is_about_and_nothing_else(rule: str):
    (failing, also), (passing, also_passing) = EXAMPLES[rule]

    places = list(RULES[rule].find(read(failing, **also)))

    assert places
    for place in places:
        text = {MAIN: failing, COMMAND_LINE: failing, SOURCES: also.get("sources", "")}.get(place.file, "")
        assert place.line is None or place.text.split(" ")[0] in (
            text.split("\n")[place.line - 1].split(" ")[0],
            "Invalid",
        )
    assert rule not in matched(read(passing, **also_passing))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param(
            "server a nts\nserver b nts\nserver c\nauthselectmode ignore\n", None, id="NTS and plain, ignored"
        ),
        pytest.param("server a nts\nserver b\nserver c nts\nauthselectmode mix\n", "CHR401", id="mix by name"),
        pytest.param("server a nts\nserver b key 1\nserver c nts\n", None, id="NTS and keys are both authenticated"),
        pytest.param(
            "server a key 1\nserver b key 1\nserver c\n", "CHR401", id="keys hold plain servers back as NTS does"
        ),
        pytest.param(
            "server a key 1\npool b noselect\nserver c key 2\nserver d key 3\n", None, id="plain ones only watched"
        ),
        pytest.param("pool a\nauthselectmode require\n", "CHR102", id="none is authenticated, and all must be"),
        pytest.param(
            "pool a\nserver n nts\nauthselectmode prefer\n", "CHR104", id="the plain pool is no more selected"
        ),
        pytest.param(
            "pool a maxsources 2\nserver 10.0.0.1 noselect\n", "CHR105", id="one that is only watched does not count"
        ),
        pytest.param(
            "server FD00:9:0::1\nserver fd00:9::1\nserver m\nserver n\n", "CHR106", id="an address in two forms"
        ),
        pytest.param(
            "server 169.254.169.123\nserver FD00:EC2:0::123\nserver time.aws.com\n",
            "CHR107",
            id="one service, in another form",
        ),
        pytest.param("server n\nserver n\nserver n\nminsources 3\n", "CHR106", id="a name has several addresses"),
        pytest.param(
            "pool a require\npool b nts\nauthselectmode prefer\n",
            "CHR112",
            id="a plain one is required and never preferred",
        ),
        pytest.param("pool a noselect require\n", "CHR102", id="all are only watched"),
        pytest.param("pool a\nmaxjitter 0\n", "CHR113", id="no jitter is 0"),
        pytest.param("pool a port 0\nserver b maxdelay 0.0\n", "CHR102", id="sources that say nothing"),
        pytest.param(
            "pool a maxdelay inf\nserver b maxdelay 0x1p-3\nserver c nts port 0\n", "CHR401", id="and that do"
        ),
        pytest.param("pool a\nmakestep 1 0\n", "CHR201", id="a makestep that never steps"),
        pytest.param("pool a\nmakestep 1 -0\n", "CHR201", id="nor does this"),
        pytest.param("pool a\nmakestep inf 3\n", "CHR201", id="nor does one that no offset is beyond"),
        pytest.param("pool a\nmakestep 0 3\n", None, id="a makestep that steps every offset"),
        pytest.param("pool a maxsources 2\nminsources 3\n", "CHR105 CHR108", id="a pool of two gives no third source"),
        pytest.param(
            "pool a\nserver b noselect\nminsources 5\n", "CHR108", id="a source that is watched does not count"
        ),
        pytest.param(
            "pool a\npool b key 1\nminsources 5\nauthselectmode require\n", "CHR108", id="plain ones do not count"
        ),
        pytest.param("pool a\npool b offline\nminsources 5\n", "CHR111", id="offline ones count when they are online"),
        pytest.param("pool a\nallow\n", "CHR302", id="allow without a network is all"),
    ],
)
def test_what_decides_is_what_chronyd_makes_of_it(text: str, rule: str | None):
    assert matched(read(NO_SERVERS + text)) == (rule.split() if rule else [])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("pool a\nserver b\nserver c noselect\npool d maxsources 2\nrefclock PHC /dev/ptp0\n", 8),
        ("server 10.0.0.1\nserver 10.0.0.1\nserver b\n", 2),  # an address is added once
        ("server b\nserver b\nserver b\n", 3),  # each may be another address of the name
    ],
)
def test_the_most_sources_there_can_be_are_counted(text: str, count: int):
    assert source_count(read(text)) == count


def test_lines_that_chronyd_would_refuse_are_named_if_it_could_not_be_asked():
    config = read(GOOD + "servre d\nserver e ibrust\n", printed={"error": "no answer"})
    assert [(place.line, place.text) for place in RULES["CHR001"].find(config)] == [
        (7, "servre d: chrony has no directive 'servre'"),
        (8, "server e ibrust: 'ibrust' is no option of server"),
    ]


def test_a_line_of_the_command_line_that_is_refused_is_named_by_its_number():
    """As chronyd 4.3 and 4.9 word it: no file stands in it."""
    files = [{"path": COMMAND_LINE, "text": "server a.example\nsever b.example\n"}]
    printed = {
        "rc": 1,
        "stdout": "",
        "stderr": "2026-11-28T20:21:28Z Fatal error : Invalid directive sever at line 2\n",
    }
    config = read("", config={"path": COMMAND_LINE, "files": files}, printed=printed)
    assert [(place.file, place.line) for place in RULES["CHR001"].find(config)] == [(COMMAND_LINE, 2)]


# A real chronyd
