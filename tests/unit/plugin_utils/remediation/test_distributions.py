"""The node's distribution, from what /etc/os-release says there;
each sample's first line names its source.
"""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes.platform import os_release
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation import distributions
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.distributions import (
    UnknownDistributionError,
    distribution,
)

from tests.paths import SAMPLES

OS_RELEASE = SAMPLES / "os-release"

DEBIAN = ("apt", "chrony.service", "/etc/chrony/chrony.conf", "DAEMON_OPTS", "-F 1")
RED_HAT = ("dnf", "chronyd.service", "/etc/chrony.conf", "OPTIONS", "-F 2")
RED_HAT_8 = (*RED_HAT[:-1], "")
SUSE = ("zypper", *RED_HAT_8[1:])

# os-release: (the distribution's names, the sample of the configuration that it ships)
SUPPORTED = {
    "debian-11": (DEBIAN, "debian-11"),
    "debian-12": (DEBIAN, "debian-12"),
    "debian-testing": (DEBIAN, "debian-13"),
    "ubuntu-22.04": (DEBIAN, "ubuntu-22.04"),
    "ubuntu-24.04": (DEBIAN, "ubuntu-24.04"),
    "rhel-8": (RED_HAT_8, "rhel-8"),
    "rocky-8": (RED_HAT_8, "rhel-8"),
    "alma-9": (RED_HAT, "rhel-9"),
    "centos-stream-9": (RED_HAT, "rhel-9"),
    "fedora": (RED_HAT, "fedora"),
    "sles-15": (SUSE, "sles-15"),
    "opensuse-16": (SUSE, "opensuse-16"),
    "opensuse-tumbleweed": (SUSE, "opensuse-16"),
    "amazon-linux-2023": (RED_HAT_8, None),
}
ORDINARY = ("apt-get", "dnf", "zypper")


def platform(text: str, managers: tuple[str, ...] = ORDINARY, read_only: str | None = None) -> dict[str, Any]:
    release = os_release(text)
    return {"os_release": release, "selinux": None, "read_only": read_only, "package_managers": list(managers)}


def sample(node: str) -> str:
    return (OS_RELEASE / node).read_text()


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(distributions)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_every_sample_names_its_source():
    assert {path.name for path in OS_RELEASE.iterdir()} > {*SUPPORTED}
    assert all(path.read_text().startswith("# Source: ") for path in OS_RELEASE.iterdir())


@pytest.mark.parametrize("node", SUPPORTED)
def test_a_known_distribution_is_reported_with_its_names(node: str):
    expected, _shipped = SUPPORTED[node]
    known = distribution(platform(sample(node)))
    assert (known.manager, known.unit, known.conf, known.options_variable, known.options) == expected
    assert (known.package, known.installs, known.why_not) == ("chrony", True, "")
    assert f'PRETTY_NAME="{known.name}"' in sample(node)
    assert (known.user, known.replaces) == (("_chrony", True) if known.manager == "apt" else ("chrony", False))


@pytest.mark.parametrize(("node", "shipped"), [(node, shipped) for node, (_, shipped) in SUPPORTED.items() if shipped])
def test_the_names_are_those_of_the_shipped_configuration(node: str, shipped: str):
    known = distribution(platform(sample(node)))
    (path,) = (SAMPLES / "distributions" / shipped).rglob("chrony.conf")
    values: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, _space, value = line.partition(" ")
        values.setdefault(name, []).extend(value.split())

    assert path.as_posix().endswith(known.conf)  # Leap 16's /usr/etc/chrony.conf is what /etc/chrony.conf overrides
    assert values["driftfile"] == [known.driftfile]
    assert values.get("keyfile", [known.keyfile]) == [known.keyfile]
    folders = [*values.get("confdir", []), *(pattern.replace("/*.conf", "") for pattern in values.get("include", []))]
    assert [folder for folder in folders if folder.startswith("/etc/")] == ([known.confdir] if known.confdir else [])
    sourcedirs = [folder for folder in values.get("sourcedir", []) if folder.startswith("/etc/")]
    assert sourcedirs == ([known.sourcedir] if known.sourcedir else [])


@pytest.mark.parametrize("node", ["debian-11", "ubuntu-22.04"])
def test_an_older_package_has_no_chrony_wait(node: str):
    assert distribution(platform(sample(node))).wait_unit is None


