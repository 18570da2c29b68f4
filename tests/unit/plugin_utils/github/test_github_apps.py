from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import Moment
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import (
    TRUE_TIME_LIFE_S,
    GithubApp,
    date_apis,
    git_url_of,
    read_github_apps,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import ClientProfile
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

PKCS1, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
PASSPHRASE = "correct horse battery"
ARGOCD = ClientProfile("argocd", -30, 90)


def at(own_s: float, skew_s: Interval | None = Interval(0, 0)) -> Moment:  # noqa: B008 - it can't be changed
    """The controller's time: its clock shows this, and is off by that."""
    return Moment(own_s, skew_s)


AT = at(1_700_000_000)


def pem(key: Any, form: PrivateFormat = PKCS1, encryption: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def row(key) -> Callable[..., dict[str, Any]]:
    """A good entry of `gate_github_apps`; a change to None takes a key away."""

    def make(**changes: Any) -> dict[str, Any]:
        entry = {"name": "deploy", "app_id": 1001, "installation_id": 2002, "private_key": pem(key), **changes}
        return {name: value for name, value in entry.items() if value is not None}

    return make


def fault(row: dict[str, Any]) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is what callers of this look at
        GithubApp.from_settings(row, 0)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    return str(error.value)


# Keys


@pytest.mark.parametrize(
    ("form", "passphrase"),
    [
        pytest.param(PKCS1, None, id="PKCS#1"),
        pytest.param(PKCS8, None, id="PKCS#8"),
        pytest.param(PKCS1, PASSPHRASE, id="PKCS#1 encrypted"),
        pytest.param(PKCS8, PASSPHRASE, id="PKCS#8 encrypted"),
    ],
)
@pytest.mark.parametrize("given_as", ["private_key", "private_key_file"])
def test_a_key_is_read_in_every_form_and_signs(*, key, row, tmp_path, form, passphrase, given_as):
    text = pem(key, form, BestAvailableEncryption(passphrase.encode()) if passphrase else None)
    value = text
    if given_as == "private_key_file":
        value = str(tmp_path / "app.pem")
        Path(value).write_text(text)
    app = GithubApp.from_settings(
        row(**{"private_key": None, given_as: value, "private_key_passphrase": passphrase}), 0
    )
    signed = app.sign(ARGOCD, 1_700_000_000, AT)
    assert jwt.decode(signed, key.public_key(), ["RS256"], options={"verify_exp": False})["iss"] == "1001"


ENCRYPTED = BestAvailableEncryption(PASSPHRASE.encode())

BAD_KEYS: dict[str, tuple[Callable[[Any], str], str | None, str]] = {
    "wrong passphrase": (lambda k: pem(k, PKCS8, ENCRYPTED), "wrong staple", "the passphrase is wrong"),
    "wrong passphrase of PKCS#1": (lambda k: pem(k, PKCS1, ENCRYPTED), "wrong staple", "the passphrase is wrong"),
    "missing passphrase": (lambda k: pem(k, PKCS8, ENCRYPTED), None, "is encrypted: private_key_passphrase is needed"),
    "needless passphrase": (pem, PASSPHRASE, "is not encrypted, but a passphrase is given"),
    "public key": (
        lambda k: k.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        None,
        "is a public key; the App's private key is needed",
    ),
    "public key of PKCS#1": (
        lambda k: k.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
        None,
        "is a public key; the App's private key is needed",
    ),
    "EC key": (lambda _: pem(ec.generate_private_key(ec.SECP256R1()), PKCS8), None, "is not an RSA key"),
    "truncated": (lambda k: pem(k)[:800], None, "expected an unbroken PEM"),
    "cut in the middle": (lambda k: pem(k)[:400] + pem(k)[700:], None, "expected an unbroken PEM"),
    "no PEM at all": (lambda _: "sk-1234567890abcdef", None, "expected an unbroken PEM"),
}


@pytest.mark.parametrize(("make", "passphrase", "message"), BAD_KEYS.values(), ids=BAD_KEYS)
@pytest.mark.parametrize("given_as", ["private_key", "private_key_file"])
def test_a_key_that_cannot_sign_is_named_with_its_fault_and_never_quoted(
    *, key, row, tmp_path, make, passphrase, message, given_as
):
    text = make(key)
    where = "private_key"
    settings = {"private_key": text, "private_key_passphrase": passphrase}
    if given_as == "private_key_file":
        path = tmp_path / "app.pem"
        path.write_text(text)
        settings = {"private_key": None, "private_key_file": str(path), "private_key_passphrase": passphrase}
        where = f"private_key_file {path}"
    said = fault(row(**settings))
    assert said.startswith(f"gate_github_apps, deploy: {where} ")
    assert message in said
    secrets = [passphrase, PASSPHRASE, *(line for line in text.split() if len(line) > 16 and "-----" not in line)]
    assert not any(secret in said for secret in secrets if secret)


def test_a_key_file_that_is_not_there_is_named(row, tmp_path):
    path = tmp_path / "nowhere.pem"
    said = fault(row(private_key=None, private_key_file=str(path)))
    assert said == f"gate_github_apps, deploy: private_key_file {path}: No such file or directory"


def test_a_key_file_that_is_a_folder_is_named(row, tmp_path):
    assert fault(row(private_key=None, private_key_file=str(tmp_path))).endswith(f"{tmp_path}: Is a directory")


def test_a_home_folder_that_is_not_known_is_named(row):
    said = fault(row(private_key=None, private_key_file="~no-such-user/app.pem"))
    assert said.startswith("gate_github_apps, deploy: private_key_file ~no-such-user/app.pem: ")


@pytest.mark.parametrize("changes", [{"private_key": None}, {"private_key_file": "/somewhere/app.pem"}])
def test_a_key_is_given_once(row, changes):
    assert fault(row(**changes)).endswith("exactly one of private_key_file and private_key")


# Settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"app_id": None}, "app_id or client_id is needed", id="no issuer"),
        pytest.param({"appid": 1}, "unknown key 'appid'; did you mean app_id?", id="unknown key"),
        pytest.param({"installation_id": None}, "installation_id or owner", id="no installation"),
        pytest.param({"owner": "acme"}, "both are set", id="installation and owner"),
        pytest.param({"installation_id": "", "owner": "acme/charts"}, "write acme", id="owner as a repository"),
        pytest.param(
            {"installation_id": "acme"}, "installation_id: expected a number, found 'acme'", id="installation's name"
        ),
        pytest.param({"installation_id": "1/../2"}, "installation_id: ", id="installation as a path"),
        pytest.param({"api_url": "http://api.github.lab"}, "api_url: ", id="API without TLS"),
        pytest.param({"api_url": "https://"}, "api_url: ", id="API without a host"),
        pytest.param({"api_url": "github.com"}, "api_url: ", id="API that is no URL"),
        pytest.param({"api_url": "https://h/?x=1"}, "api_url: ", id="API with a query"),
        pytest.param({"api_url": "https://[::1"}, "Invalid IPv6", id="API that can't be parsed"),
        pytest.param({"repositories": ["charts"]}, "OWNER/NAME, found 'charts'", id="no owner"),
        pytest.param({"repositories": ["a/b/c"]}, "OWNER/NAME, found 'a/b/c'", id="three parts"),
        pytest.param({"repositories": ["acme/"]}, "OWNER/NAME, found 'acme/'", id="empty name"),
        pytest.param({"repositories": ["/charts"]}, "OWNER/NAME, found '/charts'", id="empty owner"),
        pytest.param({"depth": "deep"}, "jwt, token, repository, found 'deep'", id="unknown depth"),
        pytest.param({"depth": "repository"}, "depth repository needs repositories", id="depth without repositories"),
        pytest.param({"ca_file": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem: No such file", id="no CA file"),
    ],
)
def test_a_wrong_setting_is_named_with_its_entry(row, changes, message):
    said = fault(row(**changes))
    assert said.startswith("gate_github_apps, deploy: ")
    assert message in said


def test_a_ca_file_that_is_not_pem_is_named(row, tmp_path):
    path = tmp_path / "ca.der"
    path.write_bytes(b"\x30\x82\x01\x0a\xff\xfe")
    assert f"ca_file {path} is not PEM" in fault(row(ca_file=str(path)))


CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_a_ca_may_be_given_as_text(row):
    assert GithubApp.from_settings(row(ca_pem=CA), 0).ca_pem == CA


@pytest.mark.parametrize("text", ["/etc/ssl/ca.pem", CA + "é"])
def test_a_ca_text_that_is_not_pem_is_named(row, text):
    assert "ca_pem is not PEM; expected certificates" in fault(row(ca_pem=text))


def test_a_ca_is_given_once(row):
    assert "at most one of ca_file and ca_pem" in fault(row(ca_pem=CA, ca_file="/somewhere/ca.pem"))


def test_a_key_in_the_cas_place_is_refused_and_not_repeated(key, row):
    said = fault(row(ca_pem=pem(key)))
    assert "ca_pem is not PEM; expected certificates" in said
    assert pem(key).splitlines()[1] not in said


def test_a_password_in_the_api_url_is_refused_and_not_repeated(row):
    said = fault(row(api_url="https://deploy:hunter2@api.github.lab"))
    assert "api_url" in said
    assert "hunter2" not in said


def test_an_entry_without_a_name_is_named_by_its_position(row):
    assert GithubApp.from_settings(row(name=None), 3).name == "github_apps[3]"


@pytest.mark.parametrize(
    ("changes", "depth"),
    [
        pytest.param({}, "token", id="without repositories a token is minted"),
        pytest.param({"repositories": ["acme/charts"]}, "repository", id="with repositories they are reached"),
        pytest.param({"repositories": ["acme/charts"], "depth": "jwt"}, "jwt", id="what is set wins"),
    ],
)
def test_the_depth_follows_from_the_repositories(row, changes, depth):
    assert GithubApp.from_settings(row(**changes), 0).depth == depth


CLIENT_ID = "Iv23liLabClientId0001"
SIGNS_WITH_APP_ID = ClientProfile("argocd", -30, 90, iss="app_id")
TAKES_EITHER = ClientProfile("pygithub", -60, 300)
STRICT_AND_TAKES_EITHER = ClientProfile("zuul", 0, 300)


@pytest.mark.parametrize(
    ("ids", "profiles", "issuer"),
    [
        pytest.param({"client_id": CLIENT_ID}, [SIGNS_WITH_APP_ID], "1001", id="the App's ID, which alone it takes"),
        pytest.param({"client_id": CLIENT_ID}, [TAKES_EITHER], CLIENT_ID, id="the client ID, where it takes either"),
        pytest.param({}, [TAKES_EITHER], "1001", id="the App's ID, where there is no other"),
        pytest.param({"client_id": CLIENT_ID, "app_id": None}, [TAKES_EITHER], CLIENT_ID, id="the client ID alone"),
        pytest.param({"client_id": CLIENT_ID}, [], CLIENT_ID, id="no client is known"),
        pytest.param(
            {"client_id": CLIENT_ID}, [TAKES_EITHER, SIGNS_WITH_APP_ID], "1001", id="the strictest client's: argocd's"
        ),
        pytest.param(
            {"client_id": CLIENT_ID},
            [SIGNS_WITH_APP_ID, STRICT_AND_TAKES_EITHER],
            CLIENT_ID,
            id="the strictest's: zuul's",
        ),
    ],
)
def test_a_jwt_has_the_issuer_that_the_client_sends(*, key, row, ids, profiles, issuer):
    (app,), problems = read_github_apps([row(**ids)], profiles)
    assert problems == []
    assert app.issuer == app.public()["issuer"] == claims(app.sign(ARGOCD, 1_700_000_000, AT), key)["iss"] == issuer


def test_a_client_that_needs_the_apps_id_refuses_an_entry_without_one(row):
    profiles = [TAKES_EITHER, SIGNS_WITH_APP_ID]
    _apps, (problem,) = read_github_apps([row(app_id=None, client_id=CLIENT_ID)], profiles)
    assert problem.startswith("gate_github_apps, deploy: app_id is needed, but only client_id is set. argocd can sign")
    assert "pygithub" not in problem


def test_defaults_are_github_com_and_reading_contents(row):
    app = GithubApp.from_settings(row(), 0)
    assert (app.api_url, app.git_url) == ("https://api.github.com", "https://github.com")
    assert app.permissions == {"contents": "read"}
    assert (app.installation_id, app.ca_pem) == ("2002", None)


def test_the_modules_parameter_has_all_that_a_node_needs_and_no_key(row, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    app = GithubApp.from_settings(
        row(repositories=["acme/charts"], ca_file=str(ca), api_url="https://ghe.example.net/api/v3/"), 0
    )
    request = app.request([{"label": "now", "jwt": "e.y.J"}])
    assert request == {
        "name": "deploy",
        "api_url": "https://ghe.example.net/api/v3",
        "git_url": "https://ghe.example.net",
        "ca_pem": "-----BEGIN CERTIFICATE-----\n",
        "installation_id": "2002",
        "depth": "repository",
        "repositories": ["acme/charts"],
        "permissions": {"contents": "read"},
        "attempts": [{"label": "now", "jwt": "e.y.J"}],
    }


def test_neither_the_apps_repr_nor_its_public_part_shows_the_key(key, row):
    app = GithubApp.from_settings(row(), 0)
    shown = f"{app!r} {app} {app.public()}"
    numbers = key.private_numbers()
    assert "PRIVATE KEY" not in shown
    assert "RSAPrivateKey" not in shown
    assert str(numbers.d) not in shown
    assert pem(key).splitlines()[1] not in shown
    shown_keys = {"name", "issuer", "installation_id", "api_url", "git_url", "repositories", "permissions", "depth"}
    assert app.public().keys() == shown_keys


def test_an_app_is_known_by_its_owner_if_the_installation_is_to_be_looked_up(row):
    app = GithubApp.from_settings(row(installation_id=None, owner="Acme-Corp"), 0)
    for view in (app.public(), app.request([])):
        assert view["owner"] == "Acme-Corp"
        assert "installation_id" not in view


@pytest.mark.parametrize(
    ("api_url", "git_url"),
    [
        pytest.param("https://api.github.com", "https://github.com", id="github.com"),
        pytest.param("https://api.acme.ghe.com", "https://acme.ghe.com", id="ghe.com"),
        pytest.param("https://github.example.net/api/v3", "https://github.example.net", id="GHES"),
        pytest.param("https://github.example.net:8443/api/v3", "https://github.example.net:8443", id="GHES on a port"),
        pytest.param("https://api.example.net/api/v3", "https://api.example.net", id="GHES whose host is called api"),
    ],
)
def test_where_an_apis_repositories_are(api_url, git_url):
    assert git_url_of(api_url) == git_url


def test_all_entries_are_read_and_every_problem_is_reported(row):
    apps, problems = read_github_apps([row(), row(name="bad", app_id=None), row(name="worse", depth="deep")])
    assert [app.name for app in apps] == ["deploy"]
    assert [problem.split(":")[0] for problem in problems] == ["gate_github_apps, bad", "gate_github_apps, worse"]


def test_a_name_used_twice_is_reported_once(row):
    _apps, problems = read_github_apps([row(), row(), row(), row(name="other")])
    assert problems == ["gate_github_apps: the name 'deploy' is used twice"]


def test_all_that_is_wrong_with_one_entry_is_reported_at_once(row):
    said = fault(row(app_id="<APP_ID>", installation_id=-1, api_url="https://github.com", private_key="?", appid=1))
    for field in ("app_id: expected a number", "installation_id: ", "api_url: ", "private_key", "'appid'"):
        assert field in said


@pytest.mark.parametrize(
    "field", ["app_id", "client_id", "installation_id", "name", "api_url", "git_url", "ca_file", "depth", "permissions"]
)
def test_a_key_or_its_passphrase_in_another_field_is_described_and_not_shown(key, row, field):
    for text in (pem(key), pem(key).splitlines()[1], pem(key).replace("\n", "\\n")):
        said = fault(row(**{field: text}))
        assert field in said
        assert pem(key).splitlines()[1][:12] not in said
        assert "PRIVATE KEY" not in said
    assert PASSPHRASE not in fault(row(private_key_passphrase=PASSPHRASE, installation_id=PASSPHRASE))


def test_a_key_in_the_place_of_its_file_is_refused_and_not_shown(key, row):
    for text in (pem(key), pem(key).replace("\n", " "), pem(key).splitlines()[1]):
        said = fault(row(private_key=None, private_key_file=text))
        assert "private_key_file" in said
        assert pem(key).splitlines()[1][:12] not in said


def test_a_private_key_among_the_certificates_of_a_ca_is_sent_to_no_node(key, row):
    assert "ca_pem has a private key" in fault(row(ca_pem=CA + pem(key)))


def test_an_entry_that_is_no_mapping_is_reported():
    assert read_github_apps(["deploy"]) == ([], ["gate_github_apps, github_apps[0]: expected a mapping, found a str"])


# JWTs


def claims(token: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return jwt.decode(token, key.public_key(), ["RS256"], options={"verify_exp": False, "verify_iat": False})


@pytest.mark.parametrize(
    ("profile", "now_s", "life_s", "iat", "exp"),
    [
        pytest.param(ARGOCD, 1_700_000_000.0, None, 1_699_999_970, 1_700_000_090, id="as the client does"),
        pytest.param(ARGOCD, 1_700_000_000.999, None, 1_699_999_970, 1_700_000_090, id="fractions are cut off"),
        pytest.param(ARGOCD, 1_700_000_000.0, 30, 1_699_999_970, 1_700_000_030, id="a life that is shorter"),
        pytest.param(ARGOCD, 1_700_000_000.0, 900, 1_699_999_970, 1_700_000_090, id="a life that is no longer"),
        pytest.param(ClientProfile("p", 0, 600), 86_400.5, None, 86_400, 87_000, id="another client, another decade"),
    ],
)
def test_a_jwt_is_dated_as_its_client_dates_it(*, key, row, profile, now_s, life_s, iat, exp):
    found = claims(GithubApp.from_settings(row(), 0).sign(profile, now_s, at(now_s), life_s), key)
    assert (found["iat"], found["exp"], found["iss"]) == (iat, exp, "1001")
    assert all(type(found[claim]) is int for claim in ("iat", "exp"))


def test_a_jwt_is_signed_with_the_key_by_rs256(row):
    token = GithubApp.from_settings(row(), 0).sign(ARGOCD, 1_700_000_000, AT)
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(jwt.InvalidSignatureError):
        claims(token, other)


def test_many_nodes_never_send_the_very_same_jwt(key, row):
    app = GithubApp.from_settings(row(), 0)
    assert len({claims(app.sign(ARGOCD, 1_700_000_000, AT), key)["jti"] for _ in range(20)}) == 20


def test_a_jwt_of_the_true_time_lives_half_a_minute():
    assert TRUE_TIME_LIFE_S == 30


def test_each_api_is_named_once_for_its_date(row):
    apps = [GithubApp.from_settings(row(**more), 0) for more in ({}, {"name": "b"}, {"api_url": "https://g/api/v3"})]
    assert [api["url"] for api in date_apis(apps)] == [f"{apps[0].api_url}/rate_limit", "https://g/api/v3/rate_limit"]
