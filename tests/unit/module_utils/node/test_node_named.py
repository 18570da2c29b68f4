"""What a node shows of the things that chrony's configuration names."""

from __future__ import annotations

import doctest
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import named as module
from ansible_collections.skewgate.preflight.plugins.module_utils.node.named import (
    MAX_NAMED,
    interface,
    kind,
    named,
    points_file,
    user,
)


def test_the_docstrings_example_holds():
    tested = doctest.testmod(module)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_paths_are_looked_at_and_not_opened(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    os.mknod(tmp_path / "socket", stat.S_IFSOCK | 0o600)
    found = {
        name: kind(str(tmp_path / name)) for name in ("", "file", "loop", "pipe", "socket", "none", "file/x", "x" * 300)
    }
    assert found == {
        "": "folder",
        "file": "file",
        "loop": "missing",
        "pipe": "other",
        "socket": "socket",
        "none": "missing",
        "file/x": "missing",
        "x" * 300: "missing",
    }
    assert kind("/dev/null") in ("mem", "device")
    assert kind("a\0b") == "unknown"


def test_what_may_not_be_looked_at_is_denied(tmp_path: Path):
    (tmp_path / "closed").mkdir(mode=0)
    own = os.geteuid()
    os.seteuid(own or 65534)  # root may look everywhere
    try:
        assert kind(str(tmp_path / "closed/x")) == "denied"
    finally:
        os.seteuid(own)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20 1.5\n30.0 -2e-1\n", "points"),
        ("20 1.5\n30.0 2", "points"),
        ("20 1.5\n", "no points"),
        ("20 1.5\n\n30 2\n", "no points"),
        ("# degrees\n20 1.5\n30 2\n", "no points"),
        ("", "no points"),
    ],
)
def test_points_are_counted_and_not_shown(text: str, found: str, tmp_path: Path):
    (tmp_path / "points").write_text(text)
    assert points_file(str(tmp_path / "points")) == found
    assert points_file(str(tmp_path / "none")) == "missing"


def test_interfaces_are_asked_what_they_can():
    assert interface("lo") in ("plain", "there")
    assert interface("nosuch0") == "absent"
    assert interface("x" * 40) == "absent"


def test_a_number_is_no_user():
    assert [user("root"), user("nobody2"), user("0"), user("a\0b")] == ["present", "absent", "absent", "unknown"]


def test_each_line_that_names_something_is_looked_up(tmp_path: Path):
    (tmp_path / "run").mkdir()
    lines = [
        "user root",
        "user nobody2",
        "pidfile run/chronyd.pid",
        "hwtimestamp *",
        "hwtimestamp nosuch0 rxfilter none",
        "binddevice lo",
        "refclock PHC /dev/nosuch:nocrossts poll 0",
        "refclock PHC nosuch1",
        "refclock SOCK run/x.sock",
        "refclock SHM 0",
        "keyfile keys",
        "ntstrustedcerts 1 certs",
        "tempcomp sensor 30 points",
        "tempcomp sensor 30 26000 0.0 0.000183 0.0",
    ]
    options = {"u": {"value": "nobody3", "from": "/etc/default/chrony"}, "l": {"value": "log/x", "from": "y"}}
    found = named([line.split() for line in lines], options, str(tmp_path))
    assert found["paths"] == {
        "/dev/nosuch": "missing",
        "certs": "missing",
        "keys": "missing",
        "log": "missing",
        "log/x": "missing",
        "nosuch1": "missing",
        "points": "missing",
        "run": "folder",
        "run/chronyd.pid": "missing",
        "run/x.sock": "missing",
    }
    assert list(found["interfaces"]) == ["lo", "nosuch0", "nosuch1"]
    assert found["users"] == {"nobody2": "absent", "nobody3": "absent", "root": "present"}
    assert found["options"] == options


def test_no_configuration_makes_it_look_for_more_than_so_many():
    found = named([["hwtimestamp", f"x{number}"] for number in range(3 * MAX_NAMED)], {})
    assert len(found["interfaces"]) == MAX_NAMED
