"""What the controller reads besides: a node's evidence and module results, saved files, and
settings.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.skewgate.preflight.plugins.modules import node_check, node_evidence, node_remediate
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import no_evidence, times, values
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.answers import read_answer
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import read_arguments
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import (
    parse_evidence,
    parse_record,
    read_json,
    said,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import FolderInUseError, Holder, hold
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_SCHEMA,
    REPORT_FILE,
    SavedFileError,
    read_evidence,
    read_report,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import Tokens, printable_file
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.variables import read_settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import read_github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import parse_profile
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import read_check_settings

from tests.builders import evidence, record
from tests.reliability.parsers.of_github import SHARED_MEMORY
from tests.reliability.parsers.target import (
    Target,
    as_bytes,
    of_text,
    printable_lines,
    samples,
    strict_and_printable,
)
from tests.unit.plugin_utils.daemons import recorded

AT = "2026-11-22T08:40:00Z"
_JSON = (
    "null",
    "true",
    "NaN",
    "1e999",
    "-1",
    '"\\ud800"',
    '"\\u001b[31m"',
    '{"error": "x"}',
    '{"malformed": "x"}',
    "[",
    "{",
    '"schema"',
)


class NotJsonError(Exception):
    """The input is refused before the parser sees it; what the parser itself raises is a fault."""


def _json(data: bytes) -> Any:
    try:
        return read_json(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise NotJsonError from error


def _evidence(data: bytes) -> object:
    """A node's evidence; parsed again, it does not change."""
    parsed = parse_evidence(_json(data))
    assert parse_evidence(parsed) == parsed, "parsed again, it changes"
    return parsed


def _record(data: bytes) -> object:
    """A saved record, and what is judged of it: no check itself fails."""
    given = _json(data)
    if not isinstance(given, dict):
        return None
    parsed = parse_record({**record(), "evidence": given})
    judged = judge_record(parsed)
    failed = [each for each in judged["findings"] if "check_failed" in each["keys"]]
    assert not failed, f"a check itself failed: {failed[0]['summary']}"
    return judged


def _answer(returned: str) -> Any:
    def read(data: bytes) -> object:
        return read_answer(returned, _json(data))

    return read


def _saved(data: bytes) -> object:
    """A saved report and a saved evidence file of the same bytes; each node of them is read."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        path = Path(folder) / REPORT_FILE
        path.write_bytes(data)
        for read in (lambda: read_report(path.parent), lambda: read_evidence(path)):
            with suppress(SavedFileError):
                content = read()
                json.dumps({name: content["nodes"][name] for name in content["nodes"]}, allow_nan=False)
    return None


def _holder(data: bytes) -> object:
    """The file that says which run has a folder."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        hold(Path(folder), OWN)
        (file,) = Path(folder).iterdir()
        file.write_bytes(data)
        return hold(Path(folder), OWN)


OWN = Holder.of()


def _settings(text: str) -> object:
    """Settings as a play's variables, and as an action's arguments."""
    try:
        given = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):  # Ansible reads the file
        return None
    if not isinstance(given, dict):
        return None
    named = {str(name): value for name, value in given.items()}
    typed, problems = read_settings(named)
    found, more = read_arguments(
        node_check.DOCUMENTATION, {name.removeprefix("gate_"): each for name, each in named.items()}
    )
    for each in (typed, found, named):
        with suppress(SettingsError):
            read_check_settings(each, list)
    _apps, wrong = read_github_apps(named.get("gate_github_apps"))
    for name, row in named.items():
        with suppress(ValueError):
            parse_profile(name, row)
    return "\n".join([*problems, *more, *wrong])


def _values(text: str) -> object:
    """Each value that a setting may have, and what is wrong with it."""
    problems = [
        values.server_problem(text),
        values.name_problem(text),
        values.label_problem(text),
        values.unit_problem(text),
    ]
    for read in (values.number_of, values.whole_of, times.read_time):
        with suppress(ValueError):
            read(text)
    values.is_placeholder(text)
    return "\n".join([values.shown(text), values.path_shown(text), *(each for each in problems if each)])


def _no_evidence(text: str) -> object:
    """What Ansible and ssh print of a node that gave none."""
    answer = {"msg": text, "module_stderr": text, "module_stdout": text, "rc": 1}
    return said(no_evidence.module_error(answer)), no_evidence.recognised(text), no_evidence.words(text)


def _texts(text: str) -> object:
    shown = printable_file(SENT.redacted(text))
    assert printable_file(shown) == shown, "shown again, it changes"
    return shown


def _printable_file(result: object) -> str:
    """Texts of a module may have lines and tabs."""
    return strict_and_printable(json.loads(json.dumps(result).replace("\\n", " ").replace("\\t", " ")))


SENT = Tokens(["a.b." + "Ab1_" * 80])


