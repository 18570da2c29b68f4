"""The controller measures its own clock once in a run, with the references of all hosts,
and the report says what came of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import skew_text

from skewgate import cli
from tests.integration.conftest import app_settings, playbook_here
from tests.lab.github_api import RunningApi, running_api

BEHIND_S = 612


def reports_of(folder: Path, api: RunningApi) -> dict[str, Any]:
    """The files of a run of the playbook `check` over three hosts.

    They are this machine; each has its own NTP server.
    """
    settings = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "gate_checks": ["github_app_token"],
        "gate_github_apps": [app_settings(api.credentials, api.url, depth="jwt")],
        "gate_clients": ["octokit"],
        "gate_report_dir": str(folder / "report"),
    }
    hosts = {f"node{n}": {"gate_ntp_servers": [f"127.0.0.{n}"]} for n in (1, 2, 3)}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": settings}}))
    done = playbook_here(folder, "-i", folder / "hosts.json", "skewgate.preflight.check", timeout_s=300)
    assert "Traceback" not in done.stdout
    assert (folder / "report/report.json").exists(), done.stdout[-2000:]
    found = {name: (folder / "report" / name).read_text() for name in ("report.json", "evidence.json", "report.txt")}
    return {"report": json.loads(found["report.json"]), "evidence": json.loads(found["evidence.json"]), **found}


def dates_asked(api: RunningApi) -> int:
    return sum(request["path"] == "/rate_limit" for request in api.control.requests())


def test_a_wrong_clock_is_corrected_by_the_references_of_all_hosts(tmp_path: Path) -> None:
    with running_api(tmp_path / "github") as api:
        api.control.set_clock_offset(BEHIND_S)
        found = reports_of(tmp_path, api)
        asked = dates_asked(api)
    measured_s = found["report"]["fleet"]["controller_measured_s"]
    assert measured_s["low"] - 1 <= -BEHIND_S <= measured_s["high"] + 1
    for node in found["evidence"]["nodes"].values():
        references = node["controller"]["measured"]["references"]
        assert set(references) == {f"date {api.url}/rate_limit", *(f"ntp 127.0.0.{n}" for n in (1, 2, 3))}
    assert skew_text(Interval(measured_s["low"], measured_s["high"])) in " ".join(found["report.txt"].split())
    assert 3 * 2 + 1 <= asked <= 3 * 5 + 1  # each node's several, and one


def test_a_clock_that_could_not_be_checked_is_reported_in_each_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_api(tmp_path / "github") as api:
        api.control.script("HEAD", "/rate_limit", times=1000, reset=True)
        found = reports_of(tmp_path, api)
    (finding,) = [f for f in found["report"]["fleet"]["findings"] if f["id"] == "controller_time_unknown"]
    assert finding["nodes"] == ["node1", "node2", "node3"]
    assert all(f"127.0.0.{n}" in finding["summary"] for n in (1, 2, 3))
    assert found["report"]["fleet"]["controller_measured_s"] is None
    cli.main(["report", str(tmp_path / "report/evidence.json"), "--report-dir", str(tmp_path / "again")])
    again = json.loads((tmp_path / "again/report.json").read_text())
    assert again["fleet"] == found["report"]["fleet"]
    assert "controller_time_unknown" in capsys.readouterr().out
    assert "controller_time_unknown" in found["report.txt"]
