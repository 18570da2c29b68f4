from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.skewgate.preflight.plugins.filter.github_apps import FilterModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import (
    KNOWN_KEYS,
    read_github_apps,
    unusable_apps,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.argocd import argocd_apps

from tests.integration.argocd_secrets import secret
from tests.paths import SAMPLES
from tests.unit.plugin_utils.github.secrets.cluster import (
    APP,
    ARC_APP,
    CA,
    KEY,
    LIST,
    ORG,
    repository,
    without,
)

FILTERS = FilterModule().filters()


def test_the_filters_entries_are_settings_that_node_check_knows():
    entries = [
        *FILTERS["argocd_github_apps"](LIST),
        *FILTERS["flux_github_apps"](
            [secret("github-sa", None, "flux-system", **APP, **{"ca.crt": CA})], git_repositories=[]
        ),
        *FILTERS["arc_github_apps"]([secret("arc", None, **ARC_APP)], github_config_url="https://github.com/acme"),
    ]
    assert len(entries) == 3
    assert {key for entry in entries for key in entry} <= set(KNOWN_KEYS)


def test_times_in_parsed_yaml_do_no_harm():
    text = (SAMPLES / "argocd/repositories.yaml").read_text(encoding="utf-8")
    assert FILTERS["argocd_github_apps"](list(yaml.safe_load_all(text))) == argocd_apps(text)


def test_what_no_client_could_use_are_entries_that_node_check_takes():
    items = [repository(name, f"{ORG}/{name}", **without("githubAppID")) for name in ("r", "s")]
    entries = FILTERS["argocd_github_apps"]([*items, repository("good", f"{ORG}/a", **APP)])
    apps, problems = read_github_apps(entries)
    assert problems == []
    assert [app.name for app in apps] == ["argocd/good"]
    assert unusable_apps(entries) == entries[1:]
    assert [entry["name"] for entry in entries[1:]] == ["argocd/r", "argocd/s"]


def test_a_filter_refuses_what_holds_no_secrets_and_keeps_no_trace_of_what_it_read():
    with pytest.raises(AnsibleFilterError) as error:
        FILTERS["argocd_github_apps"]({"failed": True, "msg": KEY})
    assert "expected the output of `kubectl get secrets -o json`" in str(error.value)
    assert error.value.__suppress_context__
    assert "PRIVATE KEY" not in str(error.value)
