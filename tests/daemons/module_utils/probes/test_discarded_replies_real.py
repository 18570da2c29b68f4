"""A real daemon whose server answers, and says of itself what makes every answer useless.

The daemon reports nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntpd
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.ntp_sources import Key

from tests.builders import record, time_services, unit
from tests.daemons.boxed import Box, unpacked, wait_for
from tests.findings import finding_of, unsaid
from tests.node_parts import write
from tests.paths import ROOT

ADDRESS = "192.0.2.9"
WINDOWS = {"root_delay_s": 0.03125, "root_dispersion_s": 10.0}
UNSYNCHRONISED = {"leap": 3, "stratum": 0}
SERVER = """
import json, sys, time
from tests.lab.liar import ScriptedServer, lie
said = json.loads(sys.argv[1])
ScriptedServer(lambda request: [lie(request, 0.0, **said)], "0.0.0.0", 123)
time.sleep(600)
"""
ASK = f"""
import json
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp
print(json.dumps(ntp.collect(["{ADDRESS}"], 123, 3, 2)))
"""


def python(*words: Any) -> list[Any]:
    """A command of this Python that finds the probes and the lab."""
    return ["env", f"PYTHONPATH={ROOT}:{ROOT / 'collections'}", sys.executable, "-c", *words]


def serve(box: Box, said: dict[str, float]) -> None:
    """A server at ADDRESS with the right time that says this of itself.

    It has a separate network: an ntpd takes port 123 of every address in its own.
    """
    server = box.start("unshare", "--net", "--", *python(SERVER, json.dumps(said)))
    # Before that it is one of the commands that lead to it, which name it too and still
    # have the box's network.
    running = os.fsencode(sys.executable) + b"\0"
    wait_for(lambda: Path(f"/proc/{server.pid}/cmdline").read_bytes().startswith(running), "there is no network")
    inside = ["nsenter", "--net", f"--target={server.pid}", "--", "ip"]
    box.run("ip", "link", "add", "there", "type", "veth", "peer", "name", "here", "netns", str(server.pid))
    for ip, name, address in (["ip"], "there", "192.0.2.1/24"), (inside, "here", f"{ADDRESS}/24"):
        box.run(*ip, "address", "add", address, "dev", name)
        box.run(*ip, "link", "set", name, "up")
    wait_for(lambda: "reply_hex" in json.dumps(asked(box)), "the server did not come up")


def asked(box: Box) -> dict[str, Any]:
    """What the probe gets of that server in the daemon's network."""
    return json.loads(subprocess.run([*box.enter, *python(ASK)], check=True, capture_output=True, timeout=30).stdout)


@pytest.fixture
def ntpsec(box: Box, tmp_path: Path) -> Callable[[dict[str, float]], dict[str, Any]]:
    """What a real NTPsec with that server shows, once it has asked it."""
    daemon, tools = unpacked("ntpsec"), unpacked("python3-ntp")
    shutil.copytree(tools / "usr/lib/python3/dist-packages/ntp", tmp_path / "python/ntp")
    (library,) = tools.glob("usr/lib/*/ntp/libntpc.so")
    (tmp_path / "python/ntp/libntpc.so").symlink_to(library)
    box.command("ntpq", "env", f"PYTHONPATH={tmp_path}/python", "/usr/bin/python3", daemon / "usr/bin/ntpq")

    def shown(said: dict[str, float]) -> dict[str, Any]:
        conf = write(tmp_path / "ntp.conf", f"restrict 127.0.0.1\nserver {ADDRESS} iburst minpoll 3\n")
        process = box.start(daemon / "usr/sbin/ntpd", "-n", "-g", "-c", conf, "-p", tmp_path / "pid")
        wait_for(lambda: " u " in run.run(["ntpq", "-pn"], 5).get("stdout", ""), "ntpd did not come up")
        if said is WINDOWS:  # the other's replies leave no trace here either
            wait_for(lambda: ".INIT." not in run.run(["ntpq", "-pn"], 5).get("stdout", ""), "ntpd got no reply")
        return {"time_services": time_services(unit("ntpsec.service")), "ntpd": ntpd.collect(5, box.daemons(process))}

    return shown


TIMESYNCD = Path("/lib/systemd/systemd-timesyncd")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""


@pytest.fixture
def timesyncd(box: Box, tmp_path: Path) -> Callable[[dict[str, float]], dict[str, Any]]:
    """What a real timesyncd with that server shows, once it has discarded a reply."""
    if not TIMESYNCD.exists() or shutil.which("dbus-daemon") is None:
        pytest.skip("systemd-timesyncd or dbus-daemon is not installed")
    box.run("mount", "-t", "tmpfs", "none", "/run")
    box.run("mount", "-t", "tmpfs", "-o", "mode=0777", "none", "/var/lib/systemd")
    box.run(
        "mkdir",
        "-p",
        "-m",
        "0777",
        "/run/dbus",
        "/run/systemd/system",
        "/run/systemd/timesync",
        "/run/systemd/timesyncd.conf.d",
    )
    conf = write(tmp_path / "servers.conf", f"[Time]\nNTP={ADDRESS}\n")
    box.run("cp", conf, "/run/systemd/timesyncd.conf.d/")
    bus = write(tmp_path / "bus.conf", BUS)
    box.command("timedatectl", "env", "TZ=UTC", shutil.which("timedatectl") or "timedatectl")

    def shown(_said: dict[str, float]) -> dict[str, Any]:
        box.start("dbus-daemon", f"--config-file={bus}", "--nofork", "--nopidfile")
        box.run("sh", "-c", "until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done")
        box.start("setpriv", "--reuid=65534", "--clear-groups", "env", "SYSTEMD_LOG_LEVEL=debug", TIMESYNCD)
        log = tmp_path / "box.log"
        wait_for(lambda: "Disconnecting." in log.read_text(errors="replace"), "timesyncd got no reply")
        answers = {"timesync": run.run(["timedatectl", "show-timesync", "--all"], 10)}
        services = time_services(unit("systemd-timesyncd.service"))
        return {"time_services": services, "timesyncd": {"present": True, "commands": answers}}

    return shown


EXPECTED = [  # the daemon, what its server says of itself, and the key with what the reader sees
    pytest.param("ntpsec", WINDOWS, [Key.ROOT_DISTANCE, "10.016 s", "1.5 s", "tos maxdist"], id="NTPsec, Windows"),
    pytest.param(
        *("timesyncd", WINDOWS, [Key.ROOT_DISTANCE, "10.016 s", "5 s", "RootDistanceMaxSec"]), id="timesyncd, Windows"
    ),
    pytest.param(
        *("ntpsec", UNSYNCHRONISED, [Key.NOT_SYNCHRONISED, "leap 3", "stratum 0"]),
        marks=pytest.mark.nightly,
        id="NTPsec, no source",
    ),
    pytest.param(
        *("timesyncd", UNSYNCHRONISED, [Key.NOT_SYNCHRONISED, "leap 3", "stratum 0"]),
        marks=pytest.mark.nightly,
        id="timesyncd, no source",
    ),
]


@pytest.mark.parametrize(("daemon", "said", "expected"), EXPECTED)
def test_a_server_whose_replies_are_discarded_is_not_called_silent(request, box, daemon, said, expected):
    key, *shown = expected
    show = request.getfixturevalue(daemon)
    serve(box, said)
    sections = show(said)
    finding = finding_of(ntp_sources, record(chrony=None, **sections, ntp=asked(box)))
    assert finding.keys == (key,), (finding.summary, sections)
    assert not unsaid(finding.summary, f"{ADDRESS}: ", *shown)
