"""The recipes for GitHub Actions, GitLab and AWX, run as they stand:
nodes that the gate refuses are not joined.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from junitparser import JUnitXml

from tests.integration.conftest import CAPTURED
from tests.integration.recipes import RECIPES, WHEEL, Place

# GitHub Actions and GitLab: a runner in miniature


def pipeline(place: Place, hosts: list[str]) -> None:
    """The repository that the pipeline checks out: an inventory, and the team's own join."""
    place.inventory(new_nodes=hosts)
    join = place.folder / "join-nodes"
    join.write_text("#!/bin/sh\ntouch joined\n")
    join.chmod(0o755)


class Actions:
    """Runs the steps of a workflow's jobs as GitHub's runner does;
    of the actions it knows that they need nothing here.
    """

    KNOWN = ("actions/checkout@", "actions/upload-artifact@", "actions/download-artifact@")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.workflow = yaml.safe_load((RECIPES / "github-actions/skewgate.yml").read_text(encoding="utf-8"))
        self.values = {
            "inputs.limit": self.workflow["on"]["workflow_dispatch"]["inputs"]["limit"]["default"],
            "secrets.DEPLOY_APP_KEY": "app key",
            "secrets.NODES_SSH_KEY": "ssh key",
            "vars.NODES_KNOWN_HOSTS": "known hosts",
        }
        self.printed = ""

    def run(self) -> dict[str, bool]:
        """For each job that ran, whether it succeeded."""
        ended: dict[str, bool] = {}
        for name, job in self.workflow["jobs"].items():
            if ended.get(job.get("needs"), True) and ("needs" not in job or job["needs"] in ended):
                ended[name] = self._job(name, job)
        return ended

    def _job(self, name: str, job: dict[str, Any]) -> bool:
        folder = self.place.folder / f"runner-{name}"
        folder.mkdir()
        files = {key: folder / key for key in ("GITHUB_PATH", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        good = True
        for step in job["steps"]:
            if "uses" in step:
                assert step["uses"].startswith(self.KNOWN)
            elif good or step.get("if") == "always()":
                environment = {**self.workflow["env"], **self._environment(files["GITHUB_ENV"]), **step.get("env", {})}
                known = {key: self._filled(value) for key, value in environment.items()}
                words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f'PATH="$ADDED$PATH"\n{step["run"]}']
                known |= {key: str(path) for key, path in files.items()} | {"RUNNER_TEMP": str(folder)}
                added = "".join(f"{line}:" for line in files["GITHUB_PATH"].read_text().splitlines())
                status, printed = self.place.run(*words, ADDED=added, **known)
                self.printed += printed
                good &= status == 0
        return good

    def _environment(self, path: Path) -> dict[str, str]:
        return dict(line.split("=", 1) for line in path.read_text().splitlines())

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: self.values[found[1]], text)


@pytest.mark.nightly
@pytest.mark.parametrize(("hosts", "joins"), [(["good1"], True), (["good1", "gone"], False)])
def test_the_workflow_of_github_joins_if_all_nodes_are_admitted(place: Place, hosts: list[str], joins: bool) -> None:
    pipeline(place, hosts)
    actions = Actions(place)
    assert actions.run() == ({"gate": True, "join": True} if joins else {"gate": False}), actions.printed
    assert (place.folder / "joined").exists() is joins
    summary = (place.folder / "runner-gate/GITHUB_STEP_SUMMARY").read_text()
    assert summary == (place.folder / "skewgate-report/summary.md").read_text()
    assert [host for host in hosts if f"`{host}`" not in summary] == []
    assert set(place.lines("pip")) == {f"install {WHEEL}"}
    assert not (place.folder / "runner-gate/keys").exists()
    assert "app key" not in actions.printed


def gitlab_jobs(place: Place) -> dict[str, tuple[int, str]]:
    """Run the jobs as GitLab's runner does:
    a job's scripts are one script, and a job needs those before it.
    """
    place.stand_in("apt-get", "")
    file = yaml.safe_load((RECIPES / "gitlab/skewgate.gitlab-ci.yml").read_text(encoding="utf-8"))
    for name in ("NODES_SSH_KEY", "NODES_KNOWN_HOSTS", "APP_KEY_FILE"):
        (place.folder / name).write_text(name)
    given = {name: str(place.folder / name) for name in ("NODES_SSH_KEY", "NODES_KNOWN_HOSTS", "APP_KEY_FILE")}
    ended: dict[str, tuple[int, str]] = {}
    for stage in file["stages"]:
        (job,) = [job for job in file.values() if isinstance(job, dict) and job.get("stage") == stage]
        if all(status == 0 for status, _ in ended.values()):
            script = "\n".join([*file[job["extends"]]["before_script"], *job["script"]])
            ended[stage] = place.run("bash", "-eo", "pipefail", "-c", script, **file["variables"], **given)
            place.run("bash", "-c", "\n".join(job.get("after_script", [])))
    return ended


