"""What a finding saw, as tables and lists:
all of it as long as there is room, however a node filled it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..boundary.times import utc_text
from ..clock.interval import Interval
from ..model.wording import skew_text
from ..verdict.report import CLOCK_CHECK
from ..verdict.settings import CREDENTIALS_CHECK
from .axis import duration_text
from .looks import Look, look_of_state
from .markup import Content, Markup, element

MOST_CHARACTERS = 600
"""So much of one text is shown; report.json has all of it."""

MOST_VALUES = 150
"""So many values of one finding are shown."""

_ANSWERS = (("node_clock", "JWT of the node's clock"), ("true_time", "JWT of the true time"))
_API_ANSWER = ("api_clock", "JWT of the API's clock")


def seen(finding: Mapping[str, Any]) -> list[Markup]:
    """What was seen, by check: the budget and the answers of GitHub have forms that suit them."""
    found: dict[str, Any] = dict(finding["seen"])
    parts: list[Markup] = []
    if finding["check"] == CLOCK_CHECK:
        parts += _of_clock(found)
    if finding["check"] == CREDENTIALS_CHECK:
        parts += _of_credentials(found)
    if found:
        parts.append(_value(found, _Room()))
    return parts


def shortened(text: str) -> str:
    """A text of which so much is shown as there is room for."""
    more = len(text) - MOST_CHARACTERS
    return f"{text[:MOST_CHARACTERS]} ... ({more:,} more characters)" if more > 0 else text


def table(heads: Sequence[str], rows: Iterable[Sequence[Content]], caption: str) -> Markup:
    """A table that scrolls by itself if it is wider than the screen."""
    head = element("tr", [element("th", each, scope="col") for each in heads])
    body = [
        element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]]) for row in rows
    ]
    whole = element("table", element("caption", caption), element("thead", head), element("tbody", body))
    return element("div", whole, class_="wide", role="group", aria_label=caption, tabindex="0")


class _Room:
    """How many values may still be shown."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def take(self, values: Sequence[Any]) -> Sequence[Any]:
        """The first of the values, as many as there is room for."""
        taken = values[: max(0, self._left)]
        self._left -= len(taken)
        return taken


def _value(value: object, room: _Room, depth: int = 0) -> Markup:
    """A value of a report, with those in it."""
    if isinstance(value, Mapping) and value and depth < 6:
        taken = room.take(list(value.items()))
        pairs = [
            element("div", element("dt", shortened(str(key))), element("dd", _named(str(key), each, room, depth + 1)))
            for key, each in taken
        ]
        return element("dl", pairs, _more(len(value) - len(taken), "div", "dt"), class_="seen")
    if isinstance(value, list) and value and depth < 6:
        items = room.take(value)
        listed = [element("li", _value(each, room, depth + 1)) for each in items]
        return element("ul", listed, _more(len(value) - len(items), "li"))
    return element("span", shortened(_words(value)))


def _named(name: str, value: object, room: _Room, depth: int) -> Markup:
    """A value under its name: a skew is worded as everywhere."""
    skew = _skew_words(value) if name.endswith("skew_s") else None
    return element("span", skew) if skew else _value(value, room, depth)


def _skew_words(value: object) -> str | None:
    if not isinstance(value, Mapping) or set(value) != {"low", "high"}:
        return None
    low, high = value["low"], value["high"]
    if not all(isinstance(end, int | float) for end in (low, high)) or low > high:
        return None
    return skew_text(Interval(low, high))


def _more(count: int, *names: str) -> Markup | None:
    if count <= 0:
        return None
    text: Markup = element(names[-1], f"{count:,} more: see report.json")
    if len(names) > 1:
        return element(names[0], text, element("dd", ""))
    return text


def _words(value: object) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or "\u2013"
    if value in ({}, []):
        return "none"
    return json.dumps(value, ensure_ascii=False)


# The clock


def _of_clock(found: dict[str, Any]) -> list[Markup]:
    parts = []
    rows = [row for row in _list(found.pop("budget", None)) if isinstance(row, Mapping)]
    if rows:
        heads = (
            "Client or limit",
            "Tolerates behind",
            "Tolerates ahead",
            "Left behind",
            "Left ahead",
            "Breaks in",
            "Outcome",
        )
        parts.append(
            table(heads, map(_budget_row, rows), "Budget: how much skew each client tolerates, and what is left")
        )
        sources = [(str(row["name"]), str(row["source"])) for row in rows if row.get("name") and row.get("source")]
        named = [element("li", element("b", name), " ", shortened(source)) for name, source in sources[:MOST_VALUES]]
        parts.append(element("ul", named, class_="sources hint"))
    references = found.pop("references", None)
    if isinstance(references, Mapping) and references:
        wrong = set(map(str, _list(found.get("falsetickers"))))
        lines = [_reference_row(str(name), each, str(name) in wrong) for name, each in references.items()]
        parts.append(
            table(
                ("Reference", "Skew of the node", "Detail", "Counted"),
                lines,
                "References that the clock was compared with",
            )
        )
    for key, caption in (
        ("without_tolerance", "Limits that decide nothing, because they tolerate nothing on one side"),
        ("other_clients_that_would_pass", "Clients that this run does not name and that would work at this skew"),
        ("other_clients_that_would_fail", "Clients that this run does not name and that would break at this skew"),
        ("other_limits_that_would_fail", "Limits that this run does not name and that this skew breaks"),
    ):
        others = found.pop(key, None)
        if isinstance(others, Mapping) and others:
            names = [(str(name), shortened(str(limit))) for name, limit in list(others.items())[:MOST_VALUES]]
            parts.append(
                element(
                    "details",
                    element("summary", f"{caption} ({len(others)})"),
                    table(("Name", "Tolerates"), names, caption),
                )
            )
    return parts


