# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What moves the clock beside a time daemon: commands in cron and timers, the hypervisor's tools."""

from __future__ import annotations

import glob
import os
import re
import shlex

from ..node.background import gather
from ..node.files import MAX_FILE_BYTES, text_or_none
from ..node.run import installed, run
from ..node.systemd import commands, is_manager, show

SYSTEM_CRONTABS = ("/etc/crontab", "/etc/cron.d/*")  # a user stands before the command
USERS_CRONTABS = ("/var/spool/cron/*", "/var/spool/cron/crontabs/*", "/var/spool/cron/tabs/*")
SCRIPTS = ("/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/cron.monthly/*", "/etc/periodic/*/*")
MAX_FILES = 500
MAX_BYTES = 4 * 1024 * 1024
"""Of all crontabs and scripts together."""
MAX_LINE = 16 * 1024
"""Of a line that names a mover: shlex takes quadratic time for a long word."""
MAX_NESTED = 20
"""Commands in commands, as in `flock ... su -c 'nice ...'`."""
MAX_TEXT = 200
MAX_FOUND = 100
EXEC = ("ExecStartPre", "ExecStart", "ExecStartPost")

# Words that a command may follow.
LEADING = re.compile(
    r"if|then|else|elif|while|until|do|!|\{|time|exec|eval|env|sudo|doas|nice|ionice|chrt|nohup|setsid|timeout|flock|chronic"
    r"|busybox|xargs|su|runuser|(|ba|da|a|k|z)sh"
)
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
SEPARATORS = set(";&|()\n")

# What systemd-detect-virt would say of the DMI's vendor and product (systemd's src/basic/virt.c), where it is not there.
DMI_ID = "/sys/class/dmi/id"
DMI = {
    "VMware": "vmware",
    "VirtualBox": "oracle",
    "innotek GmbH": "oracle",
    "Microsoft Corporation Virtual Machine": "microsoft",
    "Parallels": "parallels",
    "Xen": "xen",
    "Amazon EC2": "amazon",
    "Google Compute Engine": "google",
    "KVM": "kvm",
    "QEMU": "qemu",
}


def collect(timeout_s: float) -> dict:
    """The section ``clock_movers``; ``timers`` is ``{"error"}`` where the question failed.

    ``error`` beside them: the crontabs could not be read to their end, and ``cron`` is not there.
    """
    asked = gather(
        {
            "cron": cron,
            "timers": lambda: _timers(timeout_s / 2) if is_manager() else [],
            "hypervisor": lambda: _hypervisor(timeout_s / 2),
        },
        timeout_s + 1,
    )
    return {
        **asked["cron"],
        "timers": asked["timers"],
        "virtualization": asked["hypervisor"].get("virtualization"),
        "vmware_timesync": asked["hypervisor"].get("vmware_timesync"),
    }


def cron(root: str = "") -> dict:
    """``cron``: the lines whose command moves the clock, by path and line number; ``unread``: files that may hold more.

    Raises ValueError where the files go beyond a limit: the rest of them might move the clock.
    """
    found, unread = [], []
    files = [
        (path, patterns) for patterns in (SYSTEM_CRONTABS, USERS_CRONTABS, SCRIPTS) for path in _files(patterns, root)
    ]
    if len(files) > MAX_FILES:
        raise ValueError(f"cron has {len(files)} files; at most {MAX_FILES} are read")
    left_bytes = MAX_BYTES
    for path, patterns in files:
        if patterns is SCRIPTS and not os.access(path, os.X_OK):  # run-parts(8) leaves it out
            continue
        try:
            with open(path, "rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            unread.append({"path": path[len(root) :], "error": str(error)})
            continue
        left_bytes -= len(content)
        if len(content) > MAX_FILE_BYTES or left_bytes < 0:
            raise ValueError(
                f"{path[len(root) :]}: a file of cron has more than {MAX_FILE_BYTES} bytes, or all have more than {MAX_BYTES}"
            )
        lines = content.decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            command = line if patterns is SCRIPTS else cron_command(line, has_user=patterns is SYSTEM_CRONTABS)
            for text in moving_commands(command):
                found.append({"path": path[len(root) :], "line": number, "text": text})
    return {"cron": found[:MAX_FOUND], "unread": unread + _unreadable_folders(root)}


def _files(patterns: tuple, root: str) -> list:
    found = [path for pattern in patterns for path in sorted(glob.glob(root + pattern))]
    debian = os.path.exists(f"{root}/etc/debian_version")
    is_run = [patterns is USERS_CRONTABS or _is_run(os.path.basename(path), debian) for path in found]
    return [path for path, heeded in zip(found, is_run) if heeded and os.path.isfile(path)]


def _is_run(name: str, debian: bool) -> bool:
    """Whether cron heeds a file of this name: cron(8) and run-parts(8) of Debian, cron(8) of cronie."""
    if debian:
        return re.fullmatch(r"[\w-]+", name, re.ASCII) is not None
    return not name.startswith(".") and not name.endswith(("~", ",", ".rpmsave", ".rpmorig", ".rpmnew", ".swp"))


def _unreadable_folders(root: str) -> list:
    """The users' crontabs are root's to list: without root they are not missing but unread."""
    folders = {os.path.dirname(root + pattern) for pattern in USERS_CRONTABS}
    return [
        {"path": folder[len(root) :], "error": "Permission denied"}
        for folder in sorted(folders)
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK)
    ]


