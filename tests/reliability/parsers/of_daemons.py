"""The texts of time daemons, as the controller reads them: configurations, and what their tools
print.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony import chronyc, sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.options import parse_version, read_options
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.ntp_packet import (
    NtpError,
    decode_sample,
    header_of,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import (
    clockbound,
    discover,
    ntpd_rs,
    openntpd,
    timesyncd,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common import linuxptp, ntp_toml, ntpq, pmc
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import TimeDaemon
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.first_correction import (
    first_correction,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import NONCE, TRUE_NS, answer, evidence, ntp_reply, source, tracking
from tests.reliability.parsers.target import PART, Target, joined, of_text, parts, samples, words
from tests.shared_memory import segment
from tests.unit.plugin_utils.daemons import recorded

PATH = "/etc/chrony/chrony.conf"
CONF = joined(
    "server ntp1.example iburst nts maxpoll 6 minpoll 4\npool ntp.example maxsources 4\ninclude /etc/chrony/conf.d/*.conf\n"
    "sourcedir /etc/chrony/sources.d\nmakestep 1.0 3\nrtcsync\nkeyfile /etc/chrony/chrony.keys\nauthselectmode prefer\n"
    "refclock PHC /dev/ptp0 poll 2 refid PTP\nhwtimestamp *\nminsources 2\nlogdir /var/log/chrony\n! a comment\n",
    "server ntp2.example key 1 prefer\nserver 10.1 offline\ninitstepslew 10 ntp3.example\nlocal stratum 10 orphan\n",
    "server ntp4.example extfield F323 xleave\npool FD00::1\n",
)
DIRECTIVES = words(
    r"""
    server pool peer include confdir sourcedir makestep rtcsync rtcfile keyfile refclock minsources authselectmode
    local leapsecmode leapsectz leapseclist maxdistance maxchange initstepslew hwtimestamp ntstrustedcerts
    ntsservercert cmdport port allow deny bindcmdaddress user pidfile tempcomp iburst nts key certset maxpoll
    minpoll offline noselect prefer version extfield maxsources maxdelay PHC SOCK
    """
)
FILES = (PATH, "/etc/chrony/conf.d/1.conf", "/etc/chrony/sources.d/1.sources")


def section_of(text: str, **more: Any) -> dict[str, Any]:
    """The evidence's section of a chrony with these files."""
    texts = parts(text, len(FILES))
    files = [{"path": path, "text": each, "mtime_s": 1.0} for path, each in zip(FILES, texts, strict=True)]
    config = {"path": PATH, "files": files, "unread": [{"path": "/x", "error": "x", "kind": "denied"}]}
    return {"config": config, "version": "4.6.1", "features": ["+NTS", "-SECHASH"], "fips": True, **more}


def _judged(section: dict[str, Any]) -> list[Any]:
    """What the configuration says, and each place of each rule."""
    config = read_config(section)
    sources.source_count(config)
    sources.online(config)
    return [place for rule in RULES.values() for place in rule.find(config)]


def chrony_conf(text: str) -> object:
    """A configuration of which chronyd said nothing, of two versions."""
    return _judged(section_of(text)), _judged(section_of(text, version=None, started_s=0.5))


def _refused(text: str) -> object:
    """A configuration, and what `chronyd -p` and chronyc say of it."""
    *conf, said = text.rpartition(PART)
    printed = {"rc": 1 if "Fatal" in said else 0, "stdout": "", "stderr": said}
    rows = dict.fromkeys(("sources_all", "sources"), answer(said))
    return _judged(section_of(conf[0], printed=printed, commands=rows, started_s=0.5))


def _chrony_said(*texts: str) -> dict[str, Any]:
    names = ("tracking", "sources", "sources_named", "activity")
    said = {name: answer(text) for name, text in zip(names, texts, strict=True)}
    return {"chrony": {**evidence()["chrony"], "commands": {**evidence()["chrony"]["commands"], **said}}}


def _options(text: str) -> object:
    version, _, rest = text.partition("\n")
    return parse_version(version), read_options(rest.split(), parse_version(version))


def _config_of(section: str) -> Any:
    def read(text: str) -> object:
        """What a daemon does at its start, by its arguments and its files."""
        argv, conf = parts(text, 2)
        name, unit = {"ptp": ("ptp4l", "ptp4l.service")}.get(section, (section, f"{section}.service"))
        processes = [{"pid": 1, "comm": name, "argv": argv.split("\n"), "exe": f"/usr/sbin/{name}"}]
        config = {"path": "/x.conf", "files": [{"path": "/x.conf", "text": conf}], "unread": []}
        services = {"manager": "systemd", "units": [], "processes": processes}
        record = Record({"evidence": {**evidence(), section: {"config": config}, "time_services": services}})
        found = next(kind for kind in discover().values() if kind.section == section and name in kind.processes)
        daemon = TimeDaemon(daemon=found.name, unit=unit, active=True, enabled=True, state="active")
        if found.leaves_clock_alone:
            found.leaves_clock_alone(processes[0], record)
        return first_correction(daemon, record)

    return of_text(read)


