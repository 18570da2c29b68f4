# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An installation token: how far it can be narrowed, and waiting for it while it is fresh.

Some of GitHub's machines may not know a fresh token yet, and its permissions even later. GitHub's
staff says so in octokit/auth-app.js issue 589: 401 until the token is known, 403 until its
permissions are known. Kargo waits as long as this before it tries again, after 404 too.
"""

from __future__ import annotations

import re
import time

from .https import asks_to_wait

# GitHub narrows a token to no more repositories (its documentation, "Generating an installation
# access token").
MAX_NARROWED = 500
LEVELS = ("read", "write", "admin")

WAITS_S = (3, 10, 30)
# Words of refusals that stay however long one waits; GitHub has no other sign of them.
OTHER_REASON = re.compile(
    r"rate limit|abuse|allow ?list|\bsaml\b|\bsso\b|suspend|terms of service|administrative rules|blocked|disabled|billing"
    r"|locked|flagged|forbids access",
    re.IGNORECASE,
)


def ways_to_narrow(app: dict) -> list:
    """What to ask for, the narrowest first.

    The API wants names without their owner, who is the installation's account.
    """
    names = list(dict.fromkeys(repository.split("/")[-1] for repository in app["repositories"]))
    ways = []
    for repositories in ([] if len(names) > MAX_NARROWED else names, []):
        narrowed = {"repositories": repositories, "permissions": app["permissions"]}
        ways.append({key: value for key, value in narrowed.items() if value})
    ways.append({})
    return [way for number, way in enumerate(ways) if way not in ways[:number]]


def lacking_of(app: dict, granted) -> dict:
    """Which of the permissions that are asked for are not granted, at their level; none if that is
    not known.
    """
    if not isinstance(granted, dict):
        return {}
    return {name: level for name, level in app["permissions"].items() if _level(granted.get(name)) < _level(level)}


def repositories_of(minted: dict) -> set:
    """The full names of the repositories that the answer to a mint shows, in lower case; none if it
    was not narrowed to some.
    """
    shown = minted.get("repositories")
    rows = [row for row in shown if isinstance(row, dict)] if isinstance(shown, list) else []
    return {str(row.get("full_name")).lower() for row in rows}


def _level(given) -> int:
    """A permission's level as a number; 0: none."""
    return LEVELS.index(given) + 1 if given in LEVELS else 0


def longest_wait_s() -> float:
    """For how long an App waits for its tokens at most."""
    return float(sum(WAITS_S))


class Patience:
    """How long an App may still wait for fresh tokens, over all its attempts and repositories."""

    def __init__(self) -> None:
        """Nothing was waited for yet."""
        self._left_s = longest_wait_s()

    def wait(self, waits: int, least_s: float = 0.0) -> float:
        """Wait for a token that was waited for so many times, ``least_s`` or longer; for how many
        seconds, 0 if there is no more waiting for it.
        """
        seconds = min(max(WAITS_S[waits], least_s), self._left_s) if waits < len(WAITS_S) else 0.0
        self._left_s = round(self._left_s - seconds, 3)
        time.sleep(seconds)
        return seconds


class FreshToken:
    """The uses of one token, whatever they are for: each wait for it is longer than the one
    before.
    """

    def __init__(self, patience: Patience, narrowed: bool) -> None:
        """``narrowed``: it has other permissions than the installation's, which are known
        already.
        """
        self.waited_s = 0.0
        self.least_s = 0.0
        """How long the next wait is at least."""
        self._patience = patience
        self._statuses = (401, 403, 404) if narrowed else (401,)
        self._waits = 0

    def tries(self):
        """The number of each try of one use, and for how long was waited between; waits before the
        next one.
        """
        begun_s, tries, wait_s = self.waited_s, 1, -1.0
        while wait_s:
            yield {"tries": tries, "waited_s": round(self.waited_s - begun_s, 3)}
            wait_s = self._patience.wait(self._waits, self.least_s)
            self._waits += 1
            self.waited_s += wait_s
            tries += 1

    def may_be_unknown(self, step: dict) -> bool:
        """Whether a step was refused as it is while GitHub's machines do not all know the token."""
        headers, said = step["headers"], step["message"] or step["body"] or ""
        page = said.lstrip().startswith("<")  # of whatever is between: none of GitHub's refusals
        return step["status"] in self._statuses and not (asks_to_wait(headers) or page or OTHER_REASON.search(said))

    def is_put_off(self, step: dict) -> bool:
        """Whether the API did not do now what was asked of it, for its rate limit or because it is
        down; then the next wait lasts as long as it asks.
        """
        headers, status = step["headers"], step["status"] or 0
        asked_s = headers.get("retry-after", "")
        self.least_s = float(asked_s) if asked_s.isdecimal() and len(asked_s) < 6 else 0.0
        return status >= 500 or (status in (403, 429) and asks_to_wait(headers))
