"""`skewgate report -i INVENTORY`: the evidence of several runs joined,
of every node that has to be there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now

from skewgate import cli, reporting
from tests.builders import record

NODES = ["web1", "web2", "web3", "db1"]


@pytest.fixture(autouse=True)
def user_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory; the inventory,
    which tests/integration/test_read_inventory.py has Ansible read, has four nodes.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reporting, "nodes_of", lambda args: NODES[:2] if args.limit else NODES)
    return tmp_path


def slice_of(path: str, **records: dict[str, Any]) -> str:
    Path(path).write_text(json.dumps(evidence_of(records, now())))
    return path


def good(**changes: Any) -> dict[str, Any]:
    return {**record(), "collected_at": now(), **changes}


def joined(*argv: str) -> tuple[int, dict[str, Any]]:
    """The exit status, and the report that was written."""
    status = cli.main(["report", *argv, "--report-dir", "joined"])
    path = Path("joined/report.json")
    return status, json.loads(path.read_text()) if path.exists() else {}


def test_slices_that_have_every_node_of_the_inventory_are_one_complete_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slices = [slice_of("1.json", web1=good(), web2=good()), slice_of("2.json", web3=good(), db1=good())]
    status, report = joined(*slices, "-i", "hosts.ini")
    assert (status, report["verdict"], sorted(report["nodes"])) == (0, "admit", ["db1", "web1", "web2", "web3"])
    assert "Complete: evidence of all 4 nodes of the inventory." in capsys.readouterr().out


def test_a_node_of_the_inventory_without_evidence_is_named_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = joined(slice_of("1.json", web1=good(), web2=good()), "-i", "hosts.ini")
    assert (status, report["verdict"]) == (3, "refuse")
    assert {name: node["refused_because"] for name, node in report["nodes"].items()} == {
        "db1": "not_judged",
        "web1": None,
        "web2": None,
        "web3": "not_judged",
    }
    assert report["nodes"]["db1"]["findings"][0]["keys"] == ["missing"]
    out = capsys.readouterr().out
    assert "Missing: 2 of 4 nodes of the inventory have no evidence here: db1, web3" in out
    assert "check this node with --limit, and join its evidence" in " ".join(out.split())


def test_evidence_that_comes_late_completes_what_was_joined_before(capsys: pytest.CaptureFixture[str]) -> None:
    late = slice_of("late.json", web3=good(), db1=good())
    assert joined(slice_of("1.json", web1=good(), web2=good()), "-i", "hosts.ini")[0] == 3
    assert cli.main(["verify", "joined"]) == 3
    assert "db1: report.json has this node, and evidence.json does not" in capsys.readouterr().out
    assert joined("joined", late, "-i", "hosts.ini")[0] == 0
    assert cli.main(["verify", "joined"]) == 0


def test_a_missing_node_does_not_hide_that_another_failed() -> None:
    status, report = joined(
        slice_of("1.json", web1=good(), web2={**record(-612.0), "collected_at": now()}), "-i", "hosts.ini"
    )
    assert (status, report["summary"]) == (4, {"admitted": 1, "refused": 1, "not_judged": 2})


def test_with_a_limit_only_its_nodes_have_to_be_there_and_others_do_not_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evidence = slice_of("1.json", web1=good(), web2=good(), web3=good(), old1={**record(-612.0), "collected_at": now()})
    status, report = joined(evidence, "-i", "hosts.ini", "--limit", "web1,web2")
    assert (status, sorted(report["nodes"])) == (0, ["web1", "web2"])
    captured = capsys.readouterr()
    left_out = "warning: left out, because -i and --limit do not name them: 2 nodes of the evidence: old1, web3"
    assert left_out in " ".join(captured.out.split())


def test_without_an_inventory_it_says_that_completeness_was_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert joined(slice_of("1.json", web1=good()))[0] == 0
    assert "Not checked: whether evidence of any node is missing." in capsys.readouterr().out


def test_a_limit_without_an_inventory_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert joined(slice_of("1.json", web1=good()), "--limit", "web")[0] == 2
    assert "--limit: expected -i INVENTORY too" in capsys.readouterr().err
