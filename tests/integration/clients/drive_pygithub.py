"""PyGithub: GithubIntegration gets the installation's token with a new JWT for each call."""

from __future__ import annotations

import attempts
from github import Auth, Github, GithubException, GithubIntegration

app = attempts.app_of_arguments()
auth = Auth.AppAuth(app.app_id, app.private_key)
integration = GithubIntegration(auth=auth, base_url=app.api_url)
# Its pauses between requests are reckoned by the clock that the test moves.
github = Github(
    auth=Auth.AppInstallationAuth(auth, app.installation_id),
    base_url=app.api_url,
    seconds_between_requests=None,
    seconds_between_writes=None,
)


def token() -> str:
    """The installation token; Refused with GitHub's status and message."""
    try:
        return integration.get_access_token(app.installation_id).token
    except GithubException as error:
        raise attempts.Refused(error.status, error.data["message"]) from error


def use() -> int:
    """How many repositories the installation has; Refused with GitHub's status and message."""
    try:
        return github.requester.requestJsonAndCheck("GET", "/installation/repositories")[1]["total_count"]
    except GithubException as error:
        raise attempts.Refused(error.status, error.data["message"]) from error


attempts.run(token=token, use=use)
