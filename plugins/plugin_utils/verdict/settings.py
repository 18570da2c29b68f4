"""The settings of a node's check (``gate_*`` without the prefix): validated all at once, before
any node is contacted.

Names of checks, clients, limits and rules are validated here, where all of them are known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..boundary.libraries import x509
from ..boundary.near import near_names, same_name
from ..boundary.settings import ROLES, SettingsError, count_of, limit_of, names_of, read_file, rows_of, unknown_names
from ..boundary.values import path_shown, server_problem, shown
from ..checks import discover, sections_of
from ..chrony.rules import RULES
from ..clock.measuring import References
from ..github.apps import GithubApp, date_apis, read_github_apps, unusable_apps
from ..github.client_profiles import LIBRARIES, ClientProfile, known_clients, parse_profile, profiles_of
from ..github.throttle import DEFAULT_PER_HOUR, DEFAULT_PER_MINUTE
from ..model.limits import GROUPS, limits_of_group, parse_limit, shipped_limits
from ..model.policy import Policy

CREDENTIALS_CHECK = "github_app_token"

TOKENS_AT_ONCE = 2
"""The counterfactual sends two JWTs at once, and each may mint."""


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What to collect on a node, with which credentials, and how to judge it;
    in the module's form.
    """

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
        return sections_for(self.policy)

    @property
    def warnings(self) -> list[str]:
        """What the operator must know of the Apps, whatever the check finds."""
        return [f"GitHub App {app.name}: {note}" for app in self.apps for note in app.notes]

    @property
    def references(self) -> References:
        """The references that the controller compares its clock with before it signs."""
        return References(ntp_servers=self.ntp_servers, apis=date_apis(self.apps), timeout_s=self.timeout_s)


def sections_for(policy: Policy) -> set[str]:
    """The sections of the evidence that a policy's checks read."""
    checks = discover()
    return {section for name in policy.checks for section in sections_of(checks[name])}


def read_check_settings(
    settings: Mapping[str, Any],
    ways_into_a_file: Callable[[], list[str]],
    known_problems: Sequence[str] = (),
    *,
    prefix: str = ROLES,
) -> CheckSettings:
    """Read the settings and the keys that they name; raises only SettingsError, with all problems.

    ``ways_into_a_file`` is asked only if JWTs are to be sent: how they could get into a file on the
    node, one problem for each way. ``known_problems`` were found when the settings' types were
    read, and are reported with the others. ``prefix``: the beginning of the names of these
    settings, as the user knows them. With ``key_elsewhere`` there may be no App; then the token
    check admits nothing.
    """
    problems = list(known_problems)
    without_apps = settings.get("key_elsewhere") is True and not settings.get("github_apps")
    apps: list[GithubApp] = []
    mints = DEFAULT_PER_MINUTE, DEFAULT_PER_HOUR
    judged: list[dict[str, Any]] = []
    if CREDENTIALS_CHECK in (names_of(settings, "checks", []) or discover()):
        apps = _read_apps(settings, problems, prefix, needed=not without_apps)
        judged = [*(app.public() for app in apps), *unusable_apps(settings.get("github_apps"))]
        problems += [] if without_apps else ways_into_a_file()
        mints = _read_mints(settings, problems, prefix)
    ntp_servers = names_of(settings, "ntp_servers", problems, server_problem, prefix=prefix)
    # The roles take them from remediation's settings.
    of_nts = "chrony_" if prefix == ROLES else prefix
    nts_servers = names_of(settings, "nts_servers", problems, server_problem, prefix=of_nts)
    if not settings.get("ntp_servers"):
        problems.append(f"{prefix}ntp_servers: name the NTP servers that nodes use, for example [ntp1.example.net]")
    cluster_ca = _read_cluster_ca(settings, problems, prefix)
    try:
        policy = read_policy(settings, judged, cluster_ca, prefix=prefix)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    timeout_s = limit_of(settings, "timeout_s", problems, prefix=prefix) or 5
    if problems:
        raise SettingsError(problems)
    return CheckSettings(
        policy=policy,
        apps=apps,
        ntp_servers=list(ntp_servers),
        nts_servers=list(nts_servers),
        timeout_s=timeout_s,
        mints_per_minute=mints[0],
        mints_per_hour=mints[1],
    )


