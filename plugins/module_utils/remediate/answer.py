# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call answers: the result of one that succeeded, and the error of one that did not."""

from __future__ import annotations

from .files import RemediationError


def result(backup, changes=(), diff=(), notes=()) -> dict:
    """What the module returns on success, of the backup as it is now; RETURN of node_remediate says
    more of each key.
    """
    return {
        "changed": bool(changes),
        "changes": list(changes),
        "diff": list(diff),
        "backup": backup.path if backup else None,
        "backup_id": backup.id if backup else None,
        "backup_state": backup.state if backup else None,
        "packages": backup.manifest["packages"] if backup else {},
        "notes": list(notes),
    }


def difference(path: str, before, after) -> dict:
    """One of the differences that --diff shows, of a file's bytes; None for a file that is not
    there.
    """
    return {
        "before": (before or b"").decode("utf-8", "replace"),
        "after": (after or b"").decode("utf-8", "replace"),
        "before_header": path if before is not None else f"{path} (absent)",
        "after_header": path if after is not None else f"{path} (absent)",
    }


def about(backup, text: str) -> RemediationError:
    """An error that says of which backup it is; ``backup`` is None if none was left behind."""
    error = RemediationError(text)
    error.backup_id = backup.id if backup else None
    return error
