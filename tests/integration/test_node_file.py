"""The file for nodes, run by real Pythons: the verdicts of the Ansible path byte by byte, and what
it does when something is wrong.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_json

from skewgate.node_file import build
from skewgate.node_file.build import NodeFileError, node_file
from skewgate.node_file.rewrite import OLDER
from skewgate.node_file.settings import node_settings
from tests import node_files
from tests.builders import record
from tests.every_finding import every_record
from tests.findings import unsaid
from tests.node_files import SHIPPED, Detector, differing, run, write_file
from tests.paths import ROOT, SAMPLES
from tests.pythons import folders
from tests.reliability.mutants.fuzzing import mutants
from tests.reliability.simulation.drawing import world_of
from tests.reliability.simulation.making import record_of
from tests.reports import text_of

OLDEST = (node_files.oldest_first() or (sys.executable,))[0]
"""The oldest Python from 3.8 on that is here."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("node"))


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """Every key of every check, and the evidence of real nodes that the tests keep."""
    samples = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SAMPLES.glob("*.json"))}
    replayed = json.loads((ROOT / "tests/benchmarks/replay/recorded.json").read_text(encoding="utf-8"))
    return {**every_record(), **samples, "replayed": {**record(), "evidence": replayed["evidence"]}}


def invented(seed: int, count: int) -> dict[str, dict[str, Any]]:
    """Evidence that was changed at random, as of a hostile node, and of invented worlds."""
    changed = {f"mutant {number}": mutant.record for number, mutant in enumerate(mutants(seed, count))}
    return {**changed, **{f"world {number}": record_of(world_of(seed, number)) for number in range(count)}}


NIGHTLY = [pytest.param(python, marks=pytest.mark.nightly) for python in node_files.oldest_first()[1:]]


@pytest.mark.parametrize("python", [OLDEST, *NIGHTLY])
def test_recorded_evidence_has_the_verdicts_of_the_ansible_path_byte_by_byte(file: Path, python: str) -> None:
    assert differing(python, file, recorded()) == []


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=pytest.mark.nightly)])
def test_evidence_that_is_invented_or_hostile_has_the_same_verdicts(file: Path, count: int) -> None:
    assert differing(OLDEST, file, invented(1811, count)) == []


def test_one_other_word_in_the_file_would_be_seen(tmp_path: Path) -> None:
    other = write_file(tmp_path, {"checks/clock_skew.py": ("the skew is unknown", "the skew is not known")})
    found = differing(OLDEST, other, recorded())
    assert '"clock_skew unknown_no_reference"' in found
    assert '"good"' not in found


