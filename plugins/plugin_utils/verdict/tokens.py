"""What became of each App's token on all nodes of a report, and what that proves for a node that sent its JWT alone. Pure.

By itself such a node is refused as not judged. Only a report, which knows the nodes that minted, can admit it: its own network
speaks first, and all nodes of the run where nobody of that network tried the token. GitHub must have refused it to none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, KeysView, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..checks import github_app_token
from ..github.asked import Token
from ..github.minters import identity_of, network_of
from ..model.elsewhere import Elsewhere
from .judge import with_finding
from .settings import CREDENTIALS_CHECK


@dataclass
class _Tried:
    """The nodes of one network, or of all, that tried a token, by what came of it."""

    minted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, node: str, token: Token) -> None:
        if token is Token.MINTED:
            self.minted.append(node)
        elif token is Token.REFUSED:
            self.refused.append(node)

    def elsewhere(self, network: str) -> Elsewhere | None:
        if not (self.minted or self.refused):
            return None
        return Elsewhere(len(self.minted), tuple(self.refused), network)


@dataclass
class _OfApp:
    """One App as it is asked (github.minters.identity_of)."""

    names: dict[str, None] = field(default_factory=dict)
    api_url: str = ""
    jwt_alone: int = 0
    everywhere: _Tried = field(default_factory=_Tried)
    by_network: dict[str, _Tried] = field(default_factory=lambda: defaultdict(_Tried))


class Tokens:
    """Made of all nodes of a report, one after the other; then each node's entry can be settled."""

    def __init__(self) -> None:
        """No node is known yet."""
        self._apps: dict[str, _OfApp] = defaultdict(_OfApp)
        self._left: dict[str, str] = {}

    def add(self, name: str, entry: Mapping[str, Any], address: str | None) -> None:
        """Take a node's entry of ``report.json`` into account, and its address in the inventory."""
        if any(each["check"] == CREDENTIALS_CHECK and _is_left(each) for each in entry["findings"]):
            self._left[name] = network_of(name, address)
        before = {identity: token for identity, _app, token in _tokens(entry.get("before"))}
        for identity, app, token in _tokens(entry):
            found = self._apps[identity]
            found.names.setdefault(str(app.get("name")))
            found.api_url = str(app.get("api_url") or "")
            found.jwt_alone += token is Token.JWT_ALONE
            # A second check may have found no more room in the hour: then what the first one found counts.
            known = token if token in (Token.MINTED, Token.REFUSED) else before.get(identity, token)
            found.everywhere.add(name, known)
            found.by_network[network_of(name, address)].add(name, known)

    @property
    def left(self) -> KeysView[str]:
        """The nodes whose entries are to be settled: of their tokens nothing else is open."""
        return self._left.keys()

    def settled(self, name: str, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry of one that sent its JWT alone, in which the nodes that minted count."""
        (finding,) = (each for each in entry["findings"] if each["check"] == CREDENTIALS_CHECK)
        elsewhere = {
            str(app["name"]): self._elsewhere(identity, self._left[name])
            for identity, app, _token in _tokens(entry)
            if app["blame"] == github_app_token.Key.NOT_MINTED
        }
        return with_finding(entry, CREDENTIALS_CHECK, github_app_token.settled(finding["seen"]["apps"], elsewhere))

    def _elsewhere(self, identity: str, network: str) -> Elsewhere:
        app = self._apps[identity]
        near = app.by_network.get(network)
        return (near and near.elsewhere(network)) or app.everywhere.elsewhere("") or Elsewhere()

    def as_json(self) -> list[dict[str, Any]]:
        """``report.json``'s ``fleet.tokens``: of each App, which nodes minted, and how many sent the JWT alone."""
        return [
            {
                "apps": list(app.names),
                "api_url": app.api_url,
                "minted": app.everywhere.minted,
                "refused": app.everywhere.refused,
                "jwt_alone": app.jwt_alone,
            }
            for app in self._apps.values()
        ]


def awaits_others(judgement: Mapping[str, Any]) -> bool:
    """Whether all that refuses a node is that its token was left to other nodes, of which a report will tell."""
    refusing = [f for f in judgement["findings"] if f["required"] and f["state"] != "pass"]
    return bool(refusing) and all(f["check"] == CREDENTIALS_CHECK and _is_left(f) for f in refusing)


def _is_left(finding: Mapping[str, Any]) -> bool:
    """Whether all that is open of the token check is what was left to other nodes."""
    return set(finding["keys"]) == {str(github_app_token.Key.NOT_MINTED), "accepted"}


def _tokens(judgement: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, Any], Token]]:
    """Of each App of a judgement whose token was wanted: its identity, what was seen, and what came of the token."""
    findings = judgement["findings"] if judgement else []
    for finding in findings:
        if finding["check"] == CREDENTIALS_CHECK:
            for app in finding["seen"].get("apps") or []:
                if "token" in app:
                    yield identity_of(app), app, Token(app["token"])
