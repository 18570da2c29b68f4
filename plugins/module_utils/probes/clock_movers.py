# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What moves the clock beside a time daemon: commands in cron and timers, the hypervisor's
tools.
"""

from __future__ import annotations

import glob
import os
import re
import stat

from ..node.background import gather
from ..node.files import MAX_FILE_BYTES, text_or_none
from ..node.run import installed, run
from ..node.scripts import calls, language, with_programs
from ..node.shell import in_double_quotes, simple_commands, with_parentheses
from ..node.systemd import commands, is_manager, show
from ..node.wrappers import inner, options, program

SYSTEM_CRONTABS = ("/etc/crontab", "/etc/cron.d/*")  # a user stands before the command
ANACRONTABS = ("/etc/anacrontab",)
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
STARTS = {"start", "restart", "try-restart", "reload-or-restart"}
SET_AT_START = {"ntpdate", "ntp-client", "sntp", "rdate"}
"""Of names.MOVER_UNITS those whose start is a command that sets the clock."""
EXEC = ("ExecStartPre", "ExecStart", "ExecStartPost")

NO_COMMAND = re.compile(r"$|#|[\"']?\w+[\"']?\s*=")  # nothing, a comment, or a variable: maybe a secret
CHRONYC_MOVES = {"makestep", "settime", "doffset", "dfreq"}
RUN_WHAT_THEY_READ = {"at", "batch", "sh", "bash", "dash", "ash"}

# What systemd-detect-virt would say of the DMI's vendor and product (systemd's src/basic/virt.c),
# if that program is missing.
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
    """The section ``clock_movers``; ``timers`` is ``{"error"}`` if the question failed.

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
    """``cron``: the lines whose command moves the clock, by path and line number; ``unread``: files
    that may hold more.

    Raises ValueError if the files go beyond a limit: the rest of them might move the clock.
    """
    found, unread = [], []
    files = [
        (path, patterns)
        for patterns in (SYSTEM_CRONTABS, ANACRONTABS, USERS_CRONTABS, SCRIPTS)
        for path in _files(patterns, root)
    ]
    if len(files) > MAX_FILES:
        raise ValueError(f"cron has {len(files)} files; at most {MAX_FILES} are read")
    left_bytes = MAX_BYTES
    for path, patterns in files:
        if patterns is SCRIPTS and not _is_executable(path):  # run-parts(8) leaves it out
            continue
        try:
            with open(path, "rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:  # it was removed meanwhile
            continue
        except OSError as error:
            unread.append({"path": path[len(root) :], "error": error.strerror or str(error)})
            continue
        left_bytes -= len(content)
        if len(content) > MAX_FILE_BYTES or left_bytes < 0:
            raise ValueError(
                f"{path[len(root) :]}: a file of cron has more than {MAX_FILE_BYTES} bytes, or all have more than {MAX_BYTES}"
            )
        lines = with_programs(content.decode("utf-8", "replace"), MOVERS).splitlines()
        written_in = language(lines[0]) if lines and patterns is SCRIPTS else ""
        for number, line in _continued(lines) if patterns is SCRIPTS else enumerate(lines, 1):
            if patterns is SCRIPTS:
                command = line
            elif patterns is ANACRONTABS:
                command = anacron_command(line)
            else:
                command = cron_command(line, has_user=patterns is SYSTEM_CRONTABS)
            for text in moving_calls(command, written_in) if written_in else moving_commands(command):
                found.append({"path": path[len(root) :], "line": number, "text": text})
    return {"cron": found[:MAX_FOUND], "unread": unread + _unreadable_folders(root)}


def _continued(lines: list):
    """A script's lines with their numbers; those that a backslash at the end continues are one.

    >>> list(_continued(["docker run \\\\", "  image date", "true"]))
    [(1, 'docker run    image date'), (3, 'true')]
    """
    parts: list = []
    for number, line in enumerate(lines, 1):
        if line.endswith("\\") and number < len(lines):
            parts.append(line[:-1])
            continue
        yield number - len(parts), " ".join([*parts, line])
        parts = []


def _files(patterns: tuple, root: str) -> list:
    found = [path for pattern in patterns for path in sorted(glob.glob(root + pattern))]
    debian = os.path.exists(f"{root}/etc/debian_version")
    is_run = [patterns is USERS_CRONTABS or _is_run(os.path.basename(path), debian) for path in found]
    return [path for path, heeded in zip(found, is_run) if heeded and _is_file(path)]


def _is_file(path: str) -> bool:
    """What is behind a link into a folder that only root may enter may be one."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError:
        return True  # reading it says why
    except OSError:
        return False


def _is_run(name: str, debian: bool) -> bool:
    """Whether cron heeds a file of this name: cron(8) and run-parts(8) of Debian, cron(8) of
    cronie.
    """
    if debian:
        return re.fullmatch(r"[\w-]+", name, re.ASCII) is not None
    return not name.startswith(".") and not name.endswith(("~", ",", ".rpmsave", ".rpmorig", ".rpmnew", ".swp"))


def _is_executable(path: str) -> bool:
    """For root, who runs it; who asks may not be allowed to."""
    try:
        return bool(os.stat(path).st_mode & 0o111)
    except OSError:
        return True  # reading it says why


def _unreadable_folders(root: str) -> list:
    """Folders of cron that are only root's to list: what is in them is not missing but unread."""
    patterns = [
        os.path.dirname(pattern)
        for pattern in (*SYSTEM_CRONTABS, *USERS_CRONTABS, *SCRIPTS, os.path.dirname(SCRIPTS[-1]))
    ]
    return [
        {"path": folder[len(root) :], "error": "Permission denied"}
        for folder in sorted({folder for pattern in patterns for folder in glob.glob(root + pattern)})
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK)
    ]


