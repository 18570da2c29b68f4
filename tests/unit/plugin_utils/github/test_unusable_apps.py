"""Entries that no client could use, and notes,
as the filters for the clients' Secrets write them.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import read_github_apps, unusable_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.fields import read_notes, read_unusable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.key_faults import faults_of

from tests.unit.plugin_utils.github.key_forms import FORMS, pem

FAULT = {"key": "key_folded", "found": "it has blanks", "remedy": "Write it anew."}
WRONG = {
    "nothing": [],
    "a text": "broken",
    "no mapping": ["broken"],
    "a key that is none": [{**FAULT, "key": "broken"}],
    "no remedy": [{"key": "key_folded", "found": "it has blanks"}],
    "something more": [{**FAULT, "why": "so"}],
    "a number": [{**FAULT, "found": 7}],
    "several lines": [{**FAULT, "found": "a\nb"}],
    "a secret": [{**FAULT, "found": "ghs_0123456789"}],
    "too long": [{**FAULT, "remedy": "a " * 400}],
}


@pytest.mark.parametrize("faults", WRONG.values(), ids=WRONG)
def test_an_unusable_entry_that_is_wrong_is_a_wrong_setting(faults: Any) -> None:
    entries = [{"name": "a", "unusable": faults}]
    apps, problems = read_github_apps(entries)
    assert (apps, unusable_apps(entries)) == ([], [])
    (problem,) = problems
    assert problem.startswith("gate_github_apps, a: unusable: expected a list of mappings with key, found and remedy")
    assert "ghs_" not in problem


def test_what_a_playbook_adds_to_all_entries_of_a_filter_does_no_harm_to_an_unusable_one() -> None:
    entry = {"name": "deploy", "unusable": [FAULT], "ca_file": "/nowhere.pem", "depth": "jwt"}
    assert read_github_apps([entry]) == ([], [])
    assert unusable_apps([entry]) == [{"name": "deploy", "unusable": [FAULT]}]


def test_an_unusable_entry_has_its_own_name_and_no_credential() -> None:
    entry = {"name": "deploy", "unusable": [FAULT]}
    assert read_github_apps([entry]) == ([], [])
    assert unusable_apps([entry]) == [entry]
    (problem,) = read_github_apps([{**entry, "app_id": 7}])[1]
    assert "unusable" in problem
    assert "'app_id'" in problem
    usable = {"name": "deploy", "app_id": 1, "installation_id": 2, "private_key": pem().decode()}
    assert read_github_apps([entry, usable])[1] == ["gate_github_apps: the name 'deploy' is used twice"]


@pytest.mark.parametrize("notes", [7, {"a": 1}, [7], ["a\nb"], ["ghs_0123456789"], [""], ["a " * 400]])
def test_notes_are_texts_for_a_report(notes: Any) -> None:
    with pytest.raises(ValueError, match=r"^notes: ") as error:
        read_notes(notes)
    assert "ghs_" not in str(error.value)


def test_all_texts_of_faults_fit_into_an_entry() -> None:
    for text in (form.make() for form in FORMS.values() if not form.go_reads):
        assert read_unusable([{"key": f.key.value, "found": f.found, "remedy": f.remedy} for f in faults_of(text)])
