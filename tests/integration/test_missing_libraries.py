"""Without ntplib, PyJWT or cryptography: one line that says what to install into which Python,
before any node is contacted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.paths import ROOT

PACKAGES = Path(yaml.__file__).parents[1]
OURS = {"ntplib": ("ntplib.py",), "PyJWT": ("jwt",), "cryptography": ("cryptography",)}
"""What pip calls a library, and what it puts into site-packages."""


def python_without(folder: Path, *libraries: str) -> Path:
    """The Python of a venv that has what this one has,
    but for these libraries and the checkout's own .pth file.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [own] = folder.glob("lib/python3.*/site-packages")
    left_out = {name for library in libraries for name in OURS[library]}
    for entry in PACKAGES.iterdir():
        if entry.name not in left_out and entry.suffix != ".pth":
            (own / entry.name).symlink_to(entry)
    (own / "checkout.pth").write_text(f"{ROOT / 'src'}\n{ROOT / 'collections'}\n")
    return folder / "bin/python"


def said_of(python: Path, *libraries: str) -> str:
    return (
        f"Failed to import the required Python library ({', '.join(libraries)}) on the controller's Python {python}. "
        f"No node was contacted. Install it there: {python} -m pip install {' '.join(libraries)} "
    )


def run(python: Path, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }
    words = [str(python), "-P", "-m", *command]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def play(python: Path, folder: Path, playbook: str) -> subprocess.CompletedProcess[str]:
    """A run on a host to which nothing leads."""
    inventory = folder / "hosts"
    inventory.write_text("node1 ansible_host=127.0.0.1 ansible_port=9\n")
    return run(python, "ansible", "playbook", "-i", str(inventory), playbook, folder=folder)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any of the libraries."""
    return python_without(tmp_path_factory.mktemp("bare"), *OURS)


def test_the_gate_fails_once_before_it_contacts_a_node(bare: Path, tmp_path: Path) -> None:
    ended = play(bare, tmp_path, "skewgate.preflight.gate")
    output = ended.stdout + ended.stderr
    assert ended.returncode == 2, output
    assert output.count("FAILED!") == 1
    assert said_of(bare, *OURS) in output
    assert "Traceback" not in output
    assert "UNREACHABLE" not in output


@pytest.mark.parametrize("library", OURS)
def test_only_the_library_that_is_missing_is_named(library: str, tmp_path: Path) -> None:
    python = python_without(tmp_path / "venv", library)
    ended = run(python, "skewgate", "verify", "nowhere", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"skewgate: {said_of(python, library)}")


ACTIONS = sorted(path.stem for path in (ROOT / "plugins/action").glob("*.py"))


def test_every_action_and_filter_says_it(bare: Path, tmp_path: Path) -> None:
    tasks = [{"name": name, f"skewgate.preflight.{name}": {}, "ignore_errors": True} for name in ACTIONS]
    filters = ("argocd_github_apps", "flux_github_apps", "arc_github_apps('https://github.com/example')")
    tasks += [
        {
            "name": name,
            "ansible.builtin.debug": {"msg": f"{{{{ [] | skewgate.preflight.{name} }}}}"},
            "ignore_errors": True,
        }
        for name in filters
    ]
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    ended = play(bare, tmp_path, str(playbook))
    output = ended.stdout + ended.stderr
    for task in output.split("TASK [")[1:]:
        assert said_of(bare, *OURS) in task, output
    assert output.count("TASK [") == len(tasks)
    assert "Traceback" not in output
    assert "UNREACHABLE" not in output


@pytest.mark.parametrize("command", ["check -i hosts", "explain"])
def test_a_command_says_it_in_one_line(bare: Path, tmp_path: Path, command: str) -> None:
    ended = run(bare, "skewgate", *command.split(), folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"skewgate: {said_of(bare, *OURS)}")
    assert ended.stderr.count("\n") == 1
