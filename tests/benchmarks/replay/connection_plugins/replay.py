"""A connection to a node that costs the controller nothing: it waits, and gives a recorded answer
at the present time.

How it is used: ``tests/benchmarks/replayed.py``.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from pathlib import Path

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: replay
short_description: Replay a recorded answer
description: Waits, and answers what ansible.builtin.ping and skewgate.preflight.node_evidence would. Nothing is run.
author: skewgate
options:
  answer:
    description: The file with the answer of node_evidence, as tests/benchmarks/replayed.py makes it.
    vars: [{name: replay_answer}]
    required: true
  delay_s:
    description: How long each command takes.
    type: float
    default: 0.05
    vars: [{name: replay_delay_s}]
  sizes:
    description: If given, a file in which is noted how many bytes were piped to the node.
    vars: [{name: replay_sizes}]
extends_documentation_fragment: [connection_pipelining]
"""

NS = 1_000_000_000
NTP_TO_UNIX_S = 2_208_988_800
BEGUN_BEFORE_NS = 45_000_000
"""How long before its answer the node began:
no longer than the least delay that the benchmark uses.
"""
TAKES_NS = 40_000_000
PLACE = re.compile(r"@([WFNDJL])([+-]\d+)?@")
SIGNED_FOR = re.compile(rb'signed_for_s[\\"\': ]+(\d+)')
LABEL = re.compile(rb'label[\\"\': ]+(\w+)')
PONG = b'{"ping": "pong", "invocation": {"module_args": {"data": "pong"}}}'


def filled(template: str, sent: bytes, now_ns: int) -> bytes:
    """The answer with the present times in their places, and of the JWT what the arguments say.

    W, F: the node's clock, in nanoseconds and in seconds; N: an NTP timestamp; D: HTTP's date;
    each plus nanoseconds.
    """
    begun_ns = now_ns - BEGUN_BEFORE_NS
    if begun_ns // NS != (begun_ns + TAKES_NS) // NS:  # all dates are of one second
        begun_ns -= TAKES_NS
    signed_for, label = SIGNED_FOR.search(sent), LABEL.search(sent)
    known = {
        "D": formatdate(begun_ns // NS, usegmt=True),
        "J": signed_for[1].decode() if signed_for else "0",
        "L": label[1].decode() if label else "now",
    }

    def value(place: re.Match[str]) -> str:
        kind = place[1]
        if kind in known:
            return known[kind]
        at_ns = begun_ns + int(place[2])
        if kind == "W":
            return str(at_ns)
        seconds, rest_ns = divmod(at_ns, NS)
        if kind == "F":
            return f"{seconds}.{rest_ns // 1000:06}"
        return f"{(seconds + NTP_TO_UNIX_S) & 0xFFFFFFFF:08x}{(rest_ns << 32) // NS:08x}"

    return PLACE.sub(value, template).encode()


class Connection(ConnectionBase):
    """What Ansible loads for hosts with ``ansible_connection: replay``."""

    transport = "replay"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """What the node answers."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        self.delay()
        return self.answer(in_data) if in_data is not None else (0, _of_shell(cmd), b"")

    def delay(self) -> None:
        """The time that the network takes."""
        time.sleep(self.get_option("delay_s"))

    def answer(self, in_data: bytes) -> tuple[int, bytes, bytes]:
        """What the node's module returns."""
        if noted := self.get_option("sizes"):
            with Path(noted).open("a") as file:
                print(len(in_data), file=file)
        if b"node_evidence" in in_data:
            template = Path(self.get_option("answer")).read_text(encoding="utf-8")
            return 0, filled(template, in_data, time.time_ns()), b""
        if b"ansible.modules.ping" in in_data or b"ansible/modules/ping" in in_data:
            return 0, PONG, b""
        return 1, b"", b"the connection replay has no answer to this module"

    def put_file(self, in_path: str, out_path: str) -> None:
        """Nothing is kept."""

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Nothing was kept."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing was opened."""
        self._connected = False


def _of_shell(cmd: str) -> bytes:
    """To what Ansible asks before it runs a module: which Python is there, and where home is."""
    if "ENDFOUND" in cmd:
        platform = "PLATFORM\nLinux\n" if "PLATFORM" in cmd else ""
        return f"{platform}FOUND\n/usr/bin/python3\nENDFOUND\n".encode()
    return b"/root\n" if "echo ~" in cmd else b""
