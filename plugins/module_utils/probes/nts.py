# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the node reaches the key establishment (RFC 8915) of the servers with NTS: chrony's, and
those it might be given.

The key exchange is gone through to its last record, and the NTP server that it names is asked with
NTS's fields: node/nts_exchange.py says how far that goes without keys.
"""

from __future__ import annotations

import os
import ssl
from functools import partial

from ..node.background import gather
from ..node.files import read_text
from ..node.https import HttpsError, connect_at_any_time, tls_context
from ..node.nts_exchange import MAX_BYTES, NTP_PORT, exchange, read_records, request_records, until_end
from ..node.nts_exchange import bound_s as exchange_bound_s
from .chrony import HELP_WITHIN_S, configuration, default_files, directives, read_configuration
from .ntp import MAX_WAIT_S, resolve

ALPN = "ntske/1"  # RFC 8915, section 4
PORT = 4460  # RFC 8915, section 6; chrony.conf(5), ntsport
MAX_SERVERS = 16
# A folder of certificates may be the system's: three hundred files and a bundle of all of them.
MAX_CERTIFICATE_FILES = 1024
MAX_CERTIFICATE_BYTES = 4 * 1024 * 1024


def collect(timeout_s: float, candidates: list, processes: list, units=list) -> dict:
    """The section ``nts``: every server in a separate thread.

    ``processes`` and ``units`` are as in ``chrony.collect``.

    ``candidates`` are names, tried as `server NAME nts` would be: at the default port, with the
    certificates of set 0.
    """
    start = configuration(processes, default_files(), units)
    lines = directives(read_configuration(*start[1:])["files"])
    configured = nts_servers(lines)
    others = nts_servers([["server", name, "nts"] for name in candidates])
    servers = list(dict.fromkeys(configured[:MAX_SERVERS] + others[:MAX_SERVERS]))
    asked = gather(
        {server: partial(_ask, server, lines, start.directory, timeout_s) for server in servers},
        bound_s(timeout_s) - HELP_WITHIN_S - 1,
    )
    return {"servers": [_entry(server, asked[server], server in configured) for server in servers]}


def bound_s(timeout_s: float) -> float:
    """How long ``collect`` lasts at most: chronyd's word, the name, two connections if the
    certificate seems out of date, the records, the NTP server's name, and its answers.
    """
    return 5 * timeout_s + exchange_bound_s(_wait_s(timeout_s)) + 2 + HELP_WITHIN_S


def _wait_s(timeout_s: float) -> float:
    """How long an NTP server is waited for."""
    return min(timeout_s, MAX_WAIT_S)


def _entry(server: tuple, found: dict, configured: bool) -> dict:
    if isinstance(found.get("error"), str):  # of gather
        found = {"error": {"phase": "tls", "message": found["error"]}}
    return {
        "server": server[0],
        "port": server[1],
        "certset": server[2],
        "configured": configured,
        "addresses": [],
        "error": None,
        "alpn": None,
        "certificate_time_error": None,
        "certificate": None,
        "exchange": None,
        "ntp": None,
        **found,
    }


def nts_servers(lines: list) -> list:
    """Who is authenticated with NTS, once each: ``(name, port, set of trusted certificates)``.

    >>> nts_servers([["server", "a.example", "iburst", "nts"], ["pool", "b.example", "NTS", "ntsport", "4461", "certset", "1"],
    ...              ["server", "c.example", "iburst"]])
    [('a.example', 4460, '0'), ('b.example', 4461, '1')]
    """  # noqa: W505 - an example or a table
    found = {}
    for directive, *words in lines:
        options = [word.lower() for word in words[1:]]
        if directive in ("server", "pool") and "nts" in options:
            port = _value(options, "ntsport", str(PORT))
            found[words[0], int(port) if port.isdecimal() else PORT, _value(options, "certset", "0")] = True
    return list(found)


def _value(options: list, name: str, default: str) -> str:
    return options[options.index(name) + 1] if name in options[:-1] else default


def _ask(server: tuple, lines: list, directory: str, timeout_s: float) -> dict:
    name, port, certset = server
    resolved = gather({"found": partial(resolve, name, port)}, timeout_s)["found"]
    if "error" in resolved:
        return {"error": {"phase": "dns", "message": f"{name}: {resolved['error']}"}}
    found: dict = {"addresses": list(resolved)}
    url = f"https://[{name}]:{port}" if ":" in name else f"https://{name}:{port}"
    try:
        pem, system = trusted(lines, certset, directory)
        # chronyd knows of no proxy.
        connection, refusal = connect_at_any_time(url, partial(_context, pem, system), timeout_s, proxied=False)
    except HttpsError as error:
        shown = error.as_json()
        if shown.get("kind") == "no_common_protocol":
            shown = {"phase": "alpn", "message": error.message}
        return {**found, "error": shown}
    chosen = connection.alpn
    # The certificate's times are recorded even if it is valid here: if the clock is behind, an
    # expired certificate seems valid.
    found.update(alpn=chosen, certificate_time_error=refusal, certificate=connection.certificate_validity())
    if chosen != ALPN:
        connection.close()
        error = {"phase": "alpn", "message": f"the server chose {chosen or 'no protocol'}; expected {ALPN}"}
        return {**found, "error": error}
    return {**found, **_exchanged(connection, timeout_s)}


def _exchanged(connection, timeout_s: float) -> dict:
    """``exchange``: what the records say; ``ntp``: what became of a request with NTS's fields."""
    address = connection.addresses[1]
    try:
        answer = connection.talk(request_records(), until_end(), MAX_BYTES)
    except HttpsError as error:
        return {"exchange": {"error": error.as_json()}}
    finally:
        connection.close()
    said, cookie = read_records(answer)
    if not cookie or not said["ended"]:
        return {"exchange": said}
    # RFC 8915, sections 4.1.7 and 4.1.8: without these records, it is this very address, at port
    # 123.
    host, port = said["ntp_server"] or address, said["ntp_port"] or NTP_PORT
    resolved = gather({"found": partial(resolve, host, port)}, timeout_s)["found"]
    if "error" in resolved:
        return {"exchange": said, "ntp": {"error": {"phase": "dns", "message": f"{host}: {resolved['error']}"}}}
    return {"exchange": said, "ntp": exchange(_as_reached(resolved, address), cookie, _wait_s(timeout_s))}


