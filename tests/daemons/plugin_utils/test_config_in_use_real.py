"""The check ``config_in_use`` on a real chronyd that is brought into each state,
its evidence taken by the product's probe.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import config_in_use
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.config_in_use import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import record
from tests.findings import finding_of, unsaid
from tests.node_parts import own_chronyd


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def eventually(what: str, is_so: Callable[[], Any], timeout_s: float = 90) -> Any:
    """What ``is_so`` gives, once it is true."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := is_so()):
        assert time.monotonic() < deadline_s, what
        time.sleep(0.2)
    return found


@contextmanager
def running(chrony_tree: Path, folder: Path, text: str) -> Iterator[Path]:
    """A chronyd in the foreground, its files in ``folder``; -x: it never touches the clock."""
    folder.mkdir(mode=0o700, exist_ok=True)
    config = folder / "chrony.conf"
    own = f"bindcmdaddress {folder}/sock\npidfile {folder}/pid\n" + ("" if "cmdport" in text else "cmdport 0\n")
    config.write_text(text + own)
    command = [chrony_tree / "usr/sbin/chronyd", "-x", "-d", "-u", "root", "-f", config]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually("chronyd does not start", (folder / "sock").exists)
        yield config
    finally:
        process.terminate()
        process.wait(10)


class Node:
    """A chronyd that stands for the node's own: the probe's commands ask it."""

    def __init__(self, config: Path, port: int) -> None:
        self.config = config
        self.port = port

    def chronyc(self, *command: str) -> str:
        return run.run(["chronyc", *command], 5)["stdout"]

    def wait_for_nts_keys(self, server: str) -> None:
        """Ask once more for NTS keys every 10 s, with ``server`` (its line without the
        directive) as a new source.

        On a busy machine the key port may be closed at first, or the handshake take longer than
        chronyd's 2 s; after that chronyd itself asks again only 1024 s later (nts_ke.h,
        ``NKE_RETRY_FACTOR2_TLS``).
        """
        again_s = time.monotonic() + 10

        def has_keys() -> bool:
            nonlocal again_s
            if ",0,0,8," in self.chronyc("-c", "authdata"):
                return True
            if time.monotonic() > again_s:
                self.chronyc("delete", server.partition(" ")[0])
                self.chronyc("add", "server", *server.split())
                again_s = time.monotonic() + 10
            return False

        eventually("there are no keys", has_keys)

    def wait_until_selected(self) -> None:
        eventually("no source is selected", lambda: "^,*," in self.chronyc("-c", "-n", "sources"))

    def judge(self) -> Finding:
        return finding_of(config_in_use, record(chrony=chrony.collect(5, [])))


@pytest.fixture
def node(chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Node]]:
    """``node(text)`` starts a chronyd with this configuration;
    ``{port}`` in it is that of a good server on 127.0.0.1 and .3.
    """
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")
    monkeypatch.setattr(chrony, "PID_FILES", (str(tmp_path / "node/pid"),))
    own_chronyd(tmp_path / "bin", chrony_tree / "usr/sbin/chronyd", tmp_path / "node/chrony.conf")
    port = free_port()
    with ExitStack() as daemons:
        serving = f"local stratum 5\nallow\nport {port}\n"
        daemons.enter_context(running(chrony_tree, tmp_path / "server", serving))

        def start(text: str, chronyc_at: str = f"-h {tmp_path}/node/sock") -> Node:
            # The node's own chronyc needs no -h: there its socket is the default one.
            chronyc = tmp_path / "bin/chronyc"
            chronyc.write_text(f'#!/bin/sh\nexec {chrony_tree}/usr/bin/chronyc {chronyc_at} "$@"\n')
            chronyc.chmod(0o755)
            config = running(chrony_tree, tmp_path / "node", text.replace("{port}", str(port)) + "port 0\n")
            return Node(daemons.enter_context(config), port)

        yield start


PLAIN = "server 127.0.0.1 port {port} iburst minpoll -2 maxpoll 0\nmakestep 1 3\n"


def test_a_chronyd_that_runs_with_its_files_passes(node):
    it = node(PLAIN)
    it.wait_until_selected()
    finding = it.judge()
    assert (finding.state, finding.keys, finding.seen["running"]) == ("pass", (), ["127.0.0.1"])


