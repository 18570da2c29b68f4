"""How chronyd itself tries NTS with one server, and what its answer says.

The node's section ``nts_client`` runs `chronyd -Q` with these directives. It has the answers by the
name of the try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from posixpath import join
from typing import Any

PORT = 4460
"""RFC 8915, section 6; chrony.conf(5), ntsport."""

MAX_SAID = 300
"""The most characters that are shown of chronyd's words. A node chooses them."""

_NEEDED = ("nosystemcert", "ntstrustedcerts", "nocerttimecheck", "user")
"""Directives that decide whom chronyd trusts, and which files it can read."""


def try_name(server: Mapping[str, Any]) -> str:
    """The name of a try: of an entry of ``nts.servers``, what makes it another server."""
    return f"{server['server']}:{server['port']}:{server.get('certset', '0')}"


def source_line(server: Mapping[str, Any]) -> str:
    """An entry of ``nts.servers`` as a line of chrony.conf."""
    line = f"server {server['server']} iburst nts"
    line += f" ntsport {server['port']}" if server["port"] != PORT else ""
    certset = server.get("certset", "0")
    return f"{line} certset {certset}" if certset != "0" else line


def try_lines(source: str, lines: Iterable[str]) -> list[str]:
    """The directives of a try: the line of the source, and what it needs of ``lines``, each once.

    With `maxsamples 1` chronyd ends at the first answer that is authenticated (chronyd(8), -Q).
    Without `iburst` it would ask again only after a minute, when it has its keys.
    """
    source += "" if "iburst" in source.lower().split() else " iburst"
    needed = [line.split() for line in lines if line.split()[:1] and line.split()[0].lower() in _NEEDED]
    return list(dict.fromkeys([f"{source} maxsamples 1", *(" ".join(_from_root(words)) for words in needed)]))


def _from_root(words: list[str]) -> list[str]:
    """A path as chronyd reads it after it has gone into the background: from `/`."""
    return [*words[:-1], join("/", words[-1])] if words[0].lower() == "ntstrustedcerts" and len(words) > 1 else words


def works(answer: Mapping[str, Any]) -> bool:
    """Whether chronyd got an authenticated answer.

    It ends with 0 only if it got one. A chronyd that was built without NTS may use the server
    without it.
    """
    return answer.get("rc") == 0 and "+NTS" in answer.get("stderr", "")


def said(answer: Mapping[str, Any]) -> str:
    """Why it got none, in chronyd's words: what it last said that is not about its end."""
    return _words(answer)[:MAX_SAID]


def _words(answer: Mapping[str, Any]) -> str:
    if answer.get("error"):
        return str(answer["error"])
    lines = [line.partition(" ")[2] or line for line in answer.get("stderr", "").splitlines() if line.strip()]
    shown = [line for line in lines if line != "chronyd exiting"]
    failed = [line for line in shown if " failed" in line]
    return "; ".join(dict.fromkeys([*failed[-1:], *shown[-1:]])) or f"exit code {answer.get('rc')}"
