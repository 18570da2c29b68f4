"""A node reads each text in time in proportion to its length, whatever stands in it.

The texts are those that took quadratic time once, or would with the pattern that comes to mind first.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes, systemd
from ansible_collections.skewgate.preflight.plugins.module_utils.node.files import MAX_FILE_BYTES
from ansible_collections.skewgate.preflight.plugins.module_utils.node.run import MAX_OUTPUT
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import (
    chrony,
    clock_movers,
    github_apps,
    ntpd,
    platform,
)

QUADRATIC_WOULD_BE = 64
LINEAR_IS = 8
AT_THE_LIMIT_S = 1.0


def commands_of_shell(text: str) -> None:
    """As ``clock_movers.cron`` reads a script."""
    for line in text.splitlines():
        clock_movers.moving_commands(line)


def options_of_chronyd(text: str) -> None:
    chrony._options(text)


TEXTS: dict[str, tuple[Callable[[str], object], str, int]] = {
    "ntp.conf of empty lines": (ntpd.without_passwords, "\n", MAX_FILE_BYTES),
    "ntp.conf of blanks": (ntpd.without_passwords, " \t", MAX_FILE_BYTES),
    "a line of crypto without a password": (ntpd.without_passwords, "crypto ", MAX_FILE_BYTES),
    "a password of blanks": (ntpd.without_passwords, "crypto pw  ", MAX_FILE_BYTES),
    "a crypto line of quotes": (ntpd.without_passwords, "crypto pw \" pw '", MAX_FILE_BYTES),
    "systemctl show that repeats a property": (systemd.parse_show, "A=\n", MAX_OUTPUT),
    "systemctl show of units without a name": (systemd.parse_show, "A=b\n\n", MAX_OUTPUT),
    "commands of systemd": (systemd.commands, "{ ; argv[]=", MAX_OUTPUT),
    "a process's groups": (processes.cgroup, "1:", processes.MAX_BYTES),
    "dpkg's status without chrony": (
        platform.CHRONYS_STATE.findall,
        "Package: chrony\nStatus: a ",
        1 << 20,
    ),
    "a script of assignments": (commands_of_shell, "A=1 date -s x ", clock_movers.MAX_LINE),
    "a script of shells": (commands_of_shell, "sudo date\n", MAX_FILE_BYTES // 8),
    "options of chronyd": (options_of_chronyd, "OPTIONS=-x\n", MAX_FILE_BYTES),
    "an answer of many bearers": (lambda text: github_apps.redact(text, []), "bearer ", 1 << 18),
    "an answer of blanks after a bearer": (lambda text: github_apps.redact("bearer" + text, []), " \n", 1 << 18),
    "an answer of half a JWT": (lambda text: github_apps.redact(text, []), "eyJ.", 1 << 18),
    "an answer of authorizations": (lambda text: github_apps.redact(text, []), "authorization: \n", 1 << 18),
}


def least_s(function: Callable[[str], object], text: str) -> float:
    took = []
    for _attempt in range(3):
        begun_s = time.perf_counter()
        function(text)
        took.append(time.perf_counter() - begun_s)
    return min(took)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_eight_times_the_length_takes_no_more_than_about_eight_times_as_long(name: str):
    function, piece, limit = TEXTS[name]
    text = piece * (limit // len(piece))
    whole_s = least_s(function, text)
    assert whole_s < AT_THE_LIMIT_S
    eighth_s = least_s(function, text[: len(text) // LINEAR_IS])
    # Below a millisecond the machine's noise is larger than what is measured.
    assert whole_s < 0.001 or whole_s / eighth_s < QUADRATIC_WOULD_BE / 2, (whole_s, eighth_s)
