"""The clock of a node that has joined a cluster is slewed or left alone; it is never stepped
back.
"""

import json
import os
import time
from pathlib import Path

import pytest
import testinfra

REPORT = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "report/report.json"


@pytest.fixture
def refused(request):
    inventory = request.config.getoption("ansible_inventory")
    (node,) = testinfra.get_hosts(["ansible://expected_refused"], ansible_inventory=inventory)
    return node


def test_the_one_that_could_be_slewed_was_not_stepped(host):
    assert host.file("/run/clock-steps").content == b""


def test_the_other_was_not_stepped_either(refused):
    assert refused.file("/run/clock-steps").content == b""


def test_the_other_keeps_its_clock_and_its_configuration(refused):
    assert float(refused.check_output("date +%s.%N")) - time.time() > 30
    assert refused.file("/etc/chrony/chrony.conf").contains("10.77.0.9")


def test_the_other_is_refused_for_its_clock(refused):
    node = json.loads(REPORT.read_text())["nodes"][refused.backend.host]
    keys = {finding["check"]: finding["keys"] for finding in node["findings"]}
    assert node["refused_because"] == "failure"
    assert keys["clock_skew"] == ["beyond"]
    assert "has joined a cluster" in node["remediation"]["message"]
