"""What may take time, or memory, that others of the run need: each group runs by itself."""

from __future__ import annotations

import sys
import time
from typing import Any

from tests.reliability.hostile.answers.registry import YEAR_S, answers
from tests.reliability.hostile.hostile_python import EVIDENCE, Asked, while_asked


@answers("silence")
def _never_an_answer(asked: Asked) -> None:
    while asked.module == EVIDENCE and while_asked():
        pass


@answers("flood")
def _never_an_end(asked: Asked) -> None:
    while asked.module == EVIDENCE and while_asked():
        sys.stdout.write('{"evidence": "' + "x" * (1 << 20))


@answers("volume")
def _twenty_megabytes(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    text = "server ntp.example.net iburst\n" * (20 * 1024 * 1024 // 30)
    config = {
        "path": "/etc/chrony/chrony.conf",
        "files": [{"path": "/etc/chrony/chrony.conf", "text": text}],
        "unread": [],
    }
    answer["evidence"]["chrony"] = {"present": True, "version": "4.3", "config": config, "commands": {}}
    return answer


@answers("volume")
def _a_million_things(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    answer["evidence"]["time_services"] = {"manager": "systemd", "units": [{}] * 500_000, "processes": [{}] * 500_000}
    return answer


@answers("volume")
def _empty_lines(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    files = [
        {"path": "/etc/ntp.conf", "text": "\n" * 250_000},
        {"path": "/etc/chrony/chrony.conf", "text": " " * 250_000},
    ]
    said = {"rc": 0, "stdout": "a=b " * 60_000, "stderr": ""}
    for section in ("chrony", "ntpd", "openntpd", "timesyncd", "ptp"):
        answer["evidence"][section] = {
            "present": True,
            "config": {"path": files[0]["path"], "files": files, "unread": []},
            "defaults": files,
            "commands": dict.fromkeys(("rv", "peers", "all", "timesync", "tracking"), said),
        }
    return answer


def of_github(name: str, headers: dict[str, str]) -> None:
    """A node to which GitHub, it says, gave these headers."""

    def answer(asked: Asked) -> dict[str, Any]:
        answer = asked.honest()
        for app in answer["evidence"].get("github_apps") or []:
            for attempt in app["attempts"]:
                for step in attempt["steps"]:
                    step.update(
                        status=403, message="You have exceeded a secondary rate limit", headers=headers, error=None
                    )
        return answer

    answer.__name__ = name
    answers("limits")(answer)


of_github("retry_after_an_hour", {"retry-after": "3500"})
of_github("retry_after_for_ever", {"retry-after": "inf"})
of_github("retry_after_nothing", {"retry-after": "nan", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1e400"})
of_github(
    "reset_in_ten_years", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 10 * YEAR_S)}
)
