"""The nodes' disk images: one Debian tree, and the variants made from it,
cached by a hash of the recipe.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.lab import rpms
from tests.lab.host import NO_CLOCK, LabError, command, say

#: What a variant has installed on top of a node that has no time daemon at all. Bookworm has those
#: of rpms.py, too, and one with cloud-init.
VARIANTS: dict[str, tuple[str, ...]] = {
    "fresh": (),
    "chrony": ("chrony",),
    "timesyncd": ("systemd-timesyncd",),
    "ntpsec": ("ntpsec",),
    "openntpd": ("openntpd",),
    "ntp": ("ntp",),
    "ntpd-rs": ("ntpd-rs",),
}

CLOUD_INIT = "cloud-init"
#: No other module than the one for NTP: the lab itself gives its nodes their names,
#: addresses and keys.
CLOUD_CONFIG = """\
datasource_list: [NoCloud, None]
network: {config: disabled}
cloud_init_modules: []
cloud_config_modules: [ntp]
cloud_final_modules: []
"""

TIME_DAEMONS = ("chrony", "ntpsec", "openntpd", "systemd-timesyncd")

#: Debian's releases, and the packages of time daemons that each has. From bookworm on, ntp
#: is a name for ntpsec.
RELEASES = {
    "bullseye": (*TIME_DAEMONS, "ntp"),
    "bookworm": TIME_DAEMONS,
    "trixie": (*TIME_DAEMONS, "ntpd-rs"),
}
INCLUDE = (
    "systemd,systemd-sysv,udev,dbus,openssh-server,python3,python3-apt,sudo,iproute2,iputils-ping,procps,kmod,"
    "ca-certificates,tzdata"
)

#: No device, module or user ever appears in a node, and nothing periodic is wanted:
#: boots in half the time.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
)

HOSTS = """\
127.0.0.1 localhost
10.77.0.1 api.github.lab github.lab ntp1.lab
10.77.0.2 ntp2.lab
10.77.0.3 ntp3.lab
"""

#: The packages that plays install, beside the node's own: a node has no other source,
#: and no way out to one.
#: One download each, because any two time daemons conflict.
DOWNLOAD = """\
mkdir -p /srv/debs/partial
for daemon in {daemons}; do
    apt-get install -q -y --download-only -o Dir::Cache::archives=/srv/debs -o APT::Sandbox::User=root $daemon
done
rm -r /srv/debs/partial /srv/debs/lock
"""

FILES = Path(__file__).parent / "image"


def recipe(ssh_dir: Path) -> str:
    """Name of the images that this recipe, with these SSH keys, makes."""
    parts = [
        Path(__file__),
        FILES / "node-setup",
        FILES / "node-setup.service",
        *sorted(ssh_dir.glob("*.pub")),
        *rpms.sources(),
    ]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def make_keys(ssh_dir: Path) -> None:
    """Make the key that nodes admit, their common host key, and the known_hosts that names it,
    in `ssh_dir`.
    """
    ssh_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, comment in (("id_ed25519", "skewgate-lab"), ("host_ed25519", "skewgate-lab-node")):
        if not (ssh_dir / f"{name}.pub").exists():
            (ssh_dir / name).unlink(missing_ok=True)
            command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(ssh_dir / name)])
    kind, key = (ssh_dir / "host_ed25519.pub").read_text().split()[:2]
    (ssh_dir / "known_hosts").write_text(f"10.77.0.*,node* {kind} {key}\n")


def image_path(images_dir: Path, ssh_dir: Path, release: str, variant: str) -> Path:
    """Where the ext4 image of a release's variant is, or will be."""
    if release not in RELEASES:
        raise LabError(f"there is no release {release!r}; there are: {', '.join(RELEASES)}")
    there = [name for name, packages in VARIANTS.items() if set(packages) <= {*RELEASES[release]}]
    there += [*rpms.LIKENESSES, CLOUD_INIT] if release == "bookworm" else []
    if variant not in there:
        raise LabError(f"{release} has no node variant {variant!r}; there are: {', '.join(there)}")
    return images_dir / recipe(ssh_dir) / release / f"{variant}.ext4"


def build_image(images_dir: Path, ssh_dir: Path, release: str, variant: str) -> Path:
    """Path of a variant's ext4 image; built when the cache does not have it (a release's tree:
    about 45 s, variant: 5 s).
    """
    path = image_path(images_dir, ssh_dir, release, variant)
    if path.exists():
        return path
    tree = path.with_name("tree")
    if not tree.exists():
        # Whatever an older recipe made is of no use any more.
        for older in images_dir.glob("*"):
            if older != tree.parent.parent:
                shutil.rmtree(older)
        tree.parent.mkdir(parents=True, exist_ok=True)
        say(f"building the nodes' tree of Debian {release} with mmdebstrap (about a minute)")
        _made_whole(tree, lambda partial: _build_tree(partial, ssh_dir, release))
    say(f"building the image of {release}'s variant {variant!r}")
    if variant in rpms.LIKENESSES:
        like = rpms.LIKENESSES[variant]
        more, change = (*like.packages, *rpms.PACKAGES), lambda tree: rpms.make_alike(tree, like)
        _made_whole(path, lambda partial: _build_apart(partial, ssh_dir, release, more, change))
    elif variant == CLOUD_INIT:
        _made_whole(path, lambda partial: _build_apart(partial, ssh_dir, release, (CLOUD_INIT,), _configure_cloud_init))
    else:
        _made_whole(path, lambda partial: _build_image(partial, tree, VARIANTS[variant]))
    return path


