"""The faults and weaknesses of chrony's configuration: one rule each, with its
reason, remedy and source.

A rule's ``find`` is a pure function from the configuration to the places where the rule matches.
``error`` means that a line is certainly wrong, and refuses a node. ``unknown`` means that it
could not be checked, and refuses a node too. If a line may be intended, or only weakens the
clock, it is a ``warning``. An ID never changes its meaning: CHR0xx is about reading the files,
CHR1xx the sources, CHR2xx the clock's discipline, CHR3xx access, CHR4xx NTS and what was not
built in, CHR5xx the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from ..boundary.once import once
from . import built_in, faults, next_start
from .config import ChronyConfig

Severity = Literal["error", "unknown", "warning"]

ENOUGH_SOURCES = 3
DEFAULT_MAX_DISTANCE_S = 3.0
DEFAULT_MAX_UPDATE_SKEW_PPM = 1000.0


@dataclass(frozen=True)
class Rule:
    """One possible fault.

    ``id`` and ``name`` are stable; ``source`` says where the rule comes from.
    """

    id: str
    name: str
    severity: Severity
    why: str
    remedy: str
    source: str
    find: Callable[[ChronyConfig], Iterable[faults.Place]]


_ADD_SOURCES = f"Configure at least {ENOUGH_SOURCES} servers that are independent of each other, or a pool."
_DOC = "chrony.conf(5)"
_NOT_AT_NEXT_START = (
    "chronyd would not start with this line, although `chronyd -p` accepts it: after a reboot it does not run."
)

_RULES = (
    Rule(
        "CHR001",
        "refused-by-chronyd",
        "error",
        "chronyd does not start with this file. The chronyd that runs now read other lines when it started, and cannot restart.",
        "Fix the line, and check that `chronyd -p -f FILE` ends with 0.",
        "chronyd(8), -p; conf.c, CNF_ParseLine",
        faults.refused,
    ),
    Rule(
        "CHR002",
        "unread-file",
        "unknown",
        "This file could not be read, so it was not checked. It may hold anything.",
        "Check the node as root (`become`), and make sure that the file can be read.",
        "skewgate's own",
        faults.unread,
    ),
    Rule(
        "CHR003",
        "include-without-match",
        "warning",
        "If a glob matches no file, chronyd logs nothing and goes on: the lines that should be included, servers too, have no "
        "effect. (If a plain path does not exist, chronyd does not start: CHR001.)",
        "Put the file where the line looks for it, or remove the line.",
        "conf.c, parse_include",
        faults.unmatched,
    ),
    Rule(
        "CHR004",
        "dropped-source",
        "error",
        "chronyd drops the line and logs nothing: the server seems to be configured and is never asked.",
        "Fix the line and end it with a newline, then run `chronyc reload sources`.",
        "conf.c, load_source_file",
        faults.dropped,
    ),
    Rule(
        "CHR005",
        "newer-than-the-tables",
        "warning",
        "chronyd accepts the line, or runs its source, although according to skewgate's tables it cannot use the line: this "
        "chronyd is newer than they are, or was built with more features. The source counts, but the effect of the unknown "
        "words was not judged.",
        "Read the effect of these words in chrony.conf(5) of the node's version.",
        "chronyd(8), -p; chronyc(1), sources -a; tables of chrony 4.9",
        faults.unjudged,
    ),
    Rule(
        "CHR006",
        "line-not-known",
        "unknown",
        "According to skewgate's tables chronyd cannot use the line. They may not fit this chronyd, which could not be asked.",
        "Fix the line; or restart chronyd, so it reads the file as it is now, then run the check again. But chronyd ends at its "
        "start if it refuses a line that is not in a .sources file.",
        "chronyd(8), -p; chronyc(1), sources -a; tables of chrony 4.9",
        faults.uncertain,
    ),
    Rule(
        "CHR007",
        "unseen-character",
        "error",
        "An editor does not show the character, and chronyd takes it for a letter: it does not know the word, and "
        "the line is lost.",
        "Write the file as plain text, UTF-8 without a byte order mark: `sed -i '1s/^\\xEF\\xBB\\xBF//' FILE` removes a byte "
        "order mark, `sed -i 's/\\xC2\\xA0/ /g' FILE` non-breaking spaces, `iconv -f UTF-16 -t UTF-8` converts UTF-16.",
        "cmdparse.c, CPS_NormalizeLine; isspace(3)",
        faults.unseen_lost,
    ),
    Rule(
        "CHR008",
        "unseen-character-without-effect",
        "warning",
        "chronyd takes the character for a letter. It does no harm in its place now: before a comment, or in a free word. "
        "If another line stood there, that line would be lost.",
        "Remove it: `sed -i '1s/^\\xEF\\xBB\\xBF//' FILE` removes a byte order mark, `sed -i 's/\\xC2\\xA0/ /g' FILE` "
        "non-breaking spaces.",
        "cmdparse.c, CPS_NormalizeLine; isspace(3)",
        faults.unseen,
    ),
    Rule(
        "CHR010",
        "directives-on-the-command-line",
        "warning",
        "chronyd was started with directives and reads no file: chrony.conf has no effect.",
        "Move the directives into chrony.conf, and remove them from the unit's ExecStart= or the file of chronyd's options.",
        "chronyd(8), DIRECTIVE; main.c",
        faults.on_command_line,
    ),
    Rule(
        "CHR101",
        "no-source",
        "error",
        "chronyd runs, is enabled, and has nothing to follow: the clock drifts.",
        _ADD_SOURCES,
        f"{_DOC}, server, pool, peer, refclock",
        faults.no_source,
    ),
    Rule(
        "CHR102",
        "no-selectable-source",
        "error",
        "All sources are only watched (noselect, or authselectmode without an authenticated source), or never used (port 0, "
        "maxdelay 0): no source ever sets the clock.",
        "Remove `noselect` from the servers that are to set the clock, or authenticate them as authselectmode requires.",
        f"{_DOC}, noselect, authselectmode, port, maxdelay",
        faults.none_selectable,
    ),
    Rule(
        "CHR103",
        "only-offline-sources",
        "warning",
        "No source is asked until something runs `chronyc online` or `onoffline`: until then chronyd is idle.",
        "Remove `offline` on a machine that is always connected.",
        f"{_DOC}, offline; chronyc(1), onoffline",
        faults.only_offline,
    ),
    Rule(
        "CHR104",
        "one-source",
        "warning",
        "A single source cannot be compared with another: if it is wrong, the clock is wrong.",
        _ADD_SOURCES,
        "RFC 8633, section 3.2; chrony's FAQ, on how many servers are needed",
        faults.counts(1),
    ),
    Rule(
        "CHR105",
        "two-sources",
        "warning",
        "If two sources disagree, neither can be outvoted: chronyd then follows none.",
        _ADD_SOURCES,
        "RFC 8633, section 3.2; chrony's FAQ, on how many servers are needed",
        faults.counts(2),
    ),
    Rule(
        "CHR106",
        "same-source-twice",
        "warning",
        "The lines name one service, which cannot outvote itself. chronyd does not even add an address a second time.",
        "Name another server instead; `pool` takes several addresses of one name.",
        "ntp_sources.c, NSR_AddSource",
        faults.same_source_twice,
    ),
    Rule(
        "CHR107",
        "one-service-by-two-names",
        "warning",
        "The names stand for one service, which cannot outvote itself.",
        "Keep one of the names, and add servers of another operator.",
        "Amazon EC2 User Guide, Amazon Time Sync Service; developers.google.com/time/guides",
        faults.one_service,
    ),
    Rule(
        "CHR108",
        "minsources-out-of-reach",
        "error",
        "There are always fewer sources than minsources, so the clock is never set.",
        "Lower minsources, or add servers.",
        f"{_DOC}, minsources",
        faults.minsources,
    ),
    Rule(
        "CHR109",
        "smeared-and-unsmeared",
        "warning",
        "Around a leap second, servers that smear it and servers that do not are up to one second apart.",
        "Use only servers that smear, or none.",
        "developers.google.com/time/smear; RFC 8633, section 3.7.1",
        faults.mixed_smear,
    ),
    Rule(
        "CHR110",
        "leap-seconds-with-smearing-servers",
        "warning",
        "chronyd inserts the leap second itself while its servers smear it: the clock is then up to one second off.",
        "Remove leapsectz and leapseclist if the servers smear leap seconds.",
        f"{_DOC}, leapsectz; Debian's chrony.conf",
        faults.leap_seconds_with_smear,
    ),
    Rule(
        "CHR111",
        "minsources-needs-offline-sources",
        "warning",
        "Without the sources that are `offline` there are fewer than minsources: until something runs `chronyc online` or "
        "`onoffline` for them, the clock is never set.",
        "Lower minsources, or remove `offline` on a machine that is always connected.",
        f"{_DOC}, minsources, offline",
        faults.minsources_offline,
    ),
    Rule(
        "CHR112",
        "required-source-never-selected",
        "error",
        "chronyd follows no source before one with `require`, and may select none of these (noselect, or authselectmode).",
        "Remove `require`, or `noselect`; under `authselectmode prefer` only authenticated sources can be required.",
        "sources.c, SRC_SelectSource; tried with chrony 4.0, 4.3, 4.6 and 4.9",
        faults.required_unselectable,
    ),
    Rule(
        "CHR113",
        "limit-that-no-source-is-within",
        "error",
        "No source has a distance or a jitter of 0, so none is ever selected.",
        "Remove the line.",
        f"{_DOC}, maxdistance, maxjitter; tried with chrony 4.0, 4.3, 4.6 and 4.9",
        faults.nothing_within,
    ),
    Rule(
        "CHR201",
        "no-makestep",
        "warning",
        "If the clock is far off, chronyd only slews it: an hour takes twelve hours.",
        "Add `makestep 1 3`.",
        f"{_DOC}, makestep",
        faults.no_makestep,
    ),
    Rule(
        "CHR202",
        "no-rtcsync",
        "warning",
        "The RTC is not kept right, so its error comes back at the next boot; and the kernel calls the clock unsynchronised.",
        "Add `rtcsync`.",
        f"{_DOC}, rtcsync",
        faults.no_rtcsync,
    ),
    Rule(
        "CHR203",
        "rtcfile-with-rtcsync",
        "error",
        "chronyd does not start with both, and `chronyd -p` does not say so.",
        "Remove rtcfile.",
        "rtc.c, RTC_Initialise",
        faults.rtcfile_and_rtcsync,
    ),
    Rule(
        "CHR204",
        "no-driftfile",
        "warning",
        "At each start chronyd must measure again how fast the clock runs, and is less exact until then.",
        "Add `driftfile /var/lib/chrony/drift`.",
        f"{_DOC}, driftfile",
        faults.lacks("driftfile"),
    ),
    Rule(
        "CHR205",
        "maxchange",
        "warning",
        "chronyd ignores an offset beyond maxchange, or ends: the clock then stays wrong.",
        "Remove maxchange, unless a wrong clock is better for this node than a stepped one.",
        f"{_DOC}, maxchange",
        faults.has("maxchange"),
    ),
    Rule(
        "CHR206",
        "maxdistance-raised",
        "warning",
        f"chronyd follows servers that may be more than {DEFAULT_MAX_DISTANCE_S:g} s off according to their own figures.",
        "Remove maxdistance.",
        f"{_DOC}, maxdistance",
        faults.above("maxdistance", DEFAULT_MAX_DISTANCE_S),
    ),
    Rule(
        "CHR207",
        "maxupdateskew-raised",
        "warning",
        "chronyd uses estimates of the clock's rate that it marks as unreliable.",
        "Remove maxupdateskew, or set it to 100.",
        f"{_DOC}, maxupdateskew",
        faults.above("maxupdateskew", DEFAULT_MAX_UPDATE_SKEW_PPM),
    ),
    Rule(
        "CHR208",
        "local",
        "warning",
        "If every source is lost, chronyd calls itself synchronised, to its own clock: nobody notices the loss.",
        "Remove `local` on nodes; it belongs on a server of a network that has no other source.",
        f"{_DOC}, local",
        faults.has("local"),
    ),
    Rule(
        "CHR209",
        "initstepslew",
        "warning",
        "initstepslew is deprecated, and delays the start if its servers do not answer.",
        "Use `makestep 1 3` and servers with iburst.",
        f"{_DOC}, initstepslew",
        faults.has("initstepslew"),
    ),
    Rule(
        "CHR210",
        "manual",
        "warning",
        "The clock can be set by hand, with `chronyc settime`.",
        "Remove `manual`.",
        f"{_DOC}, manual",
        faults.has("manual"),
    ),
    Rule(
        "CHR301",
        "cmdport-0",
        "warning",
        "chrony-wait cannot ask, so services that wait for it start too early or fail; only root can use chronyc.",
        "Remove `cmdport 0`: by default the port is open only to this machine.",
        f"{_DOC}, cmdport; chrony's chrony-wait.service",
        faults.no_command_port,
    ),
    Rule(
        "CHR302",
        "allow",
        "warning",
        "The node is an NTP server for others. A node of a cluster need not be one.",
        "Remove `allow`, or add `port 0`.",
        f"{_DOC}, allow",
        faults.serves,
    ),
    Rule(
        "CHR303",
        "cmdallow",
        "warning",
        "Other hosts may query this chronyd, if bindcmdaddress lets them reach it.",
        "Remove `cmdallow`.",
        f"{_DOC}, cmdallow",
        faults.opens("cmdallow"),
    ),
    Rule(
        "CHR304",
        "keyfile-readable",
        "warning",
        "Every user of the node can read the keys that authenticate its time.",
        "Set the key file's mode to 0640, its owner to root, and its group to chronyd's.",
        f"{_DOC}, keyfile",
        faults.keys_readable,
    ),
    Rule(
        "CHR401",
        "nts-and-plain",
        "warning",
        "By default (authselectmode mix), servers with NTS or a key become required if there are plain ones too. If TCP 4460 is "
        "blocked, or a key is not the server's, the clock is never set, although plain servers answer. This check never reads "
        "the key file.",
        "Authenticate all servers or none; or write what you want: `authselectmode prefer` never uses the plain ones, `ignore` "
        "uses all alike, and then authentication does not protect the node.",
        f"{_DOC}, authselectmode; sources.c, update_sel_options",
        faults.authenticated_and_plain,
    ),
    Rule(
        "CHR402",
        "nts-under-fips",
        "warning",
        "NTS needs a cipher that FIPS mode forbids: chronyd can abort.",
        "Use servers without NTS, or set GNUTLS_FORCE_FIPS_MODE=0 for chronyd in /etc/sysconfig/chronyd.",
        "Red Hat Enterprise Linux 9, Configuring basic system settings, Network Time Security (NTS) in chrony",
        faults.nts_under_fips,
    ),
    Rule(
        "CHR403",
        "nts-not-built-in",
        "error",
        "This chronyd was built without NTS: the server is never asked, and because of authselectmode no plain server is "
        "followed without it.",
        "Install a chrony with NTS (`chronyd -v` lists +NTS), or remove `nts` from all servers.",
        "stubs.c, NNC_GenerateRequestAuth; sources.c, update_sel_options; tried with chrony 4.9",
        built_in.starving_nts,
    ),
    Rule(
        "CHR404",
        "keys-not-built-in",
        "warning",
        "This chronyd was built without SECHASH: it loads only the MD5 keys of keyfile, and never uses a server with another "
        "key.",
        "Install a chrony with SECHASH (`chronyd -v` lists +SECHASH), or use MD5 keys.",
        "keys.c, KEY_Reload; tried with chrony 4.9",
        built_in.keys,
    ),
    Rule(
        "CHR405",
        "commands-not-built-in",
        "unknown",
        "This chronyd was built without CMDMON: chronyc cannot query it, so nobody sees whether it follows a source.",
        "Install a chrony with CMDMON (`chronyd -v` lists +CMDMON).",
        "stubs.c, CAM_Initialise; tried with chrony 4.9",
        built_in.cannot_be_asked,
    ),
    Rule(
        "CHR406",
        "source-that-never-works",
        "warning",
        "This chronyd cannot use the source: a feature (NTS, REFCLOCK or IPV6) was not built in; or the address has a zone, or "
        "the name a character beyond ASCII, for example a word processor's quotation mark or dash, which no chronyd accepts.",
        "Look at `chronyd -v`. Remove the line, or install a chrony with the feature. For a link-local server use "
        "another address; "
        "write a name in ASCII (xn--...).",
        "stubs.c; ntp_sources.c; tried with chrony 4.0, 4.3, 4.6 and 4.9",
        built_in.dead_beside_others,
    ),
    Rule(
        "CHR407",
        "no-source-that-works",
        "error",
        "This chronyd can use none of its sources: a feature (NTS, REFCLOCK or IPV6) was not built in; or the address has a "
        "zone, or the name a character beyond ASCII, which no chronyd accepts.",
        "Look at `chronyd -v`. Name servers that it can use, with names in ASCII (xn--...), or install a chrony "
        "with the feature.",
        "stubs.c; ntp_sources.c; tried with chrony 4.0, 4.3, 4.6 and 4.9",
        built_in.only_dead,
    ),
    Rule(
        "CHR408",
        "rtcfile-not-built-in",
        "warning",
        "This chronyd was built without RTC: the RTC is not kept right, so its error comes back at the next boot.",
        "Use `rtcsync` instead of rtcfile.",
        "rtc.c, RTC_Initialise; tried with chrony 4.9",
        built_in.rtcfile,
    ),
    Rule(
        "CHR409",
        "start-needs-what-is-not-built-in",
        "error",
        "This chronyd does not start with this line: it was built without SCFILTER, which -F needs, or without "
        "PRIVDROP, which a user other "
        "than root needs.",
        "Remove -F or the user, or install a chrony with both features: `chronyd -v` lists +SCFILTER and +PRIVDROP.",
        "sys.c, SYS_EnableSystemCallFilter, SYS_DropRoot; tried with chrony 4.9",
        built_in.fatal,
    ),
    Rule(
        "CHR501",
        "absent-user",
        "error",
        _NOT_AT_NEXT_START,
        "Name a user that exists, or remove the line: the default is the package's user.",
        "main.c (getpwnam)",
        next_start.finds(next_start.Reason.USER),
    ),
    Rule(
        "CHR502",
        "absent-path",
        "error",
        _NOT_AT_NEXT_START,
        "Make the folder, in a place that a reboot keeps, or name a path that exists.",
        "main.c, write_pidfile; logging.c, LOG_OpenFileLog; tempcomp.c, read_points",
        next_start.finds(next_start.Reason.PATH),
    ),
    Rule(
        "CHR503",
        "interface-cannot",
        "error",
        _NOT_AT_NEXT_START,
        "Name an interface that exists and supports it (`ethtool -T`); `hwtimestamp *` uses all that do.",
        "ntp_io_linux.c, NIO_Linux_Initialise; ntp_io.c, NIO_Initialise",
        next_start.finds(next_start.Reason.INTERFACE),
    ),
    Rule(
        "CHR504",
        "refclock-cannot",
        "error",
        _NOT_AT_NEXT_START,
        "Name a device that exists, or remove the reference clock; since chrony 4.9 the option `optional` lets it be absent.",
        "refclock.c, RCL_AddRefclock",
        next_start.finds(next_start.Reason.REFCLOCK),
    ),
    Rule(
        "CHR505",
        "lines-that-exclude-each-other",
        "error",
        _NOT_AT_NEXT_START,
        "Remove one of the lines, or add the missing half of the pair.",
        "clientlog.c, CLG_Initialise; conf.c, CNF_GetNtsServerCertAndKeyFiles; sys_linux.c, check_seccomp_applicability",
        next_start.finds(next_start.Reason.TOGETHER),
    ),
    Rule(
        "CHR506",
        "value-out-of-range",
        "error",
        _NOT_AT_NEXT_START,
        "Write a value within the range.",
        "sys_posix.c, SYS_Posix_SetScheduler; conf.c, CNF_SetupAccessRestrictions; main.c, parse_int_arg",
        next_start.finds(next_start.Reason.VALUE),
    ),
    Rule(
        "CHR507",
        "next-start-not-known",
        "unknown",
        "`chronyd -p` does not check that the things that the line names exist. If they do not, chronyd ends at its next start.",
        "Check the node as root (`become`). Or check by hand that they exist, or remove the line.",
        "chronyd(8), -p",
        next_start.finds(next_start.Reason.UNKNOWN),
    ),
    Rule(
        "CHR508",
        "option-that-ends-chronyd",
        "error",
        "chronyd's options are in a file of the distribution or in its unit. With this option chronyd does not keep running.",
        "Remove the option, or correct it: `chronyd -h` lists the options.",
        "main.c; chronyd(8)",
        next_start.finds(next_start.Reason.OPTION),
    ),
    Rule(
        "CHR509",
        "absent-file",
        "warning",
        "chronyd starts without the file, but its feature does not work: keys, certificates, NTS or leap seconds.",
        "Put the file where the line looks for it, or remove the line.",
        "keys.c, KEY_Reload; nts_ke_session.c; leapdb.c",
        next_start.left_out,
    ),
)

RULES = {rule.id: rule for rule in _RULES}
"""All rules by ID."""

ENDS_NEXT_START = ("CHR001", "CHR203", "CHR409", *(f"CHR50{number}" for number in range(1, 7)), "CHR508")
"""The rules about lines with which chronyd certainly would not start again."""
MAY_NOT_START = "CHR507"
"""The rule about lines with which it is not known whether chronyd would start."""


def ends_next_start(config: ChronyConfig, but: Collection[str] = ()) -> list[faults.Place]:
    """Every line with which chronyd certainly would not start again,
    without those of some rules.
    """
    found = (place for rule, places in _ending(config).items() if rule not in but for place in places)
    return list(dict.fromkeys(found))


@once
def _ending(config: ChronyConfig) -> dict[str, tuple[faults.Place, ...]]:
    return {rule: tuple(RULES[rule].find(config)) for rule in ENDS_NEXT_START}
