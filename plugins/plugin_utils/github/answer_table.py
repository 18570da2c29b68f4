"""The table of answers to an attempt, from GitHub or from something in its place: what each means,
and what to do next.

Each row is an answer with a different next step. ``answers.classify`` reads the rows from the top,
and the first row that fits decides. docs/reference/answers.md is made from them.

The form of an answer shows who wrote it. GitHub's API answers in JSON: an object with ``message``,
and nearly always with ``documentation_url``. git's answers are plain text. A page (HTML) is
neither. It never blames the credential, whatever its status.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Kind = Literal[
    "accepted", "clock", "certificate_time", "credential", "access", "network", "unclear", "not_sent", "withheld"
]
"""``certificate_time``: TLS refused a certificate for its times; the answer does not show whether
the clock or the certificate is wrong. ``withheld``: the controller did not sign the JWT, because it
would be valid for too long after the controller's time."""

Form = Literal["github", "json", "other_json", "page", "text", "none"]
"""``github``: JSON as GitHub's API has it; ``json``: with ``message`` and ``x-github-request-id``,
but without ``documentation_url``; ``other_json``: another's; ``page``: HTML; ``text``: anything
else; ``none``: no body."""


class AnswerKey(StrEnum):
    """The meaning of an attempt's answer. Each key has one next step."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    TOO_FAR_AHEAD = "too_far_ahead"
    CONTROLLER_TIME_UNKNOWN = "controller_time_unknown"
    NOTHING_ASKED = "nothing_asked"
    CLOCK = "clock"
    CERTIFICATE_TIME = "certificate_time"
    WRONG_KEY = "wrong_key"
    NO_PUBLIC_KEY = "no_public_key"
    UNUSABLE_ISSUER = "unusable_issuer"
    NEEDS_APP_ID = "needs_app_id"
    NO_ISSUER = "no_issuer"
    UNKNOWN_APP = "unknown_app"
    UNKNOWN_INSTALLATION = "unknown_installation"
    SUSPENDED = "suspended"
    IP_ALLOW_LIST = "ip_allow_list"
    SAML = "saml"
    ACCOUNT_SUSPENDED = "account_suspended"
    TERMS_OF_SERVICE = "terms_of_service"
    REPOSITORY_BLOCKED = "repository_blocked"
    NO_INSTALLATION_OF_OWNER = "no_installation_of_owner"
    TOO_MANY_INSTALLATIONS = "too_many_installations"
    NOT_GRANTED = "not_granted"
    PERMISSION_NOT_GRANTED = "permission_not_granted"
    UNREADABLE_REPOSITORY = "unreadable_repository"
    TOKEN_NOT_ACCEPTED = "token_not_accepted"  # noqa: S105 - a key, no password
    NO_USER_AGENT = "no_user_agent"
    NO_AUTHORIZATION = "no_authorization"
    RATE_LIMIT = "rate_limit"
    WEB_ADDRESS = "web_address"
    PROXY_PAGE = "proxy_page"
    REDIRECT_TO_LOGIN = "redirect_to_login"
    REDIRECT_TO_HTTP = "redirect_to_http"
    REDIRECT_TO_ANOTHER_HOST = "redirect_to_another_host"
    REDIRECT = "redirect"
    SERVER_ERROR = "server_error"
    NOT_GITHUB = "not_github"
    NOT_GIT = "not_git"
    UNKNOWN_ANSWER = "unknown_answer"
    BAD_URL = "bad_url"
    NO_DNS = "no_dns"
    NO_CONNECTION = "no_connection"
    PROXY = "proxy"
    UNKNOWN_CA = "unknown_ca"
    WRONG_NAME = "wrong_name"
    TLS = "tls"
    NO_REPLY = "no_reply"
    OUT_OF_TIME = "out_of_time"


class Sign(StrEnum):
    """What a row can require of an answer beside status, form and words; ``answers.py`` looks for
    it.
    """

    OF_A_PROXY = "of_a_proxy"
    WRONG_API_URL = "wrong_api_url"
    RATE_LIMIT = "rate_limit"
    CLIENT_ID_TO_OWN_SERVER = "client_id_to_own_server"
    SUSPENDED = "suspended"
    LACKS_PERMISSIONS = "lacks_permissions"
    OWNERS_CUT_OFF = "owners_cut_off"
    NO_SUCH_OWNER = "no_such_owner"
    NOT_OF_GIT = "not_of_git"
    GIT_ERROR = "git_error"
    TO_LOGIN = "to_login"
    TO_HTTP = "to_http"
    TO_ANOTHER_HOST = "to_another_host"


API, GIT = "api", "git"
SUCCESS, REDIRECTED, REFUSED, FAILED = range(200, 300), range(300, 400), range(400, 500), range(500, 600)
GITHUBS: tuple[Form, ...] = ("github",)
PAGE: tuple[Form, ...] = ("page",)
SAID: tuple[Form, ...] = ("github", "json")
"""Forms in which words of a refusal count. Some of GitHub's refusals have no
``documentation_url``."""
SAID_ANYWHERE: tuple[Form, ...] = ("github", "json", "text", "none")
"""The same for rows of API and git. git's words come as ``text``; at the API, ``text`` is not
GitHub's."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """An answer: how to recognise it, what it means and what to do next.

    ``answer`` describes it for people, and ``source`` says where that is known from. ``remedy`` is
    empty if the answer alone does not show what to do. ``meaning`` and ``remedy`` may have the
    fields of DOCUMENTED in braces.

    A row fits an answer with its ``at`` (API or GIT; empty: both), ``steps`` (empty: all),
    ``statuses``, ``forms`` (empty: all), ``words`` (a regular expression, in any case) and
    ``sign``. If there was no answer, it fits its ``phase`` and ``error`` (the probe's
    ``HttpsError``). A row without any of these is chosen by its key.
    """

    key: AnswerKey
    kind: Kind
    answer: str
    meaning: str
    remedy: str = ""
    source: str = ""
    at: str = ""
    steps: Collection[str] = ()
    statuses: Collection[int] = ()
    forms: Collection[Form] = ()
    words: str = ""
    sign: Sign | None = None
    phase: str = ""
    error: str | None = None

    def fits(self, step: str, status: int, form: Form, said: str) -> bool:
        """Whether an answer has this row's step, status, form and words.

        Its sign is checked elsewhere.
        """
        at = GIT if step == "repository" else API
        if status not in self.statuses or self.at not in ("", at) or (self.steps and step not in self.steps):
            return False
        forms = SAID if self.forms == SAID_ANYWHERE and at == API else self.forms
        if forms and form not in forms:
            return False
        return not self.words or re.search(self.words, said, re.IGNORECASE) is not None


APP_SETTINGS = "This is not a clock problem. Compare {} with the App's settings page on GitHub"
INSTALLATION_SETTINGS = (
    "On GitHub, open the installation's settings (its organisation's or user's settings, GitHub Apps)"
)
UNREADABLE = INSTALLATION_SETTINGS + ", and grant it {repository}, with `contents: read`. Check that {names_are} right."
SUPPORT = "GitHub's support (https://support.github.com; for a GitHub Enterprise Server: its administrator)"

CLOCK_WORDS = r"'(issued at|expiration time)' claim \('(iat|exp)'\)"
"""The beginning of GitHub's messages about a JWT's times."""

ROWS = (
    # No request was made
    Row(
        key=AnswerKey.NOT_SENT,
        kind="not_sent",
        answer="none: the node's clock is too far from the time that the JWT was signed for",
        meaning="{why}",
    ),
    Row(
        key=AnswerKey.TOO_FAR_AHEAD,
        kind="withheld",
        answer="none: the node's clock is so far ahead that the controller signs no JWT for it",
        meaning="{why}",
        remedy="Fix the node's clock, then check again.",
    ),
    Row(
        key=AnswerKey.CONTROLLER_TIME_UNKNOWN,
        kind="withheld",
        answer="none: the controller could not measure its own clock, so it signs no JWT that is dated after it",
        meaning="{why}",
        remedy="Let this controller reach the servers of gate_ntp_servers (UDP 123) or the GitHub API (TCP 443), and "
        "check that its clock is right. Then check again.",
    ),
    Row(
        key=AnswerKey.NOTHING_ASKED,
        kind="unclear",
        answer="none: the node reports no request",
        meaning="the node reports no request",
    ),
    # The clock
    Row(
        key=AnswerKey.CLOCK,
        kind="clock",
        answer="401 `'Issued at' claim ('iat') ...` or `'Expiration time' claim ('exp') ...`; GitHub may send either",
        meaning="GitHub refused the JWT's times",
        source="hub4j JWTTokenProviderTest (recorded); octokit/auth-app.js #146, #698",
        at=API,
        statuses=(401,),
        forms=SAID,
        words=f"^{CLOCK_WORDS}",
    ),
    # The credential
    Row(
        key=AnswerKey.WRONG_KEY,
        kind="credential",
        answer="401 `A JSON web token could not be decoded`",
        meaning="the signature does not fit: this is not the private key of this App",
        remedy=APP_SETTINGS.format("app_id or client_id and the private key")
        + ", which shows each key's SHA-256 fingerprint.",
        source="hub4j JWTTokenProviderTest (recorded); actions/create-github-app-token #153",
        at=API,
        statuses=(401,),
        forms=SAID,
        words="json web token could not be decoded",
    ),
    Row(
        key=AnswerKey.NO_PUBLIC_KEY,
        kind="credential",
        answer="401 `Integration must generate a public key`",
        meaning="the App with this app_id or client_id has no key at GitHub",
        remedy=APP_SETTINGS.format("app_id or client_id")
        + ". If it is the right App, generate a private key there and use it.",
        source="octokit.rb #1080",
        at=API,
        statuses=(401, 403),
        forms=SAID,
        words="must generate a public key",
    ),
    Row(
        key=AnswerKey.NEEDS_APP_ID,
        kind="credential",
        answer="401 `'Issuer' claim ('iss') must be an Integer`, from a GitHub Enterprise Server to a JWT with a client ID",
        meaning="this GitHub Enterprise Server accepts no client ID",
        remedy="Use app_id (the number on the App's settings page) instead of client_id, here and in the clients. "
        "GitHub Enterprise Server accepts client IDs from about 3.14 on. If yours does, compare client_id with that "
        "page.",
        source="the message: actions/create-github-app-token #386; the version: inferred",
        at=API,
        statuses=(401,),
        forms=SAID,
        words=r"^'issuer' claim \('iss'\)",
        sign=Sign.CLIENT_ID_TO_OWN_SERVER,
    ),
    Row(
        key=AnswerKey.UNUSABLE_ISSUER,
        kind="credential",
        answer="401 `'Issuer' claim ('iss') must be an Integer`",
        meaning="the app_id or client_id can't be one of GitHub's",
        remedy=APP_SETTINGS.format("app_id or client_id")
        + ". A GitHub Enterprise Server before about 3.14 accepts only app_id.",
        source="actions/create-github-app-token #386",
        at=API,
        statuses=(401,),
        forms=SAID,
        words=r"^'issuer' claim \('iss'\)",
    ),
    Row(
        key=AnswerKey.NO_ISSUER,
        kind="credential",
        answer="401 `Missing 'issuer' claim ('iss') in assertion`",
        meaning="the JWT names no App",
        remedy=APP_SETTINGS.format("app_id or client_id") + ".",
        source="code-corps/code-corps-api #1129",
        at=API,
        statuses=(401,),
        forms=SAID,
        words="^missing 'issuer' claim",
    ),
    Row(
        key=AnswerKey.UNKNOWN_APP,
        kind="credential",
        answer="404 `Integration not found`",
        meaning="no App has this app_id or client_id",
        remedy=APP_SETTINGS.format("app_id or client_id") + ", and check that api_url is the GitHub where the App is.",
        source="public reports",
        at=API,
        statuses=(401, 404),
        forms=SAID,
        words="^integration not found",
    ),
    # Access, at the API and at git
    Row(
        key=AnswerKey.IP_ALLOW_LIST,
        kind="access",
        answer="403 `... the ORG organization has an IP allow list enabled, and ... is not permitted to access this "
        "resource.`; at git `The repository owner has an IP allow list enabled, ...`",
        meaning="the IP allow list of {owner} does not have the address from which this node's request came",
        remedy="{egress} An owner adds it on GitHub in the settings of the organisation or enterprise, Authentication "
        "security, IP allow list. Do the same for every other public address of your nodes.",
        source="with a JWT: databricks/cli #2702; in use: RayLabsHQ/gitea-mirror #46; at git: a public log of "
        "actions/checkout",
        statuses=(401, 403, 404),
        forms=SAID_ANYWHERE,
        words=r"\bip[ -]?allow[ -]?list|\bip address is not (permitted|allowed)",
    ),
    Row(
        key=AnswerKey.SAML,
        kind="access",
        answer="403 `Resource protected by organization SAML enforcement. ...`; at git `The 'ORG' organization has "
        "enabled or enforced SAML SSO. ...`",
        meaning="{owner} requires SAML single sign-on, and does not accept this token",
        remedy="Check that the App is installed in the organisation that owns the repository, and that an owner of it "
        "has approved the App since SAML was enforced (the organisation's settings, GitHub Apps).",
        source="desktop/desktop #9055; Mergifyio/mergify #1145; cli/cli #2661",
        statuses=(401, 403, 404),
        forms=SAID_ANYWHERE,
        words=r"\bsaml\b|\bsingle sign-?on\b",
    ),
    Row(
        key=AnswerKey.SUSPENDED,
        kind="access",
        answer="403 `This installation has been suspended`",
        meaning="the installation is suspended",
        remedy=f"{INSTALLATION_SETTINGS}, and unsuspend it.",
        source="octokit.rb #1307",
        statuses=(401, 403, 404),
        forms=SAID_ANYWHERE,
        words=r"\binstallation (has been|is|was) suspended",
    ),
    Row(
        key=AnswerKey.SUSPENDED,
        kind="access",
        answer="200 for the installation, with `suspended_at`",
        meaning="the installation is suspended",
        remedy=f"{INSTALLATION_SETTINGS}, and unsuspend it.",
        source="GitHub's REST documentation",
        at=API,
        statuses=SUCCESS,
        sign=Sign.SUSPENDED,
    ),
    Row(
        key=AnswerKey.TERMS_OF_SERVICE,
        kind="access",
        answer="403 or 451 that names the terms of service",
        meaning="GitHub refuses because of its terms of service",
        remedy="Let an owner of the account sign in to GitHub and follow what GitHub asks there. If it asks for "
        f"nothing, let the owner ask {SUPPORT}.",
        source="public reports; the words are not stable",
        statuses=(401, 403, 404, 451),
        forms=SAID_ANYWHERE,
        words=r"\bterms of service\b",
    ),
    Row(
        key=AnswerKey.REPOSITORY_BLOCKED,
        kind="access",
        answer="403 or 451 `Repository access blocked`; at git `Access to this repository has been disabled by "
        "GitHub staff ...`, `Repository unavailable due to DMCA takedown.`",
        meaning="GitHub has blocked the repository",
        remedy=f"Let the owner of the repository ask {SUPPORT}, or remove it from the App's `repositories`.",
        source="GitHub's REST documentation (451); public reports",
        statuses=(401, 403, 404, 451),
        forms=SAID_ANYWHERE,
        words=r"\brepository access blocked|\bdmca\b|\brepository\b.{0,40}\b(disabled|blocked|unavailable)\b",
    ),
    Row(
        key=AnswerKey.ACCOUNT_SUSPENDED,
        kind="access",
        answer="403 `Sorry. Your account was suspended`; at git `Your account is suspended. ...`, `Your account is "
        "disabled. ...`",
        meaning="GitHub has suspended or disabled the account of a user or an organisation",
        remedy="Let the owners of two accounts, the one that has the App and the one where it is installed, check "
        f"settings and billing, and ask {SUPPORT}.",
        source="github/site-policy #1258; gitextensions/gitextensions #3339; desktop/dugite #264",
        statuses=(401, 403, 404),
        forms=SAID_ANYWHERE,
        words=r"\b(account|organi[sz]ation|enterprise|user|owner)\b.{0,60}\b(suspended|disabled|flagged|locked|restricted)\b",
    ),
    # git's own words
    Row(
        key=AnswerKey.TOKEN_NOT_ACCEPTED,
        kind="access",
        answer="401 `Bad credentials`, `Invalid username or token. ...`",
        meaning="a fresh installation token was not accepted",
        remedy="Check that git_url and api_url belong to the same GitHub.",
        source="GitHub's REST documentation; at git: public reports",
        at=GIT,
        statuses=(401,),
        forms=SAID_ANYWHERE,
        words=r"\bbad credentials\b|\binvalid username or\b|\bpassword authentication\b",
    ),
    Row(
        key=AnswerKey.UNREADABLE_REPOSITORY,
        kind="access",
        answer="401, 403 or 404 in git's words: `Repository not found.`, `Write access to repository not granted.`, "
        "`Permission to ... denied to ...`",
        meaning="the installation can't read {repository}",
        remedy=UNREADABLE,
        source="WeblateOrg/weblate #12011; the words are not stable",
        at=GIT,
        statuses=(401, 403, 404),
        forms=SAID_ANYWHERE,
        words=r"\brepository\b.{0,150}\bnot (found|exist)|^not found\b|\baccess\b.{0,150}\bnot granted\b|"
        r"\bpermission to .{1,150} denied\b|"
        r"\bnot accessible by\b|\b(read|write) access\b",
    ),
    # Limits
    Row(
        key=AnswerKey.RATE_LIMIT,
        kind="unclear",
        answer="429; or 403 `... rate limit ...`, `... abuse detection mechanism ...`, with `retry-after` or with "
        "`x-ratelimit-remaining: 0`",
        meaning="GitHub's rate limit",
        remedy="Check again in {wait_s} s, when GitHub's rate limit ends. With `depth: jwt` no token is minted.",
        source="GitHub's documentation, Rate limits for the REST API; renovate and many more (abuse detection)",
        statuses=(403, 429),
        sign=Sign.RATE_LIMIT,
    ),
    # Who is not GitHub, or not its API
    Row(
        key=AnswerKey.NO_USER_AGENT,
        kind="unclear",
        answer="403 `Request forbidden by administrative rules. ... User-Agent ...`, plain text",
        meaning="GitHub saw no User-Agent, although skewgate sends one: something on the way removes it",
        remedy="Find the proxy that rewrites this node's requests to the API, and let it keep the header User-Agent.",
        source="diegohaz/rest #213; GitHub's REST documentation",
        statuses=(403,),
        words=r"^request forbidden by administrative rules|\buser-agent header",
    ),
    Row(
        key=AnswerKey.PROXY_PAGE,
        kind="unclear",
        answer="a page or text of a proxy (squid, Zscaler, ...) or of a captive portal, with any status; 407, 511",
        meaning="a proxy, firewall or portal answered instead of GitHub",
        remedy="Let the proxy, firewall or portal ({answered_by}) pass this node's requests to {host}, or name another "
        "proxy in gate_environment (HTTPS_PROXY). If a portal asks for a login, log this node in. {read_it}",
        source="the products' own pages",
        statuses=range(100, 600),
        forms=("page", "text", "none", "other_json"),
        sign=Sign.OF_A_PROXY,
    ),
    Row(
        key=AnswerKey.WEB_ADDRESS,
        kind="unclear",
        answer="no JSON (HTML with 200, 403, 404, 406 or 422, `Cookies must be enabled to use GitHub.`) from an "
        "api_url that is GitHub's web address, or a GitHub Enterprise Server's without `/api/v3`",
        meaning="api_url is not the address of GitHub's API",
        remedy="Set api_url to {expected}, here and in the clients. If it has that value already, find what answers in "
        "GitHub's place. {read_it}",
        source="argoproj/argo-helm #3041; argoproj/argo-cd #28981; octokit/octokit.js #544; renovatebot/renovate #3026",
        at=API,
        statuses=range(200, 500),
        sign=Sign.WRONG_API_URL,
    ),
    Row(
        key=AnswerKey.REDIRECT_TO_LOGIN,
        kind="unclear",
        answer="a redirect to a login page",
        meaning="a redirect to a login page: the credential is not accepted there",
        remedy="Check that {setting} is GitHub's own address{expected_too}, and that no portal or single sign-on "
        "is before it. The redirect led to {to}.",
        source="mislav/hub #1100 (single sign-on before a GitHub Enterprise Server)",
        statuses=REDIRECTED,
        sign=Sign.TO_LOGIN,
    ),
    Row(
        key=AnswerKey.REDIRECT_TO_HTTP,
        kind="unclear",
        answer="a redirect to http://",
        meaning="a redirect to plain http, where no credential is sent",
        remedy="Find what answers at {host}: GitHub does not redirect to {to}. If a load balancer is before a GitHub "
        "Enterprise Server, configure it to report that clients use https.",
        statuses=REDIRECTED,
        sign=Sign.TO_HTTP,
    ),
    Row(
        key=AnswerKey.REDIRECT_TO_ANOTHER_HOST,
        kind="unclear",
        answer="a redirect to another host or port",
        meaning="a redirect to another host, to which no credential is sent",
        remedy="If this GitHub is now at {to}, set {setting} to that host, here and in the clients. If not, find what "
        "answers at {host}.",
        source="skewgate's own rule; git asks for credentials again there",
        statuses=REDIRECTED,
        sign=Sign.TO_ANOTHER_HOST,
    ),
    Row(
        key=AnswerKey.REDIRECT,
        kind="unclear",
        answer="another redirect (the redirect of a renamed repository at git is followed)",
        meaning="a redirect, which is not followed with a credential",
        remedy="Check that {setting} is GitHub's own address, with the path that it needs (GitHub Enterprise Server: "
        "/api/v3). The redirect led to {to}.",
        statuses=REDIRECTED,
    ),
    # git
    Row(
        key=AnswerKey.SERVER_ERROR,
        kind="unclear",
        answer="200 in git's form, with a line `ERR ...` in place of the references",
        meaning="git's server answered with an error",
        remedy="Check https://www.githubstatus.com, or your GitHub Enterprise Server. {read_it}",
        source="git's pack-protocol documentation",
        at=GIT,
        statuses=SUCCESS,
        sign=Sign.GIT_ERROR,
    ),
    Row(
        key=AnswerKey.NOT_GIT,
        kind="unclear",
        answer="200 without git's content type",
        meaning="an answer that is not from git (perhaps from a proxy or a login page)",
        remedy="Check that git_url is where the repositories are. {read_it}",
        source="git's http-protocol documentation",
        at=GIT,
        statuses=SUCCESS,
        sign=Sign.NOT_OF_GIT,
    ),
    Row(
        key=AnswerKey.NOT_GIT,
        kind="unclear",
        answer="400 to 499 as a page (HTML), or as another's JSON",
        meaning="an answer that is not from git (perhaps from a proxy or a login page)",
        remedy="Check that git_url is where the repositories are. {read_it}",
        at=GIT,
        statuses=REFUSED,
        forms=("page", "other_json"),
    ),
    Row(
        key=AnswerKey.UNREADABLE_REPOSITORY,
        kind="access",
        answer="401, 403 or 404 without a message",
        meaning="the installation can't read {repository}",
        remedy=UNREADABLE,
        source="WeblateOrg/weblate #12011",
        at=GIT,
        statuses=(401, 403, 404),
        forms=("github", "json", "none"),
        words="^$",
    ),
    # The API, about what was asked for
    Row(
        key=AnswerKey.NOT_GRANTED,
        kind="access",
        answer="403 `Resource not accessible by integration`",
        meaning="the installation lacks a permission that this request needs",
        remedy=f"{INSTALLATION_SETTINGS}, and grant it, or ask for less in gate_github_apps.",
        source="public reports",
        at=API,
        statuses=(403,),
        forms=SAID,
        words=r"\bnot accessible by integration\b",
    ),
    Row(
        key=AnswerKey.PERMISSION_NOT_GRANTED,
        kind="access",
        answer="422 at the mint, and GET of the installation shows fewer permissions; or a token with fewer",
        meaning="the installation lacks {lacking}",
        remedy=f"{INSTALLATION_SETTINGS}, and grant {{lacking}}, or ask for less under permissions in gate_github_apps.",
        source="PyGithub testGetAccessTokenWithInvalidPermissions (recorded)",
        at=API,
        steps=("token",),
        statuses=(*SUCCESS, 422),
        sign=Sign.LACKS_PERMISSIONS,
    ),
    Row(
        key=AnswerKey.TOO_MANY_INSTALLATIONS,
        kind="unclear",
        answer="200, and the owner is not in the part of the list of installations that was read",
        meaning="the owner is not among the first {owners_in_all} installations of the App",
        remedy="Set installation_id instead of owner. It is the number at the end of the address of the installation's settings.",
        source="skewgate's own limit",
        at=API,
        steps=("installations",),
        statuses=SUCCESS,
        sign=Sign.OWNERS_CUT_OFF,
    ),
    Row(
        key=AnswerKey.NO_INSTALLATION_OF_OWNER,
        kind="access",
        answer="200, and the owner is not in the list of the App's installations",
        meaning="the App has no installation of that owner",
        remedy="Install the App for that owner, or correct owner or app_id. This App is installed for {owners}.",
        source="GitHub's REST documentation",
        at=API,
        steps=("installations",),
        statuses=SUCCESS,
        sign=Sign.NO_SUCH_OWNER,
    ),
    Row(
        key=AnswerKey.NOT_GRANTED,
        kind="access",
        answer="422 at the mint, as `The permissions requested are not granted to this installation.`, `There is at "
        "least one repository ...`",
        meaning="the installation was not granted a repository or permission that was asked for",
        remedy=f"{INSTALLATION_SETTINGS}, and grant it, or ask for less in gate_github_apps.",
        source="PyGithub testGetAccessTokenWithInvalidPermissions (recorded); public reports",
        at=API,
        statuses=(422,),
        forms=GITHUBS,
    ),
    Row(
        key=AnswerKey.UNKNOWN_INSTALLATION,
        kind="access",
        answer="404 `Not Found` to an installation or its mint, in GitHub's JSON",
        meaning="the App has no such installation",
        remedy="On GitHub, compare installation_id with the number at the end of the address of the installation's "
        "settings. Check that api_url is the GitHub where the App is installed.",
        source="PyGithub GithubIntegration (recorded)",
        at=API,
        steps=("installation", "token"),
        statuses=(404,),
        forms=GITHUBS,
        words=r"^not found\.?$",
    ),
    Row(
        key=AnswerKey.NO_AUTHORIZATION,
        kind="unclear",
        answer="401 `Requires authentication`, `This endpoint requires you to be authenticated.`, `Must authenticate "
        "to access this API.`",
        meaning="GitHub saw no JWT, although skewgate sends one: something on the way removes it",
        remedy="Find the proxy that rewrites this node's requests to the API, and let it keep the header Authorization.",
        source="GitHub's REST documentation; sindresorhus/notifier-for-github #110 (GitHub Enterprise Server)",
        at=API,
        statuses=(401, 403),
        forms=SAID,
        words=r"\brequires (authentication|you to be authenticated)|\bmust authenticate\b",
    ),
    # The rest
    Row(
        key=AnswerKey.SERVER_ERROR,
        kind="unclear",
        answer="500 and more, as JSON, as the Unicorn page or as that of maintenance",
        meaning="GitHub could not answer",
        remedy="Look at https://www.githubstatus.com, or at your GitHub Enterprise Server and what is before it. Then check "
        "again.",
        source="GitHub's documentation",
        statuses=FAILED,
    ),
    Row(
        key=AnswerKey.NOT_GITHUB,
        kind="unclear",
        answer="400 to 499 in other JSON (of an API gateway), without GitHub's `message` or `documentation_url`",
        meaning="an answer that is not from GitHub",
        remedy="Check that {setting} is GitHub's own address{expected_too}, and that no proxy or API gateway answers in its "
        "place. {read_it}",
        at=API,
        statuses=REFUSED,
        forms=("json", "other_json"),
    ),
    Row(
        key=AnswerKey.NOT_GITHUB,
        kind="unclear",
        answer="a success without what GitHub sends: no token, another installation",
        meaning="a success that is not from GitHub",
        remedy="Check that {setting} is GitHub's own address, and that no proxy answers in its place. {read_it}",
        phase="reply",
        error="not_github",
    ),
    Row(
        key=AnswerKey.PROXY_PAGE,
        kind="unclear",
        answer="HTML with any other refusal of the API",
        meaning="a page instead of GitHub's answer: a proxy, firewall or portal answered",
        remedy="Find what answers in the place of {host} ({answered_by}), and let it pass this node's requests, or "
        "name another proxy in gate_environment (HTTPS_PROXY). {read_it}",
        at=API,
        statuses=REFUSED,
        forms=PAGE,
    ),
    Row(
        key=AnswerKey.UNKNOWN_ANSWER,
        kind="unclear",
        answer="any other",
        meaning="an unknown answer",
        remedy="{read_it}",
        statuses=(*range(100, 200), *range(300, 1000)),
    ),
    Row(
        key=AnswerKey.ACCEPTED,
        kind="accepted",
        answer="2xx to every request",
        meaning="GitHub accepted the JWT and every request with it",
        source="GitHub's REST documentation",
    ),
    # No answer
    Row(
        key=AnswerKey.CERTIFICATE_TIME,
        kind="certificate_time",
        answer="none: TLS refused the certificate for its times",
        meaning="the certificate is not valid at the node's time",
        phase="tls",
        error="certificate_time",
    ),
    Row(
        key=AnswerKey.BAD_URL,
        kind="network",
        answer="none: no https:// address",
        meaning="no answer (url)",
        remedy="Set {setting} to an https:// address.",
        phase="url",
    ),
    Row(
        key=AnswerKey.NO_DNS,
        kind="network",
        answer="none: the name is not resolved",
        meaning="no answer (dns)",
        remedy="Check that this node resolves the name in {host}: /etc/resolv.conf, its resolver, or a typo in "
        "{setting}.",
        phase="dns",
    ),
    Row(
        key=AnswerKey.NO_CONNECTION,
        kind="network",
        answer="none: no connection",
        meaning="no answer (connect)",
        remedy="Let this node reach {host} over TCP: check routes and firewalls. If it needs a proxy, name it in "
        "gate_environment (HTTPS_PROXY).",
        phase="connect",
    ),
    Row(
        key=AnswerKey.PROXY,
        kind="network",
        answer="none: the proxy does not connect",
        meaning="no answer (proxy)",
        remedy="Check that the proxy of HTTPS_PROXY (gate_environment, or the node's environment) answers this node, "
        "lets it CONNECT to {host}, and accepts the user and password. Name hosts that need no proxy in NO_PROXY.",
        phase="proxy",
    ),
    Row(
        key=AnswerKey.UNKNOWN_CA,
        kind="network",
        answer="none: TLS, a certificate of an unknown CA",
        meaning="no answer (tls: unknown CA)",
        remedy="Name the CA of {host} in ca_file, or install it on this node. If a proxy intercepts TLS, that is the "
        "proxy's CA.{through}",
        phase="tls",
        error="unknown_ca",
    ),
    Row(
        key=AnswerKey.WRONG_NAME,
        kind="network",
        answer="none: TLS, a certificate for another name",
        meaning="no answer (tls: wrong name)",
        remedy="Check that {setting} has the name in the certificate of {host}, and that this node's DNS or "
        "/etc/hosts does not lead elsewhere.{through}",
        phase="tls",
        error="wrong_name",
    ),
    Row(
        key=AnswerKey.TLS,
        kind="network",
        answer="none: TLS failed otherwise",
        meaning="no answer (tls)",
        remedy="Check {host} and the way there: a port may not speak TLS, or a firewall may cut or delay the handshake."
        "{through}",
        phase="tls",
    ),
    Row(
        key=AnswerKey.OUT_OF_TIME,
        kind="network",
        answer="none: not asked, because the time for this App was over",
        meaning="no answer (time)",
        remedy="Find why {host} is slow, set a larger gate_timeout_s, or name fewer repositories. Then check again.",
        phase="time",
    ),
    Row(
        key=AnswerKey.NO_REPLY,
        kind="network",
        answer="none: no whole answer came",
        meaning="no answer (reply)",
        remedy="The TLS connection worked, but the answer was not complete. If {host} is slow, set a larger gate_timeout_s "
        "and check again. Also check what proxies and firewalls on the way do to large packets and long connections."
        "{through}",
        phase="reply",
    ),
)
"""If several rows fit, the first decides."""

BY_KEY = {row.key: row for row in reversed(ROWS)}

DOCUMENTED = {
    "why": "why the JWT was not sent",
    "owner": "the organisation or enterprise",
    "egress": "Add the public address of this node's requests (the finding says what is known of it).",
    "repository": "the repositories",
    "names_are": "the names are",
    "lacking": "the permissions",
    "owners": "their owners",
    "owners_in_all": "N",
    "host": "HOST",
    "setting": "api_url or git_url",
    "expected": "https://api.github.com, https://api.SUBDOMAIN.ghe.com or https://HOST/api/v3",
    "expected_too": "",
    "wait_s": "N",
    "answered_by": "its headers name it",
    "to": "ADDRESS",
    "read_it": "Read the whole answer in report.json under `seen`, then check again.",
    "through": " If the request went through a proxy, check what that proxy connects to (the finding names it).",
}
"""The values of a row's fields in braces on the page that is made from the table."""