def _asked(name: str, given: Any, count: int) -> Any:
    def read(text: str) -> object:
        """What a daemon says of itself, by all that its tool printed."""
        record = Record({"evidence": {**evidence(), **given(*parts(text, count))}})
        kind = discover()[name]
        assert kind.ask is not None
        return kind.ask(record, TimeDaemon(daemon=name, unit="x.service", active=True, enabled=True, state="active"))

    return of_text(read)


def packet(reply: bytes) -> object:
    """A reply that echoes the request, as far as it is long enough."""
    sample = {
        "address": "10.77.0.1",
        "t1_wall_ns": TRUE_NS,
        "t1_mono_ns": 10**9,
        "t4_mono_ns": 10**9 + 2_000_000,
        "sent_hex": (bytes(40) + reply[24:32].ljust(8, b"\0")).hex(),
        "reply_hex": reply.hex(),
    }
    header_of(sample)
    return decode_sample(sample)


REPLIES = (
    ntp_reply(TRUE_NS, TRUE_NS + 100_000),
    ntp_reply(TRUE_NS, TRUE_NS, stratum=0, refid=b"RATE", leap=3),
    ntp_reply(TRUE_NS, TRUE_NS, stratum=16, version=3, root_delay_s=3.0, precision=127),
    ntp_reply(TRUE_NS, TRUE_NS, mode=3, origin=bytes(8)) + NONCE * 4,
)
_UNREADABLE = (ValueError, MissingEvidenceError)
_NTPQ = words(
    r"""
    leap= stratum= refid= rootdelay= rootdisp= offset= tc= reftime= clock= ==== LOCL .DNS. .POOL. u p 127.127.1.0
    "
    """
)
_TIMESYNC = words(
    r"""
    ServerName= ServerAddress= SystemNTPServers= FallbackNTPServers= PollIntervalUSec= NTPMessage={ Leap= Stratum=
    Ignored=no ReceiveTimestamp= RootDispersion= Jitter= } 1min 32s us month infinity UTC
    """
)
_SOURCE_ROWS = source() + source("ntp1.example,b", "?", 0) + source("PTP", "-")

