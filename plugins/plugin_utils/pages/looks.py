"""How a node's verdict and a finding's state look:
always a word and a shape, and a colour beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clock.interval import Interval
from ..model.wording import skew_text
from ..verdict.report import only_token_untried
from .markup import Markup, element

Node = Mapping[str, Any]
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """A word, a symbol that no other look has, and the class of the style sheet."""

    word: str
    symbol: str
    style: str

    def badge(self) -> Markup:
        """Symbol and word, as they stand before a name."""
        return element(
            "span", element("span", self.symbol, aria_hidden="true"), f" {self.word}", class_=f"badge {self.style}"
        )


ADMITTED = Look("admitted", "\u2713", "good")
REFUSED = Look("refused", "\u2715", "bad")
UNTRIED = Look("time admitted, token not tried", "\u25d0", "open")
NOT_JUDGED = Look("not judged", "?", "open")

_STATES = {
    "pass": Look("pass", "\u2713", "good"),
    "fail": Look("fail", "\u2715", "bad"),
    "inconclusive": Look("inconclusive", "?", "open"),
    "skipped": Look("skipped", "\u2013", "quiet"),
}


def look_of(node: Node) -> Look:
    """How the node's verdict looks."""
    if node["verdict"] == "admit":
        return ADMITTED
    if only_token_untried(node):
        return UNTRIED
    return NOT_JUDGED if node.get("refused_because") == "not_judged" else REFUSED


def look_of_state(state: str) -> Look:
    """How a finding's state looks, or the outcome of a client's budget."""
    return _STATES.get(state, Look(state, "\u2022", "quiet"))


def skew_of(node: Node) -> Interval | None:
    """The node's measured skew, if it is known."""
    return Interval(**node["skew_s"]) if node.get("skew_s") else None


def skew_words(skew_s: Interval | None) -> str:
    """A skew as all of skewgate's reports word it."""
    return skew_text(skew_s) if skew_s else "skew unknown"


def count_words(count: int, of: str = "node") -> str:
    """A count with its noun.

    >>> count_words(1), count_words(1200)
    ('1 node', '1,200 nodes')
    """
    return f"{count:,} {of}{'' if count == 1 else 's'}"
