"""What is around one node: its network, the wire, and the servers at the other end of it.

Each node has servers of the same names and addresses, in a network where nobody else is, so one
inventory fits all, and a fault reaches one node alone.
"""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.daemons.conftest import Authority, Talk
from tests.lab.github_api.github import GitHub
from tests.lab.github_api.https import HttpsServer
from tests.lab.github_credentials import Credentials
from tests.lab.liar import NTP_PORT, Answer, ScriptedServer, lie
from tests.reliability.network.links import Fault, Network, Wire, unharmed
from tests.reliability.network.names import Answers, DnsServer, reply
from tests.reliability.network.packets import knows_nts

NODE, NODE_6 = "10.78.0.100", "fd78::100"
API, API_6, API_NAME = "10.78.0.1", "fd78::1", "api.github.lab"
ELSEWHERE, ELSEWHERE_NAME = "10.78.0.2", "elsewhere.lab"
#: Routed to the servers' end, where nobody has these addresses: what is sent there is lost.
NOBODY = "10.78.9.9"
NTP = {"ntp1.lab": "10.78.0.11", "ntp2.lab": "10.78.0.12", "ntp3.lab": "10.78.0.13"}
NTP_6 = {"ntp1.lab": "fd78::11", "ntp2.lab": "fd78::12", "ntp3.lab": "fd78::13"}
NTS = {"nts1.lab": "10.78.0.21", "nts2.lab": "10.78.0.22"}
PROXY, PROXY_PORT = "10.78.0.31", 3128
DNS, DNS_6 = "10.78.0.53", "fd78::53"
HTTPS_PORT, NTS_PORT = 443, 4460

Talker = Callable[[socket.socket], None]


def honest(request: bytes) -> list[bytes]:
    """The true time, of a server that follows no other: each has a vote."""
    return [lie(request, 0, stratum=1)]


@dataclass
class Site:
    """The servers as a case wants them; unchanged, all is well.

    ``ntp``: by name; None keeps the port open and silent, a name that is missing leaves it closed.
    ``api``: who answers in GitHub's place, bytes in and out; ``api_open``: whether anybody does.
    ``certificate``: the file that the API shows, in place of a good one. ``scripted``: what
    GitHub's answers are replaced with (tests/lab/github_api/script.py). ``dns``: the answers in
    place of the ``zone``'s. ``nts``: by name; any makes chrony be configured with both servers.
    ``nts_answer``: of their NTP.
    """

    authority: Authority
    ntp: dict[str, Answer | None] = field(default_factory=lambda: dict.fromkeys(NTP, honest))
    zone: dict[str, list[str]] = field(
        default_factory=lambda: {
            API_NAME: [API],
            ELSEWHERE_NAME: [ELSEWHERE],
            **{name: [address] for name, address in (NTP | NTS).items()},
        }
    )
    dns: Answers | None = None
    dns_over_tcp: bool = True
    api: Talker | None = None
    api_open: bool = True
    elsewhere: Talker | None = None
    certificate: Path | None = None
    scripted: list[dict[str, Any]] = field(default_factory=list)
    api_clock_s: float = 0.0
    nts: dict[str, Talker] | None = None
    nts_answer: Answer = knows_nts
    proxy: Talker | None = None
    environment: dict[str, str] = field(default_factory=dict)
    wire: Fault = unharmed
    only_ipv6: bool = False

    def through_proxy(self, talk: Talker | None) -> None:
        """Give the node a proxy; without ``talk`` nobody listens there."""
        self.proxy = talk
        self.environment["HTTPS_PROXY"] = f"http://gate:s3same@{PROXY}:{PROXY_PORT}"

    def answered(self, query: bytes, name: str, _kind: int, _tcp: bool) -> Iterable[bytes]:
        """What the zone says of a name; one that it lacks does not exist."""
        known = name in self.zone
        return [reply(query, self.zone.get(name, ()), code=0 if known else 3)]


class _Https6(HttpsServer):
    address_family = socket.AF_INET6


@dataclass(frozen=True)
class _Shown(Credentials):
    """The API's credentials, with another certificate in place of the server's."""

    shown: Path = Path()

    @property
    def server_pem(self) -> Path:
        return self.shown

    @property
    def server_key_pem(self) -> Path:
        return self.shown


