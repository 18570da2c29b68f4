"""Does anything beside the time daemon move the node's clock?

A time daemon corrects the clock by what it has measured of it. A hypervisor's guest tool or a cron job that sets the same
clock spoils each of these measurements, and brings in a time that nobody checks: the host's, or that of one server.

Passes where nothing was found that sets the clock. Fails where VMware's periodic synchronisation is on, where VBoxService
runs with its time synchronisation, and where a line of cron or a timer runs ntpdate, `chronyd -q`, `date -s` and the like.
Inconclusive where VMware's tools run and did not tell.

What can't be turned off from inside the guest passes with a note: VMware's tools and Hyper-V set the clock once after a
resume, a snapshot or a migration.

Source: vmware-toolbox-cmd's `timesync status` (open-vm-tools, toolboxcmd-time.c) and VMware Tools' documentation, "Configuring
time synchronization"; VirtualBox's manual, "Tuning the Guest Additions time synchronization parameters"; Microsoft, "Time
sync for Linux VMs in Azure", and Linux, drivers/hv/hv_util.c; the commands' own manual pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from ..finding import Finding
from ..policy import Policy
from ..record import Record

NEEDS = ("time_services", "clock_movers")
MENDED_BY_CHRONY = False

_WHY = (
    "It sets the clock behind the time daemon's back: the daemon's measurements are void each time, and the clock jumps to "
    "a time that nobody checked."
)
_VMWARE_UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h: how `timesync status` says "Disabled"


class _Mover(NamedTuple):
    """What moves the clock, its cause in a few words, and how to stop it."""

    what: str
    cause: str
    stop: str


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge the guest tools that run, and what cron and timers would run."""
    section = record.section("clock_movers")
    processes = record.section("time_services").get("processes") or []
    vmware = _vmware_answer(section)
    tools_run = any(process["comm"] == "vmtoolsd" for process in processes)
    movers = [*_guest_tools(processes, vmware), *_scheduled(section)]
    seen = {
        "virtualization": section.get("virtualization"),
        "vmware_timesync": vmware,
        "movers": [mover.what for mover in movers],
    }
    if movers:
        return Finding(
            "fail",
            f"the clock is moved by {'; '.join(mover.what for mover in movers)}",
            _WHY,
            " ".join(dict.fromkeys(mover.stop for mover in movers)),
            seen,
            ", ".join(sorted({mover.cause for mover in movers})),
        )
    if tools_run and vmware not in ("enabled", "disabled"):
        return Finding(
            "inconclusive",
            f"VMware's tools run, but whether they set the clock periodically could not be asked ({vmware})",
            "Where it is on, they set the clock once a minute against the time daemon.",
            "Run `vmware-toolbox-cmd timesync status` on the node as root. Where it says Disabled, and only this check could "
            "not ask it, make clock_movers advisory for the node (gate_advisory_checks).",
            seen,
            "VMware's time synchronisation unknown",
        )
    note = _note(section.get("virtualization"), tools_run)
    return Finding("pass", f"nothing beside the time daemon was found to move the clock{note}", seen=seen)


def _vmware_answer(section: Mapping[str, Any]) -> str:
    """``enabled``, ``disabled``, or why that is not known. The exit code tells; the words are translated."""
    answer = section.get("vmware_timesync")
    if answer is None:
        return "vmware-toolbox-cmd was not found"
    if answer.get("error"):
        return str(answer["error"])
    if answer["rc"] in (0, _VMWARE_UNAVAILABLE):
        return "enabled" if answer["rc"] == 0 else "disabled"
    return (answer["stderr"] or answer["stdout"]).strip() or f"rc {answer['rc']}"


def _guest_tools(processes: Sequence[Mapping[str, Any]], vmware: str) -> list[_Mover]:
    movers = []
    if vmware == "enabled":
        movers.append(
            _Mover(
                "VMware's tools (periodic time synchronisation is enabled)",
                "VMware's periodic synchronisation",
                "Turn it off: vmware-toolbox-cmd timesync disable (it is a setting of the VM and stays).",
            )
        )
    for process in processes:
        if process["comm"] == "VBoxService" and "--disable-timesync" not in process["cmdline"].split():
            movers.append(
                _Mover(
                    f"VirtualBox's VBoxService (pid {process['pid']}, without --disable-timesync)",
                    "VirtualBox's synchronisation",
                    "Start VBoxService with --disable-timesync (`systemctl edit` its unit: vboxadd-service or "
                    "virtualbox-guest-utils), and restart it.",
                )
            )
    return movers


