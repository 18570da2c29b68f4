"""``report.html``: the report as one page for a browser and for paper, to read and to
add to a change ticket.

It asks the network for nothing and can be read without its script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from ..pages.page import page

NAME = "html"
FILE = "report.html"


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Write the page piece by piece."""
    file.writelines(page(report))
