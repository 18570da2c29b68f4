# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTPS that says in which phase it failed, and that always ends; shared by the probes that ask an
API.
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import time
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from .background import NotEnded, start
from .clocks import read_clocks
from .resolving import addresses

MAX_HEADER_CHARS = 32 * 1024
"""Of the names and values of an answer's headers together; GitHub's have a tenth of it."""
MAX_MESSAGE_CHARS = 1000

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which ssl.VerifyFlags does not name
X509_STRICT = 0x20  # on by default since Python 3.13; the clients that skewgate speaks for do not ask for it

# OpenSSL's X509_V_ERR_* (openssl-verification-options(1), x509_vfy.h) by what they mean for the
# reader.
KINDS = {
    **dict.fromkeys((9, 10), "certificate_time"),
    **dict.fromkeys((2, 18, 19, 20, 21), "unknown_ca"),
    **dict.fromkeys((62, 64), "wrong_name"),
}
# OpenSSL's text of the alert of RFC 7301, section 3.2 (its ssl/ssl_err.c). ``SSLError.reason`` is
# None for it: Python 3.8 to 3.13 have no name for that number.
NO_COMMON_PROTOCOL = "alert no application protocol"


class HttpsError(Exception):
    """A request that got no answer."""

    def __init__(self, phase: str, message: str, kind=None):
        """``phase``: url, dns, connect, proxy, tls or reply.

        ``kind``: for a certificate one of KINDS; for connect timeout, refused or no_route, the most
        specific one of all addresses; for tls no_common_protocol; else None.
        """
        super().__init__(message)
        self.phase = phase
        # It may quote what a server or a proxy answered.
        self.message = message if len(message) <= MAX_MESSAGE_CHARS else f"{message[:MAX_MESSAGE_CHARS]} [cut]"
        self.kind = kind

    def as_json(self) -> dict:
        """The error as evidence has it."""
        return {"phase": self.phase, "message": self.message, **({"kind": self.kind} if self.kind else {})}


class Reply(NamedTuple):
    """An HTTP answer; header names are in lower case.

    The times are around request and header of the answer.
    """

    status: int
    headers: dict
    body: bytes
    sent_wall_ns: int
    sent_mono_ns: int
    received_mono_ns: int


def asks_to_wait(headers) -> bool:
    """Whether an API asks to be left alone (GitHub's "Rate limits for the REST API"); the headers'
    names in lower case.
    """
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"


def tls_context(ca_pem, check_time: bool = True, add_system: bool = False) -> ssl.SSLContext:
    """Verifies against ``ca_pem`` alone, or against the system's store if it is empty; both with
    ``add_system``.
    """
    try:
        context = ssl.create_default_context(cadata=ca_pem or None)
    except (ssl.SSLError, ValueError, TypeError) as error:  # TypeError: not ASCII
        raise HttpsError("tls", f"the CA certificates given cannot be read: {error}") from None
    if add_system:
        context.load_default_certs()
    context.verify_flags &= ~X509_STRICT
    if not check_time:
        context.verify_flags |= NO_CHECK_TIME
    return context


def connect_at_any_time(url: str, context_for, timeout_s: float, proxied: bool = True) -> tuple:
    """``(connection, certificate_time_error)``: connected though the certificate is not valid at
    this node's time.

    On a wrong clock a good certificate seems out of date, and the clock must not hide the proof
    against it: the chain and the name are verified all the same. ``certificate_time_error`` is None
    if the certificate is valid here and now. ``context_for(check_time)`` makes the TLS context.
    Ends within twice ``timeout_s`` or raises HttpsError.
    """
    connection = Connection(url, context_for(True), timeout_s, proxied)
    try:
        connection.connect()
        return connection, None
    except HttpsError as error:
        if error.kind != "certificate_time":
            raise
        refusal = error.message
    connection = Connection(url, context_for(False), timeout_s, proxied)
    connection.connect()
    return connection, refusal


def certificate_validity(url: str, ca_pem, timeout_s: float):
    """From when to when the server's certificate is valid: ``{"not_before_s", "not_after_s"}``
    (Unix time).

    For a certificate that was refused for this node's time. Its chain and name are verified here
    too, and nothing is sent. None if that could not be done. Ends within ``timeout_s``.
    """
    try:
        connection = Connection(url, tls_context(ca_pem, check_time=False), timeout_s)
        connection.connect()
        validity = connection.certificate_validity()
        connection.close()
    except HttpsError:
        return None
    return validity


