# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the journal kept of the last boots: what the time daemon said, and when units started."""

from __future__ import annotations

import contextlib
import json
import os
import time

from ..node.names import DAEMON_UNITS, KUBELET_UNITS, RUNTIME_UNITS, WAIT_UNITS
from ..node.run import run, said

BOOTS = 3
"""This boot, and those before it."""
WITHIN_S = 3.0
"""For all of them. A journal that takes longer shows less."""
MOST_ROWS = 300
"""Of one boot, from its beginning: what decides is said then."""
MOST_SAID = 40
MOST_TEXT = 300

WATCHED = (*KUBELET_UNITS, *RUNTIME_UNITS, *(f"{name}.service" for name in (*WAIT_UNITS, "ntp-wait")))
ADJTIME = "/etc/adjtime"
"""hwclock(8) writes it when it sets the RTC."""

# Catalogue IDs of systemd's own messages about a unit (its src/systemd/sd-messages.h).
OF_UNITS = {
    "7d4958e842da4a758f6c1cdc7b36dcc5": "starting",
    "39f53479d3a045ac8e11786248231fbf": "started",
    "be02cf6855d2428ba40df7e9d022f03d": "failed",
    "d9b373ed55a64feb8242e02dbe79a49c": "failed",  # without a job, as when the main process ends
}
JOURNALD = "systemd-journald.service"
JUMPED = "Time jumped backwards"
FIELDS = "MESSAGE,MESSAGE_ID,UNIT,INVOCATION_ID,_PID,_SYSTEMD_UNIT"


def collect(shown) -> dict:
    """The section ``past_boots``; ``boots`` is empty without a journal, or if it may not be read.

    ``shown``: what ``systemd.show`` gives of the units of ``boot``, an empty list without systemd.
    """
    units = [] if "error" in shown else [unit for unit in shown if unit.get("LoadState") == "loaded"]
    deadline_mono_s = time.monotonic() + WITHIN_S
    daemons = [unit["Id"] for unit in units if _is_daemon(unit)]
    watched = [unit["Id"] for unit in units if unit["Id"] in WATCHED]
    boots: list = []
    ended_because = None
    while (daemons or watched) and len(boots) < BOOTS:
        answer = run(_asked(len(boots), daemons, [*daemons, *watched]), deadline_mono_s - time.monotonic(), MOST_ROWS)
        if answer.get("rc") != 0:
            ended_because = said(answer)
            break
        rows = [_row(line) for line in answer["stdout"].splitlines()[:MOST_ROWS]]
        boots.append(_boot([row for row in rows if row], daemons, "cut_off" in answer))
    return {
        "boots": boots,
        "ended_because": ended_because,
        "changed_s": {unit["Id"]: _of_unit(unit) for unit in units if unit["Id"] in (*daemons, *watched)},
        "rtc_set_s": _newest([ADJTIME]),
    }


def _is_daemon(unit: dict) -> bool:
    names = [unit["Id"], *unit.get("Names", "").split()]
    return any(name.partition("@")[0].rpartition(".service")[0] in DAEMON_UNITS for name in names)


def _asked(back: int, daemons: list, units: list) -> list:
    """journalctl for one boot, from its beginning.

    Only fields that begin with ``_`` say who wrote an entry; a program can't set these
    (systemd.journal-fields(7)). Of no unit but the time daemons is a message asked for: others may
    log secrets.
    """
    fixed = ["journalctl", "--quiet", "--no-pager", "--output=json", f"--output-fields={FIELDS}", f"--boot=-{back}"]
    of_systemd = ["_PID=1", *(f"MESSAGE_ID={each}" for each in OF_UNITS), *(f"UNIT={unit}" for unit in units)]
    return [*fixed, *(f"_SYSTEMD_UNIT={unit}" for unit in (*daemons, JOURNALD)), "+", *of_systemd]


def _row(line: str):
    with contextlib.suppress(ValueError):
        row = json.loads(line)
        return row if isinstance(row, dict) else None
    return None  # the last one, if it was cut


def _boot(rows: list, daemons: list, cut_off: bool) -> dict:
    """One boot: of each unit the first time of each thing, and what the daemons said."""
    entries: list = []
    seen: set = set()
    said_so_far = 0
    for row in rows:
        by, text, unit = row.get("_SYSTEMD_UNIT"), row.get("MESSAGE"), row.get("UNIT")
        if by in daemons and isinstance(text, str):
            said_so_far += 1
            what = {"what": "said", "unit": by, "message": text[:MOST_TEXT]}
        elif by == JOURNALD and str(text).startswith(JUMPED):
            what = {"what": "jumped_back", "unit": by}
        elif row.get("_PID") == "1" and row.get("MESSAGE_ID") in OF_UNITS and isinstance(unit, str):
            # If a unit's condition is not met, systemd says "started" too, without an invocation.
            skipped = row.get("INVOCATION_ID") == ""
            what = {"what": "skipped" if skipped else OF_UNITS[row["MESSAGE_ID"]], "unit": unit}
        else:
            continue
        first = what["what"] in ("said", "jumped_back") or (what["what"], unit) not in seen
        seen.add((what["what"], unit))
        if first and said_so_far <= MOST_SAID and len(entries) < MOST_ROWS:
            times = {"wall_us": int(row["__REALTIME_TIMESTAMP"]), "mono_us": int(row["__MONOTONIC_TIMESTAMP"])}
            entries.append({**times, **what})
    boot_id = rows[0].get("_BOOT_ID") if rows else None
    last_mono_us = int(rows[-1]["__MONOTONIC_TIMESTAMP"]) if rows else None
    cut_off = cut_off or said_so_far > MOST_SAID
    return {"boot_id": boot_id, "entries": entries, "last_mono_us": last_mono_us, "cut_off": cut_off}


def _of_unit(unit: dict) -> float:
    paths = [unit.get("FragmentPath", ""), *unit.get("DropInPaths", "").split()]
    for name in {unit["Id"], *unit.get("Names", "").split()}:
        paths.append(f"/etc/systemd/system/{name}")
        paths += [f"/etc/systemd/system/{by}.wants/{name}" for by in unit.get("WantedBy", "").split()]
    return _newest(paths)


def _newest(paths: list) -> float:
    """When the newest of files and links was changed (ctime), by the node's clock then; 0 if none
    is there.
    """
    changed_s = 0.0
    for path in paths:
        if path.startswith("/run/"):  # written anew by each boot
            continue
        with contextlib.suppress(OSError):
            changed_s = max(changed_s, os.lstat(path).st_ctime)
    return changed_s
