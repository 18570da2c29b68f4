"""The collection works from the checkout, as a built collection, and from an installed wheel;
each is really the one used.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from tests import node_files
from tests.documentation.pages import blocks, commands
from tests.findings import unsaid
from tests.integration.conftest import app_settings
from tests.lab.github_api import RunningApi

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = "skewgate.preflight.node_evidence"
INSTALL = CHECKOUT / "docs/how-to/install.md"
PLAYBOOKS = ("check", "remediate", "gate", "cluster_migration")


def run(
    *command: str | Path, cwd: Path, home: Path, expect: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with an environment in which no other copy of the collection can be found."""
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_NO_INDEX": "1", **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == expect, ended.stdout + ended.stderr
    return ended


def ansible(python: Path | str, command: str) -> Sequence[str]:
    """``ansible``, ``ansible-doc``, ... of that Python."""
    return (str(python), "-P", "-m", "ansible", command)


def place_of_the_module(python: Path | str, **where: Any) -> Path:
    """Return the file that Ansible finds for the module."""
    output = run(*ansible(python, "doc"), "--type", "module", "--json", MODULE, **where).stdout
    return Path(json.loads(output)[MODULE]["doc"]["filename"])


def evidence_of_localhost(python: Path | str, **where: Any) -> dict[str, Any]:
    """Return what the module shows of this machine's clock."""
    arguments = json.dumps({"sections": ["clock"]})
    command = (*ansible(python, "adhoc"), "localhost", "--inventory=localhost,", "--connection=local")
    interpreter = f"--extra-vars=ansible_python_interpreter={sys.executable}"
    output = run(*command, interpreter, f"--module-name={MODULE}", f"--args={arguments}", **where).stdout
    assert " | SUCCESS => " in output
    return dict(json.loads(output.partition("=> ")[2])["evidence"])


def has_playbooks(python: Path | str, **where: Any) -> None:
    """Fail unless each playbook is found by its full name,
    with the roles and actions that it names.
    """
    names = [f"skewgate.preflight.{name}" for name in PLAYBOOKS]
    output = run(*ansible(python, "playbook"), "--inventory=localhost,", "--syntax-check", *names, **where).stdout
    assert [Path(path).stem for path in re.findall(r"^playbook: (\S+)$", output, re.MULTILINE)] == list(PLAYBOOKS)


@pytest.mark.nightly
def test_the_checkout_works_by_full_name(tmp_path: Path) -> None:
    where: dict[str, Any] = {"cwd": CHECKOUT, "home": tmp_path}
    assert place_of_the_module(sys.executable, **where).resolve() == CHECKOUT / "plugins/modules/node_evidence.py"
    assert "clocksource" in evidence_of_localhost(sys.executable, **where)["clock"]
    has_playbooks(sys.executable, **where)


