"""What may be wrong or weak in chrony's configuration: one rule each, with its reason, its remedy and its source.

A rule's ``find`` is a pure function from the configuration to the places where the rule matches. ``error`` is for what is
wrong for certain, and refuses a node, as ``unknown`` does, which is for what could not be looked at; what may be meant so, or
only weakens the clock, is a ``warning``. An ID never changes its meaning: CHR0xx is about reading the files, CHR1xx the
sources, CHR2xx the clock's discipline, CHR3xx access, CHR4xx NTS.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from .config import ChronyConfig, Directive, Source

Severity = Literal["error", "unknown", "warning"]

ENOUGH_SOURCES = 3
DEFAULT_MAX_DISTANCE_S = 3.0
DEFAULT_MAX_UPDATE_SKEW_PPM = 1000.0
OTHERS_MAY_READ = 0o004

_LOOPBACK = re.compile(r"127[./].*|127|::1(/.*)?|localhost", re.IGNORECASE)

_GOOGLE = [f"time{number}.google.com" for number in range(1, 5)]
_FACEBOOK = [f"time{number}.facebook.com" for number in range(1, 6)]
_AMAZON_LOCAL = ("169.254.169.123", "fd00:ec2::123")

SMEARED = frozenset(
    [
        "time.google.com",
        *_GOOGLE,
        "metadata.google.internal",
        *_AMAZON_LOCAL,
        "time.aws.com",
        "time.facebook.com",
        *_FACEBOOK,
    ]
)
"""Servers that smear leap seconds: developers.google.com/time/smear; the Amazon EC2 User Guide, "Set the time reference";
engineering.fb.com, "Building a more accurate time service at Facebook scale" (2020). No server of pool.ntp.org does."""

ONE_SERVICE = [frozenset(_AMAZON_LOCAL), *(frozenset({"time.google.com", name}) for name in _GOOGLE)]
"""Pairs of names of one machine or set of machines: the Amazon Time Sync Service by IPv4 and IPv6 (Amazon EC2 User Guide), and
the name that stands for all of Google's four (developers.google.com/time/guides)."""


@dataclass(frozen=True)
class Place:
    """Where a rule matches. ``line`` is None where it is about the whole file, or about what is missing from it."""

    file: str
    line: int | None
    text: str


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong. ``id`` and ``name`` are stable; ``source`` says where the rule comes from."""

    id: str
    name: str
    severity: Severity
    why: str
    remedy: str
    source: str
    find: Callable[[ChronyConfig], Iterable[Place]]


def _at(*directives: Directive) -> list[Place]:
    return [Place(d.file, d.line, d.text) for d in directives]


def _file(config: ChronyConfig, text: str) -> list[Place]:
    return [Place(config.path or "chrony.conf", None, text)]


def _lacks(name: str) -> Callable[[ChronyConfig], list[Place]]:
    return lambda config: [] if config.all(name) else _file(config, f"no {name}")


def _has(name: str) -> Callable[[ChronyConfig], list[Place]]:
    return lambda config: _at(*config.all(name))


def _number(directive: Directive | None) -> float | None:
    """The first word after the directive as a number; None where it is none."""
    try:
        return float(directive.arguments[0]) if directive and directive.arguments else None
    except ValueError:
        return None


def _above(name: str, limit: float) -> Callable[[ChronyConfig], list[Place]]:
    def find(config: ChronyConfig) -> list[Place]:
        directive = config.last(name)
        value = _number(directive)
        return _at(directive) if directive and value is not None and value > limit else []

    return find


def selectable(config: ChronyConfig) -> list[Source]:
    """The sources that chronyd may select: without `noselect`, of one's own or by `authselectmode` (chrony.conf(5))."""
    candidates = [source for source in config.sources if "noselect" not in source.options]
    mode, any_authenticated = config.authselectmode, any(source.authenticated for source in candidates)
    if mode == "require" or (mode == "prefer" and any_authenticated):
        return [source for source in candidates if source.authenticated or source.kind == "refclock"]
    return candidates


def source_count(config: ChronyConfig) -> int:
    """How many sources chronyd may have to choose from at the most.

    An address that stands twice counts once; of a name that stands twice, chronyd takes two of its addresses.
    """
    sources = selectable(config)
    addresses = [s.name.lower() for s in sources if _is_address(s.name)]
    return sum(s.most for s in sources) - len(addresses) + len(set(addresses))


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _counts(number: int) -> Callable[[ChronyConfig], list[Place]]:
    def find(config: ChronyConfig) -> list[Place]:
        if source_count(config) != number:
            return []
        return _at(*(source.directive for source in selectable(config)))

    return find


