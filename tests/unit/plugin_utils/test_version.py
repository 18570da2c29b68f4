from __future__ import annotations

import tomllib

import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from tests.paths import ROOT


def test_the_version_is_one_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    collection = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert (project["version"], collection["version"]) == (VERSION, VERSION)
