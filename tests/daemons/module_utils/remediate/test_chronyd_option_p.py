"""Files are tried with a real chronyd before they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run as runner
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import undone

from tests.unit.module_utils.remediate.conftest import Bookkeeping, chronyd, file, one, params, tree


@pytest.fixture
def _with_chronyd(chrony_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real chronyd is installed, as far as node_remediate can see."""
    monkeypatch.setattr(runner, "PATH", f"{chrony_tree}/usr/sbin:{runner.PATH}")


@pytest.mark.usefixtures("_with_chronyd")
@pytest.mark.parametrize("name", ["chrony.conf", "conf.d/50-site.conf"])
def test_what_chronyd_refuses_changes_nothing_and_is_reported_with_the_file_s_own_name(
    name: str, node: Node, main: Path
):
    before = tree(Path(node.root))
    with pytest.raises(RemediationError) as raised:
        applied(node, one(main.parent / name, "rtcsync\nmakestepp 1 3\n", main), check_mode=False)
    assert f"Invalid directive at line 2 in file {main.parent / name}" in str(raised.value)
    assert tree(Path(node.root)) == before
    assert (node.backups.all(), raised.value.backup_id) == ([], None)


@pytest.mark.usefixtures("_with_chronyd")
@pytest.mark.parametrize("name", ["chrony.conf", "conf.d/50-site.conf"])
def test_what_chronyd_takes_is_written(name: str, node: Node, main: Path):
    assert applied(node, one(main.parent / name, "rtcsync\n", main), check_mode=False)["changed"]
    assert (main.parent / name).read_text() == "rtcsync\n"


@pytest.mark.usefixtures("_with_chronyd")
def test_a_fragment_that_comes_with_its_main_file_is_tried_with_it(node: Node, main: Path):
    folder = main.parent / "site.d"
    files = [file(main, f"include {folder}/*.conf\n"), file(folder / "a.conf", "servr x\n")]
    with pytest.raises(RemediationError, match=rf"Invalid directive at line 1 in file {folder}/a\.conf"):
        applied(node, params(files=files, chronyd=chronyd(main)), check_mode=False)
    assert not folder.exists()


@pytest.mark.usefixtures("_with_chronyd")
def test_a_file_that_is_not_chrony_s_is_not_given_to_chronyd(node: Node, systemd: Bookkeeping, main: Path):
    order = Path(node.root) / "etc/systemd/system/kubelet.service.d/order.conf"
    applied(node, one(order, "[Unit]\nAfter=time-sync.target\n", main), check_mode=False)
    assert systemd.commands == ["daemon-reload", "restart chrony.service", "wait for chrony.service"]
    undone(node, params(), check_mode=False)
    assert not (Path(node.root) / "etc/systemd").exists()
