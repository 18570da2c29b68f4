"""Who shares a vote, with real chronyds that follow each other in a separate network."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemons.boxed import in_network

NETWORK = """
set -e
ip link set lo up
for address in 10.1.0.1/32 10.1.0.2/32 10.1.0.3/32 fd00:77::1/128; do ip addr add "$address" dev lo; done
exec "$@"
"""
RUN = """
import json, subprocess, sys, time
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import estimate_skew, shared_votes

UPSTREAM = "local stratum 3"
SERVERS = {
    "10.1.0.1": UPSTREAM,
    "fd00:77::1": UPSTREAM,
    "10.1.0.2": "server 10.1.0.1 iburst minpoll 0",
    "10.1.0.3": "server fd00:77::1 iburst minpoll 0",
}
running = []
for number, (address, how) in enumerate(SERVERS.items()):
    folder = Path(sys.argv[2], str(number))
    folder.mkdir(mode=0o700)
    files = f"pidfile {folder}/pid\\nbindcmdaddress {folder}/sock\\ncmdport 0\\n"
    (folder / "chrony.conf").write_text(f"{how}\\nallow\\nbindaddress {address}\\n{files}")
    running.append(subprocess.Popen([sys.argv[1], "-x", "-d", "-u", "root", "-f", folder / "chrony.conf"]))
try:
    for _ in range(60):
        time.sleep(0.5)
        estimate = estimate_skew({"ntp": ntp.collect(list(SERVERS), 123, 1, 1)}, None)
        if all(reference.skew_s for reference in estimate.references):
            break
    print(json.dumps([{r.name: r.detail for r in estimate.references}, shared_votes(estimate.references)]))
finally:
    for process in running:
        process.terminate()
        process.wait(10)
"""


def test_a_server_and_its_follower_share_a_vote_by_ipv4_and_by_ipv6(chrony_tree: Path, tmp_path: Path):
    shown = in_network(NETWORK, RUN, chrony_tree / "usr/sbin/chronyd", tmp_path, timeout_s=60)
    details, shared = json.loads(shown.splitlines()[-1])
    assert details["ntp 10.1.0.2"].startswith("stratum 4"), details
    assert sorted(map(sorted, shared)) == [["ntp 10.1.0.1", "ntp 10.1.0.2"], ["ntp 10.1.0.3", "ntp fd00:77::1"]]
