"""Could the node be reached, and did it show its evidence?

Without evidence nothing is known about a node, so it is not admitted. An unreachable node is
reported beside the others and never stops them.

If the evidence of several runs is joined (`skewgate report -i INVENTORY`), the check is
inconclusive for a node of the inventory that has none.

Passes if the connection worked and the module ran to its end. Fails if the node's facts have the
name of a setting, because they could outrank the operator's settings.

The answer has a time limit: the time that its exchanges may take according to `gate_timeout_s`, and
one minute. Then the connection is closed, and the node is refused as not judged.

If the node refused the login and ssh had offered a certificate, the finding shows when that is
valid. The node's sshd judges it by the node's clock, and ssh prints nothing of this. So the finding
says how far that clock may be off before it refuses the certificate
(`ssh_certificate_judged_by_node`), or that the certificate is not valid at this machine's time
(`ssh_certificate_not_valid`). A host's certificate is judged by this machine's clock. Of a bastion
nothing is known.

What to do: the finding says it, if the message of Ansible, ssh, sudo or Python is recognised:

CAUSES

If the message is not recognised: check that Ansible reaches the node and becomes root there
(`ansible NODE -b -m ping`), and that the node has Python 3.8 or later. Then run the check
again with `--limit`.

Source: skewgate's own rule, fail closed. The recognised messages are those of OpenSSH, sudo,
sudo-rs, doas, su, paramiko and ansible-core, in English. Ansible itself knows sudo's messages for a
wrong or missing password in other languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from ..boundary.no_evidence import Cause, recognised
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import Record
from ..model.ssh_certificates import SshCertificate, dated
from ..model.wording import listed, wrapped

NEEDS = ()
REMEDIABLE = False

MAX_SUMMARY = 400
"""A finding shows at most this much of a message that is not recognised; ``seen`` has all of it."""


class Key(StrEnum):
    """Why there is no evidence; a finding also has the ``Cause`` that was recognised."""

    UNREACHABLE = "unreachable"
    NO_EVIDENCE = "no_evidence"
    NO_ANSWER = "no_answer"
    NOT_CHECKED = "not_checked"
    MISSING = "missing"
    SETTINGS_IN_FACTS = "settings_in_facts"
    SSH_CERTIFICATE_NOT_VALID = "ssh_certificate_not_valid"
    SSH_CERTIFICATE_BY_NODE = "ssh_certificate_judged_by_node"


_FINGERPRINTS = (
    "Compare the node's fingerprint, on its console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), with the one at "
    "that address (`ssh-keyscan HOST | ssh-keygen -lf -`). If they are the same"
)

_WITHOUT_PYTHON = "see docs/how-to/nodes-without-python.md"

_CAUSES: Mapping[Cause, tuple[str, str]] = {
    Cause.VAULT_LOCKED: ("the vault has no password", "Give the vault's password: `--vault-password-file FILE`."),
    Cause.CONNECTION_SETTINGS: (
        "the way in which Ansible connects is not usable",
        "Correct what Ansible names: a variable (`ansible-inventory -i INVENTORY --host NODE` shows them), an option of ssh, or "
        "a plugin or program that is not installed on this machine.",
    ),
    Cause.BECOME_PASSWORD_WRONG: (
        "the password to become root is wrong",
        "Try the password on the node: `ssh -t USER@HOST sudo -v`. Then give it: `-K` asks for it. Check whether "
        "ansible_become_password in the inventory is an old one.",
    ),
    Cause.BECOME_PASSWORD_MISSING: (
        "there is no password to become root",
        "Give the password: `-K` asks for it, `--become-password-file FILE` reads it from a file. Or let the user become root "
        "without one, with a line in sudoers (`visudo` on the node): `USER ALL=(ALL) NOPASSWD: ALL`.",
    ),
    Cause.BECOME_NEEDS_TTY: (
        "sudo wants a terminal",
        "Turn that off for the user, with a line in sudoers (`visudo` on the node): `Defaults:USER !requiretty`.",
    ),
    Cause.BECOME_REFUSED: (
        "the user may not become root",
        "Look at what the user may do: `ssh -t USER@HOST sudo -l`. Add a line to sudoers (`visudo` on the node): "
        "`USER ALL=(ALL) NOPASSWD: ALL`; or log in as another user: `-u USER`.",
    ),
    Cause.BECOME_TIMED_OUT: (
        "becoming root took too long",
        "Try it: `ssh -t USER@HOST sudo -v`. If it asks for a password, give it: `-K` asks for it. If it only takes long, wait "
        "longer: `-e ansible_timeout=60`.",
    ),
    Cause.BECOME_UNUSABLE: (
        "sudo is missing, or cannot make anybody root",
        "Check on the node: `sudo -V`, `ls -l $(command -v sudo)` (root's, with the setuid bit) and `visudo -c`. Without sudo, "
        "log in as root: `-u root -e ansible_become=false`.",
    ),
    Cause.HOST_CERTIFICATE_DATED: (
        "the host's certificate is not valid at this machine's time",
        "Check this machine's clock (`timedatectl`, `chronyc tracking`), then the certificate on the node's console: "
        "`ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub`. Have it signed anew, with a beginning some minutes ago.",
    ),
    Cause.HOST_KEY_CHANGED: (
        "the host key has changed",
        f"Find out why: a new installation, or another machine at that address. {_FINGERPRINTS}: `ssh-keygen -R HOST`, then "
        "`ssh-keyscan -H HOST >> ~/.ssh/known_hosts`.",
    ),
    Cause.HOST_KEY_UNKNOWN: (
        "the host key is not known",
        f"{_FINGERPRINTS}: `ssh-keyscan -H HOST >> ~/.ssh/known_hosts`.",
    ),
    Cause.NAME_NOT_RESOLVED: (
        "the name is not resolved",
        "Correct the name, or give the address in ansible_host. `getent hosts NAME` on this machine must show an address.",
    ),
    Cause.PORT_REFUSED: (
        "nothing listens on the port",
        "Check on the node's console that sshd runs (`systemctl status ssh sshd`) and on which port (`ss -ltn`), and what "
        f"ansible_port is. Talos and Bottlerocket have no sshd: {_WITHOUT_PYTHON}.",
    ),
    Cause.NO_ROUTE: (
        "there is no way to the address",
        "Check that the node is up and the address is right (ansible_host), and how this machine gets there: "
        "`ip route get ADDRESS`.",
    ),
    Cause.TIMED_OUT: (
        "the connection timed out",
        "Check that the node is up and that no firewall drops the packets: `nc -vz HOST 22`. If it is only slow, wait longer: "
        "`-e ansible_timeout=60`.",
    ),
    Cause.PRIVATE_KEY_UNUSABLE: (
        "the private key cannot be used",
        "Check the file: `ssh-keygen -yf FILE`. Name another one (`--private-key FILE`, ansible_ssh_private_key_file), or "
        "give the agent the one that has a passphrase: `ssh-add FILE`.",
    ),
    Cause.LOGIN_REFUSED: (
        "the node does not let the user log in",
        "Try it: `ssh USER@HOST true`. Name the user (`-u USER`, ansible_user) and the key (`--private-key FILE`); a key with a "
        "passphrase must be in the agent: `ssh-add FILE`. `ssh-copy-id USER@HOST` brings a key to the node.",
    ),
    Cause.LOGIN_SHELL: (
        "the user's shell runs no commands",
        "Log in as another user (`-u USER`), or give this one a shell: `usermod -s /bin/sh USER` on the node.",
    ),
    Cause.PYTHON_TOO_OLD: (
        "Python is too old",
        "ansible-core 2.18 and 2.19 need Python 3.8 on a node, later ones 3.9. Install it. If it is not the first one, name "
        "it: ansible_python_interpreter=/usr/bin/python3.11.",
    ),
    Cause.NO_ROOM: (
        "there is no room for temporary files",
        "Make room on the node (`df -h /tmp`, `df -i /tmp`), and check that the folder is writable: Python needs some MB there.",
    ),
    Cause.PYTHON_BROKEN: (
        "Python does not start",
        "Try it: `ansible -i INVENTORY NODE -b -m raw -a 'PYTHON -V'`. Instead of a shim, as pyenv has them, name the "
        "interpreter itself: ansible_python_interpreter=/usr/bin/python3.",
    ),
    Cause.NO_PYTHON: (
        "there is no Python at that path",
        "Look for it, and see which system the node runs: `ansible -i INVENTORY NODE -m raw -a 'command -v python3; cat "
        "/etc/os-release'`. Name it in ansible_python_interpreter, or install Python 3.8 or later. Flatcar has it as an "
        f"extension of the system; a Bottlerocket node has none: {_WITHOUT_PYTHON}.",
    ),
    Cause.CONNECTION_CLOSED: (
        "the connection was closed",
        "Look for the reason on the node: `journalctl -u ssh -u sshd`. If many are asked at once, sshd or a bastion "
        "may close some "
        "(MaxStartups): ask fewer of them, `-e gate_serial=5`.",
    ),
}
"""The cause in a few words, and what to do next."""

__doc__ = (__doc__ or "").replace(
    "CAUSES",
    "\n".join(
        "\n".join(wrapped(f"{cause[0].upper()}{cause[1:]} (`{key}`). {remedy}", 100, "- "))
        for key, (cause, remedy) in _CAUSES.items()
    ),
)

_WHY = "Nothing is known about this node's clock and credentials, so it is not admitted."


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge whether there is evidence at all."""
    if record.unreachable:
        finding = _nothing(
            Key.UNREACHABLE,
            "the node could not be reached",
            record.unreachable,
            "Check that Ansible reaches it (`ansible NODE -m ping`), then run the check again for this node with --limit.",
        )
        return _with_certificates(finding, dated(record.ssh_login))
    if record.settings_in_facts:
        names = ", ".join(record.settings_in_facts)
        return Finding(
            state="fail",
            summary=f"the node's facts have names of this gate's settings: {names}",
            why="If Ansible injects facts, they outrank the inventory's variables, and the node could choose how it is judged. "
            "So it was not asked.",
            remedy="Find out which module or local fact of the node gave them. Put "
            "settings into the inventory instead, empty the fact cache (`ansible-playbook --flush-cache`), and run "
            "the check again.",
            seen={"settings_in_facts": record.settings_in_facts},
            keys=(Key.SETTINGS_IN_FACTS,),
            about=tuple(record.settings_in_facts),
            cause=f"settings in facts: {names}",
        )
    if record.not_checked or record.missing:
        return _not_asked(record)
    if record.module_error:
        return _nothing(
            Key.NO_EVIDENCE,
            "the evidence could not be taken",
            record.module_error,
            "Try Ansible without skewgate: `ansible NODE -b -m ping`. `ssh USER@HOST true` must print nothing and end with "
            "status 0, and a node needs Python 3.8 or later. Then run the check again.",
        )
    if record.no_answer:
        return _cut_off(record.no_answer)
    collected = record.section("collected")
    seen = {"python": collected["python"], "euid": collected["euid"]}
    how = ", but not as root: a check that needs what only root may see says so" if record.without_root else ""
    return Finding(state="pass", summary=f"reached, evidence taken{how}", seen=seen)


