"""The result of each App's token on all nodes of a report, and what it proves for a node that
sent only its JWT. Pure.

Alone, such a node is refused as not judged. Only a report knows the nodes that minted, so only a
report can admit it. The nodes of its network count first. If no node of that network tried the
token, all nodes of the run count. GitHub must not have refused the token on any of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, KeysView, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..boundary.times import read_time
from ..checks import github_app_token, reachable
from ..github.asked import Token
from ..github.minters import identity_of, network_of
from ..model.elsewhere import Elsewhere
from .admission import MAX_AGE_S
from .judge import with_finding
from .settings import CREDENTIALS_CHECK

COUNTS_FOR = timedelta(seconds=MAX_AGE_S)
"""How far apart in time a node may be from those that minted for it:
evidence of several runs may be joined.
"""


@dataclass
class _Tried:
    """The nodes of one network, or of all, that tried a token, by its result."""

    minted: dict[str, datetime] = field(default_factory=dict)
    refused: dict[str, datetime] = field(default_factory=dict)

    def add(self, node: str, token: Token, at: datetime) -> None:
        if token is Token.MINTED:
            self.minted[node] = at
        elif token is Token.REFUSED:
            self.refused[node] = at

    def elsewhere(self, network: str, at: datetime) -> Elsewhere | None:
        """What counts for a node that was judged ``at`` this time:
        nothing that is older than an admission may be.
        """
        minted, refused = (
            [node for node, when in tried.items() if abs(when - at) <= COUNTS_FOR]
            for tried in (self.minted, self.refused)
        )
        return Elsewhere(len(minted), tuple(refused), network) if minted or refused else None


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
        self._to_come: set[str] = set()

    def add(self, name: str, entry: Mapping[str, Any], address: str | None) -> None:
        """Take a node's entry of ``report.json`` into account, and its address in the inventory."""
        if any(each["check"] == CREDENTIALS_CHECK and _is_left(each) for each in entry["findings"]):
            self._left[name] = network_of(name, address)
        if any(reachable.Key.NOT_CHECKED in each["keys"] for each in entry["findings"]):
            self._to_come.add(network_of(name, address))
        at = read_time(entry["judged_at"])
        before = {identity: token for identity, _app, token in _tokens(entry.get("before"))}
        for identity, app, token in _tokens(entry):
            found = self._apps[identity]
            found.names.setdefault(str(app.get("name")))
            found.api_url = str(app.get("api_url") or "")
            found.jwt_alone += token is Token.JWT_ALONE
            # A second check may have found no more room in the hour: then the result of
            # the first one counts.
            known = token if token in (Token.MINTED, Token.REFUSED) else before.get(identity, token)
            found.everywhere.add(name, known, at)
            found.by_network[network_of(name, address)].add(name, known, at)

    @property
    def left(self) -> KeysView[str]:
        """The nodes whose entries are to be settled: nothing else is open about their tokens."""
        return self._left.keys()

    def settled(self, name: str, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry of a node that sent only its JWT; the nodes that minted count in it."""
        (finding,) = (each for each in entry["findings"] if each["check"] == CREDENTIALS_CHECK)
        elsewhere = {
            str(app["name"]): self._elsewhere(identity, self._left[name], read_time(entry["judged_at"]))
            for identity, app, _token in _tokens(entry)
            if app["blame"] == github_app_token.Key.NOT_MINTED
        }
        return with_finding(entry, CREDENTIALS_CHECK, github_app_token.settled(finding["seen"]["apps"], elsewhere))

    def _elsewhere(self, identity: str, network: str, at: datetime) -> Elsewhere:
        app = self._apps[identity]
        near = app.by_network.get(network)
        if found := near and near.elsewhere(network, at):
            return found
        # With `serial`, nodes of a network may still come. One of them may mint, and
        # it counts first.
        return (None if network in self._to_come else app.everywhere.elsewhere("", at)) or Elsewhere()

    def as_json(self) -> list[dict[str, Any]]:
        """``report.json``'s ``fleet.tokens``:
        for each App, which nodes minted, and how many sent only the JWT.
        """
        return [
            {
                "apps": list(app.names),
                "api_url": app.api_url,
                "minted": list(app.everywhere.minted),
                "refused": list(app.everywhere.refused),
                "jwt_alone": app.jwt_alone,
            }
            for app in self._apps.values()
        ]


def awaits_others(judgement: Mapping[str, Any]) -> bool:
    """Whether a node is refused only because its token was left to other nodes,
    which a report will show.
    """
    refusing = [f for f in judgement["findings"] if f["required"] and f["state"] != "pass"]
    return bool(refusing) and all(f["check"] == CREDENTIALS_CHECK and _is_left(f) for f in refusing)


def _is_left(finding: Mapping[str, Any]) -> bool:
    """Whether only the tokens that were left to other nodes are open in the token check."""
    keys = set(finding["keys"]) - {str(github_app_token.Key.NOT_REVOKED)}
    return keys == {str(github_app_token.Key.NOT_MINTED), "accepted"}


def _tokens(judgement: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, Any], Token]]:
    """For each App of a judgement whose token was wanted:
    its identity, what was seen, and the token's result.
    """
    findings = judgement["findings"] if judgement else []
    for finding in findings:
        if finding["check"] == CREDENTIALS_CHECK:
            for app in finding["seen"].get("apps") or []:
                if "token" in app:
                    yield identity_of(app), app, Token(app["token"])
