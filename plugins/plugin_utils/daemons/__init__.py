"""The kinds of time daemon, one file each, with a descriptor ``DAEMON``.

Every table about daemons is derived from the descriptors, and a new file here is a new daemon. Its
units and processes are also in module_utils/node/names.py, because nodes look for them. Code that
several daemons share is in the folder ``common``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Protocol, cast

from .common.daemon import Daemon


class _Module(Protocol):
    """The form of each file in this folder."""

    DAEMON: Daemon


@cache
def discover() -> Mapping[str, Daemon]:
    """All descriptors by the daemon's name, in the order of their files."""
    files = sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.ispkg)
    modules = (cast(_Module, importlib.import_module(f"{__name__}.{name}")) for name in files)
    return {module.DAEMON.name: module.DAEMON for module in modules}


@cache
def daemons_by_unit() -> Mapping[str, Daemon]:
    """The daemon of each unit's name, without its suffix and instance."""
    return {name: daemon for daemon in discover().values() for name in daemon.units}


@cache
def daemons_by_process() -> Mapping[str, Daemon]:
    """The daemon of each process' name, as /proc/PID/comm has it."""
    return {comm: daemon for daemon in discover().values() for comm in daemon.processes}


@cache
def wait_units() -> tuple[str, ...]:
    """The units that ask a daemon and wait for its first synchronisation, each once."""
    return tuple(dict.fromkeys(unit for daemon in discover().values() for unit in daemon.wait_units))


def sections_of(daemons: Iterable[Daemon]) -> tuple[str, ...]:
    """The sections of the evidence in which these daemons show their configuration and their
    answers, each once.
    """
    return tuple(dict.fromkeys(daemon.section for daemon in daemons if daemon.section))
