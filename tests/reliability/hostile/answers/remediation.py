"""Nodes that a remediation can help, they say:
it begins, and what its modules answer is the lie.
"""

from __future__ import annotations

from typing import Any

from tests.builders import join_state, time_services
from tests.reliability.hostile.answers.registry import ADMITTED, TERMINAL, answers
from tests.reliability.hostile.hostile_python import CANARY_FILE, CANARY_KEY, ELSEWHERE, EVIDENCE, Asked
from tests.unit.plugin_utils.remediation.scenarios import EMPTY, booting, platform

DONE: dict[str, Any] = {
    "changed": True,
    "changes": [],
    "diff": [],
    "backup": "/var/lib/skewgate/backups/x",
    "backup_id": "x",
    "backup_state": "open",
    "packages": {},
    "notes": [],
    "rc": 0,
    "stdout": "",
    "stderr": "",
}
"""What all modules of a remediation answer where all went well."""


def of_remediation(name: str, keys: dict[str, Any]) -> None:
    """A node without a time daemon, whose every module answers with these keys as well."""

    def answer(asked: Asked) -> dict[str, Any]:
        if asked.module != EVIDENCE:
            return {**DONE, **keys}
        answer = asked.behind()
        answer["evidence"].update(
            {
                **EMPTY,
                "platform": platform(),
                "time_services": time_services(),
                "boot": booting(),
                "join_state": join_state(),
            }
        )
        return answer

    answer.__name__ = name
    answers("remediation")(answer)


of_remediation("chooses_the_package", {"ansible_facts": {"chrony_package_file": CANARY_FILE}})
of_remediation("chooses_the_key", {"ansible_facts": {"gate_github_apps": [{"private_key_file": CANARY_KEY}]}})
of_remediation(
    "chooses_the_plan",
    {
        "ansible_facts": {
            "chrony_plan": {"package_file": CANARY_FILE, "plan": {}, "changes": []},
            "__chrony_package_file": CANARY_FILE,
            "__chrony_plan": {"install": {"manager": "apt"}},
        }
    },
)
of_remediation(
    "chooses_the_connection",
    {"ansible_facts": {"ansible_control_path": "/tmp/of-another", "ansible_control_path_dir": ELSEWHERE}},
)
of_remediation("chooses_the_report", {"ansible_facts": {"gate_report_dir": ELSEWHERE, "gate_run_id": "of-the-node"}})
of_remediation("chooses_the_verdict", {"ansible_facts": {"gate_after": ADMITTED, "gate_report": {}}, **ADMITTED})
of_remediation(
    "chooses_the_time", {"ansible_facts": {"chrony_proof_timeout_s": 1e9, "chrony_package_lock_timeout_s": 1e9}}
)
of_remediation("chooses_the_terminal", {"failed": True, "msg": TERMINAL, "stderr": TERMINAL, "warnings": [TERMINAL]})
of_remediation("chooses_the_types", {"changes": 7, "packages": [TERMINAL], "rc": TERMINAL, "stdout": [TERMINAL]})
