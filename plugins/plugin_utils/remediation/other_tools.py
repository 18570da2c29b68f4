"""Changes that another tool, which configures a time daemon, would undo at its next run."""

from __future__ import annotations

import re

from ..daemons import discover
from ..daemons.common.daemon import TimeDaemon
from ..model.wording import listed
from .owners import Owner, owner_of
from .planned import Planned, RefusedError
from .settings import Settings


def refuse_fight(planned: Planned, settings: Settings, daemon: TimeDaemon) -> None:
    """Another tool that configures this daemon would bring it back at its next run."""
    section = discover()[daemon.daemon].section
    if section is None or settings.overwrite_foreign_config:
        return
    read = planned.files(section)
    beside = (planned.record.evidence.get(section) or {}).get("beside") or []
    for path, text in [*read, *((file["path"], file["text"]) for file in beside)]:
        owner = owner_of(text)
        if owner and owner.again:
            raise RefusedError(
                f"{daemon.unit} would be stopped, but {owner.name} wrote {path} and brings it back at its next run. "
                f"{_in_the_tool(settings, owner, daemon, text, (path, text) in read)} Or remove {owner.name} from this node, and "
                "set chrony_overwrite_foreign_config=true."
            )


def _in_the_tool(settings: Settings, owner: Owner, daemon: TimeDaemon, text: str, read: bool) -> str:
    """What to set in the tool that installs a daemon; ``read``:
    whether the daemon reads the tool's file.
    """
    servers = [*settings.wanted.servers, *settings.wanted.pools]
    how = owner.how.replace("{servers}", listed(servers))
    if not read:
        bring = f": let {owner.name} install chrony, with {owner.chrony}" if owner.chrony else ""
        return f"{daemon.daemon} does not read that file{bring}. {how}"
    there = [re.search(rf"^(server|pool)\s+{re.escape(name)}\s", text, re.MULTILINE) for name in servers]
    if daemon.active and there and all(there):
        return f"It names your servers, which {daemon.daemon} follows some minutes after its start: run the check again then."
    return how
