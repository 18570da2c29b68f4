"""What ssh, sudo and others print where a node gives no evidence, and what is taken from it.

The messages are those of OpenSSH 7.4 to 10.1, sudo 1.8 and 1.9, sudo-rs, doas, su, paramiko and
ansible-core 2.18 to 2.21.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.no_evidence import (
    MAX_LINE,
    Cause,
    module_error,
    recognised,
    words,
)

CHANGED = """\
Failed to connect to the host via ssh: @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
Offending ED25519 key in /root/.ssh/known_hosts:1\r
Host key for [127.0.0.1]:2222 has changed and you have requested strict checking.\r
Host key verification failed.\r
"""
DEBUGGED = """\
Failed to connect to the host via ssh: OpenSSH_9.2p1 Debian-2+deb12u6, OpenSSL 3.0.19 27 Jan 2026\r
debug1: load_hostkeys: fopen /etc/ssh/ssh_known_hosts2: No such file or directory\r
debug1: connect to address 10.77.0.15 port 22: No route to host\r
Warning: Permanently added 'bastion' (ED25519) to the list of known hosts.\r
** WARNING: connection is not using a post-quantum key exchange algorithm.\r
ops@10.77.0.15: Permission denied (publickey).\r
Transferred: sent 4192, received 3960 bytes, in 0.1 seconds\r
Bytes per second: sent 48533.5, received 45367.1\r
debug1: Exit status 1
"""
NO_KEY_FILE = (
    "no such identity: /nonexistent/key: No such file or directory\r\nops@10.77.0.15: Permission denied (publickey)."
)
WRONG_TWICE = "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt"
PYENV = """\
pyenv: python3: command not found