def _scheduled(section: Mapping[str, Any]) -> list[_Mover]:
    movers = []
    for line in section.get("cron") or []:
        if command := clock_setting_command(line["text"]):
            where = f"{line['path']}:{line['line']}"
            movers.append(
                _Mover(f"cron, {where}: {command}", f"{command.split()[0]} in cron", f"Remove the line {where}.")
            )
    for timer in section.get("timers") or []:
        if command := clock_setting_command(timer["exec"]):
            movers.append(
                _Mover(
                    f"{timer['unit']}, by {timer['activates']}: {command}",
                    f"{command.split()[0]} in a timer",
                    f"systemctl disable --now {timer['unit']}",
                )
            )
    return movers


def _note(virtualization: str | None, vmware_tools: bool) -> str:
    if vmware_tools:
        return (
            "; VMware's periodic synchronisation is disabled, but the tools still set the clock once after a resume, a "
            "snapshot or a migration (time.synchronize.* = FALSE in the .vmx file turns that off)"
        )
    if virtualization == "microsoft":
        return (
            "; Hyper-V sets the clock once at boot and after a restore; between these, chrony can follow the host by "
            "`refclock PHC /dev/ptp_hyperv`"
        )
    return ""


# Commands that set the clock

_NOT_RUN = {"[", "[[", "test", "command", "which", "type", "echo", "logger", "install", "pgrep", "pkill", "killall"}
"""Before these a command's name is only a word."""


def _short(letters: str) -> Callable[[Sequence[str]], bool]:
    """Whether one of these short options is given, alone or in a cluster."""
    return lambda args: any(re.match(r"-(?!-)", arg) and set(arg[1:]) & set(letters) for arg in args)


_SETS: dict[str, Callable[[Sequence[str]], bool]] = {
    "ntpdate": lambda args: not _short("qd")(args),
    "ntpdate-debian": lambda args: not _short("qd")(args),
    "ntpdig": _short("sS"),
    "sntp": _short("sSar"),
    "rdate": lambda args: not _short("p")(args) or _short("s")(args),
    "htpdate": _short("asxD"),
    "tlsdate": lambda args: not _short("n")(args),
    "ntpd": lambda args: _short("q")(args) or "--quit" in args,
    "chronyd": _short("q"),
    "chronyc": lambda args: "makestep" in args or "settime" in args,
    # -s may stand behind -u; -I takes the s of -Is for seconds.
    "date": lambda args: any(re.match(r"-[uR]*s|--set\b", arg) for arg in args),
    "hwclock": lambda args: "--hctosys" in args or _short("s")(args),
    "timedatectl": lambda args: "set-time" in args,
    "vmware-toolbox-cmd": lambda args: {"timesync", "enable"} <= set(args),
}
"""Whether a command with these arguments sets the system clock, by the command's name (ntpdate(8), sntp(1), date(1), ...)."""


def clock_setting_command(text: str) -> str | None:
    """The first command in a line of shell or cron that sets the system clock, with its arguments; None where none does.

    >>> clock_setting_command("17 3 * * * root [ -x /usr/sbin/ntpdate ] && /usr/sbin/ntpdate -u pool.ntp.org >/dev/null")
    'ntpdate -u pool.ntp.org'
    >>> clock_setting_command("*/5 * * * * root ntpdate -q pool.ntp.org | logger -t ntpdate")
    """
    if text.lstrip().startswith("#"):
        return None
    for command in re.split(r"[;&|()`{}]", text):
        words = [word.strip("\"'") for word in command.split()]
        for at, word in enumerate(words):
            name = PurePosixPath(word).name
            if name in _NOT_RUN:
                break
            if name in _SETS:
                args = [arg for arg in words[at + 1 :] if not re.match(r"\d*[<>]", arg)]
                if _SETS[name](args):
                    return " ".join([name, *args]).rstrip(" $")
    return None
