"""The settings of a run: what is judged and with which limits. They hold no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from ..boundary.forms import ABOVE_ZERO, NUMBER, TABLE, TEXT, Maybe, misfit
from ..github.client_profiles import ClientProfile, all_profiles, narrowest, profiles_of
from .limits import Limit, all_limits


@dataclass(frozen=True)
class Policy:
    """What a node must pass.

    It is stored beside the evidence, to judge it again with the same policy.
    """

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
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Read what ``as_json`` wrote; raises ValueError for anything else.

        An unknown key may be a limit of another version, which this version would not check.
        """
        if wrong := misfit(data, _FORM, "policy"):
            raise ValueError(wrong)
        if "max_skew_s" not in data:
            raise ValueError("policy.max_skew_s: expected a number above 0, or null, and found no such key")
        if unknown := sorted(set(data) - {each.name for each in fields(cls)}):
            raise ValueError(f"policy: this version does not know {', '.join(map(repr, unknown))}")
        return cls(
            tuple(data["checks"]),
            tuple(data["advisory_checks"]),
            tuple(data["clients"]),
            data["client_profiles"],
            tuple(data["github_apps"]),
            data["max_clock_error_s"],
            data["max_skew_s"],
            # Evidence from before there were limits has none of these.
            tuple(data.get("limits") or ()),
            data.get("limit_profiles") or {},
            data.get("cluster_ca"),
            tuple(data.get("accepted_rules") or ()),
        )

    def as_json(self) -> dict[str, Any]:
        """What a record stores under ``policy``: its fields by name, ready for ``json.dumps``."""
        return asdict(self)

    @cached_property
    def catalogue(self) -> dict[str, ClientProfile]:
        """All profiles: the shipped ones and the user's, which win."""
        return all_profiles(self.client_profiles)

    @cached_property
    def profiles(self) -> Sequence[ClientProfile]:
        """The profiles of the named clients; a name may stand for several."""
        return tuple(profile for name in self.clients for profile in profiles_of(name, self.client_profiles))

    @cached_property
    def all_limits(self) -> dict[str, Limit]:
        """All limits: the shipped ones and the user's, which win."""
        return all_limits(self.limit_profiles)

    @cached_property
    def signing_profile(self) -> ClientProfile:
        """The client whose JWTs the token check sends:
        the named one whose JWT breaks at the smallest skew.
        """
        return narrowest(self.profiles)


_FORM = {
    "checks": [TEXT],
    "advisory_checks": [TEXT],
    "clients": [TEXT],
    "client_profiles": TABLE,
    "github_apps": [
        {"name": TEXT, "unusable": Maybe([{"key": TEXT, "found": TEXT, "remedy": TEXT}]), "notes": Maybe([TEXT])}
    ],
    "max_clock_error_s": ABOVE_ZERO,
    "max_skew_s": Maybe(ABOVE_ZERO),
    "limits": Maybe([TEXT]),
    "limit_profiles": Maybe(TABLE),
    "cluster_ca": Maybe({"file": TEXT, "not_before_s": NUMBER, "not_after_s": NUMBER}),
    "accepted_rules": Maybe([TEXT]),
}
