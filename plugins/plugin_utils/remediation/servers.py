"""Which of the wanted servers a node gets: those that give it a usable answer and that the majority
does not contradict.

A name may have several addresses, and the evidence has the samples of each. Whether the name is
good depends on what chronyd does with it (chrony's ntp_sources.c; chrony.conf(5), server and pool):

- The skew's estimate uses the sample with the least delay for the whole name. So one address that
  answers makes the name usable, and the nearest one shows whether it is a falseticker.
- A `server` is one address: the first, in the resolver's order, to which the node has a route.
  chronyd replaces a bad one, but only about once in half an hour. So a name is left out if another
  of its addresses contradicts the majority. If another address is silent, the name is written as a
  small `pool`, and chronyd uses the addresses that answer (seen with chrony 4.3: with the silent
  address first, such a pool was selected within seconds, and the `server` was still waiting).
- A `pool` is up to `maxsources` addresses. chronyd tries twice as many and keeps those that
  answer. Silent ones do no harm. A pool is left out unless more of its addresses agree with the
  majority than contradict it.

NTS comes first: if a server that is wanted with NTS can be set up, plain ones are not written
beside it. Under chrony's default `authselectmode mix` they count only as far as the NTS servers
agree (chrony.conf(5)), and are not used if these are silent. If no NTS server can be set up, the
plain ones are written, with a warning. *Set up* means that the NTP server which the key exchange
names (RFC 8915, 4.1.7 and 4.1.8) answered a request with NTS. If the server itself was asked with
plain NTP too, it must be good there as well. `to_try` are the servers that chronyd itself is to try
before anything is written: those that would be written, and those that answered no request with
NTS, as NTPsec does. What it gets then decides.

`nocerttimecheck 1` is written in two cases: if the certificates seem out of date only because of
the node's clock, and if the node has no RTC and so starts in the past at each boot. Otherwise
chronyd would wait for NTS for ever. The cost: from each start of chronyd to the first update of
its clock, it accepts a certificate that has expired or is not valid yet. An attacker between the
node and the server who has the key of an expired certificate can then set the clock. It is a last
resort (chrony.conf(5)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from ..chrony import nts_client
from ..chrony.config import ChronyConfig, Directive
from ..chrony.options import parse_version, source_problem
from ..chrony.reader import read_config
from ..chrony.sources import host_key
from ..clock.interval import Interval
from ..clock.ntp_packet import NtpError, decode_sample
from ..clock.nts import UNANSWERED, NtsState, detail_of
from ..daemons.chrony import nts_state_with, tried_with_nts
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
"""Options that make chronyd ask a server in another way than the check tried."""

NO_CERTIFICATE_TIME_CHECK = "nocerttimecheck 1"


@dataclass(frozen=True)
class Wanted:
    """The role's settings; ``options`` is ``chrony_source_options``,
    the others are named ``chrony_...`` as here.
    """

    servers: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    nts_servers: tuple[str, ...] = ()
    options: str = "iburst"
    min_sources: int = 3


@dataclass(frozen=True)
class Choice:
    """The lines to write into chrony.conf, or why there are none.

    ``lines``: the sources, ready; empty only if there is a ``refusal``. ``good``: their names.
    ``left_out``: the other names, each with the reason. ``with_nts``: the sources are authenticated
    with NTS. ``directives``: further lines that they need, with their comments; chronyd does not
    take them in a `.sources` file. ``to_try``: the servers with NTS that chronyd itself has not
    tried, with its directives (``chrony.nts_client``).
    """

    lines: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    directives: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    with_nts: bool = False
    refusal: str | None = None
    to_try: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Addresses:
    """The addresses of a name by what their time showed; without those that have no route."""

    agree: tuple[str, ...] = ()
    contradict: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def choose(record: Record, judgement: Mapping[str, Any], wanted: Wanted) -> Choice:
    """Choose from the node's evidence.

    ``judgement``: of ``judge_record``, for the words of a refusal.
    """
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
    why_not_nts = {name: _why_not_nts(name, record, config) for name in wanted.nts_servers}
    why_not = {name: _why_not(plain[name], name, record) for name in dict.fromkeys([*wanted.servers, *wanted.pools])}
    with_nts = [name for name, why in why_not_nts.items() if not why]
    if with_nts:
        good: dict[str, Kind] = dict.fromkeys(with_nts, "server")
        unauthenticated = "it is not authenticated, and only the servers with NTS are used"
        reasons = {name: why or unauthenticated for name, why in why_not.items()} | why_not_nts
    else:
        good = {name: plain[name] for name, why in why_not.items() if not why}
        reasons = why_not_nts | why_not
    left_out = {name: why for name, why in reasons.items() if name not in good}
    if not good:
        refusal = _nobody(judgement, left_out)
        return Choice(left_out=left_out, refusal=refusal, to_try=_to_try(why_not_nts, options, record, config))
    lines, warnings = [], []
    if why_not_nts and not with_nts:
        warnings.append(f"NTS cannot be used, so servers without it are used: {_reasons(why_not_nts)}")
    for name, kind in good.items():
        silent = _addresses(name, record).silent if kind == "server" else ()
        if silent:
            warnings.append(
                f"{name} is written as a pool, so chronyd uses the addresses that answer; silent: {listed(silent)}"
            )
        lines.append(_line(kind, name, options, silent, with_nts=bool(with_nts)))
    missing = why_not_nts if with_nts else left_out
    warnings += _too_few(_count(lines, good, record), wanted.min_sources, {n: why for n, why in missing.items() if why})
    return Choice(
        tuple(lines),
        tuple(good),
        left_out,
        _directives(with_nts, record, config) if with_nts else (),
        tuple(warnings),
        bool(with_nts),
        to_try=_to_try(why_not_nts, options, record, config),
    )


def _line(kind: Kind, name: str, options: str, silent: Sequence[str], *, with_nts: bool) -> str:
    """A source as it is written; ``silent`` are addresses of a server that give no answer."""
    nts = "nts" if with_nts else ""
    if not silent:
        return _joined(kind, name, options, nts)
    # chronyd tries twice as many addresses of a pool as it uses: at least one of them is not
    # silent.
    return _joined("pool", name, options, f"maxsources {len(silent) // 2 + 1}", nts)


# These are of one name.


def _why_not(kind: Kind, name: str, record: Record) -> str:
    """Why a server or pool without NTS is left out; empty if it is good."""
    reference = next((r for server, r in record.skew.ntp.items() if host_key(server) == host_key(name)), None)
    if reference is None:
        return "it was not asked"
    if reference.skew_s is None:
        return f"it gave no usable answer: {reference.detail}"
    if reference.name in record.skew.falsetickers:
        return "the majority contradicts it"
    addresses = _addresses(name, record)
    against = listed(addresses.contradict)
    if kind == "server" and against:
        return f"the majority contradicts its address {against}, and chronyd may use any address of a server"
    if len(addresses.contradict) >= len(addresses.agree):
        return f"the majority contradicts as many of its addresses as agree: {against}"
    return ""


def _why_not_nts(name: str, record: Record, config: _Config) -> str:
    """Why a server or pool with NTS is left out; empty if it is good."""
    if config.impossible_nts:
        return config.impossible_nts
    entry = _tried_with_nts(name, record)
    if entry is None:
        error = (record.evidence.get("nts") or {}).get("error")
        return f"NTS was not tried: {error or 'the evidence was taken without this name in nts_servers'}"
    state = nts_state_with(record, entry)
    if state not in (NtsState.ESTABLISHED, NtsState.CLOCK):
        phase = entry["error"]["phase"] if entry["error"] else "tls"
        return f"NTS cannot be set up: {state.words} ({phase}: {detail_of(entry)})"
    tried = tried_with_nts(record, entry)
    if tried is not None and not nts_client.works(tried):
        return f"chronyd itself gets no time from it with NTS ({nts_client.said(tried)})"
    return _why_not("server", name, record) if host_key(name) in map(host_key, record.skew.ntp) else ""


def _to_try(why_not: Mapping[str, str], options: str, record: Record, config: _Config) -> dict[str, list[str]]:
    """The tries of chronyd that are still to be made, of the servers that are wanted with NTS, each
    as it would be written.

    One that had no answer shows nothing, so it is made again.
    """
    tries = {}
    for name, why in why_not.items():
        entry = _tried_with_nts(name, record)
        if config.impossible_nts or entry is None or "rc" in (tried_with_nts(record, entry) or {}):
            continue
        if not why or nts_state_with(record, entry) in UNANSWERED:
            needed = _directives([name], record, config)
            source = _line("server", name, options, _addresses(name, record).silent, with_nts=True)
            tries[nts_client.try_name(entry)] = nts_client.try_lines(source, needed)
    return tries


def _tried_with_nts(name: str, record: Record) -> Mapping[str, Any] | None:
    """The entry of the section ``nts`` that was tried as it would be written."""
    entries = (record.evidence.get("nts") or {}).get("servers") or []
    as_written = (host_key(name), NTS_PORT, "0")
    return next((e for e in entries if (host_key(e["server"]), e["port"], e.get("certset", "0")) == as_written), None)


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
    """One address: agree, contradict, silent or no route; from its sample with the least delay."""
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
    """The present chrony: configuration, version (None:
    no chrony, or not known), why it cannot use NTS.
    """

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
    """What servers with NTS need beside their lines:
    the certificates, and perhaps no check of their times.
    """
    # Without these lines, chronyd would trust other certificates than the probe did.
    kept = [d.text for d in config.read.directives if d.name == "nosystemcert"]
    kept += [
        d.text
        for d in config.read.directives
        if d.name == "ntstrustedcerts" and (len(d.arguments) == 1 or d.arguments[0] == "0")
    ]
    entries = [_tried_with_nts(name, record) for name in with_nts]
    by_clock = any(nts_state_with(record, entry) is NtsState.CLOCK for entry in entries if entry)
    rtc = (record.evidence.get("clock") or {}).get("rtc") or {}
    comments = []
    if by_clock:
        comments.append("# At the time of this node's clock, the servers' certificates were not valid.")
    if rtc.get("present") is False:
        comments.append("# This node has no RTC and starts in the past, before the servers' certificates are valid.")
    if comments:
        comments.append("# So chronyd does not check their times before it has set the clock once (chrony.conf(5)).")
        kept = [*kept, *comments, NO_CERTIFICATE_TIME_CHECK]
    return tuple(dict.fromkeys(kept))


# All of them.


def _count(lines: Iterable[str], good: Mapping[str, Kind], record: Record) -> int:
    """How many sources chronyd then has; a pool counts its addresses that agree,
    up to `maxsources`.
    """
    text = "".join(f"{line}\n" for line in lines)
    read = read_config({"config": {"path": "chosen", "files": [{"path": "chosen", "text": text}]}})
    return sum(
        1 if good[source.name] == "server" else min(source.most, len(_addresses(source.name, record).agree))
        for source in read.sources
    )


def _too_few(count: int, min_sources: int, missing: Mapping[str, str]) -> list[str]:
    if count >= min_sources:
        return []
    of_these = {
        1: "; a single source is believed even if it is wrong",
        2: "; if two sources differ, neither outvotes the other",
    }
    said = f": {_reasons(missing)}" if missing else ""
    return [f"good sources: {count}, wanted: {min_sources}{of_these.get(count, '')}{said}"]


def _unknown(record: Record, judgement: Mapping[str, Any]) -> str:
    """The skew is unknown, so it is not known which servers are right."""
    if said := _finding(judgement, "ntp_servers"):
        return said
    said = _finding(judgement, "clock_skew") or f"{record.skew.unknown_because}."
    return f"It is not known which of the servers is right: {said}"


def _nobody(judgement: Mapping[str, Any], left_out: Mapping[str, str]) -> str:
    if said := _finding(judgement, "ntp_servers"):
        return said
    return f"No server is good ({_reasons(left_out)}). Fix them, or name others in chrony_servers."


def _finding(judgement: Mapping[str, Any], check: str) -> str:
    """A finding that does not pass, in its words."""
    found = next((f for f in judgement["findings"] if f["check"] == check and f["state"] != "pass"), None)
    return f"{found['summary']}. {found['remedy']}" if found else ""


def _reasons(whys: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in whys.items())


def _joined(*words: str) -> str:
    return " ".join(" ".join(words).split())
