"""One host written in several ways is one; what really differs is not."""

from __future__ import annotations

import doctest

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony import sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.sources import host_key, is_address


def test_the_docstrings_example_holds():
    tested = doctest.testmod(sources)
    assert tested.attempted > 0
    assert tested.failed == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FD00:9:0::1", "fd00:9::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.1", "10.0.0.1"),
        ("010.0.0.1", "8.0.0.1"),
        ("0x0A.0.0.1", "10.0.0.1"),
        ("NTP.Example", "ntp.example."),
    ],
)
def test_one_host_has_one_key(one: str, other: str):
    assert host_key(one) == host_key(other)
    config = read_config(
        {"config": {"path": "c", "files": [{"path": "c", "text": f"server {one}\nserver {other}\nserver 192.0.2.9\n"}]}}
    )
    assert sources.source_count(config) == (2 if is_address(one) else 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("010.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::10"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("fe80::1%eth0", "fe80::1"),
        ("a.example", "b.example"),
        ("10.0.0.1.example", "10.0.0.1"),
        ("10.0.0.256", "10.0.1.0"),
    ],
)
def test_what_differs_has_keys_that_differ(one: str, other: str):
    assert host_key(one) != host_key(other)


@pytest.mark.parametrize("name", ["fe80::1%eth0", "a.example", "10.0.0.256", "cafe", "", ":"])
def test_what_chronyd_asks_the_resolver_for_is_no_address(name: str):
    assert not is_address(name)
