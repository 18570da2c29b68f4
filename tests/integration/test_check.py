"""The incident, checked: three nodes whose kernel clocks differ,
each refused or admitted for the right reason.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.root_cause import causes

from tests.findings import unsaid
from tests.integration.conftest import BIN, GITHUB_DIR, Run, Runner
from tests.lab import Lab
from tests.lab.github_api import Control
from tests.lab.lab import REPOSITORY

pytestmark = pytest.mark.lab

# Files that a package or a configuration consists of; the daemon's own state and
# logs move by themselves.
FINGERPRINT = (
    'set -e; units=$(systemctl list-unit-files --no-legend --no-pager); echo "$units" | sort | sha256sum; '
    "find /etc /usr /opt /srv /root -xdev -type f -newermt @0 -printf '%p %s %T@\\n' | sort | sha256sum"
)
JWT_OR_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.|gh[a-z]_\w{20,}|BEGIN (RSA )?PRIVATE KEY")


@pytest.fixture(scope="module")
def untouched(trio_module: Lab) -> dict[str, str]:
    return {name: trio_module.look(name, FINGERPRINT) for name in ("node1", "node2", "node3")}


@pytest.fixture(scope="module")
def trio_module(lab: Lab) -> Lab:
    lab.up()
    lab.wait_synchronised("node1")
    Control(GITHUB_DIR).reset()
    return lab


@pytest.fixture(scope="module")
def checked(trio_module: Lab, untouched: dict[str, str], skewgate: Runner) -> Run:  # noqa: ARG001 - the order matters
    """One check of the trio at the highest verbosity, with remediation; all tests below read it."""
    return skewgate("check", "-vvvv", "-e", "gate_remediate=true")


def test_the_run_ends_with_the_status_of_a_failure_and_without_a_traceback(checked: Run) -> None:
    assert checked.status == 4
    assert "Traceback" not in checked.output


def test_the_good_node_is_admitted_with_a_skew_known_to_50_ms(checked: Run) -> None:
    node = checked.report["nodes"]["node1"]
    assert node["verdict"] == "admit"
    assert (node["skew_s"]["high"] - node["skew_s"]["low"]) / 2 < 0.05
    assert node["skew_s"]["low"] < 0.05
    assert node["skew_s"]["high"] > -0.05


def test_the_node_behind_is_refused_and_the_clock_is_proved_to_be_the_sole_cause(checked: Run) -> None:
    assert checked.report["nodes"]["node2"]["refused_because"] == "failure"
    assert {"clock_skew", "github_app_token", "time_service"} == checked.refusing("node2")
    assert checked.report["nodes"]["node2"]["skew_s"]["high"] == pytest.approx(-612, abs=2)
    app = checked.app("node2")
    assert app["blame"] == "clock"
    assert "'Expiration time' claim ('exp') must be a numeric value" in app["node_clock"]["answer"]
    assert app["true_time"]["class"] == "accepted"
    assert checked.finding("node2", "github_app_token")["keys"] == ["clock"]


def test_the_node_ahead_is_refused_for_argo_cds_budget_though_another_client_would_pass(checked: Run) -> None:
    finding = checked.finding("node3", "clock_skew")
    assert (finding["state"], finding["keys"], finding["about"]) == ("fail", ["beyond"], ["argocd", "ahead"])
    budget = {row["name"]: row["outcome"] for row in finding["seen"]["budget"]}
    assert budget == {"argocd": "fail", "actions-runner-controller": "pass"}
    assert not unsaid(finding["summary"], "argocd (30 s ahead)", "actions-runner-controller (60 s ahead)")
    assert "pygithub" in finding["seen"]["other_clients_that_would_pass"]
    app = checked.app("node3")
    assert app["blame"] == "clock"
    assert "'Issued at' claim ('iat') must be an Integer" in app["node_clock"]["answer"]


def test_the_daemon_whose_only_source_is_dead_is_seen_though_it_runs(checked: Run) -> None:
    assert checked.finding("node3", "time_service")["state"] == "pass"
    assert checked.finding("node3", "ntp_sources")["state"] == "fail"
    assert "10.77.0.9" in checked.finding("node3", "ntp_sources")["summary"]


def test_each_refusal_says_why_and_what_to_do_in_what_the_user_reads(checked: Run) -> None:
    flat = re.sub(r"\s+", " ", checked.output)
    for node in ("node2", "node3"):
        findings = [checked.finding(node, check) for check in checked.refusing(node)]
        roots = [cause.root for cause in causes(findings)]
        texts = [finding["summary"] for finding in findings]
        for text in [*texts, *(root[key] for root in roots for key in ("why", "remedy"))]:
            assert re.sub(r"\s+", " ", text) in flat


def test_the_healthy_node_costs_one_module_call(checked: Run) -> None:
    (app,) = checked.evidence["nodes"]["node1"]["evidence"]["github_apps"]
    assert [attempt["label"] for attempt in app["attempts"]] == ["now"]


def test_the_report_is_what_its_schema_says(checked: Run) -> None:
    schema = json.loads((REPOSITORY / "docs/reference/report.schema.json").read_text())
    jsonschema.validate(checked.report, schema)


def test_saved_evidence_is_judged_the_same_again(checked: Run, tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text(json.dumps(checked.evidence))
    argv = [BIN / "skewgate", "report", tmp_path / "evidence.json", "--report-dir", tmp_path / "again"]
    again = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert again.returncode == 4
    report = json.loads((tmp_path / "again/report.json").read_text())
    assert report["nodes"] == checked.report["nodes"]


def test_no_node_was_changed(checked: Run, untouched: dict[str, str], lab: Lab) -> None:
    assert checked.report
    assert {name: lab.look(name, FINGERPRINT) for name in untouched} == untouched


def test_no_secret_is_printed_or_left_in_a_report(checked: Run) -> None:
    for text in (checked.output, json.dumps(checked.report), json.dumps(checked.evidence)):
        assert not JWT_OR_TOKEN.search(text)
    key_lines = [line for line in (GITHUB_DIR / "app.pem").read_text().splitlines() if "-----" not in line]
    assert not any(line in checked.output for line in key_lines)


def test_no_secret_is_left_on_a_node(checked: Run, lab: Lab) -> None:
    assert checked.report
    search = r"grep -rlE 'eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.|ghs_[A-Za-z0-9_]{20,}|PRIVATE KEY-----' "
    for node in ("node1", "node2", "node3"):
        found = lab.ssh(node, search + "/root /tmp /var/tmp /var/log /run 2>/dev/null; true", 120).stdout.split()
        assert found == [path for path in found if path.startswith("/root/.ssh/")]
        journal = lab.ssh(node, "journalctl -o cat --no-pager | grep -c eyJ; true").stdout.strip()
        assert journal == "0"


def test_no_secret_is_left_in_a_file_on_the_controller(checked: Run) -> None:
    assert checked.report
    for top in (Path.home() / ".ansible", Path("/tmp/ansible-runner")):
        for folder, _, names in os.walk(top):
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError):  # of a run beside this one, which has ended since
                    assert not path.is_file() or not JWT_OR_TOKEN.search(path.read_bytes().decode("latin-1")), path


def test_every_minted_token_was_narrowed_and_revoked(checked: Run, lab: Lab) -> None:  # noqa: ARG001
    assert checked.report
    control = Control(GITHUB_DIR)
    assert control.tokens()["live"] == []
    assert len(control.tokens()["revoked"]) == 3


def test_a_jwt_of_the_true_time_lives_30_s_at_most(checked: Run) -> None:
    true_times = [
        attempt["signed_for_s"]
        for node in ("node2", "node3")
        for app in checked.evidence["nodes"][node]["evidence"]["github_apps"]
        for attempt in app["attempts"]
        if attempt["label"] == "true_time"
    ]
    assert len(true_times) == 2
    accepted = [r for r in Control(GITHUB_DIR).requests() if r["claims"] and r["status"] == 201]
    lives = sorted(request["claims"]["exp"] - request["at_s"] for request in accepted)
    assert all(0 < life <= 30 for life in lives[:2])
    assert lives[2] > 30, "the good node's JWT is the client's own"
