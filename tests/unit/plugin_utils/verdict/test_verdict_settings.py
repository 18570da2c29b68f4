from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import (
    CheckSettings,
    read_check_settings,
    read_cluster_ca,
    read_policy,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.builders import CHECKS, app
from tests.findings import unsaid

# The policy


def read(**settings: Any) -> Policy:
    return read_policy({"clients": ["argocd"], **settings}, [app()])


def test_defaults_are_all_checks_required_and_a_second_of_error():
    policy = read()
    assert policy.checks == CHECKS
    assert (policy.advisory_checks, policy.max_clock_error_s, policy.max_skew_s) == ((), 1.0, None)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param(
            {"checks": ["clock"]}, f"gate_checks: no check is called 'clock'; known: {', '.join(CHECKS)}", id="no check"
        ),
        pytest.param({"advisory_checks": ["ntp"]}, "gate_advisory_checks: no check is called 'ntp'", id="no advisory"),
        pytest.param(
            {"checks": ["clock_skew"], "advisory_checks": ["clock_skew"]}, "could ever refuse", id="all advisory"
        ),
        pytest.param({"checks": ["reachable"]}, "gate_checks: name a check beside reachable", id="reachable alone"),
        pytest.param(
            {"checks": ["reachable", "clock_skew"], "advisory_checks": ["clock_skew"]},
            "could ever refuse",
            id="all but reachable advisory",
        ),
        pytest.param({"clients": []}, "gate_clients: name the GitHub App clients", id="no client"),
        pytest.param(
            {"clients": ["argo"]}, "gate_clients: no client profile is called 'argo'; did you mean ", id="typo"
        ),
        pytest.param(
            {"client_profiles": {"mine": {"iat_s": 5, "exp_s": 60}}},
            "gate_client_profiles: client profile mine",
            id="iat",
        ),
        pytest.param({"client_profiles": {"mine": None}}, "gate_client_profiles: client profile mine", id="no profile"),
        pytest.param(
            {"max_clock_error_s": 0},
            "gate_max_clock_error_s: expected a number of seconds above 0, found 0",
            id="no error",
        ),
        pytest.param(
            {"max_clock_error_s": ".5s"}, "gate_max_clock_error_s: expected a number of seconds above 0", id="text"
        ),
        pytest.param(
            {"max_clock_error_s": float("nan")}, "gate_max_clock_error_s: expected a number of seconds", id="nan"
        ),
        pytest.param(
            {"accepted_rules": ["CHR1"]}, "gate_accepted_rules: no rule has the ID 'CHR1'; known: CHR001, ", id="ID"
        ),
        pytest.param(
            {"max_skew_s": -1}, "gate_max_skew_s: expected a number of seconds above 0, found -1", id="negative"
        ),
        pytest.param(
            {"max_skew_s": "much"}, "gate_max_skew_s: expected a number of seconds above 0, found 'much'", id="word"
        ),
        pytest.param({"max_clock_error_s": "inf"}, "gate_max_clock_error_s: expected a number", id="no limit"),
        pytest.param(
            {"max_skew_s": float("nan")}, "gate_max_skew_s: expected a number of seconds above 0", id="nan skew"
        ),
        pytest.param({"limits": ["etc"]}, "gate_limits: no limit is called 'etc'; did you mean etcd?", id="limit"),
        pytest.param(
            {"limits": ["argocd"]},
            "gate_limits: no limit is called 'argocd', but a client profile is: name it in gate_clients",
            id="a client as a limit",
        ),
        pytest.param(
            {"limits": ["arc"]},
            "gate_limits: no limit is called 'arc', but a client profile is: name it in gate_clients",
            id="another name of a client as a limit",
        ),
        pytest.param(
            {"limits": ["mine"], "client_profiles": {"mine": {"iat_s": -5, "exp_s": 60}}},
            "gate_limits: no limit is called 'mine', but a client profile is: name it in gate_clients",
            id="the user's client as a limit",
        ),
        pytest.param(
            {"clients": ["actions-runner"]},
            "gate_clients: no client profile is called 'actions-runner', but a limit is: name it in gate_limits",
            id="a limit as a client",
        ),
        pytest.param(
            {"clients": ["actions/runner"]},
            "gate_clients: no client profile is called 'actions/runner'; name the limit actions-runner in gate_limits",
            id="a limit as a client, in another spelling",
        ),
        pytest.param(
            {"limits": ["databases"]},
            "gate_limits: 'databases' is a group of limits; name those that your cluster runs: ceph, cockroachdb, tidb, yugab",
            id="a group",
        ),
        pytest.param(
            {"limits": ["Cloud"]},
            "gate_limits: 'Cloud' is a group of limits; name those that your cluster runs: aws-sigv4, ",
            id="a group in another spelling",
        ),
        pytest.param(
            {"limits": ["aws sigv4 (STS)"]},
            "gate_limits: no limit is called 'aws sigv4 (STS)'; did you mean aws-sigv4?",
            id="a limit, misspelt",
        ),
        pytest.param({"limits": ["vault-jwt"]}, "; did you mean vault-jwt-auth?", id="a part of a limit's name"),
        pytest.param({"limit_profiles": {"mine": {}}}, "gate_limit_profiles: limit mine: expected", id="own limit"),
    ],
)
def test_a_wrong_setting_is_reported_with_what_was_expected(settings, problem):
    with pytest.raises(SettingsError) as error:
        read(**settings)
    assert [line for line in error.value.problems if problem in line], error.value.problems


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Argo CD", "argocd"),
        ("argo-cd", "argocd"),
        ("ArgoCD", "argocd"),
        ("argo_cd", "argocd"),
        ("argocd-2.9", "argocd"),
        ("argo-cd v3.1.4", "argocd"),
        ("ghcr.io/argoproj/argo-cd", "argocd"),
        ("fluxcd", "flux"),
        ("Backstage.io", "backstage"),
        ("GHA runner scale set", "gha-runner-scale-set"),
        ("external-secrets-operator", "external-secrets"),
        ("PyGitHub==2.10.0", "pygithub"),
        ("@octokit/auth-app", "octokit"),
        ("ghinstalation", "ghinstallation"),
        ("merge", "merge-bot"),
    ],
)
def test_a_name_that_is_written_otherwise_is_answered_with_the_one_that_is_meant(name, meant):
    with pytest.raises(SettingsError) as error:
        read(clients=[name], client_profiles={"merge-bot": {"iat_s": -5, "exp_s": 60}})
    (problem,) = error.value.problems
    assert f"{name!r}; did you mean {meant}" in problem


