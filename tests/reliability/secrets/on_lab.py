"""A node of the lab that is refused, fixed and joins, without pipelining where the product does not
ask for it; then its whole disk is searched, its journal and what it has in memory's file systems.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.conftest import GITHUB_DIR, INVENTORY, OUR_COMMANDS
from tests.lab import TRIO, Lab
from tests.lab.github_api import APP_ID, CLIENT_ID, Control
from tests.lab.github_credentials import Credentials
from tests.lab.lab import REPOSITORY
from tests.reliability.secrets import forms
from tests.reliability.secrets.flows import MINT, REVOKE, FlowError
from tests.reliability.secrets.search import Leak, Search

NODE = TRIO[1]
LIMIT_S = 400

#: On the node: what each process shows, again and again, until nobody reads it.
WATCH = """
import glob, sys, time
done = set()
while True:
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            shown = open(path, "rb").read()
        except OSError:
            continue
        if shown not in done:
            done.add(shown)
            sys.stdout.buffer.write(shown + b"\\n")
            sys.stdout.buffer.flush()
    time.sleep(0.02)
"""

#: A secret that the node writes where it is to be found, without showing it in a command line.
PLANTED = {
    "disk": "cat >/root/planted; sync; rm /root/planted; sync",
    "journal": "logger -t planted",
    "memory": "cat >/run/planted",
}


@contextmanager
def _lab() -> Iterator[Lab]:
    lab = Lab()
    was_up = lab.namespace.exists()
    lab.up((NODE,))
    lab.reset_node(NODE)
    try:
        yield lab
    finally:
        if not was_up:
            lab.down()


def leaks_on_lab() -> set[Leak]:
    """What the node and the controller have of the secrets afterwards."""
    with _lab() as lab, tempfile.TemporaryDirectory(prefix="secrets-") as name:
        folder = Path(name)
        control = Control(GITHUB_DIR)
        control.reset()
        tokens = [f"ghs_{secrets.token_hex(18)}" for _ in range(30)]
        control.set_tokens(tokens)
        with _watched(lab, folder / "processes of the node"):
            _run_all(lab, folder, control)
        pem = Credentials(GITHUB_DIR).app_pem
        minted = tokens[: sum(map(len, control.tokens().values()))]
        known = [
            *forms.of_key("the key", pem.read_text()),
            *forms.of_log(pem, control.requests(), (CLIENT_ID, str(APP_ID))),
            *(forms.text(f"token {number}", token) for number, token in enumerate(minted)),
            forms.ANY_JWT,
        ]
        planted = _plant(lab)
        for place, read in _places(lab).items():
            read(folder / place)
        found = Search([*known, *(forms.text(f"planted: {place}", value) for place, value in planted.items())])
        leaks = found.below(folder) | found.in_file(lab.state_dir / "nodes" / NODE.name / "cow", "the node's disk")
        return _without_planted(leaks, planted)


@contextmanager
def _watched(lab: Lab, file: Path) -> Iterator[None]:
    """Meanwhile all processes of the node are watched."""
    with file.open("wb") as output:
        argv = lab.namespace.argv(lab.ssh_argv(NODE.name, "exec python3 -"))
        watch = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL)
        assert watch.stdin is not None
        watch.stdin.write(WATCH.encode())
        watch.stdin.close()
        try:
            yield
        finally:
            watch.kill()
            watch.wait()
    if b"sshd" not in file.read_bytes():
        raise FlowError("the processes of the node were not seen")


def _run_all(lab: Lab, folder: Path, control: Control) -> None:
    """Refused for its clock, fixed and joined, left with a token, checked with a refusal."""
    _run(lab, folder, "check", status=2)
    _run(lab, folder, "cluster_migration", "-e", "ansible_pipelining=false", status=0)
    control.script("DELETE", REVOKE, times=9, status=503, message="Unavailable")
    _run(lab, folder, "gate", "--diff", status=0)
    control.script("POST", MINT, times=9, status=403, message="Resource not accessible by integration")
    _run(lab, folder, "check", status=2)
    _run(lab, folder, "remediate", "-e", "ansible_pipelining=false", status=0)


def _run(lab: Lab, folder: Path, playbook: str, *words: str, status: int) -> None:
    argv = [f"{Path(sys.executable).parent}/ansible-playbook", "-vvvv", "-i", str(INVENTORY), "-l", NODE.name]
    environment = {
        **os.environ,
        **OUR_COMMANDS,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_HOME": str(folder / "ansible"),
    }
    with (folder / "output").open("ab") as output:
        done = lab.run(
            [*argv, f"skewgate.preflight.{playbook}", "-e", f"gate_report_dir={folder}/report", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env=environment,
            timeout=LIMIT_S,
        )
    if done.returncode != status:
        printed = (folder / "output").read_text(errors="replace")[-3000:]
        raise FlowError(f"{playbook} ended with {done.returncode}:\n{printed}")


def _plant(lab: Lab) -> dict[str, str]:
    """Put a secret in each place: it must be found there."""
    planted = {place: f"planted-{secrets.token_hex(20)}" for place in PLANTED}
    for place, command in PLANTED.items():
        argv = lab.ssh_argv(NODE.name, command)
        lab.run(argv, input=planted[place].encode(), check=True, timeout=60)
    time.sleep(1)  # journald writes in its own time
    return planted


def _places(lab: Lab) -> dict[str, Callable[[Path], object]]:
    """How to read what is not on the node's disk, into a file."""

    def read(command: str) -> Callable[[Path], object]:
        def into(file: Path) -> None:
            with file.open("wb") as output:
                argv = lab.ssh_argv(NODE.name, command)
                lab.run(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, timeout=120)

        return into

    return {
        "journal of the node": read("sync; journalctl -o export --no-pager"),
        "memory of the node": read("tar -C / -c --exclude=run/udev run tmp var/tmp var/log dev/shm root"),
    }


def _without_planted(leaks: set[Leak], planted: dict[str, str]) -> set[Leak]:
    """The leaks; FlowError if one that was planted was not found where it is."""
    where = {"disk": "the node's disk", "journal": "journal of the node", "memory": "memory of the node"}
    for place in planted:
        if not [each for each in leaks if each.secret == f"planted: {place}" and where[place] in each.place]:
            raise FlowError(f"what was planted was not found: {place}")
    return {leak for leak in leaks if not leak.secret.startswith("planted: ")}