def cron_command(line: str, has_user: bool) -> str:
    """The command of a crontab's line, "" where it has none (crontab(5)).

    >>> cron_command("*/5 * * * *  root  ntpdate pool.example", has_user=True)
    'ntpdate pool.example'
    >>> cron_command("@hourly rdate host%said on stdin", has_user=False)
    'rdate host'
    """
    line = line.strip()
    if not line or line[0] == "#" or re.match(r"[\"']?\w+[\"']?\s*=", line):  # a comment, or a variable: maybe a secret
        return ""
    fields = (1 if line[0] == "@" else 5) + has_user
    words = line.split(None, fields)
    command = words[fields] if len(words) > fields else ""
    return re.split(r"(?<!\\)%", command, maxsplit=1)[0].replace("\\%", "%")


def moving_commands(line: str, nested: int = 0) -> list:
    """The commands in a line of shell that move the clock, each alone: what stands beside it may hold a secret.

    >>> moving_commands("KEY=x curl -d $KEY h && { /usr/sbin/ntpdate -u pool.example; hwclock -w; } # ntpdate")
    ['/usr/sbin/ntpdate -u pool.example']
    >>> moving_commands("test -x /usr/sbin/ntpdate || echo ntpdate is missing; date +%s; date -Iseconds")
    []
    >>> moving_commands("flock -n /run/lock su -c 'chronyc -a makestep; true' root")
    ['chronyc -a makestep']
    >>> moving_commands('date -s "$(curl -H "Token: $KEY" h)"')
    ['date -s $']
    """
    if not MOVERS_NAMES.search(line):  # shlex is slow
        return []
    if len(line) > MAX_LINE:
        raise ValueError(f"a line has more than {MAX_LINE} characters: {line[:MAX_TEXT]}")
    if nested > MAX_NESTED:  # each is read anew
        raise ValueError(f"a command is nested more than {MAX_NESTED} times: {line[:MAX_TEXT]}")
    reader = shlex.shlex(line.replace("`", ";"), posix=True, punctuation_chars=";&|()")
    reader.whitespace_split = True
    try:
        words = list(reader)
    except ValueError:  # a quote that another line closes
        words = line.split()
    found, command = [], []
    for word in [*words, ";"]:
        if set(word) <= SEPARATORS:
            found += _moving(command, nested)
            command = []
        else:
            command.append(word)
    # A command in quotes, $(...) or `...` as replaced above, is no word of this one.
    return [re.split(r"[(;]", text, maxsplit=1)[0][:MAX_TEXT] for text in found]


