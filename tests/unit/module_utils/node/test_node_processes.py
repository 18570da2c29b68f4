from __future__ import annotations

import doctest
import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes

CHRONYD = "46df:F:hl:L:mnpP:qQrRst:u:Uvx"


def add_process(
    proc: Path,
    pid: int,
    comm: str,
    *argv: str,
    exe: str | None = None,
    cgroup: str | None = None,
    uids: str = "0\t0",
    state: str = "S (sleeping)",
    parent: int = 1,
    capabilities: int | None = None,
    users: str | None = None,
    pids: str | None = None,
) -> None:
    """A process as /proc shows it; without ``exe`` as another user's."""
    folder = proc / str(pid)
    (folder / "ns").mkdir(parents=True)
    if users:
        (folder / "ns/user").symlink_to(users)
    (folder / "comm").write_text(f"{comm}\n")
    (folder / "status").write_text(
        f"Name:\t{comm}\nUmask:\t0022\nState:\t{state}\nPPid:\t{parent}\nUid:\t{uids}\t0\t0\nGid:\t0\t0\t0\t0\n"
        + ("" if pids is None else f"NSpid:\t{pids}\n")
        + ("VmSize:\t    2484 kB\n" if argv else "")
        + ("" if capabilities is None else f"CapInh:\t{0:016x}\nCapPrm:\t{capabilities:016x}\nCapEff:\t{0:016x}\n")
    )
    (folder / "cmdline").write_text("".join(f"{word}\0" for word in argv))
    if exe:
        (folder / "exe").symlink_to(exe)
    if cgroup is not None:
        (folder / "cgroup").write_text(cgroup)
    if not (proc / "1").exists():  # each PID namespace has one
        add_process(proc, 1, "init", "/sbin/init", parent=0)


def test_the_docstrings_example_holds():
    tested = doctest.testmod(processes)
    assert tested.attempted > 0
    assert tested.failed == 0


@pytest.mark.parametrize(
    ("comm", "argv"),
    [
        ("chronyd", ["/usr/sbin/chronyd", "-F", "1"]),
        ("ntpd", ["/usr/sbin/ntpd", "-p", "/run/ntpd.pid", "-c", "/etc/ntpsec/ntp.conf", "-g", "-N"]),
        ("openntpd", ["openntpd: ntp engine"]),
        ("busybox", ["busybox", "ntpd", "-n"]),
        ("ntp-daemon", ["/usr/bin/ntp-daemon"]),
        ("systemd-timesyn", ["/lib/systemd/systemd-timesyncd"]),
        ("ptp4l", ["/usr/sbin/ptp4l", "-f", "/etc/linuxptp/ptp4l.conf", "-i", "eth0"]),
        ("phc2sys", ["/usr/sbin/phc2sys", "-w", "-s", "eth0"]),
        ("timemaster", ["/usr/sbin/timemaster", "-f", "/etc/linuxptp/timemaster.conf"]),
        ("htpdate", ["/usr/sbin/htpdate", "-D", "-s", "www.example.com"]),
        ("vmtoolsd", ["/usr/bin/vmtoolsd"]),
        ("VBoxService", ["/usr/sbin/VBoxService", "--pidfile", "/run/vboxadd-service.sh"]),
    ],
)
def test_what_can_move_a_clock_is_found(tmp_path: Path, comm: str, argv: list[str]):
    add_process(tmp_path, 7, comm, *argv, exe=f"/usr/sbin/{comm}", cgroup="0::/system.slice/x.service\n")
    assert processes.scan(str(tmp_path)).time_daemons == [
        {
            "pid": 7,
            "comm": comm,
            "argv": argv,
            "exe": f"/usr/sbin/{comm}",
            "cgroup": "/system.slice/x.service",
            "contained": False,
            "may_set_clock": None,
        }
    ]


def test_what_moves_no_clock_or_has_ended_is_left_out_and_what_may_not_be_seen_is_null(tmp_path: Path):
    add_process(tmp_path, 1, "busybox", "busybox", "syslogd")
    add_process(tmp_path, 2, "bash", "bash")
    add_process(tmp_path, 3, "ntpd", "ntpd")
    (tmp_path / "4").mkdir()  # it ended between the listing and the reading

    assert processes.scan(str(tmp_path)).time_daemons == [
        {
            "pid": 3,
            "comm": "ntpd",
            "argv": ["ntpd"],
            "exe": None,
            "cgroup": None,
            "contained": False,
            "may_set_clock": None,
        }
    ]


