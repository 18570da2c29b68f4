"""Where the recipes of docs/recipes are run: a box, with stand-ins for what is not the product.

What a recipe calls beside the product is a stand-in on PATH (kubeadm, pip, a kubespray); the nodes
are this machine, which is admitted for its clock alone, and an address where nothing listens. All
runs in separate mounts, whose changes vanish with it, and without the right to set the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

from tests.lab.host import NO_CLOCK
from tests.paths import ROOT

BIN = Path(sys.executable).parent
RECIPES = ROOT / "docs/recipes"
WHEEL = "https://example.com/skewgate/skewgate-0.1.0-py3-none-any.whl"

#: All that a recipe writes outside of the test's folder lands here, in memory.
BOX = """
set -eu
mount -t tmpfs none "$BOX"
for folder in /etc /opt /root /usr /var; do
  mkdir -p "$BOX$folder.new" "$BOX$folder.work"
  mount -t overlay none -o "lowerdir=$folder,upperdir=$BOX$folder.new,workdir=$BOX$folder.work" "$folder"
done
exec "$@"
"""

#: `python3 -m venv FOLDER`, without a network: pip notes what it is asked for, and the commands are
#: those of this environment.
PYTHON3 = """
[ "$1 $2" = "-m venv" ] || exec {python} "$@"
mkdir -p "$3/bin"
for command in python ansible ansible-playbook ansible-pull skewgate; do ln -sf "{bin}/$command" "$3/bin/"; done
printf '#!/bin/sh\\necho "$*" >> {folder}/pip\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""


class Place:
    """A folder to run recipes in, with commands that stand in for others,
    and an NTP server that the clock agrees with.
    """

    def __init__(self, folder: Path, ntp: str) -> None:
        self.folder = folder
        self.clock_alone = {"gate_ntp_servers": [ntp], "gate_checks": ["clock_skew"], "gate_timeout_s": 2}
        (folder / "box").mkdir()
        (folder / "box.sh").write_text(BOX)
        (folder / "bin").mkdir()
        (folder / "ansible.cfg").write_text("[defaults]\ncollections_path = ./collections\n")
        self.stand_in("python3", PYTHON3.format(python=sys.executable, bin=BIN, folder=folder))
        self.stand_in("kubeadm", f'echo "$*" >> {folder}/kubeadm; echo "kubeadm join 192.0.2.1:6443 --token secret"')

    def stand_in(self, command: str, script: str) -> None:
        """Put a command on PATH, before all others."""
        path = self.folder / "bin" / command
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def lines(self, name: str) -> list[str]:
        """What a stand-in noted."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def local(self, **settings: Any) -> dict[str, Any]:
        """The variables of a host that is this machine."""
        return {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "gate_remediate": False,
            "kubelet_conf": f"{self.folder}/kubelet.conf",
            **self.clock_alone,
            **settings,
        }

    def inventory(self, **groups: list[str]) -> Path:
        """An inventory whose ``good`` hosts are admitted, and whose ``gone`` hosts
        can't be reached.
        """
        gone = {**self.clock_alone, "ansible_host": "127.0.0.1", "ansible_port": 1}
        hosts = {name: gone if name.startswith("gone") else self.local() for group in groups.values() for name in group}
        children = {group: {"hosts": {name: hosts[name] for name in names}} for group, names in groups.items()}
        path = self.folder / "inventory/hosts.json"
        path.parent.mkdir()
        variables = {"gate_report_dir": str(self.folder / "report")}
        path.write_text(json.dumps({"all": {"children": children, "vars": variables}}))
        return path

    def run(self, *argv: str | Path, **environment: str) -> tuple[int, str]:
        """Run a command in the box; its exit status and all that it printed."""
        done = subprocess.run(
            [*NO_CLOCK, "unshare", "--mount", "sh", self.folder / "box.sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={
                **os.environ,
                "BOX": str(self.folder / "box"),
                "HOME": str(self.folder),
                "PATH": f"{self.folder}/bin:{BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
                "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
                **environment,
            },
            timeout=180,
            check=False,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    def playbook(self, *words: str | Path, **environment: str) -> tuple[int, str]:
        """Run ansible-playbook."""
        return self.run("ansible-playbook", *words, **environment)


def git(folder: Path, address: str) -> dict[str, str]:
    """Make the folder a git repository; the environment in which it is what git finds
    at the recipe's address.
    """
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{folder}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }


def runcmd_script(commands: list[str]) -> str:
    """The script of runcmd, as cloud-init's util.shellify makes it:
    no line but the commands, and no `set -e`.
    """
    return "\n".join(["#!/bin/sh", *commands, ""])


def checks_without_key() -> list[str]:
    """The checks of a machine that has no key of a GitHub App: all but that of the token."""
    return sorted(discover().keys() - {"reachable", "github_app_token"})
