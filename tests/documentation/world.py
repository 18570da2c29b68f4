"""The world that a page's commands run in: names of the documentation, which lead to
stand-ins on loopback.

`python -m tests.documentation.world JOB`, in separate namespaces (`running.py`): mounts, network,
processes, host name.
There are NTP servers, a GitHub API, and nodes with an sshd, all of them this machine. It has
no time daemon here.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import nodes
from tests.connect_proxy import running_proxy
from tests.integration.argocd_secrets import secret_list
from tests.integration.recipes import BIN, PYTHON3
from tests.lab.github_api import running_api
from tests.lab.github_credentials import IN_DOCUMENTATION, Credentials
from tests.lab.liar import NTP_PORT, ScriptedServer, lie
from tests.paths import BUILD, ROOT

HOME = Path("/home/you")
CHECKOUT = "https://example.com/skewgate"
API = "127.0.0.1"
PROXY_PORT = 3128
NTP = {f"ntp{n}.example.net": f"127.0.2.{n}" for n in (1, 2, 3)}
NODES = 3
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
LIBFAKETIME = BUILD / "clients/libfaketime"
#: Changes to these vanish with the mounts.
COVERED = ("/etc", "/home", "/usr", "/var")
#: What would make a node differ from one that never had NTP.
DAEMONS = (
    "sbin/chronyd",
    "sbin/ntpd",
    "sbin/openntpd",
    "lib/systemd/systemd-timesyncd",
    "bin/systemctl",
    "bin/timedatectl",
)

#: As pip, but for the network: what is not there, or not on PyPI, is refused.
PIP = """
import pathlib, re, sys
known = {"ansible-core", "ntplib", "pyjwt", "cryptography", "awxkit"}
words = [word for word in sys.argv[1:] if not word.startswith("-")]
for word in words[1:]:
    path = pathlib.Path(re.sub(r"\\[\\w+\\]$", "", word))
    there = path.is_file() or (path / "pyproject.toml").is_file()
    if not there and re.match(r"[\\w-]*", word)[0].lower() not in known:
        sys.exit(f"ERROR: Could not find a version that satisfies the requirement {word}")
"""


def main(job: Path) -> None:
    """Make the world, and run the job's script in it."""
    asked = json.loads(job.read_text())
    behind_s = asked["nodes_behind_s"]
    folder = job.parent
    _lo_up()
    socket.sethostname("controller")
    _cover(folder / "box")
    with ExitStack() as stack:
        for address in NTP.values():
            ScriptedServer(lambda request: [lie(request, behind_s)], address, NTP_PORT)
        api = stack.enter_context(running_api(folder / "github", (API, 443)))
        stack.enter_context(running_proxy(port=PROXY_PORT, target_port=443))
        api.control.set_clock_offset(behind_s)
        api.control.set_server(asked["server"])
        _write_home(api.credentials)
        if asked["server"] == "github.com":
            _trust(api.credentials.ca_pem)
        running = stack.enter_context(nodes.running(folder / "nodes", NODES))
        _write_names(running, IN_DOCUMENTATION if asked["way_to_github"] else ())
        _write_stand_ins(folder)
        environment = {
            "HOME": str(HOME),
            "PATH": f"{folder}/bin:{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "USER": "root",
            **(_ahead_by(behind_s) if behind_s else {}),
        }
        subprocess.run(["bash", folder / "script"], cwd=HOME, env=environment, check=True)


def _ahead_by(seconds: float) -> dict[str, str]:
    """What gives the controller's programs the time of the NTP servers and the API;
    this machine's is the nodes'.
    """
    (library,) = LIBFAKETIME.glob("usr/lib/*/faketime/libfaketime.so.1")
    return {"LD_PRELOAD": str(library), "FAKETIME": f"{seconds:+f}", "NO_FAKE_STAT": "1", "FAKETIME_DISABLE_SHM": "1"}