@pytest.mark.skipif(not node_files.python_3_8(), reason="no Python 3.8 is here")
def test_every_name_of_the_standard_library_in_the_file_is_there_in_python_3_8(file: Path) -> None:
    """So is that of a line that no evidence here leads to."""
    with zipfile.ZipFile(file) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    wanted = sorted({name for file_name, source in sources.items() if OLDER not in file_name for name in names(source)})
    assert ("math", "isfinite") in wanted
    code = (
        "import importlib, json, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"  # which has some of it
        "for module, name in json.load(sys.stdin):\n"
        "    found = importlib.import_module(module)\n"
        "    if name and not hasattr(found, name):\n"
        "        importlib.import_module(module + '.' + name)\n"
    )
    ended = subprocess.run(
        [str(node_files.python_3_8()), "-c", code, str(file)],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""


def names(source: str) -> set[tuple[str, str]]:
    """The names of Python's library that a source imports, or takes of what it imports."""
    found: set[tuple[str, str]] = set()
    modules: dict[str, str] = {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {(node.module or "", alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add((modules[node.value.id], node.attr))
    return {(module, name) for module, name in found if module.partition(".")[0] in sys.stdlib_module_names}


def test_the_same_code_makes_the_same_bytes() -> None:
    assert node_file() == node_files.built()


CONTROLLERS = [path for minor in (11, 12, 13) if (path := shutil.which(f"python3.{minor}", path=":".join(folders())))]


@pytest.mark.nightly
@pytest.mark.parametrize("python", CONTROLLERS)
def test_every_python_of_a_controller_makes_the_same_bytes(python: str, tmp_path: Path) -> None:
    """With the packages of this one, of which it needs none that is compiled."""
    path = os.pathsep.join([*build_path(), *(each for each in sys.path if each.endswith("site-packages"))])
    command = [python, "-m", "skewgate.node_file", tmp_path]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True)
    assert (tmp_path / "skewgate-node.pyz").read_bytes() == node_files.built()


def build_path() -> list[str]:
    """Where the checkout's own code is."""
    return [str(ROOT / "src"), str(ROOT / "collections")]


def test_it_has_no_key_to_sign_with_and_says_whose_work_it_is(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        notice = archive.read("NOTICE").decode()
        tables = [name for name in archive.namelist() if name.endswith(".json")]
    assert not unsaid(notice, "GNU General Public License", "ntplib", "MIT License")
    assert {Path(table).stem for table in tables} == {"client_profiles", "limits"}
    assert file.stat().st_size < 400_000


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import requests", "requests"),
        ("from yaml import safe_load", "yaml"),
        ("from ansible.errors import AnsibleError", "ansible.errors"),
        (f"from {build.PACKAGE}.plugin_utils.boundary.tables import read_table", "has only table_of"),
    ],
)
def test_code_that_needs_more_than_a_node_has_makes_no_file(source: str, said: str) -> None:
    with pytest.raises(NodeFileError, match=said):
        build.sources_for(source)


def test_a_folder_that_would_be_searched_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "DISCOVERED", ("plugin_utils.checks",))
    with pytest.raises(NodeFileError, match=r"plugin_utils\.daemons searches its folder"):
        node_file()


def made(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What `make node-file` runs."""
    command = [sys.executable, "-m", "skewgate.node_file", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_the_file_and_its_settings(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text("gate_ntp_servers: [ntp1.example.net]\ngate_clients: [argocd]\n")
    ended = made(tmp_path / "node", f"--settings={tmp_path}/good.yml")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "node/skewgate-node.pyz").read_bytes() == node_files.built()
    assert stat.S_IMODE((tmp_path / "node/skewgate-node.pyz").stat().st_mode) == 0o755
    assert json.loads((tmp_path / "node/node.json").read_text())["ntp_servers"] == ["ntp1.example.net"]


def test_the_command_refuses_wrong_settings_before_it_writes_anything(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("gate_ntp_server: ntp1.example.net\n")
    ended = made(tmp_path / "node", f"--settings={tmp_path}/bad.yml")
    assert (ended.returncode, (tmp_path / "node").exists()) == (2, False)
    assert "did you mean gate_ntp_servers?" in ended.stderr


def test_the_command_says_why_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("")
    ended = made(tmp_path / "node")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path}/node" in ended.stderr


OLD = [path for minor in (6, 7) if (path := shutil.which(f"python3.{minor}", path=":".join(folders())))]


@pytest.mark.skipif(not OLD, reason="no Python older than 3.8 is here")
def test_an_older_python_is_refused_with_one_line(file: Path) -> None:
    ended = run(OLD[0], file, "check")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "expected Python 3.8 or later, found 3." in ended.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of this machine, on whose loopback no NTP server answers."""
    variables = {"gate_ntp_servers": ["127.0.0.1"], "gate_clients": ["argocd"], "gate_timeout_s": 1}
    (tmp_path / "all.yml").write_text(yaml.safe_dump(variables))
    path = tmp_path / "node.json"
    path.write_text(node_settings(tmp_path / "all.yml"))
    return path


def test_a_check_writes_each_result_whole_and_for_everybody(file: Path, config: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.prom", "a.json", "a.condition", "a.txt")]
    ended = run(OLDEST, file, "check", "--config", config, *(f"--output={path}" for path in outputs))
    assert (ended.returncode, ended.stderr) == (4, "")
    assert [stat.S_IMODE(path.stat().st_mode) for path in outputs] == [0o644] * 4
    report = json.loads(outputs[1].read_text())
    [node] = report["nodes"].values()
    assert node["verdict"] == "refuse"
    assert "ntp_servers" in {f["check"] for f in node["findings"] if f["state"] == "fail"}
    assert "skewgate_node_refused_by{" in outputs[0].read_text()
    assert outputs[2].read_text().startswith("False ")
    assert outputs[3].read_text() == ended.stdout
    assert {path.name for path in tmp_path.iterdir()} == {*(path.name for path in outputs), "all.yml", "node.json"}


def test_a_terminal_of_few_characters_shows_the_result_too(file: Path, tmp_path: Path) -> None:
    """An error there would have taken the result from the files as well."""
    saved = tmp_path / "evidence.json"
    named = {"n\u014dde": recorded()["good"]}
    saved.write_text(text_of(report_json, evidence_of(named, node_files.AT)), encoding="utf-8")
    command = [OLDEST, "-IS", "-X", "utf8=0", file, "report", saved, f"--output={tmp_path}/a.prom"]
    ended = subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("n\\u014dde: admitted")
    assert "n\u014dde" in (tmp_path / "a.prom").read_text(encoding="utf-8")


def test_its_evidence_is_judged_by_the_command_too(file: Path, config: Path, tmp_path: Path) -> None:
    ended = run(OLDEST, file, "check", "--config", config, "--format", "evidence")
    (tmp_path / "evidence.json").write_text(ended.stdout)
    again = subprocess.run(
        [sys.executable, "-m", "skewgate", "report", tmp_path / "evidence.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, again.returncode) == (4, 4), again.stderr
    assert "ntp_servers" in again.stdout


@pytest.mark.parametrize("fault", ["no settings", "other settings", "no folder", "a crash"])
def test_if_nothing_could_be_judged_the_condition_is_unknown_at_once(
    file: Path, config: Path, tmp_path: Path, fault: str
) -> None:
    condition = tmp_path / "clock.condition"
    condition.write_text("True 1 admitted\n")
    earlier = [tmp_path / name for name in ("a.prom", "a.json", "a.txt")]
    for path in earlier:
        path.write_text("admitted")
    words = ["check", f"--config={config}", *(f"--output={path}" for path in (condition, *earlier))]
    if fault == "no settings":
        config.unlink()
    elif fault == "other settings":
        config.write_text('{"schema": 1}')
    elif fault == "no folder":
        words += [f"--output={tmp_path}/missing/a.prom"]
    else:
        file = altered(tmp_path, "plugin_utils/collection.py", "def take(self)", "def take(self, more)")
    ended = run(OLDEST, file, *words)
    assert ended.returncode == (1 if fault == "a crash" else 2)
    assert "skewgate-node: " in ended.stderr
    assert condition.read_text().startswith("Unknown ")
    assert plugin(condition).returncode == 2
    assert [path.name for path in earlier if path.exists()] == []  # nor is an earlier result left elsewhere


@pytest.mark.parametrize("words", [("--output", "{folder}/clock.condition"), ("--format", "condition")])
def test_evidence_of_another_time_makes_no_condition(file: Path, tmp_path: Path, words: tuple[str, str]) -> None:
    saved = tmp_path / "evidence.json"
    saved.write_text(text_of(report_json, evidence_of({"a": recorded()["good"]}, node_files.AT)), encoding="utf-8")
    assert run(OLDEST, file, "report", saved).returncode == 0
    ended = run(OLDEST, file, "report", saved, *(word.format(folder=tmp_path) for word in words))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "report writes no condition" in ended.stderr
    condition = tmp_path / "clock.condition"
    assert not condition.exists() or condition.read_text().startswith("Unknown ")


def test_a_file_that_python_cannot_start_does_not_make_the_condition_true(config: Path, tmp_path: Path) -> None:
    """Python ends with 1 then, which is True for node-problem-detector: so it never sees that."""
    condition = tmp_path / "clock.condition"
    file = altered(tmp_path, "verdict/report.py", "def judge_records(", "def judge(")
    assert run(OLDEST, file, "check", f"--config={config}", f"--output={condition}").returncode == 1
    assert plugin(condition).returncode == 2


def altered(folder: Path, name: str, old: str, new: str) -> Path:
    (folder / "altered").mkdir()
    return write_file(folder / "altered", {name: (old, new)})


def plugin(file: Path, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    """The plugin of node-problem-detector, with this file of the last check."""
    command = [*shell.split(), SHIPPED / "clock-within-budget.sh", file]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)


def uptime_s() -> int:
    return int(float(Path("/proc/uptime").read_text().split()[0]))


SHELLS = [shell for shell in ("dash", "bash", "bash --posix", "busybox sh") if shutil.which(shell.split()[0])]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("True {now} admitted, 0.000 s\n", "True"),
        ("False {now} refused, 120.000 s ahead\n", "False"),
        ("Unknown {now} not judged\n", "Unknown"),
        ("True {old} admitted\n", "Unknown"),
        ("True {future} admitted\n", "Unknown"),
        ("True -1 admitted\n", "Unknown"),
        ("True a[$(touch pwned)] admitted\n", "Unknown"),
        ("True 09 admitted\n", "Unknown"),
        ("True 0{now} admitted\n", "Unknown"),
        ("True {wraps} admitted\n", "Unknown"),
        ("True\n", "Unknown"),
        ("true {now} admitted\n", "Unknown"),
        ("True {now}", "Unknown"),
        ("", "Unknown"),
        ("\0\xff\n", "Unknown"),
        (None, "Unknown"),
    ],
)
def test_only_a_fresh_admission_makes_the_condition_true(
    tmp_path: Path, shell: str, content: str | None, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "clock.condition"
    if content is not None:
        now_s = uptime_s()
        file.write_text(content.format(now=now_s, old=now_s - 57, future=now_s + 100, wraps=2**64 + now_s))
    detector = Detector()
    assert detector.status == "False"  # before the first run
    assert detector.see(lambda _path: plugin(file, shell)) == status
    assert detector.message
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_message_is_the_text_of_the_check_with_its_backslashes(tmp_path: Path, shell: str) -> None:
    """`one_line` writes what is not printable with them."""
    file = tmp_path / "clock.condition"
    file.write_text(rf"Unknown {uptime_s()} not judged: a\nb\tc\cd" + "\n")
    assert plugin(file, shell).stdout == r"not judged: a\nb\tc\cd" + "\n"


def test_the_detector_has_the_plugin_with_its_own_limits() -> None:
    """Its timeout ends a plugin, and what is longer than the limit is cut."""
    detector = Detector()
    assert detector.rule["type"] == "permanent"
    assert Path(detector.rule["path"]).name == "clock-within-budget.sh"


SLOWEST_S = 10
"""How long a check lasts on the slowest node that was tried (the how-to has it)."""


def test_the_times_of_the_timer_the_plugin_and_the_detector_fit_together() -> None:
    pause_s = number(r"^OnUnitInactiveSec=(\d+)s$", "skewgate-node.timer")
    oldest_s = number(r"^oldest_s=(\d+)$", "clock-within-budget.sh")
    ends_s = number(r"^TimeoutStartSec=(\d+)$", "skewgate-node.service")
    assert SLOWEST_S + pause_s + SLOWEST_S < oldest_s  # so it holds until the next result is there
    assert SLOWEST_S + pause_s + SLOWEST_S + Detector().interval_s < 60  # so a bad clock is known within a minute
    assert SLOWEST_S < ends_s < oldest_s


def number(pattern: str, file: str) -> int:
    """A number in a file that is shipped."""
    [found] = re.findall(pattern, (SHIPPED / file).read_text(encoding="utf-8"), re.MULTILINE)
    return int(found)


def test_the_rule_keeps_the_taint_until_the_condition_holds() -> None:
    rule = yaml.safe_load((SHIPPED / "readiness-rule.yaml").read_text(encoding="utf-8"))
    spec = copy.deepcopy(rule["spec"])
    assert spec["conditions"] == [{"type": Detector().rule["condition"], "requiredStatus": "True"}]
    assert spec["enforcementMode"] == "continuous"
    assert spec["taint"]["key"].startswith("readiness.k8s.io/")
    assert spec["nodeSelector"]["matchExpressions"]  # the controller refuses an empty one
