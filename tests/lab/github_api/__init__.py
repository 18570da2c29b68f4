"""A GitHub with one App: its rules, its messages, its own clock, and a script for what goes wrong.

    python -m tests.lab.github_api serve --listen 10.77.0.1:443 --state-dir build/lab/github

It answers as api.github.com, as a GitHub Enterprise Server (the same paths under ``/api/v3``) and
as github.com's git over HTTPS, all on one address. Tests use `running_api` in their own process,
and `Control` to script either.

What each answer rests on
=========================

R: recorded from GitHub (in the test data of the project named). D: GitHub's documentation. T:
reported by third parties in public threads. I: inferred, nobody was found to have written it down.

==========================================================  ===  ====================================================
answer                                                           basis
==========================================================  ===  ====================================================
401 'Issued at' claim ('iat') must be an Integer ...
  iat in the future                                          R    hub4j/github-api JWTTokenProviderTest, wiremock
  iat missing, fractional or no number                       I    what the message says
401 'Expiration time' claim ('exp') must be a numeric ...
  exp in the past, or fractional                             T    octokit/auth-app.js #146
  exp missing or no number                                   I    what the message says
401 'Expiration time' claim ('exp') is too far in ...        T    octokit/auth-app.js #698; the 10 minutes: D
401 A JSON web token could not be decoded
  wrong key                                                  R    hub4j; T: actions/create-github-app-token #153
  no Authorization, `token` for `Bearer`, no JWT at all      T
  an algorithm that is not RS256                             I    RS256 being required: D
401 Missing 'issuer' claim ('iss') in assertion              T    code-corps/code-corps-api #1129
401 'Issuer' claim ('iss') must be an Integer
  neither digits nor the client ID of an App                 T    actions/create-github-app-token #386
404 Integration not found: digits of no App                  T
404 Not Found: unknown installation                          R    PyGithub GithubIntegration replay data
401 Integration must generate a public key                   T    octokit/octokit.rb #1080
403 ... has an IP allow list enabled, ...
  with a JWT                                                 T    databricks/cli #2702
  in use                                                     T    RayLabsHQ/gitea-mirror #46
  info/refs, with the address                                T    a public log of actions/checkout
403 Resource protected by organization SAML enforcement      T    cli/cli #2661; not at the mint: I
  info/refs                                                  T    desktop/desktop #9055, Mergifyio/mergify #1145
403 Sorry. Your account was suspended                        T    many
  info/refs                                                  T    github/site-policy #1258
403 Repository access blocked                                T    many; that it is for the terms of service: I
  info/refs                                                  T    the wording is not stable
403 You have triggered an abuse detection mechanism ...      T    renovate and many: old GHES
301 of a renamed repository, at the API and info/refs        D    its Location by name, not by ID: made up
GHES without /api/v3
  404, a page                                                T    octokit, renovate; the page is made up
  403 Cookies must be enabled to use GitHub., text           T    octokit/octokit.js #544
old GHES: `iss` as a client ID is unusable                   I    the message: as above
403 This installation has been suspended
  asked for a token                                          T    octokit/octokit.rb #1307
  its tokens used                                            I
403 plain text, no User-Agent                                T    diegohaz/rest #213 and many; D says it is rejected
201 for a token, its fields, `metadata: read` always in it   R    PyGithub GithubIntegration replay data; D
  tokens of 36 characters after ghs_                         R    the same
  about 520 characters, ghs_APPID_JWT                        D    since 2026; what its JWT says is made up
201 for the body `null` and for none                         T    ghinstallation sends `null`
422 The permissions requested are not granted ...            R    PyGithub testGetAccessTokenWithInvalidPermissions
422 There is at least one repository ...                     T    the whole sentence, many
  of a public one outside the installation, too              T    backstage/backstage #32099, that any token reads it
422 Too many repositories for installation
  more than 500 named                                        D    changelog 2024-02-22, which has these words of it
  many repositories together with permissions                D    the same, and 2024-11-08: of tokens narrowed both ways
                                                                  only since then. How many is
                                                                  not published: scripted
422 Invalid request. (lists that are no lists)               I
400 Problems parsing JSON                                    D
401 Bad credentials: revoked, expired, unknown token         D    expiry after 1 hour: D
401, 403 or 404 for a token that was just minted, narrowed   T    GitHub's staff in octokit/auth-app.js #589: 401 until it is
                                                                  known, 403 until its permissions
                                                                  are; Kargo retries 404
200 for GET /app/installations, pages of 30, at most 100     D    `Link` with rel="next"
200 for GET /orgs/OWNER/installation, /users/OWNER/...       D
401 Requires authentication: a token's endpoint without one  T
204 for DELETE /installation/token                           D
info/refs: 401 with a Basic challenge, text bodies           T    what git prints; the wording is not stable
info/refs: 404 Repository not found. outside the token       T    WeblateOrg/weblate #12011
info/refs: 200 for a public one outside the installation     T    backstage/backstage #32099
info/refs: 403 without `contents`                            T    its message names write even for reads
403 API rate limit exceeded, x-ratelimit-*                   D    other limits are scripted, as the test wants them
message, documentation_url                                   R
  status, a string                                           T    recordings up to 2022 are without it
Date in whole seconds, on refusals too                       R
==========================================================  ===  ====================================================

The order of the rules: form and algorithm, then iss (it names the App, whose key is needed), then
the signature, then exp, then iat. Signature before the times is inferred: answering about the times
of an assertion that nobody signed would be careless. Of the two clock rules GitHub's order is *not
stable*: a client with iat -30 and exp +570 breaks both at once when it is ahead, and GitHub has
named exp (octokit/auth-app.js #698) and iat (Expensify/App #32069). The lab says exp; no caller may
rely on that.

The comparison is with whole seconds of the API's clock; for integer claims fractions would change
nothing (iat > g and exp <= g are the same for g and for its floor). Whether GitHub compares so is
not known, hence the inconclusive second.

tests/integration/test_client_matrix.py lets PyGithub, githubkit, gidgethub, octokit and
ghinstallation get their tokens here:
their own readers take its answers, and their own windows end where these rules say.

No token, JWT or key is kept or logged: tokens are known by their SHA-256 only.
"""  # noqa: W505 - an example or a table

from .app import APP_ID, CLIENT_ID, INSTALLATION_ID, OWNER, PUBLIC_REPOSITORIES, REPOSITORY_IDS
from .control import Control, ControlError
from .refusing import REASONS, SERVERS
from .running import RunningApi, running_api
from .tokens import TOKEN_FORMS

__all__ = [
    "APP_ID",
    "CLIENT_ID",
    "INSTALLATION_ID",
    "OWNER",
    "PUBLIC_REPOSITORIES",
    "REASONS",
    "REPOSITORY_IDS",
    "SERVERS",
    "TOKEN_FORMS",
    "Control",
    "ControlError",
    "RunningApi",
    "running_api",
]
