from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_html
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages import nodes as of_nodes
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages import scene
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleets import fleet, lab
from tests.pages import Page
from tests.reports import admitted, finding, refused, report, text_of, unreachable

MOST_BYTES = 2_000_000


def page_of(content: dict[str, Any]) -> Page:
    return Page(text_of(report_html, content))


def flat(text: str) -> str:
    return " ".join(clean(text).split())


class Nodes(Mapping[str, Any]):
    """Nodes that are read anew each time, and say how often."""

    def __init__(self, nodes: dict[str, Any]) -> None:
        self._nodes, self.reads = nodes, 0

    def __getitem__(self, name: str) -> Any:
        self.reads += 1
        return copy.deepcopy(self._nodes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


# --- what it says


def test_the_verdict_the_counts_the_time_the_run_and_the_exit_status_come_first() -> None:
    text = page_of(report("run-7", node1=admitted(), node2=refused(), node3=unreachable())).text
    head = text[: text.index("Clock skew of each node")]
    for words in ("2 of 3 nodes may not join", "1 ✓ admitted", "1 ✕ refused", "1 ? not judged", "run-7"):
        assert words in head
    assert "2026-01-31T12:00:05Z" in head
    assert "4: some node was refused for a failure" in head


@pytest.mark.parametrize("content", [lab(), fleet(2, 2, fixed=2, unreached=1)], ids=["lab", "fixed"])
def test_every_finding_is_there_with_its_reasons(content: dict[str, Any]) -> None:
    text = page_of(content).text
    for node in content["nodes"].values():
        for each in [*node["findings"], *(node["before"] or {"findings": []})["findings"]]:
            for key in ("summary", "why", "remedy"):
                assert flat(each[key]) in text


def test_the_two_answers_of_the_counterfactual_stand_side_by_side() -> None:
    text = page_of(lab()).text
    asked = text.index("JWT of the node's clock", text.index("Each node"))
    answers = text[asked : asked + 1500]
    assert (
        answers.index("401 'Expiration time' claim")
        < answers.index("JWT of the true time")
        < answers.index("✓ accepted 200")
    )


def test_the_budget_says_when_each_client_breaks() -> None:
    text = page_of(lab()).text
    assert "argocd 90 s 30 s -522.012 s 641.992 s broken now ✕ fail" in text
    assert "argocd 90 s 30 s 89.99 s 29.99 s 12.2 d at the earliest ✓ pass" in text


def test_the_picture_says_in_words_which_client_breaks() -> None:
    text = page_of(lab()).text
    assert "44.972 s ahead (± 0.011 s) breaks argocd; works for actions-runner-controller" in text
    assert "argocd 90 s behind to 30 s ahead" in text


def test_a_fixed_node_shows_before_and_after_its_changes_and_the_backup() -> None:
    content = fleet(1, fixed=1)
    page = page_of(content)
    (node,) = content["nodes"].values()
    for change in node["remediation"]["changes"]:
        assert change["what"] in page.text
    assert node["remediation"]["backup"] in page.text
    assert "Before the remediation: ✕ refused" in page.text
    styles = [attributes.get("class") or "" for _, attributes in page.elements]
    assert "tip" in styles
    assert "mark bad was" in styles


def test_a_skew_that_is_not_known_is_shown_as_such() -> None:
    assert "skew unknown" in page_of(report(node1=unreachable())).text


def test_what_is_said_of_a_node_beside_its_name_are_separate_words() -> None:
    text = page_of(report(node1=refused(), node2=admitted())).text
    assert "✕ refused node1 612.004 s behind (± 0.012 s) ntp_sources, clock_skew" in text
    assert "✓ admitted node2 0.000 s (± 0.005 s)" in text


def test_the_settings_say_who_set_them_and_a_hidden_value_stays_hidden() -> None:
    text = page_of(fleet(1)).text
    assert 'gate_clients ["argocd", "actions-runner-controller"] inventory' in text
    assert "gate_timeout_s 10 default" in text
    assert "gate_client_profiles not shown play" in text
    assert "made from saved evidence" in page_of(lab()).text


def test_what_could_not_be_tried_is_counted_by_cause() -> None:
    text = page_of(report(node1=unreachable(), node2=unreachable())).text
    assert "reachable ? inconclusive cause reachable 2" in text
    assert "Nothing: every check gave an answer" in page_of(report(node1=admitted())).text


def test_the_fleets_findings_are_there() -> None:
    content = report(node1=admitted(), node2=admitted())
    advice = {"why": "they drift alike", "remedy": "look at the servers", "nodes": ["node1", "node2"]}
    content["fleet"]["findings"] = [{"id": "fleet_off_together", "summary": "all are off", **advice}]
    text = page_of(content).text
    for words in ("fleet_off_together", "all are off", "they drift alike", "look at the servers"):
        assert words in text


# --- how it is made


def test_nothing_runs_or_is_loaded_but_what_the_policy_names() -> None:
    page = page_of(fleet(3, 3, fixed=1, unreached=1))
    (policy,) = (each["content"] for each in page.named("meta") if "http-equiv" in each)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("style", "src", "srcset")}
    links = {attributes["href"] for _, attributes in page.elements if "href" in attributes}
    assert all(str(link).startswith("#") for link in links)
    assert not {"img", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}