def cron_command(line: str, has_user: bool) -> str:
    """The command of a crontab's line, "" if it has none (crontab(5)).

    >>> cron_command("*/5 * * * *  root  ntpdate pool.example", has_user=True)
    'ntpdate pool.example'
    >>> cron_command("@hourly rdate host%said on stdin", has_user=False)
    'rdate host'
    """
    line = line.strip()
    if NO_COMMAND.match(line):
        return ""
    fields = (1 if line[0] == "@" else 5) + has_user
    words = line.split(None, fields)
    command = words[fields] if len(words) > fields else ""
    return re.split(r"(?<!\\)%", command, maxsplit=1)[0].replace("\\%", "%")


def anacron_command(line: str) -> str:
    """The command of a line of anacrontab(5), after its period, its delay and its name.

    >>> anacron_command("@monthly 45 clock ntpdate pool.example"), anacron_command("START_HOURS_RANGE=3-22")
    ('ntpdate pool.example', '')
    """  # noqa: W505 - an example or a table
    words = [] if NO_COMMAND.match(line.strip()) else line.split(None, 3)
    return words[3] if len(words) > 3 else ""


def moving_commands(line: str, nested: int = 0) -> list:
    """The commands in a line of shell that move the clock, each alone: what stands beside it may
    hold a secret.

    >>> moving_commands("KEY=x curl -d $KEY h && { /usr/sbin/ntpdate -u pool.example; hwclock -w; } # ntpdate")
    ['/usr/sbin/ntpdate -u pool.example']
    >>> moving_commands("test -x /usr/sbin/ntpdate || echo ntpdate is missing; date +%s; date -Iseconds")
    []
    >>> moving_commands("flock -n /run/lock su -c 'chronyc -a makestep; true' root")
    ['chronyc -a makestep']
    >>> moving_commands('date -s "$(curl -H "Token: $KEY" h)"')
    ['date -s $']
    """  # noqa: W505 - an example or a table
    if not _names_mover(line):  # shlex is slow
        return []
    _check_depth(nested)  # each is read anew
    line = with_parentheses(line)
    found = [text for inside in in_double_quotes(line) for text in moving_commands(inside, nested + 1)]
    said = ""
    for words, piped in simple_commands(line):
        command = program(words)
        found += _moving(command, nested)
        name = os.path.basename(command[0]) if command else ""
        if said and name in RUN_WHAT_THEY_READ:
            found += moving_commands(said, nested + 1)
        elif said and name == "chronyc":  # it reads commands too, a password among them
            found += [f"chronyc {word}" for word in said.replace("\\n", " ").split() if word in CHRONYC_MOVES]
        said = " ".join(command[1:]) if piped and name in ("echo", "printf") else ""
    # A command in quotes, or in $(...), is no word of this one.
    return _shown(found)