def _refused(config: ChronyConfig) -> Iterator[Place]:
    if config.refused:
        place = re.search(r" at line (\d+) in file (.+)$", config.refused)
        file, line = (place[2], int(place[1])) if place else (config.path or "chrony.conf", None)
        yield Place(file, line, config.refused)
    for problem in config.invalid:
        yield Place(problem.directive.file, problem.directive.line, f"{problem.directive.text}: {problem.why}")


def _unread(config: ChronyConfig) -> Iterator[Place]:
    for path, error in config.unread.items():
        if "No such file" not in error:
            yield Place(path, None, error)


def _dropped(config: ChronyConfig) -> Iterator[Place]:
    for problem in config.dropped:
        yield Place(problem.directive.file, problem.directive.line, f"{problem.directive.text}: {problem.why}")


def _no_source(config: ChronyConfig) -> list[Place]:
    return [] if config.sources else _file(config, "no server, pool, peer or refclock")


def _none_selectable(config: ChronyConfig) -> list[Place]:
    if selectable(config):
        return []
    return _at(*(source.directive for source in config.sources))


def _only_offline(config: ChronyConfig) -> list[Place]:
    sources = selectable(config)
    return _at(*(s.directive for s in sources)) if sources and all("offline" in s.options for s in sources) else []


def _same_source_twice(config: ChronyConfig) -> Iterator[Place]:
    seen = set()
    for source in config.sources:
        if source.name.lower() in seen:
            yield from _at(source.directive)
        seen.add(source.name.lower())


def _one_service(config: ChronyConfig) -> Iterator[Place]:
    names = {source.name.lower() for source in config.sources}
    doubled = {name for pair in ONE_SERVICE if pair <= names for name in pair}
    for source in config.sources:
        if source.name.lower() in doubled:
            yield from _at(source.directive)


def _minsources(config: ChronyConfig) -> list[Place]:
    count = source_count(config)
    return _above("minsources", count)(config) if count else []


def _smeared(config: ChronyConfig) -> list[Source]:
    return [source for source in selectable(config) if source.name.lower() in SMEARED]


def _mixed_smear(config: ChronyConfig) -> list[Place]:
    smeared = _smeared(config)
    if not smeared or len(smeared) == len(selectable(config)):
        return []
    return _at(*(source.directive for source in smeared))


def _leap_seconds_with_smear(config: ChronyConfig) -> list[Place]:
    return _at(*config.all("leapsectz"), *config.all("leapseclist")) if _smeared(config) else []


def _no_makestep(config: ChronyConfig) -> list[Place]:
    directive = config.last("makestep")
    if directive is None:
        return _file(config, "no makestep")
    # A limit of 0 never steps; a negative one always may (reference.c, is_step_limit_reached).
    return _at(directive) if directive.arguments[1:] == ("0",) else []


def _no_rtcsync(config: ChronyConfig) -> list[Place]:
    return [] if config.all("rtcfile") else _lacks("rtcsync")(config)


def _rtcfile_and_rtcsync(config: ChronyConfig) -> list[Place]:
    return (
        _at(*config.all("rtcfile"), *config.all("rtcsync")) if config.all("rtcfile") and config.all("rtcsync") else []
    )


def _no_command_port(config: ChronyConfig) -> list[Place]:
    directive = config.last("cmdport")
    return _at(directive) if directive and _number(directive) == 0 else []


def _opens(name: str) -> Callable[[ChronyConfig], list[Place]]:
    """Where a directive lets in more than this machine itself."""

    def find(config: ChronyConfig) -> list[Place]:
        return _at(*(d for d in config.all(name) if not (d.arguments and _LOOPBACK.fullmatch(d.arguments[-1]))))

    return find


def _serves(config: ChronyConfig) -> list[Place]:
    return [] if _number(config.last("port")) == 0 else _opens("allow")(config)


def _keys_readable(config: ChronyConfig) -> list[Place]:
    directive = config.last("keyfile")
    if directive is None or config.keyfile_mode is None or not config.keyfile_mode & OTHERS_MAY_READ:
        return []
    return _at(directive)


def _nts_and_plain(config: ChronyConfig) -> list[Place]:
    if config.authselectmode != "mix":
        return []
    sources = [s for s in selectable(config) if s.kind != "refclock"]
    nts = [s for s in sources if "nts" in s.options]
    return _at(*(s.directive for s in nts)) if nts and not all(s.authenticated for s in sources) else []


def _nts_under_fips(config: ChronyConfig) -> list[Place]:
    return _at(*(s.directive for s in config.sources if "nts" in s.options)) if config.fips else []


_ADD_SOURCES = f"Give it at least {ENOUGH_SOURCES} servers that are independent of each other, or a pool."
_DOC = "chrony.conf(5)"

