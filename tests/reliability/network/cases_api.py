"""Faults of the API: its TLS, its answers, and its redirects."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from tests.reliability.network import talks
from tests.reliability.network.case import (
    NO_TIME,
    Case,
    another_authority,
    answered,
    api,
    blamed,
    every_ntp,
    ntp,
    scripted,
    secured,
    shows,
    skew,
    token,
)
from tests.reliability.network.talks import CREATED, TOKEN, to_post, whole
from tests.reliability.network.world import API_NAME, ELSEWHERE_NAME, Site

JSON = "Content-Type: application/json"
MINT = {"method": "POST", "path": "*/access_tokens"}


def closed(site: Site) -> None:
    """Nobody listens."""
    site.api_open = False


def old_tls(newest: ssl.TLSVersion) -> Callable[[Site], None]:
    """It speaks no newer TLS."""

    def make(site: Site) -> None:
        context = talks.context_of(site.authority.issue(host=API_NAME), newest=newest)
        site.api = talks.tls(context, talks.silent)

    return make


def unknown_ca(site: Site) -> None:
    """Signed by nobody whom the node trusts."""
    site.certificate = another_authority(site).issue(host=API_NAME)


def unknown_and_expired(site: Site) -> None:
    """Both at once."""
    site.certificate = another_authority(site).issue(days=(-30, -1), host=API_NAME)


def self_signed(site: Site) -> None:
    """The certificate is its own issuer."""
    site.certificate = another_authority(site).self_signed(API_NAME)


def redirects_elsewhere(site: Site) -> None:
    """To another server, which answers all with 200."""
    scripted(status=302, body="", headers={"Location": f"https://{ELSEWHERE_NAME}/"})(site)
    certificate = site.authority.issue(host=ELSEWHERE_NAME)
    site.elsewhere = talks.tls(talks.context_of(certificate), talks.http(whole(CREATED, TOKEN, JSON)))


def clock_off(seconds: float) -> Callable[[Site], None]:
    """The API's own clock is off."""

    def make(site: Site) -> None:
        site.api_clock_s = seconds

    return make


def no_reference(site: Site) -> None:
    """Nothing shows the time."""
    every_ntp(None)(site)
    scripted(headers={"date": ""})(site)


def redirected(location: str, status: int = 302) -> Callable[[Site], None]:
    """Every request is sent on."""
    return scripted(status=status, body="", headers={"Location": location})


