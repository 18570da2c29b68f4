"""Why a node gave no evidence, according to what Ansible, ssh, sudo, a shell and Python print.

They have no codes for it, so this file reads their words, and no other file does. Text that is not
recognised has no cause and stays as it is. A node can print anything. Then its report has wrong
advice, but no cause admits a node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

MAX_LINE = 300
"""The most characters that are kept of a line that a node printed instead of its evidence."""

_MOST = 128 * 1024
"""The most characters of a node's output that are read."""


class Cause(StrEnum):
    """Why Ansible cannot run its module. Each cause has a different next step."""

    VAULT_LOCKED = "vault_locked"
    CONNECTION_SETTINGS = "connection_settings"
    BECOME_PASSWORD_WRONG = "become_password_wrong"  # noqa: S105
    BECOME_PASSWORD_MISSING = "become_password_missing"  # noqa: S105
    BECOME_NEEDS_TTY = "become_needs_tty"
    BECOME_REFUSED = "become_refused"
    BECOME_TIMED_OUT = "become_timed_out"
    BECOME_UNUSABLE = "become_unusable"
    HOST_CERTIFICATE_DATED = "host_certificate_dated"
    HOST_KEY_CHANGED = "host_key_changed"
    HOST_KEY_UNKNOWN = "host_key_unknown"
    NAME_NOT_RESOLVED = "name_not_resolved"
    PORT_REFUSED = "port_refused"
    NO_ROUTE = "no_route"
    TIMED_OUT = "timed_out"
    PRIVATE_KEY_UNUSABLE = "private_key_unusable"
    LOGIN_REFUSED = "login_refused"
    LOGIN_SHELL = "login_shell"
    PYTHON_TOO_OLD = "python_too_old"
    NO_ROOM = "no_room"
    PYTHON_BROKEN = "python_broken"
    NO_PYTHON = "no_python"
    CONNECTION_CLOSED = "connection_closed"


_BECOME = r"\b(?:sudo|su|doas|pfexec|dzdo|pbrun|pmrun|ksu|sesu|pkexec|run0|machinectl)"
_NOT_FOUND = r"(?:command not found|not found|No such file or directory|inaccessible or not found)"

_WORDS: Mapping[Cause, tuple[str, ...]] = {
    Cause.VAULT_LOCKED: ("no vault secrets (?:were )?found",),
    Cause.CONNECTION_SETTINGS: (
        # Ansible's, of variables, templates and plugins
        "is undefined",
        "[Ee]rror processing keyword",
        "[Tt]emplate error|[Ee]rror (?:while|rendering) templat|Syntax error in template",
        "The field '.*' has an invalid value|the field '.*' has an invalid value",
        "lookup plugin '|lookup had an issue",
        "(?:connection|become|shell) plugin '.*' was not found|could not find matching plugin",
        "Could not find the shell plugin|Unable to execute ssh command line|Unable to create local directories",
        "install the sshpass program|is not installed: No module named",
        # ssh's, of its options and files on this machine
        "Bad (?:configuration option|owner or permissions on|port)|contains invalid characters|command-line:? line",
        "percent_expand|unix_listener: |Cannot write to ControlPath",
        # of the user to become
        r"(?:sudo|doas): unknown user|\buser \S+ does not exist",
        "(?:sudo|doas|su): (?:unrecognized|invalid|illegal|unknown) option",
    ),
    Cause.BECOME_PASSWORD_WRONG: (
        r"\bIncorrect \S+ password\b|Sorry, try again|Duplicate become password prompt",
        r"\d+ incorrect (?:password|authentication) attempt",
        "(?:sudo|doas): Authentication failed|su: (?:Authentication failure|incorrect password|Sorry)",
    ),
    Cause.BECOME_PASSWORD_MISSING: (
        r"\bMissing \S+ password\b",
        "a password is required|A password is required but none was supplied|no password was provided",
        "a terminal is required|no tty present and no askpass|must be run from a terminal|doas: a tty is required",
        "[Ii]nteractive authentication (?:is )?required|doas: (?:Authentication|Authorization) required",
    ),
    Cause.BECOME_NEEDS_TTY: ("must have a tty to run sudo",),
    Cause.BECOME_REFUSED: (
        "is not in the sudoers file|is not allowed to (?:execute|run) |may not run sudo",
        r"I'm sorry \S+\. I'm afraid I can't do that",
        "doas: Operation not permitted|su: Permission denied",
        "is your account locked|Account expired or PAM config|Account or password is expired",
    ),
    Cause.BECOME_TIMED_OUT: (
        "waiting for privilege escalation|Timed out waiting for become|timeout waiting for privilege",
    ),
    Cause.BECOME_UNUSABLE: (
        rf"{_BECOME}: (?:{_NOT_FOUND}|Permission denied)",
        "effective uid is not 0|have the setuid bit set|must be setuid root|not installed setuid",
        '"?no new privileges"? flag is set',
        r"no valid sudoers sources|/etc/sudoers|error initializing audit plugin|unable to (?:initialize|load) \S*plugin",
        "doas is not enabled|PAM (?:authentication|account management) error|unable to change to root gid",
        "waiting for become success|privilege output closed",
    ),
    Cause.HOST_CERTIFICATE_DATED: ("Certificate invalid: (?:not yet valid|expired)",),
    Cause.HOST_KEY_CHANGED: (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|[Hh]ost key for \S+ has changed|host key mismatch|REVOKED HOST KEY",
    ),
    Cause.HOST_KEY_UNKNOWN: (
        "Host key verification failed|host key is known for|authenticity of host|Host Key checking is enabled",
    ),
    Cause.NAME_NOT_RESOLVED: ("Could not resolve hostname|[Ee]rrno -[1-9]|getaddrinfo",),
    Cause.PORT_REFUSED: (r"port \d+: Connection refused|Errno 111\b|Unable to connect to port \d+",),
    Cause.NO_ROUTE: (r"No route to host|Network is (?:unreachable|down)|Host is (?:unreachable|down)",),
    Cause.TIMED_OUT: (
        r"(?:Connection|Operation) timed out|port \d+ timed out|timed out$|[Tt]imeout, server \S+ not responding",
    ),
    Cause.PRIVATE_KEY_UNUSABLE: (
        'no such identity: |Load key "|UNPROTECTED PRIVATE KEY|configured private key into ssh-agent',
        "not a valid .*private key|[Pp]rivate key file is encrypted",
    ),
    Cause.LOGIN_REFUSED: (
        r"Permission denied \(|Permission denied, please try again|Too many authentication failures",
        "No (?:more|supported) authentication methods|Authentication failed|Invalid/[Ii]ncorrect (?:username/)?password",
        "(?:account|password) has expired|Please login as the user",
    ),
    Cause.LOGIN_SHELL: ("account is (?:currently )?not available|allows sftp connections only",),
    Cause.PYTHON_TOO_OLD: (
        r"requires (?:a minimum of )?Python\b|future feature annotations is not defined|SyntaxError: ",
    ),
    Cause.NO_ROOM: (
        "No space left on device|Disk quota exceeded|Read-only file system|No usable temporary directory",
        "Failed to create temporary directory|Failed to set permissions on the temporary",
    ),
    Cause.PYTHON_BROKEN: (
        "pyenv: |No version is set for|Fatal Python error|No module named '",
        "error while loading shared libraries|cannot execute|Exec format error|bad interpreter",
        "Segmentation fault|Illegal instruction",
        ": (?:Permission denied|Is a directory)$",
    ),
    Cause.NO_PYTHON: (
        "module interpreter .* was not found|probably need to set the interpreter",
        rf"(?:python|pypy)[\w.-]*\W?: {_NOT_FOUND}",
    ),
    Cause.CONNECTION_CLOSED: (
        "[Cc]onnection (?:closed|reset|to .* closed)|kex_exchange_identification|Received disconnect|Broken pipe",
        "Error reading SSH protocol banner",
    ),
}
"""The words for each cause, of OpenSSH 7 to 10, paramiko, sudo 1.8 and 1.9, sudo-rs, doas, su, and
ansible-core 2.18 to 2.21.

The first cause that fits a line counts. Causes on the way to the node come before their effects."""

