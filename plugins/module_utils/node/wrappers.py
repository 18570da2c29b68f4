# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands that run another: where the other one stands among their words.

A word counts as a command only at the place where the wrapper takes one: after its options, their
values and its operands. So in ``timeout 5 apt-get install ntpdate`` the command is apt-get, and in
``docker run --name ntpd image`` there is none.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from .scripts import INTERPRETER, program_text

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
REDIRECTION = re.compile(r"\d*(?:[<>]+[|&]?)(.*)", re.DOTALL)
KEYWORDS = {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "coproc"}
SHELL = re.compile(r"r?(?:|ba|da|a|k|mk|pdk|z|fi)sh")
LOCAL = re.compile(r"(?:[\w.-]+@)?(?:localhost[\w.]*|127(?:\.\d+){1,3}|\[?::1\]?)")


class Wrapper(NamedTuple):
    """How a wrapper takes its command.

    ``values`` are the letters of options with a value. ``long`` are those options' long names,
    whose value is the next word. ``operands`` is the number of words before the command.
    """

    values: str = ""
    long: str = ""
    operands: int = 0


# By each program's manual page.
WRAPPERS = {
    **dict.fromkeys(("nohup", "setsid", "chronic", "builtin", "unbuffer", "fakeroot", "dbus-run-session"), Wrapper()),
    **dict.fromkeys(
        (
            "busybox",
            "toybox",
            "firejail",
            "k3s",
            "rke2",
            "microk8s",
            "nolock",
            "caffeinate",
            "eatmydata",
            "torsocks",
            "torify",
            "cronlock",
        ),
        Wrapper(),
    ),
    "sudo": Wrapper(
        "ugpCcDhrtTUR",
        "user group prompt close-from chdir host role type command-timeout other-user chroot login-class",
    ),
    "doas": Wrapper("uCa"),
    "pkexec": Wrapper("", "user"),
    "aa-exec": Wrapper("pifnd", "profile namespace"),
    "trickle": Wrapper("dutlwL"),
    "daemon": Wrapper("neuDUpFPrRkLMlo", "name user chroot pidfile"),
    "env": Wrapper("uCS", "unset chdir split-string"),
    "exec": Wrapper("a"),
    "time": Wrapper("fo", "format output"),
    "command": Wrapper(),
    "nice": Wrapper("n", "adjustment"),
    "ionice": Wrapper("cnpPu", "class classdata pid pgid uid"),
    "chrt": Wrapper("TPD", "sched-runtime sched-period sched-deadline", 1),
    "timeout": Wrapper("ks", "kill-after signal", 1),
    "xargs": Wrapper("aEILnPsd", "arg-file delimiter max-lines max-args max-procs max-chars process-slot-var"),
    "nsenter": Wrapper("tSGW", "target setuid setgid wdns"),
    "unshare": Wrapper(
        "RwSGl",
        "root wd setuid setgid propagation setgroups map-user map-group map-users map-groups monotonic boottime owner "
        "load-interp",
    ),
    "chroot": Wrapper("", "userspec groups", 1),
    "systemd-run": Wrapper(
        "upMHED",
        "unit property description slice service-type uid gid nice working-directory setenv machine host on-active on-boot "
        "on-startup on-unit-active on-unit-inactive on-calendar timer-property path-property socket-property background json",
    ),
    "systemd-inhibit": Wrapper("", "what who why mode"),
    "systemd-cat": Wrapper("tp", "identifier priority stderr-priority level-prefix"),
    **dict.fromkeys(("linux32", "linux64", "i386", "i486", "i586", "i686", "x86_64", "uname26"), Wrapper()),
    **dict.fromkeys(("strace", "ltrace"), Wrapper("aAeEFIoOpPsSuUXblnxD", "attach trace output string-limit user env")),
    "stdbuf": Wrapper("ioe", "input output error"),
    "taskset": Wrapper("", "", 1),
    "numactl": Wrapper(
        "imNCpPw", "interleave membind cpunodebind physcpubind preferred preferred-many weighted-interleave"
    ),
    "cgexec": Wrapper("g"),
    "prlimit": Wrapper("p", "pid"),
    "setpriv": Wrapper(
        "",
        "reuid regid ruid euid rgid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig selinux-label "
        "apparmor-profile landlock-access landlock-rule seccomp-filter ptracer",
    ),
    "chpst": Wrapper("uUbenlLmdofcrt/"),
    "softlimit": Wrapper("acdflmoprst"),
    **dict.fromkeys(
        (
            "setuidgid",
            "s6-setuidgid",
            "gosu",
            "su-exec",
            "envdir",
            "s6-envdir",
            "setlock",
            "s6-setlock",
            "with-lock-ex",
        ),
        Wrapper("", "", 1),
    ),
    **dict.fromkeys(
        ("lxc-attach", "lxc-execute"),
        Wrapper("nPsLRguvefoa", "name lxcpath arch namespaces"),
    ),
    "daemonize": Wrapper("aceoplEuL"),
    "cronic": Wrapper(),
    "lckdo": Wrapper("WE", "", 1),
    "run-one": Wrapper(),
    "cpulimit": Wrapper("lpePc", "limit pid exe path cpu"),
    "proot": Wrapper("rbwqkim", "rootfs bind cwd"),
    **dict.fromkeys(("proxychains", "proxychains4"), Wrapper("f")),
}


