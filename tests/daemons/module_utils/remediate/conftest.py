"""The same node as the unit tests have, for what takes a real chronyd, real mounts or a process of its own."""

from tests.unit.module_utils.remediate.conftest import node, systemd

__all__ = ["node", "systemd"]
