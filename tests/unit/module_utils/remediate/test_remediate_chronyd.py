"""What depends on chronyd: its own view of the new configuration,
and a start that does not step the clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run as runner
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied, begun
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import undone

from tests.unit.module_utils.remediate.conftest import Bookkeeping, chronyd, file, one, params, tree, unit


def test_without_chronyd_s_option_p_the_configuration_goes_untried_and_that_is_reported(
    node: Node, main: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    old = tmp_path / "bin/chronyd"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho \"chronyd: invalid option -- 'p'\" >&2\nexit 1\n")  # 3.5, Ubuntu 20.04
    old.chmod(0o755)
    monkeypatch.setattr(runner, "PATH", f"{old.parent}:{runner.PATH}")
    result = applied(node, one(main, "server a\n", main), check_mode=False)
    assert "older than 4.0" in result["notes"][0]


SLEW = {"step": False, "options_variable": "DAEMON_OPTS", "options": "-F 1"}


@pytest.fixture
def running(systemd: Bookkeeping) -> Bookkeeping:
    systemd.units["chrony.service"] = unit("enabled", "active")
    return systemd


def test_a_joined_node_s_chronyd_starts_without_a_step_until_the_next_boot(
    node: Node, running: Bookkeeping, main: Path, tmp_path: Path
):
    result = applied(node, params(chronyd=chronyd(main, **SLEW)), check_mode=False)
    assert (tmp_path / "run/skewgate-slew.env").read_text() == 'DAEMON_OPTS="-F 1 -R"\n'
    drop_in = tmp_path / "run/systemd/system/chrony.service.d/zz-skewgate-slew.conf"
    assert drop_in.read_text() == "[Service]\nEnvironmentFile=-/run/skewgate-slew.env\n"
    assert running.commands == ["daemon-reload", "restart chrony.service", "wait for chrony.service"]
    assert result["changes"][-1] == "restarted chrony.service with -R"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("", 'OPTIONS="-R"'),
        ("-R -F 2", 'OPTIONS="-R -F 2"'),
        ('-l "/a b" $X', r'OPTIONS="-l \"/a b\" \$X -R"'),
    ],
)
def test_the_options_in_force_are_kept(options: str, line: str, node: Node, main: Path, tmp_path: Path):
    slew = {"step": False, "options_variable": "OPTIONS", "options": options}
    applied(node, params(chronyd=chronyd(main, **slew)), check_mode=False)
    assert (tmp_path / "run/skewgate-slew.env").read_text() == line + "\n"


def test_undoing_it_does_not_step_either(node: Node, running: Bookkeeping, main: Path, tmp_path: Path):
    before = tree(tmp_path)
    applied(node, params(files=[file(main, "server a\n")], chronyd=chronyd(main, **SLEW)), check_mode=False)
    seen = []
    running.failing["restart chrony.service"] = lambda: seen.append((tmp_path / "run/skewgate-slew.env").exists())
    undone(node, params(), check_mode=False)
    assert seen == [True]
    assert tree(tmp_path) == before
    assert running.commands[-1] == "daemon-reload"


def test_units_that_an_interrupted_run_has_written_are_loaded_before_the_start(
    node: Node, running: Bookkeeping, main: Path, tmp_path: Path
):
    """Else systemd would start chronyd by what it has read before, without -R,
    and a joined node would be stepped.
    """
    begun(node, params(chronyd=chronyd(main, **SLEW)), check_mode=False)
    drop_in = tmp_path / "run/systemd/system/chrony.service.d/zz-skewgate-slew.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nEnvironmentFile=-/run/skewgate-slew.env\n")
    (tmp_path / "run/skewgate-slew.env").write_text('DAEMON_OPTS="-F 1 -R"\n')  # here it was killed
    applied(node, params(backup_id="20261122T160000Z", chronyd=chronyd(main, **SLEW)), check_mode=False)
    assert running.commands[:2] == ["daemon-reload", "restart chrony.service"]
    drop_in.unlink()  # so far came an undoing that was killed
    undone(node, params(), check_mode=False)
    assert running.commands[-1] == "daemon-reload"


@pytest.mark.usefixtures("running")
def test_a_step_that_was_asked_for_ends_the_slewing(node: Node, main: Path, tmp_path: Path):
    before = tree(tmp_path / "run")
    applied(node, params(chronyd=chronyd(main, **SLEW)), check_mode=False)
    result = applied(node, params(chronyd=chronyd(main)), check_mode=False)
    assert result["changes"] == ["restarted chrony.service"]  # as against the state before the slewing
    assert not [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    undone(node, params(), check_mode=False)
    assert tree(tmp_path / "run") == before
