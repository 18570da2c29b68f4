# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call asks of the node, how the node is now, and what changes.

A change is reported against the backup, the state before the first attempt, and not against the
present. So check mode, a run, and a run after an interrupted one say the same.
"""

from __future__ import annotations

import os
import re

from . import files
from .answer import difference
from .chronyd_config import slew_files
from .files import RemediationError
from .node import Node
from .units import RUNNING, disabling, enabling, words


class Desired:
    """What a call's parameters ask of the node, and how the node is now."""

    def __init__(self, node: Node, params: dict) -> None:
        """Reads the node."""
        chronyd = params["chronyd"]
        asked = [*params["enable"], *params["disable"], *params["hold"], *([chronyd["unit"]] if chronyd else [])]
        shown = node.systemd.show(list(dict.fromkeys(asked)))
        self.units_now = dict(shown.values())
        self.enable, self.disable, self.hold = (
            list(dict.fromkeys(shown[name][0] for name in params[option])) for option in ("enable", "disable", "hold")
        )
        self.chronyd = {**chronyd, "unit": shown[chronyd["unit"]][0]} if chronyd else None
        self.restart = self.chronyd["unit"] if self.chronyd and self.chronyd["restart"] else None
        # path: its content, None if it is to be absent, and its mode
        self.files = {file["path"]: (file["content"].encode(), file["mode"]) for file in params["files"]}
        self._refuse_nonsense(params)
        if self.restart:
            self.files.update(slew_files(node.root, self.restart, self.chronyd))
        self.files_now = {path: (files.describe(path), files.read(path)) for path in self.files}

    def _refuse_nonsense(self, params: dict) -> None:
        for path in self.files:
            if not os.path.isabs(path) or os.path.normpath(path) != path:
                raise RemediationError(
                    f"A file's path is {path!r}; expected an absolute one without '..' and doubled slashes."
                )
        if len(self.files) != len(params["files"]):
            raise RemediationError("A path stands twice in files; expected each once.")
        for _content, mode in self.files.values():
            if not re.match("^0?[0-7]{3}$", mode):
                raise RemediationError(f'A file\'s mode is {mode!r}; expected an octal one, as "0644".')
        both = sorted(set(self.disable) & {*self.enable, self.restart})
        if both:
            raise RemediationError(f"{', '.join(both)} is to run and to be disabled; expected one of the two.")

    def changed_files(self, former: dict) -> dict:
        """What is to be done to the files, were they as in ``former``: {path: what, in words}."""
        changed = {}
        for path, (data, mode) in self.files.items():
            record, old = former[path]
            if data is None:
                if record["existed"]:
                    changed[path] = f"removed {path}"
            elif not record["existed"]:
                changed[path] = f"created {path}"
            elif old != data:
                changed[path] = f"changed {path}"
            elif int(record["mode"], 8) != int(mode, 8):
                changed[path] = f"changed the mode of {path} from {record['mode']} to {mode}"
        return changed

    def former(self, backup) -> tuple:
        """The files and units as they were before the first attempt; as they are now, if there was
        none.
        """
        if backup is None:
            return self.files_now, self.units_now
        saved = {path: (record, backup.saved(path)) for path, record in backup.manifest["files"].items()}
        return {**self.files_now, **saved}, {**self.units_now, **backup.manifest["units"]}

    def changes(self, backup) -> list:
        """What this call changes, in words."""
        former_files, former_units = self.former(backup)
        start = []
        if self.restart:
            ran = former_units[self.restart]["active_state"] in RUNNING
            start = [f"{'restarted' if ran else 'started'} {self.restart}{'' if self.chronyd['step'] else ' with -R'}"]
        return [
            *self.changed_files(former_files).values(),
            *words(enabling(former_units, self.enable)),
            *start,
            *words(disabling(former_units, self.disable)),
        ]

    def diff(self, backup) -> list:
        """The differences that --diff shows."""
        former_files, _units = self.former(backup)
        return [
            difference(path, former_files[path][1], self.files[path][0]) for path in self.changed_files(former_files)
        ]
