"""The settings of a run: what is judged and by which limits. Nothing in them is secret."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..chrony.rules import RULES
from ..github.client_profiles import ClientProfile, narrowest, parse_profile, shipped_profiles
from .limits import Limit, parse_limit, shipped_limits


class SettingsError(ValueError):
    """Everything that is wrong with the settings, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        """``problems``: what was found, what was expected, which choices there are."""
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True)
class Policy:
    """What a node has to pass. It is stored beside the evidence, so that this can be judged again by the same policy."""

    checks: tuple[str, ...]
    advisory_checks: tuple[str, ...]
    clients: tuple[str, ...]
    client_profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    github_apps: tuple[Mapping[str, Any], ...] = ()
    max_clock_error_s: float = 1.0
    max_skew_s: float | None = None
    limits: tuple[str, ...] = ()
    limit_profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cluster_ca: Mapping[str, Any] | None = None
    accepted_rules: tuple[str, ...] = ()

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, Any],
        known_checks: Iterable[str],
        github_apps: Iterable[Mapping[str, Any]] = (),
        cluster_ca: Mapping[str, Any] | None = None,
    ) -> Policy:
        """Read the settings (``gate_*`` without the prefix); raises SettingsError with all that is wrong with them.

        ``github_apps`` are the public parts of the credentials, which are read by github_apps.py; ``cluster_ca`` is what
        limits.py read of the CA's certificate.
        """
        known = list(known_checks)
        problems = []
        for key in ("checks", "advisory_checks"):
            problems += _unknown(f"gate_{key}: no check is called", settings.get(key) or [], known)
        checks = tuple(settings.get("checks") or known)
        advisory = tuple(settings.get("advisory_checks") or ())
        if set(checks) == {"reachable"}:
            problems.append("gate_checks: name a check beside reachable, which alone proves nothing and admits no node")
        elif not set(checks) - set(advisory) - {"reachable"}:
            problems.append("gate_advisory_checks: every check is advisory, so nothing could ever refuse a node")
        profiles = dict(settings.get("client_profiles") or {})
        clients = tuple(settings.get("clients") or ())
        try:
            problems += _unknown("gate_clients: no client profile is called", clients, sorted(_all_profiles(profiles)))
        except ValueError as error:
            problems.append(f"gate_client_profiles: {error}")
        if not clients:
            problems.append("gate_clients: name the GitHub App clients that the cluster will run, for example [argocd]")
        limit_profiles = dict(settings.get("limit_profiles") or {})
        limits = tuple(settings.get("limits") or ())
        try:
            problems += _unknown("gate_limits: no limit is called", limits, sorted(_all_limits(limit_profiles)))
        except ValueError as error:
            problems.append(f"gate_limit_profiles: {error}")
        accepted_rules = tuple(settings.get("accepted_rules") or ())
        problems += _unknown("gate_accepted_rules: no rule has the ID", accepted_rules, RULES)
        max_clock_error_s = _limit_s(settings, "max_clock_error_s", problems) or 1.0
        max_skew_s = _limit_s(settings, "max_skew_s", problems)
        if problems:
            raise SettingsError(problems)
        return cls(
            checks,
            advisory,
            clients,
            profiles,
            tuple(github_apps),
            max_clock_error_s,
            max_skew_s,
            limits,
            limit_profiles,
            cluster_ca,
            accepted_rules,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Read what ``as_json`` wrote."""
        return cls(
            tuple(data["checks"]),
            tuple(data["advisory_checks"]),
            tuple(data["clients"]),
            data["client_profiles"],
            tuple(data["github_apps"]),
            data["max_clock_error_s"],
            data["max_skew_s"],
            # Evidence of before there were limits has none of these.
            tuple(data.get("limits") or ()),
            data.get("limit_profiles") or {},
            data.get("cluster_ca"),
            tuple(data.get("accepted_rules") or ()),
        )

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @property
    def catalogue(self) -> dict[str, ClientProfile]:
        """All profiles: the shipped ones and the user's, which win."""
        return _all_profiles(self.client_profiles)

    @property
    def profiles(self) -> list[ClientProfile]:
        """The profiles of the named clients."""
        catalogue = self.catalogue
        return [catalogue[name] for name in self.clients]

    @property
    def all_limits(self) -> dict[str, Limit]:
        """All limits: the shipped ones and the user's, which win."""
        return _all_limits(self.limit_profiles)

    @property
    def signing_profile(self) -> ClientProfile:
        """The client whose JWTs the token check sends: of the named ones, that which the smallest skew breaks."""
        return narrowest(self.profiles)


def _unknown(told: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    """A problem for each name that is not known, with those that are."""
    choices = list(known)
    return [f"{told} {name!r}; known: {', '.join(choices)}" for name in names if name not in choices]


def _all_profiles(own: Mapping[str, Mapping[str, Any]]) -> dict[str, ClientProfile]:
    """Raises ValueError with what is wrong with one of one's own."""
    return {**shipped_profiles(), **{name: parse_profile(name, row) for name, row in own.items()}}


def _all_limits(own: Mapping[str, Mapping[str, Any]]) -> dict[str, Limit]:
    """Raises ValueError with what is wrong with one of one's own."""
    return {**shipped_limits(), **{name: parse_limit(name, row) for name, row in own.items()}}


def _limit_s(settings: Mapping[str, Any], key: str, problems: list[str]) -> float | None:
    """A limit that is set, or None where it is left empty; what is wrong with it is added to ``problems``."""
    given = settings.get(key)
    if given in (None, ""):
        return None
    with contextlib.suppress(TypeError, ValueError):
        if 0 < float(given) < math.inf:  # nan is not
            return float(given)
    problems.append(f"gate_{key}: expected a number of seconds above 0, found {given!r}")
    return None