def _as_reached(resolved: dict, address: str) -> tuple:
    """The first address of the protocol (IPv4 or IPv6) of ``address``, as chronyd prefers it (its
    nts_ke_client.c); else the first.
    """
    targets = list(resolved.values())
    return next((target for target in targets if (":" in target[1][0]) == (":" in address)), targets[0])


def _certificates(paths: list, left_bytes: int) -> list:
    """The texts of the files; raises OSError, or ValueError if they are more than any store of
    certificates has.
    """
    if len(paths) > MAX_CERTIFICATE_FILES:
        raise ValueError(f"a folder has more than {MAX_CERTIFICATE_FILES} files")
    texts = []
    for path in paths:
        texts.append(read_text(path, MAX_CERTIFICATE_BYTES).encode("ascii", "ignore").decode())
        left_bytes -= len(texts[-1])
        if left_bytes < 0:
            raise ValueError(f"they are larger than {MAX_CERTIFICATE_BYTES} bytes together")
    return texts


def _context(pem: str, system: bool, check_time: bool) -> ssl.SSLContext:
    context = tls_context(pem, check_time, add_system=system)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # RFC 8915, section 3
    context.set_alpn_protocols([ALPN])
    return context


def trusted(lines: list, certset: str, directory: str) -> tuple:
    """``(pem, system)``: the certificates of ``ntstrustedcerts`` for a set, and whether the
    system's store is in it too.

    As chrony.conf(5) says of ``ntstrustedcerts``, ``nosystemcert`` and ``certset``: only set 0 has
    the system's store. Raises HttpsError if a file cannot be read or nothing is trusted.
    """
    texts: list = []
    try:
        for directive, *words in lines:
            if directive == "ntstrustedcerts" and words and (words[0] if len(words) > 1 else "0") == certset:
                path = os.path.join(directory, words[-1])
                names = (
                    [os.path.join(path, name) for name in sorted(os.listdir(path))] if os.path.isdir(path) else [path]
                )
                texts += _certificates(names, MAX_CERTIFICATE_BYTES - sum(map(len, texts)))
    except (OSError, ValueError) as error:
        raise HttpsError("tls", f"the certificates of ntstrustedcerts cannot be read: {error}") from None
    system = certset == "0" and ["nosystemcert"] not in lines
    if not texts and not system:
        raise HttpsError("tls", f"no certificate is trusted: expected ntstrustedcerts for certset {certset}")
    return "\n".join(texts), system
