"""What a host's process imports and reads by itself is done again for every host:
nothing of that is left to it.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.builders import record

OF_A_HOSTS_PROCESS = """
import functools, gc, json, sys
from ansible_collections.skewgate.preflight.plugins.action import node_check
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import read_arguments
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.variables import not_known, read_settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import read_check_settings

record = json.load(sys.stdin)
caches = [each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper)]
ours = [each for each in caches if each.__module__.startswith("ansible_collections.skewgate")]
modules, misses = {*sys.modules}, sum(each.cache_info().misses for each in ours)
values, _ = read_settings({"gate_clients": ["argocd", "flux"]})
not_known(["gate_clients"])
args, _ = read_arguments(node_check.ActionModule.documentation, {"clients": ["argocd"]})
read_check_settings({**args, "ntp_servers": ["ntp1.example.net"], "key_elsewhere": True}, list)
judged = judge_record({**record, "evidence": parse_evidence(record["evidence"])})
read = sum(each.cache_info().misses for each in ours) - misses
json.dump({"imported": sorted({*sys.modules} - modules), "read": read, "verdict": judged["verdict"]}, sys.stdout)
"""


def test_a_hosts_process_imports_nothing_and_reads_no_table() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", OF_A_HOSTS_PROCESS],
        input=json.dumps(record()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == {"imported": [], "read": 0, "verdict": "admit"}
