"""Evidence that is changed at random, and what must hold of its judgement whatever was changed.

The same seed makes the same mutants. Each mutant is a bad node's record with one to four
changes of its evidence, of structure or of text; fifty of them are judged in one report
together with two good nodes.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils import formats
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record, read_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover, sections_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import record
from tests.reports import text_of as shown_text
from tests.unit.plugin_utils.checks.test_every_key import EXAMPLES

AT = "2026-11-22T08:40:00Z"
TOGETHER = 50
GOOD = {"good1": record(), "good2": record(0.001)}

Path = tuple[Any, ...]

STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**70, -(2**70)),
    *(0.5, -1e9, 1e18, 1e308, float("nan"), float("inf")),
    *("", " ", "\n", "0", "-1", "1e999", "nan", "inf", "٣", "\ud800", "\U0010ffff", "x" * 50),
    *("\x00", "\x1b[31m", "\x9b2J", "\u202egnp", "\u200b", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),
    *([], {}, [None], [[]], {"": None}, {"a": {"b": {}}}),
    *({"error": "x"}, {"error": None}, {"error": {"x": []}}, {"malformed": "x"}),
]
HUGE: list[Any] = [
    *("x" * 301_000, "\x7f" * 100_000, "9" * 5000, "é" * 9000, "server a\n" * 1000, "a,b\n" * 1000),
    *([{}] * 2000, list(range(3000)), {str(n): n for n in range(3000)}),
]
INSERTED = [
    "\x1b[2J",
    "\x00",
    "\r",
    "\t",
    "\n",
    ",",
    " ",
    "=",
    "-",
    "+",
    "9" * 30,
    "1e999",
    "nan",
    "\u202e",
    "\u2028",
    "\ud800",
    "#",
    "0x",
]


@dataclass(frozen=True)
class Mutant:
    """A changed record: which node it was, where it was changed, and what its record is now."""

    base: str
    paths: tuple[Path, ...]
    record: dict[str, Any]


_PHC2SYS = "phc2sys -s eth0 -c CLOCK_REALTIME -w"
_NEXT_START = {"unit": "chrony.service", "path": "/etc/chrony/chrony.conf", "text": "", "unfit": None}
FIELDS: dict[str, dict[str, Any]] = {
    "chrony": {
        "features": ["+CMDMON", "+NTP", "+REFCLOCK", "+PRIVDROP", "-NTS", "-SECHASH", "+IPV6", "-DEBUG"],
        "keyfile": {"path": "/etc/chrony/chrony.keys", "mode": "0640"},
        "named": {
            "paths": {
                "/etc/chrony/chrony.keys": "file",
                "/dev/ptp0": "ptp",
                "/run/chrony": "folder",
                "/dev/pps0": "missing",
            },
            "interfaces": {"eth0": "hardware", "eth1": "plain"},
            "users": {"_chrony": "present"},
            "options": {"F": {"value": "1", "from": "/etc/default/chrony"}, "u": {"value": "_chrony", "from": "x"}},
        },
        "fips": False,
        "next_start": _NEXT_START,
        "defaults": [{"path": "/etc/default/chrony", "text": 'DAEMON_OPTS="-F 1"\n', "mtime_s": 1_795_000_000.0}],
        "started_s": 1_795_300_000.0,
    },
    "time_services": {
        "processes": [
            {"pid": 731, "comm": "chronyd", "argv": ["/usr/sbin/chronyd", "-F", "1"], "exe": "/usr/sbin/chronyd"},
            {
                "pid": 740,
                "comm": "phc2sys",
                "argv": _PHC2SYS.split(),
                "exe": "/usr/sbin/phc2sys",
                "may_set_clock": True,
            },
        ],
        "may_set_clock": {
            "given": [{"comm": "gpsd", "pid": 812, "processes": 2, "cgroup": "/system.slice/gpsd.service"}],
            "privileged": ["bash", "kthreadd", "systemd"],
        },
        "connman_time_updates": "manual",
    },
    "clock_movers": {
        "cron": [{"path": "/etc/cron.d/ntpdate", "line": 1, "text": "ntpdate a.example"}],
        "unread": [{"path": "/var/spool/cron", "error": "Permission denied"}],
    },
}
"""What a node may have in these sections beside what the bases have in them."""


def with_every_field(data: dict[str, Any]) -> dict[str, Any]:
    """A record whose evidence has all of FIELDS that it may have."""
    evidence = data["evidence"]
    whole = {
        name: {**copy.deepcopy(fields), **{key: value for key, value in evidence[name].items() if value}}
        for name, fields in FIELDS.items()
        if isinstance(evidence.get(name), dict) and not evidence[name].keys() & {"error", "malformed"}
    }
    return {**data, "evidence": {**evidence, **whole}}


@cache
def bases() -> dict[str, dict[str, Any]]:
    """Bad nodes by name: a clock that is off, and an example of each key of each check."""
    off = {f"{skew_s} s": record(skew_s) for skew_s in ALWAYS_BAD_S}
    found = {
        f"{check.__name__.rpartition('.')[2]} {key}": data
        for check, examples in EXAMPLES.items()
        for key, data in examples.items()
        if data.get("evidence")
    }
    whole = {name: with_every_field(data) for name, data in {**off, **found}.items()}
    nodes = judge_records(whole, AT)["nodes"]
    return {name: data for name, data in whole.items() if nodes[name]["verdict"] == "refuse"}


ALWAYS_BAD_S = (-612.0, 45.0, 86400.0, -1_400_000_000.0)
"""Skews that four references show: no four random changes make them show another one."""


@cache
def read_by_refusal(base: str) -> frozenset[str]:
    """The sections on which the refusal of a base rests;
    the skew's always, as many checks weigh it.
    """
    findings = judge_records({base: bases()[base]}, AT)["nodes"][base]["findings"]
    checks = discover()
    refusing = [f["check"] for f in findings if f["required"] and f["state"] != "pass" and f["check"] in checks]
    return frozenset({"collected", "ntp", "api_date"}.union(*(sections_of(checks[name]) for name in refusing)))


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path to each value within JSON data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, within in inner:
        yield (*path, key)
        yield from places(within, (*path, key))


@cache
def text_of(base: str) -> str:
    """A base as JSON text, of which a copy is quickly made."""
    return json.dumps(bases()[base])


@cache
def places_of(base: str) -> list[Path]:
    """The places of a base, such that each section is chosen as often, however large it is."""
    return list(places(bases()[base]["evidence"]))


def mutants(seed: int, count: int) -> Iterator[Mutant]:
    """So many, by the seed."""
    choose = random.Random(seed)
    names = sorted(bases())
    for _ in range(count):
        base = choose.choice(names[:4] if choose.random() < 0.3 else names)
        data = json.loads(text_of(base))
        paths = tuple(choose.choice(places_of(base)) for _ in range(choose.choice((1, 1, 2, 3, 4))))
        for path in paths:
            change(data["evidence"], path, choose)
        yield Mutant(base, paths, read_json(json.dumps(data)))


def change(evidence: Any, path: Path, choose: random.Random) -> None:
    """Change what is at this place, if an earlier change left it there."""
    *way, last = path
    target = evidence
    for step in way:
        try:
            target = target[step]
        except (KeyError, IndexError, TypeError):
            return
    if not isinstance(target, dict | list) or last not in places_in(target):
        return
    value = target[last]
    kind = choose.random()
    if kind < 0.12:
        del target[last]
    elif kind < 0.2 and isinstance(target, dict):
        target[choose.choice(["\x1b[31m", "error", "malformed", "x" * 300, last + " "])] = target.pop(last)
    elif kind < 0.5 and isinstance(value, str):
        at = choose.randrange(len(value) + 1)
        target[last] = value[:at] + choose.choice(INSERTED) + value[at + choose.choice((0, 0, 1, 5, 50)) :]
    elif kind < 0.6 and isinstance(value, int | float) and not isinstance(value, bool):
        target[last] = choose.choice((-value, value + 1, value * 1000, value + 10**9, value * 2**40))
    elif kind < 0.65 and isinstance(value, list) and value:
        target[last] = value * choose.choice((2, 10, 300))
    else:
        target[last] = copy.deepcopy(choose.choice(HUGE if choose.random() < 0.05 else STRANGE))


def places_in(target: Any) -> Any:
    """The keys of a mapping, the positions of a list."""
    return target.keys() if isinstance(target, dict) else range(len(target))


@cache
def good_entries() -> dict[str, Any]:
    """The good nodes' entries of a report on them alone."""
    return dict(judge_records(GOOD, AT)["nodes"])


