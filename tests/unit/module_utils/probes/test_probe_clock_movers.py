from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import scripts, shell, wrappers
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
    "timedatectl set-local-rtc 1 --adjust-system-clock",
    "ntpd -nqp pool.ntp.org",
    "ntpd --quit -g",
    "sntp -dS pool.ntp.org",
    "msntp -r pool.ntp.org",
    "msntp -a pool.ntp.org",
    "ntpclient -s -h pool.ntp.org",
    "ntpclient -h pool.ntp.org -c 1 -s",
    "chronyd -rq -f /etc/chrony.conf",
    "chronyc -m 'settime 12:00' tracking",
    "hwclock --hctosys --utc",
    "hwclock -us",
    "clock -s",
    "fake-hwclock load force",
    "swclock /var/lib/misc/openrc-shutdowntime",
    "date 1128200020",
    "date 112820002026",
    "date -u 112820002026.30",
    "date 11282000",
    "date --se 12:00",
    "date -u -s '2026-11-28 20:00'",
    "date -D %s -s 1795900000",
    "date -u 2026.11.28-20:00:30",
    "adjtimex --tick 10001",
    "adjtimex -t 9999 -f 0",
    "adjtimex --singleshot=5000",
    "ntptime -f 12.5",
    "tickadj 10001",
    "phc_ctl CLOCK_REALTIME set 1795900000",
    "phc_ctl -q CLOCK_REALTIME -- adj -0.5",
    "net time set -S dc.example",
    "rdate -n -u time.example",
    "ptpd -s -i eth0",
    "date $(ssh a.example date +%m%d%H%M%Y)",
    "systemctl --no-block restart ntpdate.service",
    "service ntpdate start",
    "rc-service ntp-client restart",
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
    "timedatectl set-ntp true",
    "ntpd -nqw -p pool.ntp.org",
    "ntpd -p /run/q.pid -c /etc/q",
    "chronyd -xq",
    "chronyd -F 1 -u q",
    "chronyc help makestep",
    "msntp pool.ntp.org",
    "ntpclient -h s -c 1",
    "hwclock -w",
    "hwclock --test --hctosys",
    "date $(test -d /x && echo -v-1d || echo -d yesterday) +%F",
    "function ntpdate { true; }",
    "echo '$(ntpdate a.example)'",
    "echo '\"$(ntpdate a.example)\"'",
    'echo "\\$(ntpdate a.example)"',
    'echo "$(which ntpdate)"',
    "echo tracking | chronyc",
    "python3 -c 'print(\"ntpdate a.example\")'",
    "hwclock --systz",
    "hwclock -f /dev/rtcs -r",
    "fake-hwclock save",
    "swclock --save /var/lib/x",
    "date",
    "date -u",
    "date '+%F %T'",
    "date -d 20261128",
    "date -d '2026-11-28 20:00' +%s",
    "date -r /etc/hostname",
    "date -R > /var/log/x",
    "date >20261128",
    "date 2>/dev/null",
    "date --iso-8601=seconds --utc",
    "adjtimex --print",
    "adjtimex -p",
    "ntptime",
    "ntptime -r",
    "tickadj",
    "phc_ctl eth0 set",
    "phc_ctl CLOCK_REALTIME get",
    "phc_ctl CLOCK_REALTIME freq",
    "net time -S dc.example",
    "net time system",
    "ptpd2 -k -c /etc/ptpd2.conf",
    "ptpd -n -i eth0",
    "sudo apt-get install -y ntpdate",
    "timeout 5 systemctl restart chronyd",
    "systemctl status chronyd -q",
    "pgrep ntpd -q",
    "rm -f /var/log/ntpdate.log",
    "flock -n /run/ntpdate true",
    "docker logs ntpdate",
    "docker run -d --name ntpdate image",
    "docker run --rm --name=ntpd -v /usr/sbin/ntpdate:/x image true",
    "docker exec ntpdate chronyc tracking",
    "docker restart ntpdate",
    "docker -H ssh://other exec c ntpdate a.example",
    "kubectl exec ntpdate -- chronyc tracking",
    "kubectl get pod ntpdate",
    "kubectl delete pod -l app=ntpdate",
    "lxc exec ntpdate -- uptime",
    "ip link show ntpdate",
    "ip netns exec ntpdate ping -c 1 a.example",
    "ssh other.example ntpdate a.example",
    "ssh -o ProxyCommand=localhost root@other.example 'date -s 12:00'",
    "find / -name ntpdate -delete",
    "find /var/log -name 'ntpdate*' -exec rm {} +",
    "xargs -a /etc/ntpdate ping",
    "sh /usr/local/bin/x -c ntpdate",
    "su ntpdate -c uptime",
    "sudo -u ntpdate uptime",
    "echo ntpdate | logger",
    "echo 'ntpdate a.example' >> /etc/motd",
    "printf 'date -s x' | mail root",
    "man ntpdate",
    "mail -s ntpdate root",
    "env NTPDATE=/usr/sbin/ntpdate true",
    "update-rc.d ntpdate defaults",
    "strace -o ntpdate true",
    "chroot /host systemctl restart ntpd",
    "curl https://net/date",
    "which ntpdate",
    "[ -x /usr/sbin/ntpdate ]",
    "command -v ntpdate",
    "systemctl status ntpdate",
    "systemctl stop ntpdate.service",
    "service chrony restart",
    "systemctl -p start show ntpdate",
    "logger 'ntpdate; failed'",
    "apt-get install ntpdate",
    "# ntpdate pool.ntp.org",
    "",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path


