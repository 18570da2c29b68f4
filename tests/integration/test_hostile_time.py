"""Nodes that lie about the time or about GitHub's rate limit, through real Ansible: no JWT for
another time, nobody else held up.

Each node is this machine. A hostile one has its own Python interpreter, which keeps all that it is
sent and changes what the module answers.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.builders import step
from tests.integration.conftest import app_settings, playbook_here
from tests.lab.github_api import RunningApi, running_api

DAY_S = 86400
INTERPRETER = """#!{python}
import email.utils, json, os, subprocess, sys
FOLDER, CLOCK_S, LIE_S, STEP = {folder!r}, {clock_s!r}, {lie_s!r}, {step!r}
sent = sys.stdin.buffer.read()
with open(f"{{FOLDER}}/sent", "ab") as file:
    file.write(sent)
environment = {{**os.environ, "PYTHONPATH": FOLDER, "CLOCK_S": str(CLOCK_S)}}
done = subprocess.run([{python!r}, *sys.argv[1:]], input=sent, capture_output=True, env=environment)
try:
    answer = json.loads(done.stdout)
    evidence = answer["evidence"]
except (ValueError, KeyError):
    sys.stdout.buffer.write(done.stdout)
    sys.exit(done.returncode)
for api in evidence.get("api_date", {{}}).get("apis", []):
    for said in api["answers"]:
        if said.get("date"):
            date_s = email.utils.mktime_tz(email.utils.parsedate_tz(said["date"]))
            said["date"] = email.utils.formatdate(date_s + LIE_S, usegmt=True)
for app in evidence.get("github_apps", []) if STEP else []:
    for tried in app["attempts"]:
        tried.update(sent=True, steps=[STEP])