def moving_calls(line: str, written_in: str) -> list:
    """The same of a line of a script in another language than a shell's.

    >>> moving_calls("subprocess.run(['ntpdate', '-u', 'a.example'])", "python"), moving_calls("print('ntpdate')", "python")
    (['ntpdate -u a.example'], [])
    """  # noqa: W505 - an example or a table
    return _shown(_moving_of(calls(line, written_in), 0)) if _names_mover(line) else []


def _names_mover(line: str) -> bool:
    """Raises ValueError if it does and is too long; the line is not shown, it may hold a secret."""
    found = MOVERS_NAMES.search(line)
    if found and len(line) > MAX_LINE:
        raise ValueError(f"a line has more than {MAX_LINE} characters, and {found.group()} among them")
    return bool(found)


def _shown(found: list) -> list:
    return list(dict.fromkeys(re.split(r"[(;]", text, maxsplit=1)[0][:MAX_TEXT] for text in found))


def _check_depth(nested: int) -> None:
    """Raises ValueError; the command is not shown, it may hold a secret."""
    if nested > MAX_NESTED:
        raise ValueError(f"a command is nested more than {MAX_NESTED} times")


def _moving(words: list, nested: int) -> list:
    """Of one command, in words, and of those that it runs."""
    words = program(words)
    if not words:
        return []
    arguments = MOVERS.get(os.path.basename(words[0]))
    if arguments and arguments(words[1:]):
        return [" ".join(words)]
    return _moving_of(inner(words), nested)


def _moving_of(ran: list, nested: int) -> list:
    """Of commands in words or as texts of shell."""
    found = []
    for command in ran:
        if isinstance(command, str):
            found += moving_commands(command, nested + 1)
            continue
        _check_depth(nested)
        found += _moving(command, nested + 1)
    return found


def _read(arguments: list, values: str = "") -> tuple:
    """The options' letters and long names, and what is no option; ``values`` are the letters of
    options with a value.
    """
    flags: set = set()
    operands, at = [], 0
    while at < len(arguments):
        after, given = options(arguments, at, values)
        flags |= {name if name.startswith("--") else name[1:] for name in given}
        if after == at:
            operands.append(arguments[at])
            after += 1
        at = after
    return flags, operands


def _with(flags: str, values: str = "", long: str = ""):
    """It moves the clock with one of these options; a long one may be cut, as getopt_long(3)
    allows.
    """
    return lambda arguments: _has(_read(arguments, values)[0], flags, long)


def _without(flags: str, values: str = "", long: str = ""):
    """It moves the clock unless one of these options is there."""
    return lambda arguments: not _has(_read(arguments, values)[0], flags, long)


def _has(given: set, flags: str, long: str = "") -> bool:
    cut = [flag for flag in given if flag.startswith("--") and len(flag) > 3]
    return bool(given & set(flags)) or any(f"--{name}".startswith(flag) for flag in cut for name in long.split())


def _date(arguments: list) -> bool:
    """``-s``, or a time instead of a format: ``112820002026.30``, and BusyBox's
    ``2026.11.28-20:00:30`` and ``@1795900000``.

    With -d, -f and -r it only shows one.
    """
    flags, operands = _read([word for word in arguments if not word.startswith("-I")], "drfsD")
    if _has(flags, "s", "set"):
        return True
    if _has(flags, "drf", "date reference file"):
        return False
    if any(operand.startswith("+") for operand in operands):
        return False
    # A substitution that is no format gives a time.
    return any(re.fullmatch(r"@?\d[\d.: -]{3,}|\$(\(.*)?", operand, re.DOTALL) for operand in operands)


def _chronyc(arguments: list) -> bool:
    words = " ".join(arguments).split()
    return bool(CHRONYC_MOVES & set(words)) and "help" not in words


def _hwclock(arguments: list) -> bool:
    flags, _operands = _read(arguments, "f")
    return _has(flags, "s", "hctosys") and not _has(flags, "", "test")


