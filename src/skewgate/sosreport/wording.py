"""What is printed of an archive."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, one_line, wrapped

from .archive import ArchiveError, Contents
from .statements import Statement, host, statements, taken

WIDTH = 100
MOST = 1000
"""Characters of what was seen: a line of a file may have any length."""
NEVER = (
    "This is never an admission. The archive repeats what its node said at that time. The clock was compared with no other "
    "clock, so its skew is not known, and no token was signed and sent to GitHub."
)
EXPECTED = (
    "no file about the clock is in it; expected a sosreport (sos report -o chrony,date,systemd,host), or an archive of Red Hat "
    "Insights"
)
_HEADS = {
    "problem": "What looks wrong",
    "unknown": "What the archive does not show",
    "seen": "What was seen, and proves nothing alone",
}


def lines(name: str, contents: Contents) -> Iterator[str]:
    """The explanation. Raises ArchiveError if nothing of the clock is in the archive."""
    if not any(path != "etc/hostname" and not path.endswith("/hostname") for path in contents.texts):
        inner = f". It has archives inside, unpack it and give one of them: {', '.join(contents.archives)}"
        cut = f" ({contents.cut})" if contents.cut else ""
        raise ArchiveError(f"{EXPECTED}{cut}{inner if contents.archives else ''}")
    when, node = taken(contents), host(contents)
    date = (
        f"{when[0]:%Y-%m-%d %H:%M:%S} UTC by its own clock ({when[1]})"
        if when
        else "a time that the archive does not show"
    )
    yield from wrapped(one_line(f"{name}: what {f'the node {node}' if node else 'a node'} showed at {date}."), WIDTH)
    yield from wrapped(NEVER, WIDTH)
    if contents.cut:
        cut = one_line(contents.cut, MOST)
        yield from wrapped(f"Not all of it was read: {cut}. What is missing below may be in the rest.", WIDTH)
    state = ""
    for statement in statements(contents):
        if statement.state != state:
            state = statement.state
            yield ""
            yield f"{_HEADS[state]}:"
        yield from _paragraph(statement)
    yield ""
    limit = f" --limit {node}" if node else ""
    yield from wrapped(
        "Never an admission: when the node can be reached, this measures its skew, tries its token and decides (INVENTORY: "
        f"yours): `skewgate check -i INVENTORY{limit}`",
        WIDTH,
    )


def _paragraph(statement: Statement) -> Iterator[str]:
    yield from wrapped(one_line(f"{statement.file}: {statement.seen}", MOST), WIDTH, "- ")
    more = f"`skewgate explain {statement.check}`"
    ending = f"Next: {statement.remedy} More: {more}" if statement.remedy else f"Next: {more}"
    for line in (statement.why, ending):
        yield from (f"  {part}" for part in wrapped(clean(line), WIDTH - 2))
