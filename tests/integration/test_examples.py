"""The examples of docs/how-to pass the tests that stand beside them,
and those of modules and filters run, here, on loopback.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.builders import ntp_sample, ntp_server
from tests.examples import blocks, filter_examples, texts_of
from tests.integration.argocd_secrets import secret
from tests.integration.conftest import playbook_here
from tests.reports import checked
from tests.unit.plugin_utils.github.secrets.cluster import ARC_APP, LIST
from tests.unit.plugin_utils.github.secrets.test_secrets_flux import FLUX_LIST
from tests.unit.plugin_utils.remediation.scenarios import dead, measured

PLUGINS = "ansible_collections.skewgate.preflight.plugins"

#: Page: (the package that its example belongs to, the example's file, the block with its code).
EXAMPLES = {
    "add-a-check": ("plugin_utils.checks", "clock_source", "check"),
    "add-a-section": ("module_utils.probes", "connman", "probe"),
    "add-a-daemon": ("plugin_utils.daemons", "connman", "daemon"),
    "add-a-format": ("plugin_utils.formats", "names", "format"),
}


def plant(page: str, folder: Path) -> str:
    """Write a page's example and its test;
    the line that adds the example's folder to its package.
    """
    package, name, block = EXAMPLES[page]
    place = folder / package
    place.mkdir()
    (place / f"{name}.py").write_text(blocks(page)[block])
    (folder / f"test_{page.replace('-', '_')}.py").write_text(blocks(page)["test"])
    return f"import {PLUGINS}.{package} as package\npackage.__path__ = [{str(place)!r}, *package.__path__]\n"


def test_their_tests_pass(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("".join(plant(page, tmp_path) for page in EXAMPLES))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "."]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert [page for page in EXAMPLES if f"test_{page.replace('-', '_')}.py::" not in ended.stdout] == []


def play(folder: Path, *tasks: dict[str, Any], **variables: Any) -> str:
    """What these tasks print on this machine, under a name that is not Ansible's localhost."""
    own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    hosts = {"all": {"hosts": {"node": None}, "vars": {**own, **variables}}}
    (folder / "hosts.json").write_text(json.dumps(hosts))
    (folder / "play.yml").write_text(json.dumps([{"hosts": "node", "gather_facts": False, "tasks": tasks}]))
    done = playbook_here(folder, "-i", folder / "hosts.json", folder / "play.yml", timeout_s=120)
    assert done.returncode == 0, done.stdout
    return done.stdout


def examples_of(module: str) -> list[dict[str, Any]]:
    """The tasks of a module's examples."""
    return list(yaml.safe_load(texts_of(module)["EXAMPLES"]))


def test_the_filters_examples_read_a_clusters_secrets(tmp_path: Path) -> None:
    secrets = {
        "argocd_secrets": LIST,
        "flux_objects": FLUX_LIST,
        "flux_secrets": FLUX_LIST[:2],
        "flux_git_repositories": FLUX_LIST[2:],
        "arc_secrets": [secret("arc", None, **ARC_APP)],
    }
    names = ("argocd_github_apps", "flux_github_apps", "arc_github_apps")
    examples = [example for name in names for example in filter_examples(name) if "gate_github_apps" in example]
    settings = {f"example_{number}": example["gate_github_apps"] for number, example in enumerate(examples)}
    read = tmp_path / "read.json"
    write = {"content": f"{{{{ [{', '.join(settings)}] | to_json }}}}", "dest": str(read)}
    play(tmp_path, {"ansible.builtin.copy": write, "vars": settings, "no_log": True}, **secrets)
    argocd = [("argocd/repo-deploy-config", ["acme/deploy-config", "acme/charts"])]
    flux = [("flux-system/github-sa", ["example/fleet", "example/podinfo"])]
    of_examples = json.loads(read.read_text())
    reached = [[(app["name"], app["repositories"]) for app in apps] for apps in of_examples]
    assert reached == [argocd, argocd, flux, flux, [("argocd/arc", [])]]
    assert [app["depth"] for app in of_examples[1]] == ["jwt"]


def test_the_modules_examples_check_a_node_report_and_admit_it(tmp_path: Path, ntp_here: str) -> None:
    [begin] = examples_of("fleet_begin")
    [see, compare] = examples_of("node_evidence")
    compare["skewgate.preflight.node_evidence"] |= {"ntp_servers": [ntp_here], "apis": []}
    [check, refuse] = examples_of("node_check")
    check["skewgate.preflight.node_check"] |= {"ntp_servers": [ntp_here], "checks": ["clock_skew"], "github_apps": []}
    [report] = examples_of("fleet_report")
    folder = tmp_path / "report"
    report["skewgate.preflight.fleet_report"] |= {"report_dir": str(folder), "before": check["register"]}
    [[fresh]] = filter_examples("stale_because")
    tasks = (begin, see, compare, check, refuse, report | {"register": "gate_report"}, fresh)
    settings = {"gate_ntp_servers": [ntp_here], "gate_checks": ["clock_skew"], "gate_report_dir": str(folder)}
    printed = play(tmp_path, *tasks, **settings)
    assert re.findall(r"^TASK \[(.*)\]", printed, re.MULTILINE) == [task["name"] for task in tasks]
    assert json.loads((folder / "report.json").read_text())["nodes"]["node"]["verdict"] == "admit"


def test_the_example_of_a_plan_shows_what_the_role_would_change(tmp_path: Path) -> None:
    [check, plan] = examples_of("remediation_plan")
    servers = plan["skewgate.preflight.remediation_plan"]["servers"]
    asked = {"servers": [ntp_server(server, ntp_sample()) for server in servers]}
    show = {"ansible.builtin.debug": {"msg": "{{ planned.changes | join(', ') }}"}}
    printed = play(tmp_path, plan, show, **{check["register"]: checked(measured(ntp=asked, chrony=dead()))})
    assert "write /etc/chrony/chrony.conf" in printed
