"""Makes docs/reference/checks/, and answers.md, clients.md and formats.md beside it. `make docs` runs it.

A check's page is made from its docstring and what its module declares; the page of answers from the
table that classifies them; that of clients from their profiles; that of formats from their docstrings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from io import StringIO
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import Check, discover, sections_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import DEFAULT, Format
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import discover as discover_formats
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answer_table import API, DOCUMENTED, GIT, ROWS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    ClientProfile,
    known_clients,
    profiles_of,
)

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference" / "checks"
ANSWERS = FOLDER.parent / "answers.md"
CLIENTS = FOLDER.parent / "clients.md"
FORMATS = FOLDER.parent / "formats.md"
LABELS = {"Passes if": "What passes", "What to do:": "What to do", "Source:": "Source"}
"""How a paragraph of the docstring begins that begins a section,
and the section's heading on the page.
"""


def sections(docstring: str) -> dict[str, str]:
    """A check's docstring by its sections, in the form of docs/how-to/add-a-check.md;
    raises ValueError without it.
    """
    question, *paragraphs = re.split(r"\n\n+", cleandoc(docstring))
    if not question.endswith("?") or "\n" in question:
        raise ValueError(f"expected a question in the first line, found {question!r}")
    found = {"Question": question, "Why": ""}
    section = "Why"
    for paragraph in paragraphs:
        label = next((label for label in LABELS if paragraph.startswith(label)), None)
        text = paragraph
        if label:
            section = LABELS[label]
            text = paragraph.removeprefix(label).strip() if label.endswith(":") else paragraph
        found[section] = f"{found.get(section, '')}\n\n{text}".strip()
    if missing := [heading for heading in ("Why", *LABELS.values()) if not found.get(heading)]:
        raise ValueError(
            f"{question!r}: nothing on {', '.join(missing)}; docs/how-to/add-a-check.md describes the form"
        )
    return found


def page(name: str, check: Check) -> str:
    """One check's page."""
    found = sections(check.__doc__ or "")
    remediation = (
        "The gate fixes what the role `chrony` can, and proves it again."
        if check.REMEDIABLE
        else "The gate changes nothing for this check."
    )
    evidence = f"Needs of the node's evidence: {_listed(check.NEEDS) or 'nothing but that there is any'}."
    if reads := sections_of(check) - set(check.NEEDS):
        evidence += f" Reads, by what the node runs: {_listed(sorted(reads))}."
    to_do = found["What to do"]
    parts = [
        f"<!-- Made by `make docs` from plugins/plugin_utils/checks/{name}.py -->",
        f"# {name}",
        f"**{found['Question']}**",
        f"## Why\n\n{found['Why']}",
        f"## What passes\n\n{found['What passes']}",
        f"## What to do\n\n{to_do[0].upper()}{to_do[1:]}\n\n{remediation}",
    ]
    source = found["Source"]
    if name == "chrony_config":
        source = source.partition("\n\nRules:")[0]  # the list for the terminal; here it is a table
        parts.append(f"## Rules\n\n{_rules()}")
    if name == "github_app_token":
        parts.append("## Answers\n\n[What GitHub answers](../answers.md): each answer with its key and its next step.")
    parts += [f"## Evidence\n\n{evidence}", f"## Source\n\n{source}"]
    return "\n\n".join(parts) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _rules() -> str:
    """The rules as a table.

    `error` and `unknown` refuse a node, `warning` is named in the summary.
    """
    heads = ("rule", "severity", "matches", "why", "remedy", "source")
    return _table(heads, [(r.id, r.severity, r.name, r.why, r.remedy, r.source) for r in RULES.values()])


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


CLASSES = {
    "accepted": "GitHub accepts it: the check passes",
    "clock": "GitHub refuses the JWT's times. The JWT of the true time shows whether the clock is the sole cause",
    "certificate_time": "TLS refuses a certificate for its times: the clock's fault, or the certificate's",
    "credential": "GitHub refuses the credential: the check fails, and no clock helps",
    "access": "GitHub knows the App, and does not allow what is asked: the check fails",
    "network": "no answer came: the check is inconclusive, which refuses the node too",
    "unclear": "the answer says nothing of the credential: inconclusive",
    "not_sent": "the JWT was not sent: a further one is signed for the node's clock",
    "withheld": "the controller signed no JWT: inconclusive, or the clock's fault",
}
"""What each class makes of the check, as the page of answers says it."""


def answers_page() -> str:
    """docs/reference/answers.md: every row of the table, in the order in which they are tried."""
    rows = [
        (
            row.answer,
            {API: "API", GIT: "git"}.get(row.at, "both") if row.statuses else "",
            f"`{row.kind}`",
            f"`{row.key}`",
            row.remedy.format(**DOCUMENTED) or "By more than the answer: see the check.",
            row.source or "skewgate's own rule",
        )
        for row in ROWS
    ]
    classes = _table(("class", "what it means for the check"), [(f"`{name}`", text) for name, text in CLASSES.items()])
    table = _table(("GitHub's answer", "at", "class", "key", "next step", "source"), rows)
    return f"""<!-- Made by `make docs` from plugins/plugin_utils/github/answer_table.py -->

# What GitHub answers

What [github_app_token](checks/github_app_token.md) makes of each answer to a node's JWT and its installation token.
The first row that fits decides.
Its key is in `report.json`, among the finding's `keys`; the whole answer is there under `seen`.

Only GitHub's own words accuse a clock or a credential: JSON at the API, plain text at git.
A page (HTML), or another's JSON, never does, whatever its status.

{classes}

GitHub cannot be reached from where this was made: its words are from the sources in the last column.
In the tests, the lab's GitHub gives many of these answers to the probe.

{table}
"""


