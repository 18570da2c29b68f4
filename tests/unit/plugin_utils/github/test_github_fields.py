"""The fields of an App: which values are good, and how each other one is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.fields import (
    read_api_url,
    read_client_id,
    read_git_url,
    read_number,
    read_owner,
    read_permissions,
    read_repositories,
)


def fault(reader: Callable[..., Any], *given: Any) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is what callers of this look at
        reader(*given)
    return str(error.value)


PLACEHOLDERS = ("<APP_ID>", "YOUR_APP_ID", "changeme", "xxx", "{{ }}", "{{ app_id }}")


@pytest.mark.parametrize("given", [1001, "1001", 9_000_000_000])
def test_an_id_is_a_number_or_its_text(given: Any) -> None:
    assert read_number("app_id", given) == str(given)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (4.47597e06, "4475970.0: write all its digits"),
        ("4.47597e+06", "'4.47597e+06'"),
        ("0123456", "'0123456'"),
        ("0o123456", "'0o123456'"),
        (True, "true"),
        ("1001\n", "'1001\\n': it has a line's end"),
        ("1001\u200b", "it has a character that can't be seen"),
        ("\ufeff1001", "it has a character that can't be seen"),
        (" 1001", "it has blanks around it"),
        ("1001\xa0", "it has blanks around it"),
        ("\uff11\uff12", "write it with the digits 0 to 9"),
        ("\u0661", "write it with the digits 0 to 9"),
        ("\xb2", "write it with the digits 0 to 9"),
        (0, "above 0"),
        ("0", "above 0"),
        (-1, "above 0"),
        ("-1", "'-1'"),
        ("+1", "'+1'"),
        ("1_000", "'1_000'"),
        (10**400, "more than 30 digits"),
        ([1001], "a list"),
        ({"id": 1}, "a mapping"),
        (None, "None"),
        *((text, "it is a placeholder") for text in PLACEHOLDERS),
    ],
)
def test_what_is_no_id_is_refused_with_what_was_found(given: Any, found: str) -> None:
    said = fault(read_number, "installation_id", given)
    assert said.startswith("installation_id: ")
    assert found in said


@pytest.mark.parametrize("given", ["acme", "Acme-Corp", "octo_cat", "9lives", "o" * 39])
def test_an_owner_is_an_organisation_or_a_user(given: str) -> None:
    assert read_owner(given) == given


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("https://github.com/acme", "write acme"),
        ("https://github.com/orgs/acme", "write acme"),
        ("https://ghes.example/acme/charts.git", "write acme"),
        ("acme/charts", "write acme"),
        (" acme", "it has blanks around it"),
        ("-acme", "'-acme'"),
        ("acme corp", "'acme corp'"),
        ("\u0430cme", "found "),
        (5, "5"),
        (["acme"], "a list"),
        *((text, "it is a placeholder") for text in PLACEHOLDERS),
    ],
)
def test_what_is_no_owner_is_refused_with_what_to_write(given: Any, found: str) -> None:
    said = fault(read_owner, given)
    assert said.startswith("owner: ")
    assert found in said


@pytest.mark.parametrize(
    "given", ["Iv1.8a61f9b3a7aba766", "Iv23liLabClientId0001", "Iv23f8doAlphaNumer1c", "Iv23ctAbC"]
)
def test_a_client_id_is_good(given: str) -> None:
    assert read_client_id(given) == given


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (1001, "into app_id"),
        ("1001", "into app_id"),
        ("Iv23liLabClientId0001\n", "a line's end"),
        ("Iv23liLabClientId0001\u200b", "can't be seen"),
        (" Iv23liLabClientId0001", "blanks around it"),
        ("Ov23liAbCdEfGhIjKlMn", "an OAuth app"),
        ("0123456789abcdef0123", "an OAuth app"),
        ("deploy", "found 'deploy'"),
        (True, "found true"),
        *((text, "it is a placeholder") for text in (*PLACEHOLDERS, "YOUR_CLIENT_ID")),
    ],
)
def test_what_is_no_client_id_is_refused_with_what_to_write(given: Any, why: str) -> None:
    said = fault(read_client_id, given)
    assert said.startswith("client_id: ")
    assert why in said


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "https://api.github.com"),
        ("", "https://api.github.com"),
        ("https://api.github.com/", "https://api.github.com"),
        ("HTTPS://API.GITHUB.COM", "https://api.github.com"),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://ghe.example.net/api/v3/", "https://ghe.example.net/api/v3"),
        ("https://ghe.example.net:8443/api/v3", "https://ghe.example.net:8443/api/v3"),
        ("https://api.example.net/api/v3", "https://api.example.net/api/v3"),
        ("https://[2001:db8::1]/api/v3", "https://[2001:db8::1]/api/v3"),
        ("https://api.github.lab", "https://api.github.lab"),
        ("https://10.77.0.9", "https://10.77.0.9"),
    ],
)
def test_an_api_is_good(given: Any, url: str) -> None:
    assert read_api_url(given) == url


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("https://github.com", "the API is https://api.github.com"),
        ("https://www.github.com", "the API is https://api.github.com"),
        ("https://github.com/acme/charts", "the API is https://api.github.com"),
        ("https://github.com/api/v3", "the API is https://api.github.com"),
        ("https://api.github.com/api/v3", "the API is https://api.github.com"),
        ("https://api.github.com/graphql", "the API is https://api.github.com"),
        ("https://acme.ghe.com", "the API is https://api.acme.ghe.com"),
        ("https://acme.ghe.com/api/v3", "the API is https://api.acme.ghe.com"),
        ("https://ghe.example.net", "is https://ghe.example.net/api/v3"),
        ("https://ghe.example.net/", "is https://ghe.example.net/api/v3"),
        ("https://ghe.example.net:8443/api", "is https://ghe.example.net:8443/api/v3"),
        ("https://ghe.example.net/api/v3/meta", "is https://ghe.example.net/api/v3"),
        ("https://api.github.com ", "blanks around it"),
        ("https://api.github.com\n", "a line's end"),
        ("https://api.git\u200bhub.com", "can't be seen"),
        ("https://api.g\u0456thub.com", "not a host name"),
        ("https://api.github.com#fragment", "a fragment"),
        ("https://api.github.com?x=1", "a query"),
        ("https://api.github.com:0", "no such port"),
        ("https://api.github.com:", "no such port"),
        ("https://api.github.com:99999", "out of range"),
        ("https://deploy@api.github.com", "a user or a password"),
        ("https://HOST/api/v3", "not a host name"),
        ("https://<HOST>/api/v3", "not a host name"),
        ("https://YOUR_HOST/api/v3", "not a host name"),
        ("http://api.github.com", "found 'http://api.github.com'"),
        ("api.github.com", "found 'api.github.com'"),
        ("<API_URL>", "a placeholder"),
        (443, "found 443"),
        ([], "found a list"),
    ],
)
def test_what_is_no_api_is_refused_with_what_to_write(given: Any, why: str) -> None:
    said = fault(read_api_url, given)
    assert said.startswith("api_url")
    assert why in said


@pytest.mark.parametrize(
    ("given", "api_url", "url"),
    [
        (None, "https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("https://github.lab/", "https://api.github.lab", "https://github.lab"),
        ("https://ghe.example.net:8443", "https://ghe.example.net:8443/api/v3", "https://ghe.example.net:8443"),
    ],
)
def test_where_repositories_are(given: Any, api_url: str, url: str) -> None:
    assert read_git_url(given, api_url) == url


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("https://api.github.com", "write https://github.com"),
        ("https://api.acme.ghe.com", "write https://acme.ghe.com"),
        ("https://ghe.example.net/api/v3", "write https://ghe.example.net"),
        ("https://github.com/acme", "leave out the path"),
        ("git@github.com:acme/charts", "found"),
        ("https://github.com\n", "a line's end"),
        ("https://github.com:0", "no such port"),
        ("https://github.com/#x", "a fragment"),
        ("https://x:y@github.com", "a user or a password"),
    ],
)
def test_what_is_no_place_of_repositories_is_refused(given: Any, why: str) -> None:
    said = fault(read_git_url, given, "https://api.github.com")
    assert said.startswith("git_url")
    assert why in said


@pytest.mark.parametrize(
    ("given", "repositories"),
    [
        (None, ()),
        ("acme/charts", ("acme/charts",)),
        ("acme/charts, acme/deploy", ("acme/charts", "acme/deploy")),
        (["acme/.github"], ("acme/.github",)),
    ],
)
def test_repositories_are_a_list_or_a_text(given: Any, repositories: tuple[str, ...]) -> None:
    assert read_repositories(given) == repositories


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["https://github.com/acme/charts"], "write acme/charts"),
        (["https://github.com/acme/charts.git"], "write acme/charts"),
        (["git@github.com:acme/charts.git"], "write acme/charts"),
        (["acme/charts.git"], "write acme/charts"),
        (["acme/.."], "OWNER/NAME"),
        (["acme/charts\n"], "'acme/charts\\n'"),
        (["acme/ch\u00e4rts"], "OWNER/NAME"),
        ([""], "found ''"),
        ([7], "found 7"),
        ({"acme": "charts"}, "found a mapping"),
        (False, "found false"),
    ],
)
def test_what_is_no_repository_is_refused_with_what_to_write(given: Any, why: str) -> None:
    said = fault(read_repositories, given)
    assert said.startswith("repositories: ")
    assert why in said


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("contents: read", "found 'contents: read'"),
        (["contents"], "found a list"),
        (False, "found false"),
        ({"contents": "Read"}, "read, write, admin, found 'Read'"),
        ({"contents": True}, "found true"),
        ({"contents": ["read"]}, "found a list"),
        ({"pull-requests": "read"}, "found 'pull-requests'"),
        ({7: "read"}, "found 7"),
    ],
)
def test_what_is_no_permission_is_refused_with_what_was_expected(given: Any, why: str) -> None:
    said = fault(read_permissions, given)
    assert said.startswith("permissions")
    assert why in said


def test_permissions_are_narrow_unless_others_are_named() -> None:
    assert read_permissions(None) == read_permissions({}) == {"contents": "read"}
    assert read_permissions({"pull_requests": "write"}) == {"pull_requests": "write"}
