"""Makes the pages of docs/reference/ from the code of the collection. `make docs` runs it.

A check's page is made from its docstring and what its module declares, that of the rules from
chrony/rules.py, that of the limits from model/limits.yml. docs/github_pages.py and
docs/report_pages.py have others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import Check, discover, sections_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES, Rule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import GROUPS as GROUPS_OF_LIMITS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import Limit, shipped_limits

from docs.format_pages import formats_page
from docs.github_pages import answers_page, clients_page
from docs.privilege_page import privileges_page
from docs.report_pages import evidence_page, exit_codes_page, report_page
from docs.writing import ROOT, ended, head, listed, page, sentence, table, wrapped

REFERENCE = ROOT / "docs" / "reference"
FOLDER = REFERENCE / "checks"
LABELS = {"Passes if": "What passes", "What to do:": "What to do", "Source:": "Source"}
"""The first words of a docstring's paragraph that begin a section, and the section's heading."""


def sections(docstring: str) -> dict[str, str]:
    """A check's docstring by its sections; raises ValueError if it has another form.

    docs/how-to/add-a-check.md describes the form.
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


def check_page(name: str, check: Check) -> str:
    """One check's page."""
    found = sections(check.__doc__ or "")
    remediation = (
        "The gate fixes what the role `chrony` can fix, and then checks again."
        if check.REMEDIABLE
        else "The gate changes nothing for this check."
    )
    evidence = f"It needs these sections of [the evidence](../evidence.md): {listed(check.NEEDS)}."
    if not check.NEEDS:
        evidence = "It needs no section of [the evidence](../evidence.md), only that there is any."
    if reads := sections_of(check) - set(check.NEEDS):
        evidence += f" Depending on what runs on the node, it also reads {listed(sorted(reads))}."
    source = found["Source"]
    more = {
        "chrony_config": "## Rules\n\n[The rules](../rules.md) have a page: each with its reason and its remedy.",
        "clock_skew": "## Budgets\n\n[The clients](../clients.md) and [the limits](../limits.md) have their own pages.",
        "github_app_token": "## Answers\n\n[What GitHub answers](../answers.md): each answer with its key and its next step.",
    }
    if name == "chrony_config":
        source = source.partition("\n\nRules:")[0]  # the list for the terminal
    return page(
        head(name, f"plugins/plugin_utils/checks/{name}.py"),
        wrapped(f"**{found['Question']}**"),
        f"## Why\n\n{wrapped(found['Why'])}",
        f"## What passes\n\n{wrapped(found['What passes'])}",
        f"## What to do\n\n{wrapped(sentence(found['What to do']))}\n\n{remediation}",
        more.get(name, ""),
        _keys(check),
        f"## Evidence\n\n{wrapped(evidence)}",
        f"## Source\n\n{wrapped(ended(source))}",
    )


def _keys(check: Check) -> str:
    keys = listed(getattr(check, "Key", ()))
    text = f"What a finding of this check has in `keys`, beside [the keys of all checks](README.md#keys): {keys}."
    return f"## Keys\n\n{wrapped(text)}" if keys else ""


def checks_index() -> str:
    """docs/reference/checks/README.md."""
    rows = [(f"[{name}]({name}.md)", sections(check.__doc__ or "")["Question"]) for name, check in discover().items()]
    return page(
        head("The checks", "plugins/plugin_utils/checks/"),
        wrapped(
            "Every check is required unless `gate_advisory_checks` names it: if a required check does not pass, the node is "
            "refused. `skewgate explain CHECK` prints a check's page on the terminal."
        ),
        table(("check", "question"), rows),
        "## Keys",
        wrapped(
            "A finding that is not `pass` has keys: the reasons, for programs. Each check has its keys, on its page. A finding "
            f"of any check may have these, which are about the evidence: {listed(CommonKey)}."
        ),
    )


def pages() -> dict[str, str]:
    """All files of docs/reference/checks/ by name."""
    return {"README.md": checks_index()} | {f"{name}.md": check_page(name, each) for name, each in discover().items()}


GROUPS = {
    "CHR0": "Reading the files",
    "CHR1": "Sources",
    "CHR2": "The clock's discipline",
    "CHR3": "Access",
    "CHR4": "NTS, and what was not built in",
    "CHR5": "The next start",
}
"""The headings of the rules, by how their IDs begin."""


def rules_page() -> str:
    """docs/reference/rules.md: every rule of chrony_config."""
    return page(
        head("The rules of chrony_config", "plugins/plugin_utils/chrony/rules.py"),
        wrapped(
            "The check [chrony_config](checks/chrony_config.md) applies each rule to all that chronyd reads, and reports file "
            "and line. An `error` or `unknown` refuses the node. A `warning` is in the finding's summary and refuses nothing. "
            "`gate_accepted_rules` names rules that you accept. A rule's ID never changes its meaning."
        ),
        *(_rules(begin, title) for begin, title in GROUPS.items()),
    )


def _rules(begin: str, title: str) -> str:
    return "\n\n".join([f"## {title}", *(_rule(rule) for rule in RULES.values() if rule.id.startswith(begin))])


