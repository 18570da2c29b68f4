"""A fleet on three workers of ansible-runner gives the verdicts of one run,
or says which nodes are missing; no key travels.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.benchmarks.replayed import references
from tests.findings import unsaid
from tests.integration.runner_workers import KEY, SLICES, Runners, files_with, inventory, judged, secrets_of, unpacked
from tests.lab.github_api import RunningApi


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """A GitHub API and NTP servers on loopback."""
    if os.geteuid() != 0:
        pytest.skip("the port of NTP is for root")
    with references(tmp_path_factory.mktemp("references")) as running:
        yield running


def runners(folder: Path, api: RunningApi, nodes: int, key: Mapping[str, str]) -> Runners:
    return Runners(folder, api, inventory(folder / "answers", api, nodes, key))


#: The key as a file of the worker, and as a lookup that the worker makes in the place of
#: one in a secret store.
FILE = {"private_key_file": KEY}
LOOKUP = {"private_key": f"{{{{ lookup('ansible.builtin.file', '{KEY}') }}}}"}


@pytest.mark.parametrize(
    ("nodes", "key"),
    [
        (12, FILE),
        pytest.param(12, LOOKUP, marks=pytest.mark.nightly),
        pytest.param(300, FILE, marks=pytest.mark.nightly),
    ],
    ids=["few", "lookup", "300"],
)
def test_three_workers_give_the_verdicts_of_one_run_and_their_artifacts_have_no_secret(
    tmp_path: Path, api: RunningApi, nodes: int, key: dict[str, str]
) -> None:
    here = runners(tmp_path, api, nodes, key)
    slices = here.all_slices(nodes)
    joined = here.report(*slices, "-i", here.inventory, "--report-dir", tmp_path / "joined")
    assert joined.returncode == 4, joined.stdout
    assert f" all {nodes} nodes " in joined.stdout
    report = json.loads((tmp_path / "joined/report.json").read_text())
    assert len(report["groups"]) == 4
    assert report["summary"]["admitted"] == nodes * 8 // 12
    assert judged(report) == judged(here.one_run())

    withheld = here.report(*slices[:-1], "-i", here.inventory, "--report-dir", tmp_path / "partial")
    partial = json.loads((tmp_path / "partial/report.json").read_text())
    missing = [name for name, node in partial["nodes"].items() if "missing" in node["findings"][0]["keys"]]
    assert missing == sorted(report["nodes"])[-nodes // SLICES :]
    assert (withheld.returncode, partial["verdict"]) == (4, "refuse"), withheld.stdout
    named = " ".join(withheld.stdout.split())
    assert not unsaid(named, f" {len(missing)} of {nodes} nodes ", f": {', '.join(missing)}")

    for stream in [*tmp_path.glob("*.sent"), *tmp_path.glob("*.back")]:
        unpacked(stream)
    shutil.rmtree(tmp_path / "controller")
    # What a variable of the environment has comes back, so it is no place for a key.
    assert files_with([b"AWX_ISOLATED_DATA_DIR"], tmp_path / "worker1.out") == [
        f"{tmp_path}/worker1.out/artifacts/command"
    ]
    for home in tmp_path.glob("worker*/github-app.pem"):
        home.unlink()
    assert files_with(secrets_of(api.credentials.app_pem.read_text()), tmp_path) == []


def test_a_key_in_a_vault_travels_beside_its_password(tmp_path: Path, api: RunningApi) -> None:
    pem = api.credentials.app_pem.read_bytes()
    here = runners(tmp_path, api, 3, FILE)
    (here.data / "inventory/group_vars").mkdir()
    vaulted = VaultLib().encrypt(pem, VaultSecret(b"open sesame"))
    (here.data / "inventory/group_vars/all.yml").write_bytes(vaulted)
    (here.data / "env/passwords").write_text(json.dumps({"Vault password": "open sesame"}))
    sent = unpacked(here.transmit("worker1", "all"))
    [variables], [passwords] = sent.glob("*/inventory/group_vars/all.yml"), sent.glob("*/env/passwords")
    secret = VaultSecret(json.loads(passwords.read_text())["Vault password"].encode())
    assert VaultLib([("default", secret)]).decrypt(variables.read_bytes()) == pem


def test_a_key_that_the_inventory_has_as_text_is_in_the_stream(tmp_path: Path, api: RunningApi) -> None:
    pem = api.credentials.app_pem.read_text()
    sent = unpacked(runners(tmp_path, api, 3, {"private_key": pem}).transmit("worker1", "all"))
    [found] = files_with(secrets_of(pem), sent)
    assert found.endswith("/inventory/hosts.json")
