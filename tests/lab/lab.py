"""The lab as a whole: what `make lab`, `python -m tests.lab` and the tests' fixtures use."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.lab.host import LabError, install_packages, locked, looking, require_machine, say, unpack_chronyd
from tests.lab.image import build_image, image_path, make_keys
from tests.lab.network import GATEWAY, Namespace, Process
from tests.lab.nodes import TRIO, Node, NodeSpec
from tests.lab.ntp import SERVERS, NtpServer, wait_for_ntp

REPOSITORY = Path(__file__).resolve().parents[2]
STATE_DIR = REPOSITORY / "build/lab"
GITHUB_MODULE = "tests.lab.github_api"

#: What systemctl and busctl print on a node that is too busy to answer them.
NOBODY_ANSWERED = ("Failed to connect to bus", "Connection timed out", "Connection reset by peer")


class Lab:
    """Nodes, NTP servers and a GitHub API in a network namespace, with all their
    state below one folder.

    `cache_dir` keeps what outlives `down`: images, SSH keys and the unpacked chronyd (below
    `state_dir` by default). The labs of several folders can run side by side. Commands raise
    LabUnavailable where the lab can not run, LabError where something went wrong.
    """

    def __init__(self, state_dir: Path = STATE_DIR, cache_dir: Path | None = None) -> None:
        self.state_dir = state_dir.resolve()
        self.cache_dir = (cache_dir or state_dir).resolve()
        # One for each folder: what a lab in another folder left behind is in nobody's way.
        folder = hashlib.sha1(str(self.state_dir).encode(), usedforsecurity=False).hexdigest()[:8]
        self.namespace = Namespace(f"skewgate-lab-{folder}", self.state_dir / "namespace.made")
        self.ssh_dir = self.cache_dir / "ssh"
        self.ntp_servers = [NtpServer(self.namespace, self.state_dir, name) for name in SERVERS]
        self.refclock = Process(self.namespace, self.state_dir / "ntp", "refclock")
        self.github = Process(self.namespace, self.state_dir / "github", "api")

    def up(self, nodes: Sequence[NodeSpec] = TRIO) -> None:
        """Bring up the servers and what is missing of these nodes; change nothing
        that is as it should be.

        A node that runs as something else than asked is reset. Nodes that are not
        named are left alone.
        """
        require_machine()
        with self._locked():
            install_packages()
            there = self.namespace.exists()
            make_keys(self.ssh_dir)
            chronyd = self._chronyd()
            # Before the namespace: a build that fails leaves nothing behind.
            for spec in nodes:
                self._image(spec)
            if not there:
                self._stop_everything()
                self.namespace.create()
            for server in self.ntp_servers:
                server.start(chronyd)
            self._start_refclock()
            self._start_github()
            for server in self.ntp_servers:
                server.wait()
            self._boot([spec for spec in nodes if not self._node(spec.name).runs(spec, self._image(spec))])

    def down(self) -> None:
        """Leave no process, tap, namespace or mount; images and keys stay."""
        require_machine()
        with self._locked():
            self._stop_everything()

    def start_node(self, spec: NodeSpec) -> None:
        """Boot a node, and return when it can be used;
        nothing when it runs as this spec already.
        """
        with self._locked():
            self._require_up()
            if not self._node(spec.name).runs(spec, self._image(spec)):
                self._boot([spec])

    def stop_node(self, name: str) -> None:
        """Kill a node, as a power cut would, and forget its disk;
        nothing when there is none of that name.
        """
        with self._locked():
            self._require_up()
            self._node(name).stop()

    def reset_node(self, spec: NodeSpec) -> None:
        """Boot a node anew, with a disk as the image and a clock as the spec,
        and return when it can be used.
        """
        with self._locked():
            self._require_up()
            self._boot([spec])

    def cut_power(self, name: str) -> None:
        """Let a node die at once and keep its disk, for `reboot_node`."""
        with self._locked():
            self._known(name).cut_power()

    def reboot_node(self, name: str, skew_s: float) -> None:
        """Cut a node's power, boot it from its own disk with a clock that is off by so much, and
        return when it has booted.

        Nothing of its configuration is written anew. It may have booted with failed units: what a
        test broke stays broken.
        Connections to it from before are ended, as keepalives would end them.
        """
        with self._locked():
            node = self._known(name)
            spec = node.rebooted(skew_s)
            node.cut_power()
            self.namespace.end_connections(spec.ip)
            say(f"booting {name} from its own disk")
            node.boot(spec, self._image(spec))
            self.namespace.wait_for_tcp(spec.ip, 22, node.process, 120, expect=b"SSH-")
            # A chrony-wait may keep the boot from its end for minutes.
            self.ssh(name, "timeout 60 systemctl is-system-running --wait", 120, check=False)
            node.ready_file.touch()

    def cut_connection(self, name: str) -> None:
        """Lose all packets to and from a node, in silence:
        what is connected hangs, and the node gets no NTP.
        """
        with self._locked():
            self._known(name).cut_connection()

    def restore_connection(self, name: str) -> None:
        """Undo `cut_connection`: what TCP still holds on to goes on after its next retry."""
        with self._locked():
            self._known(name).restore_connection()

    @contextlib.contextmanager
    def liars(self, offset_s: float, addresses: Sequence[str]) -> Iterator[None]:
        """While the block runs, NTP servers at these addresses (10.77.0.4 to .8 are free) agree on
        a time that is so much ahead.

        Afterwards nothing answers there, as at a dead server's address.
        """
        self._require_up()
        process = Process(self.namespace, self.state_dir / "ntp", f"liars-{addresses[0]}")
        for address in addresses:
            self.namespace.add_address(address)
        try:
            process.start([sys.executable, "-m", "tests.lab.liar", f"{offset_s:g}", *addresses], cwd=REPOSITORY)
            for address in addresses:
                wait_for_ntp(process, address)
            yield
        finally:
            process.stop()
            for address in addresses:
                self.namespace.delete_address(address)

    def is_up(self, nodes: Sequence[NodeSpec] = TRIO) -> bool:
        """Whether every server, and each of these nodes as specified, runs."""
        servers = [*(server.process for server in self.ntp_servers), self.refclock, self.github]
        return (
            self.namespace.exists()
            and all(server.pid() is not None for server in servers)
            and all(self._node(spec.name).runs(spec, self._image_path(spec)) for spec in nodes)
        )

    def processes(self) -> dict[str, int | None]:
        """The servers and nodes by name, each with its process id,
        or None when it was started and lives no more.
        """
        nodes = [path.parent.name for path in sorted(self.state_dir.glob("nodes/*/booted.json"))]
        processes = [*(server.process for server in self.ntp_servers), self.refclock, self.github]
        processes += [self._node(name).process for name in nodes]
        return {process.name: process.pid() for process in processes}

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """subprocess.run of argv inside the lab's network."""
        return subprocess.run(self.namespace.argv(list(argv)), check=options.pop("check", False), **options)

    def ssh(
        self, name: str, command: str, timeout_s: float = 60, *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root on a node;
        LabError when it takes too long or, with `check`, fails.
        """
        try:
            done = self.run(
                self.ssh_argv(name, command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{name}: `{command}` did not end within {timeout_s:g} s") from error
        if check and done.returncode:
            raise LabError(f"{name}: `{command}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def look(self, name: str, command: str, timeout_s: float = 60, *, check: bool = True) -> str:
        """What a shell command prints that only looks at a node, and always prints something; tried
        again where it fails.

        Without `check` any status is good, as long as something was printed and systemd
        was there to answer.
        """

        def once() -> str:
            done = self.ssh(name, command, timeout_s, check=check)
            unanswered = any(words in done.stdout + done.stderr for words in NOBODY_ANSWERED)
            if not done.stdout.strip() or unanswered:
                raise LabError(f"{name}: `{command}` printed {(done.stdout + done.stderr).strip()[-500:] or 'nothing'}")
            return done.stdout

        return looking(once)

    def ssh_argv(self, name: str, command: str) -> list[str]:
        """The ssh command, to be run inside the lab's network,
        that runs a shell command as root on a node.
        """
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "IdentityFile": str(self.ssh_dir / "id_ed25519"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.ssh_dir / "known_hosts"),
            "StrictHostKeyChecking": "yes",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", *words, f"root@{self._node(name).address()}", command]

    def skew_s(self, name: str) -> tuple[float, float]:
        """Bounds of a node's clock minus this machine's, in seconds:
        the narrowest of five exchanges over one ssh.
        """
        return looking(lambda: self._skew_s(name))

    def _skew_s(self, name: str) -> tuple[float, float]:
        clock = "import sys, time\nfor line in sys.stdin: print(time.time_ns(), flush=True)"
        argv = self.namespace.argv(self.ssh_argv(name, f"python3 -I -S -c '{clock}'"))
        bounds = []
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asked:
            assert asked.stdin is not None
            assert asked.stdout is not None
            for _ in range(6):
                before_ns = time.time_ns()
                asked.stdin.write("\n")
                asked.stdin.flush()
                answer = asked.stdout.readline()
                after_ns = time.time_ns()
                if not answer:
                    raise LabError(f"{name} did not show its time over ssh")
                bounds.append(((int(answer) - after_ns) / 1e9, (int(answer) - before_ns) / 1e9))
            asked.stdin.close()
        return min(bounds, key=lambda bound: bound[1] - bound[0])

    def wait_synchronised(self, name: str, timeout_s: int = 120) -> None:
        """Return when the node's chronyd says that it is synchronised and within 50 ms
        of its sources.
        """
        self.ssh(name, f"chronyc -n waitsync {timeout_s} 0.05 0 1", timeout_s + 30)

    def _boot(self, specs: Sequence[NodeSpec]) -> None:
        if specs:
            say(f"booting {', '.join(spec.name for spec in specs)}")
        for spec in specs:
            node = self._node(spec.name)
            node.stop()
            node.boot(spec, self._image(spec))
        for spec in specs:
            process = self._node(spec.name).process
            try:
                self.namespace.wait_for_tcp(spec.ip, 22, process, 60, expect=b"SSH-")
            except LabError:
                # Seen on a loaded machine: the guest lives and does not get to its services.
                say(f"{spec.name} did not come up in 60 s; booting it once more")
                self._node(spec.name).stop()
                self._node(spec.name).boot(spec, self._image(spec))
                self.namespace.wait_for_tcp(spec.ip, 22, process, 120, expect=b"SSH-")
            # The end of the boot: after it, no service is about to start during a test.
            state = self.look(spec.name, "systemctl is-system-running --wait", 120, check=False).strip()
            if state != "running":
                failed = self.ssh(spec.name, "systemctl --failed --plain --no-legend", check=False).stdout
                raise LabError(f"{spec.name} booted to the state {state!r}, not 'running':\n{failed}")
            self._node(spec.name).ready_file.touch()

    def _start_refclock(self) -> None:
        if self.refclock.pid() is None:
            sockets = [str(server.refclock) for server in self.ntp_servers]
            self.refclock.start([sys.executable, "-m", "tests.lab.refclock", *sockets], cwd=REPOSITORY)

    def _start_github(self) -> None:
        if self.github.pid() is not None:
            return
        if importlib.util.find_spec(GITHUB_MODULE) is None:
            say(f"there is no {GITHUB_MODULE}: the lab is without a GitHub API")
            return
        serve = ["serve", "--listen", f"{GATEWAY}:443", "--state-dir", str(self.state_dir / "github")]
        self.github.start([sys.executable, "-m", GITHUB_MODULE, *serve], cwd=REPOSITORY)
        self.namespace.wait_for_tcp(GATEWAY, 443, self.github, 30)

    def _stop_everything(self) -> None:
        for pid_file in self.state_dir.glob("**/*.pid"):
            Process(self.namespace, pid_file.parent, pid_file.stem).stop()
        self.namespace.delete()
        shutil.rmtree(self.state_dir / "nodes", ignore_errors=True)

    def _node(self, name: str) -> Node:
        return Node(self.namespace, self.state_dir, name)

    def _known(self, name: str) -> Node:
        """A node that was booted; LabError when there is none of that name."""
        self._require_up()
        node = self._node(name)
        node.address()
        return node

    def _chronyd(self) -> Path:
        with locked(self.cache_dir / "cache.lock"):
            return unpack_chronyd(self.cache_dir / "chrony")

    def _image(self, spec: NodeSpec) -> Path:
        with locked(self.cache_dir / "cache.lock"):
            return build_image(self.cache_dir / "images", self.ssh_dir, spec.release, spec.variant)

    def _image_path(self, spec: NodeSpec) -> Path:
        return image_path(self.cache_dir / "images", self.ssh_dir, spec.release, spec.variant)

    def _require_up(self) -> None:
        require_machine()
        if not self.namespace.exists():
            raise LabError("the lab is down; bring it up first: `make lab`")

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return locked(self.state_dir / "lab.lock")
