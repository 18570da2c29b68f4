# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In which order the next boot starts what sets the clock and what relies on it."""

from __future__ import annotations

from ..node.files import text_or_none
from ..node.names import KUBELET_UNITS, RUNTIME_UNITS
from ..node.systemd import commands
from .time_services import SERVICE_UNITS

CLUSTER = (*KUBELET_UNITS, *RUNTIME_UNITS)

# systemd.special(7) on the targets: what waits for a correct clock comes before time-sync.target.
UNITS = (
    *CLUSTER,
    *SERVICE_UNITS,
    "ntp-wait.service",
    "fake-hwclock.service",
    "fake-hwclock-load.service",
    "time-set.target",
    "time-sync.target",
    "kubelet-dependencies.target",  # OpenShift: by way of it, kubelet and crio come after chrony-wait
)

# A unit's dependencies as systemd resolved them, drop-ins and generators included.
LISTS = {
    "Names": "names",
    "After": "after",
    "Before": "before",
    "Requires": "requires",
    "Wants": "wants",
    "BindsTo": "binds_to",
    "WantedBy": "wanted_by",
}
TEXTS = {"LoadState": "load_state", "ActiveState": "active_state", "UnitFileState": "unit_file_state"}
PROPERTIES = (*LISTS, *TEXTS, "ExecStart", "ConditionResult", "ConditionTimestampMonotonic")
# For the section past_boots, with the same question.
FILES_OF_UNITS = ("FragmentPath", "DropInPaths")

FAKE_HWCLOCK = "/etc/fake-hwclock.data"  # fake-hwclock(8): the time of the last shutdown, for a node without an RTC


def collect(shown) -> dict:
    """The section ``boot``; ``units`` is empty if systemd does not run, and ``{"error"}`` if the
    question failed.

    ``shown``: what ``systemd.show`` gives of UNITS with PROPERTIES, an empty list without systemd.
    """
    uptime = text_or_none("/proc/uptime")
    return {
        "units": shown if "error" in shown else [_unit(properties) for properties in shown],
        "uptime_s": float(uptime.split()[0]) if uptime else None,
        "fake_hwclock": text_or_none(FAKE_HWCLOCK),
    }


def _unit(properties: dict) -> dict:
    lines = commands(properties.get("ExecStart", ""))
    if properties["Id"] in CLUSTER:  # their arguments may hold a join token: the program alone
        lines = [line.partition(" ")[0] for line in lines]
    tried = properties.get("ConditionTimestampMonotonic", "0") != "0"
    return {
        "unit": properties["Id"],
        **{name: properties.get(key, "") for key, name in TEXTS.items()},
        **{name: sorted(properties.get(key, "").split()) for key, name in LISTS.items()},
        "exec_start": "; ".join(lines),
        # Of the last start; None if it was not started since boot.
        "condition_met": properties.get("ConditionResult") == "yes" if tried else None,
    }
