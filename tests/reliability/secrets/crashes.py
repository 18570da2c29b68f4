"""Flows in which something dies or fails in the middle, by a real fault."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.argocd_secrets import secret_list
from tests.lab.github_api import Control
from tests.reliability.hostile.conftest import descendants
from tests.reliability.secrets.flows import (
    ACCEPTANCE,
    COMMAND,
    INSTALLATION,
    LEFT,
    MINT,
    PLAYBOOK,
    REFS,
    REVOKE,
    Flow,
    FlowError,
    inline,
    scripted,
)
from tests.reliability.secrets.watching import await_true
from tests.reliability.secrets.world import BIN, Run, World

DELAY_S = 4
"""For so long the API does not answer the request in which something dies."""


def on_node(world: World) -> list[int]:
    """The Python processes of the node: of the module."""
    home = f"TMPDIR={world.folder}/node/tmp".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_python = (process / "comm").read_text().startswith("python")
            if is_python and home in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def workers(_world: World, process: subprocess.Popen[bytes]) -> list[int]:
    """Ansible's processes that work for a node; its first one is not among them."""
    ansible = [pid for pid in [process.pid, *descendants(process.pid)] if _is_ansible(pid)]
    return ansible[1:]


def first(_world: World, process: subprocess.Popen[bytes]) -> list[int]:
    """Ansible's first process."""
    return [pid for pid in [process.pid, *descendants(process.pid)] if _is_ansible(pid)][:1]


def module(world: World, _process: subprocess.Popen[bytes]) -> list[int]:
    """What runs as Python on the node: the module alone."""
    return on_node(world)


def _is_ansible(pid: int) -> bool:
    with suppress(OSError):
        return b"ansible-playbook" in Path(f"/proc/{pid}/cmdline").read_bytes().replace(
            b"ansible_playbook", b"ansible-playbook"
        )
    return False


def dies(
    whom: Callable[[World, subprocess.Popen[bytes]], list[int]], number: int, after: tuple[str, str] | None
) -> Callable[[World, subprocess.Popen[bytes]], None]:
    """Send the signal while the API keeps the node waiting, ``after`` this request was answered."""

    def act(world: World, process: subprocess.Popen[bytes]) -> None:
        def waits() -> bool:
            asked = [(each["method"], each["path"]) for each in world.api.control.requests()]
            return bool(on_node(world)) and (after is None or after in asked)

        await_true(waits, "the module did not come so far", 60)
        time.sleep(0.7)
        pids = whom(world, process)
        if not pids:
            raise FlowError("there was nothing to kill")
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        await_true(lambda: not on_node(world), "the module did not end", 60)
        time.sleep(DELAY_S)  # what the API was asked last is done by then, and not in the next flow

    return act


def _waits(method: str, path: str) -> Callable[[Control, World], None]:
    return scripted(method, path, times=1, delay_s=DELAY_S)


PHASES = {
    "at the mint": ("POST", MINT, None, 0),
    "with a token": ("GET", REFS, ("POST", MINT), 1),
    "at the revocation": ("DELETE", REVOKE, ("GET", REFS), 1),
}
PROCESSES = {"the module": module, "a worker": workers, "Ansible": first}


def _crash(process: str, phase: str, number: int, by: str = PLAYBOOK, live: int | None = None) -> Flow:
    """``live``: as docs/explanation/trust.md says of a run that is killed."""
    method, path, after, minted = PHASES[phase]
    return Flow(
        f"{process} gets {signal.Signals(number).name} {phase}",
        by,
        app=inline if by == COMMAND else World.app,
        api=_waits(method, path),
        meanwhile=dies(PROCESSES[process], number, after),
        statuses=(),
        minted=minted,
        live=live,
    )


ON_CRASH = (
    _crash("the module", "at the mint", signal.SIGABRT),
    _crash("the module", "with a token", signal.SIGSEGV, COMMAND, live=1),
    _crash("the module", "at the revocation", signal.SIGABRT),
    _crash("a worker", "at the mint", signal.SIGSEGV, COMMAND),
    _crash("a worker", "with a token", signal.SIGABRT, live=0),
    _crash("a worker", "at the revocation", signal.SIGABRT, COMMAND),
    _crash("Ansible", "at the mint", signal.SIGABRT, COMMAND),
    _crash("Ansible", "with a token", signal.SIGSEGV, live=0),
    _crash("Ansible", "with a token", signal.SIGINT, COMMAND, live=0),
)


def node_python(script: str) -> Callable[[World], dict[str, Any]]:
    """A program in the place of the node's Python, which is ``$PYTHON`` in it."""

    def write(world: World) -> dict[str, Any]:
        program = world.run_folder / "python-of-node"
        program.write_text(f"#!/bin/sh\nPYTHON={BIN}/python\n{script}\n")
        program.chmod(0o755)
        return {"ansible_python_interpreter": str(program)}

    return write


def _no_folder(world: World, _process: subprocess.Popen[bytes]) -> None:
    """The folder of the reports becomes a file while the node is asked."""
    await_true(lambda: on_node(world), "the module did not start", 60)
    shutil.rmtree(world.report, ignore_errors=True)
    world.report.write_text("")