def read_policy(
    settings: Mapping[str, Any],
    github_apps: Iterable[Mapping[str, Any]] = (),
    cluster_ca: Mapping[str, Any] | None = None,
    *,
    prefix: str = ROLES,
) -> Policy:
    """The policy that the settings ask for; raises SettingsError with all problems.

    ``github_apps`` are the public parts of the credentials; ``cluster_ca`` is what
    ``read_cluster_ca`` gives.
    """
    problems: list[str] = []
    checks, advisory = _read_checks(settings, problems, prefix)
    clients, client_profiles = _read_names(settings, _CLIENTS, problems, prefix)
    if not settings.get("clients"):
        problems.append(f"{prefix}clients: name the GitHub App clients that the cluster will run, for example [argocd]")
    limits, limit_profiles = _read_names(settings, _LIMITS, problems, prefix)
    accepted_rules = names_of(settings, "accepted_rules", problems, prefix=prefix)
    problems += unknown_names(f"{prefix}accepted_rules: no rule has the ID", accepted_rules, RULES)
    max_clock_error_s = limit_of(settings, "max_clock_error_s", problems, prefix=prefix) or 1.0
    max_skew_s = limit_of(settings, "max_skew_s", problems, prefix=prefix)
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


def read_cluster_ca(path: Any, *, prefix: str = ROLES) -> dict[str, Any]:
    """The validity of the cluster's CA (Unix seconds), and its file; raises
    ValueError with the problem.

    It needs only the certificate, which is public. If a file holds several, it is not known
    which of them signs.
    """
    pem = read_file(path, f"{prefix}cluster_ca_file")
    where = f"{prefix}cluster_ca_file {path_shown(path)}"
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except Exception:  # noqa: BLE001 - the library's messages may quote what it read
        raise ValueError(
            f"{where}: expected a certificate as PEM, found none (kubeadm's is /etc/kubernetes/pki/ca.crt)"
        ) from None
    if len(certificates) != 1:
        raise ValueError(f"{where}: expected one certificate, found {len(certificates)}; give only the one that signs")
    return {
        "file": str(path),
        "not_before_s": certificates[0].not_valid_before_utc.timestamp(),
        "not_after_s": certificates[0].not_valid_after_utc.timestamp(),
    }


def _read_cluster_ca(settings: Mapping[str, Any], problems: list[str], prefix: str) -> dict[str, Any] | None:
    if settings.get("cluster_ca_file") in (None, ""):
        return None
    try:
        return read_cluster_ca(settings["cluster_ca_file"], prefix=prefix)
    except ValueError as error:
        problems.append(str(error))
        return None


def _read_apps(settings: Mapping[str, Any], problems: list[str], prefix: str, *, needed: bool) -> list[GithubApp]:
    given = settings.get("github_apps")
    apps, wrong = read_github_apps([] if given in (None, "") else given, _named_profiles(settings), prefix=prefix)
    if needed and not apps and not wrong and not unusable_apps(given):
        wrong.append(
            f"{prefix}github_apps: name the cluster's GitHub Apps (app_id or client_id, installation_id or owner, "
            f"private_key_file), or remove {CREDENTIALS_CHECK} from {prefix}checks"
        )
    problems += wrong
    return apps


