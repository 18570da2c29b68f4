"""Files are written whole and put back as they were."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import undone
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.module_utils.remediate.conftest import file, params, tree

CONTENT = st.text(st.characters(codec="utf-8"), max_size=60)
MODE = st.sampled_from(["0600", "0640", "0644", "0755"])
PLACES = ["chrony.conf", "conf.d/a.conf", "conf.d/b.conf", "new/folder/c.conf", "new/d.conf"]


@st.composite
def former_trees(draw) -> dict:
    """Some of the places, each with a file (its bytes and mode)
    or a symbolic link (what it points to).
    """
    there = draw(st.lists(st.sampled_from(PLACES), unique=True))
    files = st.tuples(st.binary(max_size=60), st.sampled_from([0o600, 0o640, 0o644, 0o4755]))
    return {place: draw(files | st.sampled_from(["/dev/null", "nowhere", "../elsewhere.conf"])) for place in there}


@settings(max_examples=60, deadline=None)
@given(
    former_trees(),
    st.lists(st.dictionaries(st.sampled_from(PLACES), st.tuples(CONTENT, MODE)), min_size=1, max_size=3),
)
def test_whatever_is_applied_and_then_undone_leaves_no_trace(former: dict, attempts: list):
    """Of several attempts, the later ones continue the first one's backup."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, what in former.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(what, str):
                path.symlink_to(what)
            else:
                path.write_bytes(what[0])
                path.chmod(what[1])
                os.utime(path, ns=(0, 1_795_334_400_123_456_789))
        before, node = tree(folder), Node(f"{folder}/var/lib/skewgate")
        for wanted in attempts:
            files = [file(folder / place, content, mode) for place, (content, mode) in wanted.items()]
            applied(node, params(files=files), check_mode=False)
            for place, (content, mode) in wanted.items():
                path = folder / place
                assert not path.is_symlink()
                assert (path.read_bytes().decode(), stat.S_IMODE(path.stat().st_mode)) == (content, int(mode, 8))
            assert applied(node, params(files=files), check_mode=False)["changed"] is False
        undone(node, params(backup_id=None, missing_ok=True), check_mode=False)
        assert tree(folder) == before


def test_a_file_s_owner_stays(tmp_path: Path):
    path = tmp_path / "chrony.keys"
    path.write_text("1 a\n")
    os.chown(path, 65534, 65534)
    node = Node(str(tmp_path / "var/state"))
    applied(node, params(files=[file(path, "2 b\n", "0640")]), check_mode=False)
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_folder_that_someone_has_used_since_stays(tmp_path: Path):
    node, folder = Node(str(tmp_path / "var/state")), tmp_path / "etc/site.d"
    applied(node, params(files=[file(folder / "a.conf", "rtcsync\n")]), check_mode=False)
    (folder / "mine.conf").touch()
    undone(node, params(), check_mode=False)
    assert [path.name for path in folder.iterdir()] == ["mine.conf"]


def test_a_folder_that_went_with_its_package_is_made_again_for_the_file_that_was_in_it(tmp_path: Path):
    node, path = Node(str(tmp_path / "var/state")), tmp_path / "etc/chrony/chrony.conf"
    path.parent.mkdir(parents=True)
    path.write_text("server a\n")
    applied(node, params(files=[file(path, "server b\n")]), check_mode=False)
    path.unlink()
    path.parent.rmdir()  # apt-get purge chrony
    undone(node, params(), check_mode=False)
    assert path.read_text() == "server a\n"


@pytest.mark.parametrize(
    ("given_files", "found"),
    [
        ([file(Path("etc/a"), "")], r"path is 'etc/a'; expected an absolute one"),
        ([file(Path("/etc/../a"), "")], r"path is '/etc/\.\./a'; expected an absolute one"),
        ([file(Path("/a"), ""), file(Path("/a"), "")], r"stands twice"),
        ([file(Path("/a"), "", "u=rw")], r"mode is 'u=rw'; expected an octal one"),
    ],
)
def test_what_makes_no_sense_is_reported_before_anything_is_changed(given_files: list, found: str, tmp_path: Path):
    with pytest.raises(RemediationError, match=found):
        applied(Node(str(tmp_path / "state")), params(files=given_files), check_mode=False)
    assert not list((tmp_path / "state").glob("backups"))


def test_a_backup_that_cannot_be_read_is_reported_with_its_path(tmp_path: Path):
    manifest = tmp_path / "state/backups/20261122T152134Z/manifest.json"
    manifest.parent.mkdir(parents=True)
    node = Node(str(tmp_path / "state"))
    for text, found in (("{", r"manifest\.json can't be read"), ('{"schema": "x/2"}', r"says x/2; expected skewgate")):
        manifest.write_text(text)
        with pytest.raises(RemediationError, match=found):
            undone(node, params(backup_id=None), check_mode=False)