@pytest.mark.parametrize("module", [clock_movers, scripts, shell, wrappers])
def test_the_docstrings_examples_hold(module):
    tested = doctest.testmod(module)
    assert tested.attempted > 1
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


WRAPPERS = [
    "sudo -u root {}",
    "sudo -n -E TZ=UTC {}",
    "sudo --user root -- {}",
    "doas {}",
    "nice -10 {}",
    "nice -n 19 ionice -c2 -n7 {}",
    "ionice -c 3 {}",
    "chrt -f 10 {}",
    "timeout -k 5 30 {}",
    "timeout --signal=KILL --kill-after 5 30s {}",
    "nohup setsid {} &",
    "env -i A=b PATH=/bin {}",
    "env - {}",
    "env -u TZ -C / {}",
    "exec {}",
    "exec -a x {}",
    "command {}",
    "command -p {}",
    "time -p {}",
    "chronic {}",
    "stdbuf -oL -e 0 {}",
    "taskset -c 0,1 {}",
    "taskset 0x1 {}",
    "numactl --cpunodebind=0 -m 0 {}",
    "numactl --membind 0 {}",
    "cgexec -g cpu:x {}",
    "strace -f -o /tmp/x {}",
    "setarch x86_64 -R {}",
    "setarch -R {}",
    "linux64 {}",
    "linux32 --32bit {}",
    "unshare -n --mount {}",
    "unshare --propagation private -m {}",
    "nsenter -t 1 -m -u -n -i -- {}",
    "nsenter --target 1 --mount {}",
    "nsenter -t1 -a {}",
    "nsenter -m/proc/1/ns/mnt -n/proc/1/ns/net {}",
    "pkexec --user root {}",
    "runcon -t unconfined_t {}",
    "runcon u:r:t:s0 {}",
    "aa-exec -p unconfined -- {}",
    "eatmydata {}",
    "s6-setlock /run/l {}",
    "nsenter --mount=/proc/1/ns/mnt -- sh -c '{}'",
    "chroot /host {}",
    "chroot --userspec=0:0 /host {}",
    "systemd-run --unit x -p Nice=1 --on-calendar daily {}",
    "systemd-run -q --wait --pipe {}",
    "systemd-inhibit --what=sleep {}",
    "systemd-cat -t x {}",
    "setpriv --reuid 0 --regid=0 --clear-groups {}",
    "prlimit --nofile=10 {}",
    "firejail --noprofile {}",
    "busybox {}",
    "/bin/busybox timeout 5 {}",
    "setuidgid root {}",
    "gosu root {}",
    "runuser -u root -- {}",
    "ip netns exec blue {}",
    "ip vrf exec mgmt {}",
    "docker exec -it -u root -e A=b c {}",
    "docker exec --workdir / c {}",
    "docker run --rm --privileged --net=host -v /:/host alpine chroot /host {}",
    "docker run --rm --cap-add SYS_TIME --name ntp registry.example/ntp:1 {}",
    "docker --context default container run -it alpine {}",
    "docker compose -f /srv/x.yml exec -T c {}",
    "docker-compose -p x run --rm c {}",
    "podman run --rm --privileged --pid host alpine nsenter -t 1 -m {}",
    "nerdctl -n k8s.io exec c {}",
    "kubectl -n kube-system exec pod -c ntp -- {}",
    "kubectl exec --namespace kube-system -it deploy/ntp -- {}",
    "k3s kubectl exec pod -- {}",
    "kubectl debug node/n -it --image=busybox -- chroot /host {}",
    "oc debug node/n -- chroot /host {}",
    "crictl exec -it 0f3a {}",
    "crictl --runtime-endpoint unix:///run/x.sock exec 0f3a {}",
    "ctr -n k8s.io tasks exec --exec-id x c {}",
    "ctr run --rm --privileged docker.io/library/alpine:3 c {}",
    "lxc-attach -n c -- {}",
    "lxc-attach --name c {}",
    "incus exec c -- {}",
    "lxc exec c --env A=b -- {}",
    "pct exec 101 -- {}",
    "machinectl shell root@c {}",
    "xargs -r -n 1 {}",
    "find /run -name x -exec {} \\;",
    "capsh --user=root -- -c '{}'",
    "su -c '{}'",
    "su - root -c '{}'",
    "su root -s /bin/sh -c '{}'",
    "su --command='{}' root",
    "sg ntp -c '{}'",
    "bash -lc '{}'",
    "bash -euo pipefail -c '{}'",
    "bash --noprofile -c '{}'",
    "/bin/sh -ec '{}'",
    "busybox sh -c '{}'",
    "flock -w 10 /run/l {}",
    "flock /run/l -c '{}'",
    "script -qec '{}' /dev/null",
    "script /dev/null -c '{}'",
    "env -S '{}'",
    "eval '{}'",
    "watch -n 60 '{}'",
    "watch --interval 60 {}",
    "parallel -j 1 '{}'",
    "ssh localhost {}",
    "ssh -i /k -o BatchMode=yes root@127.0.0.1 '{}'",
    "echo '{}' | at now + 1 minute",
    'echo "{}" | sh',
    "docker exec $(docker ps -q -f name=ntp) {}",
    "docker exec -e A=$(cat /etc/a) c {}",
    "docker exec `docker ps -q` {}",
    "kubectl exec $(kubectl get pod -o name | head -1) -- {}",
    "nsenter -t `pidof x` -m -- {}",
    "(cd / && {})",
    "x=$(cd $(pwd); {})",
    "2>/dev/null {}",
    ">/dev/null 2>&1 {}",
    "case x in x) {} ;; esac",
    "function set_clock {{ {}; }}",
    'x="$({})"',
    'echo "said: `{} 2>&1`" | logger',
    'echo "it\'s $(echo "$({})")"',
    "python3 -c 'import os; os.system(\"{}\")'",
    "perl -we 'system \"{}\"'",
    "while ! {}; do sleep 1; done",
]