def environment_without_skewgate(place: Path) -> Path:
    """Make a fresh environment; what skewgate depends on comes from this one's site-packages.

    A folder that a .pth file names has its own .pth files unread, so the checkout that is
    installed there stays unseen.
    """
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place.parent, home=place.parent)
    [packages] = place.glob("lib/python3.*/site-packages")
    (packages / "dependencies.pth").write_text(f"{Path(yaml.__file__).parents[1]}\n")
    return place


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as ``ansible-galaxy collection build`` makes it."""
    place = tmp_path_factory.mktemp("artifact")
    run(
        *ansible(sys.executable, "galaxy"),
        "collection",
        "build",
        "--output-path",
        place,
        CHECKOUT,
        cwd=place,
        home=place,
    )
    return place / f"skewgate-preflight-{VERSION}.tar.gz"


def test_the_built_collection_has_what_it_needs_and_nothing_else(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    allowed = {
        "CHANGELOG.md",
        "FILES.json",
        "LICENSE",
        "MANIFEST.json",
        "README.md",
        "SECURITY.md",
        "bindep.txt",
        "docs",
        "inventories",
        "meta",
        "playbooks",
        "plugins",
        "requirements.txt",
        "roles",
    }
    assert {name.partition("/")[0] for name in names} == allowed
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_every_link_holds_in_the_built_collection(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = {posixpath.normpath(name) for name in archive.getnames()}
        files = {name: archive.extractfile(name) for name in names if name.endswith(".md")}
        pages = {name: file.read().decode() for name, file in files.items() if file}
    assert {"README.md", "docs/README.md", "roles/gate/README.md", "roles/chrony/README.md"} <= set(pages)
    links = [
        (page, posixpath.normpath(posixpath.join(posixpath.dirname(page), target)))
        for page, text in pages.items()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        if "://" not in target
    ]
    assert [(page, target) for page, target in links if target not in names] == []


def test_the_pages_commands_install_the_collection_from_the_checkout(tmp_path: Path) -> None:
    [block] = [block for block in blocks(INSTALL) if "ansible-galaxy collection build" in block.text]
    galaxy = [each.command for each in commands(block.text) if each.command.startswith(("ansible-galaxy", "cd dist"))]
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    checkout.mkdir()
    left_out = {".git", ".venv", "build", "dist"}
    for entry in CHECKOUT.iterdir():
        if entry.name not in left_out:
            run("cp", "-a", entry, checkout, cwd=tmp_path, home=tmp_path)
    where: dict[str, Any] = {"cwd": checkout, "home": home, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    run("bash", "-e", "-c", "\n".join(galaxy), **where)
    installed = home / ".ansible/collections/ansible_collections/skewgate/preflight"
    python = environment_without_skewgate(tmp_path / "venv") / "bin/python"
    found = place_of_the_module(python, cwd=tmp_path, home=home)
    assert found == installed / "plugins/modules/node_evidence.py"


def test_the_built_collection_works_where_it_is_installed(artifact: Path, tmp_path: Path) -> None:
    python = environment_without_skewgate(tmp_path / "venv") / "bin/python"
    installed = tmp_path / "collections"
    empty = tmp_path / "empty"
    empty.mkdir()
    where: dict[str, Any] = {"cwd": empty, "home": tmp_path, "ANSIBLE_COLLECTIONS_PATH": str(installed)}
    run(*ansible(python, "galaxy"), "collection", "install", "--offline", "-p", installed, artifact, **where)
    root = installed / "ansible_collections/skewgate/preflight"
    assert place_of_the_module(python, **where) == root / "plugins/modules/node_evidence.py"
    assert "clocksource" in evidence_of_localhost(python, **where)["clock"]
    has_playbooks(python, **where)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip builds it; the build's only requirement, hatchling,
    is the one that is installed.
    """
    place = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", place)
    run(sys.executable, "-m", "pip", "wheel", *options, CHECKOUT, cwd=place, home=place)
    return place / f"skewgate-{VERSION}-py3-none-any.whl"


