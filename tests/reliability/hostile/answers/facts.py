"""Facts of a play that ran before, as another role's `setup` does."""

from __future__ import annotations

import sys
from typing import Any

from tests.reliability.hostile.answers.registry import ADMITTED, answers
from tests.reliability.hostile.hostile_python import CANARY_FILE, CANARY_KEY, ELSEWHERE, EVIDENCE, Asked


def of_setup(name: str, facts: dict[str, Any]) -> None:
    """A node whose facts, before it is checked, are these; then it answers truly."""

    def answer(asked: Asked) -> dict[str, Any]:
        return asked.behind() if asked.module == EVIDENCE else {"changed": False, "ansible_facts": facts}

    answer.__name__ = name
    answers("facts")(answer)


of_setup("facts_report_dir", {"gate_report_dir": ELSEWHERE, "gate_run_id": "of-the-node"})
of_setup("facts_checks", {"gate_checks": ["nts_servers"]})
of_setup("facts_advisory", {"gate_advisory_checks": ["clock_skew", "github_app_token"]})
of_setup("facts_limits", {"gate_max_skew_s": 1e6, "gate_limits": [], "gate_clients": ["githubkit"]})
of_setup(
    "facts_app",
    {"gate_github_apps": [{"app_id": 666, "installation_id": 2002, "private_key_file": CANARY_KEY, "depth": "jwt"}]},
)
of_setup("facts_remediation", {"gate_remediate": True, "chrony_package_file": CANARY_FILE, "chrony_servers": ["x"]})
of_setup("facts_registered", {"gate_before": ADMITTED, "gate_after": ADMITTED})
of_setup("facts_report", {"gate_report": {"nodes": {"facts_report": {"verdict": "admit"}}}, "__gate_nodes": {}})
of_setup(
    "facts_connection",
    {
        "ansible_connection": "local",
        "ansible_host": "203.0.113.1",
        "ansible_python_interpreter": sys.executable,
        "ansible_become_exe": "/bin/false",
        "ansible_delegated_vars": {"honest1": {"ansible_host": "203.0.113.1"}},
        "inventory_hostname": "honest1",
    },
)
of_setup("facts_prefixed", {"ansible_gate_checks": [], "ansible_ansible_facts": {}})
of_setup("facts_in_facts", {"ansible_facts": {}, "gate_checks": [], "gate_max_skew_s": 1e6})
of_setup("facts_ntp", {"gate_ntp_servers": ["203.0.113.1"], "gate_timeout_s": 100000})