def faults_of(some: list[Mutant]) -> list[str]:
    """What does not hold of these mutants, judged together with the good nodes."""
    records = {f"bad{number}": mutant.record for number, mutant in enumerate(some)}
    report = judge_records({**GOOD, **records}, AT)
    faults = []
    if {name: report["nodes"][name] for name in GOOD} != good_entries():
        faults.append("another node's entry changed")
    json.dumps(report, allow_nan=False)
    for name, each in formats.discover().items():
        if odd := {c for c in shown_text(each, report) if not c.isprintable() and c not in "\r\n"}:
            faults.append(f"the format {name} prints {odd!r}")
    for number, mutant in enumerate(some):
        found = faults_of_one(mutant, report["nodes"][f"bad{number}"], parse=number % 5 == 0)
        faults += [f"{mutant.base}, changed at {mutant.paths}: {fault}" for fault in found]
    return faults


def faults_of_one(mutant: Mutant, entry: dict[str, Any], *, parse: bool) -> Iterator[str]:
    """What does not hold of one mutant's entry of the report; ``parse``:
    whether it is looked at what is stored of it.
    """
    if parse:
        parsed = parse_record(mutant.record)
        if parse_record(parsed) != parsed:
            yield "parsed again, it changes"
        if odd := {c for c in json.dumps(parsed, allow_nan=False, ensure_ascii=False) if not c.isprintable()}:
            yield f"it stores {odd!r}"
    if entry["verdict"] == "refuse":
        return
    parsed = parse_record(mutant.record)
    needed = {section for f in entry["findings"] if f["required"] for section in discover()[f["check"]].NEEDS}
    if gone := sorted(section for section in needed if section not in Record(parsed).evidence):
        yield f"admitted without {gone}"
    if mutant.base.removesuffix(" s") in map(str, ALWAYS_BAD_S):
        yield f"admitted with a skew of {mutant.base}"
    if not {path[0] for path in mutant.paths} & read_by_refusal(mutant.base):
        yield "admitted, though nothing that refused it was changed"


def run(seed: int, count: int) -> list[str]:
    """All that does not hold of so many mutants by this seed;
    an exception says which one raised it.
    """
    faults = []
    made = list(mutants(seed, count))
    for start in range(0, count, TOGETHER):
        some = made[start : start + TOGETHER]
        try:
            faults += faults_of(some)
        except Exception as error:  # noqa: BLE001 - one by one, to say which
            faults += [fault for mutant in some for fault in faults_alone(mutant)] or [f"together: {error!r}"]
    return [f"seed {seed}: {fault}" for fault in faults]


def faults_alone(mutant: Mutant) -> list[str]:
    """What does not hold of a mutant that is judged without other mutants; an exception is a
    fault.
    """
    try:
        return faults_of([mutant])
    except Exception as error:  # noqa: BLE001 - it is what is asked for
        return [f"{mutant.base}, changed at {mutant.paths}: {error!r}"]
