"""Archives as sos and the Insights client make them, from recorded outputs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.paths import ROOT

SAMPLES = ROOT / "tests/samples/sosreport"
REPORT = "sosreport-vm-2026-11-29-ehwyefb"

TIMEDATECTL = """\
               Local time: Sun 2026-11-29 12:11:15 UTC
           Universal time: Sun 2026-11-29 12:11:15 UTC
                 RTC time: Sun 2026-11-29 12:11:15
                Time zone: Etc/UTC (UTC, +0000)
System clock synchronized: yes
              NTP service: active
          RTC in local TZ: no
"""
UNITS = """\
  UNIT               LOAD   ACTIVE SUB     DESCRIPTION
  chrony.service     loaded active running chrony, an NTP client/server
● broken.service     loaded failed failed  Something else
  ssh.service        loaded active running OpenBSD Secure Shell server

LOAD   = Reflects whether the unit definition was properly loaded.
"""
CONF = "server 127.0.0.2 iburst\nserver 127.0.0.4 iburst\nserver 127.0.0.5 iburst\nmakestep 1 3\nrtcsync\n"


def sample(name: str) -> str:
    """A recorded output of chronyc, as NAME.STATE."""
    return (SAMPLES / f"{name}.txt").read_text()


def healthy(**changed: str | None) -> dict[str, str]:
    """A report without a fault; ``changed`` by a short name, None: left out."""
    sources = "\n".join(line for line in sample("sources.sync").split("\n") if "^x" not in line and "^?" not in line)
    files = {
        "etc/chrony/chrony.conf": CONF,
        "sos_commands/chrony/chronyc_tracking": sample("tracking.sync"),
        "sos_commands/chrony/chronyc_-n_sources": sources,
        "sos_commands/chrony/journalctl_--no-pager_--unit_chrony": "",
        "sos_commands/date/date_--utc": "Sun Nov 29 12:11:15 UTC 2026\n",
        "sos_commands/host/hostname": "vm\n",
        "sos_commands/systemd/systemctl_list-units": UNITS,
        "sos_commands/systemd/timedatectl": TIMEDATECTL,
    }
    short = {"conf": "chrony.conf", "sources": "chronyc_-n_sources", "tracking": "chronyc_tracking"}
    short |= {"date": "date_--utc", "units": "systemctl_list-units", "journal": "journalctl_--no-pager_--unit_chrony"}
    for name, text in changed.items():
        [path] = [path for path in files if path.endswith("/" + short.get(name, name))]
        if text is None:
            del files[path]
        else:
            files[path] = text
    return files


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a tar: header and data."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    return info, data


def members(files: Mapping[str, str], root: str = f"{REPORT}/") -> list[tuple[tarfile.TarInfo, bytes]]:
    """The files of a report, below its top folder."""
    return [member(root + name, text.encode()) for name, text in files.items()]


def tar(
    path: Path, content: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w", form: int = tarfile.PAX_FORMAT
) -> Path:
    """Write an archive, packed as tarfile names it, for example w:xz."""
    with tarfile.open(path, mode, format=form) as archive:
        for info, data in content:
            archive.addfile(info, io.BytesIO(data))
    return path
