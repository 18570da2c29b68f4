"""Places in chrony's configuration that are wrong or weak: pure functions from
configuration to places.

`rules` says why each matters. If a function returns a function, it makes one for a
directive or a limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...module_utils.node.names import COMMAND_LINE
from .config import ChronyConfig, Directive, Problem, Source
from .makestep import makestep
from .sources import host_key, most_of, online, selectable, source_count

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
"""Servers that smear leap seconds: developers.google.com/time/smear; the Amazon EC2 User Guide,
"Set the time reference"; engineering.fb.com, "Building a more accurate time service at Facebook
scale" (2020). No server of pool.ntp.org does."""

ONE_SERVICE = [frozenset(_AMAZON_LOCAL), *(frozenset({"time.google.com", name}) for name in _GOOGLE)]
"""Pairs of names of one service: the Amazon Time Sync Service with IPv4 and IPv6 (Amazon EC2 User
Guide), and the name that stands for all of Google's four (developers.google.com/time/guides)."""


@dataclass(frozen=True)
class Place:
    """Where a rule matches.

    ``line`` is None if it is about the whole file, or about a missing line.
    """

    file: str
    line: int | None
    text: str

    @property
    def where(self) -> str:
        """As ``/etc/chrony/chrony.conf:7``."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        """As ``/etc/chrony/chrony.conf:7 (servre a)``."""
        return f"{self.where} ({self.text})"


def at(*directives: Directive) -> list[Place]:
    """Where these lines stand."""
    return [Place(d.file, d.line, d.text) for d in directives]


def _because(problems: Iterable[Problem], *, certain: bool = True) -> Iterator[Place]:
    for problem in problems:
        if problem.certain is certain:
            yield Place(
                problem.directive.file, problem.directive.line, f"{problem.directive.text}: {problem.why}".lstrip(": ")
            )


def _file(config: ChronyConfig, text: str) -> list[Place]:
    return [Place(config.path or "chrony.conf", None, text)]


def lacks(name: str) -> Callable[[ChronyConfig], list[Place]]:
    """Find the first file, if no line has this directive."""
    return lambda config: [] if config.all(name) else _file(config, f"no {name}")


def has(name: str) -> Callable[[ChronyConfig], list[Place]]:
    """Find every line with this directive."""
    return lambda config: at(*config.all(name))


def _number(directive: Directive | None) -> float | None:
    """The first word after the directive as a number; None if it is none."""
    try:
        return float(directive.arguments[0]) if directive and directive.arguments else None
    except ValueError:
        return None


def above(name: str, limit: float) -> Callable[[ChronyConfig], list[Place]]:
    """Find a directive's last line, if its number is above ``limit``, in the directive's unit."""

    def find(config: ChronyConfig) -> list[Place]:
        directive = config.last(name)
        value = _number(directive)
        return at(directive) if directive and value is not None and value > limit else []

    return find


def counts(number: int) -> Callable[[ChronyConfig], list[Place]]:
    """Find all sources that chronyd may select, if there are this many."""

    def find(config: ChronyConfig) -> list[Place]:
        if source_count(config) != number:
            return []
        return at(*(source.directive for source in selectable(config)))

    return find


def refused(config: ChronyConfig) -> Iterator[Place]:
    """The error of `chronyd -p`, and the lines for which chronyd would not start."""
    if config.refused:
        # For a line on its command line, chronyd names no file.
        place = re.search(r" at line (\d+)(?: in file (.+))?$", config.refused)
        line = int(place[1]) if place else None
        yield Place((place and place[2]) or config.path or "chrony.conf", line, config.refused)
    yield from _because(config.invalid)


def on_command_line(config: ChronyConfig) -> list[Place]:
    """The first directive that chronyd was started with instead of a file."""
    return at(*[directive for directive in config.directives if directive.file == COMMAND_LINE][:1])


def unread(config: ChronyConfig) -> Iterator[Place]:
    """Files that exist and could not be read."""
    for file in config.unreadable:
        yield Place(file.path, None, file.error)


def unmatched(config: ChronyConfig) -> list[Place]:
    """`include` lines that match no file."""
    return at(*config.unmatched)


def dropped(config: ChronyConfig) -> Iterator[Place]:
    """Lines of `.sources` files that chronyd drops."""
    return _because(config.dropped)


def unjudged(config: ChronyConfig) -> Iterator[Place]:
    """Lines that chronyd accepts, although according to the tables here it cannot use them."""
    return _because(config.unjudged)


def uncertain(config: ChronyConfig) -> Iterator[Place]:
    """Lines that chronyd may drop or refuse, and was not asked about."""
    return _because([*config.invalid, *config.dropped], certain=False)


def unseen_lost(config: ChronyConfig) -> Iterator[Place]:
    """Lines that chronyd cannot use because of characters that an editor does not show."""
    return _because(config.unseen_lost)


def unseen(config: ChronyConfig) -> Iterator[Place]:
    """Lines that chronyd accepts although they have characters that an editor does not show."""
    return _because(config.unseen)


def no_source(config: ChronyConfig) -> list[Place]:
    """The first file, if no line names a source."""
    return [] if config.sources else _file(config, "no server, pool, peer or refclock")


def none_selectable(config: ChronyConfig) -> list[Place]:
    """All sources, if chronyd may select none of them."""
    if selectable(config):
        return []
    return at(*(source.directive for source in config.sources))


def only_offline(config: ChronyConfig) -> list[Place]:
    """All sources that chronyd may select, if each waits for `chronyc online`."""
    return [] if online(config) else at(*(source.directive for source in selectable(config)))


def same_source_twice(config: ChronyConfig) -> Iterator[Place]:
    """Each further line with a name that another line has."""
    seen = set()
    for source in config.sources:
        if host_key(source.name) in seen:
            yield from at(source.directive)
        seen.add(host_key(source.name))


def one_service(config: ChronyConfig) -> Iterator[Place]:
    """Sources whose names stand for one service."""
    names = {host_key(source.name) for source in config.sources}
    doubled = {name for pair in ONE_SERVICE if pair <= names for name in pair}
    for source in config.sources:
        if host_key(source.name) in doubled:
            yield from at(source.directive)


def minsources(config: ChronyConfig) -> list[Place]:
    """`minsources`, if it asks for more sources than there can be."""
    count = source_count(config)
    return above("minsources", count)(config) if count else []


def minsources_offline(config: ChronyConfig) -> list[Place]:
    """`minsources`, if it needs sources that are offline until something sets them online."""
    directive = config.last("minsources")
    wanted = _number(directive)
    if directive is None or wanted is None or not most_of(online(config)) < wanted <= source_count(config):
        return []
    return at(directive)


def required_unselectable(config: ChronyConfig) -> list[Place]:
    """The required sources, if chronyd may select none of them, but others."""
    may = selectable(config)
    required = [source for source in config.sources if "require" in source.options]
    return [] if not may or any(source in may for source in required) else at(*(s.directive for s in required))


def nothing_within(config: ChronyConfig) -> list[Place]:
    """Limits of 0, which no source meets."""
    limits = [config.last(name) for name in ("maxdistance", "maxjitter")]
    return at(*(limit for limit in limits if limit and (_number(limit) or 0.0) <= 0 and _number(limit) is not None))


def _smeared(config: ChronyConfig) -> list[Source]:
    return [source for source in selectable(config) if host_key(source.name) in SMEARED]


def mixed_smear(config: ChronyConfig) -> list[Place]:
    """Servers that smear leap seconds, if others beside them do not."""
    smeared = _smeared(config)
    if not smeared or len(smeared) == len(selectable(config)):
        return []
    return at(*(source.directive for source in smeared))


def leap_seconds_with_smear(config: ChronyConfig) -> list[Place]:
    """Lines that make chronyd insert leap seconds which its servers smear."""
    return at(*config.all("leapsectz"), *config.all("leapseclist")) if _smeared(config) else []


def no_makestep(config: ChronyConfig) -> list[Place]:
    """The first file, if no line lets chronyd step the clock, or the `makestep` that never does."""
    directive = config.last("makestep")
    if directive is None:
        return _file(config, "no makestep")
    # A limit of 0 never steps; a negative one always may (reference.c, is_step_limit_reached).
    threshold_s, updates = makestep(config)
    return [] if updates and threshold_s < math.inf else at(directive)


def no_rtcsync(config: ChronyConfig) -> list[Place]:
    """The first file, if neither `rtcsync` nor `rtcfile` keeps the RTC."""
    return [] if config.all("rtcfile") else lacks("rtcsync")(config)


def rtcfile_and_rtcsync(config: ChronyConfig) -> list[Place]:
    """The lines of both, if there are both."""
    return at(*config.all("rtcfile"), *config.all("rtcsync")) if config.all("rtcfile") and config.all("rtcsync") else []


def no_command_port(config: ChronyConfig) -> list[Place]:
    """`cmdport 0`, with which chronyd takes no commands over UDP."""
    directive = config.last("cmdport")
    return at(directive) if directive and _number(directive) == 0 else []


def opens(name: str) -> Callable[[ChronyConfig], list[Place]]:
    """Find the lines of a directive that let in more than this machine itself."""

    def find(config: ChronyConfig) -> list[Place]:
        return at(*(d for d in config.all(name) if not (d.arguments and _LOOPBACK.fullmatch(d.arguments[-1]))))

    return find


def serves(config: ChronyConfig) -> list[Place]:
    """`allow` lines that make the node a server for others than itself."""
    return [] if _number(config.last("port")) == 0 else opens("allow")(config)


def keys_readable(config: ChronyConfig) -> list[Place]:
    """`keyfile`, if every user may read that file."""
    directive = config.last("keyfile")
    if directive is None or config.keyfile_mode is None or not config.keyfile_mode & OTHERS_MAY_READ:
        return []
    return at(directive)


def authenticated_and_plain(config: ChronyConfig) -> list[Place]:
    """Authenticated sources beside plain ones, if authselectmode mixes them."""
    if config.authselectmode != "mix":
        return []
    sources = [s for s in selectable(config) if s.kind != "refclock"]
    authenticated = [s for s in sources if s.authenticated]
    return at(*(s.directive for s in authenticated)) if len(authenticated) < len(sources) else []


def nts_under_fips(config: ChronyConfig) -> list[Place]:
    """NTS sources, if chronyd runs in FIPS mode."""
    return at(*(s.directive for s in config.sources if "nts" in s.options)) if config.fips else []
