"""Networks between a node and a server with NTS, each with one fault: real chronyd, real nftables.

Run in a separate network: ``python nts_networks.py CHRONYD CERTIFICATE NETWORK`` prints the
sections ``nts`` and ``nts_client`` that the probes take there.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.module_utils.node import background, run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony, nts, nts_client
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.nts_client import (
    source_line,
    try_lines,
    try_name,
)

SERVER, OTHER, STRIPPER = "127.0.0.1", "127.0.0.3", 5555
#: SO_MARK, by which the stripper's own packets pass.
SO_MARK, MARK = 36, 1
_FILTER = "chain f { type filter hook input priority 0; "


def rules(server: str, other: str, hook: str) -> dict[str, str]:
    """The rules of nftables for each network, in ``hook``'s place of the way to ``server``; at
    ``other``, port 1123, answers a server without NTS.
    """
    nat = f"chain n {{ type nat hook {hook} priority -100;"
    return {
        "healthy": "",
        "tcp_4460_blocked": _FILTER + "tcp dport 4460 drop; }",
        "large_dropped": _FILTER + "udp dport 123 ip length > 76 drop; }",
        "large_dropped_back": _back(hook) + "udp sport 123 ip length > 76 drop; }",
        # An answer of NTSN has 84 bytes, one that is authenticated more than twice as many.
        "authenticated_dropped": _back(hook) + "udp sport 123 ip length > 140 drop; }",
        # As from NTPsec: what is authenticated is answered, and nothing else of NTS.
        "ntsn_dropped": _back(hook) + "udp sport 123 ip length 77-140 drop; }",
        "udp_dropped": _FILTER + "udp dport 123 drop; }",
        "redirected_to_one": f"{nat} ip daddr {server} udp dport 123 dnat to {other}:1123; }}",
        "redirected": f"{nat} udp dport 123 dnat to {other}:1123; }}",
        "stripped": f"{nat} ip daddr {server} udp dport 123 meta mark != {MARK} dnat to {server}:{STRIPPER}; }}",
    }


def _back(hook: str) -> str:
    """A chain for answers; where the server is on the same machine, they come in."""
    return _FILTER if hook == "output" else _FILTER.replace("hook input", "hook output")


RULES = rules(SERVER, OTHER, "output")


@contextmanager
def chronyd(program: str, folder: Path, *lines: str) -> Iterator[None]:
    """A real chronyd with these lines; with -x it leaves this machine's clock alone."""
    folder.mkdir(mode=0o700)
    common = ("cmdport 0", "bindcmdaddress /", f"pidfile {folder}/pid", "local stratum 5", "allow")
    (folder / "chrony.conf").write_text("\n".join([*common, *lines]) + "\n")
    with (folder / "log").open("wb") as log:
        argv = [program, "-x", "-d", "-u", "root", "-f", folder / "chrony.conf"]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def strip_forever(server: str = SERVER) -> None:
    """Pass requests on without what follows the 48 bytes, and the answers back."""
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((server, STRIPPER))
    while True:
        request, client = front.recvfrom(2048)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
            back.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
            back.settimeout(1)
            back.sendto(request[:48], (server, 123))
            front.sendto(back.recv(2048)[:48], client)


def main(program: str, certificate: str, network: str) -> None:
    """Print what the probe takes."""
    folder = Path(tempfile.mkdtemp())
    (folder / "chrony.conf").write_text(f"ntstrustedcerts {certificate}\nnosystemcert\nserver {SERVER} nts\n")
    start = chrony.Start("chronyd", str(folder / "chrony.conf"), str(folder))
    run.PATH = f"{Path(program).parent}:{run.PATH}"
    nts_client.WITHIN_S = 5
    nts.configuration = lambda *_asked: start
    ke = (f"ntsserverkey {certificate}", f"ntsservercert {certificate}", f"ntsdumpdir {folder}")
    try:
        with (
            chronyd(program, folder / "server", f"bindaddress {SERVER}", *ke),
            chronyd(program, folder / "other", f"bindaddress {OTHER}", "port 1123"),
        ):
            threading.Thread(target=strip_forever, daemon=True).start()
            wait_for_port()
            if RULES[network]:
                subprocess.run(["nft", f"table ip faults {{\n{RULES[network]}\n}}\n"], check=True)
            server = {"server": SERVER, "port": 4460, "certset": "0"}
            lines = try_lines(source_line(server), [f"ntstrustedcerts {certificate}", "nosystemcert", "user root"])
            client = background.start(nts_client.collect, {try_name(server): lines})
            print(json.dumps({"nts": nts.collect(2, [], []), "nts_client": client.result()}))
    finally:
        shutil.rmtree(folder)


def wait_for_port() -> None:
    """Until the key exchange is served."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with socket.socket() as client:
            if client.connect_ex((SERVER, 4460)) == 0:
                return
        time.sleep(0.05)
    sys.exit("chronyd does not serve NTS")


if __name__ == "__main__":
    main(*sys.argv[1:])
