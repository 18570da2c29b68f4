"""What the distributions ship, and what this project writes, by the rules.

Each sample's first line names its source.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.config import ChronyConfig
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.config_text import main_file
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.distributions import distribution
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.servers import Choice

from tests import paths

SAMPLES = paths.SAMPLES / "distributions"

# distribution: (its configuration, what matches). Debian's and Ubuntu's leapsectz is fine: their
# servers do not smear.
SHIPPED = {
    "debian-11": ("/etc/chrony/chrony.conf", []),
    "debian-12": ("/etc/chrony/chrony.conf", []),
    "debian-13": ("/etc/chrony/chrony.conf", []),
    "ubuntu-22.04": ("/etc/chrony/chrony.conf", []),
    "ubuntu-24.04": ("/etc/chrony/chrony.conf", []),
    "rhel-8": ("/etc/chrony.conf", []),
    "rhel-9": ("/etc/chrony.conf", []),
    "rhel-10": ("/etc/chrony.conf", []),
    "fedora": ("/etc/chrony.conf", []),
    "sles-15": ("/etc/chrony.conf", []),
    # Nothing to follow, and no file for the include: this deserves its error.
    "sles-15-without-pool": ("/etc/chrony.conf", ["CHR003 warning", "CHR101 error"]),
    "opensuse-16": ("/usr/etc/chrony.conf", []),
    # cmdport 0 is Alpine's own choice; chrony-wait does not exist there.
    "alpine": ("/etc/chrony/chrony.conf", ["CHR301 warning"]),
    # The link-local service smears, the pool beside it does not.
    "amazon-linux-2": ("/etc/chrony.conf", ["CHR109 warning"]),
}

# Only the .sources files were found: what matches of the rules about sources and NTS
# (CHR1xx, CHR4xx).
SHIPPED_SOURCES = {
    # All five pools are NTS, so none becomes required by the others.
    "ubuntu-25.10": [],
    "amazon-linux-2023": [],
}


def read(files: dict[str, str], path: str) -> ChronyConfig:
    section = {"path": path, "files": [{"path": p, "text": text} for p, text in files.items()], "unread": []}
    return read_config({"config": section, "printed": {"rc": 0, "stdout": "", "stderr": ""}, "version": "4.8"})


def sample(distribution: str) -> dict[str, str]:
    folder = SAMPLES / distribution
    return {f"/{path.relative_to(folder)}": path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def matched(config: ChronyConfig) -> list[str]:
    return [f"{rule.id} {rule.severity}" for rule in RULES.values() if list(rule.find(config))]


def test_every_sample_is_judged_and_names_its_source():
    assert {folder.name for folder in SAMPLES.iterdir()} == {*SHIPPED, *SHIPPED_SOURCES}
    assert all(path.read_text().startswith("# Source: ") for path in SAMPLES.rglob("*") if path.is_file())


@pytest.mark.parametrize("distribution", SHIPPED)
def test_a_distributions_own_configuration_has_the_matches_that_it_deserves(distribution: str):
    path, expected = SHIPPED[distribution]
    files = sample(distribution)
    config = read(files, path)
    assert set(config.files) == set(files)
    assert matched(config) == expected


@pytest.mark.parametrize("distribution", SHIPPED_SOURCES)
def test_a_distributions_own_sources_have_the_matches_that_they_deserve(distribution: str):
    files = sample(distribution)
    folder = str(Path(next(iter(files))).parent)
    config = read({"/etc/chrony.conf": f"sourcedir {folder}\n", **files}, "/etc/chrony.conf")
    assert len(config.files) == 1 + len(files)
    found = [rule for rule in matched(config) if rule.startswith(("CHR0", "CHR1", "CHR4"))]
    assert found == SHIPPED_SOURCES[distribution]


def test_a_plain_server_from_dhcp_beside_ubuntus_nts_pools_is_reported():
    """Ubuntu reads DHCP's servers too: with one,
    authselectmode mix makes the NTS pools required.
    """
    files = sample("ubuntu-25.10") | {"/run/chrony-dhcp/eth0.sources": "server 10.0.0.1 iburst\n"}
    main = "sourcedir /run/chrony-dhcp\nsourcedir /etc/chrony/sources.d\nmakestep 1 3\nrtcsync\ndriftfile /d\n"
    assert matched(read({"/c.conf": main, **files}, "/c.conf")) == ["CHR401 warning"]


@pytest.mark.parametrize(
    "release",
    [
        {"ID": "debian", "VERSION_ID": "12"},
        {"ID": "rocky", "VERSION_ID": "9.4"},
        {"ID": "sles", "VERSION_ID": "15.6"},
        {"ID": "amzn", "VERSION_ID": "2023"},
    ],
    ids=lambda release: release["ID"],
)
@pytest.mark.parametrize(
    ("servers", "expected"),
    [(["a", "b", "c"], []), (["a", "b"], ["CHR105 warning"]), (["a"], ["CHR104 warning"])],
    ids=["three servers", "two servers", "one server"],
)
def test_what_the_role_writes_has_no_error(servers: list[str], expected: list[str], release: dict[str, str]):
    platform = {"os_release": release, "selinux": None, "read_only": None, "package_managers": []}
    choice = Choice(
        tuple(f"server {name} iburst" for name in servers), tuple(servers), {"silent": "it did not\nanswer"}
    )
    layout = distribution(platform)
    text = main_file(choice, layout, makestep="1 3", confdirs=["/etc/chrony.d"], not_read={"/etc/bad": "a reason"})
    assert matched(read({layout.conf: text}, layout.conf)) == expected