class Container(NamedTuple):
    """How a tool of containers takes a command: ``options`` are letters with a value that may stand
    before the subcommand, and ``runs`` the subcommands that run one, each with its letters with a
    value and how many words name the container.
    """

    options: str
    runs: dict


_EXEC = ("euw", 1)
_DOCKER = Container("Hcln", {"exec": _EXEC, "run": ("aceuvwplhm", 1)})
_KUBECTL = Container("ns", {"exec": ("cnf", 1), "run": ("nl", 1), "debug": ("nc", 1), "rsh": ("cn", 1)})
CONTAINERS = {
    **dict.fromkeys(("docker", "podman", "nerdctl"), _DOCKER),
    **dict.fromkeys(("docker-compose", "podman-compose"), Container("fp", {"exec": _EXEC, "run": ("euwvpl", 1)})),
    **dict.fromkeys(("kubectl", "oc"), _KUBECTL),
    "crictl": Container("ritc", {"exec": ("", 1)}),
    "ctr": Container("an", {"exec": ("", 1), "run": ("", 2)}),
    **dict.fromkeys(("lxc", "incus", "pct", "runc", "crun"), Container("", {"exec": ("eu", 1)})),
    "machinectl": Container("MHE", {"shell": ("E", 1)}),
    **dict.fromkeys(("apptainer", "singularity"), Container("", {"exec": ("BHW", 1)})),
    "toolbox": Container("", {"run": ("cdr", 0)}),
}
GROUPS = {"container", "compose", "task", "tasks", "t", "kubectl"}
# What takes no value among the long options of these subcommands; all others do.
_FLAGS = """
    attach build cgroup cleanenv contain containall debug detach disable-content-trust disable-stdin env-host fakeroot
    force-interactive force-noninteractive help http-proxy init insecure-skip-tls-verify interactive latest net-host no-TTY
    no-deps no-healthcheck no-home no-hostname no-hosts nv oom-kill-disable passwd privileged publish-all quiet read-only
    remote remove-orphans replace rm rmi service-ports sig-proxy stdin sync tls tls-verify tlsverify tty unsetenv-all
    use-aliases writable
"""
FLAGS = set(_FLAGS.split())


def inner(words: list) -> list:
    """The commands that a command runs: each is a list of its words, or a text of shell.

    >>> inner(["nsenter", "-t", "1", "-m", "--", "ntpdate", "a.example"])
    [['ntpdate', 'a.example']]
    >>> inner(["bash", "-lc", "hwclock -s; true"])
    ['hwclock -s; true']
    >>> inner(["timeout", "-k", "5", "30", "env", "-i", "A=b", "date"])
    [['env', '-i', 'A=b', 'date']]
    >>> inner(["apt-get", "install", "ntpdate"]) + inner(["docker", "logs", "ntpd"])
    []
    """
    name = os.path.basename(words[0])
    if name in KEYWORDS:
        return [words[1:]]
    if SHELL.fullmatch(name):
        return _script(words, 1, "oO", "rcfile init-file")
    if INTERPRETER.fullmatch(name):
        return program_text(words)
    if name in SPECIAL:
        return SPECIAL[name](words)
    if name in CONTAINERS:
        return _in_container(words, CONTAINERS[name])
    wrapper = WRAPPERS.get(name)
    if wrapper is None:
        return []
    at, given = options(words, 1, wrapper.values, wrapper.long)
    if name == "command" and given.keys() & {"-v", "-V"}:  # it says where a program is
        return []
    split = given.get("-S") or given.get("--split-string") if name == "env" else None
    return [" ".join([split, *words[at:]])] if split else [words[at + wrapper.operands :]]