def test_what_was_written_after_the_start_does_not_run_and_what_was_taken_out_still_does(node):
    it = node(PLAIN)
    it.config.write_text(it.config.read_text().replace("127.0.0.1", "127.0.0.3"))
    finding = it.judge()
    assert (finding.state, finding.keys) == ("fail", (Key.CHANGED_SINCE_START,))
    not_running, not_written = finding.summary.split("; ")
    assert f"127.0.0.3 ({it.config}:1)" in not_running
    assert not_written.endswith("127.0.0.1")
    assert finding.seen["changed_since_start"] == [str(it.config)]


def test_a_sources_file_runs_once_it_was_reloaded(node, tmp_path: Path):
    folder = tmp_path / "sources.d"
    folder.mkdir()
    it = node(f"{PLAIN}sourcedir {folder}\n")
    (folder / "dhcp.sources").write_text(f"server 127.0.0.3 port {it.port}\n")
    finding = it.judge()
    assert (finding.state, finding.keys) == ("fail", (Key.CHANGED_SINCE_START,))
    assert f"127.0.0.3 ({folder}/dhcp.sources:1)" in finding.summary
    it.chronyc("reload", "sources")
    assert it.judge().state == "pass"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("server 127.0.0.4\nserver 127.0.0.5 iburst", "2: ", id="no newline"),
        pytest.param("server 127.0.0.5 ibrust\nserver 127.0.0.4\n", "1: 'ibrust'", id="a bad option"),
    ],
)
def test_lines_of_a_sources_file_that_chronyd_drops_are_those_that_are_named(node, tmp_path: Path, text: str, why: str):
    folder = tmp_path / "sources.d"
    folder.mkdir()
    (folder / "dhcp.sources").write_text(text)
    it = node(f"{PLAIN}sourcedir {folder}\n")

    finding = it.judge()

    assert finding.seen["running"] == ["127.0.0.1", "127.0.0.4"]
    assert (finding.state, finding.keys) == ("fail", (Key.DROPPED_LINE,))
    assert f"{folder}/dhcp.sources:{why}" in finding.summary


def test_a_server_that_was_added_at_run_time_is_noted(node):
    it = node(PLAIN)
    it.chronyc("add", "server", "127.0.0.3", "port", str(it.port))
    finding = it.judge()
    assert finding.state == "pass"
    assert finding.summary.endswith(" 127.0.0.3")


def test_names_that_do_not_resolve_are_distinguished_from_servers_that_do_not_answer(node):
    names = "server nowhere.invalid\npool pool.invalid\nserver 127.0.0.9 port 9\n"
    one = node(names).judge()
    assert (one.state, one.seen["without_address"]) == ("pass", ["nowhere.invalid", "pool.invalid"])
    assert one.summary.endswith(" nowhere.invalid, pool.invalid")


def test_sources_that_were_set_offline_are_seen(node):
    it = node(PLAIN)
    it.wait_until_selected()
    it.chronyc("offline")
    eventually("they are not offline", lambda: it.chronyc("-c", "activity") == "0,1,0,0,0\n")
    finding = it.judge()
    assert (finding.state, finding.keys) == ("fail", (Key.SET_OFFLINE,))


def test_a_clock_that_makestep_no_longer_steps_is_slewed_for_long(node):
    """With -x no step succeeds, so what a used-up budget leaves stays:
    the offset, as System time, with Leap status Normal.
    """
    it = node(PLAIN.replace("iburst", "iburst offset 45"))
    it.wait_until_selected()
    eventually("there is no update", lambda: float(it.chronyc("-c", "tracking").split(",")[4]) > 40)
    finding = it.judge()
    assert (finding.state, finding.keys) == ("fail", (Key.MAKESTEP_USED_UP,))
    assert not unsaid(finding.summary, " s behind", "9.0 min", "83333 ppm")


NTS_SERVER = "localhost nts iburst minpoll -2 maxpoll 0 "
BESIDE_NTS = PLAIN.replace("127.0.0.1", "127.0.0.3") + "server " + NTS_SERVER
"""A plain server, and an NTS server that has a name, which chrony 4.0 needs."""


