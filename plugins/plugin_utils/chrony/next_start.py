"""The lines for which chronyd would end at its next start although `chronyd -p` accepts them.

`-p` only parses. So a chronyd that runs, and whose files were changed, may not run after the next
boot: a user, a folder, a device or an interface does not exist, or two lines exclude each other. A
test starts chronyd 4.0, 4.3, 4.6 and 4.9 with each case; for the versions in between, chrony's NEWS
was read. The needs of a PHC, a PPS device and an existing interface are only from its source.
Restrictions of AppArmor, SELinux or systemd are not known here.

Lines that do not end a start are not here: an absent key file, drift file, log folder, certificate,
`leapsectz` and the like. Nor are later events, such as `maxchange`, or a port or socket that
another daemon holds at that time.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ..boundary.once import once
from .config import ChronyConfig, Directive
from .faults import Place

TRIED_TO = (4, 9)
"""The latest chrony whose reference clocks are known here."""

_DRIVER_OPTIONS = {
    "PHC": ("nocrossts", "extpps", "pin", "channel", "clear"),
    "PPS": ("clear",),
    "RTC": ("utc",),
    "SHM": ("perm",),
    "SOCK": (),
}
_RTC_SINCE = _PHC_OF_INTERFACE_SINCE = (4, 7)
_NO_PIDFILE_SINCE = (4, 6)
_PAIRS_OF_NTS_FILES_SINCE = (4, 1)
_RUN_FOLDERS = ("/run/chrony", "/var/run/chrony")
"""The default path of chronyd's command socket.

It makes that folder before it writes its PID file.
"""
_DEVICES = {"PHC": "ptp", "PPS": "pps"}
"""The kernel's class of the device that a reference clock needs;
for the RTC, any file that can be opened.
"""


MAX_SOCKET_BYTES = 108
"""The longest path of a socket, with the NUL at its end (unix(7))."""


class Reason(StrEnum):
    """Why chronyd would end; each is a rule."""

    USER = "user"
    PATH = "path"
    INTERFACE = "interface"
    REFCLOCK = "refclock"
    TOGETHER = "together"
    VALUE = "value"
    OPTION = "option"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Need:
    """What a line needs on the node: the path, interface or user ``name``
    (module_utils/node/named.py).

    ``kind`` is a name in the evidence's ``named``.
    """

    kind: Literal["paths", "interfaces", "users"]
    name: str
    one_of: tuple[str, ...]


@dataclass(frozen=True)
class Stop:
    """A line that ends the next start; with Reason.UNKNOWN, a line that may end it.

    ``need``: what the node would have to show to decide it, if that is known.
    """

    reason: Reason
    place: Place
    need: Need | None = None


_Why = tuple[Reason, str, Need | None]


@once
def stops(config: ChronyConfig) -> Sequence[Stop]:
    """Each line that ends the next start, or may do so."""
    kinds = (_users, _files, _interfaces, _refclocks, _together, _values, _options)
    return tuple(stop for found in kinds for stop in found(config))


def finds(reason: Reason) -> Callable[[ChronyConfig], list[Place]]:
    """Find the lines that end the next start for one reason."""
    return lambda config: [stop.place for stop in stops(config) if stop.reason is reason]


def _stop(directive: Directive, reason: Reason, why: str, need: Need | None = None) -> Stop:
    return Stop(reason, Place(directive.file, directive.line, f"{directive.text}: {why}"), need)


def _known(config: ChronyConfig, kind: str, name: str) -> str:
    """What the node showed of a path, an interface or a user; "unknown" where it showed nothing."""
    found = (config.named or {}).get(kind) or {}
    return str(found.get(name, "unknown"))


def _option(config: ChronyConfig, letter: str) -> tuple[str, Directive] | None:
    """The value of one of chronyd's command-line options, and a line that stands for it."""
    found = ((config.named or {}).get("options") or {}).get(letter)
    if not found:
        return None
    return found["value"], Directive("", (), found["from"], 0, f"-{letter} {found['value']}".strip())


def _option_stop(option: Directive, reason: Reason, why: str, need: Need | None = None) -> Stop:
    return Stop(reason, Place(option.file, None, f"{option.text}: {why}"), need)


def _before(config: ChronyConfig, version: tuple[int, ...]) -> bool:
    return config.version is not None and config.version < version


