"""Which OpenSSH certificates ssh offers to a node: only public files are read, and ssh-agent is
asked for what it shows to every program of this user.

A certificate is valid from one time to another, and the node's sshd judges that by the node's clock
(sshkey.c, sshkey_cert_check_authority). It says so in its log alone, and ssh prints that permission
is denied.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .libraries import SSHCertificate, load_ssh_public_identity
from .shapes import MAX_NAME, MAX_SAFE
from .text import printable

TIMEOUT_S = 5
"""For each of the two commands. They connect to no machine; with CanonicalizeHostname, ssh asks the
resolver for the name, as it did for the login."""
MOST = 20
MAX_BYTES = 64 * 1024
_OPTIONS = ("ssh_args", "ssh_common_args", "ssh_extra_args")


def offered(option: Callable[[str], Any]) -> dict[str, Any] | None:
    """The record's note after a login that was refused: ``{"at_s": this machine's time,
    "certificates": [{"from", "key_id", "valid_after_s", "valid_before_s"}]}``; None if it is not
    known what ssh offers.

    ``option`` gives an option of Ansible's connection ``ssh``. `ssh -G` is given the same ones, and
    prints what ssh would do, without a connection: no ProxyCommand runs. A `Match exec` of ssh's
    configuration runs, as it just did for the login. ``valid_before_s`` is None if there is no end.
    """
    try:
        would = _configuration(option)
    except Exception:  # noqa: BLE001 - options may have any type, and a note that is missing must not end the check
        return None
    found: dict[str, dict[str, Any]] = {}
    for source, text in (*_of_files(would), *_of_agent(would)) if _with_keys(would) else ():
        if (certificate := _read(text)) and len(found) < MOST:
            found.setdefault(text.split()[1], {"from": printable(source), **certificate})
    return {"at_s": time.time(), "certificates": list(found.values())}


def _configuration(option: Callable[[str], Any]) -> dict[str, list[str]]:
    """What `ssh -G` prints: the values of each keyword."""
    before, *after = (shlex.split(option(name) or "") for name in _OPTIONS)
    argv = [str(_home(option("ssh_executable"))), "-G", *before]
    if (port := option("port")) is not None:
        argv += ["-o", f"Port={port}"]
    if key := option("private_key_file"):
        argv += ["-o", f'IdentityFile="{_home(key)}"']
    if user := option("remote_user"):
        argv += ["-o", f'User="{user}"']
    printed = _printed([*argv, *(word for words in after for word in words), "--", str(option("host"))])
    found: dict[str, list[str]] = {}
    for line in printed.splitlines():
        keyword, _space, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def _with_keys(would: dict[str, list[str]]) -> bool:
    """Whether ssh logs in with a key at all."""
    methods = would.get("preferredauthentications", ["publickey"])
    off = would.get("pubkeyauthentication") in (["no"], ["false"])
    return not off and "publickey" in methods[0].split(",")


def _of_files(would: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """The certificates' files that ssh reads: those that it is given, and one beside each key."""
    beside = [f"{name}-cert.pub" for name in would.get("identityfile", ())]
    for name in dict.fromkeys((*would.get("certificatefile", ()), *beside)):
        path = _home(name)
        try:
            if path.is_file() and path.stat().st_size <= MAX_BYTES:
                yield str(path), path.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            continue


def _of_agent(would: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """The certificates that ssh-agent has; with IdentitiesOnly ssh offers none of them."""
    at = next(iter(would.get("identityagent", ())), "SSH_AUTH_SOCK")
    socket = os.environ.get("SSH_AUTH_SOCK") if at == "SSH_AUTH_SOCK" else os.path.expandvars(str(_home(at)))
    if not socket or at == "none" or would.get("identitiesonly") == ["yes"]:
        return
    try:
        printed = _printed(["ssh-add", "-L"], {**os.environ, "SSH_AUTH_SOCK": socket})
    except (OSError, ValueError, subprocess.SubprocessError):
        return
    for line in printed.splitlines():
        yield "ssh-agent", line


def _home(name: str) -> Path:
    """A path, with the home folder for ``~`` if that is known."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def _printed(argv: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - the operator's own options, as Ansible has just used them
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        env=environment,
        check=True,
    )
    return done.stdout[: 16 * MAX_BYTES].decode("utf-8", "replace")


def _read(text: str) -> dict[str, Any] | None:
    """A certificate, from a line of its file; None for anything else."""
    try:
        shown = load_ssh_public_identity(" ".join(text.split()[:2]).encode())
    except Exception:  # noqa: BLE001 - a file may hold anything, and cryptography has no list of what it raises
        return None
    if not isinstance(shown, SSHCertificate):
        return None
    # PROTOCOL.certkeys: a certificate without an end has the largest number.
    end_s = None if shown.valid_before > MAX_SAFE else shown.valid_before
    key_id = printable(shown.key_id.decode("utf-8", "replace"))[:MAX_NAME]
    return {"key_id": key_id, "valid_after_s": min(shown.valid_after, MAX_SAFE), "valid_before_s": end_s}
