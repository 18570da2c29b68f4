"""Whatever JSON stands in a setting, reading the settings ends in values or in problems,
and shows no key.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.modules import node_check, remediation_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import documented, read_arguments
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.variables import not_known
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import KNOWN_KEYS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.settings import Settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import read_check_settings
from hypothesis import given, settings
from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["", "a", "argocd", "clock_skew", "read", "1 3", "nan", "-1", "\n", "\x00", "\ud800", "{{ x }}", "~x/y"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=20) | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=3),
    max_leaves=6,
)
OPTIONS = documented(node_check.DOCUMENTATION)[1]
OF_ROLE = documented(remediation_plan.DOCUMENTATION)[1]
GOOD = {"clients": ["argocd"], "ntp_servers": ["ntp.example.net"]}
KEY_LINE = "MIIEowIBAAKCAQEAtkRt8SkpCPkRQ7rTrmXw8dVnIzB3xqkP0aYb1cZ2dW3eV4fU"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_LINE}\n-----END RSA PRIVATE KEY-----\n"


def problems_of(given: dict[str, Any]) -> list[str]:
    """All problems, as the action reads its arguments;
    the values that it reads are read without an exception too.
    """
    values, problems = read_arguments(node_check.DOCUMENTATION, given)
    for read in (given, values):
        try:
            read_check_settings(read, list)
        except SettingsError as error:
            problems += error.problems
    assert all(problem.isprintable() for problem in problems), problems
    return problems


@pytest.mark.parametrize("option", OPTIONS)
@settings(max_examples=30, deadline=None)
@given(value=ANYTHING)
def test_any_value_of_a_setting_is_read_or_is_a_problem(option: str, value: Any) -> None:
    problems_of({**GOOD, option: value})


@settings(max_examples=100, deadline=None)
@given(row=st.dictionaries(st.sampled_from(KNOWN_KEYS), ANYTHING, max_size=len(KNOWN_KEYS)))
def test_any_entry_of_an_app_is_read_or_is_a_problem(row: dict[str, Any]) -> None:
    assert problems_of({**GOOD, "github_apps": [row, {"private_key": row}, row]})


@settings(max_examples=50, deadline=None)
@given(
    row=ANYTHING,
    key=st.sampled_from(["iat_s", "exp_s", "reuse_s", "source", "behind_s", "between_s", "breaks"]),
    value=ANYTHING,
)
def test_any_row_of_ones_own_is_read_or_is_a_problem(row: Any, key: str, value: Any) -> None:
    for setting in ("client_profiles", "limit_profiles"):
        problems_of({**GOOD, setting: {"x": row, "y": {"iat_s": 0, "exp_s": 60, key: value}, "z": {key: value}}})


@settings(max_examples=200, deadline=None)
@given(given=st.dictionaries(st.sampled_from(list(OF_ROLE)), ANYTHING, max_size=len(OF_ROLE)))
def test_any_value_of_the_roles_settings_is_read_or_is_a_problem(given: dict[str, Any]) -> None:
    values, problems = read_arguments(remediation_plan.DOCUMENTATION, given)
    for read in (given, values):
        with contextlib.suppress(SettingsError):
            Settings.read({**read, "host": "node1"}, problems)


@settings(max_examples=50, deadline=None)
@given(own=ANYTHING)
def test_any_variables_of_ones_own_are_read_or_are_a_problem(own: Any) -> None:
    not_known(["gate_mine"], own)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    "shape", [lambda text: text, lambda text: [text], lambda text: {"x": text}, lambda text: {text: 1}]
)
def test_a_key_in_any_setting_is_not_shown(option: str, shape: Any) -> None:
    for text in (PEM, KEY_LINE):
        assert not [problem for problem in problems_of({**GOOD, option: shape(text)}) if KEY_LINE[:16] in problem]


@pytest.mark.parametrize("field", KNOWN_KEYS)
def test_a_key_in_any_field_of_an_app_is_not_shown(field: str) -> None:
    for text in (PEM, KEY_LINE, [PEM], {"x": PEM}, {PEM: "x"}):
        app = {"name": "deploy", "app_id": 1001, "installation_id": 2002, field: text}
        assert not [problem for problem in problems_of({**GOOD, "github_apps": [app]}) if KEY_LINE[:16] in problem]
