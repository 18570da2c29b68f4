"""What a hostile node can reach: nothing but its own refusal.

Each name in ``answers/`` is a node. It runs beside others of its group and two honest nodes,
through real Ansible.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest

from tests.integration.conftest import BIN
from tests.lab.github_api import APP_ID, CLIENT_ID
from tests.reliability.hostile.answers import ALONE, CHANGING, GROUPS
from tests.reliability.hostile.conftest import CANARY, CONTROL, HONEST, LIMIT_S, NTP_ADDRESS, Fleet, Result, strict
from tests.reliability.secrets.forms import of_jwt

CHECKED = [group for group in GROUPS if group not in CHANGING]
TOGETHER = [group for group in CHECKED if group not in ALONE]
# It waits for as long as an answer may take (150 s). Of the group `flood`, one has an
# answer without an end.
NIGHTLY = ("silence",)
LONGEST_S = 600
"""The most that a JWT may be valid after the controller's time."""

Runs = Callable[[str], Result]


@pytest.fixture(scope="module")
def runs(fleet: Fleet) -> Runs:
    """The run of a group, which is done once."""
    done: dict[str, Result] = {}

    def of(group: str) -> Result:
        if group not in done:
            words = ["-vvv"] if group == "text" else []
            done[group] = fleet.run(GROUPS[group], "check", *words, setup=group == "facts")
        return done[group]

    return of


def in_each(groups: list[str]) -> pytest.MarkDecorator:
    """One test for each name of these groups."""
    pairs = [
        pytest.param(group, name, id=f"{group}-{name}", marks=marks_of(group))
        for group in groups
        for name in GROUPS[group]
    ]
    return pytest.mark.parametrize(("group", "name"), pairs)


def marks_of(group: str) -> list[pytest.MarkDecorator]:
    """A group that takes minutes is one of `make test-nightly`."""
    return [pytest.mark.nightly] if group in NIGHTLY else []


in_turn = pytest.mark.parametrize("group", [pytest.param(group, marks=marks_of(group)) for group in CHECKED])


@in_each(CHECKED)
def test_it_is_not_admitted(runs: Runs, group: str, name: str) -> None:
    assert runs(group).node(name)["verdict"] == "refuse"


@in_each(CHECKED)
def test_it_is_given_no_file_and_no_signature_but_its_own(runs: Runs, fleet: Fleet, group: str, name: str) -> None:
    result = runs(group)
    assert_only_its_own(result, fleet, name)


