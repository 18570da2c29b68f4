"""The unit tests' node, for what needs a real chronyd, real mounts or a separate process."""

from tests.unit.module_utils.remediate.conftest import main, node, systemd

__all__ = ["main", "node", "systemd"]
