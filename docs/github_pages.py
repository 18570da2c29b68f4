"""The pages of what GitHub answers, and of the clients that ask it.

docs/make_pages.py writes them.
"""

from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answer_table import (
    API,
    DOCUMENTED,
    GIT,
    ROWS,
    Row,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    ClientProfile,
    known_clients,
    profiles_of,
)

from docs.writing import ended, head, page, table, wrapped

CLASSES = {
    "accepted": "GitHub accepts it: the check passes.",
    "clock": "GitHub refuses the JWT's times. The JWT of the true time shows whether the clock is the sole cause.",
    "certificate_time": "TLS refuses a certificate for its times. Either the clock is wrong, or the certificate is.",
    "credential": "GitHub refuses the credential: the check fails. Fixing the clock does not help.",
    "access": "GitHub knows the App, and does not allow what is asked: the check fails.",
    "network": "No answer came: the check is inconclusive, which refuses the node too.",
    "unclear": "The answer says nothing about the credential: the check is inconclusive.",
    "not_sent": "The JWT was not sent. Another one is signed for the node's clock.",
    "withheld": "The controller signed no JWT: the check is inconclusive, or the clock is at fault.",
}
"""What each class means for the check, as the page of answers says it."""

_UNDECIDED = "this answer alone does not decide: see [github_app_token](checks/github_app_token.md)."


def answers_page() -> str:
    """docs/reference/answers.md: every row of the table, by its class and its key."""
    keys = list(dict.fromkeys((row.kind, row.key) for row in ROWS))
    parts = [
        head("What GitHub answers", "plugins/plugin_utils/github/answer_table.py"),
        wrapped(
            "How [github_app_token](checks/github_app_token.md) reads each answer to a node's JWT and its installation token. "
            "To look up an answer, take its key from `report.json`: it is among the finding's `keys`, and it is a heading here. "
            "The whole answer is in `report.json` too, under `seen`."
        ),
        wrapped(
            "The answers are tried in the order of their numbers, and the first that fits decides. *API* and *git* say which of "
            "the two servers gives the answer; without either, both do."
        ),
        wrapped(
            "Only GitHub's own words accuse a clock or a credential: JSON at the API, plain text at git. A page (HTML), or JSON "
            "in another form, accuses neither, whatever its status is."
        ),
        wrapped(
            "GitHub itself was not asked: its words come from the sources that are named below. In the tests, the lab's GitHub "
            "gives many of these answers to the node."
        ),
        table(
            ("class", "what it means for the check"),
            [(f"[{kind}](#class-{kind})", text) for kind, text in CLASSES.items()],
        ),
    ]
    for kind, text in CLASSES.items():
        parts.append(f"## Class {kind}\n\n{wrapped(text)}")
        parts += [_answers(key, kind) for of_kind, key in keys if of_kind == kind]
    return page(*parts)


def _answers(key: str, kind: str) -> str:
    rows = [(number, row) for number, row in enumerate(ROWS, 1) if (row.kind, row.key) == (kind, key)]
    return "\n\n".join([f"### {key}", *(_answer(number, row) for number, row in rows)])


def _answer(number: int, row: Row) -> str:
    at = {API: ", API", GIT: ", git"}.get(row.at, "") if row.statuses else ""
    without = "none." if row.kind == "accepted" else _UNDECIDED
    items = [
        f"- Answer {number}{at}: {ended(row.answer)}",
        f"- Next step: {ended(row.remedy.format(**DOCUMENTED)) if row.remedy else without}",
        f"- Source: {ended(row.source or 'a rule of skewgate')}",
    ]
    return wrapped("\n".join(items))


def clients_page() -> str:
    """docs/reference/clients.md: the client profiles, each by every name."""
    profiles = [profile for name in known_clients() for profile in profiles_of(name, {})]
    heads = ("client", "runs", "iat", "exp", "ahead", "behind", "by", "renews")
    return page(
        head("GitHub App clients", "plugins/plugin_utils/github/client_profiles.yml"),
        wrapped(
            "The names that `gate_clients` takes, how each client dates its JWTs, and the skew at which it fails. If a client is "
            "not here, it may use a library that is (ghinstallation, octokit, PyGithub): name that. Or [add "
            "it](../how-to/add-a-client-or-a-limit.md)."
        ),
        wrapped(
            "- *runs*: the client uses that client's code, or is another name of it. A name in two rows runs both.\n"
            "- *iat* and *exp*: what the client adds to its own clock, in seconds.\n"
            "- *ahead*: how many seconds the node may be ahead.\n"
            "- *behind*: at how many seconds behind the client fails. *By* says which of its budgets fails: its JWT has "
            "expired (*JWT*), or a JWT that it made earlier and sends again has (*reused JWT*), or it uses an installation "
            "token that GitHub has dropped (*installation token*).\n"
            "- *renews*: how many seconds before the end of its installation token the client gets a new one, according to "
            "its own clock. If that is 60 s and the node is 75 s behind, the client gets 401 for 15 s in each hour. If "
            "nothing is given, the client's clock does not decide when it renews."
        ),
        wrapped(
            "Within two seconds of a limit the answer is inconclusive. GitHub itself was not asked: the figures come from the "
            "clients' code. [What was tried](tried.md) says which clients were run against an API that applies GitHub's rules."
        ),
        table(heads, map(_client, profiles)),
        "## Sources\n\nIf a client runs another one's code and has no source here, that client's source applies.",
        wrapped("\n".join(filter(None, map(_sources, profiles)))),
    )


def _client(profile: ClientProfile) -> tuple[str, ...]:
    return (
        profile.name,
        profile.runs,
        str(profile.iat_s),
        f"+{profile.exp_s}",
        str(profile.ahead_limit_s),
        str(profile.behind_limit_s),
        profile.behind_by.replace("_", " ").replace("jwt", "JWT"),
        "" if profile.renew_before_s is None else str(profile.renew_before_s),
    )


def _sources(profile: ClientProfile) -> str:
    run = profiles_of(profile.runs, {})[0] if profile.runs else None
    found = []
    if profile.source and (run is None or profile.source != run.source):
        found.append(ended(profile.source))
    if profile.renewal_source and (run is None or profile.renewal_source != run.renewal_source):
        found.append(f"Its renewal: {ended(profile.renewal_source)}")
    return f"- `{profile.name}`: {' '.join(found)}" if found else ""
