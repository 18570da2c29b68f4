"""What is made from plugins/plugin_utils/boundary/settings.yml: the roles' argument specs and
defaults, the modules' options, and docs/reference/settings.md. `make docs` writes it.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from docs import writing
from docs.writing import ROOT, listed, of_ansible, wrapped

TABLE = "plugins/plugin_utils/boundary/settings.yml"
MADE = f"# Made by `make docs` from {TABLE}"
MODULES = ("node_check", "remediation_plan")
ROLES = {"gate": ("check", "check_nodes", "judge", "main"), "chrony": ("main",)}
"""The entry points of each role that read its settings, unless a setting names others."""

Rows = dict[str, dict[str, Any]]


def table() -> Rows:
    """Every setting by the name of its variable."""
    rows: Rows = yaml.safe_load((ROOT / TABLE).read_text(encoding="utf-8"))
    return rows


def files() -> dict[str, str]:
    """Every file that is made from the table, wholly or in part, by its path in the checkout."""
    rows = table()
    made = {"docs/reference/settings.md": page(rows)}
    for role in ROLES:
        own = {name: row for name, row in rows.items() if name.startswith(f"{role}_")}
        made[f"roles/{role}/defaults/main.yml"] = defaults(own)
        specs = f"roles/{role}/meta/argument_specs.yml"
        made[specs] = argument_specs((ROOT / specs).read_text(encoding="utf-8"), role, own)
    for module in MODULES:
        path = f"plugins/modules/{module}.py"
        made[path] = module_options((ROOT / path).read_text(encoding="utf-8"), module, rows)
    return made


def defaults(rows: Rows) -> str:
    """A role's defaults; a setting without one is there and empty: tasks read it."""
    values = {name: row.get("initial", row.get("default")) for name, row in rows.items()}
    set_there = {
        name: _in_line(value) for name, value in values.items() if not ("initial" in rows[name] and value is None)
    }
    return f"---\n{MADE}\n{_yaml(set_there)}"


def argument_specs(text: str, role: str, rows: Rows) -> str:
    """The specs with the options of each entry point replaced;
    what is above these is written by hand.
    """
    entries = dict(re.findall(r"^  (\w+):\n(.*?)    options:.*?(?=^  \w+:\n|\Z)", text, re.MULTILINE | re.DOTALL))
    read = {entry: {name for name, row in rows.items() if entry in row.get("tasks", ROLES[role])} for entry in entries}
    options = {name: _option({**row, "default": None} if "initial" in row else row, role) for name, row in rows.items()}
    made = [f"---\n{MADE}\n# The descriptions of the entry points are written here.\nargument_specs:\n"]
    first, *others = entries
    for entry, head in entries.items():
        shared = read[first] if entry != first and read[first] <= read[entry] else set()
        anchor = f" &{first}_options" if entry == first and any(read[first] <= read[other] for other in others) else ""
        made.append(f"  {entry}:\n{head}    options:{anchor}" + ("\n" if read[entry] else " {}\n"))
        made.append(f"      <<: *{first}_options\n" if shared else "")
        own = {name: option for name, option in options.items() if name in read[entry] - shared}
        made.append(_indented(_yaml(own), 6) if own else "")
    return "".join(made)


def module_options(text: str, module: str, rows: Rows) -> str:
    """The module with its options replaced that are settings; it may have others below these."""
    options = {
        name.partition("_")[2]: _option(row, "", suboptions=True)
        for name, row in rows.items()
        if module in row.get("modules", ())
    }
    begin, end = f"  {MADE}\n", "  # Not settings:\n"
    before, _begin, rest = text.partition(begin)
    after = rest.partition(end)[2]
    return before + begin + _indented(_yaml(options), 2) + end + after