def _not_asked(record: Record) -> Finding:
    """No evidence, because no check of the node took place, or
    because its evidence was not joined.
    """
    key, cause = Key.NOT_CHECKED, "not checked in this run"
    summary = "the node was not checked in this run: it failed in an earlier task, or left the play"
    remedy = "Look in Ansible's output for its name, and fix the error. Then check this node again with --limit."
    if record.missing:
        key, cause = Key.MISSING, "no evidence of this node was given"
        summary = "the inventory has this node, but the given evidence does not"
        remedy = (
            "Give the evidence of the run that checked it too: `skewgate report` takes several files. If there is "
            "none, check this "
            "node with --limit, and join its evidence."
        )
    return Finding(state="inconclusive", summary=summary, why=_WHY, remedy=remedy, keys=(key,), cause=cause)


def _nothing(key: Key, what: str, said: str, remedy: str) -> Finding:
    """No evidence, with Ansible's message;
    ``what`` and ``remedy`` are for one that is not recognised.
    """
    cause, line = recognised(said)
    seen = {"module_error" if key is Key.NO_EVIDENCE else "unreachable": said}
    line = line if len(line) <= MAX_SUMMARY else f"{line[:MAX_SUMMARY]} ..."
    if cause is None:
        about = said.splitlines()[-1]
        if key is Key.UNREACHABLE:  # as ssh says it last, after the address: the same on every such node
            about = about.rpartition(": ")[2]
        return Finding(
            state="inconclusive",
            summary=f"{what}: {line}",
            why=_WHY,
            remedy=remedy,
            seen=seen,
            keys=(key,),
            about=(about,),
            cause=f"{what}: {about}",
        )
    phrase, next_step = _CAUSES[cause]
    return Finding(
        state="inconclusive",
        summary=f"{phrase}: {line}",
        why=_WHY,
        remedy=f"{next_step} Then run the check again.",
        seen=seen,
        keys=(key, cause),
        # For these, the thing to correct differs from node to node; all else is the
        # same on every node.
        about=(line,) if cause is Cause.CONNECTION_SETTINGS else (),
        cause=phrase,
    )