def test_what_is_not_yet_or_no_longer_a_daemon_is_left_out(tmp_path: Path):
    add_process(tmp_path, 1, "chronyd", "/usr/sbin/chronyd", "-F", "1")
    add_process(tmp_path, 2, "chronyd", state="Z (zombie)")
    add_process(tmp_path, 3, "chronyd")  # the kernel has named it and not yet given it its arguments
    assert [found["pid"] for found in processes.scan(str(tmp_path)).time_daemons] == [1]


@pytest.mark.parametrize(
    "options",
    [["-v"], ["--version"], ["-h"], ["-p", "-f", "/etc/chrony.conf"], ["-t5", "-Q", "server ntp.example iburst"]],
)
def test_a_chronyd_that_prints_and_ends_is_no_daemon(tmp_path: Path, options: list[str]):
    """The probes run such themselves, side by side."""
    add_process(tmp_path, 1, "chronyd", "chronyd", *options)
    add_process(tmp_path, 2, "chronyd", "chronyd", "-x", "-f", "/srv/hpQv.conf")
    assert [found["pid"] for found in processes.scan(str(tmp_path)).time_daemons] == [2]


def test_a_process_whose_user_the_kernel_does_not_show_hides_no_other(tmp_path: Path):
    add_process(tmp_path, 1, "chronyd", "/usr/sbin/chronyd")
    add_process(tmp_path, 2, "chronyd", "/usr/sbin/chronyd")
    status = tmp_path / "1/status"
    status.write_text(status.read_text().replace("Uid:\t0\t0\t0\t0\n", ""))
    assert [found["pid"] for found in processes.scan(str(tmp_path)).time_daemons] == [2]


def test_a_containers_daemon_is_known_without_root_too_by_its_second_number(tmp_path: Path):
    """Whose namespace it is, /proc shows to root and to the process's own user alone."""
    add_process(tmp_path, 3, "chronyd", "chronyd", pids="3\t1")
    add_process(tmp_path, 4, "chronyd", "chronyd", pids="4")
    assert [found["contained"] for found in processes.scan(str(tmp_path)).time_daemons] == [True, False]


def test_if_other_users_processes_are_hidden_nothing_is_said_of_them(tmp_path: Path):
    add_process(tmp_path, 7, "python3", "python3")
    shutil.rmtree(tmp_path / "1")
    with pytest.raises(PermissionError, match="hidepid"):
        processes.scan(str(tmp_path))


def test_an_ordinary_users_process_has_only_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    add_process(tmp_path, 1, "chronyd", "chronyd", "-f", "/etc/shadow", uids="1000\t1000")
    add_process(tmp_path, 2, "chronyd", "chronyd", "-f", "/etc/shadow", uids="1000\t0")  # a set-user-ID program
    add_process(tmp_path, 3, "chronyd", "/usr/sbin/chronyd", uids="101\t101")
    add_process(tmp_path, 4, "systemd-timesyn", "systemd-timesyncd", uids="62803\t62803")  # of DynamicUser=
    assert [found["pid"] for found in processes.scan(str(tmp_path)).time_daemons] == [3, 4]

    monkeypatch.setattr(os, "getuid", lambda: 1000)  # who reads what he may read himself
    assert [found["pid"] for found in processes.scan(str(tmp_path)).time_daemons] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("0::/kubepods.slice/pod1\n", "/kubepods.slice/pod1"),
        ("2:cpu,cpuacct:/\n1:name=systemd:/system.slice/ntp.service\n", "/system.slice/ntp.service"),
        ("5:devices:/chronyd\n", None),
        ("", None),
    ],
)
def test_the_cgroup_is_that_of_version_2_or_systemds_own(text: str, path: str | None):
    assert processes.cgroup(text) == path


def ntpd(pid: int, *argv: str, comm: str = "ntpd", exe: str | None = "/usr/sbin/ntpd") -> dict:
    return {"pid": pid, "comm": comm, "argv": list(argv), "exe": exe, "cgroup": None, "contained": False}


