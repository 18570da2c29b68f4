from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import clock_movers

from tests.node_parts import add_command, write

MOVING = [
    "ntpdate pool.ntp.org",
    "/usr/sbin/ntpdate -u -s 192.0.2.1",
    "ntpd -gq",
    "ntpd -n -q -p pool.ntp.org",
    "sntp -S pool.ntp.org",
    "sntp -s pool.ntp.org",
    "rdate -s time.example",
    "rdate time.example",
    "htpdate -s www.example",
    "chronyd -q 'server pool.ntp.org iburst'",
    "chronyc makestep",
    "ntpdate-debian -s",
    "tlsdate -H a.example",
    "vmware-toolbox-cmd timesync enable",
    "hwclock --hctosys",
    "hwclock -s",
    "date -s @1700000000",
    "date -us 12:00",
    "date --set=12:00",
    "timedatectl set-time 12:00",
]
STILL = [
    "ntpdate -q pool.ntp.org",
    "chronyc -a 'burst 4/4'",
    "tlsdate -n -H a.example",
    "vmware-toolbox-cmd timesync status",
    "ntpd -p /run/ntpd.pid -g",
    "sntp pool.ntp.org",
    "rdate -p time.example",
    "htpdate -q www.example",
    "chronyd -Q 'server pool.ntp.org iburst'",
    "chronyc -n tracking",
    "hwclock --systohc",
    "date +%s",
    "date -Iseconds -d yesterday",
    "timedatectl status",
    "which ntpdate",
    "[ -x /usr/sbin/ntpdate ]",
    "command -v ntpdate",
    "systemctl restart ntpdate",
    "logger 'ntpdate; failed'",
    "apt-get install ntpdate",
    "# ntpdate pool.ntp.org",
    "",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(clock_movers)
    assert tested.attempted > 3
    assert tested.failed == 0


@pytest.mark.parametrize("command", MOVING)
def test_a_command_that_moves_the_clock_is_found_wherever_it_stands(command: str):
    (text,) = clock_movers.moving_commands(command)
    assert text.split()[0] == command.split(maxsplit=1)[0]
    for around in (
        "sleep 5; {}",
        "TOKEN=sesame {} > /dev/null 2>&1",
        "curl -H 'Authorization: sesame' example.net && {} || true",
        "sudo nice -n 10 {}",
        "if ! {}; then echo sesame; fi",
        "timeout 30 env KEY=sesame {}",
        'flock -n /run/lock sh -c "{}"',
        "out=$({})",
        "x=`{}`",
        "{} \"$(curl -H 'Authorization: sesame' example.net)\"",
        '{} "`curl -H sesame example.net`"',
        "echo `{}` | logger",
        "{} # sesame",
    ):
        found = clock_movers.moving_commands(around.format(command))
        assert len(found) == 1, around
        assert found[0].startswith(text), around
        assert "sesame" not in found[0]


@pytest.mark.parametrize("command", STILL)
def test_a_command_that_leaves_the_clock_alone_is_not_found(command: str):
    assert clock_movers.moving_commands(command) == []


def test_a_long_command_is_cut():
    (text,) = clock_movers.moving_commands("ntpdate " + "a.example " * 100)
    assert len(text) == 200


def test_a_quote_that_another_line_closes_does_not_end_the_search():
    assert clock_movers.moving_commands("ntpdate a.example 'and") == ["ntpdate a.example 'and"]


def test_every_kind_of_crontab_is_read_with_the_fields_that_it_has(root: Path):
    write(root / "etc/crontab", "MAILTO=root\n# 0 * * * * root ntpdate x\n0 * * * * root ntpdate a.example\n")
    write(root / "etc/cron.d/clock", "@reboot root hwclock -s\n")
    write(root / "var/spool/cron/crontabs/root", "*/5 * * * * chronyc makestep % on stdin\n")
    write(root / "var/spool/cron/root", "0 0 * * * date -s @$(date +\\%s -r /f)\n")
    write(root / "var/spool/cron/tabs/j.doe", "0 0 * * * rdate -s b.example\n")
    write(root / "etc/cron.daily/clock", "#!/bin/sh\n\nntpdate -u c.example\n", 0o755)
    write(root / "etc/periodic/15min/clock", "#!/bin/sh\nntpd -nq\n", 0o755)

    taken = clock_movers.cron(str(root))

    assert taken["unread"] == []
    assert {(entry["path"], entry["line"], entry["text"]) for entry in taken["cron"]} == {
        ("/etc/crontab", 3, "ntpdate a.example"),
        ("/etc/cron.d/clock", 1, "hwclock -s"),
        ("/var/spool/cron/crontabs/root", 1, "chronyc makestep"),
        ("/var/spool/cron/root", 1, "date -s @$"),
        ("/var/spool/cron/tabs/j.doe", 1, "rdate -s b.example"),
        ("/etc/cron.daily/clock", 3, "ntpdate -u c.example"),
        ("/etc/periodic/15min/clock", 2, "ntpd -nq"),
    }


def test_a_secret_in_a_crontabs_variable_is_not_shown(root: Path):
    write(root / "etc/crontab", 'TOKEN = "ntpdate sesame"\n0 * * * * root PASS=sesame ntpdate a.example\n')
    assert clock_movers.cron(str(root))["cron"] == [{"path": "/etc/crontab", "line": 2, "text": "ntpdate a.example"}]


def test_a_script_that_may_not_be_executed_is_left_out_as_run_parts_does(root: Path):
    write(root / "etc/cron.daily/clock", "ntpdate a.example\n", 0o644)
    assert clock_movers.cron(str(root))["cron"] == []


@pytest.mark.parametrize(("name", "debian", "others"), [("ntpdate.sh", 0, 1), ("ntpdate~", 0, 0), ("x.rpmsave", 0, 0)])
def test_a_file_whose_name_cron_does_not_heed_is_left_out(root: Path, name: str, debian: int, others: int):
    write(root / "etc/cron.d" / name, "0 * * * * root ntpdate a.example\n")
    assert len(clock_movers.cron(str(root))["cron"]) == others
    write(root / "etc/debian_version", "12.5\n")
    assert len(clock_movers.cron(str(root))["cron"]) == debian


def test_a_crontab_that_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch):
    write(root / "etc/crontab", "0 * * * * root ntpdate a.example\n")
    (root / "var/spool/cron/crontabs").mkdir(parents=True)
    real_open, real_access = open, clock_movers.os.access

    def refuse(path, *arguments):
        if str(path) == f"{root}/etc/crontab":
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments)

    # These tests run as root, to whom nothing is refused.
    monkeypatch.setattr(clock_movers, "open", refuse, raising=False)
    monkeypatch.setattr(
        clock_movers.os, "access", lambda path, mode: "crontabs" not in str(path) and real_access(path, mode)
    )
    taken = clock_movers.cron(str(root))
    assert taken["cron"] == []
    assert [entry["path"] for entry in taken["unread"]] == ["/etc/crontab", "/var/spool/cron/crontabs"]