The `python3' command exists in these Python versions:
  3.8.18

Note: See 'pyenv help global' for tips on allowing both
      python2 and python3 to be found.
"""
BROKEN = """\
Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding
Python runtime state: core initialized
ModuleNotFoundError: No module named 'encodings'

Current thread 0x00007f4b0a3d0740 (most recent call first):
<no Python frame>
"""

PRINTED: dict[Cause, list[str]] = {
    Cause.VAULT_LOCKED: [
        "Attempting to decrypt but no vault secrets found",
        "Task failed: Error processing keyword 'become_pass': Error rendering template: Attempt to use undecryptable variable: "
        "Attempting to decrypt but no vault secrets found.",
        "Decryption failed (no vault secrets were found that could decrypt)",
    ],
    Cause.CONNECTION_SETTINGS: [
        "The field 'remote_addr' has an invalid value, which includes an undefined variable.. 'no_such_var' is undefined",
        "the field 'port' has an invalid value ('ssh'), and could not be converted to int.. ",
        "Task failed: Error processing keyword 'port': The value 'ssh' could not be converted to 'int'.",
        "template error while templating string: unexpected end of template, expected 'end of print statement'.. String: {{ oops",
        "Task failed: Error processing keyword 'remote_user': Syntax error in template: unexpected end of template",
        "'no_such_var' is undefined",
        "the connection plugin 'nosuch' was not found",
        "Invalid become method specified, could not find matching plugin: 'nosuch'. Use `ansible-doc -t become -l` to list",
        "to use the 'ssh' connection type with passwords or pkcs11_provider, you must install the sshpass program",
        "paramiko is not installed: No module named 'paramiko'",
        "command-line: line 0: Bad configuration option: foo",
        "Bad owner or permissions on /root/.ssh/config",
        "Bad port '99999'",
        "remote username contains invalid characters",
        "Task failed: The lookup plugin 'file' failed: Unable to access the file '/nonexistent': File not found.",
        "Task failed: Could not find the shell plugin required (nosuch).",
        "Unable to execute ssh command line on a controller: [Errno 2] No such file or directory: b'/nonexistent/ssh'",
        "winrm or requests is not installed: No module named 'winrm'",
        "sudo: unrecognized option '--nosuchflag'\nusage: sudo -h | -K | -k | -V",
        "sudo: unknown user ghost\nsudo: error initializing audit plugin sudoers_audit",
        "sudo: unknown user: ghost\nsudo: unable to initialize policy plugin",
        "su: user ghost does not exist or the user entry does not contain all the required fields",
    ],
    Cause.BECOME_PASSWORD_WRONG: [
        "Incorrect sudo password",
        "Incorrect su password",
        "Sorry, try again.",
        WRONG_TWICE,
        "Duplicate become password prompt encountered waiting for become success.",
        "su: Authentication failure",
        "su: incorrect password",
        "doas: Authentication failed",
        "sudo: Authentication failed, try again.\nsudo: maximum 3 incorrect authentication attempts",
    ],
    Cause.BECOME_PASSWORD_MISSING: [
        "Missing sudo password",
        "sudo: a password is required",
        "Premature end of stream waiting for become success.\n>>> Standard Error\nsudo: a password is required",
        "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure "
        "an askpass helper",
        "sudo: no tty present and no askpass program specified",
        "sudo: interactive authentication is required",
        "A password is required but none was supplied",
        "doas: Authorization required",
        "su: must be run from a terminal",
        "sudo: unable to resolve host node1: Name or service not known\nsudo: a password is required",
    ],
    Cause.BECOME_NEEDS_TTY: ["sudo: sorry, you must have a tty to run sudo"],
    Cause.BECOME_REFUSED: [
        "ops is not in the sudoers file.",
        "ops is not in the sudoers file.  This incident will be reported.",
        "Sorry, user ops is not allowed to execute '/bin/sh -c echo' as root on node1.",
        "Sorry, user ops may not run sudo on node1.",
        "sudo: I'm sorry ops. I'm afraid I can't do that",
        "doas: Operation not permitted",
        "su: Permission denied",
        "sudo: account validation failure, is your account locked?",
    ],
    Cause.BECOME_TIMED_OUT: [
        "Timeout (12s) waiting for privilege escalation prompt: ",
        "Timed out waiting for become success or become password prompt.",
        "ssh timed out waiting for privilege escalation.\n",
        "timeout waiting for privilege escalation password prompt:\n",
    ],
    Cause.BECOME_UNUSABLE: [
        "/bin/sh: 1: sudo: not found",
        "bash: line 1: sudo: command not found",
        "bash: /usr/bin/sudo: No such file or directory",
        "sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set or an NFS file system",
        "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set",
        'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
        "sudo: no valid sudoers sources found, quitting",
        "sudo: /etc/sudoers is world writable",
        "su: must be setuid to work properly\nPremature end of stream waiting for become success.",
        "doas: doas is not enabled, /etc/doas.conf: No such file or directory",
    ],
    Cause.HOST_KEY_CHANGED: [CHANGED, "host key mismatch for 10.77.0.15"],
    Cause.HOST_CERTIFICATE_DATED: [
        "Certificate invalid: expired\r\nHost key verification failed.",
        "Certificate invalid: not yet valid\r\nHost key verification failed.",
    ],
    Cause.HOST_KEY_UNKNOWN: [
        "Failed to connect to the host via ssh: Host key verification failed.",
        "No ED25519 host key is known for 10.77.0.15 and you have requested strict checking.\r\nHost key verification failed.",
        "paramiko: The authenticity of host '10.77.0.15' can't be established.\nThe ssh-ed25519 key fingerprint is b'aa'.",
        "Using a SSH password instead of a key is not possible because Host Key checking is enabled. Please add this host's "
        "fingerprint to your known_hosts file to manage this host.",
    ],
    Cause.NAME_NOT_RESOLVED: [
        "ssh: Could not resolve hostname nosuch.invalid: Name or service not known",
        "ssh: Could not resolve hostname nosuch.invalid: Temporary failure in name resolution",
        "ssh: Could not resolve hostname nosuch.invalid: nodename nor servname provided, or not known",
        "[Errno -2] Name or service not known",
    ],
    Cause.PORT_REFUSED: [
        "ssh: connect to host 127.0.0.1 port 2229: Connection refused",
        "[Errno None] Unable to connect to port 22 on 10.77.0.15",
    ],
    Cause.NO_ROUTE: [
        "ssh: connect to host 203.0.113.1 port 22: No route to host",
        "ssh: connect to host 198.51.100.1 port 22: Network is unreachable",
        "[Errno 113] No route to host",
    ],
    Cause.TIMED_OUT: [
        "ssh: connect to host 203.0.113.1 port 22: Connection timed out",
        "ssh: connect to host 203.0.113.1 port 22: Operation timed out",
        "Connection timed out during banner exchange\r\nConnection to 127.0.0.1 port 2223 timed out",
        "timed out",
        "Timeout, server 10.77.0.15 not responding.",
    ],
    Cause.PRIVATE_KEY_UNUSABLE: [
        NO_KEY_FILE,
        'Load key "/root/key": error in libcrypto\r\nops@10.77.0.15: Permission denied (publickey).',
        'Load key "/root/key": Permission denied\r\nops@10.77.0.15: Permission denied (publickey).',
        "@ WARNING: UNPROTECTED PRIVATE KEY FILE! @\r\nPermissions 0644 for '/root/key' are too open.",
        "Private key file is encrypted",
        "not a valid OPENSSH private key file",
    ],
    Cause.LOGIN_REFUSED: [
        DEBUGGED,
        "ghost@127.0.0.1: Permission denied (publickey,keyboard-interactive).",
        "Received disconnect from 10.77.0.15 port 22:2: Too many authentication failures",
        "Permission denied, please try again.",
        "Authentication failed.",
        "Invalid/incorrect username/password. Skipping remaining 5 retries to prevent account lockout: Permission denied",
        'Please login as the user "ubuntu" rather than the user "root".',
        "Your account has expired; please contact your system administrator.",
    ],
    Cause.LOGIN_SHELL: [
        "This account is currently not available.",
        "This account is not available.",
        "This service allows sftp connections only.",
    ],
    Cause.PYTHON_TOO_OLD: [
        "ansible-core requires a minimum of Python version 3.8. Current version: 3.6.8 (default, Nov 15 2024) [GCC 8.5.0]",
        "Ansible requires Python 3.9 or newer on the target. Current version: 3.8.18 (default, May  9 2026) [GCC 12.2.0]",
        "SyntaxError: future feature annotations is not defined",
        "SyntaxError: invalid syntax",
    ],
    Cause.NO_ROOM: [
        "MODULE FAILURE\nthe node said: No space left on device",
        "MODULE FAILURE\nthe node said: No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp', '/root']",
        "Failed to create temporary directory. In some cases, you may have been able to authenticate and did not",
        "mkdir: cannot create directory '/root/.ansible': Read-only file system",
    ],
    Cause.PYTHON_BROKEN: [
        PYENV,
        BROKEN,
        "No version is set for command python3",
        "python3: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared object file",
        "/bin/sh: 1: /usr/local/bin/python3: Exec format error",
        "bash: /opt/python: /nonexistent/python: bad interpreter: No such file or directory",
        "bash: /usr/bin/python3: cannot execute binary file: Exec format error",
        "/bin/sh: 1: /tmp: Permission denied",
        "bash: /tmp: Is a directory",
        "No module named 'zlib'",
    ],
    Cause.NO_PYTHON: [
        "The module interpreter '/usr/bin/nopython' was not found.",
        "The module failed to execute correctly, you probably need to set the interpreter.\nSee stdout/stderr for the error",
        "/bin/sh: 1: /usr/bin/python3: not found",
        "bash: line 1: python3: command not found",
        "/bin/sh: /usr/bin/python3.11: No such file or directory",
        "/bin/sh: line 1: /usr/bin/python: No such file or directory",  # Flatcar, as kubespray #10865 quotes it
        "/usr/bin/env: 'python3': No such file or directory",
        "/usr/bin/env: \N{LEFT SINGLE QUOTATION MARK}python3\N{RIGHT SINGLE QUOTATION MARK}: No such file or directory",
    ],
    Cause.CONNECTION_CLOSED: [
        "Connection closed by 10.77.0.15 port 22",
        "Connection reset by 10.77.0.15 port 22",
        "kex_exchange_identification: Connection closed by remote host",
        "Shared connection to 10.77.0.15 closed.",
        "Data could not be sent to remote host '10.77.0.15'. Make sure this host can be reached over SSH: [Errno 32] Broken pipe",
        "Error reading SSH protocol banner",
    ],
}

NOT_RECOGNISED = [
    "",
    "Module result deserialization failed: No start of json char found",
    "MODULE FAILURE: No start of json char found",
    "/bin/sh: 1: /usr/bin/nosudo: not found",
    "Désolé, un mot de passe est nécessaire pour exécuter sudo",
    "Unable to negotiate with 10.77.0.15 port 22: no matching host key type found. Their offer: ssh-rsa",
]


@pytest.mark.parametrize(
    ("cause", "message"), [(cause, each) for cause, printed in PRINTED.items() for each in printed]
)
def test_the_cause_is_recognised(cause: Cause, message: str) -> None:
    found, line = recognised(message)
    assert found is cause
    assert line
    assert "\n" not in line
    assert line in words(message).splitlines()


def test_every_cause_has_a_message_that_shows_it() -> None:
    assert PRINTED.keys() == set(Cause)


@pytest.mark.parametrize("message", NOT_RECOGNISED)
def test_what_is_not_recognised_has_no_cause_and_keeps_its_words_on_one_line(message: str) -> None:
    assert recognised(message) == (None, message)
    assert recognised(f"{message}\n\nand more") == (None, f"{words(message)}; and more".removeprefix("; "))


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (CHANGED, "Host key for [127.0.0.1]:2222 has changed and you have requested strict checking."),
        (DEBUGGED, "ops@10.77.0.15: Permission denied (publickey)."),
        (NO_KEY_FILE, "no such identity: /nonexistent/key: No such file or directory"),
        (WRONG_TWICE, "sudo: 1 incorrect password attempt"),
        (
            "bash: proxy: not found\nConnection closed by UNKNOWN",
            "bash: proxy: not found; Connection closed by UNKNOWN",
        ),
    ],
)
def test_of_many_lines_the_one_with_the_cause_is_shown(message: str, line: str) -> None:
    assert recognised(message)[1] == line


def test_a_failure_without_a_word_keeps_ansibles() -> None:
    assert words("Failed to connect to the host via ssh: ") == "Failed to connect to the host via ssh:"


def test_of_what_is_printed_without_an_end_the_begin_and_the_end_are_looked_at() -> None:
    endless = "boom\n" * 2_000_000
    assert len(words(endless)) < 200_000
    for said in (f"{endless}sudo: a password is required", f"sudo: a password is required\n{endless}"):
        assert recognised(said)[0] is Cause.BECOME_PASSWORD_MISSING


def test_of_what_ssh_prints_to_be_debugged_nothing_is_kept() -> None:
    assert words(DEBUGGED) == "ops@10.77.0.15: Permission denied (publickey)."
    assert recognised("debug1: Host key verification failed.")[0] is None


NO_JSON = "Module result deserialization failed: No start of json char found"


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        pytest.param({"module_stderr": PYENV}, "pyenv: python3: command not found", id="the line with the cause"),
        pytest.param(
            {"module_stderr": "a\nboom\n", "module_stdout": ""}, "boom", id="the last line, if none has the cause"
        ),
        pytest.param(
            {"module_stdout": "This account is not available.\n"}, "This account is not available.", id="stdout"
        ),
        pytest.param(
            {"module_stderr": "Connection to node closed", "module_stdout": "sudo: a password is required"},
            "sudo: a password is required",
            id="of both",
        ),
        pytest.param(
            {
                "module_stderr": "Traceback (most recent call last):\nFileNotFoundError: [Errno 2] No usable temporary directory"
            },
            "No usable temporary directory",
            id="the operating system's word of a traceback",
        ),
        pytest.param(
            {"module_stderr": "Traceback (most recent call last):\nModuleNotFoundError: No module named 'zlib'\n"},
            "ModuleNotFoundError: No module named 'zlib'",
            id="the module that Python has not",
        ),
        pytest.param({"module_stderr": "x" * 2 * MAX_LINE}, "x" * MAX_LINE, id="no more than somebody reads"),
    ],
)
def test_what_the_node_printed_in_the_place_of_an_answer_stands_beside_ansibles_words(
    printed: dict[str, Any], said: str
) -> None:
    assert module_error({"msg": NO_JSON, "rc": 1, **printed}) == f"{NO_JSON}\nthe node said: {said}"


def test_that_the_node_printed_nothing_is_said_with_its_exit_status() -> None:
    said = module_error({"msg": NO_JSON, "module_stdout": "", "module_stderr": "", "rc": 1})
    assert said == f"{NO_JSON}\nthe node said nothing, and ended with status 1"
    assert module_error({"msg": "Missing sudo password"}) == "Missing sudo password"
    assert module_error({}) == "the module gave no answer"


@pytest.mark.parametrize(
    "printed",
    [
        {"module_stderr": "Traceback (most recent call last):\nValueError: eyJhbGciOiJSUzI1NiJ9.e30.c2ln\n"},
        {"module_stdout": '{"evidence": {"github_apps": [{"jwt": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"'},
    ],
    ids=["a traceback", "the beginning of an answer"],
)
def test_of_what_may_hold_the_modules_arguments_nothing_is_kept(printed: dict[str, Any]) -> None:
    assert "eyJ" not in module_error({"msg": NO_JSON, **printed})
