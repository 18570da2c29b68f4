"""Is there a wrong or weak line in what chrony reads?

chronyd starts with much that keeps no time: a server that is only watched, a line of a `.sources` file that it drops without a
word, more `minsources` than there are servers. And it tells nobody that a configuration is weak: one server, no `makestep`, no
`rtcsync`. All files that it reads are looked at, DHCP's too, by rules with an ID each, with file and line.

Passes where no rule of severity `error` or `unknown` matches: an error fails; a file that could not be read makes it
inconclusive. Warnings are named in the summary and refuse nothing. A rule in `gate_accepted_rules` is shown and never refuses.
Where another daemon steers the clock there is nothing to look at.

Whether chronyd accepts the file is its own word (`chronyd -p` on the node), and for `.sources` files the sources that it runs.
What it accepts counts, whatever the tables here know of (chrony 4.9's): an option that is newer is a warning. Where chronyd can
not be asked the tables decide, as they do for chrony before 4.0, which has no -p: Ubuntu 20.04's 3.5, for instance.

`-p` only parses: what a line names may not be there, and then chronyd ends at its next start. The node shows what there is of
that now, users, folders, devices and interfaces, and rules CHR501 to CHR509 judge it; a device that comes later in the boot
counts as absent. Tried by starting chronyd 4.0, 4.3, 4.6 and 4.9 with each such line; of a PHC, a PPS device and an interface
that stamps packets only their absence was tried.

What to do: change the lines that the finding names, by file and line; each rule has its own remedy (`skewgate explain
CHR101`). Or let the gate write the configuration. What is meant so goes into `gate_accepted_rules`.

Source: chrony.conf(5) and chrony's source; each rule names its own in plugin_utils/chrony/rules.py. What chronyd accepts, drops
and runs was tried with 4.0, 4.3, 4.6 and 4.9 (Debian's packages, from bullseye to sid); of 3.5 its recorded answers were judged.

Rules:
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..chrony.rules import RULES
from ..daemons.chrony import chrony_configuration
from ..daemons.common.asking import steering_daemon, without_daemon
from ..daemons.common.units import FILES
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import Record

NEEDS = ("time_services", "chrony")
READS = FILES
REMEDIABLE = True


class Key(StrEnum):
    """How bad the worst of the rules that match is; ``about`` names these rules."""

    ERROR = "error"
    UNKNOWN = "unknown"


__doc__ = (__doc__ or "") + "".join(f"  {rule.id}  {rule.severity:7}  {rule.name}\n" for rule in RULES.values())


def judge(record: Record, policy: Policy) -> Finding:
    """Run every rule over the configuration of the chronyd that steers the clock."""
    if missing := without_daemon(record, "configuration"):
        return missing
    steering = steering_daemon(record)
    if steering and steering.daemon != "chrony":
        return Finding(
            state="pass", summary=f"chrony does not steer this clock ({steering.unit} runs): nothing to lint"
        )
    config = chrony_configuration(record)
    found = [
        {
            "id": rule.id,
            "name": rule.name,
            "severity": rule.severity,
            "accepted": rule.id in policy.accepted_rules,
            "file": place.file,
            "line": place.line,
            "text": place.text,
            "why": rule.why,
            "remedy": rule.remedy,
        }
        for rule in sorted(RULES.values(), key=lambda rule: rule.severity)  # error, unknown, warning
        for place in rule.find(config)
    ]
    seen = {
        "files": list(config.files),
        "unread": {path: unread.error for path, unread in config.unread.items()},
        "rules": found,
    }
    refusing = [row for row in found if row["severity"] != "warning" and not row["accepted"]]
    notes = [row for row in found if row["severity"] == "warning" and not row["accepted"]]
    accepted = [row for row in found if row["accepted"]]
    also = _also("warnings", notes) + _also("accepted", accepted)
    if not refusing:
        return Finding(
            state="pass", summary=f"nothing wrong in {len(config.files)} file(s) that chronyd reads{also}", seen=seen
        )
    error = any(row["severity"] == "error" for row in refusing)
    return Finding(
        state="fail" if error else "inconclusive",
        keys=(Key.ERROR if error else Key.UNKNOWN,),
        about=tuple(sorted({str(row["id"]) for row in refusing})),
        summary="; ".join(f"{row['id']} {row['name']} at {_place(row)}" for row in refusing) + also,
        why=" ".join(dict.fromkeys(str(row["why"]) for row in refusing)),
        remedy="; ".join(dict.fromkeys(f"{row['id']}: {row['remedy']}" for row in refusing)),
        seen=seen,
        cause=", ".join(sorted({f"{row['id']} {row['name']}" for row in refusing})),
    )


def _also(what: str, rows: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(f"{row['id']} {row['name']}" for row in rows)
    return f"; {what}: {', '.join(names)}" if names else ""


def _place(row: dict[str, Any]) -> str:
    return f"{row['file']}:{row['line']} ({row['text']})" if row["line"] else f"{row['file']} ({row['text']})"
