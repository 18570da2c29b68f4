"""docs/reference/checks/ is what the checks' own docstrings say, and these have one form."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES

from docs.make_pages import FOLDER, pages, sections

GOOD = """Is it so?

It matters.

Passes where it is.
Fails elsewhere.

More on that.

What to do: fix it.

Source: a manual.
"""


def test_a_docstring_is_read_by_its_sections():
    assert sections(GOOD) == {
        "Question": "Is it so?",
        "Why": "It matters.",
        "What passes": "Passes where it is.\nFails elsewhere.\n\nMore on that.",
        "What to do": "fix it.",
        "Source": "a manual.",
    }


@pytest.mark.parametrize(
    ("lacks", "error"),
    [
        ("Is it so?", "expected a question in the first line, found 'It matters.'"),
        ("It matters.", "nothing on Why"),
        ("Passes where it is.\nFails elsewhere.", "nothing on What passes"),
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
    assert found["What passes"].startswith("Passes where")


def test_every_page_is_there_and_says_what_the_check_says():
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")} == pages(), "run `make docs`"


def test_the_index_lists_every_check_and_the_lints_page_every_rule():
    made = pages()
    assert [name for name in discover() if f"| [{name}]({name}.md) | " not in made["README.md"]] == []
    assert [rule for rule in RULES if f"\n| {rule} | " not in made["chrony_config.md"]] == []
    columns = {line.replace("\\|", "").count("|") for line in made["chrony_config.md"].splitlines() if line[:1] == "|"}
    assert columns == {7}
