"""Each way in which a real chronyd says "Normal" and is wrong.

It is shown by the daemon, taken by the product's probes, and reported by the checks.

It runs with -x on loopback and moves no clock. So where the node's clock is to be wrong, the
servers' time is moved instead: a server is a chronyd whose reference clock gives it any
offset that a test likes.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import clocks
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony, clock, ntp
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.sync_state import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import policy, record
from tests.daemons.plugin_utils import test_config_in_use_real as real
from tests.findings import unsaid
from tests.lab.liar import ScriptedServer, lie
from tests.unit.plugin_utils.daemons import recorded

node = real.node
FOLLOW = "server 127.0.0.1 port {} iburst minpoll -2 maxpoll 0\n"


@pytest.fixture
def serve(chrony_tree: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``serve(text)`` starts a server, ``serve(ahead_s=5.0)`` one whose clock is so much ahead;
    both return its port.

    ``serve.stop()`` stops them all.
    """
    with ExitStack() as daemons:

        def start(text: str = "local stratum 5\n", ahead_s: float | None = None, delay_s: float = 0.0001) -> int:
            port = real.free_port()
            folder = tmp_path / f"s{port}"
            folder.mkdir(mode=0o700)
            if ahead_s is not None:
                text = f"refclock SOCK {folder}/ref refid LAB poll 0 filter 1 delay {delay_s}\n"
            daemons.enter_context(real.running(chrony_tree, folder, f"{text}allow\nport {port}\n"))
            if ahead_s is not None:
                over = threading.Event()
                feeder = threading.Thread(target=feed, args=(folder / "ref", ahead_s, over), daemon=True)
                feeder.start()
                daemons.callback(lambda: (over.set(), feeder.join()))
            return port

        start.stop = daemons.close
        yield start


