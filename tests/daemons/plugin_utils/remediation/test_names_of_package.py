"""The names that remediation uses are those of the package itself."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.distributions import (
    distribution,
)

from tests.unit.plugin_utils.remediation.test_distributions import platform, sample


def test_the_names_are_those_of_the_package_itself(chrony_tree: Path):
    known = distribution(platform(sample("debian-12")))
    assert (chrony_tree / "lib/systemd/system" / known.unit).exists()
    assert (chrony_tree / "lib/systemd/system" / str(known.wait_unit)).exists()
    assert f'{known.options_variable}="{known.options}"' in (chrony_tree / "etc/default/chrony").read_text()
    assert f"User={known.user}" in (chrony_tree / "lib/systemd/system" / known.unit).read_text()
    assert "EnvironmentFile=-/etc/default/chrony" in (chrony_tree / "lib/systemd/system" / known.unit).read_text()
    assert (chrony_tree / str(known.confdir)[1:]).is_dir()
    assert (chrony_tree / str(known.sourcedir)[1:]).is_dir()
