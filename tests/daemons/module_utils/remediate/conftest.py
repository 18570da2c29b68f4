"""The same node as the unit tests have, for what takes a real chronyd, real mounts or a process of its own."""

from tests.unit.module_utils.remediate.conftest import main, node, systemd

__all__ = ["main", "node", "systemd"]