@pytest.mark.parametrize(
    ("running", "whose"),
    [
        ([ntpd(1, "/usr/sbin/ntpd", "-g"), ntpd(2, "/usr/sbin/ntpd", "-g")], "ntpd"),
        # As Debian's openntpd shows itself.
        (
            [
                ntpd(1, "/usr/sbin/ntpd", "-f", "/etc/openntpd/ntpd.conf"),
                ntpd(2, "ntpd: ntp engine"),
                ntpd(3, "ntpd: dns engine"),
            ],
            "openntpd",
        ),
        ([ntpd(1, "/usr/sbin/openntpd", comm="openntpd")], "openntpd"),
        ([ntpd(1, "busybox", "ntpd", comm="busybox", exe=None)], "busybox"),
        ([ntpd(1, "/usr/sbin/ntpd", "-N", "-p", "pool.ntp.org", exe="/bin/busybox")], "busybox"),
    ],
)
def test_the_programs_called_ntpd_are_distinguished(running: list[dict], whose: str):
    expected: dict = {"ntpd": [], "openntpd": [], "busybox": []}
    assert processes.ntpds(running) == {**expected, whose: running}
    for daemon in expected:
        assert processes.whose(running, daemon) == ((running, False) if daemon == whose else ([], True))


def test_options_are_read_as_the_program_reads_them():
    def given(*argv: str) -> tuple:
        return tuple(processes.option(["chronyd", *argv], CHRONYD, letter) for letter in "fx")

    assert given("-F", "1", "-f", "/a", "-f", "/b") == ("/b", None)
    assert given("-dxf", "/a") == ("/a", "")
    assert given("-F1", "-f/a", "server example.com") == ("/a", None)
    assert given("-F", "-x") == (None, None)  # the value of -F
    assert given("-Z", "-f", "/a", "-x") == ("/a", "")  # -Z is an option of a version to come
    assert processes.option(["ntpd", "--configfile=/a", "-g"], "c:g", "c", ("configfile",)) == "/a"


SYS_TIME, EVERYTHING = 1 << 25, (1 << 41) - 1
NODE, BELOW = "user:[4026531837]", "user:[4026532999]"


def test_what_may_set_the_clock_is_found_by_its_capability(tmp_path: Path):
    add_process(tmp_path, 1, "systemd", "/sbin/init", capabilities=EVERYTHING, users=NODE)
    add_process(
        tmp_path, 2, "kthreadd", capabilities=EVERYTHING, users=NODE
    )  # the kernel's have no arguments and no memory
    add_process(tmp_path, 10, "cron", "cron", capabilities=EVERYTHING, users=NODE)
    add_process(tmp_path, 11, "cron", "cron", capabilities=EVERYTHING, users=NODE)
    add_process(tmp_path, 12, "hardened", "hardened", capabilities=EVERYTHING & ~(1 << 16), users=NODE)
    add_process(tmp_path, 20, "mytimed", "mytimed", capabilities=SYS_TIME, cgroup="0::/system.slice/m.service\n")
    add_process(tmp_path, 21, "mytimed", "mytimed", capabilities=SYS_TIME | 1, uids="1000\t1000", users=NODE)
    add_process(tmp_path, 22, "web", "web", capabilities=EVERYTHING & ~SYS_TIME, users=NODE)
    add_process(
        tmp_path, 23, "below", "below", capabilities=EVERYTHING, users=BELOW
    )  # root of a separate user namespace
    add_process(tmp_path, 24, "untold", "untold")
    add_process(tmp_path, 30, "chronyd", "chronyd", capabilities=SYS_TIME, users=NODE)
    add_process(tmp_path, 31, "chronyd", "chronyd", capabilities=0, users=NODE)
    add_process(tmp_path, 32, "chronyd", "chronyd", capabilities=SYS_TIME, users=BELOW)
    add_process(tmp_path, os.getpid(), "python3", "python3", parent=40, capabilities=EVERYTHING, users=NODE)
    add_process(tmp_path, 40, "sshd", "sshd", parent=1, capabilities=EVERYTHING, users=NODE)
    add_process(tmp_path, 41, "chronyc", "chronyc", parent=os.getpid(), capabilities=EVERYTHING, users=NODE)
    (tmp_path / "self").symlink_to(str(os.getpid()))

    found = processes.scan(str(tmp_path))

    given = {"comm": "mytimed", "pid": 20, "processes": 2, "cgroup": "/system.slice/m.service"}
    assert found.may_set_clock == {"given": [given], "privileged": ["cron", "hardened"]}
    assert [daemon["may_set_clock"] for daemon in found.time_daemons] == [True, False, False]


def test_names_beyond_the_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "MAX_HOLDERS", 2)
    for pid in range(10, 20):
        add_process(tmp_path, pid, f"given{pid}", "x", capabilities=SYS_TIME)
        add_process(tmp_path, pid + 10, f"root{pid}", "x", capabilities=EVERYTHING)
    found = processes.scan(str(tmp_path)).may_set_clock
    assert [holder["comm"] for holder in found["given"]] == ["given10", "given11"]
    assert found["privileged"] == ["root10", "root11"]
