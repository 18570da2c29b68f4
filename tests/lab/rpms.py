"""Nodes that look like another distribution:
its names, its package manager, and a chrony that is an RPM.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import NO_CLOCK, command
from tests.paths import SAMPLES

FILES = Path(__file__).parent / "image"
DISTRIBUTIONS = SAMPLES / "distributions"


@dataclass(frozen=True)
class Likeness:
    """What makes a Debian node look like another distribution;
    Debian itself packages the package managers.
    """

    packages: tuple[str, ...]
    os_release: str
    #: The folder of DISTRIBUTIONS with the configuration that the distribution ships.
    sample: str
    repositories: str
    #: For rpmbuild.
    defines: tuple[str, ...]
    #: Files by which Ansible knows it, and the package manager's settings where
    #: Debian's are others.
    files: tuple[tuple[str, str], ...] = ()


LIKENESSES = {
    "dnf": Likeness(
        packages=("dnf", "python3-dnf"),
        os_release='ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n',
        sample="rhel-9",
        repositories="etc/yum.repos.d",
        defines=("release_version 9.4",),
        files=(
            (
                "etc/dnf/dnf.conf",
                "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\n"
                "skip_if_unavailable=False\n",
            ),
            ("etc/redhat-release", "Rocky Linux release 9.4 (Blue Onyx)\n"),
        ),
    ),
    "zypper": Likeness(
        packages=("zypper",),
        os_release='ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\nPRETTY_NAME="openSUSE Leap 15.6"\n',
        sample="sles-15",
        repositories="etc/zypp/repos.d",
        defines=("release_version 15.6", "suse 1"),
    ),
}

#: What both need besides, on the node and to make the RPM.
PACKAGES = ("createrepo-c", "rpm")

#: The RPM is not signed, as one that an operator has built is not.
REPOSITORY = """\
[lab]
name=RPMs of the lab
baseurl=file:/srv/rpms
enabled=1
autorefresh=1
gpgcheck=0
"""

#: As Fedora's, Red Hat's and SUSE's: what is installed is not enabled unless it is named;
#: Debian has no such rule.
PRESET = "enable chronyd.service\ndisable *\n"

BUILD = """\
cd /tmp/rpm
dpkg-deb -x /srv/debs/chrony_*.deb from
version=$(dpkg-deb -f /srv/debs/chrony_*.deb Version)
rpmbuild -bb --define '_topdir /tmp/rpm' --define '_rpmdir /srv/rpms' --define 'from /tmp/rpm/from' \
    --define 'conf /tmp/rpm/conf' --define "from_version ${version%%-*}" "$@" chrony.spec
# Debian's rpm has its database in the user's home, which zypper does not know.
mkdir -p /etc/rpm
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
rpm --install /srv/rpms/*/lab-release-*.rpm
rm /srv/rpms/*/lab-release-*.rpm
createrepo_c --quiet /srv/rpms
rm -r /tmp/rpm /srv/debs
"""


def sources() -> list[Path]:
    """The files that the images of these nodes are made of."""
    samples = [path for like in LIKENESSES.values() for path in sorted((DISTRIBUTIONS / like.sample).rglob("*.conf"))]
    return [Path(__file__), FILES / "chrony.spec", *samples]


def make_alike(tree: Path, like: Likeness) -> None:
    """Give a node's tree, which has the packages, the distribution's names,
    and /srv/rpms as the only source of packages.
    """
    work = tree / "tmp/rpm"
    shutil.copytree(DISTRIBUTIONS / like.sample, work / "conf")
    shutil.copyfile(FILES / "chrony.spec", work / "chrony.spec")
    defines = [word for define in like.defines for word in ("--define", define)]
    command([*NO_CLOCK, "chroot", str(tree), "sh", "-ec", BUILD, "sh", *defines], timeout_s=180)

    # By this file Ansible takes it for Debian.
    (tree / "etc/debian_version").unlink()
    for command_of_debian in (tree / "usr/bin").glob("apt*"):
        command_of_debian.unlink()
    (tree / "etc/os-release").unlink()
    (tree / "etc/os-release").write_text(like.os_release)
    (tree / "usr/lib/systemd/system-preset/00-lab.preset").write_text(PRESET)
    (tree / like.repositories).mkdir(parents=True, exist_ok=True)
    (tree / like.repositories / "lab.repo").write_text(REPOSITORY)
    for path, text in like.files:
        (tree / path).write_text(text)
    # What refreshes by itself would disturb a test.
    (tree / "etc/systemd/system/dnf-makecache.timer").symlink_to("/dev/null")
