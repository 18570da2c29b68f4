"""The recipe in which a node without the key sends its evidence, run as it stands:
it is judged where the key is.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import TOKEN_UNTRIED

from tests.findings import unsaid
from tests.integration.recipes import RECIPES, WHEEL, Place, git, runcmd_script

RECIPE = RECIPES / "ansible-pull"
#: What stands in for curl keeps the file that it is given, under the path of the address.
CURL = """
for word; do file=$previous; previous=$word; done
to={folder}/evidence/${{word#https://evidence.example.net/}}
mkdir -p "$(dirname "$to")" && cp "$file" "$to"
"""


def first_boot(place: Place, checks: list[str], **settings: Any) -> tuple[int, str]:
    """Run the user data's script on node1,
    with a repository that has the recipe's files and this machine's settings.
    """
    repository = place.folder / "nodes.git"
    shutil.copytree(RECIPE / "repository", repository)
    (repository / "inventory/host_vars").mkdir()
    of_host = {**place.local(gate_checks=checks), **settings}
    (repository / "inventory/host_vars/node1.yml").write_text(json.dumps(of_host))
    commands = yaml.safe_load((RECIPE / "user-data").read_text(encoding="utf-8"))["runcmd"]
    (place.folder / "runcmd").write_text(runcmd_script(commands))
    place.stand_in("curl", CURL.format(folder=place.folder))
    boot = "hostname node1 && exec sh runcmd"
    return place.run("unshare", "--uts", "sh", "-c", boot, **git(repository, "https://git.example.net/nodes.git"))


def report(place: Place, *words: str | Path) -> tuple[int, str]:
    """What the machine with the key says."""
    return place.run(
        "skewgate", "report", place.folder / "evidence/node1", "-i", RECIPE / "repository/inventory", *words
    )


def test_the_machine_with_the_key_says_what_is_proved_of_a_node_without_it(place: Place) -> None:
    status, printed = first_boot(place, ["clock_skew", "github_app_token"])
    assert status == 0, printed
    assert place.lines("pip") == [f"install {WHEEL}"]
    assert place.lines("kubeadm") == []
    status, printed = report(place, "--limit", "node1", "--report-dir", place.folder / "judged")
    assert status == 3, printed
    assert not unsaid(printed, "node1 ", "1 of 1 node", TOKEN_UNTRIED)
    [node] = json.loads((place.folder / "judged/report.json").read_text())["nodes"].values()
    states = {finding["check"]: (finding["state"], finding["keys"]) for finding in node["findings"]}
    assert states["clock_skew"] == ("pass", [])
    assert states["github_app_token"] == ("inconclusive", ["no_app_given"])
    status, printed = place.run("skewgate", "verify", place.folder / "judged")
    assert (status, unsaid(printed, "node1: ", TOKEN_UNTRIED)) == (3, []), printed
    status, printed = report(place)
    assert status == 3, printed
    assert re.search(r"\b2 of 3 nodes .*: node2, node3$", printed, re.MULTILINE), printed


@pytest.mark.nightly
def test_a_node_whose_time_fails_is_refused_for_that(place: Place) -> None:
    status, printed = first_boot(place, ["clock_skew", "time_service", "github_app_token"])
    assert status == 0, printed
    status, printed = report(place, "--limit", "node1")
    assert status == 4, printed
    assert TOKEN_UNTRIED not in printed


@pytest.mark.nightly
def test_a_node_whose_run_did_not_end_sends_nothing(place: Place) -> None:
    status, printed = first_boot(place, ["clock_skew", "github_app_token"], gate_ntp_servers=[])
    assert status != 0, printed
    assert not (place.folder / "evidence").exists()