_RULES = (
    Rule(
        "CHR001",
        "refused-by-chronyd",
        "error",
        "chronyd does not start with this file: what runs now was started with another, and is gone after the next restart.",
        "Fix the line, and see that `chronyd -p -f FILE` ends with 0.",
        "chronyd(8), -p; conf.c, CNF_ParseLine",
        _refused,
    ),
    Rule(
        "CHR002",
        "unread-file",
        "unknown",
        "A file that could not be read here may hold anything, and was not looked at.",
        "Check the node as root (`become`), and see that the file can be read.",
        "skewgate's own",
        _unread,
    ),
    Rule(
        "CHR003",
        "include-without-match",
        "warning",
        "chronyd reads on without a word: whatever was to be included, servers too, is not in effect.",
        "Put the file where the line looks for it, or take the line out.",
        "conf.c, parse_include",
        lambda config: _at(*config.unmatched),
    ),
    Rule(
        "CHR004",
        "dropped-source",
        "error",
        "chronyd leaves the line out and logs nothing: the server seems to be configured and is never asked.",
        "Fix the line and end it with a newline, then run `chronyc reload sources`.",
        "conf.c, load_source_file",
        _dropped,
    ),
    Rule(
        "CHR101",
        "no-source",
        "error",
        "chronyd runs, is enabled, and has nothing to follow: the clock drifts.",
        _ADD_SOURCES,
        f"{_DOC}, server, pool, peer, refclock",
        _no_source,
    ),
    Rule(
        "CHR102",
        "no-selectable-source",
        "error",
        "All sources are only watched (noselect, or authselectmode without an authenticated source): none ever sets the clock.",
        "Take `noselect` off the servers that shall set the clock, or authenticate them as authselectmode asks.",
        f"{_DOC}, noselect, authselectmode",
        _none_selectable,
    ),
    Rule(
        "CHR103",
        "only-offline-sources",
        "warning",
        "No source is asked until something runs `chronyc online` or `onoffline`; without it chronyd is idle.",
        "Take `offline` off on a machine that is always connected.",
        f"{_DOC}, offline; chronyc(1), onoffline",
        _only_offline,
    ),
    Rule(
        "CHR104",
        "one-source",
        "warning",
        "One source cannot be checked against another: if it is wrong, the clock is wrong.",
        _ADD_SOURCES,
        "RFC 8633, section 3.2; chrony's FAQ, on how many servers are needed",
        _counts(1),
    ),
    Rule(
        "CHR105",
        "two-sources",
        "warning",
        "Of two sources that disagree neither can be outvoted: chronyd then follows none.",
        _ADD_SOURCES,
        "RFC 8633, section 3.2; chrony's FAQ, on how many servers are needed",
        _counts(2),
    ),
    Rule(
        "CHR106",
        "same-source-twice",
        "warning",
        "It is one service, which cannot outvote itself; an address that stands twice is not even added a second time.",
        "Name another server instead; `pool` takes several addresses of one name.",
        "ntp_sources.c, NSR_AddSource",
        _same_source_twice,
    ),
    Rule(
        "CHR107",
        "one-service-by-two-names",
        "warning",
        "The names stand for one service, which cannot outvote itself.",
        "Keep one of the names, and add servers of someone else.",
        "Amazon EC2 User Guide, Amazon Time Sync Service; developers.google.com/time/guides",
        _one_service,
    ),
    Rule(
        "CHR108",
        "minsources-out-of-reach",
        "error",
        "There are never as many sources as it asks for, so the clock is never set.",
        "Lower minsources, or add servers.",
        f"{_DOC}, minsources",
        _minsources,
    ),
    Rule(
        "CHR109",
        "smeared-and-unsmeared",
        "warning",
        "Around a leap second servers that smear it and servers that do not are up to one second apart.",
        "Use only servers that smear, or none.",
        "developers.google.com/time/smear; RFC 8633, section 3.7.1",
        _mixed_smear,
    ),
    Rule(
        "CHR110",
        "leap-seconds-with-smearing-servers",
        "warning",
        "chronyd makes the leap second itself while its servers smear it: the clock is then up to one second off.",
        "Take out leapsectz and leapseclist where the servers smear leap seconds.",
        f"{_DOC}, leapsectz; Debian's chrony.conf",
        _leap_seconds_with_smear,
    ),
    Rule(
        "CHR201",
        "no-makestep",
        "warning",
        "A clock that is far off is only slewed: an hour takes twelve hours.",
        "Add `makestep 1 3`.",
        f"{_DOC}, makestep",
        _no_makestep,
    ),
    Rule(
        "CHR202",
        "no-rtcsync",
        "warning",
        "The RTC is not kept, so its error is back at the next boot; the kernel goes on calling the clock unsynchronised.",
        "Add `rtcsync`.",
        f"{_DOC}, rtcsync",
        _no_rtcsync,
    ),
    Rule(
        "CHR203",
        "rtcfile-with-rtcsync",
        "error",
        "chronyd does not start with both, and `chronyd -p` does not say so.",
        "Take out rtcfile.",
        "rtc.c, RTC_Initialise",
        _rtcfile_and_rtcsync,
    ),
    Rule(
        "CHR204",
        "no-driftfile",
        "warning",
        "At each start chronyd learns anew how fast the clock runs, and is less exact until it has.",
        "Add `driftfile /var/lib/chrony/drift`.",
        f"{_DOC}, driftfile",
        _lacks("driftfile"),
    ),
    Rule(
        "CHR205",
        "maxchange",
        "warning",
        "An offset beyond it is ignored, or ends chronyd: the clock is then left as wrong as it is.",
        "Take it out, unless a wrong clock is better for this node than a stepped one.",
        f"{_DOC}, maxchange",
        _has("maxchange"),
    ),
    Rule(
        "CHR206",
        "maxdistance-raised",
        "warning",
        f"Servers that may be more than {DEFAULT_MAX_DISTANCE_S:g} s off by their own account are followed.",
        "Take it out.",
        f"{_DOC}, maxdistance",
        _above("maxdistance", DEFAULT_MAX_DISTANCE_S),
    ),
    Rule(
        "CHR207",
        "maxupdateskew-raised",
        "warning",
        "Estimates of the clock's rate are used that say themselves that they are unreliable.",
        "Take it out, or set it to 100.",
        f"{_DOC}, maxupdateskew",
        _above("maxupdateskew", DEFAULT_MAX_UPDATE_SKEW_PPM),
    ),
    Rule(
        "CHR208",
        "local",
        "warning",
        "With every source lost, chronyd calls itself synchronised, to its own clock: the loss goes unseen.",
        "Take it out on nodes; it belongs on a server of a network without another.",
        f"{_DOC}, local",
        _has("local"),
    ),
    Rule(
        "CHR209",
        "initstepslew",
        "warning",
        "It is deprecated, and delays the start where its servers do not answer.",
        "Use `makestep 1 3` and servers with iburst.",
        f"{_DOC}, initstepslew",
        _has("initstepslew"),
    ),
    Rule(
        "CHR210",
        "manual",
        "warning",
        "The clock can be set by hand, with `chronyc settime`.",
        "Take it out.",
        f"{_DOC}, manual",
        _has("manual"),
    ),
    Rule(
        "CHR301",
        "cmdport-0",
        "warning",
        "chrony-wait cannot ask, so services that wait for it start too early or fail; only root can use chronyc.",
        "Take it out: by default the port is open to this machine alone.",
        f"{_DOC}, cmdport; chrony's chrony-wait.service",
        _no_command_port,
    ),
    Rule(
        "CHR302",
        "allow",
        "warning",
        "The node is an NTP server for others, which a node of a cluster need not be.",
        "Take it out, or add `port 0`.",
        f"{_DOC}, allow",
        _serves,
    ),
    Rule(
        "CHR303",
        "cmdallow",
        "warning",
        "Other hosts may ask this chronyd what it does, where bindcmdaddress lets them reach it.",
        "Take it out.",
        f"{_DOC}, cmdallow",
        _opens("cmdallow"),
    ),
    Rule(
        "CHR304",
        "keyfile-readable",
        "warning",
        "Every user of the node can read the keys that authenticate its time.",
        "Make it mode 0640, of root and chronyd's group.",
        f"{_DOC}, keyfile",
        _keys_readable,
    ),
    Rule(
        "CHR401",
        "nts-and-plain",
        "warning",
        "By default (authselectmode mix) the NTS servers become required beside plain ones: with TCP 4460 blocked the clock is "
        "never set, although plain servers answer.",
        "Use NTS for all servers or for none; or say what is meant: `authselectmode prefer` never uses the plain ones, `ignore` "
        "uses all alike and gives up what NTS protects from.",
        f"{_DOC}, authselectmode; sources.c, update_sel_options",
        _nts_and_plain,
    ),
    Rule(
        "CHR402",
        "nts-under-fips",
        "warning",
        "NTS needs a cipher that FIPS mode forbids: chronyd can abort.",
        "Use servers without NTS, or set GNUTLS_FORCE_FIPS_MODE=0 for chronyd in /etc/sysconfig/chronyd.",
        "Red Hat Enterprise Linux 9, Configuring basic system settings, Network Time Security (NTS) in chrony",
        _nts_under_fips,
    ),
)

RULES = {rule.id: rule for rule in _RULES}
"""All rules by ID."""
