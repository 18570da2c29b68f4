"""The recipes in which a machine checks itself, Cluster API's and Packer's, run as they stand."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
import yaml

from tests.integration.recipes import RECIPES, WHEEL, Place, checks_without_key, runcmd_script
from tests.lab.host import unpack_package
from tests.paths import BUILD


def capi() -> dict[str, Any]:
    """The KubeadmConfig that the template makes."""
    template = yaml.safe_load((RECIPES / "cluster-api/kubeadmconfigtemplate.yaml").read_text(encoding="utf-8"))
    config: dict[str, Any] = template["spec"]["template"]["spec"]
    return config


def test_the_machines_check_all_but_the_token_for_which_they_have_no_key() -> None:
    (file,) = capi()["files"]
    assert sorted(yaml.safe_load(file["content"])["gate_checks"]) == checks_without_key()


def machine_boots(place: Place, settings: str) -> tuple[int, str]:
    """Run what Cluster API makes of the template: its commands, then its own of `kubeadm join`."""
    (file,) = capi()["files"]
    join = "kubeadm join --config /run/kubeadm/kubeadm-join-config.yaml && echo success > $RESULT"
    script = place.folder / "runcmd"
    script.write_text(runcmd_script([*capi()["preKubeadmCommands"], join]))
    place.stand_in("chronyc", f'echo "$*" >> {place.folder}/chronyc; exit 1')
    (place.folder / "settings").write_text(settings)
    write = f"mkdir -p $(dirname {file['path']}) && cp settings {file['path']} && sh runcmd"
    return place.run("sh", "-c", write, RESULT=str(place.folder / "success"))


def test_a_machine_of_cluster_api_that_is_refused_never_runs_kubeadm_join(place: Place) -> None:
    status, printed = machine_boots(place, capi()["files"][0]["content"])
    assert status == 1
    assert place.lines("kubeadm") == []
    assert not (place.folder / "success").exists()
    assert "  time_service: fail" in printed
    assert place.lines("chronyc")[0] == "waitsync 60 0.1 0 1"


@pytest.mark.nightly
def test_a_machine_of_cluster_api_that_is_admitted_joins(place: Place) -> None:
    status, printed = machine_boots(place, json.dumps(place.clock_alone))
    assert status == 0, printed
    assert place.lines("kubeadm") == ["join --config /run/kubeadm/kubeadm-join-config.yaml"]
    assert (place.folder / "success").exists()


@pytest.mark.nightly
@pytest.mark.parametrize("admitted", [True, False])
def test_packer_makes_no_image_that_is_refused(place: Place, admitted: bool) -> None:
    """The real Packer of Debian, for which this machine is the one that it builds on."""
    packer = unpack_package("packer", BUILD / "packer") / "usr/bin/packer"
    recipe = place.folder / "image"
    shutil.copytree(RECIPES / "packer", recipe)
    status, printed = place.run(packer, "validate", "-var", f"wheel={WHEEL}", recipe)
    assert status == 0, printed
    text = (recipe / "skewgate.pkr.hcl").read_text().replace("/tmp/", f"{place.folder}/")
    here = re.sub(
        r'source "null" "node" \{.*?\n\}', 'source "null" "node" {\n  communicator = "none"\n}', text, flags=re.S
    )
    copy = f'provisioner "shell-local" {{\n    inline = ["cp {recipe}/image.yml {place.folder}/"]\n  }}'
    here = re.sub(r'provisioner "file" \{.*?\n  \}', copy, here, flags=re.S).replace('"shell"', '"shell-local"')
    assert here.count("shell-local") == 2
    (recipe / "skewgate.pkr.hcl").write_text(here)
    if admitted:
        (recipe / "image.yml").write_text(json.dumps(place.clock_alone))
    status, printed = place.run(packer, "build", "-color=false", "-var", f"wheel={WHEEL}", recipe)
    assert (status == 0) is admitted, printed
    assert place.lines("pip") == [f"install {WHEEL}"]
    assert ("  time_service: fail" in printed) is not admitted