def test_a_plain_server_is_starved_by_an_nts_server_whose_key_port_is_closed(node):
    it = node(f"{BESIDE_NTS} ntsport {free_port(socket.SOCK_STREAM)}\n")
    eventually("the plain server is not held back", lambda: "\nW,127.0.0.3," in "\n" + it.chronyc("-c", "selectdata"))
    eventually("no keys were asked for", lambda: "NTS,0,0,0,4294967295,1," in it.chronyc("-c", "authdata"))
    finding = it.judge()
    assert (finding.state, finding.keys) == ("fail", (Key.NTS_STARVATION,))
    assert finding.summary.startswith("127.0.0.3 ")
    assert "localhost" in finding.summary
    assert unsaid(finding.summary, "NAK", "cookies") == ["NAK", "cookies"]  # no key was ever there


@pytest.mark.parametrize(
    ("mode", "state", "keys"),
    [
        pytest.param("prefer", "fail", (Key.NTS_STARVATION,), id="prefer"),
        pytest.param("require", "fail", (Key.NTS_WITHOUT_KEYS,), id="require"),
        pytest.param("ignore", "pass", (), id="ignore"),
    ],
)
def test_what_an_nts_server_without_keys_does_depends_on_authselectmode(
    node, mode: str, state: str, keys: tuple[Key, ...]
):
    it = node(f"{BESIDE_NTS} ntsport {free_port(socket.SOCK_STREAM)}\nauthselectmode {mode}\n")
    answered = ",377," if mode != "ignore" else "^,*,"
    eventually("the plain server does not answer", lambda: answered in it.chronyc("-c", "-n", "sources"))
    eventually("no keys were asked for", lambda: "NTS,0,0,0,4294967295,1," in it.chronyc("-c", "authdata"))
    finding = it.judge()
    assert (finding.state, finding.keys) == (state, keys)
    assert "localhost" in finding.summary
    assert unsaid(finding.summary, "NAK", "cookies") == ["NAK", "cookies"]  # no key was ever there


def test_an_nts_server_whose_name_does_not_resolve_starves_a_plain_server_too(node):
    it = node(f"{PLAIN}server nts.invalid nts\n")
    eventually("the plain server is not held back", lambda: "\nW,127.0.0.1," in "\n" + it.chronyc("-c", "selectdata"))
    finding = it.judge()
    assert (finding.state, finding.keys) == ("fail", (Key.NTS_STARVATION,))
    assert not unsaid(finding.summary, "127.0.0.1", "nts.invalid")


def test_nts_keys_that_a_restarted_server_refuses_are_noted(node, chrony_tree: Path, tmp_path: Path, authority):
    """Its key port is closed by then, so no new keys are to be had: NAK, and no cookie left."""
    certificate = authority.issue(host="localhost")
    (tmp_path / "ca.pem").write_text(authority.pem)
    port, ke_port, another = free_port(), free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)

    def nts_server(ke_port: int):
        keys = f"ntsserverkey {certificate}\nntsservercert {certificate}\nntsport {ke_port}\n"
        return running(chrony_tree, tmp_path / "nts", f"local stratum 5\nallow\nport {port}\n{keys}")

    with nts_server(ke_port):
        ports = f"port {port} ntsport {ke_port}"
        it = node(f"{BESIDE_NTS} {ports}\nntstrustedcerts {tmp_path}/ca.pem\nauthselectmode ignore\n")
        it.wait_for_nts_keys(NTS_SERVER + ports)
        it.wait_until_selected()
        good = it.judge()
        assert (good.state, "localhost" in good.summary) == ("pass", False)
    with nts_server(another):
        eventually("the cookies are not refused", lambda: ",1,1,0,0\n" in it.chronyc("-c", "authdata"))
        finding = it.judge()
    assert finding.state == "pass"
    assert not unsaid(finding.summary, "NTS", " localhost ", "NAK")


def test_without_root_only_a_configuration_with_authentication_is_inconclusive(node):
    """Over UDP chronyd answers as to any user: 501 Not authorised to authdata and selectdata."""
    cmdport = free_port()
    it = node(
        f"{PLAIN}server 127.0.0.2 nts\ncmdport {cmdport}\nbindcmdaddress 127.0.0.1\n", f"-h 127.0.0.1 -p {cmdport}"
    )
    finding = it.judge()
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NEEDS_ROOT,))
    assert "501 Not authorised" in finding.summary