def pages() -> dict[str, str]:
    """All files of docs/reference/checks/ by name."""
    checks = discover()
    rows = "\n".join(
        f"| [{name}]({name}.md) | {sections(check.__doc__ or '')['Question']} |" for name, check in checks.items()
    )
    index = (
        "<!-- Made by `make docs` from plugins/plugin_utils/checks/ -->\n\n# The checks\n\n"
        "Every check is required unless `gate_advisory_checks` names it: one that does not pass refuses the node.\n"
        "`skewgate explain CHECK` prints the same on a terminal.\n\n"
        f"| check | question |\n| --- | --- |\n{rows}\n"
    )
    return {"README.md": index} | {f"{name}.md": page(name, check) for name, check in checks.items()}


_CLIENTS_TEXT = """\
# GitHub App clients

The names that `gate_clients` takes, how each client dates its JWTs, and the skew at which it breaks.
A client that is not here may use a library that is (ghinstallation, octokit, PyGithub ...): name that.
Or add it: [add a client or a limit](../how-to/add-a-client-or-a-limit.md).

- *iat* and *exp* are what it adds to its own clock, in seconds.
- *ahead* is how many seconds a node may be ahead. *behind* is at how many seconds behind the client
  breaks, and *by* says by which of its budgets: its JWT has expired (*JWT*), so has one that it made
  earlier and sends again (*reused JWT*), or it uses an installation token that GitHub has dropped
  (*installation token*).
- *renews* is how long before the end of its installation token it gets a new one, by its own clock.
  If a node is 75 s behind and that is 60 s, the client gets 401 for 15 s in each hour. Where nothing is
  given, its clock has no say in when it renews.
- *runs*: it uses that client's code, or is another name of it; sources that are not given are that
  client's. A name in two rows runs both.

Within two seconds of a limit the answer is inconclusive. GitHub itself was not asked: the figures come
from the clients' code. [tried.md](tried.md) says which clients were run against an API that applies
GitHub's rules.
"""


def clients_page() -> str:
    """The client profiles as a table, each by every name."""
    profiles = [profile for name in known_clients() for profile in profiles_of(name, {})]
    return (
        f"<!-- Made by `make docs` from plugins/plugin_utils/github/client_profiles.yml -->\n\n{_CLIENTS_TEXT}\n"
        + _table(
            ("client", "runs", "iat", "exp", "ahead", "behind", "by", "renews", "source", "renewal's source"),
            map(_client, profiles),
        )
        + "\n"
    )


def _client(profile: ClientProfile) -> tuple[str, ...]:
    run = profiles_of(profile.runs, {})[0] if profile.runs else None
    return (
        profile.name,
        profile.runs,
        str(profile.iat_s),
        f"+{profile.exp_s}",
        str(profile.ahead_limit_s),
        str(profile.behind_limit_s),
        profile.behind_by.replace("_", " ").replace("jwt", "JWT"),
        "" if profile.renew_before_s is None else str(profile.renew_before_s),
        profile.source if run is None or profile.source != run.source else "",
        profile.renewal_source if run is None or profile.renewal_source != run.renewal_source else "",
    )


_FORMATS_TEXT = """\
# Formats of the report

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

EXAMPLE = FOLDER.parent / "example-report.json"
"""A report with an admitted node and one that is behind, for the examples."""

_SHOWN = 14, 100
"""So many lines of an example, and so many characters of a line, are shown."""


def formats_page() -> str:
    """docs/reference/formats.md: each format's docstring."""
    formats = discover_formats()
    default = " and ".join(f"`{name}`" for name in DEFAULT)
    rows = [(f"[{name}](#{name})", f"`{each.FILE}`", _purpose(each)) for name, each in formats.items()]
    parts = [
        "<!-- Made by `make docs` from plugins/plugin_utils/formats/ -->",
        _FORMATS_TEXT.format(default=default).rstrip(),
        _table(("format", "file", "what it is"), rows),
        *(f"## {name}\n\n{_markup(each)}\n\n{_example(each)}" for name, each in formats.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _example(each: Format) -> str:
    """The beginning of what it writes; a page for a browser says nothing as text."""
    if each.FILE.endswith(".html"):
        return "Open it in a browser: here is no example."
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


def main() -> None:
    """Write the pages, and remove those of checks that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    ANSWERS.write_text(answers_page(), encoding="utf-8")
    CLIENTS.write_text(clients_page(), encoding="utf-8")
    FORMATS.write_text(formats_page(), encoding="utf-8")
    beside = ", ".join(str(path.relative_to(ROOT)) for path in (ANSWERS, CLIENTS, FORMATS))
    print(f"{len(made)} pages in {FOLDER.relative_to(ROOT)}, {beside}")


if __name__ == "__main__":
    main()