class Connection:
    """One HTTPS connection, through the environment's proxy if there is one and ``proxied``.

    Redirects are not followed.

    ``connect`` and ``request`` each end within ``timeout_s`` or raise HttpsError.
    """

    def __init__(self, url: str, context: ssl.SSLContext, timeout_s: float, proxied: bool = True):
        """Does nothing yet; raises HttpsError if the URL is not one of https."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 443
        except ValueError as error:
            raise HttpsError("url", f"{url}: {error}") from None
        if parts.scheme != "https" or not host:
            raise HttpsError("url", f"{url} is not an https:// URL")
        self.timeout_s = timeout_s
        self._proxy = _environments_proxy(host, port) if proxied else None
        self._http = _PhasedConnection(host, port, self._proxy, context, timeout_s)

    @property
    def proxy(self):
        """``host:port`` of the environment's proxy, if the connection goes through one."""
        return self._proxy and self._proxy.address

    @property
    def addresses(self) -> tuple:
        """After ``connect``: this node's IP address, and the one that it is connected to (a proxy's
        if there is one).
        """
        try:
            return self._http.sock.getsockname()[0], self._http.sock.getpeername()[0]
        except OSError:  # the other side has closed it already
            return None, None

    def connect(self):
        """Resolves the name, connects and makes TLS, if that is not done."""
        if self._http.sock is None:
            self._http.phase = "proxy" if self._proxy else "dns"
            self._bounded(self._http.connect)

    def request(self, method: str, target: str, headers: dict, body=None, max_bytes: int = 4 << 20) -> Reply:
        """Sends one request (``target``: path and query) and reads at most ``max_bytes`` of the
        answer's body.
        """
        self._http.phase = "reply"
        return self._bounded(self._request, method, target, headers, body, max_bytes)

    def talk(self, request: bytes, ended, max_bytes: int) -> bytes:
        """Sends bytes through TLS and reads what is answered, until ``ended(answer)``, the other
        side's end, or ``max_bytes``.
        """
        self._http.phase = "reply"
        return self._bounded(self._talk, request, ended, max_bytes)

    def _talk(self, request, ended, max_bytes) -> bytes:
        self._http.sock.sendall(request)
        answer = b""
        while len(answer) < max_bytes and not ended(answer):
            more = self._http.sock.recv(max_bytes - len(answer))
            if not more:
                break
            answer += more
        return answer

    @property
    def alpn(self):
        """The protocol that the server chose in ``connect`` (RFC 7301), None if it chose none."""
        return self._http.sock.selected_alpn_protocol()

    def certificate_validity(self) -> dict:
        """Of the certificate that the server showed in ``connect``: ``not_before_s`` and
        ``not_after_s``, Unix time.
        """
        shown = self._http.sock.getpeercert()
        return {
            "not_before_s": ssl.cert_time_to_seconds(shown["notBefore"]),
            "not_after_s": ssl.cert_time_to_seconds(shown["notAfter"]),
        }

    def close(self):
        """Ends the connection."""
        self._http.close()

    def _request(self, method, target, headers, body, max_bytes) -> Reply:
        sent_wall_ns, sent_mono_ns = read_clocks()
        self._http.request(method, target, body=body, headers=headers)
        answer = self._http.getresponse()
        received_mono_ns = time.monotonic_ns()
        content = answer.read(max_bytes)
        if not answer.isclosed():  # more than was asked for: what is left would pass for the next answer
            self._http.close()
        if sum(len(name) + len(value) for name, value in answer.getheaders()) > MAX_HEADER_CHARS:
            raise http.client.HTTPException(f"the answer has more than {MAX_HEADER_CHARS} characters of headers")
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, fields, content, sent_wall_ns, sent_mono_ns, received_mono_ns)

    def _bounded(self, function, *arguments):
        """A name's resolution has no timeout, and a socket's timeout begins anew with each byte: a
        thread bounds both.
        """
        try:
            return start(function, *arguments).result(self.timeout_s)
        except (NotEnded, socket.timeout):
            raise self._failure(f"no answer within {self.timeout_s:g} s", "timeout") from None
        except ssl.SSLCertVerificationError as error:
            message = f"the certificate was refused: {error.verify_message}"
            raise HttpsError("tls", message, KINDS.get(error.verify_code)) from None
        except ValueError:  # its text may show a header's value, and with it a credential
            raise HttpsError("url", "the request has a character that HTTP does not allow") from None
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(str(error) or type(error).__name__, _kind(error)) from None

    def _failure(self, message: str, kind=None) -> HttpsError:
        if self._http.phase == "proxy":
            message = f"{self._proxy.address}: {self._proxy.redact(message)}"
        known = self._http.phase == "connect" or kind == "no_common_protocol"
        return HttpsError(self._http.phase, message, kind if known else None)