@pytest.mark.parametrize("around", WRAPPERS)
@pytest.mark.parametrize("command", ["/usr/sbin/ntpdate -u a.example", "date -s @1700000000"])
def test_a_command_that_moves_the_clock_is_found_behind_every_wrapper(around: str, command: str):
    (text,) = clock_movers.moving_commands(around.format(command))
    assert text.split()[:3] == command.split()[:3]


@pytest.mark.parametrize("around", WRAPPERS)
def test_a_wrapper_of_an_innocent_command_is_innocent(around: str):
    assert clock_movers.moving_commands(around.format("apt-get install ntpdate")) == []


def test_a_containers_entry_point_is_its_command():
    line = "docker run --rm --entrypoint ntpdate image -u a.example"
    assert clock_movers.moving_commands(line) == ["ntpdate -u a.example"]


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
    write(root / "etc/anacrontab", "SHELL=/bin/sh\n# 1 5 x date -s x\n7\t10\tclock.weekly\tnice ntpdate d.example\n")
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
        ("/etc/anacrontab", 3, "ntpdate d.example"),
        ("/var/spool/cron/crontabs/root", 1, "chronyc makestep"),
        ("/var/spool/cron/root", 1, "date -s @$"),
        ("/var/spool/cron/tabs/j.doe", 1, "rdate -s b.example"),
        ("/etc/cron.daily/clock", 3, "ntpdate -u c.example"),
        ("/etc/periodic/15min/clock", 2, "ntpd -nq"),
    }