def program(words: list) -> list:
    """A command without the assignments and redirections before it, and without redirections after
    it.

    >>> program(["A=1", "2>", "/dev/null", "date", ">/tmp/11282000", "-u"])
    ['date', '-u']
    """
    found: list = []
    at = 0
    while at < len(words):
        redirection = REDIRECTION.fullmatch(words[at])
        if redirection:
            at += 1 if redirection.group(1) else 2
            continue
        if found or not ASSIGNMENT.match(words[at]):
            found.append(words[at])
        at += 1
    return found


def options(words: list, at: int, values: str = "", long: str = "") -> tuple:
    """Where the options from ``at`` on end, and what they are: ``{"-k": "5"}``."""
    given: dict = {}
    with_value = {f"--{name}" for name in long.split()}
    while at < len(words) and len(words[at]) > 1 and words[at].startswith("-"):
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if name in with_value and not equals:
                value = words[at] if at < len(words) else ""
                at += 1
            given[name] = value
            continue
        for position, letter in enumerate(word[1:], 2):
            given[f"-{letter}"] = ""
            if letter in values:
                attached = word[position:]
                given[f"-{letter}"] = attached or (words[at] if at < len(words) else "")
                at += not attached
                break
            if word[position : position + 1] == "/":  # an option that may have a value: nsenter's -m/proc/1/ns/mnt
                break
    if words[at : at + 1] == ["-"]:  # `env -`, `su -`, `sudo -`
        at += 1
    return at, given


def _script(words: list, at: int, values: str = "", long: str = "", operands: int = 0) -> list:
    """The text after ``-c``, alone or the last of several letters, among the options or after so
    many operands.
    """
    for _round in range(1 + operands):
        while at < len(words) and words[at].startswith(("-", "+")):
            word = words[at]
            at += 1
            if word.startswith(("--command=", "--session-command=")):
                return [word.partition("=")[2]]
            if word in ("--command", "--session-command") or re.fullmatch(r"-[A-Za-z]*c", word):
                while at < len(words) and words[at].startswith("-") and words[at] != "--":  # `sh -c -e script`
                    at += 1
                at += words[at : at + 1] == ["--"]
                text = words[at : at + 1]
                # systemctl show has lost the quotes.
                return text if any(" " in part for part in text) else [" ".join(words[at:])]
            takes = (word.startswith("--") and word[2:] in long.split()) or (
                not word.startswith("--") and word[-1] in values
            )
            at += bool(takes)
        at += 1
    return []


def _su(words: list) -> list:
    """``su USER -c TEXT``, ``runuser -u USER -- COMMAND``, ``sg GROUP -c TEXT``, ``sg GROUP
    TEXT``.
    """
    name = os.path.basename(words[0])
    script = _script(words, 1, "gGsTwu", "group supp-group shell whitelist-environment user", operands=1)
    if script:
        return script
    at, given = options(words, 1, "gGsTwu", "group supp-group shell whitelist-environment user")
    if name == "runuser" and given.keys() & {"-u", "--user"}:
        return [words[at:]]
    return [" ".join(words[at + 1 :])] if name == "sg" else []


def _flock(words: list) -> list:
    """``flock FILE COMMAND``, ``flock FILE -c TEXT``."""
    at, _given = options(words, 1, "wE", "wait timeout conflict-exit-code")
    if words[at + 1 : at + 2] and words[at + 1] in ("-c", "--command"):
        return words[at + 2 : at + 3]
    return [words[at + 1 :]]


