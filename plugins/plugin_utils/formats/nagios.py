"""``skewgate.nagios``: one line with performance data, for Nagios, Icinga and Checkmk.

``SKEWGATE OK``, ``CRITICAL`` (a node is refused for a failure) or ``UNKNOWN`` (a node could not be
judged), then the number of these nodes, their names and the check that refuses them, in at most
1,000 bytes: NRPE cuts a line after 1,023. The performance data counts nodes by verdict and has the
skews of all nodes, in seconds.

Nagios decides by the exit status, and expects other values than skewgate returns: 0 is OK, 4 is
CRITICAL, and everything else is UNKNOWN. docs/how-to/monitor-with-nagios.md has a plugin that
returns them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from ..clock.interval import Interval
from ..model.wording import one_line
from ..verdict.exit_code import ExitCode
from ..verdict.report import refusing_findings, wider

NAME = "nagios"
FILE = "skewgate.nagios"

MOST_BYTES = 1000
MOST_NAMES = 5
MOST_OF_A_NAME = 64

_STATUS = {int(ExitCode.ADMITTED): "OK", int(ExitCode.REFUSED): "CRITICAL"}

_FORBIDDEN = str.maketrans({**dict.fromkeys("`~$&'\"<>;", "_"), "|": "¦"})
"""The bar begins the performance data;
the others Nagios keeps from the commands that send notifications.
"""


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Write the status, the refused nodes and the performance data as one line."""
    worst: dict[str, list[str]] = {"failure": [], "not_judged": []}
    skew_s: Interval | None = None
    for name, node in report["nodes"].items():
        skew_s = wider(skew_s, node)
        named = worst.get(node["refused_because"] or "")
        if named is not None and len(named) < MOST_NAMES:
            named.append(_named(name, node))
    status = _STATUS.get(report["exit_code"], "UNKNOWN")
    data = _performance(report["summary"], skew_s)
    text = f"SKEWGATE {status} - {_sentence(report['summary'], worst)}"
    file.write(f"{_fitting(text, MOST_BYTES - len(data.encode()) - 4)} | {data}\n")


def _named(name: str, node: Mapping[str, Any]) -> str:
    """A refused node with the first check that refuses it."""
    findings = sorted(refusing_findings(node), key=lambda finding: finding["state"] != "fail")
    why = f" ({findings[0]['check']})" if findings else ""
    return f"{one_line(name, MOST_OF_A_NAME)}{why}".translate(_FORBIDDEN)


def _sentence(summary: Mapping[str, int], worst: Mapping[str, list[str]]) -> str:
    total = sum(summary.values())
    nodes = f"{total} node{'' if total == 1 else 's'}"
    parts = []
    for because, count, verdict in (
        ("failure", summary["refused"], "refused"),
        ("not_judged", summary["not_judged"], "not judged"),
    ):
        if count:
            names = worst[because]
            more = f" and {count - len(names)} more" if count > len(names) else ""
            parts.append(f"{count} of {nodes} {verdict}: {', '.join(names)}{more}")
    return ", ".join(parts) or f"{summary['admitted']} of {nodes} admitted"


def _performance(summary: Mapping[str, int], skew_s: Interval | None) -> str:
    """LABEL=VALUE[UNIT];WARNING;CRITICAL;MINIMUM;MAXIMUM,
    as the Monitoring Plugins' guidelines write it.
    """
    total = sum(summary.values())
    parts = [
        f"admitted={summary['admitted']};;;0;{total}",
        f"refused={summary['refused']};;0;0;{total}",
        f"not_judged={summary['not_judged']};0;;0;{total}",
    ]
    if skew_s:
        parts += [f"skew_low={skew_s.low:.6f}s", f"skew_high={skew_s.high:.6f}s"]
    return " ".join(parts)


def _fitting(text: str, most_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[: most_bytes - 3].decode(errors="ignore") + "..."
