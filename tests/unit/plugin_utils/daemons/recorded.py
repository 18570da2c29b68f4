"""Sections of the evidence from recorded answers, one daemon each, with the unit that runs it."""

from __future__ import annotations

from typing import Any

from tests import paths
from tests.builders import MONO_NS, NS, TRUE_NS, answer, time_services, unit
from tests.shared_memory import segment

SAMPLES = paths.SAMPLES / "daemons"


def sample(name: str) -> str:
    """A recorded answer, by its file in tests/samples/daemons without the ending."""
    return (SAMPLES / f"{name}.txt").read_text()


def kernel(age_s: float, offset_us: float = 0.0) -> dict[str, Any]:
    """A kernel whose maxerror a daemon set to 0 so long ago."""
    adjtimex = {"state": 0, "status": 1, "maxerror_us": min(500 * age_s, 16_000_000), "offset_us": offset_us}
    return {"adjtimex": adjtimex}


def ntpd(rv: str, peers: str, unit_name: str = "ntpsec.service") -> dict[str, Any]:
    """A node that NTPsec or ntp.org's ntpd steers: what ``ntpq -c rv`` and ``ntpq -pn`` printed."""
    return {
        "chrony": None,
        "time_services": time_services(unit(unit_name)),
        "ntpd": {"present": True, "commands": {"rv": answer(rv), "peers": answer(peers)}},
    }


def openntpd(text: str, age_s: float = 100.0) -> dict[str, Any]:
    """A node that OpenNTPD steers: what ``ntpctl -s all`` printed,
    so long after its last update of the kernel.
    """
    return {
        "chrony": None,
        "clock": kernel(age_s),
        "time_services": time_services(unit("openntpd.service")),
        "openntpd": {"present": True, "commands": {"all": answer(text)}},
    }


NTP_TOML = """\
[observability]
observation-path = "/var/run/ntpd-rs/observe"
[[source]]
mode = "server"
address = "10.77.0.1"
[[source]]
mode = "server"
address = "10.77.0.2"
[[source]]
mode = "server"
address = "10.77.0.3:123"
[synchronization]
single-step-panic-threshold = 1800
startup-step-panic-threshold = { forward="inf", backward = 86400 }
[synchronization.algorithm]
range-delay-weight = 50.0
"""


def ntpd_rs(text: str, age_s: float = 4.0, toml: str = NTP_TOML, root_delay_us: float = 20_020.0) -> dict[str, Any]:
    """A node that ntpd-rs steers: what ``ntp-ctl status -f prometheus`` printed,
    so long after its last update of the kernel, which set maxerror to its root delay.
    """
    path = "/etc/ntpd-rs/ntp.toml"
    in_kernel = kernel(age_s)
    in_kernel["adjtimex"]["maxerror_us"] = min(500 * age_s + root_delay_us, 16_000_000)
    return {
        "chrony": None,
        "clock": in_kernel,
        "time_services": time_services(unit("ntpd-rs.service")),
        "ntpd_rs": {
            "present": True,
            "config": {"path": path, "files": [{"path": path, "text": toml, "mtime_s": 0.0}], "unread": []},
            "commands": {"status": answer(text)},
        },
    }


def of_servers(*names: str) -> str:
    """ntp.toml with these servers."""
    sources = "".join(f'[[source]]\nmode = "server"\naddress = "{name}"\n' for name in names)
    return f"[synchronization.algorithm]\nrange-delay-weight = 50.0\n{sources}"


def timesyncd(text: str, age_s: float = 30.0, offset_us: float = 0.0) -> dict[str, Any]:
    """Its reply's timestamp is moved to where the records of these tests are in time."""
    recorded = "Sun 2026-11-22 12:11:32 UTC"
    assert TRUE_NS // NS == 1_795_336_536
    return {
        "chrony": None,
        "clock": kernel(age_s, offset_us),
        "time_services": time_services(unit("systemd-timesyncd.service")),
        "timesyncd": {
            "present": True,
            "commands": {"timesync": answer(text.replace(recorded, "Sun 2026-11-22 08:35:06 UTC"))},
        },
    }


def ptp(time_status: str, port_data_set: str) -> dict[str, Any]:
    """A node that ptp4l and phc2sys steer:
    what ``pmc`` printed to GET TIME_STATUS_NP and PORT_DATA_SET.
    """
    answers = {"time_status": answer(time_status), "port_data_set": answer(port_data_set)}
    return {
        "chrony": None,
        "time_services": time_services(unit("ptp4l@eth0.service"), unit("phc2sys@eth0.service")),
        "ptp": {"present": True, "commands": answers},
    }


