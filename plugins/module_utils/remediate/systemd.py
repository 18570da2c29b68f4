# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The node's systemd as far as the remediation touches it: units' states, systemctl, and whether
chronyd came up.
"""

from __future__ import annotations

import glob
import os
import time
from dataclasses import dataclass

from ..node.run import installed, run, said
from ..node.systemd import is_manager, show
from .files import RemediationError
from .units import states

SHOW_TIMEOUT_S = 30
COMMAND_TIMEOUT_S = 150
"""Beyond the 90 s that systemd itself gives a unit to start (DefaultTimeoutStartSec)."""


@dataclass(frozen=True)
class Systemd:
    """systemctl, and chronyc for a unit's state. ``root``: where /etc is."""

    root: str = ""

    def show(self, units: list) -> dict:
        """The units' states by the names that systemd itself has for them: {name given: (unit,
        state)}.
        """
        if not units:
            return {}
        if not is_manager():
            raise RemediationError(
                "systemd does not run here; expected it, as units are to be changed. Fix this node by hand."
            )
        shown = show(units, ["Names", "UnitFileState", "ActiveState"], SHOW_TIMEOUT_S, missing=True)
        if "error" in shown:
            raise RemediationError(f"{shown['error'].rstrip('.')}.")
        return states(shown, units, self._wanted)

    def systemctl(self, verb: str, units: list) -> None:
        """``systemctl VERB UNITS``; RemediationError with what it said if it fails."""
        argv = ["systemctl", *verb.split(), *units]
        answer = run(argv, COMMAND_TIMEOUT_S)
        if answer.get("rc") != 0:
            why = [self.last_words(unit) for unit in units[:1] if verb in ("start", "restart")]
            failure = f"{' '.join(argv)}: {said(answer)[-2000:].rstrip('.')}."
            raise RemediationError(" ".join([failure, *why]))

    def wait_for_chronyd(self, unit: str, timeout_s: float = 10) -> None:
        """Returns when chronyd answers and its unit is active; RemediationError with the end of its
        journal if it does not.
        """
        answer: dict = {"rc": 0}
        end_mono_s = time.monotonic() + timeout_s
        while installed("chronyc"):
            answer = run(["chronyc", "-n", "tracking"], timeout_s)
            if answer.get("rc") == 0 or time.monotonic() > end_mono_s:
                break
            time.sleep(0.2)
        if answer.get("rc") != 0:
            raise RemediationError(
                f"chronyd did not answer chronyc within {timeout_s:g} s of its start. {self.last_words(unit)}"
            )
        if run(["systemctl", "is-active", unit], SHOW_TIMEOUT_S).get("rc") != 0:
            raise RemediationError(f"{unit} did not stay active. {self.last_words(unit)}")

    def last_words(self, unit: str) -> str:
        """The end of what ``systemctl status`` shows of a unit: after an empty line, its
        journal.
        """
        argv = ["systemctl", "status", "--no-pager", "--full", "--lines=6", unit]
        shown = run(argv, SHOW_TIMEOUT_S).get("stdout", "").strip().rpartition("\n\n")[2]
        return f"systemctl status {unit}: {' | '.join(line.strip() for line in shown.splitlines()) or 'nothing'}."

    def _wanted(self, unit: str) -> bool:
        name = glob.escape(os.path.splitext(unit)[0])
        patterns = (
            f"etc/systemd/system/*.wants/{glob.escape(unit)}",
            f"etc/systemd/system/*.requires/{glob.escape(unit)}",
            f"etc/rc[2-5].d/S[0-9][0-9]{name}",
        )
        return any(glob.glob(os.path.join(glob.escape(self.root) or "/", pattern)) for pattern in patterns)