def test_the_wheel_has_the_command_and_the_whole_collection(wheel: Path, artifact: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    prefix = "ansible_collections/skewgate/preflight/"
    tops = ("plugins/", "roles/", "playbooks/", "meta/", "requirements.txt", "bindep.txt")
    with tarfile.open(artifact) as archive_of_collection:
        files = {member.name for member in archive_of_collection.getmembers() if member.isfile()}
    needed = {name for name in files if name.startswith(tops)}
    assert {name.removeprefix(prefix) for name in names if name.removeprefix(prefix).startswith(tops)} == needed
    suite = {f"skewgate/acceptance/{path.name}" for path in (CHECKOUT / "tests/acceptance").glob("*.py")}
    assert {"skewgate/cli.py", prefix + "galaxy.yml", *suite} <= names
    assert {name.partition("/")[0] for name in names} == {
        "skewgate",
        "ansible_collections",
        f"skewgate-{VERSION}.dist-info",
    }


def test_the_sdist_has_all_that_the_wheel_is_made_of(wheel: Path, tmp_path: Path) -> None:
    argv = (sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path)
    run(*argv, cwd=CHECKOUT, home=tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        needed = {name.removeprefix("ansible_collections/skewgate/preflight/") for name in archive.namelist()}
    with tarfile.open(tmp_path / f"skewgate-{VERSION}.tar.gz") as archive_of_sources:
        names = {name.partition("/")[2].removeprefix("src/") for name in archive_of_sources.getnames()}
    assert {name for name in needed if ".dist-info/" not in name} <= names


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel."""
    place = environment_without_skewgate(tmp_path_factory.mktemp("venv"))
    pip = (sys.executable, "-m", "pip", "--python", place / "bin/python")
    run(*pip, "install", "--no-deps", "--quiet", wheel, cwd=place, home=place)
    return place


def test_the_wheel_works_from_an_empty_directory(venv: Path, tmp_path: Path) -> None:
    python = venv / "bin/python"
    where: dict[str, Any] = {"cwd": tmp_path, "home": tmp_path}
    [packages] = venv.glob("lib/python3.*/site-packages")
    assert run(venv / "bin/skewgate", "--version", **where).stdout == f"skewgate {VERSION}\n"
    run(venv / "bin/skewgate", "init", "nodes", **where)
    assert (tmp_path / "nodes/group_vars/all.yml").is_file()
    imported = "import skewgate.cli as c, sys; print(c.__file__, sys.modules[c.ExitCode.__module__].__file__)"
    root = packages / "ansible_collections/skewgate/preflight"
    assert run(python, "-c", imported, **where).stdout.split() == [
        str(packages / "skewgate/cli.py"),
        str(root / "plugins/plugin_utils/verdict/exit_code.py"),
    ]
    assert place_of_the_module(python, **where) == root / "plugins/modules/node_evidence.py"
    assert "clocksource" in evidence_of_localhost(python, **where)["clock"]
    has_playbooks(python, **where)


def test_the_wheel_makes_the_same_file_for_nodes_as_the_checkout(venv: Path, tmp_path: Path) -> None:
    run(venv / "bin/python", "-m", "skewgate.node_file", tmp_path, cwd=tmp_path, home=tmp_path)
    assert (tmp_path / "skewgate-node.pyz").read_bytes() == node_files.built()


def test_the_wheels_command_reaches_the_wheels_collection(venv: Path, tmp_path: Path) -> None:
    options = (
        "-i",
        "localhost,",
        "-e",
        "ansible_connection=local ansible_become=false",
        "-e",
        '{"gate_clients": ["argo"]}',
    )
    ended = run(venv / "bin/skewgate", "check", *options, "-vv", cwd=tmp_path, home=tmp_path, expect=2)
    assert not unsaid(ended.stderr, "gate_clients: ", "'argo'", " argocd")
    assert os.fspath(venv) in ended.stdout
    assert os.fspath(CHECKOUT / "plugins") not in ended.stdout
    assert os.fspath(CHECKOUT / "collections") not in ended.stdout


def inventory_of_localhost(folder: Path, **variables: Any) -> Path:
    """This machine as the only node, with the gate's settings."""
    file = folder / "hosts.json"
    own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    file.write_text(json.dumps({"all": {"vars": {**own, **variables}, "hosts": {"node": None}}}))
    return file


@pytest.mark.nightly
def test_the_wheels_testinfra_suite_reaches_the_wheels_command(venv: Path, tmp_path: Path, api: RunningApi) -> None:
    app = app_settings(api.credentials, api.url, git_url=api.url)
    settings = {"gate_ntp_servers": ["127.0.0.1"], "gate_checks": ["github_app_token"], "gate_github_apps": [app]}
    inventory = inventory_of_localhost(tmp_path, **settings)
    words = ("--pyargs", "skewgate.acceptance", "--hosts=ansible://all", f"--ansible-inventory={inventory}", "-v")
    # testinfra asks for Ansible's commands by their names alone.
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    ended = run(venv / "bin/python", "-m", "pytest", *words, cwd=tmp_path, home=tmp_path, PATH=path)
    assert "test_it_passes_the_check[github_app_token-ansible://node] PASSED" in ended.stdout


def test_without_testinfra_the_suite_says_in_one_line_what_to_install(venv: Path, tmp_path: Path) -> None:
    without = tmp_path / "packages"
    without.mkdir()
    for entry in Path(yaml.__file__).parents[1].iterdir():
        if "testinfra" not in entry.name and not entry.name.endswith(".pth"):
            (without / entry.name).symlink_to(entry)
    [packages] = venv.glob("lib/python3.*/site-packages")
    bare = environment_without_skewgate(tmp_path / "venv")
    [own] = bare.glob("lib/python3.*/site-packages")
    (own / "dependencies.pth").write_text(f"{packages}\n{without}\n")
    words = ("--pyargs", "skewgate.acceptance", "--hosts=ansible://all", "--ansible-inventory=hosts")
    ended = run(bare / "bin/python", "-m", "pytest", *words, cwd=tmp_path, home=tmp_path, expect=4)
    assert ended.stdout == ""
    (error,) = ended.stderr.splitlines()[:-1]
    assert not unsaid(error, "ERROR: ", "skewgate.acceptance", "pip install 'skewgate[testinfra]'")
    assert ended.stderr.endswith("\n\n")


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))
    assert (project["version"], galaxy["version"]) == (VERSION, VERSION)
    changes = yaml.safe_load((CHECKOUT / "changelogs/changelog.yaml").read_text(encoding="utf-8"))
    assert list(changes["releases"]) == [VERSION]


def test_the_changelog_has_every_fragment() -> None:
    changes = yaml.safe_load((CHECKOUT / "changelogs/changelog.yaml").read_text(encoding="utf-8"))
    output = {name for release in changes["releases"].values() for name in release["fragments"]}
    assert output == {path.name for path in (CHECKOUT / "changelogs/fragments").iterdir()}
    assert "requirements\\.txt" in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
