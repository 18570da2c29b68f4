"""The units of a cluster on a node, and the target that what relies on the clock waits for."""

from __future__ import annotations

from ...module_utils.node.names import KUBELET_UNITS, RUNTIME_UNITS

__all__ = ["KUBELET_UNITS", "RUNTIME_UNITS", "TIME_SYNC_TARGET"]

TIME_SYNC_TARGET = "time-sync.target"
"""systemd.special(7): what needs a correct clock is ordered after it, and what proves the clock before it."""
