"""Does anything beside the time daemon move the node's clock?

A time daemon corrects the clock from its measurements of that clock. A hypervisor's guest tool or a
cron job that sets the same clock spoils these measurements. It also brings in a time that nobody
checks: that of the host, or of one server.

Passes if nothing was found that sets the clock. Fails if VMware's periodic synchronisation is on,
if VBoxService runs with its time synchronisation, or if a line of cron or a timer runs ntpdate,
`chronyd -q`, `date -s` or the like. The command may also be run through sudo, nsenter,
`docker exec` and other commands that run a command. A script that such a line calls is not read.
Inconclusive if VMware's tools run and did not answer, or if a file or folder of cron could not be
read. Only root may read users' crontabs, so without root the check is inconclusive on most nodes
that have cron.

Some movers cannot be turned off from inside the guest. They pass with a note: VMware's tools and
Hyper-V set the clock once after a resume, a snapshot or a migration.

What to do: turn off the tools and jobs that the finding names, with the command that it gives. Then
let the time daemon step the clock once more.

Source: vmware-toolbox-cmd's `timesync status` (open-vm-tools, toolboxcmd-time.c) and VMware Tools'
documentation, "Configuring time synchronization"; VirtualBox's manual, "Tuning the Guest Additions
time synchronization parameters"; Microsoft, "Time sync for Linux VMs in Azure", and Linux,
drivers/hv/hv_util.c; each command's manual page on which of its options set the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record

NEEDS = ("time_services", "clock_movers")
REMEDIABLE = False


class Key(StrEnum):
    """What moves the clock beside the time daemon."""

    VMWARE = "vmware_timesync"
    VMWARE_UNKNOWN = "vmware_timesync_unknown"
    VIRTUALBOX = "virtualbox_timesync"
    CRON = "cron"
    CRON_UNREAD = "cron_unread"
    TIMER = "timer"


_WHY = (
    "If another program sets the clock, each time the daemon's measurements are void, and the clock jumps to a time that "
    "nobody has checked."
)
_VMWARE_UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h: how `timesync status` says "Disabled"


class _Mover(NamedTuple):
    """What moves the clock, its key, the program, its cause in a few words, and how to stop it."""

    what: str
    key: Key
    about: str
    cause: str
    stop: str


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge the guest tools that run, and what cron and timers would run."""
    section = record.section("clock_movers")
    if "cron" not in section:
        raise MissingEvidenceError("it has no list of what cron runs", "clock_movers")
    if "error" in section["timers"]:
        raise MissingEvidenceError(f"systemd did not list its timers: {section['timers']['error']}")
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
            state="fail",
            summary=f"programs other than the time daemon move the clock: {'; '.join(mover.what for mover in movers)}",
            why=_WHY,
            remedy=" ".join(dict.fromkeys(mover.stop for mover in movers)),
            seen=seen,
            keys=tuple(sorted({mover.key for mover in movers})),
            about=tuple(sorted({mover.about for mover in movers if mover.about})),
            cause=", ".join(sorted({mover.cause for mover in movers})),
        )
    if tools_run and vmware not in ("enabled", "disabled"):
        return Finding(
            state="inconclusive",
            summary=f"VMware's tools run, and it is not known whether they set the clock periodically ({vmware})",
            why="If this is on, they set the clock once a minute against the time daemon.",
            remedy="Run `vmware-toolbox-cmd timesync status` on the node as root. If it prints Disabled, and only "
            "this check could "
            "not run it, make clock_movers advisory for the node (gate_advisory_checks).",
            seen=seen,
            keys=(Key.VMWARE_UNKNOWN,),
            cause="VMware's time synchronisation unknown",
        )
    if unread := section.get("unread"):
        return _unread(unread, seen, without_root=record.without_root)
    note = _note(section.get("virtualization"), tools_run)
    return Finding(
        state="pass", summary=f"no program other than the time daemon was found to move the clock{note}", seen=seen
    )


def _unread(unread: Sequence[Mapping[str, Any]], seen: Mapping[str, Any], *, without_root: bool) -> Finding:
    """Nothing was found in what could be read of cron, and there is more."""
    if without_root:
        named = [file["path"] for file in unread]
        remedy = (
            "Let the check run as root: `become: true`, and no `ansible_become: false` in the inventory; with --here, sudo "
            "or -K. If it must run without root, look through these files, and make clock_movers advisory for the node "
            "(gate_advisory_checks)."
        )
    else:
        named = [f"{file['path']} ({file['error']})" for file in unread]
        remedy = (
            "The check ran as root: make the files readable, or remove them, and run it again. If they must stay as they "
            "are, look through them, and make clock_movers advisory for the node (gate_advisory_checks)."
        )
    return Finding(
        state="inconclusive",
        summary=f"files of cron could not be read, and may set the clock: {', '.join(named)}",
        why=_WHY,
        remedy=remedy,
        seen={**seen, "unread": [file["path"] for file in unread]},
        keys=(Key.CRON_UNREAD,),
        cause="files of cron could not be read",
    )


def _vmware_answer(section: Mapping[str, Any]) -> str:
    """``enabled``, ``disabled``, or why that is not known.

    The exit code decides, because the words are translated.
    """
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
                Key.VMWARE,
                "",
                "VMware's periodic synchronisation",
                "Turn it off: vmware-toolbox-cmd timesync disable (the VM keeps this setting).",
            )
        )
    for process in processes:
        if process["comm"] == "VBoxService" and "--disable-timesync" not in process["argv"]:
            movers.append(
                _Mover(
                    f"VirtualBox's VBoxService (pid {process['pid']}, without --disable-timesync)",
                    Key.VIRTUALBOX,
                    "",
                    "VirtualBox's synchronisation",
                    "Start VBoxService with --disable-timesync (`systemctl edit` its unit: vboxadd-service or "
                    "virtualbox-guest-utils), and restart it.",
                )
            )
    return movers


def _scheduled(section: Mapping[str, Any]) -> list[_Mover]:
    """The node has sorted out the commands that set the clock from those
    that only ask (probes/clock_movers.py).
    """
    movers = []
    for line in section["cron"]:
        where = f"{line['path']}:{line['line']}"
        program = _program(line["text"])
        movers.append(
            _Mover(
                f"cron, {where}: {line['text']}", Key.CRON, program, f"{program} in cron", f"Remove the line {where}."
            )
        )
    for timer in section["timers"]:
        program = _program(timer["exec"])
        movers.append(
            _Mover(
                f"{timer['unit']}, by {timer['activates']}: {timer['exec']}",
                Key.TIMER,
                program,
                f"{program} in a timer",
                f"systemctl disable --now {timer['unit']}",
            )
        )
    return movers


def _program(command: str) -> str:
    return PurePosixPath(command.split(maxsplit=1)[0]).name


def _note(virtualization: str | None, vmware_tools: bool) -> str:
    if vmware_tools:
        return (
            "; VMware's periodic synchronisation is disabled, but the tools still set the clock once after a resume, a "
            "snapshot or a migration (time.synchronize.* = FALSE in the .vmx file turns that off)"
        )
    if virtualization == "microsoft":
        return (
            "; Hyper-V sets the clock once at boot and after a restore; between these, chrony can follow the host with "
            "`refclock PHC /dev/ptp_hyperv`"
        )
    return ""