def assert_only_its_own(result: Result, fleet: Fleet, name: str) -> None:
    """Of the controller's files and signatures."""
    sent = result.sent(name)
    assert CANARY.encode() not in sent
    assert b"PRIVATE KEY" not in sent
    key = fleet.api.credentials.app_public_pem.read_text()
    for jwt in {found for found in result.jwts() if found.encode() in sent}:
        claims: dict[str, Any] = pyjwt.decode(
            jwt, key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
        assert claims["iss"] in (CLIENT_ID, str(APP_ID))
        assert claims["exp"] <= result.began_s + result.took_s + LONGEST_S


@in_turn
def test_the_honest_nodes_are_judged_as_without_it_and_in_time(runs: Runs, alone: Result, group: str) -> None:
    result = runs(group)
    assert result.status is not None, f"it did not end within {LIMIT_S} s"
    assert [result.judged(name) for name in HONEST] == [alone.judged(name) for name in HONEST]
    assert {result.node(name)["verdict"] for name in HONEST} == {"admit"}


@in_turn
def test_nothing_that_a_terminal_obeys_is_printed(runs: Runs, group: str) -> None:
    output = runs(group).output
    found = CONTROL.search(output)
    assert found is None, output[max(0, found.start() - 200) : found.end() + 50] if found else ""
    output.decode()  # it is UTF-8


@in_turn
def test_no_traceback_is_printed(runs: Runs, group: str) -> None:
    assert b"Traceback (most recent call last)" not in runs(group).output


@in_turn
def test_the_reports_are_where_the_operator_said_strict_json_and_printable(runs: Runs, group: str) -> None:
    result = runs(group)
    assert {"report.json", "evidence.json", "report.txt"} <= result.files.keys()
    assert not (result.folder / "elsewhere").exists()
    assert result.report["run_id"] != "of-the-node"
    for name, text in result.files.items():
        assert not CONTROL.search(text.encode()), name
    for value in texts_in([strict(result.files[name]) for name in ("report.json", "evidence.json")]):
        assert all(c.isprintable() or c in "\n\t" for c in value)


def forms(jwt: str) -> list[bytes]:
    """What is found of a JWT in whatever form."""
    return [needle for needle, _form in of_jwt("JWT", jwt).needles()]


def texts_in(value: Any) -> list[str]:
    """Every text in JSON data, the keys too."""
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in texts_in(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []


@in_turn
def test_no_jwt_and_no_key_is_left_in_any_file_or_on_the_screen(runs: Runs, fleet: Fleet, group: str) -> None:
    result = runs(group)
    shown = {"the output": result.output} | {name: text.encode() for name, text in result.files.items()}
    for path in (result.folder / "home").rglob("*"):
        if path.is_file():
            shown[str(path)] = path.read_bytes()
    key = fleet.api.credentials.app_pem.read_text().splitlines()[1]
    for where, content in shown.items():
        assert CANARY.encode() not in content, where
        assert key.encode() not in content, where
        for jwt in result.jwts():
            for form in forms(jwt):
                assert form not in content, where


def test_what_is_sent_is_seen_and_a_jwt_is_found_in_it(runs: Runs) -> None:
    """Else the tests above would prove nothing."""
    result = runs("evidence")
    assert all(b"node_evidence" in result.sent(name) for name in GROUPS["evidence"])
    assert result.jwts()


def test_a_fact_of_a_node_is_a_variable_in_these_runs(runs: Runs) -> None:
    """Else they would prove nothing: injection is on."""
    findings = runs("facts").node("facts_checks")["findings"]
    assert "settings_in_facts" in [key for finding in findings for key in finding["keys"]]


def test_a_limit_that_a_node_invents_does_not_stop_the_next_run(fleet: Fleet, alone: Result, runs: Runs) -> None:
    cache = runs("limits").folder / "cache"
    began_s = time.monotonic()
    result = fleet.run([], cache=cache)
    assert time.monotonic() - began_s < alone.took_s + 90
    assert [result.judged(name) for name in HONEST] == [alone.judged(name) for name in HONEST]


def test_the_command_prints_nothing_that_a_terminal_obeys_either(fleet: Fleet, alone: Result) -> None:
    result = fleet.run(GROUPS["text"][:4], "check", command=BIN / "skewgate")
    assert result.status in (3, 4), result.output
    assert not CONTROL.search(result.output)
    assert [result.judged(name) for name in HONEST] == [alone.judged(name) for name in HONEST]


def assert_reaches_nothing(result: Result, fleet: Fleet, alone: Result) -> None:
    """All of the above, of one run."""
    assert result.status is not None, f"it did not end within {LIMIT_S} s"
    assert {name: result.node(name)["verdict"] for name in result.hostile} == dict.fromkeys(result.hostile, "refuse")
    assert [result.judged(name) for name in HONEST] == [alone.judged(name) for name in HONEST]
    for name in result.hostile:
        assert_only_its_own(result, fleet, name)
    assert not (result.folder / "elsewhere").exists()
    everything = result.output + b"".join(text.encode() for text in result.files.values())
    assert not CONTROL.search(everything)
    assert CANARY.encode() not in everything
    assert not any(form in everything for jwt in result.jwts() for form in forms(jwt))
    for path in (result.folder / "home").rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


SERVERS = {"chrony_servers": [NTP_ADDRESS], "chrony_min_sources": 1, "chrony_proof_timeout_s": 3}


@pytest.mark.nightly
@pytest.mark.parametrize("group", [*TOGETHER, *CHANGING])
def test_the_gate_gives_it_nothing_either(fleet: Fleet, alone: Result, group: str) -> None:
    result = fleet.run(GROUPS[group], "gate", setup=group == "facts", **SERVERS)
    assert_reaches_nothing(result, fleet, alone)
    if group in CHANGING:  # else it would prove nothing
        asked = {name: result.sent(name) for name in GROUPS[group]}
        assert all(b"node_remediate" in sent for sent in asked.values())


@pytest.mark.nightly
@pytest.mark.parametrize("group", [*TOGETHER, *CHANGING])
def test_only_honest_nodes_join(fleet: Fleet, alone: Result, group: str) -> None:
    result = fleet.run(GROUPS[group], "cluster_migration", setup=group == "facts", **SERVERS)
    assert_reaches_nothing(result, fleet, alone)
    joined = {path.name for path in (result.folder / "joined").glob("*")}
    assert joined == set(HONEST)


@pytest.mark.nightly
@pytest.mark.parametrize("group", TOGETHER)
def test_each_ansible_keeps_it_out(fleet: Fleet, alone: Result, core: Path, group: str) -> None:
    result = fleet.run(GROUPS[group], "check", setup=group == "facts", command=core)
    assert_reaches_nothing(result, fleet, alone)
