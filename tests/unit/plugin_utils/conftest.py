"""What tests of the protocol of one node share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.collection import Collection
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import GithubApp
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.throttle import MintThrottle
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy

from tests.builders import policy
from tests.unit.plugin_utils.world import APP, World


@pytest.fixture
def collection(tmp_path: Path) -> Callable[..., Collection]:
    def make(world: World, *apps: GithubApp, per_minute: int = 60, **changes: Any) -> Collection:
        def throttle(app: GithubApp) -> MintThrottle:
            return MintThrottle(tmp_path / app.name, per_minute, 400, lambda: world.true_s, world.sleep, lambda: 0.0)

        given = {
            "policy": Policy.from_json(policy()),
            "apps": apps or (APP,),
            "sections": {"collected", "ntp", "github_apps"},
            "ntp_servers": ["ntp.example.net"],
            "nts_servers": [],
            "timeout_s": 5,
            "call": world.call,
            "throttle": throttle,
            "controller": world.controller,
            "clock_ns": world.clock_ns,
            "steady_ns": world.steady_ns,
        }
        return Collection(**{**given, **changes})

    return make
