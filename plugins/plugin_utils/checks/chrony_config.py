"""Is there a wrong or weak line in what chrony reads?

chronyd starts with many configurations that keep no time: a server that is only watched, a line of
a `.sources` file that it drops without a message, more `minsources` than there are servers. It
does not warn of a weak configuration either: one server, no `makestep`, no `rtcsync`. This check
looks at all files that chronyd reads, also at those that DHCP writes. Each rule has an ID and
reports the file and the line.

Passes if no rule of severity `error` or `unknown` matches. An error fails the check. A file that
could not be read makes it inconclusive. The summary names the warnings, which refuse nothing. A
rule in `gate_accepted_rules` is shown and never refuses. If another daemon steers the clock, there
is nothing to check.

chronyd itself decides whether it accepts the file (`chronyd -p` on the node; for `.sources` files,
the sources that it runs). Its answer counts, even if the tables here, which are those of chrony
4.9, do not know an option: such an option is a warning. If chronyd cannot be asked, the tables
decide. They also decide for chrony before 4.0, which has no -p (Ubuntu 20.04 has 3.5).

`-p` only parses the file. A line may name something that does not exist, and then chronyd ends at
its next start. The node reports which users, folders, devices and interfaces exist now, and rules
CHR501 to CHR509 judge that. A device that appears later in the boot counts as absent. This was
tried: chronyd 4.0, 4.3, 4.6 and 4.9 were started with each such line. For a PHC, a PPS device and
an interface that stamps packets, only their absence was tried.

What to do: change the lines that the finding names, with file and line. Each rule has a remedy
(`skewgate explain CHR101`). Or let the gate write the configuration. If a line is intended, add its
rule to `gate_accepted_rules`.

Source: chrony.conf(5) and chrony's source. Each rule names its source in
plugin_utils/chrony/rules.py. What chronyd accepts, drops and runs was tried with 4.0, 4.3, 4.6 and
4.9 (Debian's packages, from bullseye to sid). For 3.5, its recorded answers were judged.

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
            state="pass", summary=f"chrony does not steer this clock ({steering.unit} runs): there is nothing to check"
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
            state="pass", summary=f"no fault found in {len(config.files)} file(s) that chronyd reads{also}", seen=seen
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