def _moving(words: list, nested: int) -> list:
    """Of one command, in words."""
    while words and ASSIGNMENT.match(words[0]):
        words = words[1:]
    if not words:
        return []
    name = os.path.basename(words[0])
    if name in MOVERS:
        return [" ".join(words)] if MOVERS[name](words[1:]) else []
    if not LEADING.fullmatch(name):
        return []
    for position, word in enumerate(words[1:], 1):
        if re.fullmatch(r"-[a-z]*c", word) and not name.endswith("nice"):  # of ionice it is the class
            script = words[position + 1 : position + 2]
            quoted = any(" " in part for part in script)  # systemctl show has lost the quotes
            return moving_commands(" ".join(script if quoted else words[position + 1 :]), nested + 1)
        if LEADING.fullmatch(os.path.basename(word)) or os.path.basename(word) in MOVERS:
            return _moving(words[position:], nested)
    return []


def _flags(arguments: list) -> set:
    """The letters of short options, and the long ones without their values."""
    found: set = set()
    for argument in arguments:
        if argument.startswith("--"):
            found.add(argument.partition("=")[0])
        elif argument.startswith("-"):
            found |= set(argument[1:])
    return found


def _with(*flags: str):
    return lambda arguments: bool(_flags(arguments) & set(flags))


# Which arguments make each of them move the clock, by its manual.
MOVERS = {
    "ntpdate": lambda arguments: not _flags(arguments) & {"q", "d"},  # -q only asks, -d only tries
    "ntpdate-debian": lambda arguments: not _flags(arguments) & {"q", "d"},
    "ntpd": _with("q", "--quit"),
    "sntp": _with("s", "S", "--step", "--slew"),
    "ntpdig": _with("s", "S", "--step", "--slew"),
    "rdate": lambda arguments: "p" not in _flags(arguments) or "s" in _flags(arguments),
    "htpdate": _with("a", "s", "D"),
    "tlsdate": lambda arguments: not _flags(arguments) & {"n", "--dont-set-clock"},
    "chronyd": _with("q"),  # -Q only prints
    "chronyc": lambda arguments: "makestep" in " ".join(arguments).split(),
    "hwclock": _with("s", "--hctosys"),
    "date": lambda arguments: any(re.match(r"-[uR]*s|--set", argument) for argument in arguments),
    "timedatectl": lambda arguments: "set-time" in arguments,
    "vmware-toolbox-cmd": lambda arguments: arguments[:2] == ["timesync", "enable"],
}
MOVERS_NAMES = re.compile("|".join(map(re.escape, MOVERS)))


def _timers(timeout_s: float):
    """The active timers whose service moves the clock: ``[{"unit", "activates", "exec"}]``."""
    timers = show(["*.timer"], ["ActiveState", "Unit"], timeout_s)
    if isinstance(timers, dict):
        return timers
    activates = {timer["Id"]: timer.get("Unit", "") for timer in timers if timer.get("ActiveState") == "active"}
    services = show(sorted(set(activates.values()) - {""}), ["Names", *EXEC], timeout_s) if activates else []
    if isinstance(services, dict):
        return services
    found = []
    for timer, activated in sorted(activates.items()):
        for service in services:
            if activated in service.get("Names", "").split():
                lines = [line for key in EXEC for line in commands(service.get(key, ""))]
                found += [
                    {"unit": timer, "activates": activated, "exec": text}
                    for line in lines
                    for text in moving_commands(line)
                ]
    return found


def _hypervisor(timeout_s: float) -> dict:
    virtualization = _virtualization(timeout_s)
    asked = virtualization == "vmware" and installed("vmware-toolbox-cmd")
    return {
        "virtualization": virtualization,
        # It prints Enabled or Disabled; the latter with EX_UNAVAILABLE (open-vm-tools' toolbox/toolboxcmd-time.c).
        "vmware_timesync": run(["vmware-toolbox-cmd", "timesync", "status"], timeout_s) if asked else None,
    }


def _virtualization(timeout_s: float):
    """What runs this node, in systemd-detect-virt(1)'s words ("none" for iron); None where nothing tells."""
    if installed("systemd-detect-virt"):
        return run(["systemd-detect-virt"], timeout_s).get("stdout", "").strip() or None  # "none" comes with rc 1
    shown = f"{text_or_none(f'{DMI_ID}/sys_vendor')} {text_or_none(f'{DMI_ID}/product_name')}"
    return next((name for part, name in DMI.items() if part in shown), None)