def _newer(config: ChronyConfig) -> bool:
    """Whether this chrony may know more than the tables here."""
    return config.version is not None and config.version[: len(TRIED_TO)] > TRIED_TO


def _users(config: ChronyConfig) -> Iterator[Stop]:
    option = _option(config, "u")  # chronyd's option -u wins
    directive = config.last("user")
    if option:
        for why in _user(config, option[0]):
            yield _option_stop(option[1], *why)
    elif directive and directive.arguments:
        for why in _user(config, directive.arguments[0]):
            yield _stop(directive, *why)


def _user(config: ChronyConfig, name: str) -> Iterator[_Why]:
    found = _known(config, "users", name)
    if found == "absent":
        yield Reason.USER, f"there is no user {name}", None
    elif found == "unknown":
        yield Reason.UNKNOWN, f"it is not known whether there is a user {name}", Need("users", name, ("present",))


def _files(config: ChronyConfig) -> Iterator[Stop]:
    """Files that chronyd writes or reads, or it ends:
    PID file, log file (-l), the points of `tempcomp`.
    """
    directive = config.last("pidfile")
    if (
        directive
        and directive.arguments
        and not (directive.arguments[0] == "/" and not _before(config, _NO_PIDFILE_SINCE))
    ):
        for why in _created(config, directive.arguments[0], _made(config)):
            yield _stop(directive, *why)
    if option := _option(config, "l"):
        for why in _created(config, option[0], ()):
            yield _option_stop(option[1], *why)
    directive = config.last("tempcomp")
    if directive and len(directive.arguments) == 3:
        path = directive.arguments[2]
        found = _known(config, "paths", path)
        if found in ("denied", "unknown"):
            need = Need("paths", path, ("points",))
            yield _stop(directive, Reason.UNKNOWN, f"it is not known whether {path} has points ({found})", need)
        elif found != "points":
            yield _stop(directive, Reason.PATH, f"{path} {_WORDS.get(found, 'has no two points')}")


_WORDS = {"missing": "does not exist", "folder": "is a folder"}


def _created(config: ChronyConfig, path: str, made: Sequence[str]) -> Iterator[_Why]:
    """Why a file or socket cannot be made at a path.

    ``made``: folders that chronyd makes before.
    """
    folder = posixpath.dirname(path) or "."
    if any(posixpath.normpath(one) == posixpath.normpath(folder) or _is_above(folder, one) for one in made):
        usable: tuple[str, ...] = ("folder", "missing")
    else:
        usable = ("folder",)
    found = _known(config, "paths", folder)
    if found in ("denied", "unknown"):
        need = Need("paths", folder, usable)
        yield Reason.UNKNOWN, f"it is not known whether there is a folder {folder} ({found})", need
    elif found not in usable:
        yield Reason.PATH, f"there is no folder {folder}" if found == "missing" else f"{folder} is no folder", None
    elif _known(config, "paths", path) == "folder":
        yield Reason.PATH, f"{path} is a folder", None


def _is_above(folder: str, other: str) -> bool:
    return posixpath.normpath(other).startswith(posixpath.normpath(folder).rstrip("/") + "/")


def _made(config: ChronyConfig) -> list[str]:
    """The folders that chronyd makes at its start, with those above them (conf.c,
    CNF_CreateDirs).
    """
    paths = [d.arguments[0] for d in config.all("bindcmdaddress") if d.arguments and d.arguments[0].startswith("/")]
    made = [posixpath.dirname(paths[-1])] if paths else [*_RUN_FOLDERS]
    for names in (("logdir",), ("dumpdir",), ("ntsdumpdir", "ntscachedir")):
        named = [d.arguments[0] for d in config.directives if d.name in names and d.arguments]
        made += named[-1:]
    return [folder for folder in made if folder]


def _interfaces(config: ChronyConfig) -> Iterator[Stop]:
    for directive in config.all("hwtimestamp"):
        if directive.arguments and directive.arguments[0] != "*":
            found = _known(config, "interfaces", directive.arguments[0])
            if found in ("unknown", "there"):
                need = Need("interfaces", directive.arguments[0], ("hardware",))
                yield _stop(directive, Reason.UNKNOWN, "it is not known what the interface can do", need)
            elif found != "hardware":
                lacks = (
                    "there is no such interface"
                    if found == "absent"
                    else "the interface does not stamp packets in hardware"
                )
                yield _stop(directive, Reason.INTERFACE, lacks)
    # ntp_io.c, NIO_Initialise: only sockets that chronyd needs all the time end it.
    port, own_port = _number(config, "port", 123), _number(config, "acquisitionport", -1)
    if own_port == port != 0:
        yield from _bound(config, "binddevice")
    elif own_port >= 0:
        yield from _bound(config, "bindacqdevice")


