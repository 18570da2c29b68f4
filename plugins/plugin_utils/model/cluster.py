"""The units of a cluster on a node, and the target for which units that need the clock wait."""

from __future__ import annotations

from ...module_utils.node.names import KUBELET_UNITS, RUNTIME_UNITS

__all__ = ["KUBELET_UNITS", "RUNTIME_UNITS", "TIME_SYNC_TARGET"]

TIME_SYNC_TARGET = "time-sync.target"
"""systemd.special(7): units that need a correct clock start after it,
units that prove the clock before it.
"""
