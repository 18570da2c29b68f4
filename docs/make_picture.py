"""Makes docs/pictures/report.svg from docs/pictures/report.json, a report of the lab.

`make docs` runs it.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import read_report
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages.image import svg

PICTURES = Path(__file__).parent / "pictures"
PICTURE = PICTURES / "report.svg"


def picture() -> str:
    """The text of docs/pictures/report.svg:
    the incident on three nodes, before the gate fixed two of them.
    """
    return svg(read_report(PICTURES))


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(PICTURE.relative_to(PICTURES.parents[1]))
