"""How a value is shown in a problem, and what is wrong with a name."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import values
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.values import (
    is_placeholder,
    path_shown,
    server_problem,
    shown,
    unit_problem,
)

HIDDEN = "not shown, since it may hold a secret"


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEowIBAAKCAQEAtkRt8SkpCPkRQ7rTrmXw8dVnIzB3",
        "MIIEowIBAAKCAQEAl/6hwdROa5irXYSSVuHTqeY6V/WLA21e9Wex7AYTcB6h95AE",
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "eyJhbGciOiJSUzI1NiJ9.e30",
        "0f3a9c4be2d1760f3a9c4be2d1760f3a9c4be2d1",
        "https://deploy:hunter2@api.github.com",
        "two\nlines",
        "x" * 200,
    ],
)
def test_a_text_that_may_be_a_secret_is_described(secret: str) -> None:
    assert shown(secret).endswith(HIDDEN)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("argocd", "'argocd'"),
        ("\x1b[2J", "'\\x1b[2J'"),
        ("\u0661", "'\\u0661'"),
        ("Iv23liExampleClientId", "'Iv23liExampleClientId'"),
        ("actions-runner-controller-legacy", "'actions-runner-controller-legacy'"),
        (True, "true"),
        (4475970.0, "4475970.0"),
        (10**400, "a number of more than 30 digits"),
        ({"private_key": "x"}, "a mapping"),
        (["x"], "a list"),
    ],
)
def test_another_value_is_shown_in_a_form_that_can_be_searched(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/key.pem",
        "~/.secrets/deploy-app.pem",
        "keys/app.pem",
        "/Users/Alice/Projects2/Secrets/deployapp/GithubApp.pem",
    ],
)
def test_a_path_is_shown_as_it_is(path: str) -> None:
    assert path_shown(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "<APP_ID>",
        "YOUR_APP_ID",
        "your-app-id",
        "changeme",
        "CHANGE_ME",
        "xxx",
        "XXXX",
        "TODO",
        "{{ app_id }}",
        "${APP_ID}",
    ],
)
def test_a_placeholder_is_known(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["1001", "Iv1.8a61f9b3a7aba766", "ntp1.example.net", "deploy", "10.77.0.1", "a", "::1"]
)
def test_a_value_is_no_placeholder(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    "name",
    [
        "ntp1.example.net",
        "ntp1",
        "10.77.0.1",
        "2001:db8::1",
        "fe80::1%eth0",
        "0.de.pool.ntp.org",
        "time.cloudflare.com.",
        "your-server.de",
        "0f3a9c4be2d1760f3a9c4be2d1760f3a",
    ],
)
def test_a_servers_name_or_address_is_good(name: str) -> None:
    assert server_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ntp1.example.net\n", "a line's end"),
        ("ntp1.example.net\nallow", "a line's end"),
        (" ntp1.example.net", "blanks around it"),
        ("ntp1.example.net iburst", "without options"),
        ("ntp1\u200b.example.net", "can't be seen"),
        ("ntp1.example.net\x00", "can't be seen"),
        ("ntp://ntp1.example.net", "a URL"),
        ("https://ntp1.example.net/", "a URL"),
        ("ntp1.example.net:123", "not a host name"),
        ("[2001:db8::1]", "not a host name"),
        ("300.1.1.1", "not a host name"),
        ("ntp_1..net", "not a host name"),
        ("\u00fcbung.example.net", "ASCII"),
        ("<NTP_SERVER>", "a placeholder"),
        ("YOUR_NTP_SERVER", "a placeholder"),
        ("", "empty"),
        (7, "not a text"),
    ],
)
def test_what_is_no_server_is_named_with_its_fault(name: Any, problem: str) -> None:
    assert problem in str(server_problem(name))


@pytest.mark.parametrize("unit", ["kubelet.service", "k3s-agent.service", "getty@tty1.service", "var-lib\\x2dx.mount"])
def test_a_unit_is_good(unit: str) -> None:
    assert unit_problem(unit) is None


@pytest.mark.parametrize(
    "unit", ["kubelet", "a b.service", "a.service\n", "../x.service", "<UNIT>", "", "\u200b.service"]
)
def test_what_is_no_unit_is_a_problem(unit: str) -> None:
    assert unit_problem(unit)


def test_the_docstrings_examples_hold() -> None:
    tested = doctest.testmod(values)
    assert tested.attempted > 0
    assert tested.failed == 0
