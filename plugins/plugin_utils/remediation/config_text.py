"""What remediation writes into a node's files.

The same inputs give the same bytes, so no file is rewritten without need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model.cluster import TIME_SYNC_TARGET
from .distributions import Distribution
from .servers import Choice

ROLE = "role skewgate.preflight.chrony"
HEADER = f"Written by the Ansible {ROLE}"
FRAGMENT = "50-skewgate"
"""The name, without suffix, of a file that is put into another tool's configuration folder."""


def main_file(
    choice: Choice,
    distribution: Distribution,
    *,
    makestep: str,
    extra: Sequence[str] = (),
    confdirs: Sequence[str] = (),
    sourcedirs: Sequence[str] = (),
    not_read: Mapping[str, str] | None = None,
) -> str:
    """The whole of chrony.conf (chrony.conf(5)).

    ``not_read``: folders that are not included, each with the reason.
    """
    drawn_in = [
        *(f"confdir {folder}" for folder in confdirs),
        *(f"sourcedir {folder}" for folder in sourcedirs),
        *(f"# {folder} is not read: {why}." for folder, why in (not_read or {}).items()),
    ]
    additions = f"; put your additions into {confdirs[0]}/*.conf" if confdirs else ""
    return _text(
        f"# {HEADER}, which overwrites it when it next fixes this node{additions}.",
        *_sources(choice),
        "",
        "# Step at the start, if the clock is off by more than this; slew afterwards.",
        f"makestep {makestep}",
        "# The kernel keeps the RTC right: the skew does not come back at the next boot.",
        "rtcsync",
        f"driftfile {distribution.driftfile}",
        f"keyfile {distribution.keyfile}",
        *extra,
        *(["", *drawn_in] if drawn_in else []),
    )


def fragment(choice: Choice, lines: Sequence[str]) -> str:
    """A file of a ``confdir`` or ``sourcedir``:
    the servers, and further lines (none in a sourcedir).
    """
    return _text(f"# {HEADER}, beside the configuration of other tools.", *_sources(choice), *lines)


def order_drop_in() -> str:
    """A unit's drop-in that starts it after the clock is synchronised (systemd.special(7),
    time-sync.target).
    """
    return _text(
        f"# {HEADER}: this unit needs the right time to sign and verify.",
        "[Unit]",
        f"Wants={TIME_SYNC_TARGET}",
        f"After={TIME_SYNC_TARGET}",
    )


def order_drop_in_path(unit: str) -> str:
    """Its path; systemd also reads it for a unit that is installed later (systemd.unit(5))."""
    return f"/etc/systemd/system/{unit}.d/{FRAGMENT}-time-sync.conf"


def wait_unit(chronyd: str) -> str:
    """chrony-wait.service for a package that has none (Debian 11): as chrony's
    examples/chrony-wait.service.

    Without ``-h`` chronyc uses chronyd's socket, which exists with any command port.
    """
    return _text(
        f"# {HEADER}: chrony's package has no such unit here.",
        "[Unit]",
        "Description=Wait until chronyd has synchronised the clock",
        f"After={chronyd}",
        f"Requires={chronyd}",
        f"Before={TIME_SYNC_TARGET}",
        f"Wants={TIME_SYNC_TARGET}",
        "",
        "[Service]",
        "Type=oneshot",
        "ExecStart=/usr/bin/chronyc waitsync 0 0.1 0.0 1",
        "TimeoutStartSec=180",
        "RemainAfterExit=yes",
        "StandardOutput=null",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    )


def _sources(choice: Choice) -> list[str]:
    left_out = [f"# {name} was left out: {_one_line(why)}." for name, why in choice.left_out.items()]
    return [*choice.lines, *choice.directives, *left_out]


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _text(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
