"""docs/reference/report.schema.json describes what is written, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.every_finding import every_finding
from tests.fleets import fleet
from tests.hostile import PIECES, hostile_report
from tests.reports import admitted, refused, report, unreachable
from tests.schemas import REPORT, misfits, schema_of


def errors(content: Any) -> list[str]:
    return misfits(REPORT, content)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(REPORT))


def test_reports_fit_the_schema() -> None:
    before = {key: refused()[key] for key in ("verdict", "judged_at", "refused_because", "skew_s", "findings")}
    fixed = admitted(before=before, remediation={"attempted": True, "succeeded": True, "message": None})
    assert errors(report("run", a=admitted(), b=refused(), c=unreachable(), d=fixed)) == []
    assert errors(fleet(2, 2, fixed=1, unreached=1)) == []


def test_what_the_judge_makes_fits_the_schema() -> None:
    record = {
        "policy": Policy(("clock_skew",), (), ("argocd",)).as_json(),
        "collected_at": "2026-01-31T12:00:00Z",
        "evidence": {},
        "controller": None,
        "unreachable": None,
        "module_error": "no Python",
    }
    gone = {**record, "unreachable": "No route to host", "before": record}
    gone["remediation"] = {"attempted": True, "succeeded": False, "message": "lost"}
    assert errors(judge_records({"a": record, "b": gone}, "2026-01-31T12:00:05Z", "run")) == []


def test_every_finding_of_every_check_fits_the_schema() -> None:
    content = every_finding()
    assert errors(content) == []
    found = {key for node in content["nodes"].values() for finding in node["findings"] for key in finding["keys"]}
    assert len(found) > 80


@pytest.mark.parametrize("piece", PIECES)
def test_whatever_a_node_says_the_report_fits_the_schema(piece: str) -> None:
    assert errors(hostile_report(piece)) == []


def test_a_report_may_say_where_its_settings_come_from() -> None:
    settings = {"gate_checks": {"source": "flag --only", "value": ["clock_skew"]}, "gate_github_apps": {"source": "-e"}}
    assert errors({**report(b=refused()), "settings": settings}) == []
    for wrong in ({"value": 1}, {"source": ""}, {"source": "-e", "more": 1}):
        assert errors({**report(b=refused()), "settings": {"gate_checks": wrong}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("exit_code",), 1),
        (("nodes",), {}),
        (("judged_at",), "2026-01-31 12:00:00"),
        (("more",), 1),
        (("nodes", "b", "refused_because"), None),
        (("nodes", "b", "skew_s"), {"low": 1}),
        (("nodes", "b", "findings"), []),
        (("nodes", "b", "findings", 1, "state"), "ok"),
        (("nodes", "b", "findings", 1, "remedy"), ""),
        (("nodes", "b", "findings", 1, "cause"), ""),
        (("groups", 0, "nodes"), []),
        (("groups", 0, "findings", 0, "state"), "pass"),
        (("groups", 0, "findings", 0, "cause"), ""),
        (("groups", 0, "more"), 1),
        (("fleet",), {}),
        (("fleet", "spread_s"), {"low": 0, "high": 1}),
        (("fleet", "findings"), [{"id": "else", "summary": "s", "why": "w", "remedy": "r", "nodes": ["b"]}]),
        (("nodes", "b", "more"), 1),
    ],
)
def test_what_is_no_report_does_not_fit(path: tuple[Any, ...], value: Any) -> None:
    content = copy.deepcopy(report(b=refused()))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert errors(content)