def _lo_up() -> None:
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 1)  # SIOCSIFFLAGS with IFF_UP
        fcntl.ioctl(any_socket, 0x8914, request)


def _cover(box: Path) -> None:
    box.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", box], check=True)
    for folder in COVERED:
        new, work = box / f"{folder}.new"[1:], box / f"{folder}.work"[1:]
        new.mkdir()
        work.mkdir()
        options = f"lowerdir={folder},upperdir={new},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "none", "-o", options, folder], check=True)
    for folder in ("/run", "/dev/shm"):  # libfaketime has files by process IDs in the second, and here they are others
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    for options in (
        "--bind",
        "-oremount,bind,ro",
    ):  # the commands are those of a user, and may overwrite what they find
        subprocess.run(["mount", options, ROOT, ROOT], check=True)
    for name in DAEMONS:
        Path("/usr", name).unlink(missing_ok=True)


def _write_home(credentials: Credentials) -> None:
    """The user's folder, with the App's key, and settings of ansible and git that lead
    to the checkout.
    """
    (HOME / ".ssh").mkdir(parents=True)
    (HOME / ".secrets").mkdir()
    shutil.copy(credentials.app_pem, HOME / ".secrets/deploy-app.pem")
    shutil.copy(credentials.ca_pem, HOME / "example-ca.pem")
    secrets = secret_list(credentials.app_pem.read_text(), "https://api.github.com")
    (HOME / "argocd-secrets.json").write_text(json.dumps(secrets))  # what a stand-in for kubectl prints
    (HOME / ".ansible.cfg").write_text(f"[defaults]\ncollections_path = ~/.ansible/collections:{ROOT}/collections\n")
    insteadof = f'[url "file://{ROOT}"]\n\tinsteadOf = {CHECKOUT}\n[safe]\n\tdirectory = *\n'
    (HOME / ".gitconfig").write_text(f"{insteadof}[advice]\n\tdetachedHead = false\n")
    passwd = Path("/etc/passwd")
    lines = [f"root:x:0:0:root:{HOME}:/bin/bash", *passwd.read_text().splitlines()[1:], ""]
    passwd.write_text("\n".join(lines))


def _trust(ca_pem: Path) -> None:
    """Put a CA among those that are trusted on this machine, and so on the nodes."""
    TRUSTED.parent.mkdir(parents=True, exist_ok=True)
    with TRUSTED.open("a") as file:
        file.write(ca_pem.read_text())
    argv = ["openssl", "x509", "-noout", "-hash", "-in", ca_pem]
    hashed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(ca_pem, TRUSTED.parent / f"{hashed}.0")


def _write_names(running: nodes.Nodes, github: Iterable[str]) -> None:
    """The names of the documentation, and how ssh gets to the nodes."""
    named = {f"node{n}.example.net": address for n, address in enumerate(running.addresses.values(), start=1)}
    lines = [f"{address} {name}" for name, address in {**NTP, **dict.fromkeys(github, API), **named}.items()]
    Path("/etc/hosts").write_text("\n".join(["127.0.0.1 localhost controller proxy.example.net", *lines, ""]))
    host_key = (running.folder / "host_key.pub").read_text()
    (HOME / ".ssh/known_hosts").write_text("".join(f"[{name}]:{nodes.PORT} {host_key}" for name in named))
    shutil.copy(running.folder / "user_key", HOME / ".ssh/id_ed25519")
    (HOME / ".ssh/config").write_text(f"Host *.example.net\n  Port {nodes.PORT}\n")


def _write_stand_ins(folder: Path) -> None:
    """Commands before all others: a `python3` whose venvs have this environment's commands,
    and what they need.
    """
    (folder / "pip.py").write_text(PIP)
    scripts = {
        "python3": PYTHON3.format(python=sys.executable, bin=BIN, folder=folder),
        "sudo": 'exec "$@"',
        "pip": f'exec {sys.executable} {folder}/pip.py "$@"',
    }
    for name, script in scripts.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
