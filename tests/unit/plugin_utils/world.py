"""A node and a GitHub that are simulated: a clock decides what each of them answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import UnknownSkew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.collection import NodeUnreachableError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import classify
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import GithubApp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.builders import NS, TRUE_NS, accepted_steps, attempt, evidence, not_sent, step

CREDENTIAL = step("token", 401, "A JSON web token could not be decoded")
CLOCK = step("token", 401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
DOWN = step("token", 503, "Service Unavailable")
RATE_LIMIT = step("token", 429, None, headers={"retry-after": "17"})

CALL_S = 4
BEFORE_S = TRUE_NS / NS - 1
BEGUN_STEADY_NS = 7_000 * NS
"""What the controller's steady clock shows when a world begins."""

"""The true time when the first call begins, so the builders' evidence is taken during it."""

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
APP = GithubApp.from_settings(
    {
        "name": "deploy",
        "app_id": 1001,
        "installation_id": 2002,
        "private_key": PEM,
        "api_url": "https://api.github.lab",
    },
    0,
)


class World:
    """A node whose clock is ``skew_s`` ahead, a controller whose clock is ``controller_off_s``
    ahead, and GitHub with the truth.

    ``github_off_s``: GitHub's clock minus the truth, which the controller has seen if it is not 0.
    The controller has measured how far it is off, within 10 ms, unless its clock is not
    ``checked``. Calls and waits are all that moves the time. ``refusals`` are what GitHub answers
    at first, instead of what it judges itself. ``sections`` replace those of the first call's
    evidence; ``failures`` are what the calls do in place of answering, by number.
    """

    def __init__(
        self,
        skew_s: float = 0.0,
        controller_off_s: float = 0.0,
        *,
        checked: bool = True,
        github_off_s: float = 0.0,
        refusals: dict[str, list[dict[str, Any]]] | None = None,
        sections: dict[str, Any] | None = None,
        failures: dict[int, Callable[[], dict[str, Any]]] | None = None,
    ) -> None:
        self.skew_s, self.controller_off_s, self.checked = skew_s, controller_off_s, checked
        self.github_off_s = github_off_s
        self.signed: list[dict[str, int]] = []
        self.refusals, self.sections, self.failures = refusals or {}, sections or {}, failures or {}
        self.true_ns = TRUE_NS - NS
        self.calls: list[dict[str, Any]] = []
        self.waits_s: list[float] = []

    @property
    def true_s(self) -> float:
        """Now, as GitHub knows it (Unix seconds)."""
        return self.true_ns / NS

    def clock_ns(self) -> int:
        """What the controller's clock shows."""
        return self.true_ns + round(self.controller_off_s * NS)

    def steady_ns(self) -> int:
        """What the controller's steady clock shows."""
        return BEGUN_STEADY_NS + self.true_ns - (TRUE_NS - NS)

    def controller(self) -> ControllerClock:
        """What the controller measured of its clock, unless it could not."""
        if not self.checked:
            return ControllerClock(None, UnknownSkew.NO_REFERENCE, "no reference answered: ntp ntp.example.net: silent")
        own_s = Interval(self.controller_off_s - 0.01, self.controller_off_s + 0.01)
        if not self.github_off_s:
            return ControllerClock(own_s)
        name, ahead_s = "date https://api.github.lab/rate_limit", self.controller_off_s - self.github_off_s
        reading = {"skew_s": {"low": ahead_s - 0.5, "high": ahead_s + 0.5}, "detail": ""}
        return ControllerClock(own_s, references={"references": {name: reading}, "falsetickers": [name]})

    def sleep(self, seconds: float) -> None:
        """Wait for GitHub's limits, and note how long."""
        self.waits_s.append(seconds)
        self.true_ns += round(seconds * NS)

    def call(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """As the module node_evidence answers."""
        self.calls.append(arguments)
        self.signed += [claims_of(a) for app in arguments["github_apps"] for a in app["attempts"]]
        if failure := self.failures.get(len(self.calls)):
            return failure()
        taken = evidence(self.skew_s, github_apps=[self._app(app) for app in arguments["github_apps"]])
        whole = {**taken, **(self.sections if len(self.calls) == 1 else {})}
        self.true_ns += CALL_S * NS
        return {"evidence": {name: section for name, section in whole.items() if section is not None}}

    def _app(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"name": request["name"], "attempts": [self._try(request["name"], a) for a in request["attempts"]]}

    def _try(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        within_s = asked["only_within_s"]
        if within_s is not None and abs(self.true_s + self.skew_s - asked["signed_for_s"]) > within_s:
            return not_sent(asked["label"])
        if self.refusals.get(name):
            return attempt(asked["label"], self.refusals[name].pop(0))
        claims = claims_of(asked)
        github_s = self.true_s + self.github_off_s
        in_time = claims["iat"] <= github_s < claims["exp"] <= github_s + 600
        return attempt(asked["label"], *(accepted_steps() if in_time else [CLOCK]))


def claims_of(asked: dict[str, Any]) -> dict[str, Any]:
    """What the JWT of an attempt says, with the attempt's label."""
    claims: dict[str, Any] = jwt.decode(asked["jwt"], options={"verify_signature": False})
    return {**claims, "label": asked["label"]}


def unreachable() -> dict[str, Any]:
    """A call that finds no way to the node."""
    raise NodeUnreachableError("No route to host")


def no_python() -> dict[str, Any]:
    """A call whose module can't run."""
    return {"failed": True, "msg": "no Python"}


def labels(app: dict[str, Any]) -> list[str]:
    """Which clocks an App's attempts were signed for."""
    return [tried["label"] for tried in app["attempts"]]


def answers(record: dict[str, Any], number: int = 0) -> list[tuple[str, str]]:
    """The attempts of an App, in order: the clock that each was signed for,
    and the class of GitHub's answer.
    """
    tried = record["evidence"]["github_apps"][number]["attempts"]
    return [(each["label"], classify(each).kind) for each in tried]
