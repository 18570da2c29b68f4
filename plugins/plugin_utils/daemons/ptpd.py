"""PTPd, a daemon for PTP that has nothing to do with linuxptp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.record import Record
from .common.daemon import Daemon
from .common.options import options

LETTERS = "?c:kb:i:d:sgmGMWyUu:nf:S:r:DvCVHhe:Y:tOLEPAaR:l:p"
"""getopt's of PTPd 2.3.1."""


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:  # noqa: ARG001 - each daemon's has the same form
    """``-n``, or a master that is never a slave, adjusts nothing (ptpd(8)).

    Its file is not read.
    """
    words = process["argv"][1:]
    read = options([word for word in words if not word.startswith("--")], LETTERS)
    if (
        ("-n", "") in read
        or "--noadjust" in words
        or any(word.lower().startswith(tuple(f"--clock:no_adjust={yes}" for yes in "ty1")) for word in words)
    ):
        return "ptpd does not adjust the clock (-n)"
    master = ("-M", "") in read or {"--masteronly", "--ptpengine:preset=masteronly"} & set(words)
    return "ptpd is a master only (-M)" if master else ""


DAEMON = Daemon(
    name="ptpd", units=("ptpd", "ptpd2"), processes=("ptpd", "ptpd2"), leaves_clock_alone=_leaves_clock_alone
)