@pytest.mark.parametrize("node", ["debian-12", "debian-testing", "ubuntu-24.04", "rhel-8", "sles-15"])
def test_the_others_have_it(node: str):
    assert distribution(platform(sample(node))).wait_unit == "chrony-wait.service"


@pytest.mark.parametrize(
    ("node", "managers", "read_only", "unit", "words"),
    [
        ("fedora-coreos", ("rpm-ostree",), "ostree", "chronyd.service", "rpm-ostree install chrony"),
        ("alma-9", ("dnf",), "ostree", "chronyd.service", "Put chrony into its image, and run"),
        ("sle-micro", ("zypper", "transactional-update"), "usr", "chronyd.service", "pkg install chrony"),
        ("opensuse-16", ("zypper", "transactional-update"), "usr", "chronyd.service", "install chrony"),
        # As evidence has it that was saved before.
        ("opensuse-16", ("zypper", "transactional-update"), "/usr is read-only", "chronyd.service", "install chrony"),
        ("debian-12", ("apt-get",), "usr", "chrony.service", "the image of this node"),
        ("alma-9", ("microdnf",), None, "chronyd.service", "neither is dnf"),
    ],
)
def test_if_no_package_can_be_installed_an_installed_chrony_can_still_be_fixed(
    node: str, managers: tuple[str, ...], read_only: str | None, unit: str, words: str
):
    known = distribution(platform(sample(node), managers, read_only))
    assert (known.installs, known.unit) == (False, unit)
    assert known.why_not.startswith("chrony is not installed, and ")
    assert words in known.why_not
    assert known.why_not.endswith(" run the role again.")


def test_an_ordinary_system_with_the_package_transactional_update_installs():
    assert distribution(platform(sample("opensuse-16"), ("zypper", "transactional-update"))).installs


@pytest.mark.parametrize(
    ("text", "found", "next_"),
    [
        (sample("alpine"), "Alpine Linux v3.22. OpenRC", "rc-update add chronyd"),
        (sample("flatcar"), "Flatcar Container Linux by Kinvolk 3227.2.4 (Oklo). It has no packages", "timesyncd.conf"),
        (sample("bottlerocket"), "Bottlerocket OS 1.47.0 (aws-k8s-1.34). It has no", "settings.ntp.time-servers"),
        (
            sample("rhcos"),
            "Red Hat Enterprise Linux CoreOS 413.90.202212151724-0 (Plow). Its files come from OpenShift's MachineConfigs",
            "in the MachineConfig",
        ),
        (sample("talos"), "Talos (v1.13.7). It has no packages", "machine.time.servers"),
        (sample("amazon-linux-2"), "Amazon Linux 2, which is older", "by hand"),
        (sample("ubuntu-20.04"), "Ubuntu 20.04.6 LTS, which is older", "by hand"),
        ('ID="rhel"\nVERSION_ID="7.9"\nPRETTY_NAME="RHEL 7.9"\n', "RHEL 7.9, which is older", "by hand"),
        (sample("sles-15").replace("15.7", "15.2"), "SUSE Linux Enterprise Server 15 SP7, which is older", "by hand"),
        ('ID=arch\nPRETTY_NAME="Arch Linux"\n', "Arch Linux, which the role does not know", "by hand"),
        ("ID=void\n", "void, which the role does not know", "by hand"),
        ("", "a distribution without /etc/os-release, which the role does not know", "by hand"),
    ],
)
def test_what_can_not_be_fixed_is_refused_with_the_choices_and_what_to_do(text: str, found: str, next_: str):
    with pytest.raises(UnknownDistributionError) as refused:
        distribution(platform(text))
    assert refused.value.found.startswith(f"This node runs {found}")
    assert "Debian 11 and later" in refused.value.expected
    assert next_ in refused.value.next
    assert refused.value.next.endswith("run the check again.")
    assert str(refused.value) == f"{refused.value.found} {refused.value.expected} {refused.value.next}"


@pytest.mark.parametrize("node", ["debian-12", "alma-9", "sle-micro"])
def test_nothing_is_fixed_if_etc_is_read_only(node: str):
    with pytest.raises(UnknownDistributionError, match=r"^This node's /etc is read-only\..*dmesg"):
        distribution(platform(sample(node), read_only="etc"))


def test_one_nodes_names_do_not_change_anothers():
    first = distribution(platform(sample("debian-11"), read_only="usr"))
    second = distribution(platform(sample("debian-12")))
    assert (first.installs, first.wait_unit) == (False, None)
    assert (second.installs, second.wait_unit) == (True, "chrony-wait.service")