@pytest.mark.parametrize("name", ["merge-bot", "x", "2.9", "---"])
def test_a_name_that_is_like_none_is_answered_with_the_libraries_and_how_to_add_a_profile(name):
    with pytest.raises(SettingsError) as error:
        read(clients=[name])
    (problem,) = error.value.problems
    assert "did you mean" not in problem
    assert not unsaid(problem, "ghinstallation, octokit, ", "gate_client_profiles: {my-own: {iat_s: -60, exp_s: 540}}")
    assert not unsaid(problem, "docs/how-to/add-a-client-or-a-limit.md", "Known: actions-runner-controller, ")


@pytest.mark.parametrize(
    "name", ["backstage", "arc", "terraform", "tekton", "argocd-applicationset", "external-secrets"]
)
def test_a_client_may_be_given_by_another_name(name):
    assert read(clients=[name]).clients == (name,)


def test_all_that_is_wrong_is_reported_at_once():
    with pytest.raises(SettingsError) as error:
        read(checks=["clock"], clients=["argo"], max_skew_s=0, max_clock_error_s=0)
    assert [line.split(":")[0] for line in error.value.problems] == [
        "gate_checks",
        "gate_clients",
        "gate_max_clock_error_s",
        "gate_max_skew_s",
    ]
    assert str(error.value) == "; ".join(error.value.problems)


@pytest.mark.parametrize(
    "unset", [{"max_skew_s": None}, {"max_skew_s": ""}, {"max_clock_error_s": None}, {"checks": []}]
)
def test_what_is_left_empty_is_the_default(unset):
    assert read(**unset) == read()


