"""``skewgate report``: saved evidence, judged now."""

from __future__ import annotations

import argparse
import tempfile
import textwrap
from collections import ChainMap, Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.libraries import Ed25519PrivateKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_FILE,
    REPORT_FILE,
    SavedFileError,
    evidence_of,
    read_evidence,
    unwritable,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import read_signing_key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.stored import Stored
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now, read_time
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import DEFAULT, report_text, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import without_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import (
    FUTURE_TOLERANCE,
    MAX_AGE_S,
    age_text,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.again import earlier_readings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import Commands
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from . import screen
from .errors import SkewgateError
from .inventory import nodes_of
from .next_commands import commands_of_report
from .output import Output

NAMED_AT_MOST = 500
"""So many nodes are named if each of them counts; report.json has them all."""


def report_again(args: argparse.Namespace) -> int:
    """``report``: judge the evidence of one or more runs by the checks of today.

    With ``-i``, a node of the inventory without evidence is refused.
    """
    at = datetime.now(UTC)
    output = Output(args)
    if args.format and not (args.report_dir or args.output):
        raise SkewgateError(
            "--format (or SKEWGATE_FORMAT): expected --report-dir DIR or --output FILE too (--output - is standard output)"
        )
    if args.signing_key and not args.report_dir:
        raise SkewgateError(
            "--signing-key (or SKEWGATE_SIGNING_KEY): expected --report-dir DIR too, for what is signed"
        )
    key = signing_key(args) if args.signing_key else None
    wanted = _wanted(args)
    records = Merged()
    for path in map(evidence_in, args.evidence):
        records.add(path, at)
    judged_at = now()
    others = records.leave_out_all_but(wanted) if wanted else []
    missing = sorted(set(wanted or []) - set(records))
    # These are of the report alone: joined with evidence that comes late, they would outdate it.
    placeholder = without_evidence(Policy((), (), ()), judged_at, missing=True)
    report = judged(ChainMap(dict.fromkeys(missing, placeholder), cast(dict[str, Any], records)), judged_at)
    files: list[Path] = []
    if args.report_dir:
        directory = args.report_dir.expanduser().absolute()
        try:
            files = write(directory, report, evidence_of(records, judged_at), args.format or DEFAULT, signing_key=key)
        except OSError as error:
            raise unwritable(directory, error) from error
    output.begin()
    status = show_report(report, files, output, commands_of_report(args))
    output.show(map(clean, records.policies.lines()))
    output.show(_completeness(wanted, missing, others))
    output.show(age_lines(records.times, at, screen.width()))
    return status


def signing_key(args: argparse.Namespace) -> Ed25519PrivateKey:
    """The key that signs the report; raises SkewgateError."""
    try:
        return read_signing_key(str(args.signing_key), "--signing-key", args.report_dir.expanduser())
    except ValueError as error:
        raise SkewgateError(clean(error)) from None


class Merged(Mapping[str, Any]):
    """The records of several runs. They stay in their files; of each node the latest one counts."""

    def __init__(self) -> None:
        """No run yet."""
        self.times: dict[str, datetime] = {}
        self.policies = Policies()
        self._places: dict[str, tuple[Mapping[str, Any], Mapping[str, Any] | None]] = {}

    def add(self, path: Path, at: datetime) -> None:
        """Read a run's evidence at the time ``at``; raises SavedFileError."""
        times: dict[str, datetime] = {}
        policies: dict[str, tuple[str, ...]] = {}

        def see(name: str, record: Mapping[str, Any]) -> None:
            _refuse_future(path, name, record, at)
            times[name] = read_time(record["collected_at"])
            policies[name] = Policies.lines_of(record)

        nodes = read_evidence(path, see)["nodes"]
        for name, time in times.items():
            if name not in self.times or time >= self.times[name]:
                earlier = self._places[name][0] if name in self._places else None
                self.times[name], self._places[name] = time, (nodes, earlier)
                self.policies.of_nodes[name] = policies[name]

    def leave_out_all_but(self, wanted: Collection[str]) -> list[str]:
        """Keep these nodes alone; the names of the others."""
        others = sorted(set(self._places).difference(wanted))
        for name in others:
            del self.times[name], self._places[name], self.policies.of_nodes[name]
        return others

    def __getitem__(self, name: str) -> dict[str, Any]:
        """A node's last record, with its reading in the record that it takes the place of."""
        nodes, earlier = self._places[name]
        record: dict[str, Any] = nodes[name]
        return record if earlier is None else {**record, "earlier": earlier_readings({name: earlier[name]}).get(name)}

    def __iter__(self) -> Iterator[str]:
        """The names in the order in which they were read."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._places)


def _wanted(args: argparse.Namespace) -> list[str] | None:
    """The nodes of which evidence has to be there; ``None`` if no inventory is given."""
    if args.inventory:
        return nodes_of(args)
    if args.limit is not None:
        raise SkewgateError("--limit: expected -i INVENTORY too, to know which nodes must have evidence")
    return None


def _completeness(wanted: Sequence[str] | None, missing: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """Whether every node has evidence, which have none, and which nodes were left out."""
    if wanted is None:
        yield from folded(
            "Not checked: whether evidence of any node is missing. -i INVENTORY checks it.", screen.width()
        )
        return
    count = _counted(len(wanted), "node")
    if missing:
        yield from _named(f"Missing: {len(missing)} of {count} of the inventory have no evidence here", missing)
    else:
        yield f"Complete: evidence of {'all ' * (len(wanted) > 1)}{count} of the inventory."
    if others:
        yield from _named(
            f"warning: left out, because -i and --limit do not name them: {_counted(len(others), 'node')} of the evidence",
            others,
        )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _named(text: str, names: Sequence[str]) -> list[str]:
    return folded(f"{text}: {listed(names, NAMED_AT_MOST)}", screen.width())


def evidence_in(path: Path) -> Path:
    """The evidence of a run whose folder is given, or a file of it."""
    if path.is_dir():
        return path / EVIDENCE_FILE
    return path.with_name(EVIDENCE_FILE) if path.name == REPORT_FILE else path


def _refuse_future(path: Path, name: str, record: Mapping[str, Any], at: datetime) -> None:
    """Evidence of the future would win over every later check, and would never be too old."""
    for each in filter(None, (record, record.get("before"))):
        try:
            ahead = read_time(each["collected_at"]) - at
        except ValueError as error:
            raise SavedFileError(f"{path}: node {name!r}, before.collected_at: {error}") from error
        if ahead > FUTURE_TOLERANCE:
            raise SavedFileError(
                f"{path}: node {name!r} was checked at {each['collected_at']}, which is {ahead.total_seconds():.0f} s in the "
                "future: compare this machine's clock with that of the machine that took the evidence"
            )


def judged(records: Mapping[str, Any], judged_at: str) -> dict[str, Any]:
    """The report of these records, judged now; its nodes are in a file. Raises SkewgateError."""
    try:
        return judge_records(records, judged_at, nodes=Stored())
    except (ValueError, RecursionError) as error:
        raise SkewgateError(clean(error)) from error
    except OSError as error:
        folder = f"in {tempfile.gettempdir()} (TMPDIR is another one)"
        raise SkewgateError(f"there is no room for the judgements {folder}: {error.strerror}") from error


MOST_AGES = 10
"""So many ages have a line each."""


def age_lines(times: Mapping[str, datetime], at: datetime, width: int) -> Iterator[str]:
    """How old each node's evidence is, the youngest first; nodes of one age share a line."""
    ages_s = {name: (at - time).total_seconds() for name, time in times.items()}
    names_by_age: dict[tuple[str, str], list[str]] = {}
    for name, age_s in sorted(ages_s.items(), key=lambda item: (item[1], item[0])):
        old = "" if age_s <= MAX_AGE_S else f" (too old to join by: more than {MAX_AGE_S} s)"
        names_by_age.setdefault((f"{age_text(age_s)} ago", old), []).append(name)
    if len(names_by_age) > MOST_AGES:
        names_by_age = _in_ranges(names_by_age)
    yield "Evidence was taken:"
    for (age, old), names in names_by_age.items():
        yield from folded(f"{age}{old}: {listed(names)}", width, "  ")


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """A sentence in lines of this width."""
    return textwrap.wrap(
        clean(text),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _in_ranges(names_by_age: Mapping[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
    """Two lines: the evidence that is not too old, and the rest; each from the youngest on."""
    found = {}
    for old in dict.fromkeys(old for _age, old in names_by_age):
        ages = [age for age, of_age in names_by_age if of_age == old]
        age = ages[0] if len(ages) == 1 else f"{ages[0].removesuffix(' ago')} to {ages[-1]}"
        found[age, old] = [name for key, names in names_by_age.items() if key[1] == old for name in names]
    return found


def show_report(report: dict[str, Any], files: Sequence[Path], output: Output, commands: Commands) -> int:
    """Show the report as people read it, and write it to the file that ``--output`` names.

    Returns the exit status. ``commands`` are those that the next step may need.
    """
    if not output.to_standard_output:
        output.show(["", *report_text.lines(report, files, screen.width(), commands)])
    elif files:
        output.show([report_text.files_line(files)])
    output.write(report)
    return int(report["exit_code"])


class Policies:
    """The checks that policies left out or made advisory. An admission says nothing about them."""

    def __init__(self) -> None:
        """No node yet."""
        self.of_nodes: dict[str, tuple[str, ...]] = {}

    @staticmethod
    def lines_of(record: Mapping[str, Any]) -> tuple[str, ...]:
        """The lines for one node's policy; none if it can't be read: the node has a finding."""
        try:
            policy = Policy.from_json(record["policy"])
        except ValueError:
            return ()
        left_out = [name for name in discover() if name not in (*policy.checks, "reachable")]
        said = (("left out", left_out), ("advisory, and refused no node", policy.advisory_checks))
        return tuple(f"checks {what}: {', '.join(names)}" for what, names in said if names and policy.checks)

    def lines(self) -> list[str]:
        """A line for each choice of checks."""
        counts = Counter(line for lines in self.of_nodes.values() for line in lines)
        whole = len(self.of_nodes)
        return [line if count == whole else f"{line} ({count} of the nodes)" for line, count in counts.items()]
