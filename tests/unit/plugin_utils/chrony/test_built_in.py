"""What chronyd was built without, by the features that it lists: an absent word says nothing.

The features and what they lead to were seen with chrony 4.9 that was built without each.
"""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.chrony.test_chrony_rules import GOOD, NO_SERVERS, matched, read

DEBIAN_4_9 = ["+CMDMON", "+REFCLOCK", "+RTC", "+PRIVDROP", "+SCFILTER", "+SIGND", "+NTS", "+SECHASH", "+IPV6", "-DEBUG"]
"""It lists neither NTP nor ASYNCDNS any more."""

SMALL_4_9 = ["+CMDMON", "-REFCLOCK", "-RTC", "-PRIVDROP", "-SCFILTER", "-SIGND", "-NTS", "+SECHASH", "-IPV6", "-DEBUG"]
ALL = "server a nts\nserver b nts\nserver c nts\nrefclock SHM 0\nserver fd00::1 nts\nrtcfile /r\n"


def of(text: str, features: list[str], options: str = "") -> set[str]:
    defaults = [{"path": "/etc/default/chrony", "text": options}]
    return {rule for rule in matched(read(text, features=features, defaults=defaults)) if "CHR402" < rule < "CHR500"}


def test_what_is_listed_as_built_in_or_not_at_all_is_no_fault():
    text = NO_SERVERS.replace("rtcsync\n", "") + ALL + "user chrony\n"
    assert of(text, DEBIAN_4_9, 'OPTIONS="-F 2"\n') == of(text, [], 'OPTIONS="-F 2"\n') == set()


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param(GOOD + "server n nts\n", {"CHR403"}, id="plain servers wait for one with NTS"),
        pytest.param(GOOD + "server n nts\nauthselectmode prefer\n", {"CHR403"}, id="they are not selected beside it"),
        pytest.param(GOOD + "server n nts\nauthselectmode ignore\n", {"CHR406"}, id="or do without it"),
        pytest.param(GOOD + "server n nts noselect\n", set(), id="one that is only watched keeps nobody waiting"),
        pytest.param(NO_SERVERS + "pool n nts\n", {"CHR403"}, id="there is no other"),
        pytest.param(NO_SERVERS + "pool n nts\nauthselectmode ignore\n", {"CHR407"}, id="nothing works"),
        pytest.param(GOOD + "refclock SHM 0\n", {"CHR406"}, id="a refclock beside servers"),
        pytest.param(NO_SERVERS + "refclock SHM 0\n", {"CHR407"}, id="a refclock alone"),
        pytest.param(GOOD + "server FD00::1\n", {"CHR406"}, id="IPv6 beside names"),
        pytest.param(GOOD + "server ::ffff:192.0.2.1\n", {"CHR406"}, id="IPv6 by its form"),
        pytest.param(GOOD + "server n key 1\n", set(), id="keys are built in"),
    ],
)
def test_a_source_that_can_not_work_counts_by_what_is_beside_it(text: str, rules: set[str]):
    assert of(text, SMALL_4_9) == rules


def test_an_address_with_a_zone_is_taken_by_no_chronyd():
    assert of(GOOD + "server fe80::1%eth0\n", DEBIAN_4_9) == {"CHR406"}
    assert of(NO_SERVERS + "server fe80::1%eth0\n", []) == {"CHR407"}
    assert of(GOOD + "server fe80::1\n", DEBIAN_4_9) == set()


@pytest.mark.parametrize("name", ["\u201cntp.example\u201d", "ntp.b\u00fccher.example", "ntp\u20131.example"])
def test_a_name_with_letters_beyond_ascii_is_taken_by_no_chronyd(name: str):
    assert of(f"{GOOD}server {name}\n", DEBIAN_4_9) == {"CHR406"}
    assert of(f"{NO_SERVERS}pool {name}\n", []) == {"CHR407"}
    assert of(f"{GOOD}server n {name}\n", []) == set()


def test_of_a_character_that_an_editor_does_not_show_another_rule_speaks():
    found = matched(read(f"{GOOD}server ntp.example\u200b\n"))
    assert "CHR007" in found
    assert "CHR406" not in found


@pytest.mark.parametrize(
    ("text", "options", "fatal"),
    [
        ("", 'DAEMON_OPTS="-F 1"\n', True),
        ("", "OPTIONS=-F-1\n", True),
        ("", 'OPTIONS="-4 -nF 2 -s"\n', True),
        ("", 'OPTIONS="-F 0"\n', False),
        ("", 'OPTIONS="-f /etc/F1.conf"\n', False),
        ("", 'OPTIONS="-u chrony"\n', True),
        ("", 'OPTIONS="-u root"\n', False),
        ("user chrony\n", "", True),
        ("user root\n", "", False),
    ],
)
def test_a_start_that_needs_what_is_not_there_fails(text: str, options: str, fatal: bool):
    assert of(GOOD + text, SMALL_4_9, options) == ({"CHR409"} if fatal else set())
    assert of(GOOD + text, DEBIAN_4_9, options) == set()