def _report(**more: Any) -> bytes:
    report = json.loads(json.dumps(judge_records({"a": record(), "b": record(-612.0)}, AT)))
    nodes = ",\n".join(f"{json.dumps(name)}: {json.dumps(node)}" for name, node in report.pop("nodes").items())
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in {**report, **more}.items())
    return f'{{{head},\n"nodes": {{\n{nodes}\n}}}}\n'.encode()


_EVIDENCE_FILE = (
    f'{{"schema": "{EVIDENCE_SCHEMA}",\n"judged_at": "{AT}",\n"nodes": {{\n"a": {json.dumps(record())}\n}}}}\n'.encode()
)
_DONE = {
    "changed": True,
    "changes": ["x"],
    "diff": [{"before": "", "after": "x", "before_header": "x", "after_header": "x"}],
    "backup": None,
    "backup_id": "x",
    "backup_state": "open",
    "packages": {"manager": "apt"},
    "notes": [],
}
_GATE = {
    "gate_clients": ["argocd"],
    "gate_ntp_servers": ["ntp.example.net", "10.0.0.1"],
    "gate_checks": ["clock_skew"],
    "gate_github_apps": [{"name": "a", "app_id": 1, "owner": "acme", "private_key": "x", "repositories": ["acme/x"]}],
    "gate_client_profiles": {"mine": {"iat_s": -30, "exp_s": 90}},
    "gate_max_skew_s": 1.5,
    "gate_timeout_s": "5",
    "mine": {"iat_s": "-30", "exp_s": 90, "iss": "app_id", "reuse_s": 30},
}
_FOLDER = {"pid": 1, "started": "x", "machine": "x", "boot": "x", "user": "x", "since": AT, "run_id": ""}
_NODES = [
    evidence(),
    evidence(-612.0, **recorded.NTP),
    evidence(**recorded.TIMESYNCD),
    evidence(**recorded.PTP),
    evidence(**recorded.OPENNTPD),
]

TARGETS = (
    Target(
        "evidence",
        _evidence,
        as_bytes(_NODES),
        _JSON,
        (NotJsonError,),
        1 << 20,
        strict_and_printable,
        is_json=True,
    ),
    Target(
        "evidence, judged",
        _record,
        as_bytes(_NODES),
        _JSON,
        (NotJsonError,),
        1 << 20,
        strict_and_printable,
        is_json=True,
    ),
    Target(
        "remediation's answer",
        _answer(node_remediate.RETURN),
        as_bytes([_DONE, {"failed": True, "msg": "x"}]),
        _JSON,
        (NotJsonError, ValueError),
        1 << 20,
        _printable_file,
        is_json=True,
    ),
    Target(
        "evidence module's answer",
        _answer(node_evidence.RETURN),
        as_bytes([{"evidence": evidence()}, {"unreachable": True, "msg": "x"}]),
        _JSON,
        (NotJsonError, ValueError),
        1 << 20,
        _printable_file,
        is_json=True,
    ),
    Target(
        "saved files",
        _saved,
        (_report(), _EVIDENCE_FILE, json.dumps(json.loads(_EVIDENCE_FILE)).encode()),
        (*_JSON, '"nodes": {\n', ",\n", "}}\n", "collected_at", "judged_at"),
        most=1 << 20,
    ),
    Target(
        "folder's holder", _holder, as_bytes([_FOLDER]), (*_JSON, "9" * 30), (FolderInUseError,), 1 << 16, is_json=True
    ),
    Target(
        "settings",
        of_text(_settings),
        (yaml.safe_dump(_GATE).encode(), json.dumps(_GATE).encode()),
        (*_GATE, "app_id: ", "&a [", "*a", "<<: *a", ".nan", "0x", "~", "2026-01-31", "{{ x }}"),
        promise=printable_lines,
        most=1 << 16,
    ),
    Target(
        "values of settings",
        of_text(_values),
        (b"ntp.example.net", b"fd00::1%eth0", b"2026-01-31T12:00:00Z", b"1.5", b"<fill in>", b"chrony.service"),
        ("%", "::", "xn--", "<", "nan", "1e"),
        promise=printable_lines,
        most=1 << 16,
    ),
    Target(
        "words of a run that failed",
        of_text(_no_evidence),
        (
            b"Failed to connect to the host via ssh: debug1: x\r\nssh: No route to host\r\n",
            b"Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n",
        ),
        (
            "Task failed: ",
            "Failed to connect to the host via ssh: ",
            "debug1: ",
            "setlocale: ",
            "Traceback",
            "[Errno 1] ",
        ),
    ),
    Target(
        "text of a node",
        of_text(_texts),
        (
            b"Bearer ghs_16C7e42F292c6912E7710c838347Ae178B4a failed",
            b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            "a\x1b[31m\u202eb\r\n".encode(),
        ),
        ("eyJ", "ghs_", "github_pat_", "QUJD", "\u202e", "a1b2"),
        promise=printable_lines,
    ),
    Target("saved samples", _saved, samples("*.json"), (), most=1 << 20),
)