_RECOGNISED = {cause: re.compile("|".join(words)) for cause, words in _WORDS.items()}

_PREFIX = re.compile(r"(?:Task failed: |Failed to connect to the host via \w+: )+")
_NOISE = re.compile(
    r"debug[1-3]: |OpenSSH_\d|Authenticated to |Transferred: sent|Bytes per second: |@+$"
    r"|Warning: Permanently added|\*\* |BECOME-SUCCESS|See stdout/stderr"
    r"|Could not chdir to home directory|.*\bsetlocale: "
    # What sudo adds, to a refusal or not: its lecture, and names that it looks up for its log.
    r"|sudo: unable to resolve host|We trust you have received|Administrator\. It usually|#\d\) |For security reasons, the pass"
)

_PYTHON_SAYS = re.compile(r"\w+: \[Errno \d+\] (.+)|(ModuleNotFoundError: No module named '[\w.]+')")
"""The part of a traceback that is kept: the operating system's message, or the name of a module.
The rest may hold the module's arguments."""


def words(text: str) -> str:
    r"""The lines of a message, without ssh's debugging notes and other text beside the reason.

    >>> words("Failed to connect to the host via ssh: debug1: Reading configuration\r\nssh: No route to host\r\n")
    'ssh: No route to host'
    """  # noqa: W505 - an example or a table
    return "\n".join(_lines(text)) or text.strip()


def _lines(text: str) -> list[str]:
    if len(text) > _MOST:  # a node may print without an end; the reason is first or last
        text = f"{text[: _MOST // 2]}\n{text[-_MOST // 2 :]}"
    lines = [line.strip() for line in _PREFIX.sub("", text).splitlines()]
    return [line for line in lines if line and not _NOISE.match(line)]


def recognised(said: str) -> tuple[Cause | None, str]:
    """The cause of these words, and the line that names it.

    If no cause is recognised, it is all lines in one. It is the same if the connection was closed,
    because only the other lines may say why.
    """
    lines = _lines(said)
    for cause, pattern in _RECOGNISED.items():
        if found := [line for line in lines if pattern.search(line)]:
            return cause, "; ".join(lines) if cause is Cause.CONNECTION_CLOSED else found[-1]
    return None, "; ".join(lines) or said.strip()


def module_error(answer: Mapping[str, Any]) -> str:
    """Why the module gave no evidence: Ansible's words, and the node's clearest line below them."""
    msg = words(str(answer.get("msg") or "")) or "the module gave no answer"
    printed = str(answer.get("module_stderr") or "")
    if "Traceback" in printed:
        last = _PYTHON_SAYS.fullmatch(printed.strip().splitlines()[-1])
        return f"{msg}\nthe node said: {last[1] or last[2]}" if last else msg
    lines = _lines(printed)
    # The beginning of an answer is no reason, and may hold anything.
    lines += [line for line in _lines(str(answer.get("module_stdout") or "")) if line[0] not in "{[]}"]
    if lines:
        cause, reason = recognised("\n".join(lines))
        return f"{msg}\nthe node said: {(reason if cause else lines[-1])[:MAX_LINE]}"
    ended = answer.get("rc")
    return f"{msg}\nthe node said nothing, and ended with status {ended}" if ended else msg