def test_every_link_leads_somewhere_and_no_anchor_is_there_twice() -> None:
    page = page_of(fleet(50, 20, causes=3, fixed=5, unreached=2))
    anchors = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    links = {str(attributes["href"]).removeprefix("#") for _, attributes in page.elements if "href" in attributes}
    assert links <= set(anchors)


TEXTS = st.text(min_size=1, max_size=30) | st.sampled_from(
    [
        "</style><script>alert(1)</script>",
        '" onload="x',
        "<!--",
        "]]>",
        "&lt;",
        "\u202egnp.exe",
        "\x1b[2J",
        "\ud800",
        "{{ x }}",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
KEYS = ("budget", "references", "apps", "falsetickers", "other_clients_that_would_pass", "x")


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(TEXTS, st.tuples(TEXTS, st.dictionaries(st.sampled_from(KEYS), VALUES)), min_size=1, max_size=4))
def test_whatever_a_node_says_is_text(found: dict[str, tuple[str, dict[str, Any]]]) -> None:
    nodes = {}
    for name, (text, seen) in found.items():
        findings = [{**finding(check, "fail", text), "seen": seen} for check in ("clock_skew", "github_app_token", "x")]
        nodes[name] = refused(
            findings=findings, remediation={"message": text, "changes": [{"what": text}], "backup": text}
        )
    page = page_of(report(**nodes))
    known = page_of(lab() | {"settings": fleet(1)["settings"]})
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in known.elements} | {"ul", "ol", "li", "h5"}
    assert page.raw == known.raw
    assert "\u202e" not in page.text
    for name, (text, _) in found.items():
        assert flat(name) in page.text
        assert flat(text) in page.text


def test_what_is_shown_of_one_finding_is_bounded() -> None:
    endless = {f"key {number}": "x" * 5000 for number in range(5000)}
    content = report(node1=refused(findings=[{**finding("x", "fail"), "seen": endless}]))
    assert len(text_of(report_html, content)) < 300_000


# --- thousands of nodes


def test_up_to_sixty_nodes_have_a_row_each_and_of_more_the_admitted_ones_share_a_strip() -> None:
    def rows(content: dict[str, Any]) -> int:
        return sum((each.get("class") or "") == "line row" for each in page_of(content).named("div"))

    assert rows(fleet(50, 10)) == 60
    assert rows(fleet(51, 10)) == 10
    assert rows(fleet(1, 400, causes=3)) == scene.MOST_REFUSED_ROWS


@pytest.mark.parametrize(
    ("admitted", "refused", "causes"),
    [(1000, 0, 1), (0, 1000, 50), (0, 1000, 1000)],
    ids=["good", "bad", "each in its way"],
)
def test_a_thousand_nodes_make_less_than_two_megabytes(admitted: int, refused: int, causes: int) -> None:
    content = fleet(admitted, refused, causes=causes)
    text = text_of(report_html, content)
    assert len(text.encode()) < MOST_BYTES
    for name in content["nodes"]:
        assert name in text


def test_a_node_that_is_shown_in_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_nodes, "WHOLE_BYTES", 1)
    monkeypatch.setattr(of_nodes, "SHORT_BYTES", 1)
    content = fleet(4, 4)
    # The example of the cause is whole, then one more is; one is short, and the others are a line.
    assert "of the nodes are shown in short" in page_of(content).text
    names = page_of(content).text
    assert all(name in names for name in content["nodes"])


def test_each_node_is_read_twice_at_most_but_for_the_examples() -> None:
    content = fleet(100, 30, causes=3)
    nodes = Nodes(content["nodes"])
    text_of(report_html, {**content, "nodes": nodes})
    assert nodes.reads <= 2 * 130 + 2 * len(content["groups"])


def test_the_same_report_makes_the_same_page() -> None:
    content = json.loads(json.dumps(fleet(30, 10, causes=2)))
    assert text_of(report_html, content) == text_of(report_html, json.loads(json.dumps(content)))
    assert re.search(r"<h1>", text_of(report_html, content))
