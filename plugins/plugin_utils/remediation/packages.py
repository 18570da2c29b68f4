"""Whether chrony's package is to be installed on a node, and what is needed to undo that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..daemons.common.daemon import TimeDaemon
from ..model.roles import Roles
from ..model.wording import listed
from .distributions import Distribution
from .join import Correction
from .planned import Planned, RefusedError

HALF_STATES = ("half-installed", "unpacked", "half-configured")
"""dpkg's states of a package whose installation was interrupted (dpkg(1))."""

APT_NEEDS_RIGHT_TIME_S = 5.0
"""If the skew is larger, the clock is set before a package is installed.

apt refuses a Release file of more than 10 s in the future (apt.conf(5), Acquire::Max-FutureTime),
and TLS a certificate that is not valid yet.
"""


def plan_installation(
    planned: Planned,
    platform: Distribution,
    daemons: Sequence[TimeDaemon],
    *,
    chrony: TimeDaemon | None,
    others: Sequence[TimeDaemon],
    step: Correction,
    roles: Roles,
) -> dict[str, Any] | None:
    """What the role's install.yml is to do, or None if chrony is fully installed; raises
    RefusedError if it cannot be.

    ``chrony``: its unit among ``daemons``; ``others``: those that will be stopped. The keys:
    ``manager``, ``package``, ``hold`` (units that its package must not start), ``step_s`` (added to
    the clock before; None: nothing), ``idle`` (units that neither run nor start), ``unfinished``
    (dpkg must finish first), ``undo`` (what the undo needs).
    """
    dpkg = planned.record.section("platform").get("dpkg") or {}
    held_by = dpkg.get("held_by")
    unfinished = dpkg.get("chrony") in HALF_STATES
    if chrony and not unfinished:
        return None
    if not platform.installs:
        raise RefusedError(platform.why_not)
    replaced = [d.unit for d in others] if platform.replaces else []
    what = f"install {platform.package}" + (f" in place of {listed(replaced)}" if replaced else "")
    if unfinished and not held_by:
        what = f"finish the installation of {platform.package}, which was interrupted ({dpkg['chrony']})"
    if held_by:
        at_work = f"{held_by['name'] or 'another process'} (process {held_by['pid']})"
        what += f", when {at_work} has released dpkg's lock"
    planned.change(what, "time_service")
    skew_s = planned.record.skew.skew_s
    off = step.kind == "step" and skew_s is not None and max(skew_s.high, -skew_s.low) > APT_NEEDS_RIGHT_TIME_S
    if off and skew_s:
        planned.change("set the clock: otherwise the package's repository is refused", "clock_skew")
    return {
        "manager": platform.manager,
        "package": platform.package,
        # Debian's package starts chronyd with Debian's configuration, which steps the clock to
        # servers that nobody has checked.
        "hold": [platform.unit] if roles.joined or roles.wireguard or step.kind == "slew" else [],
        # With WireGuard the clock is set no further than it surely is behind: chronyd must not have
        # to set it back.
        "step_s": -(skew_s.high if roles.wireguard else skew_s.middle) if off and skew_s else None,
        "idle": [d.unit for d in daemons if d not in (chrony, *others)],
        "unfinished": not held_by and (unfinished or bool(dpkg.get("interrupted"))),
        # An installation that someone else has begun stays. The backup knows those of this role.
        "undo": {} if unfinished else _undoing(planned, platform, [d.daemon for d in daemons if d != chrony]),
    }


def _undoing(planned: Planned, platform: Distribution, others: Sequence[str]) -> dict[str, Any]:
    """What undo.yml needs to put the packages back."""
    return {
        "manager": platform.manager,
        "package": platform.package,
        # The package manager also removes daemons that neither run nor start: their
        # states are saved too.
        "replaces": list(others) if platform.replaces else [],
        # An earlier installation may have left keys, which are not backed up and so
        # must not be purged.
        "purge": not (planned.record.section("chrony").get("config") or {}).get("path"),
    }