def page(rows: Rows) -> str:
    """docs/reference/settings.md: a section for each setting."""
    fields = rows["gate_github_apps"]["suboptions"]
    parts = [
        writing.head("The settings", TABLE),
        wrapped(
            "Each setting is an Ansible variable. A name that is no setting is refused before any node is contacted. "
            "The playbooks read two more variables: `gate_hosts` says which hosts, and `gate_serial` how many at a time."
        ),
        "- [The check and the gate](#the-check-and-the-gate)\n"
        "- [A GitHub App: the fields of gate_github_apps](#a-github-app-the-fields-of-gate_github_apps)\n"
        "- [Remediation](#remediation)",
        "## The check and the gate",
        *(_setting(name, row) for name, row in rows.items() if name.startswith("gate_")),
        "## A GitHub App: the fields of gate_github_apps",
        *(_setting(name, row) for name, row in fields.items()),
        "## Remediation",
        *(_setting(name, row) for name, row in rows.items() if name.startswith("chrony_")),
    ]
    return "\n\n".join(parts) + "\n"


def _setting(name: str, row: dict[str, Any]) -> str:
    text = row["text"]
    default = _default(row)
    kind = _kind(row) + (f", one of {listed(row['choices'])}" if row.get("choices") else "")
    bound = "required" if row.get("required") else f"default {default}" if default else "no default"
    paragraphs = [of_ansible(part) for part in (text if isinstance(text, list) else [text])]
    return "\n\n".join([f"### {name}", f"{kind}; {bound}", *map(wrapped, paragraphs)])


def _option(row: dict[str, Any], role: str, *, suboptions: bool = False) -> dict[str, Any]:
    """A row as Ansible's specification of an option;
    ``role`` is the one whose variables a text may refer to, if any.
    """
    option: dict[str, Any] = {"description": _references(row["text"], role), "type": row["type"]}
    option |= {key: row[key] for key in ("elements", "required") if key in row}
    option |= {key: _in_line(row[key]) for key in ("default", "choices") if row.get(key) is not None}
    if suboptions and "suboptions" in row:
        option["suboptions"] = {name: _option(sub, role) for name, sub in row["suboptions"].items()}
    return option


def _references(text: Any, role: str) -> Any:
    """A text whose references to settings are to the role's own variables,
    or to a module's options.
    """
    if isinstance(text, list):
        return [_references(part, role) for part in text]
    return text if role else re.sub(r"O\((?:gate|chrony)_", "O(", text)


def _kind(row: dict[str, Any]) -> str:
    return f"{row['type']} of {row['elements']}" if "elements" in row else str(row["type"])


def _default(row: dict[str, Any]) -> str:
    value = row.get("initial") or row.get("default")
    return "" if value is None else f"`{_yaml(_in_line(value)).removesuffix('...' + chr(10)).strip()}`"


class _Flow(list[Any]):
    """A list in one line."""


class _FlowMapping(dict[str, Any]):
    """A mapping in one line."""


class _Template(str):
    """A text in double quotes, since it has single ones."""


def _in_line(value: Any) -> Any:
    if isinstance(value, list):
        return _Flow(value)
    if isinstance(value, dict):
        return _FlowMapping(value)
    return _Template(value) if isinstance(value, str) and "{{" in value else value


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's form
        """Lists are indented below their key, as ansible-lint wants it."""
        super().increase_indent(flow, False)


_Dumper.add_representer(_Flow, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True))
_Dumper.add_representer(_FlowMapping, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v, flow_style=True))
_Dumper.add_representer(_Template, lambda d, v: d.represent_scalar("tag:yaml.org,2002:str", v, style='"'))
_Dumper.add_representer(type(None), lambda d, _: d.represent_scalar("tag:yaml.org,2002:null", ""))


def _yaml(value: Any) -> str:
    # PyYAML ends a line with the word that crosses the width. With the indentation
    # that is column 100.
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=80, allow_unicode=True)


def _indented(text: str, width: int) -> str:
    return "".join(" " * width + line for line in text.splitlines(keepends=True))


def main() -> None:
    """Write the files."""
    made = files()
    for path, text in made.items():
        (ROOT / path).write_text(text, encoding="utf-8")
    print(f"{len(made)} files from {TABLE}")


if __name__ == "__main__":
    main()