def _find(words: list) -> list:
    """``find ... -exec COMMAND ;``."""
    starts = [at for at, word in enumerate(words) if word in ("-exec", "-execdir", "-ok", "-okdir")]
    return [words[at + 1 :] for at in starts[:1]]


def _ip(words: list) -> list:
    """``ip netns exec NAME COMMAND``, ``ip vrf exec NAME COMMAND``."""
    at, _given = options(words, 1, "nb", "netns batch")
    place, verb = [*words[at : at + 2], "", ""][:2]
    if place in ("netns", "net", "vrf") and verb == "exec":
        return [words[at + 3 :]]
    return []


def _setarch(words: list) -> list:
    """``setarch ARCH OPTIONS COMMAND``, where ARCH may be missing before an option."""
    at = 1 if words[1:2] and words[1].startswith("-") else 2
    return [words[options(words, at)[0] :]]


def _runcon(words: list) -> list:
    """``runcon -t TYPE COMMAND``, ``runcon CONTEXT COMMAND``."""
    at, given = options(words, 1, "tulr", "type user role range")
    return [words[at if given else at + 1 :]]


def _joined(values: str, long: str = ""):
    """For what gives all its words to a shell, as one text."""
    return lambda words: [" ".join(words[options(words, 1, values, long)[0] :])]


def _script_command(words: list) -> list:
    """``script -c TEXT FILE``."""
    for _round in range(2):
        _at, given = options(
            words, 1, "cIOBTomE", "command log-in log-out log-io log-timing output-limit echo logging-format"
        )
        text = given.get("-c") or given.get("--command")
        if text:
            return [text]
        words = [words[0], *words[2:]]  # its file may stand first
    return []


def _ssh(words: list) -> list:
    """To this host alone: another's clock is not this one's."""
    at, _given = options(words, 1, "BbcDEeFIiJLlmOoPpQRSWw")
    host = words[at : at + 1]
    at, _given = options(words, at + 1, "BbcDEeFIiJLlmOoPpQRSWw")
    return [" ".join(words[at:])] if host and LOCAL.fullmatch(host[0]) else []


def _after_two_dashes(words: list) -> list:
    return [words[words.index("--") + 1 :]] if "--" in words else []


def _in_container(words: list, tool: Container) -> list:
    at, given = _options_of_container(words, 1, tool.options)
    if re.match(r"(tcp|ssh)://", given.get("-H", given.get("--host", ""))):
        return []
    while words[at : at + 1] and words[at] in GROUPS:
        at, _given = _options_of_container(words, at + 1, "fpn")
    run = tool.runs.get(words[at]) if at < len(words) else None
    if run is None:
        return []
    values, operands = run
    verb = words[at]
    at, given = _options_of_container(words, at + 1, values)
    inside = words[at + operands :]
    if words[at - 1] != "--" and "--" in inside:  # options may stand behind the container's name
        before = inside[: inside.index("--")]
        if not before or before[0].startswith("-"):
            inside = inside[inside.index("--") + 1 :]
    entry = given.get("--entrypoint") if verb == "run" else None
    return [[*entry.split(), *inside]] if entry else [inside]


def _options_of_container(words: list, at: int, values: str) -> tuple:
    long = " ".join(
        word[2:]
        for word in words[at:]
        if word.startswith("--") and "=" not in word and word != "--" and word[2:] not in FLAGS
    )
    return options(words, at, values, long)


SPECIAL = {
    **dict.fromkeys(("su", "runuser", "sg"), _su),
    "flock": _flock,
    "find": _find,
    "function": lambda words: [words[2:]],
    "ip": _ip,
    "setarch": _setarch,
    "runcon": _runcon,
    "eval": _joined(""),
    "watch": _joined("nq", "interval equexit"),
    **dict.fromkeys(
        ("parallel", "sem"), _joined("jnNLIaPSsCdE", "jobs arg-file max-args delay timeout id joblog retries")
    ),
    "script": _script_command,
    "ssh": _ssh,
    "capsh": lambda words: _script(words, words.index("--") + 1) if "--" in words else [],  # bash's words follow
    **dict.fromkeys(
        ("bwrap", "distrobox", "faketime", "systemd-nspawn", "start-stop-daemon", "perf"), _after_two_dashes
    ),
}
