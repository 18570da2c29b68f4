"""``report.json``: verdicts and findings for programs, schema ``skewgate/report/1``
(docs/reference/report.schema.json).

The summary of all nodes comes first, then a line for each node;
``jq . report.json`` shows it to people.
"""

from __future__ import annotations

from ..boundary.saved import REPORT_FILE
from ..boundary.stored import write_nodes

__all__ = ["FILE", "NAME", "write"]

NAME = "json"
FILE = REPORT_FILE
write = write_nodes
