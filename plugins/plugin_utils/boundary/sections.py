"""The form of each section of the evidence: what `plugins/modules/node_evidence.py` documents, as
shapes.

A section without a row here may be any JSON data within bounds. A section that a check reads needs
a row. A field with a ``?`` may be missing, because not every node has it, or because an earlier
version saved the evidence without it.
"""

from __future__ import annotations

import re
from typing import Any

from .shapes import (
    MAX_SAFE,
    MAX_TEXT,
    MalformedError,
    Shape,
    by_name,
    fields,
    flag,
    items,
    lines,
    maybe,
    number,
    octets,
    or_failed,
    text,
    whole,
)
from .text import Tokens

MAX_MOMENT_S = 253_402_300_799
"""The end of the year 9999, which certificates that never end have (RFC 5280, section 4.1.2.5)."""

MAX_LINES = 3000
"""The most lines of a command's answer or of a file. It is also the most lines without comments of
all files of one configuration."""

MAX_REPOSITORIES = 20_000
"""The most repositories of an App."""

MANY = 1000
FEW = 100

# A node's own clock, wherever it stands: from 1970 to 2262, as the kernel can show it.
NS = whole(0, MAX_SAFE)
WALL_S = number(0, MAX_SAFE / 1e9)
MONO_NS = NS
# Times that somebody else wrote: of a file, or in a certificate.
MOMENT_S = number(-MAX_MOMENT_S, MAX_MOMENT_S)
DURATION_S = number(0, 1e9)
PID = whole(-1, 2**31)
PORT = whole(0, 65535)
NAME = text()
MESSAGE = text(MAX_TEXT)
FILE = lines(MAX_LINES)
LINE = text(MAX_TEXT)
NAMES = items(NAME, MANY)
UNIT_NAME = text(256)
"""systemd allows 255 characters (its src/basic/unit-name.h)."""


ANSWER = or_failed(fields({"rc": whole(-255, 255), "stdout": FILE, "stderr": FILE}))
"""What a command answered."""

COMMANDS = by_name(ANSWER)

UNREAD = fields({"path": NAME, "error": MESSAGE, "kind?": text(40)})
READ = fields({"path": NAME, "text": FILE, "mtime_s?": MOMENT_S})
_CONFIG = fields(
    {
        "path?": maybe(NAME),
        "files": items(READ, FEW),
        "unread?": items(UNREAD, FEW),
        "sources_dirs?": items(fields({"path": NAME, "exists": flag}), FEW),
    }
)
_KINDS = by_name(text(40), MANY)
_NAMED = fields(
    {
        **dict.fromkeys(("paths", "interfaces", "users"), _KINDS),
        "options": by_name(fields({"value": NAME, "from": NAME})),
    }
)
"""The things that chrony's configuration names, and whether they exist."""
_NO_COMMENT = re.compile(r"^[ \t]*[^\s#!;%]", re.MULTILINE)


def CONFIG(value: Any, tokens: Tokens) -> Any:  # noqa: N802 - a shape as the others
    """A daemon's configuration: its files have at most MAX_LINES lines together that are no
    comment.
    """
    read = _CONFIG(value, tokens)
    found = sum(len(_NO_COMMENT.findall(file["text"])) for file in read["files"])
    if found > MAX_LINES:
        raise MalformedError(f"at most {MAX_LINES} lines that are no comment in all files", found)
    return read


def _of_daemon(**more: Shape) -> Shape:
    return fields({"present?": flag, "config?": CONFIG, "commands?": COMMANDS, **more})


CERTIFICATE = fields({"not_before_s": MOMENT_S, "not_after_s": MOMENT_S})
REQUEST_ERROR = fields(
    {"phase": text(40), "message": MESSAGE, "kind?": maybe(text(40)), "certificate?": maybe(CERTIFICATE)}
)
"""Why a request has no answer, or the wrong answer."""

