from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import names

PROCESSES = (*names.DAEMON_PROCESSES, *names.MOVER_PROCESSES, *names.CLUSTER_PROCESSES, names.KUBELET_PROCESS)
SERVICES = (*names.DAEMON_UNITS, *names.MOVER_UNITS, *names.WAIT_UNITS)
CLUSTER = (*names.KUBELET_UNITS, *names.RUNTIME_UNITS)


@pytest.mark.parametrize("table", [PROCESSES, (*SERVICES, *CLUSTER)])
def test_a_name_stands_in_one_table_once(table: tuple[str, ...]):
    assert len(set(table)) == len(table)


@pytest.mark.parametrize("name", PROCESSES)
def test_the_kernel_cuts_no_process_name_of_the_tables(name: str):
    assert len(name) <= 15  # TASK_COMM_LEN, proc_pid_comm(5)


def test_names_that_openrc_knows_too_have_no_suffix_and_those_of_clusters_have_one():
    assert [name for name in SERVICES if "." in name or "@" in name] == []
    assert [name for name in CLUSTER if not name.endswith(".service")] == []
    assert set(names.DAEMON_TEMPLATES) <= set(names.DAEMON_UNITS)