def _phc_ctl(arguments: list) -> bool:
    """Of the system clock: ``set``, ``adj`` and ``freq PPB`` (phc_ctl(8))."""
    operands = [word for word in arguments if not re.match("-[a-zA-Z]", word)]
    sets = {"set", "adj"} & set(operands) or re.search(r"\bfreq;? -?\d", " ".join(operands))
    return "CLOCK_REALTIME" in operands and bool(sets)


def _tickadj(arguments: list) -> bool:
    flags, operands = _read(arguments, "at")
    return bool(flags & {"a", "t"} or operands)


def _starts(arguments: list) -> bool:
    """Of a service that sets the clock once, as it starts: ``systemctl start ntpdate.service``,
    ``service ntpdate restart``.
    """
    words = set(_read(arguments, "HMnopPst")[1])
    return bool(words & STARTS) and bool({word.partition(".service")[0] for word in words} & SET_AT_START)


# Which arguments make each of them move the clock, by its manual.
_NTPDATE = _without("qd", "aekoptU")  # -q only asks, -d only tries
_SNTP = _with("sS", "abBcDgkKlMot", "step slew")
_PTPD = _without("nhHvkepOM", "cbidufSreYRl", "noadjust help version check-config masteronly")
MOVERS = {
    **dict.fromkeys(("systemctl", "service", "rc-service", "invoke-rc.d"), _starts),
    "ntpdate": _NTPDATE,
    "ntpdate-debian": _NTPDATE,
    "ntpsec-ntpdate": _NTPDATE,
    # BusyBox's with -w only asks.
    "ntpd": lambda arguments: _has(flags := _read(arguments, "cfikIlprstuUvVS")[0], "q", "quit") and "w" not in flags,
    "sntp": _SNTP,
    "ntpdig": _SNTP,
    "ntpsec-ntpdig": _SNTP,
    "msntp": _with("ra", "cdefgil"),
    "ntpclient": _with("sl", "cfghipq"),
    "rdate": lambda arguments: "p" not in (flags := _read(arguments, "ot")[0]) or "s" in flags,
    "netdate": bool,
    "htpdate": _with("asDx", "fimMnpPu"),
    "tlsdate": _without("n", "HpPCxj", "dont-set-clock"),
    "ptpd": _PTPD,
    "ptpd2": _PTPD,
    "chronyd": lambda arguments: (
        "q" in (flags := _read(arguments, "fFlLPtu")[0]) and "x" not in flags
    ),  # -Q only prints
    "chronyc": _chronyc,
    "hwclock": _hwclock,
    "clock": _hwclock,
    "fake-hwclock": lambda arguments: arguments[:1] == ["load"],
    "swclock": lambda arguments: bool(arguments) and not _has(_read(arguments)[0], "s", "save"),
    "date": _date,
    "timedatectl": lambda arguments: "set-time" in arguments or "--adjust-system-clock" in arguments,
    "adjtimex": _with("tfosa", "tfosTmeShu", "tick frequency offset singleshot adjust"),
    "ntptime": _with("fo", "efmosTt"),
    "tickadj": _tickadj,
    "phc_ctl": _phc_ctl,
    "net": lambda arguments: _read(arguments, "dIpwUWnslSk")[1][:2] == ["time", "set"],
    "vmware-toolbox-cmd": lambda arguments: arguments[:2] == ["timesync", "enable"],
    "VBoxService": _with("", "", "timesync-set-start"),
}
MOVERS_NAMES = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, sorted(MOVERS, key=len, reverse=True)))})(?![\w-])")


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
        # It prints Enabled or Disabled; the latter with EX_UNAVAILABLE (open-vm-tools'
        # toolbox/toolboxcmd-time.c).
        "vmware_timesync": run(["vmware-toolbox-cmd", "timesync", "status"], timeout_s) if asked else None,
    }


def _virtualization(timeout_s: float):
    """The node's hypervisor, in systemd-detect-virt(1)'s words ("none" for hardware); None if
    unknown.
    """
    if installed("systemd-detect-virt"):
        return run(["systemd-detect-virt"], timeout_s).get("stdout", "").strip() or None  # "none" comes with rc 1
    shown = f"{text_or_none(f'{DMI_ID}/sys_vendor')} {text_or_none(f'{DMI_ID}/product_name')}"
    return next((name for part, name in DMI.items() if part in shown), None)