def clockbound(
    shm1: bytes | str | None = None, shm0: bytes | str | None = None, *, age_s: float = 1.0, **of_kernel: float
) -> dict[str, Any]:
    """A node that ClockBound 3 steers: what is in its shared memory, or why that was not read.

    By default both segments were written ``age_s`` before they were read.
    """
    as_of_ns = MONO_NS - round(age_s * NS)
    texts = {
        "shm0": segment(2, as_of_ns=as_of_ns) if shm0 is None else shm0,
        "shm1": segment(3, as_of_ns=as_of_ns) if shm1 is None else shm1,
    }
    command = {"pid": 731, "comm": "clockbound", "argv": ["/usr/bin/clockbound"], "may_set_clock": True}
    return {
        "chrony": None,
        "clock": kernel(600.0, **of_kernel),
        "time_services": time_services(unit("clockbound.service"), processes=[command]),
        "clockbound": {
            "present": True,
            "processes": [{"pid": 731, "writes": [*texts]}],
            "segments": [_shared(f"/var/run/clockbound/{name}", text) for name, text in texts.items()],
        },
    }


def _shared(path: str, read: bytes | str) -> dict[str, Any]:
    if isinstance(read, str):
        return {"path": path, "error": read, "kind": "missing"}
    return {"path": path, "pids": [731], "mono_ns": MONO_NS, "hex": read.hex()}


NTPSEC = ntpd(sample("ntpsec_synchronised.rv"), sample("ntpsec_synchronised.peers"))
NTPSEC_LOST = ntpd(sample("ntpsec_lost.rv"), sample("ntpsec_lost.peers"))
NTPSEC_STARTING = ntpd(sample("ntpsec_starting.rv"), sample("ntpsec_starting.peers"))
NTP = ntpd(sample("ntp_synchronised.rv"), sample("ntp_synchronised.peers"), "ntp.service")
NTP_LOST = ntpd(sample("ntp_lost.rv"), sample("ntp_lost.peers"), "ntp.service")
OPENNTPD = openntpd(sample("openntpd_synchronised.all"))
OPENNTPD_LOST = openntpd(sample("openntpd_lost.all"), age_s=3000.0)
OPENNTPD_STARTING = openntpd(sample("openntpd_starting.all"))
TIMESYNCD = timesyncd(sample("timesyncd_synchronised.timesync"))
TIMESYNCD_LOST = timesyncd(sample("timesyncd_lost.timesync"), age_s=1000.0)
TIMESYNCD_NO_REPLY = timesyncd(sample("timesyncd_noreply.timesync"))
TIMESYNCD_DISCARDING = timesyncd(sample("timesyncd_discarding.timesync"))
TIMESYNCD_UNRESOLVED = timesyncd(sample("timesyncd_unresolved.timesync"))
NTPD_RS = ntpd_rs(sample("ntpd-rs_synchronised.status"))
NTPD_RS_FALSETICKER = ntpd_rs(sample("ntpd-rs_falseticker.status"), root_delay_us=20_012.0)
NTPD_RS_DISAGREEING = ntpd_rs(sample("ntpd-rs_disagreeing.status"), age_s=32_000.0)
NTPD_RS_TOO_FEW = ntpd_rs(sample("ntpd-rs_too_few.status"), 32_000.0, of_servers("10.77.0.1", "10.77.0.2"))
NTPD_RS_STARTING = ntpd_rs(sample("ntpd-rs_starting.status"), age_s=32_000.0)
NTPD_RS_SILENT = ntpd_rs(sample("ntpd-rs_silent.status"), 32_000.0, of_servers("10.77.0.7", "10.77.0.8", "10.77.0.9"))
NTPD_RS_UNRESOLVED = ntpd_rs(sample("ntpd-rs_unresolved.status"), 32_000.0, of_servers("a.example", "b.example"))
NTPD_RS_LOST = ntpd_rs(
    sample("ntpd-rs_lost.status"), 33.0, of_servers("10.77.0.2", "10.77.0.3", "10.77.0.4"), root_delay_us=10_251.0
)
NTPD_RS_NO_SOCKET = ntpd_rs("", toml="[[source]]\nmode = 'pool'\naddress = 'pool.ntp.org'\n")
NTPD_RS_NO_SOCKET["ntpd_rs"]["commands"] = {
    "status": {
        "rc": 1,
        "stdout": "",
        "stderr": "Could not open socket at /var/run/ntpd-rs/observe: No such file or directory (os error 2)\n",
    }
}
PTP = ptp(sample("ptp_slave.time_status"), sample("ptp_slave.port_data_set"))
PTP_LOST = ptp(sample("ptp_lost.time_status"), sample("ptp_lost.port_data_set"))
PTP_LISTENING = ptp(sample("ptp_listening.time_status"), sample("ptp_listening.port_data_set"))
CLOCKBOUND = clockbound()
BUSYBOX = {
    "chrony": None,
    "time_services": time_services(
        unit("ntpd"),
        manager="openrc",
        processes=[{"pid": 731, "comm": "ntpd", "argv": ["/usr/sbin/ntpd", "-N", "-p", "pool.ntp.org"]}],
    ),
}
