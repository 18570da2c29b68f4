"""One run of the product and all that it leaves: an API and nodes on loopback, and folders in which
everything is written.

The nodes are sshd's on this machine. Whatever runs there begins in the folder ``node``, which is
its home, and has its temporary folder there. Core dumps are on, and are left in the folder in which
a process was started. The command, Ansible and the nodes write into folders of the run alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import secrets
import signal
import string
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import nodes as sshd
from tests.integration.conftest import BIN, app_settings
from tests.lab.github_api import APP_ID, CLIENT_ID, RunningApi, running_api
from tests.paths import ROOT
from tests.reliability.secrets import forms
from tests.reliability.secrets.search import Leak, Search
from tests.reliability.secrets.watching import Watch

ALPHABET = string.ascii_letters + string.digits
LIMIT_S = 120
#: Of each form that GitHub has, as many as no flow uses up.
TOKENS = 12
REPOSITORY = "acme/deploy-config"


@dataclass
class Run:
    """How a run ended, what it printed, and its first report's finding on the App."""

    status: int
    output: bytes
    folder: Path
    watch: Watch
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def keys(self, node: str = "node001") -> list[str]:
        """Those of a node's finding on the App; none if there is no report."""
        return list(self.findings.get(node, {}).get("keys", ()))


@dataclass
class World:
    """Where runs take place, and the secrets in it."""

    folder: Path
    api: RunningApi
    nodes: sshd.Nodes
    count: int = 0
    tokens: list[str] = field(default_factory=list)
    more_keys: list[str] = field(default_factory=list)
    """Private keys in PEM, besides the App's, that a flow uses."""

    def __post_init__(self) -> None:
        self.anew()

    def anew(self) -> None:
        """A new folder, and an API whose next tokens are known."""
        self.count += 1
        self.more_keys.clear()
        self.given.mkdir(parents=True)
        for name in ("home", "tmp", "cache", "node/tmp"):
            (self.run_folder / name).mkdir(parents=True)
        link = self.folder / "node"
        link.unlink(missing_ok=True)
        link.symlink_to(self.run_folder / "node")
        self.api.control.reset()
        self.plant()

    def plant(self, length: int = 36) -> None:
        """Choose the next tokens."""
        self.tokens = ["ghs_" + "".join(secrets.choice(ALPHABET) for _ in range(length)) for _ in range(TOKENS)]
        self.api.control.set_tokens(self.tokens)

    @property
    def run_folder(self) -> Path:
        """That of the present flow."""
        return self.folder / f"run{self.count}"

    @property
    def given(self) -> Path:
        """The folder of the files with secrets that its run is given; nothing is searched there."""
        return self.folder / f"given{self.count}"

    @property
    def report(self) -> Path:
        """Where the present flow writes report.json and the others."""
        return self.run_folder / "report"

    @property
    def pem(self) -> str:
        """The App's private key."""
        return self.api.credentials.app_pem.read_text()

    def app(self, **changes: Any) -> dict[str, Any]:
        """The App as settings; a change to None leaves the setting out."""
        url = f"{self.api.url}/api/v3"
        settings = app_settings(self.api.credentials, url, **{"repositories": [REPOSITORY], **changes})
        return {name: value for name, value in settings.items() if value is not None}

    def inventory(self, app: Any, count: int = 1, **variables: Any) -> Path:
        """The nodes, with this App and these further variables."""
        names = list(self.nodes.addresses)[:count]
        settings = {
            "ansible_user": "root",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "ansible_ssh_common_args": " ".join(self.nodes.ssh_options),
            "gate_report_dir": str(self.report),
            "gate_checks": ["github_app_token"],
            "gate_ntp_servers": ["127.0.0.1"],
            "gate_timeout_s": 3,
            "gate_github_apps": [app],
            **variables,
        }
        hosts = {name: {"ansible_host": self.nodes.addresses[name]} for name in names}
        file = self.given / "hosts.json"
        file.write_text(json.dumps({"all": {"vars": settings, "hosts": hosts}}))
        return file

    def environment(self, **more: str) -> dict[str, str]:
        """All that Ansible can be made to write, into the run's folder."""
        folder = self.run_folder
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SKEWGATE_"))}
        return {
            **mine,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "collections", ROOT))),
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_HOME": str(folder / "home/.ansible"),
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
            "ANSIBLE_RETRY_FILES_ENABLED": "true",
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(folder / "retry"),
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.tree,ansible.builtin.junit",
            "ANSIBLE_CALLBACK_TREE_DIR": str(folder / "tree"),
            "JUNIT_OUTPUT_DIR": str(folder / "junit"),
            "ANSIBLE_NOCOLOR": "true",
            **more,
        }

    def start(self, argv: Sequence[Any], **environment: str) -> subprocess.Popen[bytes]:
        """Start a command in the run's folder; what it prints goes into the file ``output``."""
        with (self.run_folder / "output").open("ab") as output:
            return subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.run_folder,
                env=self.environment(**environment),
                start_new_session=True,
            )

    def run(
        self,
        argv: Sequence[Any],
        meanwhile: Callable[[subprocess.Popen[bytes]], None] = lambda _: None,
        **environment: str,
    ) -> Run:
        """Run a command to its end, while all processes are watched."""
        with Watch() as watch:
            process = self.start(argv, **environment)
            try:
                meanwhile(process)
                status = process.wait(LIMIT_S)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        run = Run(status, (self.run_folder / "output").read_bytes(), self.run_folder, watch)
        if (self.report / "report.json").exists():
            report = json.loads((self.report / "report.json").read_text())
            run.findings = {
                name: finding
                for name, node in report["nodes"].items()
                for finding in node["findings"]
                if finding["check"] == "github_app_token"
            }
        return run

    def secrets(self) -> list[forms.Secret]:
        """All that there are: the App's key and others, the JWTs that the API was sent, the
        tokens.
        """
        issuers = (CLIENT_ID, str(APP_ID))
        keys = [self.pem, *self.more_keys]
        return [
            *(secret for number, pem in enumerate(keys) for secret in forms.of_key(f"key {number + 1}", pem)),
            *forms.of_log(self.api.credentials.app_pem, self.api.control.requests(), issuers),
            *(forms.text(f"token {number + 1}", token) for number, token in enumerate(self.minted())),
            forms.ANY_JWT,
        ]

    def minted(self) -> list[str]:
        """The tokens that the API gave away."""
        return self.tokens[: sum(map(len, self.api.control.tokens().values()))]

    def leaks(self, run: Run) -> list[Leak]:
        """What is found of the secrets in all that the run left and showed."""
        search = Search(self.secrets())
        found = search.below(run.folder)
        for place, shown in run.watch.shown:
            found |= search.in_bytes(place, shown)
        return sorted(found)


NODE = """
ForceCommand cd {node} && HOME={node} TMPDIR={node}/tmp exec sh -c "$SSH_ORIGINAL_COMMAND"
"""


@contextlib.contextmanager
def running(folder: Path, count: int = 2) -> Iterator[World]:
    """An API and nodes; all processes may leave core dumps."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        with (
            sshd.running(folder / "sshd", count, NODE.format(node=folder / "node")) as nodes,
            running_api(folder / "github") as api,
        ):
            yield World(folder, api, nodes)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
