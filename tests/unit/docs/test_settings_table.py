"""All that is made from the table of settings is as `make docs` makes it,
and whatever else has settings follows the table.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.modules import node_check, remediation_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import documented, read_arguments
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import KNOWN_KEYS

from docs.make_settings import argument_specs, defaults, files, module_options, page, table
from tests.examples import blocks
from tests.paths import ROOT

ROWS, MADE = table(), files()
EXAMPLE: dict[str, Any] = yaml.safe_load(blocks("add-a-setting")["row"])
COLUMNS = {"text", "type", "elements", "default", "choices", "required", "suboptions", "initial", "modules", "tasks"}


@pytest.mark.parametrize("path", MADE)
def test_what_is_made_from_the_table_is_there(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == MADE[path], "run `make docs`"


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_the_columns_that_are_read(name: str) -> None:
    row = ROWS[name]
    assert name.startswith(("gate_", "chrony_"))
    assert {"text", "type"} <= set(row) <= COLUMNS
    assert ("elements" in row) is (row["type"] == "list")


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("default") not in (None, "")])
def test_every_default_is_of_its_type(name: str) -> None:
    row = {key: ROWS[name][key] for key in ("type", "elements", "default", "choices") if key in ROWS[name]}
    documentation = yaml.safe_dump({"module": "m", "options": {name: {**row, "default": None}}})
    assert read_arguments(documentation, {name: row["default"]}) == ({name: row["default"]}, [])


def test_a_row_alone_makes_a_setting() -> None:
    rows = {**ROWS, **EXAMPLE}
    of_role = {name: row for name, row in rows.items() if name.startswith("gate_")}
    specs = argument_specs((ROOT / "roles/gate/meta/argument_specs.yml").read_text(), "gate", of_role)
    for entry in ("check", "main"):
        option = yaml.safe_load(specs)["argument_specs"][entry]["options"]["gate_max_rtc_error_s"]
        assert (option["type"], option["default"]) == ("float", 2)
    assert yaml.safe_load(defaults(of_role))["gate_max_rtc_error_s"] == 2
    module = module_options((ROOT / "plugins/modules/node_check.py").read_text(), "node_check", rows)
    assert "\n  max_rtc_error_s:\n    description: The most that the RTC may differ" in module
    assert "\n### gate_max_rtc_error_s\n\nfloat; default `2`\n\nThe most that the RTC" in page(rows)


def test_an_entry_point_without_settings_has_none() -> None:
    specs = yaml.safe_load((ROOT / "roles/chrony/meta/argument_specs.yml").read_text())["argument_specs"]
    assert specs["undo"]["options"] == {}


@pytest.mark.parametrize("module", [node_check, remediation_plan], ids=["node_check", "remediation_plan"])
def test_a_module_names_only_options_that_it_has(module: Any) -> None:
    named = set(re.findall(r"\bO\(([\w.]+)", module.DOCUMENTATION))
    assert named <= set(yaml.safe_load(module.DOCUMENTATION)["options"])


@pytest.mark.parametrize("module", [node_check, remediation_plan])
def test_a_modules_option_that_has_a_settings_name_is_the_setting(module: Any) -> None:
    name, options = documented(module.DOCUMENTATION)
    settings = {setting.partition("_")[2] for setting, row in ROWS.items() if name in row.get("modules", ())}
    assert (
        set(options) - settings
        == {
            "node_check": {"from_variables", "wait_s", "phase", "follows", "admit_to"},
            "remediation_plan": {"from_variables", "measured", "planned"},
        }[name]
    )


def test_the_fields_of_an_app_are_those_that_are_read() -> None:
    assert set(ROWS["gate_github_apps"]["suboptions"]) == set(KNOWN_KEYS)
