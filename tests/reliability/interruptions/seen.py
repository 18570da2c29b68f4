"""What is seen of a node and of a report folder after a kill, and what must not be seen.

Judging is pure: each function gets what was seen and returns the faults in words.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from tests.lab import Lab

#: Runs on the node. It waits until nothing works there any more, for at most as long as the product
#: waits for its lock.
LOOK = r"""
import fcntl, glob, hashlib, json, os, subprocess, time

def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace").strip()

def digest(path):
    try:
        return hashlib.sha256(open(path, "rb").read()).hexdigest()
    except OSError:
        return None

def held(path, lock):
    try:
        with open(path, "r+") as file:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except FileNotFoundError:
        return False
    except OSError:
        return True

OURS = "/var/lib/skewgate/lock"
DPKG = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"]

def locks():
    return [path for path in DPKG if held(path, fcntl.lockf)] + [OURS] * held(OURS, fcntl.flock)

end = time.monotonic() + WAIT_S
while time.monotonic() < end and (locks() or run("pgrep", "-x", "apt-get|dpkg")[0] == 0):
    time.sleep(0.5)
backups = []
for folder in sorted(glob.glob("/var/lib/skewgate/backups/*")):
    try:
        backups.append(json.load(open(folder + "/manifest.json")))
    except FileNotFoundError:
        pass
    except ValueError as error:
        backups.append({"state": "broken: %s" % error})
conf = "/etc/chrony/chrony.conf"
chronyd = os.path.exists("/usr/sbin/chronyd")
units = {}
for unit in ("chrony", "systemd-timesyncd"):
    for _ in range(20):
        active = run("systemctl", "is-active", unit)[1]
        if active not in ("activating", "deactivating", "reloading"):
            break
        time.sleep(0.5)
    units[unit] = [active, run("systemctl", "is-enabled", unit)[1].splitlines()[-1]]
query = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", "chrony", "systemd-timesyncd")[1]
apt = run("apt-get", "check", "-q=2")
packages = dict(line.split() for line in query.splitlines() if len(line.split()) == 2)
print(json.dumps({
    "conf": digest(conf),
    "packaged": digest("/usr/share/chrony/chrony.conf"),
    "accepted": run("chronyd", "-p", "-f", conf)[0] == 0 if chronyd and os.path.exists(conf) else None,
    "units": units,
    "packages": packages,
    "apt": "" if apt[0] == 0 else apt[1][:300] or "fails",
    "locks": locks(),
    "backups": [backup["state"] for backup in backups],
    "written": [each for backup in backups for each in backup.get("written", {}).get(conf, [])],
    "staged": run("find", "/etc", "-name", ".*skewgate*")[1].splitlines(),
    "masked": glob.glob("/run/systemd/system/*chron*.service"),
    "joined": os.path.exists("/etc/skewgate/joined"),
    "off_s": time.time(),
}))
"""


#: Far less than any state's skew, and more than a busy machine needs for an answer.
CLOCK_S = 3.0


@dataclass(frozen=True)
class Seen:
    """What `LOOK` prints. Configurations are digests; ``units``: active and enabled state."""

    conf: str | None
    packaged: str | None
    accepted: bool | None
    units: dict[str, list[str]]
    packages: dict[str, str]
    apt: str = ""
    locks: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    staged: list[str] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    joined: bool = False
    #: How far its clock is from the lab's, which the NTP servers have; the way back included.
    off_s: float = 0.0

    @property
    def works(self) -> bool:
        """Whether a daemon runs, starts at boot, and accepts its configuration."""
        on = {unit for unit, states in self.units.items() if states == ["active", "enabled"]}
        return "systemd-timesyncd" in on or ("chrony" in on and self.accepted is True)

    @property
    def half_installed(self) -> bool:
        """Whether a package is between two states: apt's next call goes on with it."""
        return bool(set(self.packages.values()) - {"installed", "not-installed", "config-files"})


