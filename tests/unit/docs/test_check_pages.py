"""docs/reference/checks/ is what the checks' own docstrings say, and these have one form."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import known_clients

from docs.make_pages import CLIENTS, FOLDER, clients_page, pages, sections

GOOD = """Is it so?

It matters.

Passes if it is.
Fails elsewhere.

More on that.

What to do: fix it.

Source: a manual.
"""


def test_a_docstring_is_read_by_its_sections():
    assert sections(GOOD) == {
        "Question": "Is it so?",
        "Why": "It matters.",
        "What passes": "Passes if it is.\nFails elsewhere.\n\nMore on that.",
        "What to do": "fix it.",
        "Source": "a manual.",
    }


@pytest.mark.parametrize(
    ("lacks", "error"),
    [
        ("Is it so?", "expected a question in the first line, found 'It matters.'"),
        ("It matters.", "nothing on Why"),
        ("Passes if it is.\nFails elsewhere.", "nothing on What passes"),
        ("What to do: fix it.", "nothing on What to do"),
        ("Source: a manual.", "nothing on Source"),
    ],
)
def test_a_docstring_that_lacks_a_section_is_refused(lacks, error):
    with pytest.raises(ValueError, match=error):
        sections(GOOD.replace(lacks, "").strip())


@pytest.mark.parametrize("name", discover())
def test_every_checks_docstring_has_the_form(name):
    found = sections(discover()[name].__doc__ or "")
    assert found["What passes"].startswith("Passes if")


def test_every_page_is_there_and_says_what_the_check_says():
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")} == pages(), "run `make docs`"


def test_the_page_of_the_clients_says_what_the_profiles_say():
    assert CLIENTS.read_text(encoding="utf-8") == clients_page(), "run `make docs`"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in clients_page().splitlines() if line[:1] == "|"]
    assert {len(row) for row in rows} == {10}
    assert sorted({row[0] for row in rows[2:]}) == known_clients()
    by_name = {row[0]: row[1:8] for row in rows}
    assert by_name["keda"] == ["ghinstallation", "-30", "+90", "30", "60", "installation token", "60"]
    assert by_name["argocd"] == ["", "-30", "+90", "30", "90", "JWT", ""]
    assert by_name["githubkit"] == ["", "-60", "+540", "60", "60", "reused JWT", "60"]


def test_the_index_lists_every_check_and_the_lints_page_every_rule():
    made = pages()
    assert [name for name in discover() if f"| [{name}]({name}.md) | " not in made["README.md"]] == []
    assert [rule for rule in RULES if f"\n| {rule} | " not in made["chrony_config.md"]] == []
    columns = {line.replace("\\|", "").count("|") for line in made["chrony_config.md"].splitlines() if line[:1] == "|"}
    assert columns == {7}