def _read_mints(settings: Mapping[str, Any], problems: list[str], prefix: str) -> tuple[int, int]:
    """How many tokens this run mints in a minute and in an hour:
    its share, if several runs share GitHub's limits.
    """
    slices = count_of(settings, "slices", 1, problems, least=1, prefix=prefix)
    shares = []
    for key, default in (("mints_per_minute", DEFAULT_PER_MINUTE), ("mints_per_hour", DEFAULT_PER_HOUR)):
        limit = count_of(settings, key, default, problems, least=TOKENS_AT_ONCE, prefix=prefix)
        if limit // slices < TOKENS_AT_ONCE:
            problems.append(
                f"{prefix}slices: {slices} runs share {prefix}{key} ({limit}), and each needs at least {TOKENS_AT_ONCE}: "
                f"expected at most {limit // TOKENS_AT_ONCE}"
            )
        shares.append(limit // slices)
    return shares[0], shares[1]


def _named_profiles(settings: Mapping[str, Any]) -> list[ClientProfile]:
    """The profiles of the named clients that are valid: the others are a problem of the policy."""
    own = rows_of(settings, "client_profiles", [])
    named = []
    for name in names_of(settings, "clients", []):
        with contextlib.suppress(KeyError, ValueError):
            named += profiles_of(name, own)
    return named


def _read_checks(
    settings: Mapping[str, Any], problems: list[str], prefix: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The checks to run, and which of them are advisory;
    at least one must be able to refuse a node.
    """
    known = list(discover())
    named, advisory = (names_of(settings, key, problems, prefix=prefix) for key in ("checks", "advisory_checks"))
    problems += unknown_names(f"{prefix}checks: no check is called", named, known)
    problems += unknown_names(f"{prefix}advisory_checks: no check is called", advisory, known)
    checks = named or tuple(known)
    if set(checks) == {"reachable"}:
        problems.append(f"{prefix}checks: name a check beside reachable, which proves nothing alone and admits no node")
    elif not set(checks) - set(advisory) - {"reachable"}:
        problems.append(f"{prefix}advisory_checks: every check is advisory, so nothing could ever refuse a node")
    return checks, advisory


@dataclass(frozen=True)
class _Kind:
    """A kind with a setting of names, ``names``, and one of the user's rows, ``rows``,
    beside the shipped rows.
    """

    names: str
    rows: str
    called: str
    shipped: Callable[[], Iterable[str]]
    parse: Callable[[str, Any], Any]
    libraries: tuple[str, ...]
    example: str


_CLIENTS = _Kind(
    "clients", "client_profiles", "client profile", known_clients, parse_profile, LIBRARIES, "{iat_s: -60, exp_s: 540}"
)
_LIMITS = _Kind("limits", "limit_profiles", "limit", shipped_limits, parse_limit, (), "{behind_s: 5, ahead_s: 5}")
_HOW_TO_ADD = "docs/how-to/add-a-client-or-a-limit.md"


def _read_names(
    settings: Mapping[str, Any], kind: _Kind, problems: list[str], prefix: str
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names in the setting, and the user's rows.

    A wrong row counts as known: that is one problem, not two.
    """
    names, own = (
        names_of(settings, kind.names, problems, prefix=prefix),
        rows_of(settings, kind.rows, problems, prefix=prefix),
    )
    for name, row in own.items():
        try:
            kind.parse(name, row)
        except ValueError as error:
            problems.append(f"{prefix}{kind.rows}: {error}")
    known = sorted({*kind.shipped(), *own})
    other = _LIMITS if kind is _CLIENTS else _CLIENTS
    of_other_kind = {*other.shipped(), *rows_of(settings, other.rows, [], prefix=prefix)}
    for name in names:
        if name in known:
            continue
        beginning = f"{prefix}{kind.names}: no {kind.called} is called {shown(name)}"
        meant = None if same_name(name, known) else same_name(name, of_other_kind)
        if kind is _LIMITS and (group := same_name(name, GROUPS)):
            problems.append(
                f"{prefix}{kind.names}: {shown(name)} is a group of limits; name those that your cluster runs: "
                f"{', '.join(limits_of_group(group))}"
            )
        elif meant == name:
            problems.append(f"{beginning}, but a {other.called} is: name it in {prefix}{other.names}")
        elif meant:
            problems.append(f"{beginning}; name the {other.called} {meant} in {prefix}{other.names}")
        else:
            problems.append(beginning + _choices(name, kind, known, prefix))
    return names, own


def _choices(name: str, kind: _Kind, known: Iterable[str], prefix: str) -> str:
    """What to do about an unknown name: similar names, and how to add one."""
    near = near_names(name, known)
    choices = f"; did you mean {', '.join(near)}?" if near else "."
    if kind.libraries:
        choices += f" If it uses one of these libraries, name that: {', '.join(kind.libraries)}."
    example = f"{prefix}{kind.rows}: {{my-own: {kind.example}}}"
    choices += f" To add one, take the figures from its source, for example {example} ({_HOW_TO_ADD})."
    return f"{choices} Known: {', '.join(known)}"
