"""The live lines of a run: from ansible-runner's events to one line a node as it finishes."""

from __future__ import annotations

from typing import Any

from .render import clean, reason, skew_text, verdict_text

NODE_CHECK = "skewgate.preflight.node_check"
ARGUMENT_SPEC = "ansible.builtin.validate_argument_spec"
CHRONY_ROLE = "skewgate.preflight.chrony"
RESULTS = ("runner_on_ok", "runner_on_failed", "runner_on_unreachable")


class Progress:
    """Follows one run; ``gate`` says whether a refused node may still be fixed.

    ``configuration_errors`` collects what the collection says is wrong with the settings, in the order seen;
    ``tasks_ran`` is true once any task gave a result.
    """

    def __init__(self, *, gate: bool) -> None:
        """Start with nothing seen."""
        self.gate = gate
        self.configuration_errors: list[str] = []
        self.tasks_ran = False
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
        errors = [*result.get("configuration_errors", []), *result.get("argument_errors", [])]
        if not errors and event["event"] == "runner_on_failed" and data.get("resolved_action") == ARGUMENT_SPEC:
            # A setting that can't even be worked out: a variable that is undefined, a filter that refuses its input.
            errors = [str(result.get("msg", "no message")).removeprefix("Task failed: ")]
        for error in errors:
            if error not in self.configuration_errors:
                self.configuration_errors.append(error)
        if data.get("resolved_action") == NODE_CHECK and result.get("judgement"):
            return self._checked(host, result["judgement"], result.get("phase"))
        if event["event"] == "runner_on_unreachable":
            return [clean(f"{host}: unreachable: {result.get('msg', 'no message')}")]
        if event["event"] == "runner_on_ok" and CHRONY_ROLE in (data.get("resolved_role"), data.get("role")):
            return self._remediating(host)
        return []

    def _checked(self, host: str, node: dict[str, Any], phase: str | None) -> list[str]:
        """Return the line for a check's answer; a check without a phase is the role's own and nobody's result."""
        if phase is None:
            return []
        line = f"{host}: {verdict_text(node)}, skew {skew_text(node['skew_s'])}"
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
        return [clean(f"{host}: remediation its clock")]
