"""The page of the formats, from their docstrings. docs/make_pages.py writes it."""

from __future__ import annotations

import json
import re
from inspect import cleandoc
from io import StringIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import DEFAULT, Format, discover

from docs.writing import ROOT, head, page, table, wrapped

_FORMATS_TEXT = """\
A run writes `report.json` and `evidence.json` into the report folder, and the report in each format
that `--format` or `gate_report_formats` names; without them that is {default}. `skewgate report`
writes a saved report in any of them, and `--output FILE` writes one to a file or to standard output:

```
skewgate check -i inventory --format junit,markdown
skewgate report skewgate-report --format csv --output -
skewgate report skewgate-report --output /tmp/report.csv
```

A format has what `report.json` has, and neither keys nor tokens. No reader of a format can take what
a node sent for anything but text.
[Add a format](../how-to/add-a-format.md) says how to write another one.

The examples are the beginning of one report with two nodes.
"""

EXAMPLE = ROOT / "docs/reference/example-report.json"
"""A report with an admitted node and one that is behind, for the examples."""

_SHOWN = 14, 100
"""So many lines of an example, and so many characters of a line, are shown."""


def formats_page() -> str:
    """docs/reference/formats.md: each format's docstring."""
    formats = discover()
    default = " and ".join(f"`{name}`" for name in DEFAULT)
    rows = [(f"[{name}](#{name})", f"`{each.FILE}`", _purpose(each)) for name, each in formats.items()]
    parts = [
        head("Formats of the report", "plugins/plugin_utils/formats/"),
        wrapped(_FORMATS_TEXT.format(default=default)),
        table(("format", "file", "what it is"), rows),
        *(f"## {name}\n\n{wrapped(_markup(each))}\n\n{_example(each)}" for name, each in formats.items()),
    ]
    return page(*parts)


def _example(each: Format) -> str:
    """The beginning of what it writes; a page for a browser says nothing as text."""
    if each.FILE.endswith(".html"):
        return "This page has no example of it: open one in a browser."
    written = StringIO()
    each.write(json.loads(EXAMPLE.read_text(encoding="utf-8")), written)
    most, width = _SHOWN
    lines = written.getvalue().splitlines()
    shown = [line if len(line) <= width else f"{line[: width - 3]}..." for line in lines[:most]]
    return "\n".join(["````", *shown, *(["..."] if len(lines) > most else []), "````"])


def _purpose(each: Format) -> str:
    """The first sentence of its docstring without the file's name."""
    first = _markup(each).partition("\n\n")[0].replace("\n", " ")
    if not first.startswith(f"`{each.FILE}`: "):
        raise ValueError(f"format {each.NAME}: expected a docstring that begins with the file's name, found {first!r}")
    return first.removeprefix(f"`{each.FILE}`: ").partition(". ")[0].removesuffix(".")


def _markup(each: Format) -> str:
    text = cleandoc(each.__doc__ or "").replace("``", "`")
    return re.sub(r"\bdocs/(how-to/[\w-]+\.md)", r"[\1](../\1)", text)