def _made_whole(path: Path, build: Callable[[Path], None]) -> None:
    """Let `build` fill a path beside `path` and rename it when complete: no half image is used."""
    partial = path.with_name(f"{path.name}.partial")
    _remove(partial)
    build(partial)
    partial.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _build_tree(tree: Path, ssh_dir: Path, release: str, more: tuple[str, ...] = ()) -> None:
    download = DOWNLOAD.format(daemons=" ".join(RELEASES[release]))
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
    command(
        [
            *NO_CLOCK,
            "mmdebstrap",
            "--mode=root",
            "--variant=apt",
            "--dpkgopt=force-unsafe-io",
            *excluded,
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
            f"--include={','.join([INCLUDE, *more])}",
            f"--customize-hook=chroot \"$1\" sh -ec '{download}'",
            release,
            str(tree),
        ],
        timeout_s=900,
    )
    _require_no_time_daemon(tree)
    _local_repository(tree)

    etc = tree / "etc"
    (etc / "fstab").write_text("")
    (etc / "machine-id").write_text("")
    (etc / "hosts").write_text(HOSTS)
    (etc / "resolv.conf").write_text("")
    (etc / "default/locale").write_text("")  # pam_env complains of its absence at every login
    (etc / "systemd/journald.conf.d").mkdir()
    (etc / "systemd/journald.conf.d/lab.conf").write_text("[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n")

    for key in (etc / "ssh").glob("ssh_host_*"):
        key.unlink()
    _copy(ssh_dir / "host_ed25519", etc / "ssh/ssh_host_ed25519_key", 0o600)
    _copy(ssh_dir / "host_ed25519.pub", etc / "ssh/ssh_host_ed25519_key.pub", 0o644)
    (etc / "ssh/sshd_config.d/lab.conf").write_text("UseDNS no\nHostKey /etc/ssh/ssh_host_ed25519_key\n")
    (tree / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    _copy(ssh_dir / "id_ed25519.pub", tree / "root/.ssh/authorized_keys", 0o600)

    _copy(FILES / "node-setup", tree / "usr/local/sbin/node-setup", 0o755)
    _copy(FILES / "node-setup.service", etc / "systemd/system/node-setup.service", 0o644)
    wanted = etc / "systemd/system/sysinit.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "node-setup.service").symlink_to("/etc/systemd/system/node-setup.service")
    for unit in MASKED:
        link = etc / "systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def _build_image(path: Path, tree: Path, packages: tuple[str, ...]) -> None:
    source = tree
    if packages:
        source = path.with_suffix(".tree")
        _remove(source)
        command(["cp", "-a", str(tree), str(source)])
        _install(source, packages)
    _format(path, source)
    if source != tree:
        _remove(source)


def _build_apart(
    path: Path, ssh_dir: Path, release: str, more: tuple[str, ...], change: Callable[[Path], None]
) -> None:
    """From a separate tree, so no other image has its packages."""
    tree = path.with_suffix(".tree")
    _remove(tree)
    _build_tree(tree, ssh_dir, release, more)
    change(tree)
    _format(path, tree)
    _remove(tree)


def _configure_cloud_init(tree: Path) -> None:
    (tree / "etc/cloud/cloud.cfg.d/99-lab.cfg").write_text(CLOUD_CONFIG)


def _format(path: Path, tree: Path) -> None:
    options = ["-q", "-t", "ext4", "-O", "^metadata_csum_seed", "-E", "lazy_itable_init=0,nodiscard", "-m", "0"]
    command(["mke2fs", *options, "-d", str(tree), str(path), "2G"], timeout_s=120)


def _install(tree: Path, packages: tuple[str, ...]) -> None:
    """Install packages of the local repository in a tree that is not running."""
    # Here, with no systemd at work, the packages' scripts would start their daemons by
    # /etc/init.d: on this machine.
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", *packages]
    command([*NO_CLOCK, "chroot", str(tree), *install], timeout_s=180)
    policy.unlink()
    # It would set the node's clock forward to the time when this image was made.
    (tree / "var/lib/systemd/timesync/clock").unlink(missing_ok=True)


def _require_no_time_daemon(tree: Path) -> None:
    query = ["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W", "-f", "${Package} ${db:Status-Status}\n"]
    installed = command(query).splitlines()
    found = [name for name in (*TIME_DAEMONS, "ntp") if f"{name} installed" in installed]
    if found:
        raise LabError(f"the fresh image must have no time daemon; mmdebstrap installed {', '.join(found)}")


def _local_repository(tree: Path) -> None:
    """Make /srv/debs of the tree the only place that its apt knows."""
    stanzas = []
    for downloaded in sorted((tree / "srv/debs").glob("*.deb")):
        # apt would take the %3a that stands for an epoch's colon for an escape in
        # the file's address.
        deb = downloaded.rename(downloaded.with_name(downloaded.name.replace("%3a", "-")))
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        control = command(["dpkg-deb", "-f", str(deb)]).rstrip()
        stanzas.append(f"{control}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    (tree / "srv/debs/Packages").write_text("\n".join(stanzas))
    (tree / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/debs ./\n")
    # A play's `apt: name=chrony` then finds the package without `update_cache`.
    command(["chroot", str(tree), "apt-get", "update", "-q"])


def _copy(source: Path, target: Path, mode: int) -> None:
    shutil.copyfile(source, target)
    target.chmod(mode)
