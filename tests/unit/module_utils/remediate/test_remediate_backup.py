"""Which backup a run begins, continues, takes or leaves to another."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied, begun
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.rtc import confirmed
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import described, undone

from tests.unit.module_utils.remediate.conftest import (
    SERVER,
    file,
    params,
    tree,
)


def test_an_interrupted_run_s_backup_is_continued_and_keeps_the_first_state(
    node: Node, plan: dict, config: Path, tmp_path: Path
):
    before = tree(tmp_path)
    first = applied(node, plan, check_mode=False)  # its connection was cut: nobody confirmed it
    more = file(config.parent / "conf.d/60-more.conf", "minsources 1\n")
    second = applied(
        node, {**plan, "backup_id": "20261122T160000Z", "files": [file(config, "pool a\n"), more]}, check_mode=False
    )
    assert second["backup"] == first["backup"]
    undone(node, params(backup_id=None), check_mode=False)
    assert tree(tmp_path) == before


def test_a_backup_is_found_by_the_runs_that_made_and_continued_it_and_by_no_other(node: Node, plan: dict):
    """A run needs to remember nothing: it may have been cut off from the answer
    with the backup's id.
    """
    applied(node, plan, check_mode=False)
    again, other = "20261122T160000Z", "20261122T170000Z"
    unchanged = {**plan, "chronyd": {**plan["chronyd"], "restart": False}}
    applied(node, {**unchanged, "backup_id": other}, check_mode=True)
    applied(node, {**unchanged, "backup_id": again}, check_mode=False)
    assert confirmed(node, params(backup_id=again), check_mode=False)["backup_id"] == plan["backup_id"]
    # That one is confirmed: a run that has changed nothing must neither undo nor
    # close what others did.
    applied(node, {**unchanged, "backup_id": other}, check_mode=False)
    for act in (described, undone, confirmed):
        assert act(node, params(backup_id=other, missing_ok=True), check_mode=False)["backup"] is None


@pytest.mark.parametrize(
    ("later", "continued"), [("20261123T152133Z", True), ("20261123T152134Z", False)], ids=["a day less 1 s", "a day"]
)
def test_an_old_open_backup_is_not_continued(later: str, continued: bool, node: Node, plan: dict):
    begun(node, plan, check_mode=False)
    assert (begun(node, {**plan, "backup_id": later}, check_mode=False)["backup_id"] != later) is continued


def test_a_run_leaves_to_a_later_one_what_that_one_has_taken_over(node: Node, plan: dict, config: Path):
    """Two controllers on one node: the one whose proof fails must not undo what the
    other has proved.
    """
    later = "20261122T160000Z"
    applied(node, plan, check_mode=False)
    applied(node, {**plan, "backup_id": later}, check_mode=False)
    for act in (described, undone):
        with pytest.raises(
            RemediationError, match=f"Another run, {later}, has continued the backup {plan['backup_id']}"
        ):
            act(node, params(only_latest=True), check_mode=False)
    left = confirmed(node, params(only_latest=True), check_mode=False)
    assert left["backup"] is None
    assert left["notes"][0].startswith(f"Another run, {later}, has continued the backup {plan['backup_id']}")
    assert config.read_text() == SERVER
    assert confirmed(node, params(backup_id=later, only_latest=True), check_mode=False)["backup_state"] == "confirmed"
    with pytest.raises(RemediationError, match=f"Another run, {later}"):
        undone(node, params(only_latest=True), check_mode=False)
    # Someone who gives the name that the backup has on the node means it.
    undone(node, params(), check_mode=False)
    assert config.read_text() == "server dead.example.com\n"


def test_an_operator_s_edit_after_an_interrupted_run_is_not_undone_with_the_next(node: Node, plan: dict, config: Path):
    applied(node, plan, check_mode=False)
    config.write_text("server mine.example.com\n")
    later = {**plan, "backup_id": "20261122T160000Z"}
    foreseen = applied(node, later, check_mode=True)
    done = applied(node, later, check_mode=False)
    assert (done["backup_id"], done["diff"]) == (later["backup_id"], foreseen["diff"])
    undone(node, params(backup_id=later["backup_id"]), check_mode=False)
    assert config.read_text() == "server mine.example.com\n"


@pytest.mark.parametrize("left", ["server dead.example.com\n", "server one\n", "server two\n"])
def test_what_any_attempt_has_left_is_no_operator_s_edit(left: str, node: Node, plan: dict, config: Path):
    """A kill may come before, between and after the renaming of each attempt."""
    for text in ("server one\n", "server two\n"):
        applied(node, {**plan, "files": [file(config, text)]}, check_mode=False)
    config.write_text(left)
    again = applied(node, {**plan, "backup_id": "20261122T160000Z"}, check_mode=False)
    assert again["backup_id"] == plan["backup_id"]


def test_a_backup_id_is_a_time(node: Node, plan: dict):
    with pytest.raises(RemediationError, match=r"backup_id is 'today'; expected a time in UTC like 20261122T152134Z\."):
        applied(node, {**plan, "backup_id": "today"}, check_mode=False)


def test_a_backup_that_is_not_there_is_reported_with_those_that_are(node: Node, plan: dict):
    begun(node, plan, check_mode=False)
    for act in (undone, described, confirmed):
        with pytest.raises(RemediationError, match=r"no backup 20261122T000000Z in .*there: 20261122T152134Z \(open\)"):
            act(node, params(backup_id="20261122T000000Z"), check_mode=False)


def test_a_closed_backup_takes_no_more(node: Node, plan: dict):
    begun(node, plan, check_mode=False)
    confirmed(node, params(), check_mode=False)
    with pytest.raises(RemediationError, match=r"The backup 20261122T152134Z is confirmed and can't be continued"):
        applied(node, plan, check_mode=False)
