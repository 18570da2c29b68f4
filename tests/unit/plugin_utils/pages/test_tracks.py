"""Where the tracks of the picture draw a node's skew and the windows of its clients."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import CLUSTER_CA
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages.picture import Picture, percent
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages.scene import MOST_WINDOWS, Scene

from tests.reports import admitted, finding, refused, report

DAY_S = 86_400.0


def limit(name: str, behind_s: float | None, ahead_s: float | None) -> dict[str, Any]:
    return {"name": name, "behind_limit_s": behind_s, "ahead_limit_s": ahead_s, "outcome": "pass"}


def skewed(low: float, high: float, *limits: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    found = {**finding("clock_skew"), "seen": {"budget": list(limits)}}
    return admitted(skew_s={"low": low, "high": high}, findings=[found], **changes)


def scene_of(**nodes: dict[str, Any]) -> Scene:
    content = report(**nodes)
    scene = Scene(content)
    for index, (name, node) in enumerate(content["nodes"].items()):
        scene.add(index, name, node)
    return scene


def drawn(markup: str, tag: str, style: str) -> list[dict[str, str]]:
    """The attributes of the elements with one of these classes."""
    root = ET.fromstring(f"<svg>{markup}</svg>")
    return [each.attrib for each in root.iter(tag) if style in each.get("class", "").split()]


def place(text: str) -> float:
    return float(text.removesuffix("%")) / 100


@pytest.mark.parametrize(("low", "high"), [(-612.0, -60.0), (-0.5, 20.0), (31.0, 45.0), (0.0, 0.0)])
def test_a_skew_is_drawn_from_its_low_end_to_its_high_end(low: float, high: float) -> None:
    picture = Picture(scene_of(a=skewed(low, high, limit("argocd", 90, 30))))
    (row,) = picture.scene.rows
    (reach,) = drawn(picture.row(row), "line", "reach")
    assert (reach["x1"], reach["x2"]) == (percent(picture.axis.at(low)), percent(picture.axis.at(high)))
    assert [place(reach[end]) < 0.5 for end in ("x1", "x2")] == [low < 0, high < 0]


@pytest.mark.parametrize(
    ("behind_s", "ahead_s", "edges"),
    [(90, 30, 2), (None, 30, 1), (90, None, 1), (None, None, 0)],
)
def test_a_window_reaches_from_the_limit_behind_to_the_limit_ahead(
    behind_s: float | None, ahead_s: float | None, edges: int
) -> None:
    picture = Picture(scene_of(a=skewed(-200, 200, limit("argocd", behind_s, ahead_s))))
    low = 0.0 if behind_s is None else picture.axis.at(-behind_s)
    high = 1.0 if ahead_s is None else picture.axis.at(ahead_s)
    for markup, style in ((picture.lane(0), "lane"), (picture.grounds(), "window")):
        (band,) = drawn(markup, "rect", style)
        assert place(band["x"]) == pytest.approx(low, abs=1e-4)
        assert place(band["x"]) + place(band["width"]) == pytest.approx(high, abs=2e-4)
        assert place(band["x"]) < 0.5 < place(band["x"]) + place(band["width"])
        assert len(drawn(markup, "line", "edge")) == edges


@pytest.mark.parametrize(("was", "points_right"), [(-612.0, True), (45.0, False)])
def test_the_arrow_leads_from_the_skew_before_to_the_one_after(was: float, points_right: bool) -> None:
    before = refused(skew_s={"low": was, "high": was})
    picture = Picture(scene_of(a=skewed(-0.01, 0.01, limit("argocd", 90, 30), before=before)))
    (row,) = picture.scene.rows
    markup = picture.row(row)
    (way,) = drawn(markup, "line", "way")
    assert [way["x1"], way["x2"]] == [percent(picture.axis.at(was)), percent(picture.axis.at(0.0))]
    (tip,) = drawn(markup, "path", "tip")
    point, base = _of_tip(tip["d"])
    assert (point > base) is points_right
    assert len(drawn(markup, "line", "reach")) == 2


def _of_tip(path: str) -> tuple[int, int]:
    """Where the arrow's point and its base are, from left to right."""
    found = re.fullmatch(r"M(-?\d+) 0 ?(-?\d+)-5V5Z", path)
    assert found, path
    return int(found[1]), int(found[2])


def test_the_window_of_the_clusters_ca_which_grows_with_its_age_is_one() -> None:
    nodes = {
        f"node{number}": skewed(-0.01, 0.01, limit(CLUSTER_CA, 200 * DAY_S + number, 3450 * DAY_S - number))
        for number in range(30)
    }
    nodes["node29"]["findings"][0]["seen"]["budget"].append(limit("argocd", 90, 30))
    nodes["other"] = skewed(-0.01, 0.01, limit(CLUSTER_CA, DAY_S, 3649 * DAY_S))
    scene = scene_of(**nodes)
    assert [window.name for window in scene.windows] == [CLUSTER_CA, "argocd", CLUSTER_CA]
    assert scene.more_windows == 0
    assert {row.windows for row in scene.rows} == {(0,), (0, 1), (2,)}


def test_of_many_windows_the_others_are_counted_once() -> None:
    nodes = {
        f"node{number}": skewed(-0.01, 0.01, *(limit(f"own{each}", 50, 50) for each in range(MOST_WINDOWS + 3)))
        for number in range(2)
    }
    scene = scene_of(**nodes)
    assert (len(scene.windows), scene.more_windows) == (MOST_WINDOWS, 3)
