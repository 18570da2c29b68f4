"""Which hosts of the run mint an App's token: ``fleet_begin`` chooses, each host's process looks it
up.

Each host has one file, so a look-up costs the same for any number of hosts. A file that can't be
read does not permit to mint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible import constants

from .shared_file import file_name


def note_minters(run_id: str, minters: Mapping[str, Mapping[str, str]]) -> None:
    """Keep how each chosen host mints, by an App's identity, until ansible-playbook ends.

    Raises OSError.
    """
    folder = _folder(run_id)
    folder.mkdir(mode=0o700, exist_ok=True)
    for identity, hosts in minters.items():
        (folder / file_name(identity)).touch()
        for host, how in hosts.items():
            (folder / file_name(identity, host)).write_text(how, encoding="utf-8")


def noted_minter(run_id: str, identity: str, host: str) -> str | None:
    """How this host mints the App's token; empty if the host was not chosen.

    None if the run chose no hosts, or if there is no run.
    """
    folder = _folder(run_id)
    if not (run_id and (folder / file_name(identity)).exists()):
        return None
    try:
        return (folder / file_name(identity, host)).read_text(encoding="utf-8")
    except OSError:
        return ""


def _folder(run_id: str) -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP) / f"skewgate-minters-{run_id}"
