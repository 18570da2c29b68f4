"""What a case of the fault matrix is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tests.daemons.conftest import Authority
from tests.lab.liar import Answer
from tests.reliability.network.links import Fault
from tests.reliability.network.talks import Said, Talker, context_of, http, tls
from tests.reliability.network.world import API_NAME, NTP, Site

TIMEOUT_S = 3.0
"""`gate_timeout_s` of these runs."""


class Expected(NamedTuple):
    """A finding that does not pass: its check, state and keys."""

    check: str
    state: str
    keys: tuple[str, ...]


def skew(state: str, *keys: str) -> Expected:
    """A finding about how far the clock is off."""
    return Expected("clock_skew", state, keys)


def ntp(state: str, *keys: str) -> Expected:
    """A finding about the servers of `gate_ntp_servers`."""
    return Expected("ntp_servers", state, keys)


def nts(*keys: str) -> Expected:
    """A finding about key establishment, which fails."""
    return Expected("nts_servers", "fail", keys)


def blamed(state: str, *keys: str) -> Expected:
    """Of the GitHub App, with what is to blame."""
    return Expected("github_app_token", state, keys)


def token(*keys: str) -> Expected:
    """Of the GitHub App, which could not be judged."""
    return blamed("inconclusive", "not_judged", *keys)


NO_TIME = skew("inconclusive", "unknown_no_reference")
NO_DNS = (NO_TIME, token("no_dns"), ntp("fail", "dns_does_not_work"))


@dataclass(frozen=True)
class Case:
    """A fault, and what the check must find.

    ``wrong``: what is wrong, for the reader of the page. ``expected``: every finding that does not
    pass; if there is none, the node is admitted. ``within_s``: how long all that the check runs on
    the node may take. ``harmless``: a node with this fault can work, so refusing it is wrong.
    ``names``: what the findings must name, in their summaries or next steps.
    ``waits``: the controller waits, 90 s at most, before the node asks again: for the end of
    GitHub's rate limit, or as GitHub answered with 500 or more.
    """

    name: str
    wrong: str
    make: Callable[[Site], None]
    expected: tuple[Expected, ...] = ()
    within_s: float = 12.0
    harmless: bool = False
    names: str = ""
    waits: bool = False

    @property
    def admitted(self) -> bool:
        """Whether the node must be admitted."""
        return not self.expected


# what is wrong, as functions of the site


def wire(fault: Fault | Callable[[], Fault], *, made: bool = False) -> Callable[[Site], None]:
    """This fault on the wire; ``made``: the function makes one."""

    def make(site: Site) -> None:
        site.wire = fault() if made else fault  # type: ignore[call-arg, assignment]

    return make


def ntp_of(*answers: Answer | None) -> Callable[[Site], None]:
    """These answers of the first servers; the others are honest."""

    def make(site: Site) -> None:
        site.ntp.update(zip(NTP, answers, strict=False))

    return make


def every_ntp(answer: Answer | None) -> Callable[[Site], None]:
    """This answer of all."""
    return ntp_of(*[answer] * len(NTP))


def closed_ntp(number: int) -> Callable[[Site], None]:
    """The ports of so many are closed."""

    def make(site: Site) -> None:
        for name in list(NTP)[:number]:
            del site.ntp[name]

    return make


def api(talk: Talker) -> Callable[[Site], None]:
    """Who talks in the API's place, below TLS."""

    def make(site: Site) -> None:
        site.api = talk

    return make


def secured(talk: Talker) -> Callable[[Site], None]:
    """Who talks in the API's place, inside of good TLS."""

    def make(site: Site) -> None:
        site.api = tls(context_of(site.authority.issue(host=API_NAME)), talk)

    return make


def answered(said: Said) -> Callable[[Site], None]:
    """What is said in answer to each request to the API."""
    return secured(http(said))


def scripted(**script: object) -> Callable[[Site], None]:
    """What GitHub's answers are replaced with."""

    def make(site: Site) -> None:
        site.scripted.append(script)

    return make


def shows(days: tuple[int, int] = (-30, 30), host: str = API_NAME) -> Callable[[Site], None]:
    """The API's certificate."""

    def make(site: Site) -> None:
        site.certificate = site.authority.issue(days=days, host=host)

    return make


def another_authority(site: Site) -> Authority:
    """One that nobody trusts."""
    return Authority(site.authority.folder, "another CA")
