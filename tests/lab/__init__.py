"""The lab: nodes whose kernel clocks differ, NTP servers and a GitHub App API, in a network apart.

Reached by ``make lab`` and ``make lab-down``, ``python -m tests.lab``, and the fixtures in
``tests/conftest.py``.
"""

from __future__ import annotations

from tests.lab.host import LabError, LabUnavailable
from tests.lab.lab import Lab
from tests.lab.nodes import TRIO, NodeSpec

__all__ = ["TRIO", "Lab", "LabError", "LabUnavailable", "NodeSpec"]
