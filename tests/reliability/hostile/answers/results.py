"""Keys beside the evidence that mean something to Ansible or to the gate."""

from __future__ import annotations

from typing import Any

from tests.reliability.hostile.answers.registry import ADMITTED, TERMINAL, answers
from tests.reliability.hostile.hostile_python import CANARY_FILE, ELSEWHERE, EVIDENCE, Asked


def beside(name: str, keys: dict[str, Any], *, evidence: bool = True) -> None:
    """A node whose answer has these keys as well."""

    def answer(asked: Asked) -> dict[str, Any]:
        if asked.module != EVIDENCE:
            return {"changed": False}
        answer = asked.behind()
        return {**(answer if evidence else {}), **keys}

    answer.__name__ = name
    answers("results")(answer)


beside("claims_admission", ADMITTED)
beside("claims_a_group", {"add_group": "skewgate_admitted", "parent_groups": ["all"], "changed": True})
beside("claims_a_host", {"add_host": {"host_name": "eve", "groups": ["skewgate_admitted"], "host_vars": {}}})
beside("claims_facts", {"ansible_facts": {"gate_checks": [], "gate_after": ADMITTED, "gate_report_dir": ELSEWHERE}})
beside(
    "claims_to_be_ansible",
    {
        "_ansible_no_log": True,
        "_ansible_parsed": True,
        "_ansible_item_result": True,
        "_ansible_delegated_vars": {"ansible_host": "honest1", "ansible_delegated_host": "honest1"},
        "ansible_delegated_vars": {"honest1": {"gate_before": ADMITTED}},
        "_ansible_item_label": TERMINAL,
    },
)
beside("claims_to_be_unreachable", {"unreachable": True, "msg": TERMINAL})
beside("claims_to_be_skipped", {"skipped": True, "skip_reason": TERMINAL}, evidence=False)
beside("claims_an_exception", {"failed": True, "exception": TERMINAL, "msg": TERMINAL}, evidence=False)
beside("claims_results", {"results": [ADMITTED, {"ansible_facts": {"gate_checks": []}}]})
beside("claims_jobs", {"ansible_job_id": "../../x", "started": 1, "finished": 0, "results_file": CANARY_FILE})


@answers("results")
def _claims_the_record(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    answer["evidence"].update(
        policy={"checks": [], "clients": []},
        controller={"sent_s": 0, "received_s": 1e12},
        unreachable=None,
        settings_in_facts=[],
        module_error=None,
        before=ADMITTED["record"],
    )
    return answer


@answers("results")
def _claims_to_be_another(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    answer["evidence"].update(
        nodes={"honest1": {}}, inventory_hostname="honest1", address="203.0.113.1", name="honest1"
    )
    return {**answer, "inventory_hostname": "honest1", "host": "honest1"}
