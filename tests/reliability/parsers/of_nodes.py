"""What a probe reads on the node itself: files, /proc, answers of commands, of servers and of APIs.

What it raises becomes the section's ``error``. So only ValueError is declared, with which a probe
refuses a text that is too large to be shown as a whole, and OSError of a file; anything else is an
accident.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.module_utils.node import (
    git_answer,
    https,
    installation_token,
    named,
    processes,
    redaction,
    redirects,
    scripts,
    shell,
    systemd,
)
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import (
    api_date,
    boot,
    chrony,
    clock_movers,
    github_apps,
    join_state,
    ntp,
    ntpd,
    nts,
    platform,
    time_services,
)

from tests.builders import NONCE, TRUE_NS, ntp_reply
from tests.reliability.parsers.of_daemons import CONF, DIRECTIVES, REPLIES
from tests.reliability.parsers.of_github import SHARED_MEMORY
from tests.reliability.parsers.target import PART, Target, of_text, parts, samples, words


def _chrony_files(text: str) -> object:
    """chrony's files, with what they draw in, and what they name."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        for name, each in zip(("chrony.conf", "conf.d/1.conf", "sources.d/1.sources"), parts(text, 3), strict=True):
            file = Path(folder) / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(each.replace("/etc/chrony/", ""), encoding="utf-8")
        read = chrony.read_configuration(f"{folder}/chrony.conf", folder)
        lines = chrony.directives(read["files"])
        servers = nts.nts_servers(lines)
        return read, chrony.key_file(read["files"], folder), named.named(lines, {}, folder), servers


def _chrony_options(text: str) -> object:
    """A file of the service's environment, and what chronyd would do with it."""
    file = {"path": "/etc/default/chrony", "text": text, "mtime_s": 1.0}
    own = chrony._options(text)
    argv = ["chronyd", *own]
    letters = processes.CHRONYD_LETTERS
    given = processes.operands(argv, letters)
    return (
        chrony.ending_options([], [file]),
        processes.whole_directives(given),
        [processes.option(argv, letters, letter) for letter in "fxuF"],
    )


def _chronyd_said(text: str) -> object:
    return chrony._version(text), chrony._features(text)


def _ntp_conf(text: str) -> object:
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        file = Path(folder) / "ntp.conf"
        file.write_text(text, encoding="utf-8")
        return ntpd.read_configuration(str(file))


def _systemctl(text: str) -> object:
    """What systemctl shows of units, as each probe reads it."""
    shown = systemd.parse_show(text)
    services = time_services._units([{"Names": "", **each} for each in shown])
    unit = chrony._unit(shown)
    argv = chrony._argv_of_unit(unit, [])
    movers = [
        text
        for each in shown
        for line in systemd.commands(each.get("ExecStart", ""))
        for text in clock_movers.moving_commands(line)
    ]
    return services, [boot._unit(each) for each in shown], argv, movers


def _proc(text: str) -> object:
    """Processes as /proc shows them: of each its status, its command line and its cgroups."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        (Path(folder) / "1").mkdir()
        (Path(folder) / "1/status").write_text("Name:\tinit\n", encoding="utf-8")
        for number, process in enumerate(text.split("\n===\n")[:40], 2):
            place = Path(folder) / str(number)
            place.mkdir()
            for name, each in zip(("status", "cmdline", "cgroup"), parts(process, 3), strict=True):
                (place / name).write_text(each.replace("\n\0", "\0"), encoding="utf-8")
        running = processes.scan(folder)
        own = processes.ntpds(running.time_daemons)
        return (
            own,
            join_state.collect(running.cluster, folder, folder),
            [processes.whose(running.time_daemons, name) for name in ("ntpd", "openntpd")],
        )


def _crontab(text: str) -> object:
    """Crontabs and scripts, as the probe reads one line after another."""
    replaced = scripts.with_programs(text, clock_movers.MOVERS)
    lines = replaced.splitlines()
    written_in = scripts.language(lines[0]) if lines else ""
    commands = [clock_movers.cron_command(line, has_user=True) for line in lines]
    commands += [clock_movers.anacron_command(line) for line in lines]
    commands += [line for _number, line in clock_movers._continued(lines)]
    calls = [clock_movers.moving_calls(line, written_in or "perl") for line in lines]
    return calls, [clock_movers.moving_commands(command) for command in commands]


def _line_of_shell(text: str) -> object:
    line = text.replace("\n", " ")[: clock_movers.MAX_LINE]
    split = [command for command, _piped in shell.simple_commands(shell.with_parentheses(line))]
    shell.in_double_quotes(line)
    return [clock_movers._moving(each, 0) for each in split], clock_movers.moving_commands(line)


def _system(text: str) -> object:
    """/etc/os-release, dpkg's status and a process's cgroups."""
    return platform.os_release(text), platform.CHRONYS_STATE.findall(text), processes.cgroup(text)


def _ntp(reply: bytes) -> object:
    """A reply as the node looks at it, to know whether it asks more."""
    sample = {
        "address": "10.77.0.1",
        "t1_wall_ns": TRUE_NS,
        "t1_mono_ns": 10**9,
        "t4_mono_ns": 10**9 + 2_000_000,
        "sent_hex": (bytes(40) + NONCE).hex(),
        "reply_hex": reply.hex(),
    }
    answered = {"a": {"samples": [sample]}, "b": {"samples": [{**sample, "address": "fd00::1"}]}}
    return ntp._reading(sample), ntp.agreed(answered, 2, 1)


def _http(data: bytes) -> object:
    """An answer's headers and its body, as GitHub's or a git server's."""
    head, _, body = data.partition(b"\n\n")
    text = head.decode("latin-1")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    caller = github_apps._Caller(
        {**APP, "permissions": {"contents": "read"}}, 5.0, ["a-secret"], [], installation_token.Patience()
    )
    value = github_apps._json(body)
    rows = value if isinstance(value, list) else [value]
    minted = github_apps._json_object(body)
    step = {"headers": headers, "status": 302, "url": "https://github.com/a/b/info/refs?service=git-upload-pack"}
    return (
        caller._kept(headers),
        caller._refusal(body),
        caller._shown(git_answer.said_instead(headers.get("content-type"), body)),
        [github_apps._owner_and_id(row) for row in rows],
        installation_token.lacking_of({"permissions": {"contents": "read"}}, minted.get("permissions")),
        installation_token.repositories_of(minted),
        redirects.moved_url(step),
        https.asks_to_wait(headers),
        api_date._date_s(headers.get("date", "")),
    )


