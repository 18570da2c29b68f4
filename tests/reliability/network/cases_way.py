"""Names and proxies that lie."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tests.reliability.network import names, talks
from tests.reliability.network.case import NO_DNS, NO_TIME, Case, another_authority, ntp, token
from tests.reliability.network.talks import joined, tunnel_then, whole
from tests.reliability.network.world import API, API_NAME, ELSEWHERE, ELSEWHERE_NAME, NOBODY, NTP, PROXY, Site

Answers = names.Answers


def dns(answers: Answers) -> Callable[[Site], None]:
    """What the resolver answers to all."""

    def make(site: Site) -> None:
        site.dns = answers

    return make


def coded(code: int) -> Answers:
    """Each query gets this response code (RFC 1035, section 4.1.1)."""
    return lambda query, _name, _kind, _tcp: [names.reply(query, code=code)]


def no_answer(_query: bytes, _name: str, _kind: int, _tcp: bool) -> Iterable[bytes]:
    """Nobody answers, as if all queries were lost."""
    return []


def garbage(query: bytes, _name: str, _kind: int, _tcp: bool) -> Iterable[bytes]:
    """Not DNS, but the query's number."""
    return [query[:2] + b"\x81\x80" + b"\xff" * 200]


def another_question(query: bytes, _name: str, _kind: int, _tcp: bool) -> Iterable[bytes]:
    """An answer to a query that was not asked."""
    return [bytes(2) + names.reply(query, ["10.78.0.2"])[2:]]


def cut(site: Site) -> None:
    """Over UDP all answers are truncated, over TCP they are whole."""

    def answers(query: bytes, name: str, kind: int, tcp: bool) -> Iterable[bytes]:
        return site.answered(query, name, kind, tcp) if tcp else [names.reply(query, flags=names.TRUNCATED)]

    site.dns = answers


def cut_for_ever(query: bytes, _name: str, _kind: int, tcp: bool) -> Iterable[bytes]:
    """Over UDP all answers are truncated, over TCP there are none."""
    return [] if tcp else [names.reply(query, flags=names.TRUNCATED)]


def slow_names(site: Site) -> None:
    """Each answer takes 0.1 s: the resolver has one thread."""

    def answers(query: bytes, name: str, kind: int, tcp: bool) -> Iterable[bytes]:
        time.sleep(0.1)
        return site.answered(query, name, kind, tcp)

    site.dns = answers


def first_lost(site: Site) -> None:
    """All queries of the first 0.7 s are lost; libc repeats its own after 5 s."""
    begun: list[float] = []

    def answers(query: bytes, name: str, kind: int, tcp: bool) -> Iterable[bytes]:
        begun.append(time.monotonic())
        return site.answered(query, name, kind, tcp) if begun[-1] - begun[0] > 0.7 else []

    site.dns = answers


def zone(names_: Iterable[str], addresses: list[str] | None) -> Callable[[Site], None]:
    """Other addresses of these names; None: they do not exist."""

    def make(site: Site) -> None:
        for name in names_:
            if addresses is None:
                del site.zone[name]
            else:
                site.zone[name] = addresses

    return make


def api_is_elsewhere(site: Site) -> None:
    """The API's name leads to another server, with a certificate of that one."""
    site.zone[API_NAME] = [ELSEWHERE]
    context = talks.context_of(site.authority.issue(host=ELSEWHERE_NAME))
    site.elsewhere = talks.tls(context, talks.http(whole("200 OK", b"{}")))


def proxy(talk: talks.Talker | None) -> Callable[[Site], None]:
    """The node's proxy, below HTTP."""
    return lambda site: site.through_proxy(talk)


def leads_elsewhere(site: Site) -> None:
    """The tunnel ends at another server."""
    api_is_elsewhere(site)
    site.zone[API_NAME] = [API]
    site.through_proxy(tunnel_then(joined(ELSEWHERE, 443)))


def intercepts(site: Site) -> None:
    """It ends TLS itself, with a certificate of an unknown CA."""
    context = talks.context_of(another_authority(site).issue(host=API_NAME))
    site.through_proxy(tunnel_then(talks.tls(context, talks.http(whole("200 OK", b"{}")))))


ALL = (API_NAME, *NTP)
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Please log in</html>"

