"""The commands of the documentation, run in order, print what the pages show; its plays
are plays to Ansible.

`make docs-outputs` writes the outputs anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.documentation.pages import Block, all_blocks
from tests.documentation.running import problems, run_page
from tests.documentation.tables import WORLDS
from tests.integration.conftest import playbook_here
from tests.paths import ROOT

PAGES = [pytest.param(name, marks=[pytest.mark.nightly] if world.nightly else []) for name, world in WORLDS.items()]


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_print_what_it_shows(name: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts and networks take root")
    found = problems(run_page(ROOT / name, tmp_path / "page", WORLDS[name]))
    assert not found, "\n\n".join([*found, "run `make docs-outputs` if the pages are to show what is printed now"])


def plays() -> list[Block]:
    """The blocks that are playbooks."""

    def is_playbook(value: object) -> bool:
        keys = {"hosts", "import_playbook", "ansible.builtin.import_playbook"}
        return isinstance(value, list) and any(isinstance(each, dict) and keys & set(each) for each in value)

    return [block for block in all_blocks() if block.language == "yaml" and is_playbook(yaml.safe_load(block.text))]


def test_the_plays_of_the_pages_are_plays(tmp_path: Path) -> None:
    files = []
    for number, block in enumerate(plays()):
        files.append(tmp_path / f"{number}-{block.title or 'play.yml'}".replace("/", "-"))
        files[-1].write_text(block.text, encoding="utf-8")
    assert len(files) > 5
    done = playbook_here(tmp_path, "--inventory=localhost,", "--syntax-check", *files, timeout_s=120)
    assert done.returncode == 0, done.stdout
    assert [file for file in files if f"playbook: {file}" not in done.stdout] == []