def _bound(config: ChronyConfig, name: str) -> Iterator[Stop]:
    directive = config.last(name)
    if directive and directive.arguments:
        found = _known(config, "interfaces", directive.arguments[0])
        if found == "absent":
            yield _stop(
                directive,
                Reason.INTERFACE,
                "there is no such interface, and this acquisitionport needs it",
            )
        elif found == "unknown":
            need = Need("interfaces", directive.arguments[0], ("plain", "phc", "hardware", "there"))
            yield _stop(directive, Reason.UNKNOWN, "it is not known whether there is such an interface", need)


def _number(config: ChronyConfig, name: str, default: int) -> int:
    directive = config.last(name)
    if directive is None or not directive.arguments or not re.fullmatch(r"[+-]?[0-9]{1,10}", directive.arguments[0]):
        return default
    return int(directive.arguments[0])


def _refclocks(config: ChronyConfig) -> Iterator[Stop]:
    for directive in config.all("refclock"):
        if len(directive.arguments) > 1:
            yield from _refclock(config, directive)


def _refclock(config: ChronyConfig, directive: Directive) -> Iterator[Stop]:
    driver, (path, *own_options) = directive.arguments[0], directive.arguments[1].split(":")
    words = _flags(directive.arguments[2:])
    known = _DRIVER_OPTIONS.get(driver)
    if own_options and not own_options[-1]:
        own_options.pop()
    strange = [option for option in own_options if option.partition("=")[0] not in (known or ())]
    if known is None or (driver == "RTC" and _before(config, _RTC_SINCE)):
        reason = Reason.UNKNOWN if _newer(config) else Reason.REFCLOCK
        yield _stop(
            directive,
            reason,
            f"chronyd has no driver {driver}" if not _newer(config) else f"the driver {driver} is not known",
        )
        return
    if strange:
        reason = Reason.UNKNOWN if _newer(config) else Reason.REFCLOCK
        yield _stop(directive, reason, f"the driver {driver} has no option {strange[0]!r}")
    if "tai" in words and not (config.all("leapsectz") or config.all("leapseclist")):
        yield _stop(directive, Reason.REFCLOCK, "its option tai needs leapsectz or leapseclist")
    if driver == "RTC" and (config.all("rtcsync") or config.all("rtcfile")):
        yield _stop(directive, Reason.REFCLOCK, "it cannot be used with rtcsync or rtcfile")
    if "optional" not in words:
        for why in _device(config, driver, path):
            yield _stop(directive, *why)


def _flags(arguments: Sequence[str]) -> set[str]:
    """A reference clock's options, without the names that some have as their value."""
    words = [word.lower() for word in arguments]
    return {word for before, word in zip(["", *words], words, strict=False) if before not in ("refid", "lock")}


def _device(config: ChronyConfig, driver: str, path: str) -> Iterator[_Why]:
    if driver == "PHC" and not path.startswith("/") and not _before(config, _PHC_OF_INTERFACE_SINCE):
        found = _known(config, "interfaces", path)
        if found in ("absent", "plain"):
            lacks = "no interface" if found == "absent" else "an interface without a clock"
            yield Reason.REFCLOCK, f"{path} is {lacks}", None
        elif found in ("unknown", "there"):
            need = Need("interfaces", path, ("phc", "hardware"))
            yield Reason.UNKNOWN, "it is not known whether the interface has a clock", need
    elif driver == "SOCK":
        if len(path.encode(errors="replace")) >= MAX_SOCKET_BYTES:
            yield Reason.REFCLOCK, "the path is too long for a socket", None
        for reason, why, need_of_folder in _created(config, path, _made(config)):
            yield Reason.REFCLOCK if reason is Reason.PATH else reason, why, need_of_folder
    elif driver != "SHM":
        found = _known(config, "paths", path)
        if found == "missing":
            yield Reason.REFCLOCK, f"there is no {path}", None
        elif found in ("denied", "unknown") or (found == "device" and driver in _DEVICES):
            need = Need("paths", path, (_DEVICES.get(driver, "rtc"),))
            yield Reason.UNKNOWN, f"it is not known what {path} is ({found})", need
        elif found != _DEVICES.get(driver, found) or found == "socket":
            yield Reason.REFCLOCK, f"{path} is no {driver} device ({found})", None