TIMERS = """\
Unit=ntpdate.service
Id=ntpdate.timer
LoadState=loaded
ActiveState=active

Unit=logrotate.service
Id=logrotate.timer
LoadState=loaded
ActiveState=active

Unit=old-ntpdate.service
Id=old-ntpdate.timer
LoadState=loaded
ActiveState=inactive
"""
SERVICES = """\
ExecStart={ path=/usr/sbin/logrotate ; argv[]=/usr/sbin/logrotate /etc/logrotate.conf ; ignore_errors=no ; status=0/0 }
Id=logrotate.service
Names=logrotate.service
LoadState=loaded

ExecStartPre={ path=/bin/sleep ; argv[]=/bin/sleep 5 ; ignore_errors=no ; status=0/0 }
ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c KEY=sesame ntpdate -u a.example && hwclock -w ; ignore_errors=no ; status=0/0 }
Id=ntpdate.service
Names=ntpdate.service
LoadState=loaded
"""


@pytest.fixture
def node(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with three timers and no crontab; the folder of its commands."""
    monkeypatch.setattr(clock_movers, "is_manager", lambda: True)
    monkeypatch.setattr(clock_movers, "cron", lambda: {"cron": [], "unread": []})
    write(commands / "timers", TIMERS)
    write(commands / "services", SERVICES)
    add_command(
        commands,
        "systemctl",
        f'echo "$@" >> {commands}/calls\ncase "$*" in *timer*) cat {commands}/timers;; *) cat {commands}/services;; esac',
    )
    add_command(commands, "systemd-detect-virt", "echo none; exit 1")
    return commands


def test_an_active_timer_whose_service_moves_the_clock_is_found_in_two_commands(node: Path):
    taken = clock_movers.collect(5)

    assert taken["timers"] == [
        {"unit": "ntpdate.timer", "activates": "ntpdate.service", "exec": "ntpdate -u a.example"}
    ]
    first, second = (node / "calls").read_text().splitlines()
    assert first.endswith("-- *.timer")
    assert second.endswith("-- logrotate.service ntpdate.service")


def test_a_systemctl_that_fails_is_recorded_and_the_rest_is_taken(node: Path):
    add_command(node, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    taken = clock_movers.collect(5)
    assert taken["timers"] == {"error": "systemctl show: Failed to connect to bus"}
    assert (taken["cron"], taken["virtualization"], taken["vmware_timesync"]) == ([], "none", None)


def test_crontabs_that_cannot_be_read_to_their_end_are_an_error_and_the_rest_is_taken(node: Path, monkeypatch):
    def fail() -> dict:
        raise LookupError("no such thing")

    monkeypatch.setattr(clock_movers, "cron", fail)
    taken = clock_movers.collect(5)
    assert taken["error"] == "LookupError: no such thing"
    assert "cron" not in taken
    assert (node / "calls").exists()
    assert [timer["unit"] for timer in taken["timers"]] == ["ntpdate.timer"]


def test_without_systemd_there_are_no_timers(node: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clock_movers, "is_manager", lambda: False)
    assert clock_movers.collect(5)["timers"] == []
    assert not (node / "calls").exists()


def test_vmwares_tool_is_asked_on_vmware_alone(node: Path):
    add_command(node, "vmware-toolbox-cmd", "echo Disabled; exit 69")
    assert clock_movers.collect(5)["vmware_timesync"] is None

    add_command(node, "systemd-detect-virt", "echo vmware")
    taken = clock_movers.collect(5)
    assert taken["virtualization"] == "vmware"
    assert taken["vmware_timesync"] == {"rc": 69, "stdout": "Disabled\n", "stderr": ""}


@pytest.mark.parametrize(
    ("vendor", "product", "says"),
    [
        ("VMware, Inc.", "VMware Virtual Platform", "vmware"),
        ("innotek GmbH", "VirtualBox", "oracle"),
        ("Microsoft Corporation", "Virtual Machine", "microsoft"),
        ("Microsoft Corporation", "Surface Pro", None),
        ("Dell Inc.", "PowerEdge R640", None),
    ],
)
def test_without_systemd_the_dmi_tells_the_hypervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: str, product: str, says: str | None
):
    monkeypatch.setattr(clock_movers, "installed", lambda _command: False)
    monkeypatch.setattr(clock_movers, "DMI_ID", str(tmp_path))
    write(tmp_path / "sys_vendor", vendor + "\n")
    write(tmp_path / "product_name", product + "\n")
    assert clock_movers._virtualization(1) == says


@pytest.mark.parametrize(
    ("write_beyond", "said"),
    [
        pytest.param(
            lambda cron_d: [write(cron_d / f"job{number}", "") for number in range(clock_movers.MAX_FILES + 1)],
            f"cron has {clock_movers.MAX_FILES + 1} files",
            id="too many files",
        ),
        pytest.param(
            lambda cron_d: write(cron_d / "job", "#" * (1 << 20)),
            "/etc/cron.d/job: a file of cron has more than",
            id="a large file",
        ),
        pytest.param(
            lambda cron_d: [write(cron_d / f"job{number}", "#" * 250_000) for number in range(20)],
            "or all have more than",
            id="files that are large together",
        ),
        pytest.param(
            lambda cron_d: write(cron_d / "job", "* * * * * root date " + "x" * clock_movers.MAX_LINE),
            "a line has more than",
            id="a long line",
        ),
        pytest.param(
            lambda cron_d: write(cron_d / "job", "* * * * * root " + "sh -c " * 100 + "date -s x"),
            "nested more than",
            id="commands in commands",
        ),
    ],
)
def test_crontabs_beyond_a_limit_are_not_judged_in_part(root: Path, write_beyond, said: str):
    write_beyond(root / "etc/cron.d")
    with pytest.raises(ValueError, match=said):
        clock_movers.cron(str(root))
