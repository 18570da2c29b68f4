"""``junit.xml``: each node is a suite and each check a case, for CI systems that show test results.

A check that refuses its node fails the case: ``fail`` is a failure, ``inconclusive`` is an error,
and the type of either has the check's keys. A check that was skipped is a skipped case. An advisory
check never fails its case: its finding is in the case's output. If no case of a refused node
fails, the case ``verdict`` does.

The elements are those that Jenkins, GitLab and the test reporters for GitHub Actions read. How long
a check took is not known, so no case has a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

from ..clock.interval import Interval
from ..model.wording import clean, one_line, skew_text
from ..verdict.report import remediation_message

NAME = "junit"
FILE = "junit.xml"

Finding = Mapping[str, Any]
_ELEMENTS = {"fail": "failure", "inconclusive": "error", "skipped": "skipped"}


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Write a suite for each node, one after the other."""
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="skewgate">\n')
    for name, node in report["nodes"].items():
        file.writelines(f"{line}\n" for line in _suite(name, node))
    file.write("</testsuites>\n")


def _suite(name: str, node: Mapping[str, Any]) -> Iterator[str]:
    cases = [(finding, _element(finding)) for finding in node["findings"]]
    elements = [element for _, element in cases]
    unsaid = node["verdict"] != "admit" and not {"failure", "error"} & set(elements)
    counts = {
        "tests": len(cases) + unsaid,
        "failures": elements.count("failure") + unsaid,
        "errors": elements.count("error"),
        "skipped": elements.count("skipped"),
    }
    yield f" <testsuite{_attributes(name=_name(name), timestamp=node['judged_at'], **counts)}>"
    yield "  <properties>"
    for key, value in _properties(node):
        yield f"   <property{_attributes(name=key, value=value)}/>"
    yield "  </properties>"
    for finding, element in cases:
        yield from _case(name, finding["check"], element, finding)
    if unsaid:
        because = node["refused_because"]
        no_answer = "The node is refused, and no required check gave an answer."
        verdict = {"required": True, "keys": [because], "summary": no_answer, "why": "", "remedy": ""}
        yield from _case(name, "verdict", "failure", {"state": "fail", **verdict})
    if message := remediation_message(node):
        yield f"  <system-out>Remediation: {_text(message)}</system-out>"
    yield " </testsuite>"


def _element(finding: Finding) -> str | None:
    """What the case has in it; nothing if it is good, or if the check refuses no node."""
    if finding["state"] == "skipped" or finding["required"]:
        return _ELEMENTS.get(finding["state"])
    return None


def _properties(node: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "verdict", node["verdict"]
    if node["refused_because"]:
        yield "refused_because", node["refused_because"]
    yield "judged_at", node["judged_at"]
    if node["skew_s"]:
        yield "skew", skew_text(Interval(**node["skew_s"]))
        yield "skew_low_s", node["skew_s"]["low"]
        yield "skew_high_s", node["skew_s"]["high"]


def _case(node_name: str, case: str, element: str | None, finding: Finding) -> Iterator[str]:
    yield f"  <testcase{_attributes(classname=_name(node_name), name=case)}>"
    if element == "skipped":
        yield f"   <skipped{_attributes(message=finding['summary'])}/>"
    elif element:
        about = _attributes(type=" ".join(finding["keys"]), message=finding["summary"])
        yield f"   <{element}{about}>{_text(_saying(finding))}</{element}>"
    else:
        advisory = "" if finding["required"] else "Advisory: this check refuses no node.\n"
        yield f"   <system-out>{_text(advisory + _saying(finding))}</system-out>"
    yield "  </testcase>"


def _saying(finding: Finding) -> str:
    """All that the finding says to people."""
    parts = [f"{finding['state']}: {finding['summary']}"]
    parts += [f"{label}: {finding[key]}" for label, key in (("Why", "why"), ("Next", "remedy")) if finding[key]]
    return "\n".join(parts)


def _name(name: str) -> str:
    return clean(name).replace("\n", "\\n")


def _attributes(**values: object) -> str:
    return "".join(f" {key}={quoteattr(one_line(value))}" for key, value in values.items())


def _text(text: str) -> str:
    """Text as XML 1.0 allows it: ``clean`` writes as escapes what it forbids."""
    return escape(clean(text))