def feed(path: Path, ahead_s: float, over: threading.Event) -> None:
    """Samples of chrony's `struct sock_sample` (refclock_sock.c):
    true time is so much ahead of this machine's clock.
    """
    with socket(AF_UNIX, SOCK_DGRAM) as sender:
        while not over.wait(0.1):
            seconds, ns = divmod(time.time_ns(), 1_000_000_000)
            with suppress(OSError):
                sender.sendto(struct.pack("@qqdiiii", seconds, ns // 1000, ahead_s, 0, 0, 0, 0x534F434B), str(path))


def take(references: list[int] | None = None, wall_moved_s: float = 0.0, **sections: Any) -> Record:
    """The node's record: what the probes show of it now, and three exchanges with each port
    of ``references``.
    """
    wall_ns, mono_ns = clocks.read_clocks()
    exchanges = [ntp.collect(["127.0.0.1"], port, samples=3, timeout_s=2)["servers"][0] for port in references or []]
    taken = {
        # This machine's kernel says 16 s: no daemon steers its clock. A node's kernel knows
        # of a daemon's update.
        "clock": recorded.kernel(1.0),
        "chrony": chrony.collect(5, []),
        "ntp": {"servers": [{**e, "server": f"ntp{number}.example"} for number, e in enumerate(exchanges)]},
        "api_date": {"apis": []},
        **sections,
    }
    collected = {"wall_ns": wall_ns + round(wall_moved_s * 1e9), "mono_ns": mono_ns, "end_mono_ns": time.monotonic_ns()}
    return Record({**record(**taken, collected=collected), "controller": None})


def state(taken: Record) -> Finding:
    return sync_state.judge(taken, Policy.from_json(policy()))


def sources(taken: Record) -> Finding:
    return ntp_sources.judge(taken, Policy.from_json(policy()))


def assert_fails(finding: Finding, key: Key, *shown: str) -> None:
    assert (finding.state, finding.keys) == ("fail", (key,)), finding.summary
    assert not unsaid(finding.summary, *shown)


def tracking(running: real.Node) -> list[str]:
    return running.chronyc("-c", "-n", "tracking").split(",")


def wait_until_sure(running: real.Node) -> None:
    """Until a source is selected and the root distance is far below the limit:
    on a busy machine it begins above 1 s.
    """
    running.wait_until_selected()
    real.eventually("its root distance stays", lambda: sum(map(float, tracking(running)[10:12])) < 0.5)


def test_a_chronyd_that_reports_the_truth_passes(node, serve):
    port = serve()
    wait_until_sure(node(FOLLOW.format(port)))
    taken = take([port])
    finding = state(taken)
    assert finding.state == "pass", finding.summary
    assert sources(taken).state == "pass"
    assert not unsaid(sources(taken).summary, "127.0.0.1", " 1 ")


def test_it_calls_its_own_clock_normal(node):
    running = node("local stratum 5\n")
    assert tracking(running)[-1].strip() == "Normal"
    taken = take()
    assert_fails(state(taken), Key.OWN_CLOCK, "(Normal, stratum 5)")
    none = sources(taken)
    assert (none.state, none.keys) == ("fail", (ntp_sources.Key.NONE_CONFIGURED,))
    assert "(7F7F0101)" in none.summary


def test_it_says_normal_at_stratum_16(node, serve):
    wait_until_sure(node(FOLLOW.format(serve("local stratum 15\n"))))
    assert_fails(state(take()), Key.NOT_SYNCHRONISED, "(Normal, stratum 16)")


def test_a_distant_stratum_is_noted(node, serve):
    wait_until_sure(node(FOLLOW.format(serve("local stratum 12\n"))))
    finding = state(take())
    assert finding.state == "pass", finding.summary
    assert "stratum 13" in finding.summary


def test_it_says_normal_after_it_has_lost_every_source(node, serve):
    running = node(FOLLOW.format(serve()))
    running.wait_until_selected()
    serve.stop()
    real.eventually("the reach stays", lambda: running.chronyc("-c", "-n", "sources").split(",")[5] == "0")
    assert sources(take()).keys == (ntp_sources.Key.NONE_ANSWERS,)
    # On a busy machine its root distance may grow too large before that.
    real.eventually("the update stays fresh", lambda: state(take()).keys == (Key.UPDATE_TOO_OLD,))
    assert tracking(running)[-1].strip() == "Normal"
    finding = state(take())
    assert finding.remedy == sources(take()).remedy  # it needs servers, no step


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("hours", "kernel_hours", "state_of_it"), [(9.5, 9.5, "pass"), (18.0, 18.0, "pass"), (1.0, 9.5, "fail")]
)
def test_a_real_chronyd_that_polls_once_in_18_hours(node, serve, hours: float, kernel_hours: float, state_of_it: str):
    """Time is not waited for: the evidence is as of that many hours later,
    and the kernel's maxerror what it grew to by then.
    """
    running = node(f"server 127.0.0.1 port {serve()} iburst minpoll 16 maxpoll 16\n")
    running.wait_until_selected()
    assert running.chronyc("-c", "-n", "sources").split(",")[4] == "16"
    finding = state(take(wall_moved_s=hours * 3600, clock=recorded.kernel(kernel_hours * 3600)))
    assert finding.state == state_of_it, finding.summary
    assert not unsaid(
        finding.summary, *(["timedatectl", "maxpoll 10"] if state_of_it == "pass" else ["maxerror", " 3600 s "])
    )


def test_names_that_do_not_resolve_are_sources_all_the_same(node):
    node("server nowhere.invalid iburst\n")
    taken = take()
    assert sources(taken).keys == (ntp_sources.Key.NONE_RESOLVES,)
    assert "(nowhere.invalid)" in sources(taken).summary
    assert state(taken).keys == (Key.NOT_SYNCHRONISED,)


def test_its_last_update_lies_in_the_future_of_a_clock_that_was_set_back(node, serve):
    wait_until_sure(node(FOLLOW.format(serve())))
    assert_fails(state(take(wall_moved_s=-3600.0)), Key.UPDATE_IN_THE_FUTURE)


def test_it_follows_a_server_to_1980(node, serve):
    running = node(FOLLOW.format(serve(ahead_s=-46 * 365.25 * 86400)))
    running.wait_until_selected()
    real.eventually("not 1980", lambda: 0 < float(tracking(running)[3]) < 400_000_000)
    assert tracking(running)[-1].strip() == "Normal"
    assert_fails(state(take()), Key.SOURCES_BEFORE_2020, "1980")


@pytest.mark.parametrize(("ahead_s", "offset_s"), [(5.0, -5.0), (-5.0, 5.0)])
def test_it_says_normal_while_it_still_slews_seconds_away(node, serve, ahead_s: float, offset_s: float):
    """This is what the sign of the system time means:
    where the servers are ahead, the node is behind.
    """
    port = serve(ahead_s=ahead_s)
    running = node(FOLLOW.format(port))
    real.eventually("no correction", lambda: abs(float(tracking(running)[4])) > 4)
    assert tracking(running)[-1].strip() == "Normal"
    taken = take([port])
    finding = state(taken)
    assert_fails(finding, Key.LARGE_CORRECTION)
    assert finding.seen["offset_s"] == pytest.approx(offset_s, abs=0.6)
    # The references say the same, and sources' own sign too.
    assert taken.skew.skew_s.middle == pytest.approx(offset_s, abs=0.1)
    assert sources(taken).seen["sources"][0]["offset_s"] == pytest.approx(offset_s, abs=0.6)


def test_it_says_normal_with_a_root_distance_of_seconds(node, serve):
    port = serve(ahead_s=0.0, delay_s=4.0)
    running = node(FOLLOW.format(port))
    running.wait_until_selected()
    assert tracking(running)[-1].strip() == "Normal"
    finding = state(take([port]))
    assert_fails(finding, Key.ROOT_DISTANCE, "root delay 2.0", "127.0.0.1")
    assert not unsaid(finding.remedy, "root delay 4.0", "127.0.0.1")


@pytest.fixture
def says() -> Iterator[Callable[..., int]]:
    """``says(root_dispersion_s=10.0)`` starts a server with the right time that says this
    of itself, and returns its port.
    """
    servers = []

    def start(**said: Any) -> int:
        servers.append(ScriptedServer(lambda request: [lie(request, 0.0, **said)], "127.0.0.1", 0))
        return servers[-1].port

    yield start
    for server in servers:
        server.udp.close()


@pytest.mark.parametrize(
    ("server", "reach", "expected"),
    [
        pytest.param(
            {"root_dispersion_s": 10.0},
            "377",
            [ntp_sources.Key.ROOT_DISTANCE, "10.000 s", "above 3 s", "maxdistance"],
            id="a Windows server",
        ),
        pytest.param(
            {"root_delay_s": 40.0},
            "0",
            [ntp_sources.Key.ROOT_DISTANCE, "20.010 s", "root delay 40.000 s", "above 3 s"],
            id="a distance that counts as no answer",
        ),
        pytest.param(
            {"leap": 3, "stratum": 0},
            "0",
            [ntp_sources.Key.NOT_SYNCHRONISED, "leap 3", "stratum 0"],
            id="a server without a source",
        ),
    ],
)
def test_it_does_not_use_what_a_server_answers(node, says, server, reach: str, expected):
    port = says(**server)
    key, *shown = expected
    running = node(FOLLOW.format(port))
    real.eventually("it is not asked", lambda: running.chronyc("-c", "-n", "sources").split(",")[5] == reach)
    taken = take([port])
    finding = sources(taken)
    assert finding.keys == (key,), finding.summary
    assert not unsaid(finding.summary, "chronyd", "127.0.0.1: ", *shown)
    assert (state(taken).state, state(taken).keys) == ("skipped", (Key.NOT_SYNCHRONISED,))


def test_the_kernel_knows_nothing_of_its_synchronisation(node, serve):
    """So it is where something sets the clock behind its back; here because of -x."""
    kernel = clock.collect()
    if kernel["adjtimex"].get("maxerror_us", 0) < 16_000_000:
        pytest.skip("a time daemon steers this machine's clock")
    wait_until_sure(node(FOLLOW.format(serve())))
    assert_fails(state(take(clock=kernel)), Key.KERNEL_CONTRADICTS, "maxerror", "16 s")


@pytest.mark.parametrize(("ahead_s", "shown"), [(5.0, "5.000 s behind"), (-5.0, "5.000 s ahead")])
def test_it_bounds_its_error_by_a_millisecond_and_the_references_show_seconds(node, serve, ahead_s: float, shown: str):
    """Its only server is as wrong as the node; three others are right."""
    wait_until_sure(node(FOLLOW.format(serve())))
    right = [serve(ahead_s=ahead_s) for _ in range(3)]
    for port in right:
        real.eventually("no time yet", lambda port=port: take([port]).skew.skew_s is not None)
    finding = state(take(right))
    assert_fails(finding, Key.REFERENCES_CONTRADICT, "chronyd", "(Normal, stratum 6)", " 3 ", f"{shown} (± ", " 0.00")
