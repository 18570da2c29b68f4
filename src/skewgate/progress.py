"""The live lines of a run: one for each node as it finishes, and what the others wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import (
    outcome,
    verdict_text,
)

FLEET_BEGIN = "skewgate.preflight.fleet_begin"
FLEET_REPORT = "skewgate.preflight.fleet_report"
NODE_CHECK = "skewgate.preflight.node_check"
ARGUMENT_SPEC = "ansible.builtin.validate_argument_spec"
CHRONY_ROLE = "skewgate.preflight.chrony"
PHASES = (FLEET_BEGIN, NODE_CHECK, FLEET_REPORT)
"""A run's phases, by the action that ends each."""

RESULTS = ("runner_on_ok", "runner_on_failed", "runner_on_unreachable")

SILENCE_S = 10
"""After so many seconds without a line, a line says what the nodes wait for. The time doubles."""
MOST_SILENCE_S = 80


class Progress:
    """Follows one run; ``gate`` says whether a refused node may still be fixed.

    ``configuration_errors`` collects what the collection says is wrong with the settings, in the
    order seen; ``tasks_ran`` is true once any task gave a result; ``files`` are those that the
    last report wrote, and ``report_dir`` the folder that the collection will write to. ``hosts``
    are those of the run, ``judged`` has the last verdict of each node that has one, ``fixing``
    those whose remediation has begun and not ended. ``timings`` is what the report says of the
    checks' time, and ``phases_s`` how many seconds the run's phases took, as far as it has come.
    """

    def __init__(self, *, gate: bool, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing seen."""
        self.gate = gate
        self.configuration_errors: list[str] = []
        self.tasks_ran = False
        self.files: list[Path] = []
        self.report_dir: Path | None = None
        self.hosts: list[str] = []
        self.judged: dict[str, str] = {}
        self.fixing: list[str] = []
        self.timings: dict[str, Any] = {}
        self.phases_s: dict[str, float] = {}
        self._begun_s = clock_s()
        self._waits_for: dict[str, str] = {}
        self._to_fix: set[str] = set()
        self._clock_s = clock_s
        self._quiet()

    def _quiet(self) -> None:
        """A line was written, or the run begins."""
        self._silent_since_s, self._silence_s = self._clock_s(), float(SILENCE_S)

    def lines(self, event: dict[str, Any]) -> list[str]:
        """Return the lines for this event, mostly none.

        The shape of an event: ansible-runner's documentation, "Runner artifact job events".
        """
        data = event.get("event_data") or {}
        found: list[str] = []
        if data.get("host") is not None:
            if event.get("event") == "runner_on_start":
                self._started(data["host"], data)
            elif event.get("event") in RESULTS and isinstance(data.get("res"), dict):
                found = self._result(event["event"], data["host"], data, data["res"])
        if found:
            self._quiet()
        return found

    def waiting(self) -> list[str]:
        """After some silence: how many nodes are done, and what the others wait for."""
        if self._clock_s() - self._silent_since_s < self._silence_s or self.files:
            return []
        self._silent_since_s = self._clock_s()
        self._silence_s = min(2 * self._silence_s, MOST_SILENCE_S)
        if not self.hosts:
            return ["no node was contacted yet: the inventory and the settings are being read"]
        open_hosts = [host for host in self.hosts if not self._is_done(host)]
        names_by_wait: dict[str, list[str]] = {}
        for host in open_hosts:
            names_by_wait.setdefault(self._waits_for.get(host, "not begun"), []).append(host)
        parts = [f"{listed(names, 3)} ({wait})" for wait, names in names_by_wait.items()]
        done = f"{len(self.hosts) - len(open_hosts)} of {len(self.hosts)} done"
        return [clean(f"{done}; waiting for {', '.join(parts) or 'the report'}")]

    def so_far(self) -> str:
        """What is known if the run ends now, in one sentence."""
        if not self.judged:
            return "No node was judged."
        words = list(self.judged.values())
        counts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
        total = max(len(words), len(self.hosts))
        judged = "nodes were" if total != 1 else "node was"
        return f"{len(words)} of {total} {judged} judged: {', '.join(counts)}."

    def _is_done(self, host: str) -> bool:
        return host in self.judged and host not in self._to_fix

    def _started(self, host: str, data: dict[str, Any]) -> None:
        """Note what the node waits for."""
        if CHRONY_ROLE in (data.get("resolved_role"), data.get("role")):
            if host in self._to_fix:
                self._waits_for[host] = f"being fixed: {data.get('task')}"
        elif data.get("resolved_action") == NODE_CHECK:
            self._waits_for[host] = "to be checked again" if host in self.judged else "no answer yet"

    def _result(self, kind: str, host: str, data: dict[str, Any], result: dict[str, Any]) -> list[str]:
        self.tasks_ran = True
        self._note_errors(kind, data, result)
        action = data.get("resolved_action")
        self._note_phase(action)
        if action == FLEET_BEGIN and kind == "runner_on_ok" and not self.hosts:
            return self._begun(result)
        if action == FLEET_REPORT:
            self.files = [Path(path) for path in result.get("files", [])]
            self.timings = result.get("timings") or {}
        if action == NODE_CHECK and result.get("verdict"):
            return self._checked(host, result)
        # Ansible could not begin the check; the report has its words too.
        failed = kind == "runner_on_failed" and action == NODE_CHECK and not result.get("configuration_errors")
        if failed or kind == "runner_on_unreachable":
            self._ended(host, "not judged")
            reason = str(result.get("msg") or "no message").strip().removeprefix("Task failed: ")
            return [clean(f"{host}: {'not judged' if failed else 'unreachable'}: {reason.splitlines()[0]}")]
        if kind == "runner_on_ok" and CHRONY_ROLE in (data.get("resolved_role"), data.get("role")):
            return self._remediating(host)
        return []

    def _note_phase(self, action: str | None) -> None:
        """A phase ends with the last result of its action."""
        if action in PHASES:
            before_s = sum(self.phases_s[phase] for phase in PHASES[: PHASES.index(action)] if phase in self.phases_s)
            self.phases_s[action] = self._clock_s() - self._begun_s - before_s

    def _begun(self, result: dict[str, Any]) -> list[str]:
        """Every batch begins with the same answer; the first one counts."""
        if result.get("report_dir"):
            self.report_dir = Path(result["report_dir"])
        self.hosts = [str(host) for host in result.get("hosts", [])]
        if ((result.get("settings") or {}).get("gate_remediate") or {}).get("value") is False:
            self.gate = False  # no node will be fixed
        if not self.hosts:
            return []
        checking = f"checking {len(self.hosts)} node{'s' if len(self.hosts) != 1 else ''}"
        return [checking, *(clean(str(note)) for note in result.get("mint_notes", []))]

    def _note_errors(self, kind: str, data: dict[str, Any], result: dict[str, Any]) -> None:
        """Keep what is wrong with the settings, once for all nodes."""
        errors = [*result.get("configuration_errors", []), *result.get("argument_errors", [])]
        if not errors and kind == "runner_on_failed" and data.get("resolved_action") == ARGUMENT_SPEC:
            # A setting that can't be worked out, for example an undefined variable.
            errors = [str(result.get("msg", "no message")).removeprefix("Task failed: ")]
        self.configuration_errors = list(dict.fromkeys([*self.configuration_errors, *errors]))

    def _checked(self, host: str, result: dict[str, Any]) -> list[str]:
        """Return the line for a check. A check without a phase is one inside the role chrony."""
        phase = result.get("phase")
        if phase is None:
            return []
        if result.get("awaits_report"):
            self._ended(host, "left to the report")
            return [clean(f"{host}: good, but for the token, which other nodes mint; the report decides")]
        line = f"{host}: {outcome(result, result['reason'])}"
        self._ended(host, verdict_text(result))
        if self.gate and phase == "check" and result["verdict"] != "admit" and result.get("chrony_can_help", True):
            self._to_fix.add(host)
            self._waits_for[host] = "to be fixed"
        return [clean(line)]

    def _ended(self, host: str, verdict: str) -> None:
        self.judged[host] = verdict
        self._to_fix.discard(host)
        if host in self.fixing:
            self.fixing.remove(host)

    def _remediating(self, host: str) -> list[str]:
        """Return a line, once, when the role begins on a node that the first check refused."""
        if host not in self._to_fix or host in self.fixing:
            return []
        self.fixing.append(host)
        return [clean(f"{host}: fixing its clock")]