CASES = (
    Case("DNS NXDOMAIN", "no name exists", dns(coded(names.NXDOMAIN)), NO_DNS),
    Case("DNS SERVFAIL", "the resolver fails", dns(coded(names.SERVFAIL)), NO_DNS),
    Case("DNS refuses", "the resolver refuses this node", dns(coded(names.REFUSED)), NO_DNS),
    Case("DNS silent", "the resolver never answers", dns(no_answer), NO_DNS),
    Case("DNS garbage", "the resolver answers with bytes that are not DNS", dns(garbage), NO_DNS),
    Case("DNS wrong number", "answers have another query's number", dns(another_question), NO_DNS),
    Case("DNS empty", "all names exist and have no address", zone(ALL, []), NO_DNS),
    Case("DNS truncated, TCP works", "answers over UDP are cut, over TCP they are whole", cut, harmless=True),
    Case("DNS truncated", "answers over UDP are cut, over TCP there are none", dns(cut_for_ever), NO_DNS),
    Case("DNS slow", "answers take 0.1 s, one after the other", slow_names, harmless=True),
    Case("DNS queries lost", "all queries of the first 0.7 s are lost", first_lost, harmless=True),
    Case(
        "DNS without NTP", "the NTP servers' names do not exist", zone(NTP, None), (ntp("fail", "names_not_resolved"),)
    ),
    Case("DNS without the API", "the API's name does not exist", zone([API_NAME], None), (token("no_dns"),)),
    Case(
        "DNS wrong NTP addresses",
        "the NTP servers' names lead to an address where nobody is",
        zone(NTP, [NOBODY]),
        (ntp("fail", "udp_123_blocked"),),
    ),
    Case(
        "DNS wrong API address",
        "the API's name leads to an address where nobody is",
        zone([API_NAME], [NOBODY]),
        (token("no_connection"),),
    ),
    Case("DNS to another server", "the API's name leads to another server", api_is_elsewhere, (token("wrong_name"),)),
    Case(
        "DNS to loopback",
        "all names lead to 127.0.0.1",
        zone(ALL, ["127.0.0.1"]),
        (
            NO_TIME,
            token("no_connection"),
            ntp("fail", "refused"),
        ),
    ),
    Case(
        "DNS many NTP addresses",
        "each NTP name has 200 addresses where nobody is",
        zone(NTP, [f"10.79.0.{n}" for n in range(1, 201)]),
        (ntp("fail", "names_not_resolved"),),
    ),
    Case(
        "DNS many API addresses",
        "the API's name has 200 addresses where nobody is",
        zone([API_NAME], [f"10.79.0.{n}" for n in range(1, 201)]),
        (token("no_connection"),),
    ),
    Case(
        "DNS a dead address first",
        "the API's name has a dead address beside the good one",
        zone([API_NAME], [NOBODY, API]),
        harmless=True,
    ),
    Case("proxy good", "nothing; the node has a proxy", proxy(tunnel_then(joined(API, 443))), harmless=True),
    Case("proxy closed", "nobody listens at the proxy's port", proxy(None), (token("proxy"),), names=PROXY),
    Case("proxy silent", "the proxy accepts and says nothing", proxy(talks.silent), (token("proxy"),), names=PROXY),
    Case(
        "proxy 403",
        "the proxy refuses CONNECT",
        proxy(talks.says(b"HTTP/1.1 403 Forbidden\r\n\r\n")),
        (token("proxy"),),
        names=PROXY,
    ),
    Case(
        "proxy 407",
        "the proxy wants other credentials",
        proxy(talks.says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")),
        (token("proxy"),),
        names=PROXY,
    ),
    Case(
        "proxy answers itself",
        "the proxy answers CONNECT with 200 and a page",
        proxy(talks.says(HTML)),
        (token("tls"),),
        names=PROXY,
    ),
    Case(
        "proxy HTML",
        "the proxy sends a page into the tunnel",
        proxy(tunnel_then(talks.says(HTML))),
        (token("tls"),),
        names=PROXY,
    ),
    Case(
        "proxy drips",
        "the proxy sends a byte a second",
        proxy(talks.drips(b"HTTP/1.1 200 OK\r\n" * 50)),
        (token("proxy"),),
        names=PROXY,
    ),
    Case(
        "proxy endless headers",
        "the proxy sends headers without an end",
        proxy(talks.http(talks.endless_headers)),
        (token("proxy"),),
        names=PROXY,
    ),
    Case(
        "proxy closes",
        "the proxy ends the connection after CONNECT",
        proxy(tunnel_then(talks.closes)),
        (token("tls"),),
        names=PROXY,
    ),
    Case(
        "proxy leads elsewhere",
        "the tunnel ends at another server",
        leads_elsewhere,
        (token("wrong_name"),),
        names=PROXY,
    ),
    Case(
        "proxy intercepts TLS",
        "the proxy shows a certificate of an unknown CA",
        intercepts,
        (token("unknown_ca"),),
        names=PROXY,
    ),
)
