"""The documentation is found from the README, its links lead somewhere,
and the files that it names are there.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("roles/*/README.md")])
FOLDERS = "docs|inventories|meta|molecule|playbooks|plugins|roles|src|tests"
IN_PLUGIN_UTILS = "boundary|checks|chrony|clock|daemons|formats|github|model|remediation|verdict"
#: Files that a page in docs/how-to has the reader make; NAME stands for any.
EXAMPLES = ("clock_source", "connman", "formats/names.py", "formats/test_names.py", "NAME")
#: Of kubespray and of openshift/machine-config-operator.
OTHERS = {"roles/kubernetes/preinstall/", "docs/MachineConfigDaemon.md"}


def links(page: Path) -> set[Path]:
    """The files and folders of this repository that a page links to."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets if "://" not in target}


def named(page: Path) -> set[str]:
    """The files and folders that a page names in backticks, from the root;
    without examples and patterns.
    """
    text = page.read_text(encoding="utf-8")
    found = set(re.findall(rf"`((?:{FOLDERS})/[^`\s]*)`", text))
    found |= {f"plugins/plugin_utils/{path}" for path in re.findall(rf"`((?:{IN_PLUGIN_UTILS})/[^`\s]*)`", text)}
    return {path for path in found - OTHERS if "*" not in path and not any(example in path for example in EXAMPLES)}


def test_every_link_leads_somewhere() -> None:
    broken = [f"{page.relative_to(ROOT)}: {target}" for page in PAGES for target in links(page) if not target.exists()]
    assert not broken, "\n".join(broken)


def test_every_page_of_docs_is_reached_from_the_readme() -> None:
    reached, left = set(), {ROOT / "README.md"}
    while left:
        page = left.pop()
        reached.add(page)
        left |= links(page).intersection(PAGES) - reached
    assert [str(page.relative_to(ROOT)) for page in PAGES if page.parent != ROOT and page not in reached] == []


def test_every_file_that_is_named_is_there() -> None:
    assert named(ROOT / "docs/explanation/architecture.md") > {"plugins/plugin_utils/checks/next_boot.py"}
    of_today = [page for page in PAGES if page.name != "CHANGELOG.md"]
    gone = [
        f"{page.relative_to(ROOT)}: {path}" for page in of_today for path in named(page) if not (ROOT / path).exists()
    ]
    assert not gone, "\n".join(gone)


def test_the_readme_can_be_read_in_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 800