def _budget_row(row: Mapping[str, Any]) -> list[Content]:
    figures = [
        _figure(row.get(key), none)
        for key, none in (
            ("behind_limit_s", "no limit"),
            ("ahead_limit_s", "no limit"),
            ("left_behind_s", "no limit"),
            ("left_ahead_s", "no limit"),
        )
    ]
    outcome = look_of_state(str(row.get("outcome")))
    return [str(row.get("name")), *figures, _breaks_in(row), outcome.badge()]


def _breaks_in(row: Mapping[str, Any]) -> str:
    seconds = row.get("breaks_in_s")
    if row.get("outcome") == "fail":
        return "broken now"
    return (
        f"{duration_text(seconds)} at the earliest"
        if isinstance(seconds, int | float)
        else "unknown: no drift measured"
    )


def _figure(seconds: object, none: str) -> str:
    return f"{seconds:,.10g} s" if isinstance(seconds, int | float) else none


def _reference_row(name: str, reference: object, contradicted: bool) -> list[Content]:
    each = reference if isinstance(reference, Mapping) else {}
    words = _skew_words(each.get("skew_s")) or "\u2013"
    return [
        name,
        words,
        shortened(str(each.get("detail", "\u2013"))),
        "no: the majority contradicts it" if contradicted else "yes",
    ]


# GitHub


def _of_credentials(found: dict[str, Any]) -> list[Markup]:
    apps = [app for app in _list(found.pop("apps", None)) if isinstance(app, Mapping)]
    return [_app(app) for app in apps[:MOST_VALUES]]


def _app(app: Mapping[str, Any]) -> Markup:
    """The App's answers side by side: they prove whether the clock is at fault,
    or the credential.
    """
    answers = [*_ANSWERS, *([_API_ANSWER] if _API_ANSWER[0] in app else [])]
    columns = [_answer(caption, app[key]) for key, caption in answers if isinstance(app.get(key), Mapping)]
    shown = {key for key, _ in answers}
    rest = {key: value for key, value in app.items() if key not in shown and key != "name"}
    return element(
        "div",
        element("h4", "GitHub App ", element("bdi", str(app.get("name")))),
        element("div", columns, class_="answers"),
        _value(rest, _Room()),
        class_="app",
    )


def _answer(caption: str, answer: Mapping[str, Any]) -> Markup:
    look = _look_of_answer(answer.get("class"))
    steps = [step for step in _list(answer.get("steps")) if isinstance(step, Mapping)]
    signed_s = answer.get("signed_for_s")
    times = [("Signed for", _utc(signed_s)), ("The node's clock then", _utc(answer.get("node_wall_s")))]
    return element(
        "div",
        element("h5", caption),
        element("p", look.badge(), " ", element("span", shortened(str(answer.get("answer"))), class_="said")),
        element(
            "dl", [element("div", element("dt", name), element("dd", at)) for name, at in times if at], class_="seen"
        )
        if any(at for _, at in times)
        else None,
        element("ol", [_step(step) for step in steps[:20]], class_="steps") if steps else None,
        class_="answer",
    )


_OF_ANSWERS = {
    "accepted": ("pass", "accepted"),
    "clock": ("fail", "refused for its times"),
    "credential": ("fail", "refused: credential"),
    "access": ("fail", "refused: access"),
    "certificate_time": ("inconclusive", "TLS refused the certificate for its times"),
    "network": ("inconclusive", "no answer"),
    "unclear": ("inconclusive", "unclear"),
    "not_sent": ("skipped", "not sent"),
    "withheld": ("skipped", "not signed"),
}
"""How GitHub's answers look, by their class."""


def _look_of_answer(kind: object) -> Look:
    state, word = _OF_ANSWERS.get(str(kind), ("inconclusive", str(kind)))
    look = look_of_state(state)
    return Look(word, look.symbol, look.style)


def _step(step: Mapping[str, Any]) -> Markup:
    head = " ".join(str(step[key]) for key in ("method", "url") if key in step)
    rest = {key: value for key, value in step.items() if key not in ("step", "method", "url", "status", "message")}
    said = " ".join(str(step[key]) for key in ("status", "message") if step.get(key) is not None)
    more = element("details", element("summary", "all of the answer"), _value(rest, _Room())) if rest else None
    return element(
        "li",
        element("strong", shortened(str(step.get("step")))),
        f": {shortened(said)}" if said else None,
        element("div", element("code", shortened(head)), class_="url"),
        more,
    )


def _utc(unix_s: object) -> str:
    if not isinstance(unix_s, int | float) or not 0 <= unix_s < 2e11:
        return ""
    return utc_text(unix_s)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