def _together(config: ChronyConfig) -> Iterator[Stop]:
    """Lines that exclude each other; rtcfile and rtcsync have another rule."""
    if config.all("noclientlog"):
        for name in ("ratelimit", "cmdratelimit", "ntsratelimit"):
            for directive in config.all(name)[:1]:
                yield _stop(directive, Reason.TOGETHER, "rates cannot be limited with noclientlog")
    keys, certificates = config.all("ntsserverkey"), config.all("ntsservercert")
    if len(keys) != len(certificates) and not _before(config, _PAIRS_OF_NTS_FILES_SINCE):
        many = keys if len(keys) > len(certificates) else certificates
        count = f"{len(keys)} ntsserverkey, {len(certificates)} ntsservercert: there must be as many of each"
        yield _stop(many[-1], Reason.TOGETHER, count)
    mail, level = config.last("mailonchange"), _option(config, "F")
    if mail and level and _whole(level[0]) != 0:
        yield _stop(mail, Reason.TOGETHER, f"it cannot be used with chronyd's option -F {level[0]} ({level[1].file})")


def _whole(text: str) -> int | None:
    """A number as sscanf(3) reads it: the text after it is ignored."""
    number = re.match(r"[+-]?[0-9]{1,10}", text)
    return int(number[0]) if number else None


def _values(config: ChronyConfig) -> Iterator[Stop]:
    """Numbers that `-p` accepts and a start does not."""
    option, directive = _option(config, "P"), config.last("sched_priority")
    if option and _whole(option[0]):
        if not 1 <= (_whole(option[0]) or 0) <= 99:
            yield _option_stop(option[1], Reason.VALUE, "a priority is from 0 to 99")
    elif directive and not 0 <= _number(config, "sched_priority", 0) <= 99:
        yield _stop(directive, Reason.VALUE, "a priority is from 0 to 99")
    for directive in config.directives:
        if directive.name in ("allow", "deny", "cmdallow", "cmddeny") and directive.arguments:
            network, slash, bits = directive.arguments[-1].partition("/")
            most = 128 if ":" in network else 32
            if slash and not 0 <= (_whole(bits) or 0) <= most:
                yield _stop(directive, Reason.VALUE, f"a network's prefix is from 0 to {most} bits")


def _options(config: ChronyConfig) -> Iterator[Stop]:
    """Command-line options with which chronyd ends, at once or after a task."""
    for letter in "FLPt":
        option = _option(config, letter)
        if option and _whole(option[0]) is None:
            yield _option_stop(option[1], Reason.OPTION, "it takes a whole number")
    for letter in "Qhpqv":
        if option := _option(config, letter):
            yield _option_stop(option[1], Reason.OPTION, "with this option chronyd does one task and ends")
    option = _option(config, "t")
    if option and (_whole(option[0]) or 0) > 0:
        yield _option_stop(option[1], Reason.OPTION, "chronyd ends after these seconds")
    if option := _option(config, "?"):
        reason = Reason.UNKNOWN if _newer(config) else Reason.OPTION
        yield Stop(reason, Place(option[1].file, None, option[0]))


def left_out(config: ChronyConfig) -> Iterator[Place]:
    """Lines whose file does not exist: chronyd starts, but the line has no effect."""
    uses = {option for source in config.sources for option in source.options}
    wanted = {"keyfile": "key" in uses, "ntstrustedcerts": "nts" in uses}
    for name in ("keyfile", "leapseclist", "ntsservercert", "ntsserverkey", "ntstrustedcerts"):
        for directive in config.all(name)[-1:] if name == "keyfile" else config.all(name):
            if directive.arguments and wanted.get(name, True):
                path = directive.arguments[-1]
                if _known(config, "paths", path) == "missing":
                    yield Place(directive.file, directive.line, f"{directive.text}: there is no {path}")
