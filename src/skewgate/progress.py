"""The live lines of a run: from ansible-runner's events to one line a node as it finishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import (
    reason,
    skew_of,
    verdict_text,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean

FLEET_REPORT = "skewgate.preflight.fleet_report"
NODE_CHECK = "skewgate.preflight.node_check"
ARGUMENT_SPEC = "ansible.builtin.validate_argument_spec"
CHRONY_ROLE = "skewgate.preflight.chrony"
RESULTS = ("runner_on_ok", "runner_on_failed", "runner_on_unreachable")


class Progress:
    """Follows one run; ``gate`` says whether a refused node may still be fixed.

    ``configuration_errors`` collects what the collection says is wrong with the settings, in the order seen;
    ``tasks_ran`` is true once any task gave a result; ``files`` are those that the last report wrote.
    """

    def __init__(self, *, gate: bool) -> None:
        """Start with nothing seen."""
        self.gate = gate
        self.configuration_errors: list[str] = []
        self.tasks_ran = False
        self.files: list[Path] = []
        self._refused_at_first: set[str] = set()

    def lines(self, event: dict[str, Any]) -> list[str]:
        """Return the lines that this event gives, mostly none.

        The shape of an event: ansible-runner's documentation, "Runner artifact job events".
        """
        data = event.get("event_data") or {}
        host, result = data.get("host"), data.get("res")
        if event.get("event") not in RESULTS or host is None or not isinstance(result, dict):
            return []
        self.tasks_ran = True
        self._note_errors(event["event"], data, result)
        action = data.get("resolved_action")
        if action == FLEET_REPORT:
            self.files = [Path(path) for path in result.get("files", [])]
        if action == NODE_CHECK and result.get("judgement"):
            return self._checked(host, result["judgement"], result.get("phase"))
        if event["event"] == "runner_on_unreachable":
            return [clean(f"{host}: unreachable: {result.get('msg', 'no message')}")]
        if event["event"] == "runner_on_ok" and CHRONY_ROLE in (data.get("resolved_role"), data.get("role")):
            return self._remediating(host)
        return []

    def _note_errors(self, kind: str, data: dict[str, Any], result: dict[str, Any]) -> None:
        """Keep what is wrong with the settings, once for all nodes."""
        errors = [*result.get("configuration_errors", []), *result.get("argument_errors", [])]
        if not errors and kind == "runner_on_failed" and data.get("resolved_action") == ARGUMENT_SPEC:
            # A setting that can't even be worked out: a variable that is undefined, a filter that refuses its input.
            errors = [str(result.get("msg", "no message")).removeprefix("Task failed: ")]
        self.configuration_errors = list(dict.fromkeys([*self.configuration_errors, *errors]))

    def _checked(self, host: str, node: dict[str, Any], phase: str | None) -> list[str]:
        """Return the line for a check's answer; a check without a phase is the role's own and nobody's result."""
        if phase is None:
            return []
        line = f"{host}: {verdict_text(node)}, {skew_of(node) if node['skew_s'] else 'skew unknown'}"
        if node["verdict"] != "admit":
            line += f": {reason(node)}"
        if self.gate and phase == "check" and node["verdict"] != "admit":
            self._refused_at_first.add(host)
        return [clean(line)]

    def _remediating(self, host: str) -> list[str]:
        """Return a line, once, when the role begins on a node that the first check refused."""
        if host not in self._refused_at_first:
            return []
        self._refused_at_first.remove(host)
        return [clean(f"{host}: fixing its clock")]