@pytest.mark.nightly
@pytest.mark.parametrize(("hosts", "status"), [(["good1"], 0), (["good1", "gone"], 3)])
def test_the_pipeline_of_gitlab_joins_if_all_nodes_are_admitted(place: Place, hosts: list[str], status: int) -> None:
    pipeline(place, hosts)
    ended = gitlab_jobs(place)
    assert ended["gate"][0] == status, ended["gate"][1]
    assert ("join" in ended) is (place.folder / "joined").exists() is (status == 0), ended
    assert (place.folder / "skewgate-report/report.json").exists()
    file = yaml.safe_load((RECIPES / "gitlab/skewgate.gitlab-ci.yml").read_text(encoding="utf-8"))
    suites = JUnitXml.fromfile(str(place.folder / file["gate"]["artifacts"]["reports"]["junit"]))
    failing = [suite.name for suite in suites if suite.failures + suite.errors]
    assert failing == [host for host in hosts if host == "gone"]
    assert not (place.folder / "ssh-key").exists()


# AWX

#: An action of awx.awx that notes what it is given, a line each time.
NOTES = """
import json
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        with open("{folder}/" + self._task.action, "a") as file:
            print(json.dumps(self._task.args), file=file)
        return super().run(tmp, task_vars)
"""


MADE = ("credential_type", "job_template", "workflow_job_template")


def made_in_awx(place: Place, *words: str) -> dict[str, list[dict[str, Any]]]:
    """What the recipe's playbook gives to each of the modules that make things in AWX."""
    actions = place.folder / "collections/ansible_collections/awx/awx/plugins/action"
    actions.mkdir(parents=True)
    for module in MADE:
        (actions / f"{module}.py").write_text(NOTES.format(folder=place.folder))
    status, printed = place.playbook(RECIPES / "awx/job-template.yml", *words)
    assert status == 0, printed
    return {module: list(map(json.loads, place.lines(f"awx.awx.{module}"))) for module in MADE}


@pytest.fixture
def awx(place: Place) -> dict[str, Any]:
    """The credential's type and the job template."""
    made = made_in_awx(place)
    assert made["workflow_job_template"] == []
    return {module: each for module, given in made.items() for each in given}


def launched(
    place: Place, awx: dict[str, Any], groups: dict[str, list[str]], **answers: Any
) -> tuple[int, dict[str, Any]]:
    """Launch the job with the survey's defaults and other answers;
    its exit status, and the statistics that it set.
    """
    extra = extra_variables(place, awx, **answers)
    words = ["-i", place.inventory(**groups), RECIPES / "awx" / awx["job_template"]["playbook"], "-e", f"@{extra}"]
    status, printed = place.playbook(*words, ANSIBLE_SHOW_CUSTOM_STATS="1")
    return status, statistics(printed)


def statistics(printed: str) -> dict[str, Any]:
    stats = re.findall(r"^CUSTOM STATS: \*+\n\s*RUN: (\{.*\})$", printed, re.MULTILINE)
    assert stats, printed
    found: dict[str, Any] = json.loads(stats[-1])
    return found


def extra_variables(place: Place, awx: dict[str, Any], **answers: Any) -> Path:
    """The extra variables of a job that is launched with the survey's defaults and other answers,
    as AWX makes them.
    """
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    (place.folder / "key").write_bytes(key)
    inputs = {"app_id": "1234", "installation_id": "5678", "private_key": "", "repository": "acme/deploy"}
    inputs |= {"tower.filename": str(place.folder / "key")}
    injected = {
        name: re.sub(r"\{\{ (.+?) \}\}", lambda found: inputs[found[1]], text)
        for name, text in awx["credential_type"]["injectors"]["extra_vars"].items()
    }
    template = awx["job_template"]
    defaults = {question["variable"]: question["default"] for question in template["survey_spec"]["spec"]}
    extra = place.folder / "extra.json"
    extra.write_text(json.dumps({**template["extra_vars"], **injected, **defaults, **answers}))
    return extra


@pytest.mark.nightly
def test_the_job_of_awx_hands_over_its_verdict_also_if_nodes_are_refused(place: Place, awx: dict[str, Any]) -> None:
    status, stats = launched(place, awx, {"new_nodes": ["good1", "gone"], "old": ["good2"]})
    assert status != 0
    assert stats == {
        "skewgate_verdict": "refuse",
        "skewgate_exit_code": 3,
        "skewgate_admitted": ["good1"],
        "skewgate_refused": ["gone"],
    }