def test_a_command_that_goes_on_in_the_next_line_is_one(root: Path):
    write(
        root / "etc/cron.daily/clock",
        "#!/bin/sh\nset -e\ndocker run --rm \\\n  --privileged image \\\n  date -s x\n",
        0o755,
    )
    write(
        root / "etc/cron.d/clock", "0 * * * * root docker run \\\n0 * * * * root image date -s x\n"
    )  # not in a crontab
    assert clock_movers.cron(str(root))["cron"] == [{"path": "/etc/cron.daily/clock", "line": 3, "text": "date -s x"}]


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


def test_a_crontab_that_is_removed_meanwhile_is_not_missed(root: Path, monkeypatch: pytest.MonkeyPatch):
    write(root / "etc/cron.d/clock", "0 * * * * root ntpdate a.example\n")
    every = clock_movers._files

    def then_removed(*given):
        found = every(*given)
        (root / "etc/cron.d/clock").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(clock_movers, "_files", then_removed)
    assert clock_movers.cron(str(root)) == {"cron": [], "unread": []}


@pytest.fixture
def hardened(root: Path) -> Path:
    """As the CIS benchmarks have it: cron's folders are root's alone."""
    write(root / "etc/crontab", "0 * * * * root true\n", 0o600)
    write(root / "etc/cron.d/clock", "0 * * * * root ntpdate a.example\n")
    write(root / "etc/cron.daily/clock", "#!/bin/sh\nntpdate a.example\n", 0o700)
    write(root / "etc/cron.hourly/clock", "#!/bin/sh\nntpdate a.example\n", 0o700)
    write(root / "etc/periodic/15min/clock", "#!/bin/sh\nntpdate a.example\n", 0o755)
    write(root / "root/clock", "#!/bin/sh\nntpdate a.example\n", 0o755)
    (root / "root").chmod(0o700)
    (root / "etc/cron.weekly").mkdir()
    (root / "etc/cron.weekly/clock").symlink_to(root / "root/clock")
    for name in ("cron.d", "cron.hourly", "periodic"):
        (root / "etc" / name).chmod(0o700)
    return root


@pytest.fixture
def nobody(hardened: Path):
    """The test is another user than root, who owns none of the node's files."""
    for folder in (hardened, *hardened.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)  # pytest's own folders
    own = os.geteuid()
    if own:
        pytest.skip("takes root, to become another user")
    os.setresuid(65534, 65534, 0)
    yield
    os.setresuid(own, own, own)


@pytest.mark.usefixtures("nobody")
def test_what_only_root_may_list_or_read_of_cron_is_named(hardened: Path):
    taken = clock_movers.cron(str(hardened))
    assert taken["cron"] == []
    assert {entry["path"] for entry in taken["unread"]} == {
        "/etc/crontab",
        "/etc/cron.d",
        "/etc/cron.daily/clock",  # it is root's to read and to run, so cron runs it
        "/etc/cron.hourly",
        "/etc/cron.weekly/clock",  # a link into a folder that only root may enter
        "/etc/periodic",
    }


def test_root_reads_all_of_it(hardened: Path):
    taken = clock_movers.cron(str(hardened))
    assert taken["unread"] == []
    assert [entry["path"] for entry in taken["cron"]] == [
        "/etc/cron.d/clock",
        "/etc/cron.hourly/clock",
        "/etc/cron.daily/clock",
        "/etc/cron.weekly/clock",
        "/etc/periodic/15min/clock",
    ]


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
def test_without_systemd_the_dmi_shows_the_hypervisor(
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
            "a line has more than 16384 characters, and date among them$",
            id="a long line",
        ),
        pytest.param(
            lambda cron_d: write(cron_d / "job", "* * * * * root " + "sh -c " * 100 + "date -s x"),
            "nested more than 20 times$",
            id="commands in commands",
        ),
    ],
)
def test_crontabs_beyond_a_limit_are_not_judged_in_part(root: Path, write_beyond, said: str):
    write_beyond(root / "etc/cron.d")
    with pytest.raises(ValueError, match=said):
        clock_movers.cron(str(root))


