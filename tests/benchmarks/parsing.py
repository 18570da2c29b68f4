"""What reading a hostile node costs on the controller: `python -m tests.benchmarks.parsing`
(with the venv's Python).

Each parser of text at 1, 2, 4 and 8 times its limit, with texts that lead it astray most: 8 times
the text may take 8 times as long, give or take, and not 64 times. And a node at the boundary's
limit, read and judged.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, "collections")

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import (
    MAX_ANSWER,
    MAX_SECTION,
    parse_evidence,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import MAX_LINES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.shapes import MAX_TEXT
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import Tokens, printable_file
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony import chronyc, config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import ntpd_rs, openntpd, timesyncd
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common import ntp_toml, ntpq, pmc
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import evidence, record

TIMES = (1, 2, 4, 8)
SLOWER_THAN_LINEAR = 3.0
"""By how much a text of 8 times the length may take longer than 8 times:
a busy machine disturbs, and a square takes 64 times.
"""

LEAST_S = 0.005
"""What takes less than this is not compared: it says nothing of growth."""

Parse = Callable[[str], object]


def _chrony_files(text: str) -> object:
    return config.read_config(
        {"config": {"path": "/etc/chrony.conf", "files": [{"path": "/etc/chrony.conf", "text": text}]}}
    )


def _ntp_message(text: str) -> object:
    return timesyncd.parse_timesync(f"ServerName=a\nNTPMessage={{ {text}")


def _ntpctl_peers(text: str) -> object:
    return openntpd.parse_status(f"clock synced\n   1 10  2   23s   34s {text}")


CONFIG = (
    *("server a\n", "server a iburst nts maxpoll 6\n", "include /x*\n", "include {}/*.conf\n", "confdir /a /b\n"),
    *("!\n", " ", "pool ", "\n"),
)
SENT = Tokens(["a.b." + "Ab1_" * 80])
PORT = "3cecef.fffe.7a7020-0 seq 0 RESPONSE MANAGEMENT TIME_STATUS_NP\n"
NTP_SOURCE = 'ntp_source_offset_seconds{{name="{}:123",address="",id="1"}} 0.5\n'
NTP_PEER = "peer\n   1 10  2   23s   34s   1.0ms\n"

PARSERS: dict[str, tuple[Parse, tuple[str, ...]]] = {
    "boundary: printable": (printable_file, ("\x1b", "a\r\n", "\u202e", "é")),
    "boundary: tokens": (SENT.redacted, ("eyJ", "eyJ.", "QUJD", "a1b2", "ghs_", "github_pat_", "x \n")),
    "chronyc tracking": (chronyc.parse_tracking, (",", "1,", "\n")),
    "chronyc sources": (chronyc.parse_sources, ("^,*,10.77.0.1,2,6,377,12,0.1,0.1,0.1\n", ",", "\n")),
    "chrony.conf": (_chrony_files, CONFIG),
    "timedatectl": (timesyncd.parse_timesync, ("ServerName=a\nNTPMessage={ ", "a=", "a= ", "}", "\n")),
    "timedatectl NTPMessage": (_ntp_message, ("a=", "a= ", " a", ", a=b", "} ", "=", " ")),
    "ntpq -c rv": (ntpq.parse_system_variables, ('a="', "a=", "sync_", "a ", ",", "\n", "a=b,")),
    "ntpq -pn": (ntpq.parse_associations, ("*10.0.0.1 .GPS. 1 u 1 64 377 0.1 0.1 0.1\n", "=", " ", "\n")),
    "ntpctl -s all": (
        openntpd.parse_status,
        ("clock synced", "clock synced, stratum ", "constraint offset ", "1", " "),
    ),
    "ntpctl -s all, peers": (_ntpctl_peers, (NTP_PEER, "1", " ", "  1 10  2 ", "\n")),
    "ntp-ctl status": (
        ntpd_rs.parse_status,
        (NTP_SOURCE, "ntp_source_", 'a="', "a", "{", "} ", "_seconds", 'ntp_source_offset{a="\\"', "\n"),
    ),
    "ntp.toml": (ntp_toml.parse_ntp_toml, ("a.", "[a.b]\n", "x=", "[", "a={", "\n")),
    "pmc": (lambda text: pmc.parse_management(text, "TIME_STATUS_NP"), (PORT, " ", "a b\n", "a")),
    "time span": (timesyncd.parse_timespan, ("1", "1h ", "1.", "a")),
}


def seconds(parse: Parse, text: str) -> float:
    """The least of three times of this process; what is no such text raises, as it may."""
    times = []
    for _ in range(3):
        begun_s = time.process_time()
        with contextlib.suppress(ValueError, KeyError, OverflowError):
            parse(text)
        times.append(time.process_time() - begun_s)
        if times[-1] > 5:
            break
    return min(times)


def text_of(part: str, length: int) -> str:
    """The part again and again; {} in it is another number each time."""
    if "{}" in part:
        return "".join(part.format(number) for number in range(length // len(part)))
    return part * (length // len(part))


def growth(parse: Parse, part: str, limit: int = MAX_TEXT) -> list[float]:
    """How long it takes at 1, 2, 4 and 8 times the limit; not further than what is slow already."""
    times: list[float] = []
    for factor in TIMES:
        times.append(seconds(parse, text_of(part, factor * limit)))
        if times[-1] > 20:
            break
    return times


def at_the_limit(part: str) -> dict[str, Any]:
    """A node's evidence that fills the boundary with this text:
    configurations, and what commands answered.
    """
    whole: dict[str, Any] = evidence()
    some = "".join(text_of(part, MAX_TEXT // 2).splitlines(keepends=True)[: MAX_LINES // 2 - 1])
    text = text_of(FILLING, MAX_TEXT - 1)
    size = len(json.dumps(text))
    paths = ["/etc/chrony.conf", "/etc/chrony/conf.d/1.conf"]
    files = [{"path": path, "text": some, "mtime_s": 0.0} for path in paths]
    whole["chrony"]["config"] = {"path": paths[0], "files": files, "unread": []}
    filling = {"rc": 0, "stdout": text, "stderr": ""}
    for section, room in (("ntpd", MAX_SECTION), ("openntpd", MAX_ANSWER - MAX_SECTION - len(json.dumps(whole)))):
        count = max(0, room // (size + 60) - 1)
        whole[section] = {
            "present": False,
            "config": {"files": []},
            "commands": {str(n): filling for n in range(count)},
        }
    return whole


FILLING = "QUJD" * 30 + "\n"  # what looks like a code takes longest to read
LIMITS = (
    *("server a iburst\n", "server {}\n", "include /etc/chrony/conf.d/*.conf\n", "include {}\n", "confdir {}\n"),
    *("# a1b2c3d4e5f6 " + "x" * 100 + "\n", FILLING, "é" * 120 + "\n", "allow {}\n"),
)


def main() -> int:
    """Print the figures; 1 if a parser is slower than linear."""
    slow = []
    for name, (parse, parts) in PARSERS.items():
        for part in parts:
            times = growth(parse, part)
            ratio = times[-1] / max(times[0], LEAST_S)
            steps = ", ".join(f"{each * 1e3:.1f}" for each in times)
            print(f"{name:28}{part[:24]!r:28} {steps} ms  x{ratio:.1f}")
            if len(times) < len(TIMES) or ratio > TIMES[-1] * SLOWER_THAN_LINEAR:
                slow.append(f"{name} {part!r}")
    for part in (
        "server a iburst\n",
        "include /etc/chrony/conf.d/*.conf\n",
        "# a1b2c3d4e5f6\n",
        "QUJD",
        "\x1b",
        "é",
        "server {}\n",
    ):
        whole = at_the_limit(part)
        begun_s = time.process_time()
        parsed = parse_evidence(whole)
        read_s = time.process_time()
        judge_record({**record(), "evidence": parsed})
        judged_s = time.process_time()
        bad = sum("malformed" in section for section in parsed.values())
        print(f"at the limit, {part[:20]!r:24} {len(json.dumps(whole)):9} characters, {bad} malformed: "
              f"read {read_s - begun_s:.3f} s, judged {judged_s - read_s:.3f} s")  # fmt: skip
    print(*(f"slower than linear: {each}" for each in slow), sep="\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
