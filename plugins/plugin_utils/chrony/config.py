"""chrony's configuration: its lines in effect, its sources,
and the parts that could not be read or used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

DEFAULT_POOL_SOURCES = 4
MAX_POOL_SOURCES = 16


@dataclass(frozen=True)
class Directive:
    """One line with a directive: its name in lower case, its words,
    file and line (counted from 1).
    """

    name: str
    arguments: tuple[str, ...]
    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Source:
    """A server, pool, peer or refclock. ``options`` are in lower case, with their value or "".

    For a refclock, only options are read that say whether it may be selected, or be absent.
    """

    kind: str
    name: str
    options: Mapping[str, str]
    directive: Directive

    @property
    def authenticated(self) -> bool:
        """Whether its packets are authenticated, with NTS or with a key."""
        return "nts" in self.options or "key" in self.options

    @property
    def most(self) -> int:
        """How many sources it is at the most: a pool is several (chrony.conf(5), `maxsources`)."""
        if self.kind != "pool":
            return 1
        return min(max(int(self.options.get("maxsources", DEFAULT_POOL_SOURCES)), 1), MAX_POOL_SOURCES)


@dataclass(frozen=True)
class Problem:
    """A line that chronyd cannot use, and why.

    ``certain``: False if chronyd was not asked and might use it.
    """

    directive: Directive
    why: str
    certain: bool = True


class UnreadKind(StrEnum):
    """Why a file could not be read: it does not exist, it needs more rights, or another reason."""

    MISSING = "missing"
    DENIED = "denied"
    OTHER = "other"


@dataclass(frozen=True)
class Unread:
    """A file that the node could not read; ``error`` is the node's message."""

    path: str
    kind: UnreadKind
    error: str


@dataclass(frozen=True)
class ChronyConfig:
    """All that chronyd reads, in the order in which it reads it.

    ``directives``: the lines in effect. ``sources``: those of them that are time sources.
    ``dropped``: lines of `.sources` files that chronyd drops without a message. ``invalid``: lines
    of the other files for which it would not start, found by this parser if `chronyd -p` could not
    be asked. ``refused``: the error of `chronyd -p`. ``unjudged``: lines that chronyd accepts,
    although according to the tables here it cannot use them. ``unseen``: lines with characters that
    an editor does not show, which chronyd takes for letters; ``unseen_lost``: those of them that it
    cannot use. ``unread``: files that the node could not read, by path. ``unmatched``: `include`
    lines that match no file. ``rewritten``: files that were changed after chronyd started.
    ``keyfile_mode``: the key file's permissions, None if they are not known. ``fips``: whether
    chronyd's TLS library is in FIPS mode. ``version``: chronyd's, None if it is not known.
    ``named``: which of the things that the lines name exist (module_utils/node/named.py), None if
    the node did not show it. ``not_built_in``: the features that `chronyd -v` lists as missing.
    ``defaults``: the files of chronyd's options, by path.
    """

    path: str | None
    files: tuple[str, ...] = ()
    directives: tuple[Directive, ...] = ()
    sources: tuple[Source, ...] = ()
    dropped: tuple[Problem, ...] = ()
    invalid: tuple[Problem, ...] = ()
    refused: str | None = None
    unjudged: tuple[Problem, ...] = ()
    unseen: tuple[Problem, ...] = ()
    unseen_lost: tuple[Problem, ...] = ()
    unread: Mapping[str, Unread] = field(default_factory=dict)
    unmatched: tuple[Directive, ...] = ()
    rewritten: tuple[str, ...] = ()
    keyfile_mode: int | None = None
    fips: bool = False
    version: tuple[int, ...] | None = None
    named: Mapping[str, Any] | None = None
    not_built_in: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)

    def all(self, name: str) -> list[Directive]:
        """Every line with this directive."""
        return [*self._by_name.get(name, ())]

    def last(self, name: str) -> Directive | None:
        """The line that counts if the last one of a directive wins."""
        return next(reversed(self._by_name.get(name, ())), None)

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[Directive]]:
        found: dict[str, list[Directive]] = {}
        for directive in self.directives:
            found.setdefault(directive.name, []).append(directive)
        return found

    @property
    def unreadable(self) -> list[Unread]:
        """The files that exist and could not be read: they may hold anything."""
        return [unread for unread in self.unread.values() if unread.kind is not UnreadKind.MISSING]

    @property
    def authselectmode(self) -> str:
        """How authenticated sources are selected beside others:
        require, prefer, mix (default) or ignore.
        """
        directive = self.last("authselectmode")
        return directive.arguments[0].lower() if directive and directive.arguments else "mix"