_UNIT = {
    "unit": UNIT_NAME,
    "names?": items(UNIT_NAME, FEW),
    "load_state": text(40),
    "active_state": text(40),
    "unit_file_state": text(40),
}

_SAMPLE = fields(
    {
        "address": NAME,
        "t1_wall_ns": NS,
        "t1_mono_ns": MONO_NS,
        "t4_mono_ns": MONO_NS,
        "sent_hex": octets(1024),
        "reply_hex": octets(1024),
    }
)
_NO_SAMPLE = fields({"address": NAME, "t1_wall_ns?": NS, "error": MESSAGE, "kind?": text(40), "errno?": text(40)})
_DATE = fields(
    {
        "t_send_wall_ns": NS,
        "t_send_mono_ns": MONO_NS,
        "t_recv_mono_ns": MONO_NS,
        "status": whole(100, 999),
        "date": maybe(text(200)),
        "verified": flag,
    }
)
_NOT_ASKED = fields({"error": REQUEST_ERROR})
_NUMBERS = items(whole(0, 65535), FEW)
_NTS_RECORDS = fields(
    {
        "ended": flag,
        **dict.fromkeys(("protocols", "aeads", "errors", "warnings"), _NUMBERS),
        "cookies": whole(0, 10_000),
        "cookie_bytes": whole(0, 65535),
        "ntp_server": maybe(NAME),
        "ntp_port": maybe(PORT),
    }
)
_NTS_ASKED = fields({"bytes": whole(0, 65535), "reply_hex?": octets(512), "error?": MESSAGE, "kind?": text(40)})
_NTS_EXCHANGE = fields(
    {
        "address": NAME,
        "port": PORT,
        "unique_hex": octets(32),
        **dict.fromkeys(("nts", "plain", "padded", "nobody"), maybe(_NTS_ASKED)),
    }
)
_STEP = fields(
    {
        "step": text(40),
        "method": text(20),
        "url": NAME,
        "status": maybe(whole(100, 999)),
        "message?": maybe(MESSAGE),
        "documentation_url?": maybe(NAME),
        "headers": by_name(NAME),
        "body?": maybe(MESSAGE),
        "node_wall_s": WALL_S,
        "duration_s": DURATION_S,
        "repository?": maybe(NAME),
        "proxy?": maybe(NAME),
        "sent_from?": maybe(NAME),
        "sent_to?": maybe(NAME),
        "moved_to?": maybe(NAME),
        "error": maybe(REQUEST_ERROR),
        "suspended?": flag,
        "tries?": whole(0, 100),
        "waited_s?": DURATION_S,
        "also?": items(NAME, MAX_REPOSITORIES),
        "narrowed?": items(text(40), FEW),
        "expires_at?": maybe(MESSAGE),
        "lacking?": by_name(text(40)),
        "installation_id?": text(40),
        "owners?": items(text(200), FEW),
        "owners_in_all?": whole(0, 10**6),
        "cut_off?": flag,
    }
)
_ATTEMPT = fields(
    {
        "label": text(40),
        "signed_for_s": maybe(whole(0, 2**34)),
        "node_wall_s": maybe(WALL_S),
        "sent": flag,
        "not_sent_because": maybe(NAME),
        "withheld?": text(40),
        "steps": items(_STEP),
    }
)
_ADJTIMEX = fields(
    {
        "state?": whole(0, 100),
        "status?": whole(0, 2**31),
        "offset_us?": number(),
        "freq_ppm?": number(),
        "maxerror_us?": number(),
        "esterror_us?": number(),
        "tai_s?": number(),
    }
)
_RTC = fields(
    {
        "present": flag,
        "since_epoch_s": maybe(whole(-MAX_MOMENT_S, MAX_MOMENT_S)),
        "wall_s_at_read": WALL_S,
        "local_time": maybe(flag),
    }
)
_SEGMENT = fields({"path": NAME, "pids": items(PID, FEW), "mono_ns": MONO_NS, "hex": octets(256)})
_NO_SEGMENT = fields({"path": NAME, "error": MESSAGE, "kind": text(40)})
_DEVICE = text(300)
_VMCLOCK = fields({"device": _DEVICE, "disruption_marker": text(40), "vm_generation_counter": maybe(text(40))})