APP = {
    "name": "a",
    "api_url": "https://api.github.com",
    "git_url": "https://github.com",
    "repositories": ["a/b"],
    "depth": "repository",
    "ca_pem": None,
    "client": "x",
}


def _redacted(text: str) -> object:
    return redaction.redact({"a": [text]}, ["a-secret"])


def _ca(text: str) -> object:
    return https.tls_context(text)


def _points(text: str) -> object:
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        file = Path(folder) / "points"
        file.write_text(text, encoding="utf-8")
        return named.points_file(str(file))


_STATUS = (
    "Name:\tchronyd\nState:\tS (sleeping)\nPid:\t2\nPPid:\t1\nUid:\t0\t0\t0\t0\nVmSize:\t 100 kB\n"
    "CapPrm:\t000001ffffffffff\n"
)
_PROCESSES = "\n===\n".join(
    PART.join(each)
    for each in (
        (_STATUS, "/usr/sbin/chronyd\n\0-F\n\0001\n\0", "0::/system.slice/chrony.service\n"),
        (_STATUS.replace("chronyd", "ntpd"), "/usr/sbin/ntpd\n\0-g\n\0-c\n\0/x\n\0", "1:name=systemd:/x\n"),
        (_STATUS.replace("chronyd", "gpsd").replace("ffffffffff", "ff02000000"), "gpsd", "0::/x\n"),
        (_STATUS.replace("chronyd", "kubelet"), "kubelet\n\0--kubeconfig=/x\n\0", ""),
    )
)
_SHOWN = (
    "Id=chrony.service\nNames=chronyd.service chrony.service\nLoadState=loaded\nActiveState=active\nSubState=running\n"
    "UnitFileState=enabled\nMainPID=7\nExecStart={ path=/usr/sbin/chronyd ; argv[]=/usr/sbin/chronyd $DAEMON_OPTS ; "
    "ignore_errors=no "
    "; pid=7 }\nEnvironmentFiles=/etc/default/chrony (ignore_errors=yes)\nConditionResult=yes\n\n"
    "Id=ntpdate.service\nNames=ntpdate.service\nLoadState=loaded\nExecStart={ path=/x ; argv[]=/usr/sbin/ntpdate -u $HOST ; "
    "ignore_errors=no }\nMainPID=\n"
)
_CRON = (
    b"#!/bin/sh\nN=/usr/sbin/ntpdate\n*/5 * * * * root $N -u pool.example\n"
    b"@hourly root flock -n /x su -c 'chronyc -a makestep' root\n"
    b'0 1 * * * root date -s "$(curl -H "Token: $KEY" h)" | sh\n1 5 clock docker exec $(docker ps -q) hwclock -s \\\n && true\n',
    b"#!/usr/bin/env python3\nsubprocess.run(['ntpdate', '-u', 'a.example']); os.system(\"hwclock -s\")\n",
    b"#!/usr/bin/perl\nmy $said = `ntpdate a.example`; system('date -s x')\n",
)
_SHELL = words(
    r"""
    ntpdate date hwclock chronyc makestep flock su -c sh nice timeout sudo env docker exec run -- $( ` " ' ( ) ;
    && | \ xargs find -exec {{}} ssh localhost nsenter systemd-run watch script eval python -c ip netns setarch
    runcon -s -- --set=x A=1 @
    """
)

