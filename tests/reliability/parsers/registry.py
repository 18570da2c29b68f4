"""All parsers of text from outside, by name, in a fixed order."""

from __future__ import annotations

from tests.reliability.parsers import of_daemons, of_github, of_nodes, of_operator
from tests.reliability.parsers.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for targets in (of_daemons.TARGETS, of_github.TARGETS, of_operator.TARGETS, of_nodes.TARGETS)
    for target in targets
}
assert len(TARGETS) == sum(map(len, (of_daemons.TARGETS, of_github.TARGETS, of_operator.TARGETS, of_nodes.TARGETS)))