def _cache_is_a_file(_control: Control, world: World) -> None:
    shutil.rmtree(world.run_folder / "cache")
    (world.run_folder / "cache").write_text("")


ON_FAULT = (
    Flow(
        "the node's Python may open no file", here=node_python('ulimit -n 4; exec $PYTHON "$@"'), statuses=(), minted=0
    ),
    Flow(
        "the node has no memory", COMMAND, here=node_python('ulimit -v 20000; exec $PYTHON "$@"'), statuses=(), minted=0
    ),
    Flow("the node prints what it is sent", here=node_python("cat; cat >&2 $0"), statuses=(2,), minted=0),
    Flow("the node prints it as an error", COMMAND, here=node_python("cat >&2; exit 1"), statuses=(3,), minted=0),
    Flow("the folder of the reports is gone", meanwhile=_no_folder, statuses=()),
    Flow("the cache can't be written", COMMAND, api=_cache_is_a_file, statuses=(), minted=0),
    Flow("the answer to the mint is no JSON", api=scripted("POST", MINT, status=201, body="{"), statuses=(), minted=0),
    Flow(
        "the token is no text",
        COMMAND,
        api=scripted("POST", MINT, status=201, body='{"token": [1]}'),
        statuses=(),
        minted=0,
    ),
    Flow(
        "the installation is a page that repeats the token",
        api=scripted("GET", f"{INSTALLATION}*", status=200, body="<html>{token}"),
        app=lambda world: {**world.app(), "depth": "jwt"},
        statuses=(),
        minted=0,
    ),
)


def _read_again(world: World, inventory: Path) -> Run:
    """What the command makes of a saved report, and a second run to compare it with."""
    saved = world.run_folder / "saved"
    shutil.copytree(world.report, saved)
    lines = [
        f"skewgate report {saved} --report-dir {world.run_folder}/again",
        f"skewgate verify {saved}",
        "skewgate explain chrony_config",
        f"skewgate report --diff {saved} {world.report}",
        f"skewgate check -vvvv -i {inventory} --report-dir {world.report} --timings",
        "skewgate explain github_app_token",
    ]
    run = world.run(["sh", "-xc", "; ".join(lines)])
    if not (world.run_folder / "again/report.json").exists() or b"Traceback" in run.output:
        raise FlowError(f"the report was not read again:\n{run.output[-2000:].decode()}")
    return run


def _check_here(world: World, _inventory: Path) -> Run:
    """`check --here`, with the App in a file of variables."""
    settings = {"gate_github_apps": [inline(world)], "gate_ntp_servers": ["127.0.0.1"], "gate_timeout_s": 1}
    file = world.given / "here.json"
    file.write_text(json.dumps(settings))
    argv = ["skewgate", "check", "--here", "-vvvv", "--only", "github_app_token", "-e", f"@{file}"]
    before = len(world.minted())
    run = world.run([*argv, "--report-dir", world.report])
    if run.status not in (0, 3, 4) or len(world.minted()) == before:
        raise FlowError(f"check --here: {run.status}\n{run.output[-2000:].decode()}")
    return run


ARGOCD = """
- hosts: node001
  gather_facts: false
  tasks:
    - ansible.builtin.command: "{folder}/kubectl get secrets"
      register: argocd_secrets
      changed_when: false
      no_log: true
- hosts: node001
  gather_facts: false
  roles:
    - role: skewgate.preflight.gate
      vars:
        gate_remediate: false
        gate_github_apps: "{{{{ hostvars.node001.argocd_secrets.stdout | skewgate.preflight.argocd_github_apps
          | map('combine', {{'ca_file': '{ca}'}}) | list }}}}"
"""


def _argocd(world: World, inventory: Path) -> Run:
    """The Apps of Argo CD's Secrets, which the node's kubectl prints."""
    folder = world.run_folder
    secrets = world.given / "secrets.json"
    secrets.write_text(json.dumps(secret_list(world.pem, f"{world.api.url}/api/v3")))
    (folder / "kubectl").write_text(f"#!/bin/sh\ncat {secrets}\n")
    (folder / "kubectl").chmod(0o755)
    (folder / "play.yml").write_text(ARGOCD.format(folder=folder, ca=world.api.credentials.ca_pem))
    before = len(world.minted())
    run = world.run(["ansible-playbook", "-vvvv", "-i", inventory, folder / "play.yml"])
    if len(world.minted()) == before:
        raise FlowError(f"no token was minted with Argo CD's Secret:\n{run.output[-2000:].decode()}")
    return run


def _suite(name: str, api: Callable[[Control, World], None], status: int) -> Flow:
    return Flow(name, ACCEPTANCE, app=inline, api=api, statuses=(status,), minted=1)


ON_OTHER_WAYS = (
    Flow(
        "the command reads a report again",
        COMMAND,
        api=scripted("DELETE", REVOKE, status=500),
        keys=LEFT,
        then=_read_again,
    ),
    Flow("check --here", then=_check_here),
    Flow("Apps of Argo CD's Secrets on the node", then=_argocd),
    _suite("the acceptance suite", lambda _control, _world: None, 0),
    _suite("the acceptance suite, the revocation fails", scripted("DELETE", REVOKE, status=500, times=99), 0),
)
