"""What is judged of chronyd's next start is what a start does, line by line and version by version.

Each chronyd is started with -x and never touches the clock. Not tried, as this takes
hardware: a PHC, a PPS device and an interface that stamps packets; what chronyd wants of
these is read in its source.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.node.named import named
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import Tokens
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.next_start import Reason, finds
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.options import parse_version
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import ends_next_start

ROOT = ("-u", "root")
"""The package's own user is not there, where it is unpacked and not installed."""
LONG = "x" * 108


class Row(NamedTuple):
    """Lines of a configuration, and what becomes of a start with them by chrony's version:
    ``ends``, ``runs`` or ``refused``.

    ``outcome``: one for all versions, or several, each from a version on ("runs, 4.1 ends");
    ``refused`` is by `chronyd -p`.
    ``@``: the folder of the row, with the files ``points``, ``one_point`` and
    ``no_folder``. ``#``: a free port.
    """

    lines: str
    outcome: str
    options: tuple[str, ...] = ROOT

    def outcome_of(self, version: tuple[int, ...]) -> str:
        found = ""
        for part in self.outcome.split(", "):
            *since, outcome = part.split()
            if not since or version >= tuple(map(int, since[0].split("."))):
                found = outcome
        return found


ROWS = [
    # What names something else.
    Row("user nobody2", "ends", ()),
    Row("user 0", "ends", ()),
    Row("user nobody2\nuser root", "runs", ()),
    Row("user root\nuser nobody2", "ends", ()),
    Row("user nobody2", "runs"),
    Row("user root", "ends", ("-u", "nobody2")),
    Row("pidfile @/absent/pid", "ends"),
    Row("pidfile absent/pid", "ends"),
    Row("pidfile @", "ends"),
    Row("pidfile @/no_folder/pid", "ends"),
    Row("pidfile /", "ends, 4.6 runs"),
    Row("pidfile @/made/pid", "ends"),
    Row("pidfile @/made/pid\nlogdir @/made", "runs"),
    Row("pidfile @/made/pid\nlogdir @/made\nlogdir @/other", "ends"),
    Row("pidfile @/made/pid\ndumpdir @/made/below", "runs"),
    Row("pidfile @/made/pid\nntsdumpdir @/made", "runs"),
    Row("pidfile @/made/pid\nntscachedir @/made", "runs"),
    Row("pidfile @/made/pid\ndriftfile @/made/drift", "ends"),
    Row("pidfile @/absent/pid\npidfile @/pid", "runs"),
    Row("", "ends", (*ROOT, "-l", "@/absent/log")),
    Row("logdir @/made", "ends", (*ROOT, "-l", "@/made/log")),
    Row("", "runs", (*ROOT, "-l", "@/log")),
    Row("tempcomp @/absent 30 26000 0.0 0.000183 0.0", "runs"),
    Row("tempcomp @/absent 30 @/absent/points", "ends"),
    Row("tempcomp @/absent 30 @/points", "runs"),
    Row("tempcomp @/absent 30 @/one_point", "ends"),
    Row("tempcomp @/absent 30 @", "ends"),
    Row("tempcomp @/absent 30 @/no_folder", "ends"),
    Row("hwtimestamp nosuch0", "ends"),
    Row("hwtimestamp lo", "ends"),
    Row("hwtimestamp lo rxfilter none", "ends"),
    Row("hwtimestamp *", "runs"),
    Row("hwtimestamp *\nhwtimestamp nosuch0", "ends"),
    Row("binddevice nosuch0", "runs"),
    Row("binddevice nosuch0\nport #\nacquisitionport #", "ends"),
    Row("binddevice lo\nport #\nacquisitionport #", "runs"),
    Row("bindacqdevice nosuch0", "runs"),
    Row("bindacqdevice nosuch0\nacquisitionport 0", "ends"),
    Row("bindacqdevice nosuch0\nacquisitionport 0\nport 0", "ends"),
    Row("bindacqdevice nosuch0\nport #\nacquisitionport #", "runs"),
    Row("bindacqdevice lo\nacquisitionport 0", "runs"),
    Row("bindcmddevice nosuch0", "runs"),
    # Reference clocks.
    Row("refclock PHC /dev/nosuch", "ends"),
    Row("refclock PHC /dev/null", "ends"),
    Row("refclock PHC /dev/null:nocrossts", "ends"),
    Row("refclock PHC nosuch0", "ends"),
    Row("refclock PHC lo", "ends"),
    Row("refclock PHC /dev/nosuch optional", "refused, 4.9 runs"),
    Row("refclock PHC nosuch0 optional", "refused, 4.9 runs"),
    Row("refclock PPS /dev/nosuch", "ends"),
    Row("refclock PPS /dev/null", "ends"),
    Row("refclock PPS /dev/null optional", "refused, 4.9 runs"),
    Row("refclock RTC /dev/nosuch", "ends"),
    Row("refclock RTC /dev/null", "ends, 4.7 runs"),
    Row("refclock RTC /dev/null:utc", "ends, 4.7 runs"),
    Row("refclock RTC /dev/null\nrtcsync", "ends"),
    Row("refclock RTC /dev/null optional\nrtcsync", "refused, 4.9 ends"),
    Row("refclock RTC /dev/null\nrtcfile @/rtc", "ends"),
    Row("refclock SOCK @/sock0", "runs"),
    Row("refclock SOCK @/no_folder/sock0", "ends"),
    Row("refclock SOCK @/absent/sock0", "ends"),
    Row("refclock SOCK @/made/sock0\nlogdir @/made", "runs"),
    Row("refclock SOCK @", "ends"),
    Row(f"refclock SOCK @/{LONG}", "ends"),
    Row("refclock SOCK @/sock0:perm=0666", "ends"),
    Row("refclock SHM 0:nosuch=1", "ends"),
    Row("refclock SHM 0::perm=0600", "ends"),
    Row("refclock SHM 0 tai", "ends"),
    Row("refclock SOCK @/sock0 tai\nleapsectz nosuch", "runs"),
    Row("refclock SOCK @/sock0 refid TAI lock TAI", "runs"),
    Row("refclock SENSOR x", "ends"),
    Row("refclock sock @/sock0", "ends"),
    Row("refclock SHM 0:nosuch=1 optional", "refused, 4.9 ends"),
    # What does not go together.
    Row("rtcfile @/rtc\nrtcsync", "ends"),
    Row("rtcfile @/rtc", "runs"),
    Row("rtcfile @/absent/rtc\nrtcdevice /dev/nosuch", "runs"),
    Row("noclientlog\nratelimit", "ends"),
    Row("cmdratelimit interval 3\nnoclientlog", "ends"),
    Row("noclientlog\nntsratelimit", "ends"),
    Row("noclientlog", "runs"),
    Row("ntsserverkey @/absent/key", "runs, 4.1 ends"),
    Row("ntsservercert @/absent/cert", "runs, 4.1 ends"),
    Row("ntsserverkey @/absent/key\nntsservercert @/absent/cert", "runs"),
    Row("ntsserverkey /a\nntsserverkey /b\nntsservercert /c", "runs, 4.1 ends"),
    Row("mailonchange root 0.5", "runs"),
    Row("mailonchange root 0.5", "ends", (*ROOT, "-F", "1")),
    Row("mailonchange root 0.5", "ends", (*ROOT, "-F", "-2")),
    Row("mailonchange root 0.5", "runs", (*ROOT, "-F", "0")),
    # chronyd's own options.
    Row("", "ends", (*ROOT, "-F", "high")),
    Row("", "runs", (*ROOT, "-F", "0x")),
    Row("", "ends", (*ROOT, "-L", "high")),
    Row("", "runs", (*ROOT, "-L", "1")),
    Row("", "ends", (*ROOT, "-Q")),
    Row("", "ends", (*ROOT, "-q")),
    Row("", "ends", (*ROOT, "-h")),
    Row("", "ends", (*ROOT, "-v")),
    Row("", "ends", (*ROOT, "-p")),
    Row("", "ends", (*ROOT, "-t", "high")),
    Row("", "runs", (*ROOT, "-t", "-1")),
    Row("", "ends", (*ROOT, "-Z")),
    Row("", "ends", (*ROOT, "--nosuch")),
    # Numbers.
    Row("sched_priority 100", "ends"),
    Row("sched_priority 0", "runs"),
    Row("sched_priority -1", "ends, 4.7 refused"),
    Row("sched_priority 100", "runs", (*ROOT, "-P", "1")),
    Row("sched_priority 1", "ends", (*ROOT, "-P", "100")),
    Row("port 0\nallow 10.0.0.0/33", "ends"),
    Row("port 0\nallow all 10.0/33", "ends"),
    Row("port 0\ndeny 2001:db8::/129", "ends"),
    Row("port 0\nallow 10.0.0.0/255.255.255.0", "ends, 4.3 refused"),
    Row("port 0\nallow 10.0.0.0/0", "runs"),
    Row("port 0\nallow 2001:db8::/128", "runs"),
    Row("cmdallow 10.0.0.1/99", "ends"),
    Row("cmddeny 10.0.0.1/99", "ends"),
    # What a start goes on without.
    Row("keyfile @/absent/keys\nserver 127.0.0.1 key 1", "runs"),
    Row("keyfile @", "runs"),
    Row("driftfile @/absent/drift", "runs"),
    Row("hwclockfile @/absent/adjtime", "runs"),
    Row("logdir @/no_folder/log\nlog tracking", "runs"),
    Row("dumpdir @/no_folder/dump", "runs"),
    Row("ntsdumpdir @/no_folder/nts", "runs"),
    Row("ntstrustedcerts @/absent/certs\nserver 127.0.0.1 nts", "runs"),
    Row("ntsserverkey @\nntsservercert @\nntsprocesses 2", "runs"),
    Row("ntpsigndsocket @/absent/socket", "runs"),
    Row("leapsectz no/such", "runs"),
    Row("leapseclist @/absent/list", "refused, 4.6 runs"),
    Row("confdir @/absent\nsourcedir @/absent", "runs"),
    Row("bindaddress 192.0.2.1\nport #\nacquisitionport #", "runs"),
    Row("bindacqaddress 192.0.2.1\nacquisitionport 0", "runs"),
    Row("bindcmdaddress 192.0.2.1", "runs"),
    Row("lock_all", "runs"),
]


