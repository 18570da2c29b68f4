"""Which of the servers that are wanted a node is given: those that answer it usably and that the majority does not contradict.

What a name with several addresses is worth follows from what chronyd does with it (chrony's ntp_sources.c; chrony.conf(5),
server and pool), as the evidence has the samples of each address:

- The skew's estimate takes the sample of the least delay for the whole name. So one address that answers makes the name usable,
  and the nearest one says whether it is a falseticker.
- A `server` is one address: the first, in the resolver's order, to which the node has a route. It is replaced where it turns out
  bad, but only once in some half hour. So a name of which another address contradicts the majority is left out; where another one
  is silent the name is written as a small `pool`, of which chronyd takes the addresses that answer (seen with chrony 4.3: with
  the silent address first, such a pool was selected within seconds, and the `server` was still waiting).
- A `pool` is up to `maxsources` addresses, and chronyd tries twice as many and keeps those that answer. Silent ones do no harm;
  it is left out where not more of its addresses agree with the majority than contradict it.

NTS goes before all: where a server that is wanted with it can be set up, plain ones are not written beside it, since under
chrony's default `authselectmode mix` they count only as far as the others agree (chrony.conf(5)), and starve where these are
silent. Where none can be, the plain ones are written, with a warning. A server that was asked by plain NTP too has to be good
there as well: TCP 4460 may be open where UDP 123 is not. One whose key establishment sends clients to another NTP server or port
(RFC 8915, 4.1.7 and 4.1.8) is not found out so; it is good where it is named for NTS alone and not asked by plain NTP.

`nocerttimecheck 1` is written where the certificates seem out of date only by the node's clock, and where the node has no RTC, so
that it starts in the past at each boot: else chronyd would wait for NTS for ever. What it gives up: from each start of chronyd to
the first update of its clock a certificate is taken that has expired, or is not valid yet. Who has the key of one that expired,
and stands between the node and the server, may then set the clock as he likes; a last resort (chrony.conf(5)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from ..chrony.config import ChronyConfig, Directive
from ..chrony.options import parse_version, source_problem
from ..chrony.reader import read_config
from ..chrony.sources import host_key
from ..clock.interval import Interval
from ..clock.ntp_packet import NS, NtpError, decode_sample
from ..clock.nts import NtsState, detail_of, nts_state
from ..model.record import Record
from ..model.wording import listed

Kind = Literal["server", "pool"]

NTS_PORT = 4460
FIRST_NTS_VERSION = (4, 0)

UNTRIED_OPTIONS = {
    "port": "servers are tried at port 123",
    "nts": "name servers with NTS in chrony_nts_servers, where they are tried",
    "ntsport": "servers with NTS are tried at port 4460",
    "certset": "servers with NTS are tried with the certificates of set 0",
}
"""Options by which chronyd would ask a server in another way than it was tried."""

NO_CERTIFICATE_TIME_CHECK = "nocerttimecheck 1"


@dataclass(frozen=True)
class Wanted:
    """The role's settings; ``options`` is ``chrony_source_options``, the others are named ``chrony_...`` as here."""

    servers: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    nts_servers: tuple[str, ...] = ()
    options: str = "iburst"
    min_sources: int = 3


@dataclass(frozen=True)
class Choice:
    """What to write into chrony.conf, or why nothing can be.

    ``lines``: the sources, ready; none exactly if there is a ``refusal``. ``good``: their names. ``left_out``: the other names,
    each with the reason. ``with_nts``: the sources are authenticated with NTS. ``directives``: further lines that they need, with
    their comments; chronyd does not take them in a `.sources` file.
    """

    lines: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    directives: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    with_nts: bool = False
    refusal: str | None = None


