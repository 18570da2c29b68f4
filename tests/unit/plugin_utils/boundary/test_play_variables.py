"""Which hosts' settings come out the same, as far as their variables alone show it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.play_variables import fingerprint, plain

BASE: dict[str, Any] = {
    "gate_ntp_servers": "{{ servers }}",
    "gate_limits": ["etcd"],
    "servers": ["{{ first }}", "ntp2"],
    "first": "ntp1",
    "ansible_host": "10.0.0.1",
}
NAMES = ["gate_ntp_servers", "gate_limits"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"ansible_host": "10.0.0.2"}, True),
        ({"gate_limits": []}, False),
        ({"servers": ["ntp3"]}, False),
        ({"first": "ntp9"}, False),
        ({"other": 1}, True),
    ],
)
def test_hosts_are_alike_if_their_settings_are_and_all_that_these_read(changes: dict[str, Any], same: bool) -> None:
    there = fingerprint({**BASE, **changes}, NAMES)
    assert there is not None
    assert (there == fingerprint(BASE, NAMES)) is same


def test_a_variable_that_one_host_lacks_distinguishes_it_from_the_others() -> None:
    without = {name: value for name, value in BASE.items() if name != "first"}
    assert fingerprint(without, NAMES) != fingerprint(BASE, NAMES)


def test_a_template_of_the_hosts_own_name_differs_from_host_to_host() -> None:
    hosts = [{"inventory_hostname": name, "gate_x": "{{ inventory_hostname }}"} for name in ("a", "b")]
    assert fingerprint(hosts[0], ["gate_x"]) != fingerprint(hosts[1], ["gate_x"])


@pytest.mark.parametrize("template", ["{{ lookup('ansible.builtin.env', 'PWD') }}/r", '{{ lookup("file", "x") }}'])
def test_what_is_read_from_the_controller_is_the_same_for_all(template: str) -> None:
    assert fingerprint({"gate_x": template}, ["gate_x"])


@pytest.mark.parametrize(
    "template",
    [
        "{{ lookup('vars', 'a') }}",
        "{{ lookup('env', 'A') }}{{ lookup('template', 'x.j2') }}",
        "{{ hostvars['b'].x }}",
        "{{ groups['all'] | length }}",
        "{{ vars['x'] }}",
        "{{ broken",
    ],
)
def test_the_value_of_a_template_that_reads_anything_is_unknown(template: str) -> None:
    assert fingerprint({"gate_x": [{"deep": template}]}, ["gate_x"]) is None


def test_what_json_does_not_have_is_a_text_in_plain_data() -> None:
    assert plain({"at": datetime.date(2026, 1, 31), "n": 1}) == {"at": "2026-01-31", "n": 1}
