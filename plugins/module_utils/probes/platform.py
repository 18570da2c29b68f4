# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which distribution the node runs, and whether packages and files can be changed there."""

from __future__ import annotations

import fcntl
import glob
import os
import re
import shlex
import struct

from ..node.files import read_text, text_or_none
from ..node.run import installed

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")  # os-release(5): the first that is there
SHOWN = ("ID", "ID_LIKE", "VERSION_ID", "PRETTY_NAME")
DPKG = "/var/lib/dpkg"
MAX_STATUS_BYTES = 64 * 1024 * 1024  # a desktop with 5,000 packages has a tenth of it
LOCKS = ("lock-frontend", "lock")  # apt's, for all that it does, and dpkg's own (dpkg(1), FILES)
CHRONYS_STATE = re.compile(r"^Package: chrony\nStatus: \S+ \S+ (\S+)$", re.MULTILINE)
PACKAGE_MANAGERS = ("apt-get", "dnf", "yum", "zypper", "rpm-ostree", "transactional-update")


def collect(root: str = "") -> dict:
    """The section ``platform``: ``{"os_release", "selinux", "read_only", "package_managers",
    "dpkg"}``.
    """
    texts = (text_or_none(root + path) for path in OS_RELEASE)
    return {
        "os_release": os_release(next((text for text in texts if text is not None), "")),
        "selinux": {"1": "enforcing", "0": "permissive"}.get(text_or_none(root + "/sys/fs/selinux/enforce")),
        "read_only": read_only(root),
        "package_managers": [command for command in PACKAGE_MANAGERS if installed(command)],
        "dpkg": dpkg(root),
    }


def os_release(text: str) -> dict:
    """The assignments of SHOWN that are there; a line that is none is passed over (os-release(5)).

    >>> os_release('# comment\\nID="rocky"\\nID_LIKE=\\'rhel centos\\'\\nBUG_REPORT_URL="https://example.com"\\nit"s')
    {'ID': 'rocky', 'ID_LIKE': 'rhel centos'}
    """
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name in SHOWN:
            try:
                found[name] = " ".join(shlex.split(value))
            except ValueError:  # a quotation without an end
                continue
    return found


def read_only(root: str = ""):
    """Why files or packages can not be changed, what is worse first; None if they can.

    ``etc`` and ``usr``: that folder is read-only. ``ostree``: packages come with the image.

    ``/run/ostree-booted`` exists if ostree or bootc made the image: packages come with the next
    one, and /etc is writable (ostree's documentation, "Adapting existing mainstream
    distributions").
    """
    if _is_mounted_read_only(root + "/etc"):
        return "etc"
    if os.path.exists(root + "/run/ostree-booted"):
        return "ostree"
    if _is_mounted_read_only(root + "/usr"):
        return "usr"
    return None


def dpkg(root: str = ""):
    """How far dpkg has come with chrony, and whether it is at work or was cut off; None without
    dpkg.

    ``{"chrony": the package's state (dpkg(1)), None if it knows none, "held_by": who has dpkg's
    lock, "interrupted"}``. Cut off, it leaves numbered files in ``updates``, of which the last has
    what is to come into ``status`` (dpkg's lib/dpkg/dbmodify.c); apt then refuses all work
    (CheckUpdates in its apt-pkg/deb/debsystem.cc).
    """
    if not os.path.isfile(f"{root}{DPKG}/status"):
        return None
    held_by = _dpkg_is_held_by(root)
    updates = sorted(glob.glob(f"{glob.escape(root)}{DPKG}/updates/[0-9]*"))
    states = []
    for path in [f"{root}{DPKG}/status", *updates]:
        try:
            states += CHRONYS_STATE.findall(read_text(path, MAX_STATUS_BYTES))
        except FileNotFoundError:  # dpkg is at work
            continue
    held_by = held_by or _dpkg_is_held_by(root)  # it may have begun just now
    return {
        "chrony": states[-1] if states else None,
        "held_by": held_by,
        "interrupted": bool(updates) and held_by is None,
    }


def _dpkg_is_held_by(root: str):
    holders = (lock_holder(f"{root}{DPKG}/{name}") for name in LOCKS)
    return next((holder for holder in holders if holder), None)


def lock_holder(path: str):
    """``{"pid", "name"}`` of who has locked the file for itself; None when nobody has, or it can't
    be asked (fcntl(2), F_GETLK).

    The process's number is 0 or less, and its name None, if it is not visible from here.
    """
    asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with open(path, "rb") as file:
            held, _whence, _start, _length, pid = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:
        return None
    if held == fcntl.F_UNLCK:
        return None
    return {"pid": pid, "name": text_or_none(f"/proc/{pid}/comm")}


def _is_mounted_read_only(path: str) -> bool:
    """Of a filesystem that the kernel made read-only after an error too (statvfs(3))."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False
