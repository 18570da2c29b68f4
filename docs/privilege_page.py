"""The page of what needs root on a node, from one table.

docs/make_pages.py writes it, and a test holds the table to what a real user without root sees.
"""

from __future__ import annotations

from typing import NamedTuple

from docs.writing import head, page, table, wrapped


class RootOnly(NamedTuple):
    """What only root sees of a section.

    ``fields``: which of its fields are then null or an error, or hold less, as
    fnmatch patterns, "" for all of it. ``what`` and ``then``: half sentences for the page.
    """

    fields: tuple[str, ...]
    what: str
    then: str


ROOT_ONLY: dict[str, tuple[RootOnly, ...]] = {
    "collected": (),
    "clock": (),
    "time_services": (
        RootOnly(
            ("processes*.exe",),
            "the program of another user's process",
            "null; BusyBox's ntpd is known by its arguments alone",
        ),
        RootOnly(
            ("processes*.may_set_clock", "may_set_clock*"),
            "whether another user's process that holds CAP_SYS_TIME has it only in a user namespace, as in a rootless "
            "container",
            "it counts as one that may set the clock",
        ),
        RootOnly(
            ("connman_time_updates",),
            "ConnMan's settings",
            "null; ConnMan, if it runs, counts as one that sets the clock",
        ),
        RootOnly(
            ("",),
            "other users' processes, where /proc is mounted with `hidepid`",
            "the section is an error, and so are those of all daemons: their checks are inconclusive",
        ),
    ),
    "boot": (),
    "chrony": (
        RootOnly(
            ("commands.authdata*", "commands.selectdata*"),
            "`chronyc authdata` and `selectdata`: chronyd answers these on its socket alone",
            "the answer is an error. config_in_use is inconclusive (`chronyc_needs_root`) if a source has NTS, a key or "
            "`require`; findings of other checks lack that detail",
        ),
        RootOnly(
            ("commands.*",),
            "all of `chronyc`, if chrony.conf has `cmdport 0`",
            "the answers are errors: config_in_use, ntp_sources and sync_state do not pass",
        ),
        RootOnly(
            ("config.files", "config.unread", "config.unread*", "printed*"),
            "configuration files that are root's alone",
            "the file is in `unread`: chrony_config, config_in_use and next_boot are inconclusive",
        ),
        RootOnly(
            ("keyfile*", "named.paths*"),
            "whether the files are there that chrony.conf names, if their folder is root's alone",
            "null or `denied`: the rules of chrony_config that need it are inconclusive",
        ),
        RootOnly(
            ("started_s",),
            "when chronyd started: the folder of its PID file is chrony's",
            "null; config_in_use notes that a change of a file after the start is not seen",
        ),
    ),
    "ntpd": (
        RootOnly(
            ("config.files", "config.unread", "config.unread*", "beside"),
            "configuration files that are root's alone",
            "the file is in `unread`: the checks that need it are inconclusive",
        ),
    ),
    "openntpd": (
        RootOnly(
            ("commands.all*",), "`ntpctl`, if its socket is root's alone", "an error: its checks are inconclusive"
        ),
    ),
    "ntpd_rs": (
        RootOnly(
            ("commands.status*",),
            "`ntp-ctl`, if `observation-permissions` in ntp.toml keeps others from the daemon's socket",
            "an error: its checks are inconclusive",
        ),
    ),
    "timesyncd": (),
    "clockbound": (
        RootOnly(
            ("processes", "processes*", "segments*"),
            "which files another user's process writes",
            "no process is known to write ClockBound's segments: ntp_sources and sync_state are inconclusive. Beside "
            "chronyd, time_service is too, unless the options of ClockBound show its version",
        ),
    ),
    "ptp": (RootOnly(("commands.*",), "`pmc`, which makes a socket in /run", "an error: its checks are inconclusive"),),
    "ntp": (),
    "nts": (),
    "nts_client": (),
    "api_date": (),
    "github_apps": (),
    "clock_movers": (
        RootOnly(
            ("unread", "unread*", "cron"),
            "users' crontabs, and files and folders of cron that are root's alone",
            "they are in `unread`: clock_movers is inconclusive (`cron_unread`), unless it fails for another reason",
        ),
        RootOnly(
            ("vmware_timesync*",),
            "`vmware-toolbox-cmd`, where it refuses other users",
            "an error: clock_movers is inconclusive (`vmware_timesync_unknown`)",
        ),
    ),
    "join_state": (
        RootOnly(
            ("paths.*", "certificates*"),
            "paths and certificates of a cluster in folders that are root's alone",
            "null, or an error: a clock that is off then counts as one that may not be stepped (clock_skew)",
        ),
        RootOnly(
            ("wireguard.files*", "wireguard.unseen*"),
            "what makes a WireGuard interface, in folders and files that are root's alone",
            "in `unseen`: a clock that is ahead then counts as one that may not be stepped back (clock_skew)",
        ),
    ),
    "past_boots": (
        RootOnly(
            ("boots", "boots.*", "ended_because"),
            "the system's journal (or a member of the groups systemd-journal and adm)",
            "no boot is recorded: next_boot judges by the units",
        ),
    ),
    "platform": (RootOnly(("dpkg.held_by*",), "who holds dpkg's lock", "null; no check judges it"),),
}
"""By section of the evidence, in the order of the page evidence.md."""

REMEDIATION = (
    ("install chrony, or a package's file", "the distribution's package manager"),
    ("write chrony's configuration and drop-ins of systemd, and the backup", "/etc, /var/lib/skewgate"),
    ("stop, disable, start and restart time daemons", "systemctl"),
    ("step the clock, and set the hardware clock", "chronyc, /dev/rtc0"),
    ("undo all of this", "the same"),
)
"""What the role ``chrony`` does on a node, and what it needs root for."""


def privileges_page() -> str:
    """docs/reference/privileges.md."""
    return page(
        head("What needs root on a node", "docs/privilege_page.py"),
        wrapped(
            "skewgate's playbooks become root (`become: true`). The check also runs without root: set `ansible_become: false` "
            "for the node. It then sees less, and the findings say what it did not see. If a required check cannot judge without "
            "that, it is *inconclusive*, which refuses the node. If you accept that, make the check advisory "
            "(`gate_advisory_checks`)."
        ),
        wrapped(
            "On a Debian node with chrony and without cron, nothing is missing that a check needs, and the node is admitted "
            "as with root. Cron's folder of users' crontabs is root's alone, so with cron `clock_movers` is inconclusive."
        ),
        wrapped(
            "A narrower rule for sudo is not possible. Ansible lets sudo run Python, and whoever may run Python as root may do "
            "all that root may. Without root the user needs a login, a shell and Python 3.8 or later, but no group and no "
            "capability."
        ),
        "## The check, by section of the evidence",
        wrapped("Sections that are not in the first table are whole without root: " + _whole() + "."),
        table(("section", "what only root sees", "without root"), _rows()),
        wrapped("[The evidence](evidence.md) says of each section which checks read it."),
        "## The remediation",
        wrapped(
            "All of it needs root. Without root the gate changes nothing: the first task fails, the report says that the "
            "remediation must run as root, and the node is refused as before."
        ),
        table(("what it does", "with"), REMEDIATION),
    )


def _whole() -> str:
    return ", ".join(f"`{section}`" for section, hidden in ROOT_ONLY.items() if not hidden)


def _rows() -> list[tuple[str, ...]]:
    return [(f"`{section}`", each.what, each.then) for section, hidden in ROOT_ONLY.items() for each in hidden]
