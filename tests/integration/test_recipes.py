"""The recipes for Ansible and cloud-init, run as they stand:
a node that the gate refuses never joins.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import CAPTURED
from tests.integration.recipes import RECIPES, WHEEL, Place, checks_without_key, git, runcmd_script
from tests.lab.host import unpack_package
from tests.paths import BUILD

# The index, and what the files have in common


def test_every_recipe_is_in_the_index() -> None:
    index = (RECIPES / "README.md").read_text(encoding="utf-8")
    files = [path for path in RECIPES.rglob("*") if path.is_file() and path.name != "README.md"]
    assert len(files) > 8
    assert [str(path) for path in files if f"]({path.relative_to(RECIPES)})" not in index] == []


def test_the_node_that_pulls_its_playbook_names_every_check_but_that_of_the_token() -> None:
    pulled = yaml.safe_load(
        (RECIPES / "cloud-init/repository/inventory/group_vars/all.yml").read_text(encoding="utf-8")
    )
    assert sorted(pulled["gate_checks"]) == checks_without_key()


# kubespray

#: As kubespray's cluster.yml: all hosts, localhost too, and an end for all at the first error.
KUBESPRAY = """
- hosts: all:localhost
  gather_facts: false
  tasks:
    - ansible.builtin.command: kubespray {{ inventory_hostname }}
      delegate_to: localhost
      vars: {ansible_python_interpreter: "%(python)s"}
- hosts: kube_control_plane:etcd:kube_node
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.command: kubespray {{ inventory_hostname }}
"""


ONE_COMMAND, IMPORTED = ["skewgate.yml", "cluster.yml"], ["both.yml"]


@pytest.mark.parametrize(
    ("words", "limit", "begins"),
    [
        (ONE_COMMAND, "all", False),
        pytest.param(ONE_COMMAND, "good1,good2", True, marks=pytest.mark.nightly),
        pytest.param(IMPORTED, "all", False, marks=pytest.mark.nightly),
        pytest.param(IMPORTED, "good1,good2", True, marks=pytest.mark.nightly),
    ],
)
def test_kubespray_begins_if_all_its_nodes_were_admitted_and_not_at_all_if_one_was_refused(
    place: Place, words: list[str], limit: str, begins: bool
) -> None:
    shutil.copy(RECIPES / "kubespray/skewgate.yml", place.folder)
    (place.folder / "cluster.yml").write_text(KUBESPRAY % {"python": sys.executable})
    (place.folder / "both.yml").write_text("- import_playbook: skewgate.yml\n- import_playbook: cluster.yml\n")
    place.stand_in("kubespray", f'echo "$1" >> {place.folder}/kubespray')
    groups = {"kube_control_plane": ["good1"], "etcd": ["good1"], "kube_node": ["good2", "gone"]}
    status, printed = place.playbook("-i", place.inventory(**groups), *words, f"--limit={limit}")
    assert (status == 0) is begins, printed
    assert set(place.lines("kubespray")) == ({"good1", "good2"} if begins else set()), printed
    assert bool(re.search(r'"msg": "kubespray [^"]*: gone\b', printed)) is not begins, printed


# kubeadm join


def test_of_the_new_nodes_only_the_admitted_join(place: Place) -> None:
    inventory = place.inventory(new_nodes=["good1", "gone1", "good2", "gone2"], control_plane=["good-cp"])
    status, printed = place.playbook("-i", inventory, RECIPES / "kubeadm-join/join.yml")
    assert status != 0
    assert place.lines("kubeadm") == [
        "token create --ttl 15m --print-join-command",
        *["join 192.0.2.1:6443 --token secret"] * 2,
    ]
    assert set(re.findall(r"changed: \[(\w+)\]", printed.partition("TASK [Join]")[2])) == {"good1", "good2"}, printed
    assert "--token secret" not in printed


@pytest.mark.nightly
def test_a_node_that_has_joined_is_not_joined_again(place: Place) -> None:
    (place.folder / "kubelet.conf").touch()
    inventory = place.inventory(new_nodes=["good1"], control_plane=["good-cp"])
    status, printed = place.playbook("-i", inventory, RECIPES / "kubeadm-join/join.yml")
    assert status == 0, printed
    assert place.lines("kubeadm") == ["token create --ttl 15m --print-join-command"]


# cloud-init with ansible-pull


def user_data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((RECIPES / "cloud-init/user-data").read_text(encoding="utf-8"))
    return data


def first_boot(place: Place, checks: list[str]) -> tuple[int, str]:
    """Run the user data's script, with a repository that has the recipe's files
    and this machine's settings.
    """
    repository = place.folder / "nodes.git"
    shutil.copytree(RECIPES / "cloud-init/repository", repository)
    (repository / "inventory/host_vars").mkdir()
    settings = place.local(gate_checks=checks, gate_report_dir=str(place.folder / "report"))
    (repository / "inventory/host_vars/localhost.yml").write_text(json.dumps(settings))
    (place.folder / "runcmd").write_text(runcmd_script(user_data()["runcmd"]))
    return place.run("sh", place.folder / "runcmd", **git(repository, "https://git.example.net/nodes.git"))


@pytest.mark.nightly
@pytest.mark.parametrize(("checks", "joins"), [(["clock_skew"], True), (["clock_skew", "time_service"], False)])
def test_a_node_that_pulls_its_playbook_joins_only_if_it_is_admitted(
    place: Place, checks: list[str], joins: bool
) -> None:
    status, printed = first_boot(place, checks)
    assert (status == 0) is joins, printed
    assert place.lines("kubeadm") == (["join --config /etc/kubernetes/join.yaml"] if joins else []), printed
    assert place.lines("pip") == [f"install {WHEEL}"]
    report = json.loads((place.folder / "report/report.json").read_text())
    assert report["verdict"] == ("admit" if joins else "refuse")


@pytest.mark.nightly
def test_cloud_init_accepts_the_user_data_and_makes_the_script_that_is_run_here(recipe_tools: Path) -> None:
    cloud_init = unpack_package("cloud-init", BUILD / "cloud-init")
    environment = {**os.environ, "PYTHONPATH": str(cloud_init / "usr/lib/python3/dist-packages")}
    schema: list[str | Path] = [
        recipe_tools / "python",
        cloud_init / "usr/bin/cloud-init",
        "schema",
        "--config-file",
        RECIPES / "cloud-init/user-data",
    ]
    done = subprocess.run(schema, **CAPTURED, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    commands = [*user_data()["runcmd"], "skewgate check || exit 1"]
    code = "import sys; from cloudinit.util import shellify; print(shellify(sys.argv[1:]), end='')"
    done = subprocess.run(
        [recipe_tools / "python", "-c", code, *commands], **CAPTURED, env=environment, timeout=60, check=True
    )
    assert done.stdout == runcmd_script(commands)