def look(lab: Lab, node: str, wait_s: float = 60) -> Seen:
    """What the node shows once nothing works on it any more."""
    script = base64.b64encode(f"WAIT_S = {wait_s}\n{LOOK}".encode()).decode()
    text = lab.look(node, f"echo {script} | base64 -d | python3 -", 180)
    seen = Seen(**json.loads(text.splitlines()[-1]))
    return replace(seen, off_s=round(seen.off_s - time.time(), 1))


def lost(before: Seen, killed: Seen, after: Seen) -> list[str]:
    """Faults of a node after the kill. ``after``: what it is when the next run is done."""
    faults = []
    wholes = {before.conf, before.packaged, killed.packaged, after.conf, *killed.written}
    if killed.conf not in wholes:
        faults.append("chrony.conf is neither the former one nor one that a run or the package writes")
    if before.works and not killed.works:
        faults.append(f"no time daemon works: {killed.units}, {killed.packages}, chronyd -p: {killed.accepted}")
    if broken := [state for state in killed.backups if state.startswith("broken")]:
        faults.append(f"a backup cannot be read: {broken}")
    if killed.locks:
        faults.append(f"still locked: {killed.locks}")
    return faults


def unfinished(after: Seen) -> list[str]:
    """Faults of a node that the next run admitted; its clock is judged without the product."""
    faults = []
    if not after.works:
        faults.append(f"no time daemon works: {after.units}, {after.packages}, chronyd -p: {after.accepted}")
    if abs(after.off_s) > CLOCK_S:
        faults.append(f"its clock is {after.off_s} s off")
    if after.conf in (None, after.packaged):
        faults.append("chrony.conf is not the one that was wanted")
    for what, found in (("still locked", after.locks), ("left behind", after.staged), ("masked", after.masked)):
        if found:
            faults.append(f"{what}: {found}")
    if after.apt or after.half_installed:
        faults.append(f"a package is half installed: {after.packages} {after.apt}")
    return faults


def not_as_before(before: Seen, after: Seen) -> list[str]:
    """Faults of a node that must be as it was: after undoing, and after a check."""
    names = ("conf", "accepted", "units", "packages", "apt", "staged", "masked")
    kinds = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return [f"{name} was {was} and is {now}" for name, was, now in kinds if not _same(was, now)]


def _same(was: object, now: object) -> bool:
    """Whether both are the same; a package whose files are gone counts as not installed."""
    if isinstance(was, dict) and isinstance(now, dict) and all(isinstance(each, str) for each in was.values()):
        gone = ("not-installed", "config-files")
        return {k: v for k, v in was.items() if v not in gone} == {k: v for k, v in now.items() if v not in gone}
    return was == now


def read(file: Path) -> dict[str, Any] | None:
    """A JSON file's object; None without the file; ``{}`` if it is not whole."""
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def half_report(report: dict[str, Any] | None, evidence: dict[str, Any] | None, nodes: list[str]) -> list[str]:
    """Faults of a report folder: its report is that of one whole run, or there is none.

    ``nodes``: those of whichever run it is.
    """
    if report is None:
        return []
    if not report or not evidence:
        return ["report.json or the evidence beside it is not whole JSON"]
    if report["run_id"] != evidence["run_id"]:
        return ["report.json and evidence.json are of two runs"]
    if sorted(report["nodes"]) != sorted(nodes) or sorted(evidence["nodes"]) != sorted(nodes):
        return [f"the report has {sorted(report['nodes'])}; expected {sorted(nodes)}"]
    return []


def joined_wrongly(seen: dict[str, Seen], report: dict[str, Any] | None) -> list[str]:
    """Nodes that joined although no whole report of their run admits them."""
    admitted = {name for name, node in (report or {}).get("nodes", {}).items() if node["verdict"] == "admit"}
    return [
        f"{name} joined without an admission" for name, node in seen.items() if node.joined and name not in admitted
    ]
