"""What reading a text costs on a node, whatever stands in it, as ratios within one run:
`python -m tests.benchmarks.node_texts`.

The texts are those that took quadratic time once, or would with the pattern that comes to mind
first. Eight times the text takes eight times as long if the time is linear, and 64 times as
long if it is quadratic.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

sys.path.insert(0, "collections")

from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes, systemd
from ansible_collections.skewgate.preflight.plugins.module_utils.node.files import MAX_FILE_BYTES
from ansible_collections.skewgate.preflight.plugins.module_utils.node.redaction import redact
from ansible_collections.skewgate.preflight.plugins.module_utils.node.run import MAX_OUTPUT
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import (
    chrony,
    clock_movers,
    ntpd,
    platform,
)

TIMES = 8


def commands_of_shell(text: str) -> None:
    """As ``clock_movers.cron`` reads a script."""
    for line in text.splitlines():
        clock_movers.moving_commands(line)


def options_of_chronyd(text: str) -> None:
    """As the section ``chrony`` reads a file of the service's environment."""
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
    "a line of options": (commands_of_shell, "date -x --y z ", clock_movers.MAX_LINE),
    "a line of letters": (commands_of_shell, "date -" + "a" * 100, clock_movers.MAX_LINE),
    "a line of redirections": (commands_of_shell, "2> date >x ", clock_movers.MAX_LINE),
    "a line of a container's options": (commands_of_shell, "docker run --a date -b ", clock_movers.MAX_LINE),
    "a line of find": (commands_of_shell, "find -exec date + ", clock_movers.MAX_LINE),
    "a line of pipes": (commands_of_shell, "echo date|sh|", clock_movers.MAX_LINE),
    "a line of substitutions": (commands_of_shell, "$(`date", clock_movers.MAX_LINE),
    "a line of ends": (commands_of_shell, "date) ", clock_movers.MAX_LINE),
    "a script of wrappers": (
        commands_of_shell,
        "nsenter -t 1 -- docker exec -it c timeout 5 sh -c 'date -s x'\n",
        MAX_FILE_BYTES // 8,
    ),
    "options of chronyd": (options_of_chronyd, "OPTIONS=-x\n", MAX_FILE_BYTES),
    "an answer of many bearers": (lambda text: redact(text, []), "bearer ", 1 << 18),
    "an answer of blanks after a bearer": (lambda text: redact("bearer" + text, []), " \n", 1 << 18),
    "an answer of half a JWT": (lambda text: redact(text, []), "eyJ.", 1 << 18),
    "an answer of authorizations": (lambda text: redact(text, []), "authorization: \n", 1 << 18),
}


def least_s(function: Callable[[str], object], text: str) -> float:
    """The least of three runs: what the text takes when nothing disturbs it."""
    took = []
    for _attempt in range(3):
        begun_s = time.perf_counter()
        function(text)
        took.append(time.perf_counter() - begun_s)
    return min(took)


def main() -> int:
    """Print for each text its time at the limit, and as a multiple of that of an eighth of it;
    1 if one is not linear.
    """
    ratios = {}
    for name, (function, piece, limit) in TEXTS.items():
        text = piece * (limit // len(piece))
        whole_s = least_s(function, text)
        ratios[name] = whole_s / least_s(function, text[: len(text) // TIMES])
        print(
            f"{name}: {whole_s * 1000:.1f} ms at the limit, {ratios[name]:.1f} times an eighth of it ({TIMES} is linear)"
        )
    return int(max(ratios.values()) > TIMES**2 / 2)


if __name__ == "__main__":
    sys.exit(main())