CASES = (
    Case("API port closed", "nobody listens at TCP 443", closed, (token("no_connection"),)),
    Case("API silent", "it accepts and says nothing", api(talks.silent), (token("tls"),)),
    Case("API closes", "it ends each connection at once", api(talks.closes), (token("tls"),)),
    Case("API resets in TLS", "it resets each connection during the handshake", api(talks.resets), (token("tls"),)),
    Case(
        "API drips TLS", "it sends a byte of TLS a second", api(talks.drips(b"\x16\x03\x03\x40\x00")), (token("tls"),)
    ),
    Case(
        "API plain HTTP",
        "it speaks HTTP without TLS at port 443",
        api(talks.says(b"HTTP/1.1 400 Bad Request\r\n\r\nno TLS here")),
        (token("tls"),),
    ),
    Case("API SSH", "an SSH server listens at port 443", api(talks.says(b"SSH-2.0-OpenSSH_9.2\r\n")), (token("tls"),)),
    Case("API TLS 1.0", "it speaks TLS 1.0 at most", old_tls(ssl.TLSVersion.TLSv1), (token("tls"),)),
    Case("API TLS 1.1", "it speaks TLS 1.1 at most", old_tls(ssl.TLSVersion.TLSv1_1), (token("tls"),)),
    Case("API wrong name", "its certificate has another name", shows(host=ELSEWHERE_NAME), (token("wrong_name"),)),
    Case(
        "API expired",
        "its certificate expired a day ago",
        shows(days=(-30, -1)),
        (blamed("inconclusive", "not_the_clock", "certificate_time"),),
    ),
    Case(
        "API not yet valid",
        "its certificate is valid from tomorrow",
        shows(days=(1, 30)),
        (blamed("inconclusive", "not_the_clock", "certificate_time"),),
    ),
    Case("API unknown CA", "its certificate is of an unknown CA", unknown_ca, (token("unknown_ca"),)),
    Case("API unknown CA and expired", "both at once", unknown_and_expired, (token("unknown_ca"),)),
    Case("API self-signed", "its certificate is its own issuer", self_signed, (token("unknown_ca"),)),
    Case(
        "API closes after TLS",
        "it ends each connection after the handshake",
        secured(talks.closes),
        (token("no_reply"),),
    ),
    Case("API silent after TLS", "it answers no request", secured(talks.silent), (token("no_reply"),)),
    Case(
        "API drips its answer",
        "it sends a byte of the header a second",
        answered(talks.slow_head),
        (token("no_reply"),),
    ),
    Case(
        "API garbage",
        "it answers with bytes that are not HTTP",
        secured(talks.says(b"\x00\xff" * 500)),
        (token("no_reply"),),
    ),
    Case("API endless headers", "headers without an end", answered(talks.endless_headers), (token("no_reply"),)),
    Case("API huge header", "one header of 64 MiB", answered(talks.one_huge_header), (token("no_reply"),)),
    Case(
        "API endless 100 Continue",
        "interim answers without an end",
        answered(talks.endless_continue),
        (token("no_reply"),),
    ),
    Case(
        "API endless body",
        "a body of 320 MiB to the mint",
        answered(to_post(talks.endless_body)),
        (token("not_github"),),
    ),
    Case(
        "API endless chunks",
        "chunks without an end to the mint",
        answered(to_post(talks.endless_chunks)),
        (token("not_github"),),
    ),
    Case(
        "API slow chunks",
        "a byte a second in chunks to the mint",
        answered(to_post(talks.slow_chunks)),
        (token("no_reply"),),
    ),
    Case(
        "API gzip bomb",
        "a packed body of 200 MiB to the mint",
        answered(to_post(talks.gzip_bomb)),
        (token("not_github"),),
    ),
    Case(
        "API nested JSON", "100,000 nested arrays to the mint", answered(to_post(talks.nested)), (token("not_github"),)
    ),
    Case(
        "API body too short",
        "Content-Length is more than the body",
        answered(to_post(talks.longer_than_sent)),
        (token("no_reply"),),
    ),
    Case(
        "API body too long",
        "Content-Length is less than the body",
        answered(to_post(talks.shorter_than_sent)),
        (token("not_github"),),
    ),
    Case(
        "API HTML",
        "a page in place of GitHub's JSON, with 200",
        scripted(status=200, body="<html>Log in</html>"),
        (token("not_github"),),
    ),
    Case(
        "API wrong JSON",
        "a list in place of an object, with 201",
        scripted(**MINT, status=201, body="[]"),
        (token("not_github"),),
    ),
    Case("API no token", "201 without a token", answered(to_post(whole(CREATED, b"{}", JSON))), (token("not_github"),)),
    Case("API empty 200", "200 and no body", scripted(**MINT, status=200, body=""), (token("not_github"),)),
    Case(
        "API 500",
        "GitHub answers 500",
        scripted(**MINT, status=500, message="Server Error"),
        (token("server_error"),),
        waits=True,
    ),
    Case(
        "API 502 page",
        "a load balancer's page, with 502",
        scripted(status=502, body="<html>Bad Gateway</html>"),
        (token("server_error"),),
        waits=True,
    ),
    Case(
        "API 503 once",
        "the first mint is answered 503",
        scripted(**MINT, status=503, message="Unavailable", times=1),
        harmless=True,
        waits=True,
    ),
    Case(
        "API 429",
        "429, wait an hour",
        scripted(**MINT, status=429, message="API rate limit exceeded", headers={"retry-after": "3600"}),
        (token("rate_limit"),),
        waits=True,
    ),
    Case(
        "API 429 inf",
        "429, retry-after: inf",
        scripted(**MINT, status=429, message="API rate limit exceeded", headers={"retry-after": "inf"}),
        (token("rate_limit"),),
        waits=True,
    ),
    Case(
        "API 429 negative",
        "429, retry-after: -1",
        scripted(**MINT, status=429, message="API rate limit exceeded", headers={"retry-after": "-1"}),
        (token("rate_limit"),),
        waits=True,
    ),
    Case(
        "API 407",
        "407 of something in GitHub's place",
        scripted(status=407, body="Proxy Authentication Required"),
        (token("proxy_page"),),
    ),
    Case("API status 999", "an unknown status", scripted(status=999, body="what?"), (token("unknown_answer"),)),
    Case("API delay 1 s", "each answer takes 1 s", scripted(delay_s=1.0), harmless=True),
    Case("API delay 10 s", "each answer takes 10 s", scripted(delay_s=10.0), (token("no_reply"),)),
    Case("API Date empty", "Date without a value", scripted(headers={"date": ""}), harmless=True),
    Case(
        "API 500 without Date",
        "500 without a Date",
        answered(whole("500 Internal Server Error", b"{}", JSON, dated=False)),
        (token("server_error"),),
        waits=True,
    ),
    Case(
        "no NTP and no Date",
        "no NTP server answers, and the API has no Date",
        no_reference,
        (NO_TIME, ntp("fail", "udp_123_blocked")),
    ),
    Case("API Date invalid", "Date: yesterday", scripted(headers={"date": "yesterday"}), harmless=True),
    Case(
        "API Date 99999",
        "a Date of the year 99999",
        scripted(headers={"date": "Fri, 01 Jan 99999 00:00:00 GMT"}),
        harmless=True,
    ),
    Case(
        "API Date of 1970",
        "a Date of 1970, while GitHub's own clock is right",
        scripted(headers={"date": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        (skew("fail", "api_clock"),),
    ),
    Case(
        "API clock 1 h ahead",
        "the API's own clock is 1 h ahead",
        clock_off(3600),
        (
            skew("fail", "api_clock"),
            blamed("fail", "api_clock", "clock"),
        ),
    ),
    Case(
        "API redirect loop",
        "each request is redirected to itself",
        redirected(f"https://{API_NAME}/rate_limit"),
        (token("redirect"),),
    ),
    Case(
        "API redirect to http",
        "each request is redirected to http",
        redirected(f"http://{API_NAME}/"),
        (token("redirect_to_http"),),
    ),
    Case(
        "API redirect elsewhere",
        "each request is redirected to another server, which answers 201 with a token",
        redirects_elsewhere,
        (token("redirect_to_another_host"),),
    ),
    Case(
        "API redirect to a file",
        "each request is redirected to file:///etc/passwd",
        redirected("file:///etc/passwd"),
        (token("redirect"),),
    ),
    Case("API 301 without a place", "301 and no Location", scripted(status=301, body=""), (token("redirect"),)),
)