@dataclass(frozen=True)
class _Addresses:
    """The addresses of a name by what they said of the time; those without a route are not among them."""

    agree: tuple[str, ...] = ()
    contradict: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def choose(record: Record, judgement: Mapping[str, Any], wanted: Wanted) -> Choice:
    """Choose by what the node saw. ``judgement``: what ``judge_record`` made of the record, for the words of a refusal."""
    config = _config(record)
    options = " ".join(wanted.options.split())
    if problem := _options_problem(options, config.version):
        return Choice(
            refusal=f"chrony_source_options is {wanted.options!r}: {problem}. Expected options of chrony.conf's server line, for "
            "example 'iburst' or 'iburst maxpoll 8'."
        )
    if record.skew.skew_s is None:
        return Choice(refusal=_unknown(record, judgement))
    plain: dict[str, Kind] = {**dict.fromkeys(wanted.pools, "pool"), **dict.fromkeys(wanted.servers, "server")}
    order = dict.fromkeys([*wanted.servers, *wanted.pools])
    why_not_nts = {name: _why_not_nts(name, record, config) for name in wanted.nts_servers}
    why_not = {name: _why_not(plain[name], name, record) for name in order}
    with_nts = [name for name, why in why_not_nts.items() if not why]
    if with_nts:
        good: dict[str, Kind] = dict.fromkeys(with_nts, "server")
        unauthenticated = "it is not authenticated, and the servers with NTS are used alone"
        reasons = {name: why or unauthenticated for name, why in why_not.items()} | why_not_nts
    else:
        good = {name: plain[name] for name, why in why_not.items() if not why}
        reasons = why_not_nts | why_not
    left_out = {name: why for name, why in reasons.items() if name not in good}
    if not good:
        return Choice(left_out=left_out, refusal=_nobody(judgement, left_out))
    lines, warnings = [], []
    if why_not_nts and not with_nts:
        warnings.append(f"NTS was given up, and servers without it are used: {_told(why_not_nts)}")
    for name, kind in good.items():
        silent = _addresses(name, record).silent if kind == "server" else ()
        line = f"{kind} {name} {options}"
        if silent:
            # chronyd tries twice as many addresses of a pool as it is to use: one at least is not among the silent ones.
            line = f"pool {name} {options} maxsources {len(silent) // 2 + 1}"
            warnings.append(
                f"{name} is written as a pool, of which chronyd takes the addresses that answer: {listed(silent)} of it does not"
            )
        lines.append(_joined(line, "nts" if with_nts else ""))
    missing = why_not_nts if with_nts else left_out
    warnings += _too_few(_count(lines, good, record), wanted.min_sources, {n: why for n, why in missing.items() if why})
    return Choice(
        tuple(lines),
        tuple(good),
        left_out,
        _directives(with_nts, record, config) if with_nts else (),
        tuple(warnings),
        bool(with_nts),
    )


# Of one name.


def _why_not(kind: Kind, name: str, record: Record) -> str:
    """Why a server or pool without NTS is left out; nothing where it is good."""
    reference = next((r for server, r in record.skew.ntp.items() if host_key(server) == host_key(name)), None)
    if reference is None:
        return "it was not asked"
    if reference.skew_s is None:
        return f"it did not answer usably: {reference.detail}"
    if reference.name in record.skew.falsetickers:
        return "the majority contradicts it"
    addresses = _addresses(name, record)
    against = listed(addresses.contradict)
    if kind == "server" and against:
        return f"the majority contradicts its address {against}, and chronyd takes any one address of a server"
    if len(addresses.contradict) >= len(addresses.agree):
        return f"the majority contradicts as many of its addresses as agree: {against}"
    return ""


def _why_not_nts(name: str, record: Record, config: _Config) -> str:
    """The same with NTS."""
    if config.impossible_nts:
        return config.impossible_nts
    entry = _tried_with_nts(name, record)
    if entry is None:
        error = (record.evidence.get("nts") or {}).get("error")
        return f"NTS was not tried: {error or 'the evidence was taken without this name in nts_servers'}"
    state = _nts_state(entry, record)
    if state not in (NtsState.ESTABLISHED, NtsState.CLOCK):
        phase = entry["error"]["phase"] if entry["error"] else "tls"
        return f"NTS key establishment failed: {state.words} ({phase}: {detail_of(entry)})"
    return _why_not("server", name, record) if host_key(name) in map(host_key, record.skew.ntp) else ""


def _tried_with_nts(name: str, record: Record) -> Mapping[str, Any] | None:
    """The entry of the section ``nts`` that was tried as it would be written."""
    entries = (record.evidence.get("nts") or {}).get("servers") or []
    as_written = (host_key(name), NTS_PORT, "0")
    return next((e for e in entries if (host_key(e["server"]), e["port"], e.get("certset", "0")) == as_written), None)


def _nts_state(entry: Mapping[str, Any], record: Record) -> NtsState:
    return nts_state(entry, record.section("collected")["wall_ns"] / NS, record.skew.skew_s)


def _addresses(name: str, record: Record) -> _Addresses:
    servers = (record.evidence.get("ntp") or {}).get("servers") or []
    server: Mapping[str, Any] = next((entry for entry in servers if host_key(entry["server"]) == host_key(name)), {})
    samples = sorted(server.get("samples") or [], key=lambda sample: str(sample["address"]))
    by_address = {
        address: list(group) for address, group in groupby(samples, key=lambda sample: str(sample["address"]))
    }
    said: dict[str, list[str]] = {"agree": [], "contradict": [], "silent": [], "no route": []}
    for address in dict.fromkeys([*server.get("addresses", ()), *by_address]):
        said[_says(by_address.get(address, []), record.skew.skew_s)].append(address)
    return _Addresses(tuple(said["agree"]), tuple(said["contradict"]), tuple(said["silent"]))