def _kind(error: Exception):
    if isinstance(error, ssl.SSLError) and NO_COMMON_PROTOCOL in str(error):
        return "no_common_protocol"
    return getattr(error, "kind", None)


class _DialError(OSError):
    """No address could be connected to; ``kind`` is the most specific one of all addresses."""

    def __init__(self, message: str, errors: list):
        super().__init__(message)
        # An address that drops packets says more than an IPv6 address without a route.
        self.kind = "no_route"
        if any(isinstance(error, ConnectionRefusedError) for error in errors):
            self.kind = "refused"
        if any(isinstance(error, (socket.timeout, TimeoutError)) for error in errors):
            self.kind = "timeout"


class _PhasedConnection(http.client.HTTPConnection):
    """http.client's HTTPSConnection, with its present step in ``phase``.

    All steps up to a proxy's tunnel are the step ``proxy``.
    """

    default_port = 443
    auto_open = 0  # a connection that the server closed is not opened anew between the clock's reading and the sending

    def __init__(self, host, port, proxy, context, timeout_s):
        super().__init__(proxy.host if proxy else host, proxy.port if proxy else port, timeout=timeout_s)
        if proxy:
            self.set_tunnel(host, port, proxy.headers())
        self.phase = "proxy" if proxy else "dns"
        self._server_name = host
        self._context = context
        self._create_connection = self._dial  # the hook that http.client has for this

    def connect(self):
        super().connect()  # dials, and asks a proxy for the tunnel
        self.phase = "tls"
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)

    def _dial(self, address, timeout_s, _source_address):
        host, port = address
        try:
            found = addresses(host, port, socket.SOCK_STREAM)
        except OSError as error:
            raise OSError(f"{host}: {error}") from None
        if self.phase == "dns":
            self.phase = "connect"
        problems, errors = [], []
        for family, kind, protocol, _name, target in found:
            tcp = socket.socket(family, kind, protocol)
            tcp.settimeout(timeout_s / len(found))  # a dead address must leave time for the others
            try:
                tcp.connect(target)
            except OSError as error:
                tcp.close()
                errors.append(error)
                problems.append(f"{target[0]} port {port}: {error.strerror or error}")
                continue
            tcp.settimeout(timeout_s)
            return tcp
        raise _DialError("; ".join(problems), errors)


class _Proxy(NamedTuple):
    """An HTTP proxy that is asked to CONNECT."""

    host: str
    port: int
    user: str  # user:password, "" if the proxy asks for none

    @property
    def address(self) -> str:
        """As it may be shown."""
        return f"{self.host}:{self.port}"

    def headers(self) -> dict:
        return {"Proxy-Authorization": f"Basic {self._basic()}"} if self.user else {}

    def redact(self, text: str) -> str:
        """Without the credentials, which a proxy may send back in its answer's first line."""
        for secret in (self._basic(), self.user, self.user.partition(":")[2]):
            text = text.replace(secret, "[redacted]") if secret else text
        return text

    def _basic(self) -> str:
        return base64.b64encode(self.user.encode()).decode()


def _environments_proxy(host: str, port: int):
    """The proxy of HTTPS_PROXY, or None if there is none or NO_PROXY names the host (``host`` or
    ``host:port``).
    """
    if not any(name.lower() == "https_proxy" for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - few nodes need it, and it costs time

    proxy = getproxies().get("https")
    if not proxy or proxy_bypass(f"{host}:{port}"):
        return None
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        proxy_host, proxy_port = parts.hostname, parts.port or 80
    except ValueError:
        proxy_host = None
    # What a reader takes for the host is part of a password that has one of /?# in it as it is.
    if not proxy_host or "@" in parts.path + parts.query + parts.fragment:
        raise HttpsError(
            "proxy",
            "HTTPS_PROXY cannot be read; expected http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT (percent-encoded)",
        )
    if parts.scheme != "http":
        raise HttpsError(
            "proxy", f"HTTPS_PROXY names a proxy of {parts.scheme}://; expected http://, others are not spoken"
        )
    user = "" if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return _Proxy(proxy_host, proxy_port, user)
