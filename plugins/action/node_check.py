"""Sign on the controller, collect on the node in one module call, judge on the controller.

The documentation for users is in plugins/modules/node_check.py.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..plugin_utils.checks import discover, sections_of
from ..plugin_utils.checks.github_app_token import NODE_CLOCK, NOW, TRUE_TIME
from ..plugin_utils.clock.skew import controller_bracket
from ..plugin_utils.github.answers import classify, rate_limit_s
from ..plugin_utils.github.apps import TRUE_TIME_LIFE_S, GithubApp, read_github_apps
from ..plugin_utils.github.throttle import DEFAULT_PER_HOUR, DEFAULT_PER_MINUTE, MintThrottle, state_file
from ..plugin_utils.model.limits import read_cluster_ca
from ..plugin_utils.model.policy import Policy, SettingsError
from ..plugin_utils.model.record import Record
from ..plugin_utils.verdict.judge import chrony_can_help, judge_record
from ..plugin_utils.verdict.report import now, refusal

NS = 1_000_000_000
WAIT_STEP_S = 2
WORTH_TELLING_S = 20

Again = Callable[[list[dict[str, Any]]], None]
"""Makes further attempts and adds them to the evidence."""

display = Display()

CREDENTIALS_CHECK = "github_app_token"


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``skewgate.preflight.node_check``."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        # Arguments are strings with tags; what is judged and stored is plain JSON.
        settings = json.loads(json.dumps(self._task.args))
        try:
            policy, apps = self._read_settings(settings)
        except SettingsError as error:
            return {
                **result,
                "failed": True,
                "msg": "The settings are wrong, and no node was contacted: " + "; ".join(error.problems),
                "configuration_errors": error.problems,
            }
        deadline_s = time.monotonic() + float(settings.get("wait_s") or 0)
        while True:
            record = self._take_record(settings, policy, apps, task_vars or {})
            judgement = judge_record(record)
            if judgement["verdict"] == "admit" or time.monotonic() >= deadline_s:
                break
            time.sleep(WAIT_STEP_S)
        result.update(
            changed=False,
            msg="Admitted." if judgement["verdict"] == "admit" else refusal(judgement),
            judgement=judgement,
            record=record,
            phase=settings.get("phase"),
            verdict=judgement["verdict"],
            chrony_can_help=chrony_can_help(judgement),
        )
        if record["unreachable"]:
            result.update(unreachable=True, msg=record["unreachable"])
        return result

    def _read_settings(self, settings: Mapping[str, Any]) -> tuple[Policy, list[GithubApp]]:
        checks = settings.get("checks") or list(discover())
        apps: list[GithubApp] = []
        problems: list[str] = []
        if CREDENTIALS_CHECK in checks:
            apps, problems = read_github_apps(settings.get("github_apps") or [])
            if not apps and not problems:
                problems.append(
                    "gate_github_apps: name the cluster's GitHub Apps (app_id or client_id, installation_id, private_key_file), "
                    f"or leave {CREDENTIALS_CHECK} out of gate_checks"
                )
            problems += self._ways_into_a_file()
            # The counterfactual sends two JWTs at once, and each may mint.
            problems += [
                f"gate_{key}: expected a whole number, at least 2, found {settings[key]!r}"
                for key in ("mints_per_minute", "mints_per_hour")
                if settings.get(key) is not None and not (str(settings[key]).isdigit() and int(settings[key]) > 1)
            ]
        if not settings.get("ntp_servers"):
            problems.append("gate_ntp_servers: name the NTP servers that nodes use, for example [ntp1.example.net]")
        cluster_ca = None
        if settings.get("cluster_ca_file"):
            try:
                cluster_ca = read_cluster_ca(settings["cluster_ca_file"])
            except ValueError as error:
                problems.append(str(error))
        try:
            policy = Policy.from_settings(settings, discover(), [app.public() for app in apps], cluster_ca)
        except SettingsError as error:
            problems += error.problems
        if problems:
            raise SettingsError(problems)
        return policy, apps

    def _ways_into_a_file(self) -> list[str]:
        """A module's arguments, the JWT among them, stay out of files only where the module is piped to the node."""
        with contextlib.suppress(KeyError):  # a connection plugin without the option can't be told
            self._connection.set_option("pipelining", True)
        if constants.config.get_config_value("DEFAULT_KEEP_REMOTE_FILES"):
            return [
                "ANSIBLE_KEEP_REMOTE_FILES is on: the JWT would be left in a file on the node; turn it off for this run"
            ]
        if not self._is_pipelining_enabled("new"):
            return [
                f"the connection {self._connection.transport!r} can't pipe modules to the node with this become method: the "
                "JWT would be written to a file there; use ssh with sudo or as root, or leave github_app_token out of gate_checks"
            ]
        return []

    def _take_record(
        self, settings: Mapping[str, Any], policy: Policy, apps: list[GithubApp], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """Everything known of the node: schema of evidence.json's ``nodes[NAME]``."""
        needed = {section for name in policy.checks for section in sections_of(discover()[name])} - {"collected"}
        # No check judges these; remediation, and whoever reads the evidence later, want to know whether the node had joined by
        # then and what it runs, and which servers could be authenticated.
        sections = needed | {"join_state", "platform"} | ({"nts"} if settings.get("nts_servers") else set())
        arguments = {
            "ntp_servers": settings["ntp_servers"],
            "nts_servers": settings.get("nts_servers") or [],
            "apis": self._apis(apps),
            "timeout_s": settings.get("timeout_s") or 5,
        }
        record: dict[str, Any] = {
            "policy": policy.as_json(),
            "collected_at": now(),
            "evidence": {},
            "controller": None,
            "unreachable": None,
            "module_error": None,
        }
        self._await_mints(settings, apps)
        before_ns = time.time_ns()
        requests = [
            app.request([_attempt(app, policy, NOW, before_ns / NS, only_within_s=_agreement_s(policy))])
            for app in apps
        ]
        answer = self._collect({**arguments, "sections": sorted(sections), "github_apps": requests}, task_vars, record)
        if answer is None:
            return record
        record["evidence"] = answer
        record["controller"] = {"before_ns": before_ns, "after_ns": time.time_ns()}
        again = functools.partial(self._collect_apps, {**arguments, "sections": ["github_apps"]}, task_vars, record)
        self._try_limited_again(settings, policy, apps, record, again)
        self._try_both_clocks(settings, policy, apps, record, again)
        return record

    def _await_mints(self, settings: Mapping[str, Any], apps: list[GithubApp], attempts: int = 1) -> None:
        """Wait until the tokens that these Apps' attempts may mint are within GitHub's limits."""
        for app in apps:
            if app.depth != "jwt":
                _throttle(settings, app).wait(attempts, _tell_wait)

    def _collect(
        self, arguments: dict[str, Any], task_vars: dict[str, Any], record: dict[str, Any]
    ) -> dict[str, Any] | None:
        """One call of the module; ``None`` where it gave no evidence, with the reason in the record."""
        try:
            answer = self._execute_module(
                module_name="skewgate.preflight.node_evidence", module_args=arguments, task_vars=task_vars
            )
        except AnsibleConnectionFailure as failure:
            record["unreachable"] = str(failure.message).strip()
            return None
        if "evidence" not in answer:
            record["module_error"] = module_error(answer)
            return None
        evidence: dict[str, Any] = json.loads(json.dumps(answer["evidence"]))
        return evidence

    def _collect_apps(
        self,
        arguments: dict[str, Any],
        task_vars: dict[str, Any],
        record: dict[str, Any],
        requests: list[dict[str, Any]],
    ) -> None:
        """Add further attempts to the evidence; where they can't be made, what was taken before stands."""
        answer = self._collect({**arguments, "github_apps": requests}, task_vars, {})
        by_name = {entry["name"]: entry for entry in _taken(record)}
        for entry in _taken({"evidence": answer or {}}):
            by_name[entry["name"]]["attempts"] += entry["attempts"]

    def _try_limited_again(
        self, settings: Mapping[str, Any], policy: Policy, apps: list[GithubApp], record: dict[str, Any], again: Again
    ) -> None:
        """Where GitHub's rate limit answered, do as it says: nobody mints for so long, then this node tries once more."""
        limits = {entry["name"]: rate_limit_s(_last_attempt(entry)) for entry in _taken(record)}
        limited = [app for app in apps if limits.get(app.name) is not None]
        for app in limited:
            _throttle(settings, app).hold(limits[app.name] or 0.0)
        if limited:
            self._await_mints(settings, limited)
            now_s = time.time()
            again(
                [
                    app.request([_attempt(app, policy, NOW, now_s, only_within_s=_agreement_s(policy))])
                    for app in limited
                ]
            )

    def _try_both_clocks(
        self, settings: Mapping[str, Any], policy: Policy, apps: list[GithubApp], record: dict[str, Any], again: Again
    ) -> None:
        """The counterfactual, only where the clock may be at fault: a JWT of the node's clock and one of the true time."""
        doubtful = {
            entry["name"] for entry in _taken(record) if classify(_last_attempt(entry)).kind in ("not_sent", "clock")
        }
        doubted = [app for app in apps if app.name in doubtful]
        if not doubted:
            return
        self._await_mints(settings, doubted, attempts=2)
        # The low end: a JWT that is a little old is what a client sends; one dated after its sending, no client makes.
        node_ahead_s = controller_bracket(record["evidence"]["collected"], record["controller"]).low
        skew_s = Record(record).skew.skew_s
        requests = []
        for app in doubted:
            node_s = time.time() + node_ahead_s
            attempts = [_attempt(app, policy, NODE_CLOCK, node_s)]
            if skew_s is not None:
                attempts.append(_attempt(app, policy, TRUE_TIME, node_s - skew_s.middle, life_s=TRUE_TIME_LIFE_S))
            requests.append(app.request(attempts))
        again(requests)

    @staticmethod
    def _apis(apps: list[GithubApp]) -> list[dict[str, Any]]:
        # Asking this does not count against GitHub's 60 requests an hour of one address (its documentation, "Rate limits").
        return [
            {"url": f"{url}/rate_limit", "ca_pem": ca_pem}
            for url, ca_pem in {app.api_url: app.ca_pem for app in apps}.items()
        ]


def module_error(answer: Mapping[str, Any]) -> str:
    """Why the module gave no evidence; of what Python printed, the operating system's word alone, which holds no secret."""
    said = str(answer.get("msg") or "the module gave no answer").strip()
    lines = str(answer.get("module_stderr") or "").strip().splitlines()
    reason = re.fullmatch(r"\w+: \[Errno \d+\] (.+)", lines[-1]) if lines else None
    return f"{said} ({reason[1]})" if reason else said


def _taken(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Apps' entries of the evidence, none where taking them failed on the node."""
    taken = record["evidence"].get("github_apps")
    return taken if isinstance(taken, list) else []


def _last_attempt(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    attempts: list[Mapping[str, Any]] = entry["attempts"] or [{}]
    return attempts[-1]


def _throttle(settings: Mapping[str, Any], app: GithubApp) -> MintThrottle:
    return MintThrottle(
        state_file(app.api_url, app.issuer),
        int(settings.get("mints_per_minute") or DEFAULT_PER_MINUTE),
        int(settings.get("mints_per_hour") or DEFAULT_PER_HOUR),
    )


def _tell_wait(seconds: float) -> None:
    if seconds > WORTH_TELLING_S:
        display.warning(
            f"waiting for up to {seconds:.0f} s: GitHub limits how many tokens are minted in a minute and in an hour "
            "(`depth: jwt` mints none)"
        )


def _agreement_s(policy: Policy) -> float:
    """How near the node's clock must be to the one that the JWT was signed for, so that the node may send it as its own.

    The way there takes seconds, so this is not small where the client's budget lets it; it stays well inside that budget,
    so that GitHub's answer to this JWT and to the one of the node's own clock is the same.
    """
    return min(10.0, max(2.0, policy.signing_profile.ahead_limit_s / 3))


def _attempt(
    app: GithubApp,
    policy: Policy,
    label: str,
    now_s: float,
    *,
    life_s: int | None = None,
    only_within_s: float | None = None,
) -> dict[str, Any]:
    return {
        "label": label,
        "signed_for_s": int(now_s),
        "only_within_s": only_within_s,
        "jwt": app.sign(policy.signing_profile, now_s, life_s),
    }
