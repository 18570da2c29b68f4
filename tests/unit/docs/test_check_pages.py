"""docs/reference/checks/ is what the checks' own docstrings say, and these have one form."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

from docs.make_pages import pages, sections

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


def test_the_index_lists_every_check_and_pages_lead_to_what_belongs_to_them():
    made = pages()
    assert [name for name in discover() if f"| [{name}]({name}.md) | " not in made["README.md"]] == []
    assert "(../rules.md)" in made["chrony_config.md"]
    assert "(../clients.md)" in made["clock_skew.md"]
    assert "(../answers.md)" in made["github_app_token.md"]


@pytest.mark.parametrize("name", discover())
def test_every_key_of_a_check_is_on_its_page(name):
    page = pages()[f"{name}.md"].partition("## Keys\n")[2].partition("\n## ")[0]
    assert [key for key in discover()[name].Key if f"`{key}`" not in page] == []
