"""The picture of a report as one SVG document, which is an image in a README or a ticket,
light and dark.
"""

from __future__ import annotations

from .looks import ADMITTED, Report, count_words, skew_words
from .markup import Content, Markup, element
from .picture import STYLE, Picture, outcome_words, window_words
from .scene import Row, Scene

MOST_ROWS = 24
"""So many nodes have a row in an image; those that may not join come first."""

_WIDTH, _LEFT, _TRACK, _MARGIN = 1100, 220, 530, 16
_WORDS = _LEFT + _TRACK + 20
_MOST_CHARACTERS = 50
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"
_TEXT_STYLE = Markup(
    "text{fill:var(--text);font-size:13px}.strong{font-weight:650}.small{fill:var(--quiet);font-size:12px}"
    ".title{font-size:17px;font-weight:650}.right{text-anchor:end}"
    ".good-text{fill:var(--good)}.bad-text{fill:var(--bad)}.open-text{fill:var(--open)}.page{fill:var(--page)}"
)


def svg(report: Report) -> str:
    """One document with all that it needs:
    it loads nothing, and its words are those of the page.
    """
    scene = Scene(report)
    for index, (name, node) in enumerate(report["nodes"].items()):
        scene.add(index, name, node)
    return _Image(report, scene).document()


class _Image:
    """Places lines one below the other."""

    def __init__(self, report: Report, scene: Scene) -> None:
        self._report, self._scene, self._picture = report, scene, Picture(scene)
        self._y = _MARGIN
        self._parts: list[Markup] = []

    def document(self) -> str:
        self._title()
        for number, window in enumerate(self._scene.windows):
            self._line(window.name, self._picture.lane(number), [window_words(window)], 22, quiet=True)
        self._axis()
        self._rows()
        self._axis()
        height = self._y + _MARGIN - 6
        title = element("title", f"Clock skew of {count_words(self._scene.total)}")
        page = element("rect", width=_WIDTH, height=height, rx=8, class_="page")
        return (
            element(
                "svg",
                title,
                element("style", STYLE, _TEXT_STYLE),
                self._picture.grounds(),
                page,
                self._parts,
                xmlns="http://www.w3.org/2000/svg",
                viewBox=f"0 0 {_WIDTH} {height}",
                width=_WIDTH,
                height=height,
                font_family=_FONT,
                role="img",
            )
            + "\n"
        )

    def _title(self) -> None:
        summary = self._report["summary"]
        words = (
            f"{summary['admitted']:,} admitted, {summary['refused']:,} refused, {summary['not_judged']:,} not judged"
        )
        self._y += 16
        self._text(_MARGIN, self._y, "Clock skew of each node, and what its clients tolerate", "title")
        self._text(_WIDTH - _MARGIN, self._y, words, "small right")
        self._y += 20

    def _axis(self) -> None:
        self._track(self._picture.ruler(), 20)
        self._text(_LEFT, self._y + 30, "\u2190 behind", "small")
        self._text(_LEFT + _TRACK, self._y + 30, "ahead \u2192", "small right")
        self._y += 40

    def _rows(self) -> None:
        for row in self._shown():
            words = [skew_words(row.skew_s), outcome_words(row, _MOST_CHARACTERS)]
            self._line(row.label, self._picture.row(row), words, 40, look=row.look.style, symbol=row.look.symbol)
        hidden = len(self._scene.rows) - len(self._shown())
        rest = hidden + sum(1 for _ in self._scene.shared_rows())
        if rest:
            self._text(_LEFT, self._y + 14, f"{rest:,} more rows: see report.html", "small")
            self._y += 24
        if self._scene.crowd:
            label = f"{count_words(len(self._scene.crowd))} admitted"
            self._line(label, self._picture.strip(self._scene.crowd, 48, "column good"), ["", ""], 48)

    def _shown(self) -> list[Row]:
        return sorted(self._scene.rows, key=lambda row: row.look is ADMITTED)[:MOST_ROWS]

    def _line(
        self,
        label: str,
        drawn: Markup,
        words: list[str],
        height: int,
        *,
        look: str = "",
        symbol: str = "",
        quiet: bool = False,
    ) -> None:
        middle = self._y + height / 2
        self._track(drawn, height)
        name = element("tspan", _short(label, 26))
        mark = element("tspan", f"{symbol} ", class_=f"{look}-text") if symbol else None
        self._text(_LEFT - 12, middle + 4.5, [mark, name], "right" if quiet else "strong right")
        for number, text in enumerate(words):
            y = middle + 4.5 if len(words) == 1 else middle - 3 + 17 * number
            self._text(_WORDS, y, _short(text, _MOST_CHARACTERS), "small" if quiet or number else "strong")
        self._y += height

    def _track(self, drawn: Markup, height: int) -> None:
        self._parts.append(element("svg", drawn, x=_LEFT, y=self._y, width=_TRACK, height=height, overflow="visible"))

    def _text(self, x: float, y: float, content: Content, style: str) -> None:
        self._parts.append(element("text", content, x=f"{x:g}", y=f"{y:g}", class_=style))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"