TARGETS = (
    Target("chrony.conf", of_text(chrony_conf), (CONF, *samples("distributions/*/etc/**/*.conf")), DIRECTIVES),
    Target(
        "chronyd -p",
        of_text(_refused),
        (
            CONF
            + PART.encode()
            + b"2026-11-22T08:40:00Z Fatal error : Could not parse server directive at line 1 in file "
            + PATH.encode(),
            CONF + PART.encode() + _SOURCE_ROWS.encode(),
        ),
        (*DIRECTIVES, "Fatal error : ", f" in file {PATH}", "Could not parse", "at line {} "),
    ),
    Target(
        "source options", of_text(_options), (b"4.6\niburst maxpoll 6 key 1 extfield F323", b"3.5\nnts"), DIRECTIVES
    ),
    Target("chronyc tracking", of_text(chronyc.parse_tracking), (tracking().encode(),), declared=(ValueError,)),
    Target("chronyc sources", of_text(chronyc.parse_sources), (_SOURCE_ROWS.encode(),), declared=(ValueError,)),
    Target(
        "chronyc authdata",
        of_text(chronyc.parse_authdata),
        (b"ntp.example,NTS,1,15,256,42,0,0,8,100\n",),
        declared=(ValueError,),
    ),
    Target(
        "chronyc selectdata",
        of_text(chronyc.parse_selectdata),
        (b"W,10.77.0.1,N,-,-,-,-,-,-,-,T,R,-,1,1.0,-0.000001,0.000002,Normal\n",),
        declared=(ValueError,),
    ),
    Target("chronyc activity", of_text(chronyc.parse_activity), (b"4,0,0,0,1\n",), declared=(ValueError,)),
    Target(
        "chronyc, judged",
        _asked("chrony", _chrony_said, 4),
        (joined(tracking(), source(), source("a"), "4,0,0,0,1\n"),),
        declared=_UNREADABLE,
    ),
    Target("ntpq -c rv", of_text(ntpq.parse_system_variables), samples("daemons/ntp*.rv.txt"), _NTPQ, (ValueError,)),
    Target("ntpq -pn", of_text(ntpq.parse_associations), samples("daemons/ntp*.peers.txt"), _NTPQ, (ValueError,)),
    Target(
        "ntpq, judged",
        _asked("ntpd", recorded.ntpd, 2),
        (joined(recorded.sample("ntp_lost.rv"), recorded.sample("ntp_lost.peers")),),
        _NTPQ,
        _UNREADABLE,
    ),
    Target(
        "ntp.conf",
        _config_of("ntpd"),
        (
            joined(
                "/usr/sbin/ntpd\n-gx\n-c\nx", "tinker panic 0 step 0.128\ntos maxdist 2\ndisable ntp # x\nserver a\n"
            ),
        ),
        ("tinker ", "step ", "panic ", "stepout ", "tos ", "maxdist ", "disable ", "ntp", "\n-g", "\n-x"),
        (MissingEvidenceError,),
    ),
    Target(
        "ntpctl -s all",
        of_text(openntpd.parse_status),
        samples("daemons/openntpd*.txt"),
        ("clock ", "synced", "stratum "),
        (ValueError,),
    ),
    Target(
        "ntpctl, judged",
        _asked("openntpd", recorded.openntpd, 1),
        samples("daemons/openntpd*.txt"),
        ("clock synced",),
        _UNREADABLE,
    ),
    Target(
        "ntpd.conf",
        _config_of("openntpd"),
        (joined("/usr/sbin/ntpd\n-s", "servers pool.ntp.org\nsensor *\n"),),
        ("-s", "constraint "),
        (MissingEvidenceError,),
    ),
    Target(
        "ntp-ctl status",
        of_text(ntpd_rs.parse_status),
        samples("daemons/ntpd-rs*.txt"),
        ("ntp_source_offset_seconds{", "ntp_system_stratum ", 'name="', "unanswered_polls"),
        (ValueError,),
    ),
    Target(
        "ntp-ctl, judged",
        _asked("ntpd-rs", lambda text, toml: recorded.ntpd_rs(text, toml=toml), 2),
        (
            joined(recorded.sample("ntpd-rs_synchronised.status"), recorded.NTP_TOML),
            joined(recorded.sample("ntpd-rs_falseticker.status"), ""),
        ),
        ("ntp_source_offset_seconds{", "[[source]]\n", "minimum-agreeing-sources = ", "range-delay-weight = "),
        _UNREADABLE,
    ),
    Target(
        "ntp.toml",
        of_text(ntp_toml.parse_ntp_toml),
        (recorded.NTP_TOML.encode(),),
        ("[synchronization]\n", "startup-step-panic-threshold = ", "{ forward = ", '"inf"', "[[source]]\n"),
        (ValueError,),
    ),
    Target(
        "timedatectl", of_text(timesyncd.parse_timesync), samples("daemons/timesyncd*.txt"), _TIMESYNC, (ValueError,)
    ),
    Target(
        "timedatectl, judged",
        _asked("systemd-timesyncd", recorded.timesyncd, 1),
        samples("daemons/timesyncd*.txt"),
        _TIMESYNC,
        _UNREADABLE,
    ),
    Target(
        "time span",
        of_text(timesyncd.parse_timespan),
        (b"1month 2w 3d 4h 5min 6.5s 7ms 8us", b"infinity", b"0"),
        ("1s ", "9d", "us", "y"),
        (ValueError,),
    ),
    Target(
        "timestamp",
        of_text(timesyncd.parse_timestamp),
        (b"Sun 2026-11-22 08:35:06 UTC",),
        ("UTC", "-", ":", "Mon "),
        (ValueError,),
    ),
    Target(
        "pmc",
        of_text(lambda text: pmc.parse_management(text, "TIME_STATUS_NP")),
        samples("daemons/ptp*.txt"),
        ("RESPONSE MANAGEMENT TIME_STATUS_NP", " seq 0 "),
        (ValueError,),
    ),
    Target(
        "pmc, judged",
        _asked("ptp4l", recorded.ptp, 2),
        (joined(recorded.sample("ptp_slave.time_status"), recorded.sample("ptp_slave.port_data_set")),),
        ("RESPONSE MANAGEMENT PORT_DATA_SET", "master_offset ", "gmPresent true", "portState SLAVE"),
        _UNREADABLE,
    ),
    Target(
        "ptp4l.conf",
        of_text(linuxptp.global_settings),
        (b"[global]\nfirst_step_threshold 0.1\n[eth0]\nfree_running 1\n",),
        ("[global]", "[", "]"),
    ),
    Target(
        "ptp4l's start",
        _config_of("ptp"),
        (
            joined(
                "/usr/sbin/ptp4l\n-f\n/x.conf\n--free_running=1", "[global]\nfirst_step_threshold 0.1\nslaveOnly 1\n"
            ),
        ),
        ("[global]", "--first_step_threshold", "=nan"),
        _UNREADABLE,
    ),
    Target("NTP packet", packet, REPLIES, declared=(NtpError,), most=1024),
    Target(
        "ClockBound's segment", clockbound.parse_segment, (segment(2), segment(3)), declared=(ValueError,), most=256
    ),
)