class World:
    """A site that runs: `enter` is how a command gets to the node's place in it."""

    def __init__(self, site: Site, credentials: Credentials, folder: Path, seed: int) -> None:
        self.site = site
        self.folder = folder
        self._credentials = credentials
        self._closing = ExitStack()
        with ExitStack() as made:
            at_node = [f"{NODE_6}/64"] if site.only_ipv6 else [f"{NODE}/16", f"{NODE_6}/64"]
            self.node = Network(at_node, ["fd00::/8"] if site.only_ipv6 else ["default", "fd00::/8"])
            made.callback(self.node.close)
            of_servers = (API, ELSEWHERE, PROXY, DNS, *NTP.values(), *NTS.values())
            of_servers_6 = (API_6, DNS_6, *NTP_6.values())
            addresses = [f"{address}/16" for address in of_servers] + [f"{address}/64" for address in of_servers_6]
            self.servers = Network(addresses, ["default", "fd00::/8"])
            made.callback(self.servers.close)
            self.wire = Wire(self.node, self.servers, site.wire, seed)
            made.callback(self.wire.close)
            self.servers.inside(self._serve)
            self._closing.push(made.pop_all())
        self._write_etc()

    def _serve(self) -> None:
        site = self.site
        for address in (DNS_6,) if site.only_ipv6 else (DNS,):
            self._closing.callback(DnsServer(address, site.dns or site.answered).close)
        for name, answer in site.ntp.items():
            for address in (NTP[name], NTP_6[name]):
                self._closing.callback(ScriptedServer(answer or (lambda _request: []), address, NTP_PORT).close)
        if site.api_open:
            self._serve_api()
        for name, talk in (site.nts or {}).items():
            self._closing.callback(Talk(talk, (NTS[name], NTS_PORT)).close)
            self._closing.callback(ScriptedServer(site.nts_answer, NTS[name], NTP_PORT).close)
        if site.elsewhere:
            self._closing.callback(Talk(site.elsewhere, (ELSEWHERE, HTTPS_PORT)).close)
        if site.proxy:
            self._closing.callback(Talk(site.proxy, (PROXY, PROXY_PORT)).close)

    def _serve_api(self) -> None:
        if self.site.api:
            self._closing.callback(Talk(self.site.api, (API, HTTPS_PORT)).close)
            return
        github = GitHub(self._credentials.app_public_pem.read_text(), io.StringIO())
        github.set_clock_offset(self.site.api_clock_s)
        for scripted in self.site.scripted:
            github.script(**{"method": "*", "path": "*", "times": 10_000, **scripted})
        shown = self.site.certificate or self.site.authority.issue(host=API_NAME)
        credentials = _Shown(self._credentials.directory, shown)
        for kind, address in ((HttpsServer, API), (_Https6, API_6)):
            server = kind((address, HTTPS_PORT), github, credentials)
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
            self._closing.callback(server.server_close)
            self._closing.callback(server.shutdown)

    def _write_etc(self) -> None:
        etc = self.folder / "etc"
        (etc / "chrony").mkdir(parents=True)
        (etc / "resolv.conf").write_text(f"nameserver {DNS_6 if self.site.only_ipv6 else DNS}\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        (etc / "nsswitch.conf").write_text("hosts: files dns\n")
        if self.site.nts is not None:
            (self.folder / "ca.pem").write_text(self.site.authority.pem)
            servers = "".join(f"server {name} iburst nts\n" for name in NTS)
            (etc / "chrony/chrony.conf").write_text(f"{servers}nosystemcert\nntstrustedcerts {self.folder}/ca.pem\n")

    def enter(self) -> list[str]:
        """What stands before a command of this node's: its network, its /etc, and no process of
        another's.

        From anywhere, and also from inside of another world.
        """
        inside = f'mount -t overlay overlay -o lowerdir={self.folder}/etc:/etc /etc && exec "$@"'
        ours = f"/proc/{os.getpid()}/ns"
        outside = ["nsenter", f"--net={self.node.path}", f"--mount={ours}/mnt"]
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return [*outside, *alone, "sh", "-c", inside, "sh"]

    def enter_as_controller(self) -> list[str]:
        """The same with the processes of all, so it can start what enters other worlds."""
        inside = f'mount -t overlay overlay -o lowerdir={self.folder}/etc:/etc /etc && exec "$@"'
        return ["nsenter", f"--net={self.node.path}", "unshare", "--mount", "sh", "-c", inside, "sh"]

    def close(self) -> None:
        """End all of it."""
        self._closing.close()
