"""A node whose chrony believes liars is refused, whatever chrony says of itself, and left as it
was.
"""

import json
import os
from pathlib import Path

import pytest

REPORT = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "report/report.json"


@pytest.fixture
def node(host):
    return json.loads(REPORT.read_text())["nodes"][host.backend.host]


def test_it_is_refused_by_the_references_and_not_by_what_chrony_says(node):
    keys = {finding["check"]: finding["keys"] for finding in node["findings"]}
    assert node["refused_because"] == "failure"
    assert keys["clock_skew"] == ["beyond"]
    assert keys["sync_state"] == ["references_contradict"]


def test_chrony_calls_itself_synchronised(host):
    assert ",Normal" in host.run("chronyc -c tracking").stdout


def test_its_configuration_was_put_back(host, node):
    assert not node["remediation"]["succeeded"]
    assert host.file("/etc/chrony/chrony.conf").contains("server 10.77.0.4 iburst")