def _with_certificates(finding: Finding, offered: Sequence[SshCertificate]) -> Finding:
    """The finding, with what a clock may have to do with it if ssh offered certificates."""
    if not offered:
        return finding
    seen = {
        **finding.seen,
        "ssh_certificates": [
            {
                "from": certificate.source,
                "valid_after_s": certificate.valid_after_s,
                "valid_before_s": certificate.valid_before_s,
                "valid_here": certificate.valid_here,
            }
            for certificate in offered
        ],
    }
    valid = [certificate for certificate in offered if certificate.valid_here]
    if not valid:
        words = listed([certificate.words for certificate in offered], 3)
        return replace(
            finding,
            summary=f"{finding.summary}; the certificate that ssh offers is not valid at this machine's time: {words}",
            remedy="Have it signed anew. If it should be valid, check this machine's clock (`chronyc tracking`). Otherwise: "
            f"{finding.remedy}",
            seen=seen,
            keys=(*finding.keys, Key.SSH_CERTIFICATE_NOT_VALID),
            cause=f"{finding.cause}: the ssh certificate is not valid",
        )
    refused = [
        f"{certificate.words}: a node refuses it whose clock, compared with this machine's, is {certificate.refused_by}"
        for certificate in valid
    ]
    return replace(
        finding,
        summary=f"{finding.summary}; ssh offers {listed(refused, 3)}",
        remedy="See whether the node's clock is why: `journalctl -u ssh -u sshd` on its console has `Certificate invalid: not "
        "yet valid` or `Certificate invalid: expired` then, and `date -u` its time. Correct that clock there, or log in with a "
        f"key or a certificate that is valid for longer (`ssh-keygen -s CA -V -1h:+1h`). Otherwise: {finding.remedy}",
        seen=seen,
        keys=(*finding.keys, Key.SSH_CERTIFICATE_BY_NODE),
        cause=f"{finding.cause}, maybe because of its clock",
    )


def _cut_off(reason: str) -> Finding:
    return Finding(
        state="inconclusive",
        summary=f"the node was asked for its evidence, and {reason}",
        why=_WHY,
        remedy="Run `ansible NODE -m ping`. If that hangs too, log in and find what the node waits for: its disk, a network "
        "file system, memory (`dmesg`). If it answers, the node is slow: increase gate_timeout_s, then run the check again.",
        seen={"no_answer": reason},
        keys=(Key.NO_ANSWER,),
        cause="the node's answer did not end",
    )