@pytest.mark.nightly
def test_the_job_of_awx_hands_over_its_verdict_if_all_or_none_are_refused(place: Place, awx: dict[str, Any]) -> None:
    _, stats = launched(place, awx, {"new_nodes": ["gone1", "gone2"]})
    assert (stats["skewgate_verdict"], stats["skewgate_admitted"], stats["skewgate_refused"]) == (
        "refuse",
        [],
        ["gone1", "gone2"],
    )
    shutil.rmtree(place.folder / "inventory")
    status, stats = launched(place, awx, {"new_nodes": ["good1", "good2"]})
    assert (status, stats["skewgate_exit_code"], stats["skewgate_admitted"]) == (0, 0, ["good1", "good2"])


@pytest.mark.nightly
def test_a_job_of_awx_whose_settings_are_wrong_admits_nobody(place: Place, awx: dict[str, Any]) -> None:
    status, stats = launched(place, awx, {"new_nodes": ["good1"]}, gate_clients=["argo"])
    assert status != 0
    assert (stats["skewgate_verdict"], stats["skewgate_admitted"]) == ("refuse", [])


#: A workflow: what an earlier one left goes, each slice is a job, and the last job joins what they
#: wrote. A slice may fail.
WORKFLOW = """
mkdir -p /var/lib/skewgate/slices/7
ansible-playbook -i {inventory} {awx}/empty.yml
for slice in {slices}; do
  ansible-playbook -i {inventory} {awx}/gate.yml -e @{extra} -e awx_job_id=1$slice --limit "all[$slice]" || true
done
ls /var/lib/skewgate/slices > {folder}/slices
exec ansible-playbook -i {inventory} {awx}/join.yml -e gate_hosts=new_nodes
"""


@pytest.mark.nightly
@pytest.mark.parametrize("slices", ["0 1 2", "0 1"])
def test_the_slices_of_awx_are_joined_and_one_that_is_missing_refuses(place: Place, slices: str) -> None:
    made = made_in_awx(place, "-e", "slices=3")
    template, *_ = made["job_template"]
    assert (template["job_slice_count"], template["extra_vars"]["gate_slices"]) == ("3", "3")
    nodes = made["workflow_job_template"][0]["workflow_nodes"]
    names = [node["unified_job_template"]["name"] for node in nodes]
    assert sorted(names) == sorted(each["name"] for each in made["job_template"])
    extra = extra_variables(place, {"job_template": template, "credential_type": made["credential_type"][0]})
    script = place.folder / "workflow.sh"
    inventory = place.inventory(new_nodes=["good1", "good2", "good3"])
    script.write_text(
        WORKFLOW.format(inventory=inventory, awx=RECIPES / "awx", extra=extra, slices=slices, folder=place.folder)
    )
    status, printed = place.run("sh", script, ANSIBLE_SHOW_CUSTOM_STATS="1")
    assert place.lines("slices") == [f"1{number}" for number in slices.split()], printed
    complete = slices == "0 1 2"
    assert (status == 0) is complete, printed
    assert statistics(printed) == {
        "skewgate_verdict": "admit" if complete else "refuse",
        "skewgate_exit_code": 0 if complete else 3,
        "skewgate_admitted": ["good1", "good2", "good3"][: None if complete else 2],
        "skewgate_refused": [] if complete else ["good3"],
    }


@pytest.mark.nightly
def test_the_survey_asks_for_settings_with_answers_that_the_gate_takes(awx: dict[str, Any]) -> None:
    spec = awx["job_template"]["survey_spec"]
    assert spec.keys() == {"name", "description", "spec"}
    for question in spec["spec"]:
        # What AWX requires of a question: awx/api/templates/api/job_template_survey_spec.md
        assert {"question_name", "variable", "type", "required"} <= question.keys()
        assert question["type"] in {"text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect"}
        assert question["type"] == "text" or question["default"] in question["choices"]
    assert {question["variable"] for question in spec["spec"]} == {"gate_hosts", "gate_remediate", "gate_clients"}


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", "github-actions/skewgate.yml"),
        ("vendor.gitlab-ci", "gitlab/skewgate.gitlab-ci.yml"),
    ],
)
def test_the_files_of_ci_are_valid(recipe_tools: Path, schema: str, file: str) -> None:
    argv: list[str | Path] = [recipe_tools / "check-jsonschema", "--builtin-schema", schema, RECIPES / file]
    done = subprocess.run(argv, **CAPTURED, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
