"""The lab's nodes: user-mode Linux guests, each a Debian with its own kernel clock."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.lab.host import MEMORY_DIR, LabError
from tests.lab.network import GATEWAY, Namespace, Process
from tests.lab.ntp import SERVERS

MEMORY_MB = 192


@dataclass(frozen=True)
class NodeSpec:
    """What a node is when it boots."""

    name: str
    ip: str
    #: Its clock minus the true time; positive: the node is ahead.
    skew_s: float = 0
    #: `fresh` (no time daemon installed), or the daemon that is: see VARIANTS of image.py.
    variant: str = "fresh"
    #: Addresses of the servers that its time daemon is given.
    ntp: tuple[str, ...] = ()
    #: Of Debian: see RELEASES of image.py.
    release: str = "bookworm"


#: The incident's nodes: in sync; behind, with NTP left out; ahead, with a time daemon whose
#: only source is dead.
TRIO = (
    NodeSpec("node1", "10.77.0.11", 0, "chrony", tuple(SERVERS.values())),
    NodeSpec("node2", "10.77.0.12", -612),
    NodeSpec("node3", "10.77.0.13", 45, "chrony", ("10.77.0.9",)),
)


class Node:
    """One guest: its process, its tap, and its folder with its log and how its disk differs
    from the image.
    """

    def __init__(self, namespace: Namespace, state_dir: Path, name: str) -> None:
        self.name = name
        self.namespace = namespace
        self.folder = state_dir / "nodes" / name
        self.tap = f"tap-{name}"
        self.process = Process(namespace, self.folder, name)
        self.booted_file = self.folder / "booted.json"
        self.ready_file = self.folder / "ready"

    def runs(self, spec: NodeSpec, image: Path) -> bool:
        """Whether the node lives, was booted as this spec from this image,
        and got to the end of its boot.
        """
        if self.process.pid() is None or not self.ready_file.exists():
            return False
        return self.booted_file.read_text() == _booted(spec, image)

    def address(self) -> str:
        """The address that the node was booted with; LabError when there is no such node."""
        if not self.booted_file.exists():
            there = sorted(path.parent.name for path in self.folder.parent.glob("*/booted.json"))
            raise LabError(f"the lab has no node {self.name!r}; its nodes are: {', '.join(there) or 'none'}")
        return str(json.loads(self.booted_file.read_text())["ip"])

    def boot(self, spec: NodeSpec, image: Path) -> None:
        """Start the guest: after `stop` on a disk that is as the image, after `cut_power` on
        the one that it had.

        It takes some 8 s until it can be used.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.namespace.add_tap(self.tap)
        ntp = [f"node.ntp={','.join(spec.ntp)}"] if spec.ntp else []
        self.process.start(
            [
                "linux.uml",
                f"umid={spec.name}",
                f"uml_dir={self.folder}",
                f"mem={MEMORY_MB}M",
                f"ubd0={self.folder}/cow,{image}",
                "root=/dev/ubda",
                "rw",
                f"eth0=tuntap,{self.tap},{_mac(spec.ip)}",
                "con=null",
                "con0=null,fd:2",
                "ssl=null",
                "quiet",
                # A tickless guest that goes idle just as a disk or packet interrupt comes in misses
                # it until its next timer (os_idle_sleep of arch/um): seconds, or for ever in a boot
                # without a network. A tick bounds it.
                "nohz=off",
                "selinux=0",
                "noreboot",
                "panic=-1",
                f"node.name={spec.name}",
                f"node.ip={spec.ip}",
                f"node.gw={GATEWAY}",
                f"node.skew={spec.skew_s:g}",
                *ntp,
            ],
            env={**os.environ, "TMPDIR": str(MEMORY_DIR)},
        )
        self.booted_file.write_text(_booted(spec, image))

    def cut_connection(self) -> None:
        """Lose all packets to and from the node."""
        self.namespace.cut(self.tap, self.address(), _mac(self.address()))

    def restore_connection(self) -> None:
        """Undo `cut_connection`; nothing when the node is not cut off."""
        self.namespace.join(self.tap, self.address())

    def rebooted(self, skew_s: float) -> NodeSpec:
        """What the node is when it boots once more:
        given no servers, it keeps its time daemon's configuration.
        """
        booted = json.loads(self.booted_file.read_text())
        del booted["image"]
        return replace(NodeSpec(**booted), skew_s=skew_s, ntp=())

    def cut_power(self) -> None:
        """Kill the guest: of its disk is left what it had synced."""
        self.process.stop()
        self.ready_file.unlink(missing_ok=True)
        self.namespace.delete_tap(self.tap)

    def stop(self) -> None:
        """Kill the guest and forget its disk."""
        self.cut_power()
        shutil.rmtree(self.folder, ignore_errors=True)


def _mac(ip: str) -> str:
    return f"02:77:00:00:00:{int(ip.rpartition('.')[2]):02x}"


def _booted(spec: NodeSpec, image: Path) -> str:
    return json.dumps({**asdict(spec), "image": str(image)})
