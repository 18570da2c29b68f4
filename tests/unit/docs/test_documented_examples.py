"""The examples that users copy: of each module, filter and role.

Each is understood as it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.skewgate.preflight.plugins.filter.admissions import FilterModule as Admissions
from ansible_collections.skewgate.preflight.plugins.filter.github_apps import FilterModule as GithubApps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import documented

from tests.examples import filter_examples, texts_of
from tests.paths import ROOT

MODULES = sorted((ROOT / "plugins/modules").glob("*.py"))
FILTERS = sorted((ROOT / "plugins/filter").glob("*.yml"))
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
OURS = "skewgate.preflight."


def documentation(module: str) -> str:
    return texts_of(module)["DOCUMENTATION"]


def tasks_of(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each use of a module of ours, at any depth: its name and its arguments."""
    if isinstance(value, list):
        for each in value:
            yield from tasks_of(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str) and key.startswith(OURS):
                yield key.removeprefix(OURS), inner
            yield from tasks_of(inner)


def spec_of(options: dict[str, Any]) -> dict[str, Any]:
    """Documented options as Ansible checks a module's arguments by them."""
    keys = ("type", "elements", "choices", "required", "aliases")
    return {
        name: {key: option[key] for key in keys if key in option}
        | ({"options": spec_of(option["suboptions"])} if option.get("suboptions") else {})
        for name, option in options.items()
    }


def problems_with(value: Any) -> list[str]:
    """What is wrong with the arguments that an example gives."""
    return [
        problem
        for module, given in tasks_of(value)
        for problem in ArgumentSpecValidator(spec_of(documented(documentation(module))[1]))
        .validate(given)
        .error_messages
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_modules_examples_use_it_with_arguments_that_it_has(module: Path):
    examples = yaml.safe_load(texts_of(module.stem)["EXAMPLES"])
    assert module.stem in {name for name, _arguments in tasks_of(examples)}
    assert problems_with(examples) == []


def test_a_wrong_example_is_seen():
    assert problems_with([{f"{OURS}node_check": {"clients": ["argocd"], "timeout_s": "soon"}}]) != []
    assert problems_with([{f"{OURS}node_check": {"client": ["argocd"]}}]) != []


@pytest.mark.parametrize("filter_", FILTERS, ids=lambda path: path.stem)
def test_a_filters_examples_name_it_and_are_yaml(filter_: Path):
    examples = filter_examples(filter_.stem)
    assert None not in examples
    used = set(re.findall(rf"\| {re.escape(OURS)}(\w+)", str(examples)))
    assert filter_.stem in used
    assert used <= {*GithubApps().filters(), *Admissions().filters()}


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_a_roles_readme_has_its_entry_points_and_an_example_of_settings_that_it_has(role: Path):
    readme = (role / "README.md").read_text(encoding="utf-8")
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    assert set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) == set(specs)
    [example] = re.findall(r"^```yaml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    uses = [use for play in yaml.safe_load(example) for use in play.get("roles", [])]
    assert [use["role"] for use in uses] == [f"{OURS}{role.name}"]
    for use in uses:
        assert set(use["vars"]) <= set(specs["main"]["options"])