class Start:
    """One row with one chronyd: the evidence, and what the start did."""

    def __init__(self, row: Row, number: int, chrony_tree: Path, folder: Path, port: int) -> None:
        self.folder = folder / str(number)
        self.folder.mkdir(mode=0o700)
        (self.folder / "points").write_text("20.0 0.1\n30 -2e-1\n")
        (self.folder / "one_point").write_text("20.0 0.1\n")
        (self.folder / "no_folder").touch()
        lines = row.lines.replace("@", str(self.folder)).replace("#", str(port))
        # In front, so the row's own wins.
        own = f"bindcmdaddress {self.folder}/sock\npidfile {self.folder}/pid\ncmdport 0\n"
        self.config = self.folder / "chrony.conf"
        self.config.write_text(f"{own}{lines}\n")
        self.options = [option.replace("@", str(self.folder)) for option in row.options]
        self.program = chrony_tree / "usr/sbin/chronyd"
        self.evidence = self._evidence()
        self.outcome = "refused" if self.evidence["printed"]["rc"] else self._start()

    def _evidence(self) -> dict:
        """By the product's probe, of a chronyd that runs with these options."""
        argv = ["chronyd", *self.options, "-f", str(self.config)]
        process = {"pid": os.getpid(), "comm": "chronyd", "argv": argv, "exe": None, "cgroup": None, "contained": False}
        section = chrony.collect(5, [process])
        # As they stand in the file that the next start reads: of a process, which runs,
        # the probe asks less.
        defaults = [{"path": "/etc/default/chrony", "text": f'DAEMON_OPTS="{" ".join(self.options)}"\n'}]
        options = chrony.ending_options([], defaults)
        section["named"] = named(chrony.directives(section["config"]["files"]), options, str(Path.cwd()))
        taken: dict = SECTIONS["chrony"](section, Tokens())
        return taken

    def _start(self) -> str:
        """Its socket comes when all is set up; what it finds wrong then, it finds at once."""
        command = [self.program, "-x", "-d", *self.options, "-f", self.config]
        with (self.folder / "out").open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            deadline_s = time.monotonic() + 20
            while process.poll() is None and not (self.folder / "sock").exists():
                assert time.monotonic() < deadline_s, self.config.read_text()
                time.sleep(0.01)
            time.sleep(0.1)
            return "runs" if process.poll() is None else "ends"
        finally:
            process.kill()
            process.wait(10)


def test_the_judgement_is_what_a_start_does(each_chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "PATH", f"{each_chrony_tree}/usr/sbin")
    monkeypatch.setattr(chrony, "COMMANDS", {})
    monkeypatch.setattr(chrony, "DEFAULTS", ())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with ThreadPoolExecutor(6) as several:
        starts = list(several.map(lambda one: Start(one[1], one[0], each_chrony_tree, tmp_path, port), enumerate(ROWS)))

    version = parse_version(starts[0].evidence["version"])
    assert version
    outcomes, expected, judged, unknown = {}, {}, {}, []
    for row, start in zip(ROWS, starts, strict=True):
        words = f"{row.lines} {' '.join(row.options)}"
        config = read_config(start.evidence)
        outcomes[words], expected[words] = start.outcome, row.outcome_of(version)
        judged[words] = start.outcome if bool(ends_next_start(config)) == (start.outcome != "runs") else "misjudged"
        unknown += [words] * bool(finds(Reason.UNKNOWN)(config))
    assert outcomes == expected
    assert judged == outcomes
    assert not unknown
