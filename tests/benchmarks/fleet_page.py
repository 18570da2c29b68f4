"""docs/reference/performance.md, from what was measured."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from tests.benchmarks.fleet_targets import Target, targets
from tests.benchmarks.measuring import median
from tests.benchmarks.replayed import MINTS_AT_MOST

HEAD = (
    "This page shows what the check costs, compared with other commands that look at nodes. `make bench` measures this and "
    "writes this page. Another machine gives other figures, so compare the ratios. No test asserts a time."
)
HOW = [
    "Whole processes, from start to end. *CPU* is user and system time of the command and of all processes that it waited for: "
    "the controller's side. It does not count a node's work, nor ssh's processes that keep connections open. *Memory* is "
    "the largest resident size of one process.",
    "Sides take turns in rounds (A B C A B C); the figures are medians. *Ratio* is the wall time over that of "
    "`ansible all -m ping` with {forks} forks in the same part.",
    "{forks} forks on all sides, if a row does not say otherwise. Pipelining is on, for all sides. `ansible_python_interpreter` "
    "is set, so ping is one command a node. Each run makes its ssh connections anew.",
    "**Nodes over ssh** are an sshd each on loopback. They are the machine itself, and share its cores with the controller: real "
    "nodes bring their own. Checks that a machine without a time daemon fails are made and judged, but are advisory. Each run "
    "is used only if its report has every node, with its clock and its token found good.",
    "**Replayed nodes** cost the controller nothing: a connection plugin of the benchmark waits 50 ms for each command, and "
    "gives the answer of a node of the lab that was admitted, put to the present time. So these rows show the "
    "controller's side alone. Each of these nodes is judged by the same code as a real one, and admitted.",
    "The GitHub API is the lab's, on loopback, and so are three NTP servers. The benchmark sets `gate_mints_per_minute` and "
    "`gate_mints_per_hour` to {mints:,}, or GitHub's limits would make it wait for hours. With them, `depth: token` takes as "
    "long as [these limits](../how-to/check-many-nodes.md) say.",
]
OTHERS = [
    "*ssh*: `xargs -P` with `ssh NODE python3 -c pass`: connections, and Python's start. No tool can do with less.",
    "*built-in modules*: `tests/benchmarks/asked/builtin.yml`, 12 tasks of `setup`, `command`, `slurp`, `service_facts`, `find`, "
    "`stat` and `uri` that ask what the sections of the evidence ask: chrony's commands and configuration, systemd's units, what "
    "moves the clock, the NTP servers, the API's date, a token minted and revoked. It compares and judges nothing. As these "
    "nodes have no chrony, its commands end at once; on a node with chrony they take longer.",
    "*testinfra*: `tests/benchmarks/asked/test_plain_questions.py`, those of the questions that need no Ansible module, "
    "without the token, with `--force-ansible`. It goes from node to node, so it is measured on few.",
    "*acceptance suite*: `pytest --pyargs skewgate.acceptance`, which runs the check once for all nodes. Its plain questions to "
    "the time daemon are skipped here, as there is none.",
    "*community role*: OpenStack's `ansible-role-chrony` 1.3.0 with `--check`: what it would install and write. In check "
    "mode it does not say whether the clock is right.",
    "*its own forks*: no `--forks`; what the command chooses by itself.",
]


def page(results: Mapping[str, Any]) -> str:
    """The page, of the parts that were measured."""
    parts = {name: part for name, part in results.items() if "sides" in part}
    over_ssh = sorted((part for part in parts.values() if part["over_ssh"]), key=_nodes)
    replayed = sorted((part for part in parts.values() if not part["over_ssh"]), key=_nodes)
    forks = next((part["forks"] for part in parts.values()), "-")
    return "\n".join(
        [
            "# Performance\n",
            *(f"{_wrapped(text)}\n" for text in [HEAD, *_measured_on(results)]),
            _of_targets(list(targets(results))),
            *(_table(f"{part['nodes']:,} nodes over ssh", part) for part in over_ssh),
            *(_table(f"{part['nodes']:,} replayed nodes", part) for part in replayed),
            "## How it was measured\n",
            *(_wrapped(f"- {text}", forks=forks, mints=MINTS_AT_MOST) for text in HOW),
            "\n### What the other sides ask\n",
            *(_wrapped(f"- {text}") for text in OTHERS),
            "",
        ]
    )


def _wrapped(text: str, **values: Any) -> str:
    """A paragraph, or a point of a list."""
    filled = text.format(**values) if values else text
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(filled, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _nodes(part: Mapping[str, Any]) -> int:
    nodes: int = part["nodes"]
    return nodes


def _measured_on(results: Mapping[str, Any]) -> Iterable[str]:
    """When, on which machine, with which versions;
    more than one where parts were measured at different times.
    """
    rows: dict[str, list[str]] = {}
    for name, part in results.items():
        rows.setdefault(f"{part['at']}, {part['machine']}; {part['versions']}.", []).append(name)
    for about, names in rows.items():
        yield f"Measured on {about}" if len(rows) == 1 else f"{', '.join(sorted(names))}: measured on {about}"


def _of_targets(found: list[Target]) -> str:
    rows = [
        f"| {target.what} | {'at least' if target.at_least else 'at most'} {target.wanted:g} {target.unit} "
        f"| {_found(target)} |"
        for target in found
    ]
    return "\n".join(["## Targets", "", "| | wanted | measured | |", "| --- | --- | --- | --- |", *rows, ""])


def _found(target: Target) -> str:
    if target.measured is None:
        return "not measured |"
    return f"{target.measured:.2f} {target.unit} | {'met' if target.met else '**missed**'}"


def _table(title: str, part: Mapping[str, Any]) -> str:
    ping = part["sides"].get("ping")
    rows = [_row(side, rounds, ping, part["nodes"]) for side, rounds in part["sides"].items()]
    head = "| | wall | ratio | CPU | CPU a node | memory | rounds |"
    failed = [_wrapped(f"Not measured, as it failed: {', '.join(part['failed'])}."), ""] if part.get("failed") else []
    lines = ["| --- | ---: | ---: | ---: | ---: | ---: | ---: |", *rows, "", *failed]
    return "\n".join([f"## {title}", "", head, *lines])


def _row(side: str, rounds: list[dict[str, float]], ping: list[dict[str, float]] | None, nodes: int) -> str:
    wall_s, cpu_s, peak_mb = (median(rounds, what) for what in ("wall_s", "cpu_s", "peak_mb"))
    ratio = f"{wall_s / median(ping, 'wall_s'):.2f}" if ping else ""
    cells = [side, f"{wall_s:.1f} s", ratio, f"{cpu_s:.1f} s", f"{cpu_s / nodes:.3f} s", f"{peak_mb:.0f} MB"]
    return f"| {' | '.join([*cells, str(len(rounds))])} |"
