"""The names of chrony's package, files and units in each distribution, and which
ones cannot be fixed.

Where the rows come from:

- Debian, Ubuntu: the packages' own files (chrony 4.0, 4.3, 4.6; debian/changelog on
  what came when);
- RHEL and rebuilds: SPECS/chrony.spec of RHEL 8 (OpenELA's copy), which Fedora's and RHEL 9's
  and 10's follow; their ``OPTIONS="-F 2"`` by a recorded Rocky Linux 9 and the tests of Vox
  Pupuli's puppet-chrony;
- SUSE: chrony.spec of openSUSE Factory and of SLES 15 SP4 (build.opensuse.org),
  chrony-pidfile.patch on the options' file;
- Amazon Linux 2023: recorded nodes in public repositories; its package's sources were not found;
- names and versions: os-release(5), and the files that github.com/chef/os_release collects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal


class UnknownDistributionError(ValueError):
    """The role cannot work on this distribution:
    what it found, what it expected, what to do next.
    """

    def __init__(self, found: str, expected: str, next_: str) -> None:
        """Whole sentences."""
        self.found, self.expected, self.next = found, expected, next_
        super().__init__(f"{found} {expected} {next_}")


@dataclass(frozen=True)
class Distribution:
    """One distribution's names for chrony's parts.

    ``confdir`` and ``sourcedir`` are the folders that the shipped configuration reads ``*.conf``
    and ``*.sources`` from, None if it reads none. ``wait_unit`` is None if the package has no
    chrony-wait. ``options`` is what the package sets ``options_variable`` to in its environment
    file. ``replaces``: installing chrony removes other time daemons' packages. ``installs``:
    packages can be installed on this node; ``why_not`` says why they cannot, and what to do.
    """

    name: str
    manager: Literal["apt", "dnf", "zypper"]
    unit: str
    conf: str
    keyfile: str
    driftfile: str
    confdir: str | None
    sourcedir: str | None
    options_variable: Literal["DAEMON_OPTS", "OPTIONS"]
    options: str
    user: str
    replaces: bool
    package: str = "chrony"
    wait_unit: str | None = "chrony-wait.service"
    installs: bool = True
    why_not: str = ""


_DEBIAN = Distribution(
    name="",
    manager="apt",
    unit="chrony.service",
    conf="/etc/chrony/chrony.conf",
    keyfile="/etc/chrony/chrony.keys",
    driftfile="/var/lib/chrony/chrony.drift",
    confdir="/etc/chrony/conf.d",
    sourcedir="/etc/chrony/sources.d",
    options_variable="DAEMON_OPTS",
    options="-F 1",
    user="_chrony",
    replaces=True,  # Conflicts, Provides, Replaces: time-daemon
)
_RED_HAT = Distribution(
    name="",
    manager="dnf",
    unit="chronyd.service",
    conf="/etc/chrony.conf",
    keyfile="/etc/chrony.keys",
    driftfile="/var/lib/chrony/drift",
    confdir=None,
    sourcedir=None,  # /run/chrony-dhcp is the DHCP client's
    options_variable="OPTIONS",
    options="-F 2",
    user="chrony",
    replaces=False,  # the units conflict, the packages do not
)
# Leap 15 and SLES 15 have ``include /etc/chrony.d/*.conf``. Later ones have ``confdir``, and their
# unit takes /etc/chrony.conf if it exists, else /usr/etc/chrony.conf.
_SUSE = replace(_RED_HAT, manager="zypper", confdir="/etc/chrony.d", options="")
# Its OPTIONS were not found: without a system call filter chronyd runs everywhere.
_AMAZON = replace(_RED_HAT, confdir="/etc/chrony.d", sourcedir="/etc/chrony.d", options="")

# By the ID of os-release(5): the layout, and the oldest VERSION_ID whose chrony is of 4.0 or later
# (which has `-p` and `confdir`). SLES 15 had 3.2 to SP2; RHEL 8 had 3.5 to 8.4, and an installation
# there gets 4.5 today.
_KNOWN: Mapping[str, tuple[Distribution, str]] = {
    "debian": (_DEBIAN, "11"),
    "ubuntu": (_DEBIAN, "22.04"),
    "rhel": (_RED_HAT, "8"),
    "rocky": (_RED_HAT, "8"),
    "almalinux": (_RED_HAT, "8"),
    "ol": (_RED_HAT, "8"),
    "centos": (_RED_HAT, "8"),
    "fedora": (_RED_HAT, "34"),
    "sles": (_SUSE, "15.3"),
    "sles_sap": (_SUSE, "15.3"),
    "opensuse-leap": (_SUSE, "15.3"),
    "opensuse-tumbleweed": (_SUSE, "0"),
    "amzn": (_AMAZON, "2023"),
    # Images, whose version numbers have another meaning.
    "suse-microos": (_SUSE, "0"),
    "sle-micro": (_SUSE, "0"),
    "sl-micro": (_SUSE, "0"),
    "opensuse-microos": (_SUSE, "0"),
}
_TRANSACTIONAL = ("suse-microos", "sle-micro", "sl-micro", "opensuse-microos")

EXPECTED = (
    "The role knows Debian 11 and later, Ubuntu 22.04 and later, RHEL 8 and later with Rocky Linux, AlmaLinux, Oracle Linux and "
    "CentOS Stream, Fedora, SLES and openSUSE Leap 15.3 and later, openSUSE Tumbleweed and Amazon Linux 2023."
)
BY_HAND = "Configure NTP on this node by hand, then run the check again."

_REFUSED = {
    "alpine": (
        "OpenRC starts its services, and the role changes only units of systemd.",
        "Write the servers into /etc/chrony/chrony.conf and check the node. When chrony_config passes, run `rc-update add "
        "chronyd` and `rc-service chronyd restart`, then run the check again.",
    ),
    "flatcar": (
        "It has no packages; its image brings systemd-timesyncd.",
        "Set NTP= in /etc/systemd/timesyncd.conf with the node's Butane configuration, then run the check again.",
    ),
    "bottlerocket": (
        "It has no packages, and its files come from its settings.",
        "Set settings.ntp.time-servers in its user data or with apiclient, then run the check again.",
    ),
    "rhcos": (
        "Its files come from OpenShift's MachineConfigs, and its daemon marks a node Degraded if a file was changed on the node.",
        "Set the servers in the MachineConfig that writes /etc/chrony.conf, then run the check again.",
    ),
    "talos": (
        "It has no packages, and its files come from its machine configuration.",
        "Set machine.time.servers there, then run the check again.",
    ),
}


def distribution(platform: Mapping[str, Any]) -> Distribution:
    """The distribution of a node, from the evidence's section ``platform``;
    raises UnknownDistributionError.
    """
    release = platform["os_release"]
    identity = release.get("ID", "")
    name = release.get("PRETTY_NAME") or identity or "a distribution without /etc/os-release"
    if identity in _REFUSED:
        why, next_ = _REFUSED[identity]
        raise UnknownDistributionError(f"This node runs {name}. {why}", EXPECTED, next_)
    if identity not in _KNOWN:
        raise UnknownDistributionError(f"This node runs {name}, which the role does not know.", EXPECTED, BY_HAND)
    layout, oldest = _KNOWN[identity]
    version = release.get("VERSION_ID")  # rolling releases and Debian's testing have none
    if _is_before(version, oldest):
        found = f"This node runs {name}, which is older than what the role knows."
        raise UnknownDistributionError(found, EXPECTED, BY_HAND)
    if _read_only(platform) == "etc":
        raise UnknownDistributionError(
            "This node's /etc is read-only.",
            "The role writes chrony's configuration there.",
            "Look in `dmesg` for a disk error that made it read-only. If there is none, set the servers in the "
            "image that the node starts "
            "from. Then run the check again.",
        )
    why_not = _why_not(name, identity, layout, platform)
    return replace(
        layout,
        name=name,
        options="" if layout is _RED_HAT and _is_before(version, "9") else layout.options,
        wait_unit=None if _lacks_wait(identity, version) else layout.wait_unit,
        installs=not why_not,
        why_not=why_not,
    )


def _why_not(name: str, identity: str, layout: Distribution, platform: Mapping[str, Any]) -> str:
    """Why no package can be installed, and what to do; empty if one can."""
    managers = platform["package_managers"]
    again = "and run the role again."
    read_only = _read_only(platform)
    if read_only == "ostree":
        how = "Put chrony into its image"
        if "rpm-ostree" in managers:
            how += ", or run `rpm-ostree install chrony` and reboot"
        return f"chrony is not installed, and {name} takes packages only with its image (ostree). {how}, {again}"
    if identity in _TRANSACTIONAL or (read_only == "usr" and "transactional-update" in managers):
        how = "Run `transactional-update pkg install chrony` and reboot"
        return f"chrony is not installed, and {name} installs packages only at a reboot. {how}, {again}"
    if read_only == "usr":
        return f"chrony is not installed, and /usr is read-only. Put chrony into the image of this node, {again}"
    command = {"apt": "apt-get"}.get(layout.manager, layout.manager)
    if command not in managers:
        return f"chrony is not installed, and neither is {command}. Install chrony on this node by hand, {again}"
    return ""


def _read_only(platform: Mapping[str, Any]) -> str | None:
    """What cannot be changed on the node: ``etc``, ``usr``, or packages (``ostree``).

    Older saved evidence has a sentence for it.
    """
    for part in ("etc", "usr", "ostree"):
        if platform["read_only"] in (part, f"/{part} is read-only"):
            return part
    return None


def _lacks_wait(identity: str, version: str | None) -> bool:
    """Debian's package has chrony-wait.service since 4.3-2 (debian/changelog)."""
    first = {"debian": "12", "ubuntu": "23.04"}.get(identity)
    return first is not None and _is_before(version, first)


def _is_before(version: str | None, first: str) -> bool:
    return version is not None and _numbers(version) < _numbers(first)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a VERSION_ID: 8.10 is later than 8.9.

    >>> _numbers("8.10") > _numbers("8.9") > _numbers("8")
    True
    """
    return tuple(map(int, re.findall(r"\d+", version)))