print(json.dumps(answer))
"""
CLOCK = """
import os, time
ahead_s, time_s, time_ns = float(os.environ["CLOCK_S"]), time.time, time.time_ns
time.time = lambda: time_s() + ahead_s
time.time_ns = lambda: time_ns() + round(ahead_s * 1e9)
"""


@dataclass
class Fleet:
    """Three nodes that are checked at a time,
    of which ``bad`` has the interpreter of ``hostile``.
    """

    folder: Path
    api: RunningApi

    def hostile(self, *, clock_s: float = 0.0, lie_s: float = 0.0, step: dict[str, Any] | None = None) -> None:
        """Let ``bad``'s clock show another time, its API another ``Date``,
        and GitHub answer with this step.
        """
        folder = self.folder / "bad"
        folder.mkdir()
        given = {"python": sys.executable, "folder": str(folder), "clock_s": clock_s, "lie_s": lie_s, "step": step}
        (folder / "python").write_text(INTERPRETER.format(**given))
        (folder / "python").chmod(0o700)
        (folder / "sitecustomize.py").write_text(CLOCK)

    def check(self, *names: str) -> dict[str, dict[str, Any]]:
        """Check these nodes; what node_check returned for each."""
        settings = {
            "checks": ["github_app_token"],
            "clients": ["argocd"],
            "ntp_servers": ["127.0.0.1"],
            "github_apps": [app_settings(self.api.credentials, self.api.url, depth="token")],
        }
        keep = {
            "ansible.builtin.copy": {
                "dest": f"{self.folder}/{{{{ inventory_hostname }}}}.json",
                "content": "{{ node | to_json }}",
            },
            "vars": {"ansible_python_interpreter": sys.executable},
        }
        tasks = [{"skewgate.preflight.node_check": settings, "register": "node"}, keep]
        (self.folder / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts: dict[str, Any] = dict.fromkeys(names)
        if "bad" in hosts:
            hosts["bad"] = {"ansible_python_interpreter": str(self.folder / "bad/python")}
        inventory = self.folder / "hosts.json"
        inventory.write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
        done = playbook_here(self.folder, "-i", inventory, self.folder / "play.json", timeout_s=300)
        assert done.returncode == 0, done.stdout[-3000:]
        return {name: json.loads((self.folder / f"{name}.json").read_text()) for name in names}

    def jwts(self) -> list[dict[str, Any]]:
        """The claims of all that ``bad`` was sent."""
        found = set(re.findall(rb"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", (self.folder / "bad/sent").read_bytes()))
        return [jwt.decode(token, options={"verify_signature": False}) for token in found]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with running_api(tmp_path / "github") as api:
        yield Fleet(tmp_path, api)


def finding(result: dict[str, Any]) -> dict[str, Any]:
    return next(f for f in result["judgement"]["findings"] if f["check"] == "github_app_token")


@pytest.mark.parametrize(
    ("clock_s", "lie_s"),
    [
        pytest.param(365 * DAY_S, 0, id="a year ahead", marks=pytest.mark.nightly),
        pytest.param(DAY_S, DAY_S, id="a day ahead, and so is the API by what it says", marks=pytest.mark.nightly),
        pytest.param(0, -DAY_S, id="right, and a day ahead by what it says of the API"),
        pytest.param(700, 0, id="further ahead than GitHub takes", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize(
    "github_ahead_s",
    [
        pytest.param(0, id="the controller is right"),
        pytest.param(612, id="the controller is behind", marks=pytest.mark.nightly),
    ],
)
def test_no_node_gets_a_jwt_for_a_time_that_it_names(fleet, clock_s, lie_s, github_ahead_s):
    fleet.api.control.set_clock_offset(github_ahead_s)
    fleet.hostile(clock_s=clock_s and clock_s + github_ahead_s, lie_s=lie_s)
    results = fleet.check("a", "bad", "b")
    true_s = time.time() + github_ahead_s
    assert fleet.jwts()
    assert all(claims["exp"] <= true_s + 90 for claims in fleet.jwts())
    assert clock_s == 0 or min(claims["exp"] for claims in fleet.jwts()) <= true_s + 30
    # The honest two share a wrong clock with the controller where GitHub is ahead of it: they are
    # refused for their own.
    good = {results[name]["verdict"] for name in ("a", "b")}
    assert good == ({"admit"} if github_ahead_s == 0 else {"refuse"})
    if clock_s:
        assert finding(results["bad"])["keys"] == ["clock", "too_far_ahead"]
        assert results["bad"]["verdict"] == "refuse"


def test_a_controller_that_could_not_check_its_clock_signs_for_no_later_time(fleet):
    fleet.api.control.script("HEAD", "/rate_limit", times=1000, reset=True)
    fleet.hostile(clock_s=45)
    results = fleet.check("a", "bad")
    assert all(claims["iat"] <= time.time() + 2 for claims in fleet.jwts())
    assert [results[name]["verdict"] for name in ("a", "bad")] == ["admit", "refuse"]
    assert finding(results["bad"])["keys"] == ["not_judged", "controller_time_unknown"]
    assert results["a"]["record"]["controller"]["measured"]["unknown"] == "no_reference"


@pytest.mark.parametrize("asked", ["3500", *(pytest.param(each, marks=pytest.mark.nightly) for each in ("inf", "-1"))])
def test_what_one_node_says_of_githubs_rate_limit_holds_up_no_other(fleet, asked):
    fleet.hostile(step=step("token", 429, headers={"retry-after": asked}))
    results = fleet.check("a", "bad", "b")
    assert [results[name]["verdict"] for name in ("a", "b", "bad")] == ["admit", "admit", "refuse"]
    assert finding(results["bad"])["keys"] == ["not_judged", "rate_limit"]
    begun_s = time.monotonic()
    assert {result["verdict"] for result in fleet.check("a", "b").values()} == {"admit"}
    assert time.monotonic() - begun_s < 50
    assert "Infinity" not in "".join(path.read_text() for path in fleet.folder.glob("cache/skewgate/*"))
