# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The paths, interfaces and users that chrony's configuration names: whether they exist, and their
kind.

Nothing is changed and no device is opened. Paths are read with stat(2). Interfaces are asked for
their abilities, as `ethtool -T` does.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import pwd
import re
import socket
import stat
import struct

from .files import read_text

MAX_NAMED = 200
"""More paths, interfaces or users than any configuration has. Further ones are left out, and count
as unknown."""
MAX_POINTS_BYTES = 64 * 1024

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISREG, "file"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
)
# Directives whose last word is a file or folder that chronyd reads, and starts without.
_READ = ("keyfile", "leapseclist", "ntsservercert", "ntsserverkey", "ntstrustedcerts")
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)

# include/uapi/linux: sockios.h, ethtool.h (struct ethtool_ts_info) and net_tstamp.h
_SIOCETHTOOL = 0x8946
_ETHTOOL_GET_TS_INFO = 0x41
_HARDWARE = 1 << 0 | 1 << 2 | 1 << 6  # SOF_TIMESTAMPING_TX_HARDWARE, RX_HARDWARE, RAW_HARDWARE

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_POINT = re.compile(rf"\s*{_NUMBER}\s+{_NUMBER}")


def named(directives: list, options: dict, directory: str = "/") -> dict:
    """What is there of what the lines and chronyd's own options name: ``{"paths", "interfaces",
    "users", "options"}``.

    ``directives``: the lines as lists of words, the first in lower case. ``options``: those of the
    next start that may end it, ``{letter: {"value", "from"}}``, handed on as they are.
    ``directory``: where relative paths start from. The three others are mappings from the word in
    the configuration to what it stands for: ``paths`` as `kind` says, ``interfaces`` as
    `interface`, ``users`` "present", "absent" or "unknown".
    """
    paths, interfaces, users, points = set(), set(), set(), set()
    for name, *words in directives:
        if name == "user" and words:
            users.add(words[0])
        elif name in ("hwtimestamp", "binddevice", "bindacqdevice") and words and words[0] != "*":
            interfaces.add(words[0])
        elif name == "pidfile" and words:
            paths.update((words[0], folder_of(words[0])))
        elif name in _READ and words:
            paths.add(words[-1])
        elif name == "tempcomp" and len(words) == 3:
            points.add(words[2])
        elif name == "refclock" and len(words) > 1:
            driver, path = words[0], words[1].split(":")[0]
            if driver == "PHC" and not path.startswith("/"):
                interfaces.add(path)  # since chrony 4.7
            if driver in ("PHC", "PPS", "RTC", "SOCK"):
                paths.add(path)
            if driver == "SOCK":
                paths.add(folder_of(path))
    if "l" in options:
        paths.update((options["l"]["value"], folder_of(options["l"]["value"])))
    if "u" in options:
        users.add(options["u"]["value"])
    found = {path: kind(os.path.join(directory, path)) for path in _bounded(paths - points)}
    found.update((path, points_file(os.path.join(directory, path))) for path in _bounded(points))
    return {
        "paths": found,
        "interfaces": {name: interface(name) for name in _bounded(interfaces)},
        "users": {name: user(name) for name in _bounded(users)},
        "options": options,
    }


def _bounded(names: set) -> list:
    return sorted(names)[:MAX_NAMED]


def folder_of(path: str) -> str:
    """The folder that a file stands in, in the path's own words.

    >>> folder_of("/run/chrony/chronyd.pid"), folder_of("chronyd.pid")
    ('/run/chrony', '.')
    """
    return os.path.dirname(path) or "."


def kind(path: str) -> str:
    """What a path leads to: "missing", "folder", "file", "socket", the class of a character device
    or "other".

    The class is the kernel's, "ptp", "pps", "rtc" or "mem" for instance, and "device" if sysfs does
    not show it. It is "denied" if the path may not be read, and "unknown" if that fails in another
    way.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        return "missing" if error.errno in _MISSING else "denied" if error.errno == errno.EACCES else "unknown"
    except ValueError:  # a NUL in it
        return "unknown"
    if stat.S_ISCHR(status.st_mode):
        try:
            number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
            return os.path.basename(os.readlink(f"/sys/dev/char/{number}/subsystem"))
        except OSError:
            return "device"
    return next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "other")


def points_file(path: str) -> str:
    """As `kind` says, but for a file "points" or "no points": whether it has lines of two numbers
    each, and two at least.

    chronyd ends if `tempcomp` names a file without them (chrony's tempcomp.c, read_points).
    """
    what = kind(path)
    if what != "file":
        return what
    try:
        lines = read_text(path, MAX_POINTS_BYTES).splitlines()
    except PermissionError:
        return "denied"
    except (OSError, ValueError):
        return "unknown"
    return "points" if len(lines) > 1 and all(map(_POINT.match, lines)) else "no points"


def interface(name: str) -> str:
    """What a network interface can: "absent", "plain", "phc" (a hardware clock) or "hardware" (it
    stamps packets with that).

    "there" if it could not be asked. chronyd asks the kernel the same (chrony's ntp_io_linux.c,
    add_interface).
    """
    try:
        socket.if_nametoindex(name)
    except (OSError, ValueError):
        return "absent"
    info = array.array("I", [_ETHTOOL_GET_TS_INFO] + [0] * 10)
    request = struct.pack("16sP16x", os.fsencode(name), info.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            fcntl.ioctl(asked, _SIOCETHTOOL, request)
    except OSError as error:
        return "plain" if error.errno in (errno.EOPNOTSUPP, errno.ENODEV) else "there"
    stamps, clock = info[1], info[2]
    if clock > 0x7FFFFFFF:  # a negative number: there is none
        return "plain"
    return "hardware" if stamps & _HARDWARE == _HARDWARE else "phc"


def user(name: str) -> str:
    """Whether there is a user of this name, to chronyd: a number is none (getpwnam(3))."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return "absent"
    except (OSError, ValueError):
        return "unknown"
    return "present"
