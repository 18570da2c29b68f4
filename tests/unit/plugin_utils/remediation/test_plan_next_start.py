"""A plan does not restart a chronyd that works where the new one would not start:
it changes nothing, and says what to fix.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.plan import Plan, make_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import policy
from tests.unit.plugin_utils.remediation.scenarios import (
    CHECKS,
    CONF,
    DEAD_CONFIG,
    GOOD_CONFIG,
    RESTART,
    SERVERS,
    WRITE,
    measured,
    plan,
    running,
    settings,
    whats,
)

FRAGMENT = "/etc/chrony/conf.d/site.conf"
DEFAULTS = "/etc/default/chrony"


def node(
    config: str = DEAD_CONFIG,
    fragment: str = "",
    *,
    user: str = "absent",
    option: str | None = None,
    servers: tuple[str, ...] = ("10.77.0.9",),
    synchronised: bool = False,
    skew_s: float = 45.0,
) -> dict[str, Any]:
    """A node whose chronyd runs; ``user``: what there is of the user ntp.

    ``option``: chronyd's -u in its defaults file.
    """
    section = running(*servers, config=config, synchronised=synchronised, skew_s=skew_s)
    files = [{"path": CONF, "text": config}, *([{"path": FRAGMENT, "text": fragment}] if fragment else [])]
    section["config"] = {"path": CONF, "files": files, "unread": []}
    options = {"u": {"value": option, "from": DEFAULTS}} if option else {}
    section["named"] = {"paths": {}, "interfaces": {}, "users": {"ntp": user}, "options": options}
    return measured(skew_s, chrony=section)


def refused(made: Plan, *says: str) -> None:
    assert made.refusal
    assert not [part for part in says if part not in made.refusal], made.refusal
    assert (made.changes, made.node) == ((), {})


def test_a_bad_line_in_the_file_that_is_replaced_goes_with_it():
    assert whats(plan(node(f"{DEAD_CONFIG}user ntp\n")))[:2] == [WRITE, RESTART]


def test_a_fragment_with_a_bad_line_is_no_longer_read():
    made = plan(node(f"{DEAD_CONFIG}confdir /etc/chrony/conf.d\n", "user ntp\n"))
    assert whats(made)[:2] == [WRITE, RESTART]
    assert [warning for warning in made.warnings if FRAGMENT in warning and "CHR501" in warning]
    (file,) = made.node["files"]
    assert "\nconfdir" not in file["content"]


def test_a_good_fragment_is_still_read():
    made = plan(node(f"{DEAD_CONFIG}confdir /etc/chrony/conf.d\n", "user ntp\n", user="present"))
    (file,) = made.node["files"]
    assert "\nconfdir /etc/chrony/conf.d\n" in file["content"]


def test_a_user_among_chronyds_options_stays_and_is_reported_with_its_file():
    refused(plan(node(option="ntp")), DEFAULTS, "-u ntp")
    assert whats(plan(node(option="ntp", user="present")))[:2] == [WRITE, RESTART]


def test_a_line_that_the_role_is_to_write_is_judged_as_it_will_stand():
    refused(plan(node(), extra_lines=["user ntp"]), f"{CONF}:", "user ntp", "chrony_extra_lines")
    assert whats(plan(node(user="present"), extra_lines=["user ntp"]))[:2] == [WRITE, RESTART]


def test_what_the_node_was_not_asked_about_it_looks_for_before_the_change():
    made = plan(node(f"{DEAD_CONFIG}user ntp\n"), extra_lines=["hwtimestamp eth9", "hwtimestamp *"])
    assert whats(made)[:2] == [WRITE, RESTART]
    (need,) = made.node["chronyd"]["needs"]
    assert (need["kind"], need["name"], need["one_of"]) == ("interfaces", "eth9", ["hardware"])
    assert need["line"].startswith(f"{CONF}:")


def test_what_only_a_start_shows_is_tried_if_that_can_be_undone():
    def of_a_chrony_to_come(config: str) -> Plan:
        data = node(config)
        data["evidence"]["chrony"]["version"] = "5.0"
        return plan(data, extra_lines=["refclock GNSS /dev/gnss0"])

    assert whats(of_a_chrony_to_come(DEAD_CONFIG))[:2] == [WRITE, RESTART]
    refused(of_a_chrony_to_come(f"{DEAD_CONFIG}user ntp\n"), f"{CONF}:", "refclock GNSS", "user ntp")


def test_what_is_accepted_is_not_restarted_either():
    """Its files may stay as they are, and the clock is to be stepped by a restart."""
    data = node(f"{GOOD_CONFIG}user ntp\n", servers=tuple(SERVERS), synchronised=True, skew_s=-612.0)
    data["policy"] = policy(checks=CHECKS, github_apps=[], accepted_rules=["CHR501"])
    record = Record(data)
    refused(make_plan(record, judge_record(record), settings()), f"{CONF}:7 ", "user ntp")