@pytest.mark.parametrize("said", ["makestep", "password sesame\\nmakestep"])
def test_a_command_that_chronyc_reads_is_found_without_what_stands_beside_it(said: str):
    assert clock_movers.moving_commands(f"printf '{said}' | chronyc -a") == ["chronyc makestep"]


SCRIPTS = {
    "python": (
        "#!/usr/bin/env python3",
        [
            'os.system("ntpdate a.example")',
            "os.system('date -s \\'%s\\'' % now)",
            'subprocess.call(["ntpdate", "-u", server])',
            "subprocess.run(['/sbin/hwclock', '--hctosys'], check=True)",
            "subprocess.Popen(f\"sudo date -s '{now}'\", shell=True)",
            'if check_output(["sudo", "chronyc", "makestep"]): pass',
        ],
        [
            'print("ntpdate")',
            'log.info("date -s failed")',
            'subprocess.check_output(["date", "+%s"])',
            'subprocess.run(["ntpdate", "-q", server])',
            'subprocess.call(["apt-get", "install", "ntpdate"])',
            '# os.system("ntpdate a.example")',
            "as `ntpdate a.example` does",
            "packages = ('ntpdate')",
        ],
    ),
    "perl": (
        "#!/usr/bin/perl -w",
        [
            'system("/usr/sbin/ntpdate a.example");',
            "system('date', '-s', $now);",
            "my $said = `ntpdate a.example 2>&1`;",
            "my $said = qx{ntpdate a.example};",
            'exec "rdate", "a.example";',
        ],
        ['print "ntpdate a.example\\n";', "my $now = `date +%s`;", 'die "ntpdate" unless -x "/usr/sbin/ntpdate";'],
    ),
}


@pytest.mark.parametrize(
    ("first_line", "line", "moves"),
    [
        (first_line, line, moves)
        for first_line, *lines in SCRIPTS.values()
        for moves, some in zip((True, False), lines, strict=True)
        for line in some
    ],
)
def test_a_script_that_is_none_of_a_shells_moves_the_clock_by_what_it_calls(
    root: Path, first_line: str, line: str, moves: bool
):
    write(root / "etc/cron.daily/job", f"{first_line}\n{line}\n", 0o755)
    assert [found["line"] for found in clock_movers.cron(str(root))["cron"]] == [2] * moves


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/cron.daily/job", "#!/bin/sh\nNTPDATE=/usr/sbin/ntpdate\n[ -x $NTPDATE ] && ${NTPDATE} -u a.example\n"),
        ("etc/cron.daily/job", "#!/bin/sh\nexport N='/usr/sbin/ntpdate -u'\nif ! $N a.example; then exit 1; fi\n"),
        ("etc/cron.daily/job", 'N=/usr/sbin/ntpdate\nCMD="$N -u a.example"\n$CMD\n'),
        ("etc/cron.d/job", 'N="/usr/sbin/ntpdate -u"\n# each hour\n@hourly root $N a.example\n'),
    ],
)
def test_a_program_that_a_variable_names_is_found(root: Path, path: str, text: str):
    write(root / path, text, 0o755)
    (found,) = clock_movers.cron(str(root))["cron"]
    assert found == {"path": f"/{path}", "line": 3, "text": "/usr/sbin/ntpdate -u a.example"}


def test_variables_do_not_make_a_small_script_large():
    text = f"N=ntpdate{'x' * 90}\nM=ntpdate\nM='ntpdate {'x' * 90}'\n" + "$M" * 100_000
    assert len(scripts.with_programs(text, {"ntpdate"})) < len(text) + 2 * scripts.MAX_REPLACED * scripts.MAX_VALUE


def test_what_is_refused_shows_nothing_of_the_line(root: Path):
    write(root / "etc/cron.d/job", "* * * * * root KEY=sesame date " + "x" * clock_movers.MAX_LINE)
    with pytest.raises(ValueError, match="date among them") as refused:
        clock_movers.cron(str(root))
    assert "sesame" not in str(refused.value)