_CA = b"""-----BEGIN CERTIFICATE-----
MIIBcjCCARegAwIBAgIUM2icvadBeICFtGukLvOsAU+ILLowCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI5MDc0MjI0WhgPMjEyNjExMDUwNzQyMjRa
MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPnrbK9gS
w5fuLjNdyZWfQcEtL99GD0f35htYcm09cMpkAOIG5i+WHsdlJJX+cW629IgIpiMt
d/GMHP1DweYFfKNTMFEwHQYDVR0OBBYEFAA//SdWgKjT25PiFsLM4RidLPr7MB8G
A1UdIwQYMBaAFAA//SdWgKjT25PiFsLM4RidLPr7MA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSQAwRgIhAIG1RYsdOWSpOwulalt0x+sPaD85g54zWxIywVF3
Q39KAiEAxKCwyyB++ubfrQ0kMg6y9mKn64VVtKqagD2o01B81qc=
-----END CERTIFICATE-----
"""
"""A CA that nobody has the key of, valid until 2126."""

TARGETS = (
    Target(
        "node: chrony's files",
        of_text(_chrony_files),
        (CONF, *samples("distributions/*/etc/**/*.conf")),
        DIRECTIVES,
        (ValueError, OSError),
    ),
    Target(
        "node: chronyd's options",
        of_text(_chrony_options),
        (b"# x\nDAEMON_OPTS=\"-F 1 -f /srv/chrony.conf -x\"\nOPTIONS='-u x'\nARGS=-4\n",),
        ("DAEMON_OPTS=", "OPTIONS=", "'", '"', "\\", "-f", "--", "-Z", "server a "),
        (ValueError,),
    ),
    Target(
        "node: chronyd -v",
        of_text(_chronyd_said),
        (b"chronyd (chrony) version 4.9 (+CMDMON -NTS +IPV6 -DEBUG)\n",),
        ("version ", "+NTS ", "(", ")"),
    ),
    Target(
        "node: ntp.conf",
        of_text(_ntp_conf),
        (b'includefile x.conf\ncrypto host a pw "my secret" ident x\nserver a\n',),
        ("crypto ", "pw ", '"', "includefile "),
        (ValueError, OSError),
    ),
    Target(
        "node: systemctl show",
        of_text(_systemctl),
        (_SHOWN.encode(),),
        (
            "Id=",
            "Names=",
            "ExecStart={ path=",
            " ; argv[]=",
            " ; ignore_errors=",
            "MainPID=",
            "\n\n",
            "$OPTIONS",
            "chronyd.service",
        ),
        (ValueError,),
    ),
    Target(
        "node: /proc",
        of_text(_proc),
        (_PROCESSES.encode(),),
        ("Name:\t", "CapPrm:\t", "PPid:\t", "Uid:\t", "State:\tZ", "\n===\n", PART, "chronyd", "busybox", "\0"),
        (ValueError, OSError),
        most=1 << 16,
    ),
    Target("node: crontabs", of_text(_crontab), _CRON, _SHELL, (ValueError,)),
    Target(
        "node: line of shell",
        of_text(_line_of_shell),
        tuple(line for text in _CRON for line in text.splitlines()),
        _SHELL,
        (ValueError,),
        most=clock_movers.MAX_LINE,
    ),
    Target(
        "node: os-release, dpkg",
        of_text(_system),
        (*samples("os-release/*"), b"Package: chrony\nStatus: install ok installed\n", b"1:name=systemd:/x\n0::/y\n"),
        ("ID=", "VERSION_ID=", "'", '"', "Package: chrony\nStatus: ", "::"),
    ),
    Target("node: NTP reply", _ntp, (*REPLIES, ntp_reply(TRUE_NS, TRUE_NS, stratum=1)), most=1024),
    Target(
        "node: HTTP answer",
        _http,
        (
            b"content-type: application/json\ndate: Sun, 22 Nov 2026 08:40:00 GMT\nx-ratelimit-remaining: 0\n\n"
            b'{"message": "x", "permissions": {"contents": "read"}, "repositories": [{"full_name": "a/b"}]}',
            b"content-type: application/x-git-upload-pack-advertisement\n\n"
            b"001e# service=git-upload-pack\n0000001bERR Repository not found",
            b'location: https://github.com/c/b/info/refs?service=git-upload-pack\n\n[{"id": 1, "account": {"login": "acme"}}]',
        ),
        (
            "content-type: application/x-git-upload-pack-advertisement",
            "0000",
            "ERR ",
            "location: https://[",
            "date: ",
            '"id": ',
            "9" * 20,
            "bearer ",
        ),
        most=1 << 20,
    ),
    Target(
        "node: redaction",
        of_text(_redacted),
        (b"Authorization: Bearer ghs_16C7e42F292c6912E7710c838347Ae178B4a", b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),
        ("bearer ", "basic ", "authorization: ", "eyJ", "ghs_", "github_pat_", ".", "-"),
    ),
    Target(
        "node: CA certificates",
        of_text(_ca),
        (_CA,),
        ("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"),
        (https.HttpsError,),
    ),
    Target(
        "node: points of tempcomp", of_text(_points), (b"20 1.0\n30 -1.5e0\n",), ("1", ".", "e", "-", " "), most=1 << 16
    ),
)