def _either(good: Shape, without: Shape) -> Shape:
    """One of two forms: what has an ``error`` has the second."""
    return lambda value, tokens: (without if isinstance(value, dict) and value.get("error") else good)(value, tokens)


_SAID = text(20_000)
_OF_A_CLIENT = _either(fields({"rc": whole(-255, 255), "stdout": _SAID, "stderr": _SAID}), fields({"error": _SAID}))
"""What a chronyd said that was started to try NTS. It comes in a further answer, beside the whole
evidence."""

SECTIONS: dict[str, Shape] = {
    "collected": fields(
        {
            "wall_ns": NS,
            "mono_ns": MONO_NS,
            **dict.fromkeys(("boot_ns?", "raw_ns?", "gap_ns?"), MONO_NS),
            "boot_id?": maybe(text(100)),
            "suspends?": maybe(whole(0, 2**63 - 1)),
            "vmclocks?": items(_either(_VMCLOCK, fields({"device": _DEVICE, "error": text(1000)})), 4),
            "end_mono_ns": MONO_NS,
            "python": text(100),
            "euid": whole(0, 2**32),
            "started_s?": maybe(DURATION_S),
            "sections_s?": by_name(DURATION_S),
        }
    ),
    "clock": fields(
        {"adjtimex?": or_failed(_ADJTIMEX), "clocksource?": maybe(NAME), "rtc?": _RTC},
    ),
    "time_services": fields(
        {
            "manager": text(40),
            "units": or_failed(
                items(fields({**_UNIT, "sub_state": text(40), "main_pid": PID}), 300),
            ),
            "processes?": items(
                fields(
                    {
                        "pid": PID,
                        "comm": NAME,
                        "argv": items(LINE, MANY),
                        "exe?": maybe(NAME),
                        "cgroup?": maybe(NAME),
                        "contained?": maybe(flag),
                        "may_set_clock?": maybe(flag),
                    }
                ),
                300,
            ),
            "connman_time_updates?": maybe(text(40)),
            "may_set_clock?": fields(
                {
                    "given": items(
                        fields({"comm": NAME, "pid": PID, "processes": whole(1, 2**31), "cgroup": maybe(NAME)}), 200
                    ),
                    "privileged": items(NAME, 200),
                }
            ),
        }
    ),
    "chrony": fields(
        {
            "present?": flag,
            "version?": maybe(NAME),
            "config?": CONFIG,
            "keyfile?": maybe(fields({"path": NAME, "mode": text(10)})),
            "named?": or_failed(_NAMED),
            "fips?": flag,
            "features?": items(text(40), FEW),
            "next_start?": maybe(
                fields({"unit": UNIT_NAME, "path": maybe(NAME), "text": FILE, "unfit?": maybe(text(10))})
            ),
            "defaults?": items(READ),
            "started_s?": maybe(MOMENT_S),
            "printed?": maybe(ANSWER),
            "commands?": COMMANDS,
        }
    ),
    "ntpd": _of_daemon(**{"beside?": items(READ)}),
    "openntpd": _of_daemon(),
    "ntpd_rs": _of_daemon(),
    "timesyncd": _of_daemon(),
    "ptp": _of_daemon(),
    "clockbound": fields(
        {
            "present": flag,
            "processes": items(fields({"pid": PID, "writes": items(NAME, FEW)}), FEW),
            "segments": items(_either(_SEGMENT, _NO_SEGMENT), 8),
        }
    ),
    "ntp": fields(
        {
            "servers": items(
                fields(
                    {
                        "server": NAME,
                        "addresses": NAMES,
                        "samples": items(_either(_SAMPLE, _NO_SAMPLE), 200),
                        "error?": maybe(MESSAGE),
                        "kind?": text(40),
                    }
                ),
                FEW,
            )
        }
    ),
    "nts_client": fields({"tried": by_name(_OF_A_CLIENT, 16)}),
    "nts": fields(
        {
            "servers": items(
                fields(
                    {
                        "server": NAME,
                        "port": PORT,
                        "certset?": NAME,
                        "configured?": flag,
                        "addresses": NAMES,
                        "error": maybe(REQUEST_ERROR),
                        "alpn": maybe(NAME),
                        "certificate_time_error": maybe(MESSAGE),
                        "certificate?": maybe(CERTIFICATE),
                        "exchange?": maybe(_either(_NTS_RECORDS, _NOT_ASKED)),
                        "ntp?": maybe(_either(_NTS_EXCHANGE, _NOT_ASKED)),
                    }
                ),
                FEW,
            )
        }
    ),
    "api_date": fields(
        {
            "apis": items(
                fields(
                    {
                        "url": NAME,
                        "certificate_time_error": maybe(MESSAGE),
                        "answers": items(_either(_DATE, _NOT_ASKED)),
                    }
                )
            )
        }
    ),
    "join_state": fields(
        {
            "paths": by_name(maybe(flag)),
            "processes": NAMES,
            # Evidence of an earlier version lacks these two: then they are not known.
            "certificates?": by_name(or_failed(fields({"pem": text(MAX_TEXT)}))),
            "wireguard?": fields(dict.fromkeys(("interfaces", "files", "processes", "unseen"), NAMES)),
        }
    ),
    "boot": fields(
        {
            "units": or_failed(
                items(
                    fields(
                        {
                            **_UNIT,
                            **dict.fromkeys(("after", "before", "requires", "wants"), NAMES),
                            **dict.fromkeys(("binds_to?", "wanted_by?"), NAMES),
                            "exec_start": LINE,
                            "condition_met": maybe(flag),
                        }
                    )
                )
            ),
            "uptime_s?": maybe(DURATION_S),
            "fake_hwclock?": maybe(MESSAGE),
        }
    ),
    "past_boots": fields(
        {
            "boots": items(
                fields(
                    {
                        "boot_id": maybe(text(100)),
                        "entries": items(
                            fields(
                                {
                                    "wall_us": whole(0, MAX_SAFE // 1000),
                                    "mono_us": whole(0, MAX_SAFE // 1000),
                                    "what": text(40),
                                    "unit": UNIT_NAME,
                                    "message?": NAME,
                                }
                            ),
                            300,
                        ),
                        "last_mono_us": maybe(whole(0, MAX_SAFE // 1000)),
                        "cut_off": flag,
                    }
                ),
                4,
            ),
            "ended_because": maybe(MESSAGE),
            "changed_s": by_name(MOMENT_S),
            "rtc_set_s": MOMENT_S,
        }
    ),
    "clock_movers": fields(
        {
            "cron?": items(fields({"path": NAME, "line": whole(0, 2**31), "text": LINE})),
            "unread?": items(UNREAD, MANY),
            "error?": MESSAGE,
            "timers": or_failed(items(fields({"unit": NAME, "activates": NAME, "exec": LINE}), MANY)),
            "virtualization?": maybe(NAME),
            "vmware_timesync?": maybe(ANSWER),
        }
    ),
    "platform": fields(
        {
            "os_release": by_name(NAME),
            "selinux": maybe(text(40)),
            "read_only": maybe(text(40)),
            "package_managers": NAMES,
            "dpkg?": maybe(
                fields(
                    {
                        "chrony?": maybe(text(40)),
                        "held_by?": maybe(fields({"pid?": PID, "name": maybe(NAME)})),
                        "interrupted?": flag,
                    }
                )
            ),
        }
    ),
    "github_apps": items(
        fields({"name": NAME, "attempts": items(_ATTEMPT, 20), "error?": MESSAGE}),
    ),
}
"""By the section's name."""