def _says(samples: Iterable[Mapping[str, Any]], skew_s: Interval | None) -> str:
    """Of one address: agree, contradict, silent or no route; by its sample of the least delay, as for a whole name."""
    usable, failed = [], []
    for sample in samples:
        try:
            usable.append(decode_sample(sample))
        except NtpError as error:
            failed.append(error)
    if usable and skew_s:
        return "agree" if min(usable, key=lambda s: s.delay_s).skew_s.overlaps(skew_s) else "contradict"
    return "no route" if failed and all(error.no_route for error in failed) else "silent"


# What the node's chrony knows.


@dataclass(frozen=True)
class _Config:
    """Of the chrony that is there: its configuration, its version (None: none is, or it is not known), why it can't do NTS."""

    read: ChronyConfig
    version: tuple[int, ...] | None
    impossible_nts: str = ""


def _config(record: Record) -> _Config:
    section = record.evidence.get("chrony") or {}
    read = read_config({"config": {}, **section})
    version = parse_version(section.get("version")) if section.get("present") else None
    if read.fips:
        return _Config(read, version, "the node is in FIPS mode, in which chronyd can abort with NTS")
    if version and "NTS" in read.not_built_in:
        return _Config(read, version, "this chronyd was built without NTS")
    if version and version < FIRST_NTS_VERSION:
        return _Config(read, version, f"NTS came with chrony 4.0, and this is {section['version']}")
    return _Config(read, version)


def _options_problem(options: str, version: tuple[int, ...] | None) -> str | None:
    words = options.lower().split()
    for word in words:
        if word in UNTRIED_OPTIONS:
            return f"no server was tried with the option {word}: {UNTRIED_OPTIONS[word]}"
    line = f"pool name.example {options}"
    return source_problem(Directive("pool", tuple(line.split()[1:]), "", 1, line), version)


def _directives(with_nts: Iterable[str], record: Record, config: _Config) -> tuple[str, ...]:
    """What servers with NTS need beside their lines: the certificates with which they were tried, and an open eye for time."""
    # Without these, chronyd would trust others than the probe did.
    kept = [d.text for d in config.read.directives if d.name == "nosystemcert"]
    kept += [
        d.text
        for d in config.read.directives
        if d.name == "ntstrustedcerts" and (len(d.arguments) == 1 or d.arguments[0] == "0")
    ]
    entries = [_tried_with_nts(name, record) for name in with_nts]
    by_clock = any(_nts_state(entry, record) is NtsState.CLOCK for entry in entries if entry)
    rtc = (record.evidence.get("clock") or {}).get("rtc") or {}
    comments = []
    if by_clock:
        comments.append("# By the clock with which this node was found, the servers' certificates were not valid.")
    if rtc.get("present") is False:
        comments.append(
            "# This node has no RTC and starts in the past, when the servers' certificates are not valid yet."
        )
    if comments:
        comments.append("# So chronyd does not hold them against its clock before it has set it once (chrony.conf(5)).")
        kept = [*kept, *comments, NO_CERTIFICATE_TIME_CHECK]
    return tuple(dict.fromkeys(kept))


# All of them.


def _count(lines: Iterable[str], good: Mapping[str, Kind], record: Record) -> int:
    """How many sources chronyd has then: of a pool, the addresses that agree, up to its `maxsources`."""
    text = "".join(f"{line}\n" for line in lines)
    read = read_config({"config": {"path": "chosen", "files": [{"path": "chosen", "text": text}]}})
    return sum(
        1 if good[source.name] == "server" else min(source.most, len(_addresses(source.name, record).agree))
        for source in read.sources
    )


def _too_few(count: int, min_sources: int, missing: Mapping[str, str]) -> list[str]:
    if count >= min_sources:
        return []
    of_these = {1: "; a single one is believed whatever it says", 2: "; of two that differ neither outvotes the other"}
    told = f": {_told(missing)}" if missing else ""
    return [f"good sources: {count}, wanted: {min_sources}{of_these.get(count, '')}{told}"]


def _unknown(record: Record, judgement: Mapping[str, Any]) -> str:
    """The skew is unknown, and with it who is right."""
    if told := _finding(judgement, "ntp_servers"):
        return told
    told = _finding(judgement, "clock_skew") or f"{record.skew.unknown_because}."
    return f"Which of the servers to believe is not known: {told}"


def _nobody(judgement: Mapping[str, Any], left_out: Mapping[str, str]) -> str:
    if told := _finding(judgement, "ntp_servers"):
        return told
    return f"No server is good ({_told(left_out)}). Fix them, or name others in chrony_servers."


def _finding(judgement: Mapping[str, Any], check: str) -> str:
    """A finding that does not pass, in its words."""
    found = next((f for f in judgement["findings"] if f["check"] == check and f["state"] != "pass"), None)
    return f"{found['summary']}. {found['remedy']}" if found else ""


def _told(whys: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in whys.items())


def _joined(*words: str) -> str:
    return " ".join(" ".join(words).split())
