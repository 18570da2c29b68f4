"""The settings of a node's check (``gate_*`` without the prefix): validated all at once, before any node is contacted.

Names of checks, clients, limits and rules are validated here, where all of them are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ..boundary.settings import SettingsError, count_of, limit_of, read_file, unknown_names
from ..checks import discover, sections_of
from ..chrony.rules import RULES
from ..github.apps import GithubApp, read_github_apps
from ..github.client_profiles import all_profiles
from ..github.throttle import DEFAULT_PER_HOUR, DEFAULT_PER_MINUTE
from ..model.limits import all_limits
from ..model.policy import Policy

CREDENTIALS_CHECK = "github_app_token"

TOKENS_AT_ONCE = 2
"""The counterfactual sends two JWTs at once, and each may mint."""


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What to collect on a node, with which credentials, and how to judge it; servers and bounds are as the module takes them."""

    policy: Policy
    apps: Sequence[GithubApp]
    ntp_servers: Sequence[str]
    nts_servers: Sequence[str] = ()
    timeout_s: float = 5
    mints_per_minute: int = DEFAULT_PER_MINUTE
    mints_per_hour: int = DEFAULT_PER_HOUR

    @property
    def sections(self) -> set[str]:
        """The sections of the evidence that the policy's checks read."""
        checks = discover()
        return {section for name in self.policy.checks for section in sections_of(checks[name])}


def read_check_settings(
    settings: Mapping[str, Any], ways_into_a_file: Callable[[], list[str]], known_problems: Sequence[str] = ()
) -> CheckSettings:
    """Read the settings and the keys that they name; raises SettingsError with all that is wrong with them.

    ``ways_into_a_file`` is asked only if JWTs are to be sent: how they could get into a file on the node, a problem each.
    ``known_problems`` were found when the settings' types were read, and are told with the others.
    """
    apps: list[GithubApp] = []
    problems = list(known_problems)
    mints = DEFAULT_PER_MINUTE, DEFAULT_PER_HOUR
    if CREDENTIALS_CHECK in (settings.get("checks") or discover()):
        apps = _read_apps(settings, problems)
        problems += ways_into_a_file()
        mints = (
            count_of(settings, "mints_per_minute", DEFAULT_PER_MINUTE, problems, least=TOKENS_AT_ONCE),
            count_of(settings, "mints_per_hour", DEFAULT_PER_HOUR, problems, least=TOKENS_AT_ONCE),
        )
    if not settings.get("ntp_servers"):
        problems.append("gate_ntp_servers: name the NTP servers that nodes use, for example [ntp1.example.net]")
    cluster_ca = None
    if settings.get("cluster_ca_file"):
        try:
            cluster_ca = read_cluster_ca(settings["cluster_ca_file"])
        except ValueError as error:
            problems.append(str(error))
    try:
        policy = read_policy(settings, [app.public() for app in apps], cluster_ca)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    timeout_s = limit_of(settings, "timeout_s", problems) or 5
    if problems:
        raise SettingsError(problems)
    return CheckSettings(
        policy=policy,
        apps=apps,
        ntp_servers=settings["ntp_servers"],
        nts_servers=settings.get("nts_servers") or [],
        timeout_s=timeout_s,
        mints_per_minute=mints[0],
        mints_per_hour=mints[1],
    )


def read_policy(
    settings: Mapping[str, Any],
    github_apps: Iterable[Mapping[str, Any]] = (),
    cluster_ca: Mapping[str, Any] | None = None,
) -> Policy:
    """The policy that the settings ask for; raises SettingsError with all that is wrong with them.

    ``github_apps`` are the public parts of the credentials; ``cluster_ca`` is what ``read_cluster_ca`` gives.
    """
    problems: list[str] = []
    checks, advisory = _read_checks(settings, problems)
    clients, client_profiles = _read_names(settings, "client", all_profiles, problems, called="client profile")
    if not clients:
        problems.append("gate_clients: name the GitHub App clients that the cluster will run, for example [argocd]")
    limits, limit_profiles = _read_names(settings, "limit", all_limits, problems, called="limit")
    accepted_rules = tuple(settings.get("accepted_rules") or ())
    problems += unknown_names("gate_accepted_rules: no rule has the ID", accepted_rules, RULES)
    max_clock_error_s = limit_of(settings, "max_clock_error_s", problems) or 1.0
    max_skew_s = limit_of(settings, "max_skew_s", problems)
    if problems:
        raise SettingsError(problems)
    return Policy(
        checks=checks,
        advisory_checks=advisory,
        clients=clients,
        client_profiles=client_profiles,
        github_apps=tuple(github_apps),
        max_clock_error_s=max_clock_error_s,
        max_skew_s=max_skew_s,
        limits=limits,
        limit_profiles=limit_profiles,
        cluster_ca=cluster_ca,
        accepted_rules=accepted_rules,
    )


def read_cluster_ca(path: str) -> dict[str, Any]:
    """From when to when the cluster's CA is valid (Unix seconds), and its file; raises ValueError with what is wrong.

    Only the certificate is needed, which is public. A file that holds several does not say which of them signs.
    """
    where = f"gate_cluster_ca_file {path}"
    pem = read_file(path, "gate_cluster_ca_file")
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:  # the library's message may quote what it read
        raise ValueError(
            f"{where}: expected a certificate as PEM, found none (kubeadm's is /etc/kubernetes/pki/ca.crt)"
        ) from None
    if len(certificates) != 1:
        raise ValueError(f"{where}: expected one certificate, found {len(certificates)}; give the one that signs")
    return {
        "file": str(path),
        "not_before_s": certificates[0].not_valid_before_utc.timestamp(),
        "not_after_s": certificates[0].not_valid_after_utc.timestamp(),
    }


def _read_apps(settings: Mapping[str, Any], problems: list[str]) -> list[GithubApp]:
    apps, wrong = read_github_apps(settings.get("github_apps") or [])
    if not apps and not wrong:
        wrong.append(
            "gate_github_apps: name the cluster's GitHub Apps (app_id or client_id, installation_id, private_key_file), "
            f"or leave {CREDENTIALS_CHECK} out of gate_checks"
        )
    problems += wrong
    return apps


def _read_checks(settings: Mapping[str, Any], problems: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The checks to run, and which of them are advisory; at least one must be able to refuse a node."""
    known = list(discover())
    for key in ("checks", "advisory_checks"):
        problems += unknown_names(f"gate_{key}: no check is called", settings.get(key) or [], known)
    checks = tuple(settings.get("checks") or known)
    advisory = tuple(settings.get("advisory_checks") or ())
    if set(checks) == {"reachable"}:
        problems.append("gate_checks: name a check beside reachable, which alone proves nothing and admits no node")
    elif not set(checks) - set(advisory) - {"reachable"}:
        problems.append("gate_advisory_checks: every check is advisory, so nothing could ever refuse a node")
    return checks, advisory


def _read_names(
    settings: Mapping[str, Any],
    kind: str,
    all_of: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    problems: list[str],
    *,
    called: str,
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names in ``gate_KINDs``, and the user's own rows in ``gate_KIND_profiles``, which are known beside the shipped ones."""
    names, own = tuple(settings.get(f"{kind}s") or ()), dict(settings.get(f"{kind}_profiles") or {})
    try:
        known = sorted(all_of(own))
    except ValueError as error:
        problems.append(f"gate_{kind}_profiles: {error}")
    else:
        problems += unknown_names(f"gate_{kind}s: no {called} is called", names, known)
    return names, own