def _rule(rule: Rule) -> str:
    items = "\n".join(
        [
            f"- Severity: `{rule.severity}`",
            f"- Why: {ended(rule.why)}",
            f"- What to do: {ended(rule.remedy)}",
            f"- Source: {ended(rule.source)}",
        ]
    )
    return f"### {rule.id} {rule.name}\n\n{wrapped(items)}"


def limits_page() -> str:
    """docs/reference/limits.md: what else breaks at which skew."""
    limits = shipped_limits().values()
    return page(
        head("Limits", "plugins/plugin_utils/model/limits.yml"),
        wrapped(
            "The names that `gate_limits` takes: software that fails, or refuses a node, at some skew. *Behind* and *ahead* are "
            "how far the node's clock may be from the true time. A limit between two machines is half of what they may differ, "
            "so two admitted nodes keep it together. `gate_limit_profiles` takes limits that are not here: [add a client or a "
            "limit](../how-to/add-a-client-or-a-limit.md)."
        ),
        wrapped(
            "Name those that your cluster runs, for example `gate_limits: [aws-sigv4, vault-jwt-auth, istio-ca]`. The groups "
            "only order this page: the name of a group is refused, because it would hold nodes to software that the cluster "
            "does not run, and to more of it with each release."
        ),
        wrapped(
            "**Shown only**: a limit of 0 s decides nothing, because no measurement proves that a clock is not off at all. "
            "Findings show it. It counts if you give it a tolerance, for example `gate_limit_profiles: {cert-manager: "
            "{behind_s: 2}}`: how long you can wait until a new certificate is valid on the node."
        ),
        wrapped(
            "**Tested** names the real program or library with which the edge was tried, a second on each side. The other "
            "figures rest on the source that is named: code that was read, documentation, or a report."
        ),
        wrapped(
            "The GitHub App clients have [a page of their budgets](clients.md). The validity of the cluster's CA is read from "
            "`gate_cluster_ca_file`."
        ),
        *(
            f"## {title}\n\n{_NOTES.get(group, '')}{_table_of([limit for limit in limits if limit.group == group])}"
            for group, title in GROUPS_OF_LIMITS.items()
        ),
        f"## What is not this clock's fault\n\n{wrapped(_OTHER_FAULTS)}",
        f"## Sources\n\n{chr(10).join(map(_limit, limits))}",
    )


_NOTES = {
    "certificates": "Such a certificate begins a fixed time before its issuer's clock. *Behind* is about a node that uses it. "
    "*Ahead* is about the node where the issuer runs: in a cluster that may be any. A node at one edge and the issuer at the "
    "other are twice as far apart. If you must exclude that, write half of it into `gate_limit_profiles`.",
}
_NOTES = {group: f"{wrapped(text)}\n\n" for group, text in _NOTES.items()}
_OTHER_FAULTS = """\
- Entra's `AADSTS700024: Client assertion is not within its valid time range` mostly has another
  cause: a program sends an assertion that it read long ago. If the message's *Current time* agrees
  with the node's clock, and the assertion's end is long past, the assertion is stale. Sources:
  Azure/azure-workload-identity #693, Azure/login #180, #372.
- The other side's clock can be wrong: a GitHub Enterprise Server (actions/create-github-app-token
  #178), one of a registry's servers (docker/hub-feedback #647), an S3 server (minio/miniobrowser
  #214). The message is the same. Compare the `Date` of its answers with another clock that you
  trust: `curl -sI https://HOST/ | grep -i ^date`. For the API of a GitHub App, `clock_skew` does
  that, and names the API.
- A token or a certificate that has ended is no sign of a wrong clock while the node's skew is
  within the limit. Look at what should have renewed it.
"""


def _table_of(limits: Iterable[Limit]) -> str:
    rows = [(f"`{each.name}`", _seconds(-each.skew_s.low), _seconds(each.skew_s.high)) for each in limits]
    return table(("limit", "behind", "ahead"), rows)


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s, shown only"
    return f"{value:g} s" if value < float("inf") else "no limit"


def _limit(limit: Limit) -> str:
    items = f"- Beyond it: {ended(limit.breaks)}\n- Source: {ended(limit.source)}"
    if limit.tested:
        items += f"\n- Tested: {ended(limit.tested)}"
    return f"### {limit.name}\n\n{wrapped(items)}\n"


def files() -> dict[str, str]:
    """Every page that this makes, by its path below docs/reference/."""
    return {f"checks/{name}": text for name, text in pages().items()} | {
        "answers.md": answers_page(),
        "clients.md": clients_page(),
        "evidence.md": evidence_page(),
        "exit-codes.md": exit_codes_page(),
        "formats.md": formats_page(),
        "limits.md": limits_page(),
        "privileges.md": privileges_page(),
        "report.md": report_page(),
        "rules.md": rules_page(),
    }


def main() -> None:
    """Write the pages, and remove those of checks that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = files()
    for old in FOLDER.glob("*.md"):
        if f"checks/{old.name}" not in made:
            old.unlink()
    for name, text in made.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    print(f"{len(made)} pages in {REFERENCE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
