"""What is sent to a node to take its evidence, run as a node runs it:
by a Python that knows nothing else of ours.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import carried
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.no_evidence import Cause, recognised

from tests.findings import unsaid
from tests.paths import ROOT

MOST_OF_PING = 1.5
ALL = sorted(node_evidence.SECTIONS)


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run on the controller."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def sent(arguments: Mapping[str, Any]) -> str:
    """What Ansible makes of the script: the arguments' JSON, its own among them,
    stands in its text (module_common.py).
    """
    given = json.dumps({**arguments, "_ansible_check_mode": False, "_ansible_tmpdir": None})
    return carried.script_for(arguments["sections"]).read_text().replace("<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>", given)


def answer_of(arguments: Mapping[str, Any], before: str = "") -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-I", "-"]
    ended = subprocess.run(
        command, input=before + sent(arguments), capture_output=True, text=True, check=False, timeout=60
    )
    assert not ended.stderr
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.parametrize(
    "sections", [ALL, ["github_apps"], ["nts"], ["clock_movers"], []], ids=lambda found: found[0] if found else "none"
)
def test_a_node_takes_the_sections_that_are_asked_for(sections: list[str]) -> None:
    status, answer = answer_of({"sections": sections, "timeout_s": 5})
    assert (status, answer["changed"]) == (0, False)
    assert set(answer["evidence"]) == {"schema", "collected", *sections}
    assert not [
        name for name in sections if isinstance(answer["evidence"][name], dict) and "error" in answer["evidence"][name]
    ]


@pytest.mark.parametrize("section", ALL)
def test_what_a_section_needs_is_sent_with_it_and_hardly_another_probe(section: str) -> None:
    sources = carried.sources([section])
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.level:
                place = ".".join([*name.split(".")[: -node.level], *([node.module] if node.module else [])])
                assert all(place in sources or f"{place}.{alias.name}" in sources for alias in node.names), name
    probes = {name.rpartition(".")[2] for name in sources if ".probes." in name}
    shared = carried.SHARED_PROBES if section in carried.NEED_UNITS else set()
    assert {section} <= probes <= {section, *shared, "ntp"}  # nts resolves names as ntp does


def test_what_asks_systemd_for_units_is_known_by_name() -> None:
    source = (ROOT / "plugins/modules/node_evidence.py").read_text()
    rows = re.findall(r'^    "(\w+)": (.*?)(?=^    "|^\})', source.partition("PROBES = {")[2], re.MULTILINE | re.DOTALL)
    assert {section for section, row in rows if "run.units" in row} == carried.NEED_UNITS


def test_an_argument_arrives_as_it_was_given() -> None:
    name = "it's \"\"\" ''' \\n {} \u00e9\U0001f600 true"
    app = {
        "name": name,
        "api_url": "x",
        "git_url": "x",
        "depth": "jwt",
        "repositories": [],
        "permissions": {},
        "attempts": [],
    }
    _status, answer = answer_of({"sections": ["github_apps"], "github_apps": [app], "timeout_s": 1.5})
    assert answer["evidence"]["github_apps"] == [{"name": name, "attempts": []}]


def test_a_python_that_is_too_old_says_so() -> None:
    status, answer = answer_of({"sections": ALL}, "import sys; sys.version_info = (3, 6, 8)\n")
    assert status == 1
    assert answer.keys() == {"failed", "msg"}
    assert answer["failed"] is True
    assert not unsaid(answer["msg"], "Python 3.8", "Python 3.6")
    assert recognised(answer["msg"])[0] == Cause.PYTHON_TOO_OLD


def test_the_script_itself_is_text_that_an_old_python_reads_too() -> None:
    ast.parse(sent({"sections": ALL}), feature_version=(3, 4))


def test_nothing_is_imported_from_the_folder_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "base64.py").write_text("raise SystemExit('from the folder')\n")
    ended = subprocess.run(
        [sys.executable, "-"],
        input=sent({"sections": ["clock"]}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_one_run_makes_each_script_once(run_folder: Path) -> None:
    first = carried.script_for(["clock", "ntp"])
    made = first.stat().st_mtime_ns, first.stat().st_ino
    assert carried.script_for({"ntp", "clock"}) == first
    assert carried.script_for(["clock"]) != first
    assert (first.stat().st_mtime_ns, first.stat().st_ino) == made
    assert {path.suffix for path in run_folder.rglob("*") if path.is_file()} == {".py", ""}  # with the lock


@pytest.fixture(scope="module")
def ping(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many bytes of Ansible's ping are sent."""
    folder = tmp_path_factory.mktemp("remote")
    kept = {"ANSIBLE_PIPELINING": "0", "ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TEMP": str(folder)}
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "ansible.builtin.ping"]
    subprocess.run(command, env={**os.environ, **kept}, capture_output=True, check=True, timeout=60)
    (module,) = folder.rglob("AnsiballZ_ping.py")
    return module.stat().st_size


@pytest.mark.parametrize("sections", [ALL, ["github_apps"], []], ids=["first call", "further attempts", "admission"])
def test_what_is_sent_is_small_beside_a_ping(ping: int, sections: list[str]) -> None:
    assert len(carried.script_for(sections).read_bytes()) < MOST_OF_PING * ping


def test_a_crash_leaves_no_core_dump_with_the_jwt(tmp_path: Path) -> None:
    """What else it has: `test_core_dumps_real.py`."""
    attempt = {"label": "now", "signed_for_s": int(time.time()), "jwt": "eyJ.eyJ.c2ln", "only_within_s": None}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        app = {"name": "deploy", "api_url": url, "git_url": url, "depth": "jwt", "installation_id": "1"}
        app |= {"repositories": [], "permissions": {}, "attempts": [attempt]}
        script = sent({"sections": ["github_apps"], "timeout_s": 30, "github_apps": [app]})
        command = ["prlimit", "--core=unlimited", sys.executable, "-I", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path) as node:
            assert node.stdin
            node.stdin.write(script.encode())
            node.stdin.close()
            silent.settimeout(30)
            with silent.accept()[0]:
                limits = Path(f"/proc/{node.pid}/limits").read_text()
                node.send_signal(signal.SIGABRT)
                node.wait(30)
    assert node.returncode == -signal.SIGABRT
    assert re.search(r"Max core file size +0 ", limits)
    assert not list(tmp_path.glob("core*"))
