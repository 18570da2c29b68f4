from __future__ import annotations

import tomllib
from pathlib import Path

import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

CHECKOUT = Path(__file__).parents[3]


def test_the_version_is_one_everywhere():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    collection = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    assert (project["version"], collection["version"]) == (VERSION, VERSION)
