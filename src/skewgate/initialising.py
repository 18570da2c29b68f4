"""``skewgate init``: an inventory and settings, with placeholders for what is not known here; or a
key that signs reports.
"""

from __future__ import annotations

import argparse
import getpass
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from string import Template

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.placeholders import PLACEHOLDER
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import write_pair
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.values import server_problem
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from .environment import NEW_SIGNING_KEY
from .errors import SkewgateError

FILES = {"hosts.yml": "hosts.yml.tmpl", "group_vars/all.yml": "all.yml.tmpl"}
"""What is written, and the template of each."""

TO_FILL_IN = {
    "node_1": "FILL_IN_NODE_1",
    "node_2": "FILL_IN_NODE_2",
    "app_id": "FILL_IN_APP_ID",
    "installation_id": "FILL_IN_INSTALLATION_ID",
    "private_key_file": "FILL_IN_PRIVATE_KEY_FILE",
    "repository": "FILL_IN_OWNER_AND_REPOSITORY",
}

NTP_FILES = (
    "etc/chrony/chrony.conf",
    "etc/chrony.conf",
    "etc/chrony/sources.d/*.sources",
    "etc/ntpsec/ntp.conf",
    "etc/ntp.conf",
    "etc/systemd/timesyncd.conf",
    "etc/systemd/timesyncd.conf.d/*.conf",
    "run/chrony-dhcp/*.sources",
    "run/systemd/netif/leases/*",
    "var/lib/dhcp/*.leases",
)
"""The files with a machine's NTP servers: of its time daemon, or else of DHCP."""

_NTP_LINE = re.compile(
    r"^\s*(?:(?:server|pool)\s+(?P<name>\S+)|NTP=(?P<names>.+)|option ntp-servers (?P<leased>[^;]+);)", re.MULTILINE
)


def init(args: argparse.Namespace) -> int:
    """``init``: write the files, all of them or none, and say what to do with them."""
    key: Path | None = getattr(args, NEW_SIGNING_KEY, None)
    if (key is None) == (args.folder is None):
        found = "neither" if key is None else "both"
        raise SkewgateError(f"init: expected a folder (DIR) or --signing-key [FILE], found {found}")
    if key is not None:
        return _signing_key(key)
    texts = written(found_here(Path("/"), Path.home()))
    folder: Path = args.folder
    alone = not folder.is_dir() or not any(folder.iterdir())
    write_all(folder, texts)
    inventory = folder if alone else folder / "hosts.yml"  # Ansible reads all files of a folder
    print("Written:", *(f"  {folder / name}" for name in texts), sep="\n")
    print("To fill in:", *(f"  {word}" for text in texts.values() for word in PLACEHOLDER.findall(text)), sep="\n")
    print(f"Then run `skewgate check -i {inventory}`, which changes nothing on the nodes.")
    return ExitCode.ADMITTED


def _signing_key(given: Path) -> int:
    """Make a key pair, and say where each of the keys belongs."""
    path = given.expanduser()
    try:
        public, of = write_pair(path)
    except OSError as error:
        raise SkewgateError(
            f"can't write {error.filename or path}: {error.strerror}; nothing was written. Name a new file in a folder that "
            "you can write"
        ) from error
    print("Written:")
    print(f"  {path}  the private key: it signs, and has no passphrase; only you can read the file")
    print(f"  {public}  the public key: it verifies, and everybody may have it")
    print(f"Key ID: {of}")
    print("Keep the private key on the controller, outside of version control and of the report's folder.")
    print("Copy the public key to the machine that verifies, by a way that you trust.")
    print(f"Then run `skewgate gate -i INVENTORY --signing-key {shlex.quote(str(path))}`,")
    print(f"and on the other machine `skewgate verify REPORT_DIR --key {shlex.quote(public.name)}`.")
    return ExitCode.ADMITTED


def found_here(root: Path, home: Path) -> dict[str, str]:
    """What this machine knows of the templates' values; the network is not asked."""
    servers, place = ntp_servers(root)
    keys = [home / ".ssh" / name for name in ("id_ed25519", "id_ecdsa", "id_rsa")]
    key = next((f"~/.ssh/{each.name}" for each in keys if each.is_file()), None)
    return {
        "user": _user(),
        "ssh_key": f"ansible_ssh_private_key_file: {key}"
        if key
        else "# ansible_ssh_private_key_file: ~/.ssh/id_ed25519",
        "ntp_servers": ", ".join(servers) or "FILL_IN_NTP_SERVER",
        "ntp_from": f" These are this machine's, of {place}." if servers else "",
    }


def _user() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "root"


def ntp_servers(root: Path) -> tuple[list[str], str]:
    """The NTP servers of the first file that names some, and the file; none if no file does."""
    for pattern in NTP_FILES:
        for path in sorted(root.glob(pattern)):
            with suppress(OSError):
                text = path.read_text(encoding="utf-8", errors="replace")
                if names := list(dict.fromkeys(_names_in(text))):
                    return names, f"/{path.relative_to(root)}"
    return [], ""


def _names_in(text: str) -> Iterator[str]:
    for line in _NTP_LINE.finditer(text):
        for name in re.split(r"[\s,]+", line["name"] or line["names"] or line["leased"]):
            if name and not server_problem(name):
                yield name


def written(values: Mapping[str, str]) -> dict[str, str]:
    """Each file's text with these values, and placeholders for the others."""
    folder = resources.files("skewgate") / "template"
    return {
        name: Template((folder / template).read_text(encoding="utf-8")).substitute({**TO_FILL_IN, **values})
        for name, template in FILES.items()
    }


def write_all(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files into a folder that has none of them, all or none; raises SkewgateError."""
    if there := [name for name in texts if (folder / name).exists()]:
        raise SkewgateError(f"{folder} has {' and '.join(there)} already, and nothing was written; name another folder")
    done: list[Path] = []
    try:
        for name, text in texts.items():
            path = folder / name
            for parent in reversed([each for each in path.parents if not each.exists()]):
                parent.mkdir()
                done.append(parent)
            with path.open("x", encoding="utf-8") as file:
                done.append(path)
                file.write(text)
    except OSError as error:
        for path in reversed(done):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise SkewgateError(f"can't write to {folder}: {error.strerror}; nothing was written") from error
