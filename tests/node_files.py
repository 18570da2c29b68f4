"""The file for nodes: built once, with the Pythons to run it, and what node-problem-detector makes
of its condition.
"""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of, read_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from skewgate.node_file.build import node_file
from tests.paths import ROOT
from tests.pythons import folders
from tests.reports import text_of

SHIPPED = ROOT / "docs/monitoring/node"
AT = "2026-11-22T08:40:00Z"


@functools.cache
def built() -> bytes:
    """The node's file, made once for all tests."""
    return node_file()


@functools.cache
def oldest_first() -> tuple[str, ...]:
    """The Pythons from 3.8 on that are here, each version once."""
    found = [shutil.which(f"python3.{minor}", path=":".join(folders())) for minor in range(8, 16)]
    return tuple(path for path in found if path and works(path))


def works(python: str) -> bool:
    """Whether it is a Python that starts, and no shim of one that is not installed."""
    return subprocess.run([python, "-IS", "-c", "pass"], capture_output=True, check=False).returncode == 0


def python_3_8() -> str | None:
    """The oldest Python that a node may have, if there is one here."""
    found = shutil.which("python3.8", path=":".join(folders()))
    return found if found and works(found) else None


def write_file(folder: Path, changes: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """The node's file in a folder; ``changes``: of a file in it whose name ends so, a text
    and what stands in its place.
    """
    path = folder / "skewgate-node.pyz"
    path.write_bytes(changed(changes) if changes else built())
    path.chmod(0o755)
    return path


def changed(changes: Mapping[str, tuple[str, str]]) -> bytes:
    """The node's file with other texts in some of its files."""
    with zipfile.ZipFile(io.BytesIO(built())) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    for end, (old, new) in changes.items():
        [name] = [name for name in texts if name.endswith(end)]
        assert old in texts[name]
        texts[name] = texts[name].replace(old, new)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def run(python: str, file: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """What a Python without any installed package says with the node's file."""
    return subprocess.run(
        [python, "-IS", file, *words], capture_output=True, text=True, encoding="utf-8", check=False, timeout=300
    )


def differing(python: str, file: Path, records: Mapping[str, Any]) -> list[str]:
    """The names of the nodes, and the keys of the report's head, of which the file does not say
    byte by byte what the controller's code says, from the same saved evidence.
    """
    saved = file.with_name("evidence.json")
    saved.write_text(text_of(report_json, evidence_of(records, AT)), encoding="utf-8")
    said = run(python, file, "report", saved, "--format", "json")
    assert said.stderr == ""
    wanted = judge_records(read_evidence(saved)["nodes"], AT)
    assert said.returncode == wanted["exit_code"]
    pairs = zip(lines(text_of(report_json, wanted)), lines(said.stdout), strict=True)
    return [line.split(":")[0] for line, found in pairs if line != found]


def lines(report: str) -> Sequence[str]:
    """A report's lines, without the time at which it was made."""
    return [line for line in report.split("\n") if not line.startswith('"judged_at"')]


class Detector:
    """What node-problem-detector makes of a custom plugin that is its only one.

    Before the first result a condition is False; then exit status 0 is False, 1 is True, and any
    other Unknown. A condition that is False has the default message (initialConditions,
    toConditionStatus and generateStatus in pkg/custompluginmonitor/custom_plugin_monitor.go, run in
    its plugin/plugin.go, at commit 01a6793b).
    """

    def __init__(self) -> None:
        config: dict[str, Any] = json.loads((SHIPPED / "clock-within-budget.json").read_text(encoding="utf-8"))
        [self.rule], [condition] = config["rules"], config["conditions"]
        assert self.rule["condition"] == condition["type"] == "ClockWithinBudget"
        settings = config["pluginConfig"]
        self.interval_s = float(settings["invoke_interval"].removesuffix("s"))
        self.timeout_s = float(settings["timeout"].removesuffix("s"))
        self.most = settings["max_output_length"]
        assert not settings["skip_initial_status"]
        self._default = condition["message"]
        self.status, self.message, self.said = "False", self._default, ""

    def see(self, run: Callable[[str], subprocess.CompletedProcess[str]]) -> str:
        """Run the plugin, and return the status of the condition."""
        ended = run(self.rule["path"])
        self.status = {0: "False", 1: "True"}.get(ended.returncode, "Unknown")
        self.said = ended.stdout.strip()[: self.most]
        self.message = self._default if self.status == "False" else self.said
        return self.status
