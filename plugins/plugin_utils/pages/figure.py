"""The picture in the page: tracks beside words,
which wrap on a narrow screen and are read aloud.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.wording import range_text
from .looks import ADMITTED, Look, count_words, skew_words
from .markup import Content, Markup, closing, element, opening
from .picture import Picture, outcome_words, window_words
from .scene import Row, Scene

_STRIP_HEIGHT = 64


def figure(scene: Scene) -> Iterator[Markup]:
    """The section with the picture, piece by piece."""
    picture = Picture(scene)
    yield opening("section", id="picture")
    yield element("h2", "Clock skew of each node")
    yield element("svg", picture.grounds(), class_="grounds", width="0", height="0", aria_hidden="true")
    yield element(
        "p",
        "A mark is a node's skew, and the line through it is what the measurement leaves possible. "
        "The shaded windows are what each client tolerates: a node outside of a window breaks that client.",
        class_="hint",
    )
    yield opening("div", class_="chart")
    yield from _windows(picture)
    yield _axis(picture)
    yield from _rows(picture)
    yield _axis(picture)
    yield closing("div")
    yield closing("section")


def _line(first: Content, drawn: Markup, words: Content, height: int = 28, style: str = "") -> Markup:
    track = element("svg", drawn, class_="track", width="100%", height=height, aria_hidden="true")
    return element(
        "div",
        element("div", first, class_="who"),
        element("div", track, class_="where"),
        element("div", words, class_="words"),
        class_=f"line {style}".strip(),
    )


def _axis(picture: Picture) -> Markup:
    sides = element("span", "\u2190 behind", class_="side"), element("span", "ahead \u2192", class_="side")
    ruler = element("svg", picture.ruler(), class_="track", width="100%", height=20, aria_hidden="true")
    return element(
        "div",
        element("div", class_="who"),
        element("div", ruler, element("div", sides, class_="sides"), class_="where"),
        element("div", class_="words"),
        class_="line axis",
    )


def _windows(picture: Picture) -> Iterator[Markup]:
    for number, window in enumerate(picture.scene.windows):
        name = element("bdi", window.name, class_="name")
        yield _line(name, picture.lane(number), window_words(window), 20, "lane-line")
    if more := picture.scene.more_windows:
        yield element(
            "p", f"{count_words(more, 'more window')} of other clients: see the nodes' budgets.", class_="hint"
        )


def _rows(picture: Picture) -> Iterator[Markup]:
    scene = picture.scene
    if scene.crowded:
        yield from _crowd(picture)
    for look, rows in _by_look(scene):
        yield element("h3", look.badge(), f" {len(rows):,}", class_="of-rows")
        for row in rows:
            yield _line(_who(row), picture.row(row), _words(row), 28, "row")
    shared = list(scene.shared_rows())
    if shared:
        yield element("h3", "Further nodes that may not join, by the checks that refuse them", class_="of-rows")
    for row in shared:
        yield _line(element("span", row.label, class_="name"), picture.row(row), _words(row))


def _crowd(picture: Picture) -> Iterator[Markup]:
    """The admitted nodes of many, and where those among them stood that were fixed."""
    scene = picture.scene
    count = len(scene.crowd) + scene.crowd_unknown
    if not count:
        return
    yield element("h3", ADMITTED.badge(), f" {count:,}", class_="of-rows")
    reach = range_text(scene.crowd_s) if scene.crowd_s else "skew unknown"
    unknown = f"; skew unknown on {count_words(scene.crowd_unknown)}" if scene.crowd_unknown else ""
    words = element("span", f"{reach}{unknown}", class_="skew")
    if scene.crowd:
        label = element("span", f"{count_words(count)}, counted", class_="name")
        yield _line(label, picture.strip(scene.crowd, _STRIP_HEIGHT, "column good"), words, _STRIP_HEIGHT)
    if scene.crowd_fixed:
        fixed = count_words(len(scene.crowd_fixed))
        drawn = picture.strip(scene.crowd_fixed, _STRIP_HEIGHT, "column was")
        yield _line(element("span", f"{fixed} of them before they were fixed", class_="name"), drawn, "", _STRIP_HEIGHT)


def _by_look(scene: Scene) -> list[tuple[Look, list[Row]]]:
    found: dict[Look, list[Row]] = {}
    for row in sorted(scene.rows, key=lambda row: row.look is ADMITTED):
        found.setdefault(row.look, []).append(row)
    return sorted(found.items(), key=lambda each: _ORDER.index(each[0].style))


_ORDER = ("bad", "open", "good")


def _who(row: Row) -> Markup:
    name = element("bdi", row.label, class_="name")
    return element("a", name, href=f"#n{row.index}", class_="to-node")


def _words(row: Row) -> list[Markup]:
    skew = element("span", skew_words(row.skew_s), class_="skew")
    return [skew, Markup(" "), element("span", outcome_words(row), class_="outcome")]
