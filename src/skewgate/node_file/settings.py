"""The settings of a node's file: read and validated as a run's are, and written for nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.skewgate.preflight.plugins.modules import node_check
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import documented
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.variables import not_known, read_settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.run_settings import options_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import (
    CREDENTIALS_CHECK,
    read_check_settings,
)

from ..errors import SkewgateError
from .on_node.main import SETTINGS_SCHEMA


def node_settings(file: Path) -> str:
    """The content of ``node.json``, from a file of variables (YAML or JSON, as for ``-e @FILE``).

    The check of the token is left out: no credential goes to a node. Raises SkewgateError with all
    problems.
    """
    try:
        variables = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SkewgateError(f"{file}: {error}") from error
    if not isinstance(variables, Mapping):
        raise SkewgateError(f"{file}: expected variables by name, for example gate_ntp_servers: [ntp1.example.net]")
    try:
        return json.dumps(_settings(variables), indent=1) + "\n"
    except SettingsError as error:
        raise SkewgateError("\n".join(f"{file}: {problem}" for problem in error.problems)) from error


def _settings(variables: Mapping[str, Any]) -> dict[str, Any]:
    problems, _others = not_known(map(str, variables), variables.get("gate_own_variables"))
    values, wrong = read_settings(variables)
    options = options_of(values, documented(node_check.DOCUMENTATION)[1])
    named = options.get("checks") or list(discover())
    options["checks"] = [name for name in named if name != CREDENTIALS_CHECK]
    if not options["checks"]:
        problems.append(f"gate_checks: expected a check beside {CREDENTIALS_CHECK}, which no node does by itself")
    advisory = options.get("advisory_checks") or []
    options["advisory_checks"] = [name for name in advisory if name != CREDENTIALS_CHECK]
    read = read_check_settings(options, list, [*problems, *wrong])
    return {
        "schema": SETTINGS_SCHEMA,
        "ntp_servers": list(read.ntp_servers),
        "nts_servers": list(read.nts_servers),
        "timeout_s": read.timeout_s,
        "policy": read.policy.as_json(),
    }
