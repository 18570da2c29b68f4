"""Which nodes mint: as many as fit, spread over networks and groups,
and the same ones each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.minters import (
    Choice,
    Minting,
    Wanted,
    choose,
    identity_of,
    network_of,
    spread,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugin_utils.world import APP

OTHER = replace(APP, name="charts", issuer="2002")
SAME_LIMIT = replace(APP, name="wide", permissions={"contents": "write"})


@pytest.mark.parametrize(
    ("name", "address", "network"),
    [
        ("a", "10.1.2.3", "10.1.2.0/24"),
        ("a", "10.1.2.254", "10.1.2.0/24"),
        ("a", "2001:db8:0:7:1::9", "2001:db8:0:7::/64"),
        ("a", "[2001:db8:0:7::1]", "2001:db8:0:7::/64"),
        ("a", "fe80::1%eth0", "fe80::/64"),
        ("10.1.2.3", None, "10.1.2.0/24"),
        ("node17", None, "node#"),
        ("Node-17-b3.Rack2.example.net", None, "node-#-b#.rack2.example.net"),
        ("a", "node17.example.net", "node#.example.net"),
        ("a", "", "a"),
    ],
)
def test_a_network_is_an_addresses_neighbourhood_or_a_names_pattern(
    name: str, address: str | None, network: str
) -> None:
    assert network_of(name, address) == network


@given(st.text(max_size=20), st.none() | st.text(max_size=20))
def test_every_name_and_address_has_a_network(name: str, address: str | None) -> None:
    assert isinstance(network_of(name, address), str)


KEYS = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.lists(st.sampled_from(["g1", "g2", "g3"]), unique=True)), max_size=40
)


def keys_of(rows: Sequence[tuple[str, list[str]]]) -> dict[str, list[str]]:
    return {f"h{number}": [network, *groups] for number, (network, groups) in enumerate(rows)}


@given(KEYS, st.integers(0, 45))
def test_as_many_are_chosen_as_there_are_or_as_are_wanted_each_once_and_the_same_again(
    rows: list[tuple[str, list[str]]], count: int
) -> None:
    hosts = keys_of(rows)
    chosen = spread(hosts, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(hosts))
    assert set(chosen) <= set(hosts)
    assert chosen == spread(dict(hosts), count)
    assert chosen == spread(hosts, count + 1)[:count]


@given(KEYS, st.integers(1, 45))
def test_every_network_has_one_before_any_has_two_and_every_group_one_if_there_are_enough(
    rows: list[tuple[str, list[str]]], count: int
) -> None:
    hosts = keys_of(rows)
    chosen = spread(hosts, count)
    of_network = Counter(hosts[host][0] for host in chosen)
    if any(many > 1 for many in of_network.values()):
        assert set(of_network) == {keys[0] for keys in hosts.values()}
    every = {key for keys in hosts.values() for key in keys}
    if count >= len(every):
        assert {key for host in chosen for key in hosts[host]} == every


def test_within_a_network_they_are_far_apart_and_the_first_is_among_them() -> None:
    hosts = {f"h{number}": ["net"] for number in range(16)}
    assert spread(hosts, 4) == ["h0", "h8", "h4", "h12"]


def test_10000_hosts_in_one_network_or_in_as_many_are_chosen_from_in_linear_work() -> None:
    """By the number of times that a host's keys are read, which no machine's speed changes."""

    class Counting(dict[str, list[str]]):
        reads = 0

        def __getitem__(self, host: str) -> list[str]:
            Counting.reads += 1
            return super().__getitem__(host)

    for network_of_host in (lambda _: "one", str, lambda n: str(n % 40)):
        hosts = Counting({f"h{n}": [network_of_host(n), "workers", f"rack{n // 40}"] for n in range(10_000)})
        Counting.reads = 0
        assert len(spread(hosts, 400)) == 400
        assert Counting.reads < 30_000


# How many


def chosen(
    setting: str = "auto", *wanted: Wanted, room: int = 400, places: Mapping[str, Sequence[str]] | None = None
) -> Choice:
    return choose(wanted, setting, lambda host: (places or {}).get(host, ["net"]), lambda *_: room)


def fleet(count: int, *apps: Any, **limits: int) -> Wanted:
    return Wanted(
        hosts=[f"h{n}" for n in range(count)], apps=apps or [APP], **{"per_minute": 60, "per_hour": 400, **limits}
    )


def counts(choice: Choice, *apps: Any) -> list[int]:
    return [len(choice.minters[identity_of(app.public())]) for app in apps or [APP]]


@pytest.mark.parametrize(
    ("setting", "size", "room", "minting"),
    [
        ("auto", 50, 400, 50),
        ("auto", 400, 400, 400),
        ("auto", 1000, 400, 400),
        ("auto", 1000, 150, 150),
        ("auto", 1000, 0, 1),
        ("auto", 1000, -30, 1),
        ("40", 1000, 0, 40),
        ("40", 10, 400, 10),
        ("1", 10, 400, 1),
    ],
)
def test_the_number_of_nodes_that_mint_follows_from_the_setting(
    setting: str, size: int, room: int, minting: int
) -> None:
    assert counts(chosen(setting, fleet(size), room=room)) == [minting]


def test_if_all_are_to_mint_nobody_is_chosen() -> None:
    assert chosen("all", fleet(1000)).minters == {}


def test_apps_of_one_limit_share_what_it_has_room_for_and_others_do_not() -> None:
    choice = chosen("auto", fleet(1000, APP, SAME_LIMIT, OTHER))
    assert counts(choice, APP, SAME_LIMIT, OTHER) == [200, 200, 400]


def test_a_small_share_leaves_its_rest_to_the_others() -> None:
    choice = chosen("auto", fleet(1000), Wanted(hosts=["x"], apps=[SAME_LIMIT], per_minute=60, per_hour=400))
    assert counts(choice, APP, SAME_LIMIT) == [399, 1]


def test_an_app_by_another_name_is_the_same_and_one_with_other_permissions_is_not() -> None:
    assert identity_of(APP.public()) == identity_of(replace(APP, name="x", notes=("n",)).public())
    others = [
        SAME_LIMIT,
        OTHER,
        replace(APP, depth="repository"),
        replace(APP, repositories=("a/b",)),
        replace(APP, installation_id="7"),
        replace(APP, api_url="https://other.example/api/v3"),
        replace(APP, git_url="https://other.example"),
    ]
    assert len({identity_of(app.public()) for app in [APP, *others]}) == len(others) + 1


def test_an_app_that_mints_nothing_is_no_matter_of_the_choice() -> None:
    assert chosen("auto", fleet(1000, replace(APP, depth="jwt"))) == Choice(minters={}, notes=[])


def test_by_default_only_the_first_one_waits_for_the_hours_end_and_all_do_if_a_number_is_set() -> None:
    (auto,) = chosen("auto", fleet(1000), room=3).minters.values()
    assert list(auto.values()) == [Minting.WAITS, Minting.IF_ROOM, Minting.IF_ROOM]
    (number,) = chosen("3", fleet(1000), room=3).minters.values()
    assert set(number.values()) == {Minting.WAITS}


def test_the_hosts_that_mint_are_of_all_networks() -> None:
    places = {f"h{n}": ["small" if n == 617 else "large"] for n in range(1000)}
    (minters,) = chosen("2", fleet(1000), places=places).minters.values()
    assert set(minters) == {"h0", "h617"}


@pytest.mark.parametrize(
    ("setting", "size", "said"),
    [
        ("auto", 60, None),
        ("all", 60, None),
        (
            "auto",
            150,
            "all 150 nodes mint a token: gate_mint_nodes is auto, and 400 of gate_mints_per_hour (400) are left "
            "in this hour. That takes 2 minutes or more, 60 a minute and 400 an hour. "
            "With gate_mint_nodes: 60 no node waits",
        ),
        (
            "auto",
            1000,
            "400 of 1000 nodes mint a token, the others send only the JWT and rely on it: gate_mint_nodes is auto, "
            "and 400 of gate_mints_per_hour (400) are left in this hour. That takes 6 minutes or more, 60 a minute "
            "and 400 an hour. With gate_mint_nodes: 60 no node waits",
        ),
        (
            "all",
            1000,
            "all 1000 nodes mint a token: gate_mint_nodes is all. That takes 120 minutes or more, 60 a minute",
        ),
        ("1", 9, "1 of 9 nodes mints a token, the others send only the JWT and rely on it: gate_mint_nodes is 1"),
    ],
)
def test_a_run_in_which_not_all_mint_or_nodes_wait_says_so_before_it_begins(
    setting: str, size: int, said: str | None
) -> None:
    notes = chosen(setting, fleet(size)).notes
    assert len(notes) == (said is not None)
    assert all(note.startswith(f"GitHub App deploy: {said}") for note in notes)
