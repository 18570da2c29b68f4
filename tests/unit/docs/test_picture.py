"""docs/pictures/report.svg is as `make docs` makes it from the lab's report."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages.image import MOST_ROWS, svg

from docs.make_picture import PICTURE, picture
from tests.fleets import LAB, fleet
from tests.reports import refused, report


def texts(document: str) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(document).iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_is_what_the_code_makes_of_the_report() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "run `make docs`"


def test_the_report_names_no_place_of_a_machine() -> None:
    text = LAB.read_text(encoding="utf-8")
    assert not [place for place in ("/root", "/home", "/tmp", "/work") if place in text]


def test_the_document_has_the_nodes_the_clients_and_what_breaks() -> None:
    found = texts(picture())
    assert {"argocd", "✕ node3", "✓ node1", "breaks argocd; works for actions-runner-controller"} <= set(found)


def test_of_many_nodes_some_have_a_row() -> None:
    found = texts(svg(fleet(900, 100)))
    assert sum("bad-" in text for text in found) == MOST_ROWS
    assert "900 nodes admitted" in "".join(found)


def test_a_name_is_text() -> None:
    name = "<script>&\u202e"
    assert any("<script>&" in text for text in texts(svg(report(**{name: refused()}))))
