"""linuxptp's ptp4l: it follows a PTP grandmaster, with the network card's clock or with the system
clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils.probes.ptp import LETTERS
from ..model.record import Record
from .common import pmc
from .common.daemon import Daemon
from .common.linuxptp import FEEDS, file_text, given, global_settings, is_on
from .common.options import options

_STAMPS = {"-S": "software", "-H": "hardware", "-L": "legacy"}


_SERVER_ONLY = ("serverOnly", "masterOnly")
"""Its name since linuxptp 4.0, and the one before (port.c, port_compute_best)."""


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """Why it does not steer the system clock.

    It steers the system clock only with time stamps in software, without ``free_running``, and not
    if it feeds another daemon. By default it stamps in the network card and steers the card's clock
    (ptp4l(8); clock.c, clock_create). A server that is never a client steers nothing: at its start
    it sets the frequency that it has read.
    """
    read = [
        ("--time_stamping", _STAMPS[option]) if option in _STAMPS else (option, value)
        for option, value in options(process["argv"][1:], LETTERS["ptp4l"])
    ]
    names = ("time_stamping", "free_running", "clock_servo", *_SERVER_ONLY)
    arguments = {name: value for name in names if (value := given(read, name))}
    if reason := _reason(arguments):
        return reason
    text = file_text(process, read, record)
    found = {"time_stamping": "hardware", **global_settings(text), **arguments}
    return _reason(found) or ("ptp4l is a server only (serverOnly)" if _is_server_only(found, text) else "")


def _is_server_only(found: Mapping[str, str], text: str) -> bool:
    """Whether no port is ever a client. No section of the file may say otherwise for its port."""
    lines = [words for words in map(str.split, text.splitlines()) if words[:1] and words[0] in _SERVER_ONLY]
    return any(is_on(found.get(name)) for name in _SERVER_ONLY) and all(is_on(words[-1]) for words in lines)


def _reason(found: Mapping[str, str]) -> str:
    if is_on(found.get("free_running")):
        return "ptp4l steers no clock (free_running)"
    if (servo := found.get("clock_servo")) in FEEDS:
        return f"ptp4l only feeds another daemon (clock_servo {servo})"
    return "ptp4l steers the network card's clock" if found.get("time_stamping", "software") != "software" else ""


DAEMON = Daemon(
    name="ptp4l",
    units=("ptp4l",),
    processes=("ptp4l",),
    section="ptp",
    shown_by="`pmc -u -b 0 'GET TIME_STATUS_NP'`",
    ask=pmc.synchronisation,
    first_correction=pmc.FIRST_CORRECTION,
    leaves_clock_alone=_leaves_clock_alone,
    # If it is alone, it is the node's only way to the time, and phc2sys is missing.
    counts_alone=True,
    of_linuxptp=True,
)
