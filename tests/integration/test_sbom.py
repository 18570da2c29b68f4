"""`make sbom` lists what the lock of the execution environment installs, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests.locked import IMAGE, entries
from tests.paths import ROOT

pytestmark = pytest.mark.nightly

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def make(path: Path) -> str:
    # The environment that runs the tests is there, whether or not it is the one of `make venv`.
    words = ["make", "--old-file=.venv/.ready", "sbom", f"SBOM={path}", f"PYTHON={sys.executable}"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("make") is None:
        pytest.skip("here is no make")
    return make(tmp_path_factory.mktemp("sbom") / "skewgate.cdx.json")


@pytest.fixture
def sbom(written: str) -> dict[str, Any]:
    return dict(json.loads(written))


def test_it_fits_cyclonedxs_schema_and_what_does_not_is_found(written: str, sbom: dict[str, Any]) -> None:
    assert sbom["specVersion"] == SchemaVersion.V1_6.to_version()
    assert VALIDATOR.validate_str(written) is None
    del sbom["components"][0]["name"]
    assert VALIDATOR.validate_str(json.dumps(sbom)) is not None


def test_it_has_what_the_lock_installs_with_this_python_and_the_licence_of_each(sbom: dict[str, Any]) -> None:
    assert sbom["metadata"]["component"]["name"] == "skewgate"
    listed = {(canonicalize_name(each["name"]), each["version"]) for each in sbom["components"]}
    locked = [each.requirement for each in entries(IMAGE.read_text(encoding="utf-8"))]
    assert listed == {
        (canonicalize_name(each.name), str(each.specifier).removeprefix("=="))
        for each in locked
        if each.marker is None or each.marker.evaluate()
    }
    # The metadata of the package dumb-init says that it is unknown.
    assert [each["name"] for each in sbom["components"] if not each.get("licenses")] == ["dumb-init"]


def test_it_names_what_skewgate_depends_on_directly(sbom: dict[str, Any]) -> None:
    root = sbom["metadata"]["component"]["bom-ref"]
    [direct] = [each["dependsOn"] for each in sbom["dependencies"] if each["ref"] == root]
    names = {canonicalize_name(reference.partition("==")[0]) for reference in direct}
    assert {"ansible-core", "ansible-runner", "cryptography", "ntplib", "pyjwt", "rich"} <= names


def test_it_is_the_same_each_time_and_names_no_folder_of_this_machine(written: str, tmp_path: Path) -> None:
    assert make(tmp_path / "again.json") == written
    assert re.findall(rf"{re.escape(str(ROOT))}|{re.escape(sys.prefix)}|/tmp/", written) == []