def test_a_policy_has_what_the_settings_name():
    policy = read(
        checks=["clock_skew", "time_service"],
        advisory_checks=["time_service"],
        client_profiles={"mine": {"iat_s": -5, "exp_s": 60}},
        clients=["mine"],
        max_skew_s="0.5",
        limits=["etcd", "ours"],
        limit_profiles={"ours": {"behind_s": 3, "ahead_s": 1}},
        accepted_rules=["CHR302"],
    )
    assert policy == Policy(
        checks=("clock_skew", "time_service"),
        advisory_checks=("time_service",),
        clients=("mine",),
        client_profiles={"mine": {"iat_s": -5, "exp_s": 60}},
        github_apps=(app(),),
        max_skew_s=0.5,
        limits=("etcd", "ours"),
        limit_profiles={"ours": {"behind_s": 3, "ahead_s": 1}},
        accepted_rules=("CHR302",),
    )


# The cluster's CA

CREATED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def certificate(not_before: datetime = CREATED - timedelta(minutes=5)) -> bytes:
    """A CA as kubeadm makes it: valid from five minutes before its creation, for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(not_before).not_valid_after(CREATED + timedelta(days=3650))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_cas_times_are_read_from_its_file(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_bytes(certificate())
    assert read_cluster_ca(str(path)) == {
        "file": str(path),
        "not_before_s": CREATED.timestamp() - 300,
        "not_after_s": CREATED.timestamp() + 3650 * 86400,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "No such file or directory", id="no file"),
        pytest.param(b"apiVersion: v1\n", "expected a certificate as PEM, found none", id="no certificate"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "found none", id="broken"),
        pytest.param(certificate() * 2, "expected one certificate, found 2", id="two of them"),
    ],
)
def test_what_is_no_single_certificate_is_refused_with_its_path(tmp_path, content, message):
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"gate_cluster_ca_file {path}: ") as error:
        read_cluster_ca(str(path))
    assert message in str(error.value)


def test_a_private_key_given_by_mistake_is_not_quoted(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "ca.key").write_bytes(pem)
    with pytest.raises(ValueError, match="found none") as error:
        read_cluster_ca(str(tmp_path / "ca.key"))
    assert pem.decode().splitlines()[1] not in str(error.value)


# All settings of a check

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
APP = {"name": "deploy", "app_id": 1001, "installation_id": 2002, "private_key": PEM}
GIVEN = {"clients": ["argocd"], "ntp_servers": ["ntp.example.net"], "github_apps": [APP]}


def check_settings(ways_into_a_file: tuple[str, ...] = (), **changes: Any) -> CheckSettings:
    return read_check_settings({**GIVEN, **changes}, lambda: list(ways_into_a_file))


def problems(*ways_into_a_file: str, **changes: Any) -> list[str]:
    with pytest.raises(SettingsError) as error:
        check_settings(ways_into_a_file, **changes)
    return error.value.problems


def test_a_machine_whose_key_is_elsewhere_needs_no_app_and_keeps_the_token_check():
    for apps in ([], None, ""):
        found = check_settings(("a file",), github_apps=apps, key_elsewhere=True)
        assert (found.apps, found.policy.github_apps) == ([], ())
        assert "github_app_token" in found.policy.checks
    assert "a file" in problems("a file", github_apps=[{}], key_elsewhere=True)
    for key_elsewhere in (False, None, "yes"):
        (problem,) = problems(github_apps=[], key_elsewhere=key_elsewhere)
        assert problem.startswith("gate_github_apps: name the cluster's GitHub Apps")


def test_a_check_has_what_the_settings_name_and_defaults_for_the_rest():
    read = check_settings(nts_servers=["nts.example.net"], timeout_s=2.5, mints_per_minute="10", mints_per_hour=50)
    assert (read.ntp_servers, read.nts_servers, read.timeout_s) == (["ntp.example.net"], ["nts.example.net"], 2.5)
    assert (read.mints_per_minute, read.mints_per_hour) == (10, 50)
    default = check_settings()
    assert (default.nts_servers, default.timeout_s) == ([], 5)
    assert (default.mints_per_minute, default.mints_per_hour) == (60, 400)


def test_runs_at_the_same_time_have_equal_shares_of_githubs_limits():
    read = check_settings(slices="3", mints_per_hour=100)
    assert (read.mints_per_minute, read.mints_per_hour) == (20, 33)


def test_the_policy_carries_of_an_app_what_may_be_stored():
    read = check_settings()
    assert [one.name for one in read.apps] == ["deploy"]
    assert read.policy.github_apps == tuple(one.public() for one in read.apps)
    assert "PRIVATE KEY" not in str(read.policy)


UNUSABLE = {
    "name": "argocd/r",
    "unusable": [{"key": "key_folded", "found": "it has blanks", "remedy": "Write it anew."}],
}


def test_an_app_that_no_client_could_use_is_judged_and_asked_of_nobody():
    read = check_settings(github_apps=[UNUSABLE, APP])
    assert [one.name for one in read.apps] == ["deploy"]
    assert UNUSABLE in read.policy.github_apps
    alone = check_settings(github_apps=[UNUSABLE])
    assert (alone.apps, alone.policy.github_apps, alone.references.apis) == ([], (UNUSABLE,), [])
    assert check_settings(github_apps=[UNUSABLE], checks=["clock_skew"]).policy.github_apps == ()


def test_what_is_to_be_known_of_an_app_is_a_warning_and_is_stored():
    read = check_settings(github_apps=[{**APP, "notes": ["it goes through a proxy"]}])
    assert read.warnings == ["GitHub App deploy: it goes through a proxy"]
    assert read.policy.github_apps[0]["notes"] == ["it goes through a proxy"]
    assert check_settings().warnings == []


def test_the_named_clients_decide_with_which_id_an_app_signs():
    both = [{**APP, "client_id": "Iv23liLabClientId0001"}]
    mine = {"mine": {"iat_s": -30, "exp_s": 90, "iss": "app_id"}}
    assert check_settings(github_apps=both).apps[0].issuer == "1001"
    assert check_settings(github_apps=both, clients=["pygithub"]).apps[0].issuer == "Iv23liLabClientId0001"
    assert check_settings(github_apps=both, clients=["mine"], client_profiles=mine).apps[0].issuer == "1001"
    only_client_id = [{**both[0], "app_id": None}]
    assert "argocd can sign" in " ".join(problems(github_apps=only_client_id, clients=["pygithub", "argocd"]))
    assert "mine can sign" in " ".join(problems(github_apps=only_client_id, clients=["mine"], client_profiles=mine))


def test_a_check_takes_the_sections_that_its_checks_read():
    assert check_settings(checks=["reachable", "clock_skew"], github_apps=[]).sections == {
        "collected",
        "ntp",
        "api_date",
        "join_state",
    }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"ntp_servers": []}, "gate_ntp_servers: name the NTP servers", id="no server"),
        pytest.param({"github_apps": []}, "gate_github_apps: name the cluster's GitHub Apps", id="no App"),
        pytest.param({"github_apps": [{}]}, "gate_github_apps, github_apps[0]: ", id="wrong App"),
        pytest.param({"mints_per_minute": 1}, "gate_mints_per_minute: expected a whole number, at least 2", id="one"),
        pytest.param({"mints_per_hour": 0}, "gate_mints_per_hour: expected a whole number, at least 2", id="none"),
        pytest.param({"mints_per_hour": "2.5"}, "found '2.5'", id="fraction"),
        pytest.param({"mints_per_hour": ""}, "found ''", id="empty"),
        pytest.param({"slices": 0}, "gate_slices: expected a whole number, at least 1, found 0", id="no slice"),
        pytest.param(
            {"slices": 31},
            "gate_slices: 31 runs share gate_mints_per_minute (60), and each needs at least 2: expected at most 30",
            id="too many slices",
        ),
        pytest.param({"cluster_ca_file": "/nowhere/ca.crt"}, "gate_cluster_ca_file /nowhere/ca.crt: No such", id="CA"),
        pytest.param({"clients": []}, "gate_clients: name the GitHub App clients", id="the policy's"),
    ],
)
def test_a_wrong_setting_of_a_check_is_reported_with_what_was_expected(changes, problem):
    (found,) = problems(**changes)
    assert problem in found


def test_all_that_is_wrong_with_a_check_is_reported_at_once():
    found = problems("the JWT would be in a file", github_apps=[], mints_per_hour=1, ntp_servers=[], clients=[])
    assert [line.split(":")[0] for line in found] == [
        "gate_github_apps",
        "the JWT would be in a file",
        "gate_mints_per_hour",
        "gate_ntp_servers",
        "gate_clients",
    ]


def test_without_the_credentials_check_nothing_of_credentials_is_asked_for():
    read = check_settings(("the JWT would be in a file",), checks=["clock_skew"], github_apps=[{}], mints_per_hour=0)
    assert (read.apps, read.policy.github_apps) == ([], ())
